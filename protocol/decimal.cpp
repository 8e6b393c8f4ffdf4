#include "protocol/decimal.h"

#include <algorithm>
#include <array>

#include "protocol/text.h"
#include "protocol/wide_int.h"

namespace taxgate {
namespace {

using wide::U128;
using wide::U256;

// (18,2): sixteen digits of yuan and two of fen, rules.md B.6.
constexpr int kMaxYuanDigits = 16;
constexpr std::int64_t kMaxFen = 999'999'999'999'999'999;
// Longer texts cannot hold a number in range; the bound keeps hostile input from being walked.
constexpr std::size_t kMaxText = 64;

constexpr U128 pow10(int n) {
  U128 out = 1;
  for (; n > 0; --n) out *= 10;
  return out;
}
constexpr U128 kTooManyDigits = pow10(Decimal::kMaxDigits);

U128 magnitude(__int128 v) { return v < 0 ? -static_cast<U128>(v) : static_cast<U128>(v); }
/// Fits 64 bits: nearly every number on an invoice does, and 128-bit division is slow.
bool small(__int128 v) { return v == static_cast<std::int64_t>(v); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::unexpected<Error> range(std::string_view field = {}, std::string_view wanted = {}) {
  return fail(Errc::invalid_input, "decimal.range", std::string(field), std::string(wanted),
              std::to_string(Decimal::kMaxDigits) + " digits, " + std::to_string(Decimal::kMaxScale) + " decimals");
}

/// The parts of "-12.50": the grammar of a JSON number without its exponent.
struct Shape {
  bool negative = false;
  std::string_view whole, fraction;
};
bool split(std::string_view text, Shape& out) {
  if (text.size() > kMaxText) return false;
  if (text.starts_with('-')) {
    out.negative = true;
    text.remove_prefix(1);
  }
  const auto whole = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  if (whole == 0 || (whole > 1 && text[0] == '0')) return false;
  out.whole = text.substr(0, whole);
  text.remove_prefix(whole);
  if (text.empty()) return true;
  if (text[0] != '.' || text.size() == 1) return false;
  out.fraction = text.substr(1);
  return std::ranges::all_of(out.fraction, is_digit);
}

Result<Fen> to_fen(const U256& v, bool negative) {
  if (!v.fits_128() || v.low() > static_cast<U128>(kMaxFen)) return range();
  const auto fen = static_cast<std::int64_t>(v.low());
  return Fen{negative ? -fen : fen};
}

std::string digits_of(U128 v) {
  std::array<char, 40> text{};  // 2^128 has 39 digits
  char* begin = text.data() + text.size();
  // 128-bit division is slow, and nearly every number fits 64 bits.
  for (; v >> 64 != 0; v /= 10) *--begin = static_cast<char>('0' + static_cast<int>(v % 10));
  for (auto rest = static_cast<std::uint64_t>(v); rest != 0 || begin == text.data() + text.size(); rest /= 10)
    *--begin = static_cast<char>('0' + static_cast<int>(rest % 10));
  return {begin, text.data() + text.size()};
}

}  // namespace

Result<Fen> Fen::parse(std::string_view text, std::string_view field) {
  Shape shape;
  if (!split(text, shape) || shape.fraction.size() > 2)
    return fail(Errc::invalid_input, "money.format", std::string(field), shown(text), "1234.50");
  if (shape.whole.size() > kMaxYuanDigits)
    return fail(Errc::invalid_input, "money.range", std::string(field), shown(text), "9999999999999999.99");
  std::int64_t v = 0;
  for (const char c : shape.whole) v = v * 10 + (c - '0');
  for (std::size_t i = 0; i < 2; ++i) v = v * 10 + (i < shape.fraction.size() ? shape.fraction[i] - '0' : 0);
  return Fen{shape.negative ? -v : v};
}

std::string Fen::text() const {
  const auto v = static_cast<std::uint64_t>(magnitude(value));
  std::string out = digits_of(v / 100);
  const int rest = static_cast<int>(v % 100);
  out.push_back('.');
  out.push_back(static_cast<char>('0' + rest / 10));
  out.push_back(static_cast<char>('0' + rest % 10));
  return value < 0 ? "-" + out : out;
}

Result<Decimal> Decimal::make(__int128 unscaled, int scale) {
  if (small(unscaled)) {
    auto short_form = static_cast<std::int64_t>(unscaled);
    for (; scale > 0 && short_form % 10 == 0; --scale) short_form /= 10;
    unscaled = short_form;
  }
  while (scale > 0 && unscaled % 10 == 0) {
    unscaled /= 10;
    --scale;
  }
  if (scale > kMaxScale || magnitude(unscaled) >= kTooManyDigits) return range();
  Decimal out;
  out.unscaled_ = unscaled;
  out.scale_ = scale;
  return out;
}

Result<Decimal> Decimal::parse(std::string_view text, std::string_view field) {
  Shape shape;
  if (!split(text, shape)) {
    Shape mantissa;
    const auto e = text.find_first_of("eE");
    if (e != std::string_view::npos && split(text.substr(0, e), mantissa))
      return fail(Errc::invalid_input, "decimal.exponent", std::string(field), shown(text), "12.5");
    return fail(Errc::invalid_input, "decimal.format", std::string(field), shown(text), "12.5");
  }
  while (shape.fraction.ends_with('0')) shape.fraction.remove_suffix(1);
  const std::string_view whole = shape.whole == "0" ? std::string_view{} : shape.whole;
  if (shape.fraction.size() > kMaxScale || whole.size() > kMaxDigits) return range(field, shown(text));
  U128 v = 0;
  for (const char c : whole) v = v * 10 + static_cast<unsigned>(c - '0');
  // 24 + 20 digits could pass 128 bits: stop at the first digit too many.
  for (const char c : shape.fraction) {
    v = v * 10 + static_cast<unsigned>(c - '0');
    if (v >= kTooManyDigits) return range(field, shown(text));
  }
  Decimal out;
  out.unscaled_ = shape.negative ? -static_cast<__int128>(v) : static_cast<__int128>(v);
  out.scale_ = static_cast<int>(shape.fraction.size());
  return out;
}

Decimal Decimal::from_int(std::int64_t v) {
  Decimal out;
  out.unscaled_ = v;
  return out;
}

Decimal Decimal::from_fen(Fen v) { return *make(v.value, 2); }  // 19 digits at most: always in range

std::string Decimal::text() const {
  std::string out = digits_of(magnitude(unscaled_));
  const auto scale = static_cast<std::size_t>(scale_);
  if (scale > 0) {
    if (out.size() <= scale) out.insert(0, scale + 1 - out.size(), '0');
    out.insert(out.size() - scale, 1, '.');
  }
  return unscaled_ < 0 ? "-" + out : out;
}

Decimal Decimal::negated() const {
  Decimal out = *this;
  out.unscaled_ = -out.unscaled_;
  return out;
}

Decimal Decimal::abs() const { return unscaled_ < 0 ? negated() : *this; }

bool operator==(const Decimal& a, const Decimal& b) { return a.unscaled_ == b.unscaled_ && a.scale_ == b.scale_; }

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  if (a.scale_ == b.scale_) return a.unscaled_ <=> b.unscaled_;
  // Whole parts first, then fractions brought to the widest scale: nothing here passes 128 bits.
  const auto da = static_cast<__int128>(pow10(a.scale_)), db = static_cast<__int128>(pow10(b.scale_));
  const __int128 wa = a.unscaled_ / da, wb = b.unscaled_ / db;
  if (wa != wb) return wa <=> wb;
  const __int128 fa = a.unscaled_ % da * static_cast<__int128>(pow10(Decimal::kMaxScale - a.scale_));
  const __int128 fb = b.unscaled_ % db * static_cast<__int128>(pow10(Decimal::kMaxScale - b.scale_));
  return fa <=> fb;
}

Result<Decimal> operator+(const Decimal& a, const Decimal& b) {
  if (a.scale_ < b.scale_) return b + a;
  // a has the finer scale. Normal form ends in a non-zero digit, so a sum at a's scale loses no digit when the scales
  // differ, and an aligned b beyond twice the range cannot come back into it.
  const int shift = a.scale_ - b.scale_;
  if (shift == 0 && small(a.unscaled_) && small(b.unscaled_))
    return Decimal::make(a.unscaled_ + b.unscaled_, a.scale_);  // in range: spares a 128-bit division
  if (magnitude(b.unscaled_) > 2 * kTooManyDigits / pow10(shift)) return range();
  return Decimal::make(a.unscaled_ + b.unscaled_ * static_cast<__int128>(pow10(shift)), a.scale_);
}

Result<Decimal> operator-(const Decimal& a, const Decimal& b) { return a + b.negated(); }

Result<Fen> Decimal::times(Fen amount) const {
  const U256 product = wide::multiply(magnitude(unscaled_), magnitude(amount.value));
  return to_fen(wide::divide_rounded(product, U256(pow10(scale_))), (unscaled_ < 0) != (amount.value < 0));
}

Result<Fen> Decimal::times(const Decimal& other) const {
  U256 product = wide::multiply(magnitude(unscaled_), magnitude(other.unscaled_));
  const int scale = scale_ + other.scale_ - 2;  // yuan to fen
  if (scale < 0) product = wide::times_pow10(product, -scale);
  return to_fen(wide::divide_rounded(product, U256(pow10(std::max(scale, 0)))), sign() * other.sign() < 0);
}

Result<Decimal> Decimal::divide(const Decimal& a, const Decimal& b, int scale) {
  if (b.is_zero()) return fail(Errc::invalid_input, "decimal.divide_by_zero");
  if (scale < 0 || scale > kMaxScale) return range();
  U256 num(magnitude(a.unscaled_)), den(magnitude(b.unscaled_));
  const int shift = b.scale_ + scale - a.scale_;  // -20..40: 64 digits at most
  (shift >= 0 ? num : den) = wide::times_pow10(shift >= 0 ? num : den, shift >= 0 ? shift : -shift);
  U256 q = wide::divide_rounded(num, den);
  // 10^23 to 20 decimals passes 128 bits although its normal form fits: drop zeros here until make() can take over.
  constexpr U128 kSigned128 = static_cast<U128>(1) << 127;
  for (; !q.fits_128() || q.low() >= kSigned128; --scale) {
    const wide::Quotient tenth = wide::divide(q, U256(10));
    if (scale == 0 || tenth.rest != U256{}) return range();
    q = tenth.value;
  }
  const auto v = static_cast<__int128>(q.low());
  return make(a.sign() * b.sign() < 0 ? -v : v, scale);
}

Result<Fen> Decimal::share(Fen amount, const Decimal& num, const Decimal& den) {
  if (den.is_zero()) return fail(Errc::invalid_input, "decimal.divide_by_zero");
  U256 top = wide::multiply(magnitude(amount.value), magnitude(num.unscaled_));
  U256 bottom(magnitude(den.unscaled_));
  top = wide::times_pow10(top, den.scale_);
  bottom = wide::times_pow10(bottom, num.scale_);
  const int sign = (amount.value < 0 ? -1 : 1) * num.sign() * den.sign();
  return to_fen(wide::divide_rounded(top, bottom), sign < 0);
}

}  // namespace taxgate
