#include "daemon/rules/exact.h"

#include <array>
#include <optional>

namespace taxgate::rules {
namespace {

// Thirteen decimals are what all-digital invoices carry; a quantity beyond 10^10 needs more to keep within a fen.
constexpr int kPriceScales[] = {13, Decimal::kMaxScale};

using U128 = unsigned __int128;

constexpr std::array<std::uint64_t, 19> kPowers = [] {
  std::array<std::uint64_t, 19> out{};
  std::uint64_t power = 1;
  for (auto& p : out) {
    p = power;
    power *= 10;
  }
  return out;
}();
constexpr int kMilliScale = 5;                                // decimals of a yuan in a milli-fen
constexpr std::int64_t kMostMilli = 999'999'999'999'999'999;  // what Fen holds: the slow way's bound too

bool small(__int128 v) { return v == static_cast<std::int64_t>(v); }

/// a × b, which have `scale` decimals of a yuan together, in milli-fen; nullopt where 64-bit factors do not do.
std::optional<MilliFen> quick(__int128 a, __int128 b, int scale) {
  const int shift = scale - kMilliScale;
  if (!small(a) || !small(b) || shift >= static_cast<int>(kPowers.size())) return std::nullopt;
  const __int128 value = a * b;
  const bool negative = value < 0;
  U128 size = static_cast<U128>(negative ? -value : value);
  if (shift <= 0) {
    if (size > kMostMilli) return std::nullopt;
    size *= kPowers[static_cast<std::size_t>(-shift)];
  } else {
    const std::uint64_t by = kPowers[static_cast<std::size_t>(shift)];
    size += by / 2;  // half away from zero
    size = size >> 64 == 0 ? static_cast<std::uint64_t>(size) / by : size / by;
  }
  if (size > kMostMilli) return std::nullopt;
  const auto out = static_cast<MilliFen>(size);
  return negative ? -out : out;
}

const Decimal& thousandth() {
  static const Decimal value = *Decimal::parse("0.001");
  return value;
}

}  // namespace

Result<MilliFen> product(const Decimal& quantity, const Decimal& price) {
  if (const auto fast = quick(quantity.unscaled(), price.unscaled(), quantity.scale() + price.scale())) return *fast;
  const auto thousandfold = Decimal::divide(quantity, thousandth(), Decimal::kMaxScale);
  if (thousandfold) {
    if (const auto exact = thousandfold->times(price)) return static_cast<MilliFen>(exact->value);
  }
  const auto rounded = quantity.times(price);  // too large for the finer scale
  if (!rounded) return std::unexpected(rounded.error());
  return milli(*rounded);
}

Result<MilliFen> taxed(Fen amount, const Decimal& rate) {
  constexpr int kFenScale = 2;
  if (const auto fast = quick(amount.value, rate.unscaled(), kFenScale + rate.scale())) return *fast;
  std::int64_t thousandfold = 0;
  if (!__builtin_mul_overflow(amount.value, std::int64_t{1000}, &thousandfold)) {
    if (const auto exact = rate.times(Fen{thousandfold})) return static_cast<MilliFen>(exact->value);
  }
  const auto rounded = rate.times(amount);
  if (!rounded) return std::unexpected(rounded.error());
  return milli(*rounded);
}

Result<Decimal> unit_price(Fen amount, const Decimal& quantity) {
  Result<Decimal> best = fail(Errc::invalid_input, "decimal.range");
  for (const int scale : kPriceScales) {
    const auto price = Decimal::divide(Decimal::from_fen(amount), quantity, scale);
    if (!price) continue;
    best = price;
    if (magnitude(product(quantity, *price).value_or(0) - milli(amount)) < kFen) break;
  }
  return best;
}

std::strong_ordering against_share(const Decimal& part, const Decimal& share, const Decimal& whole) {
  const int left = part.scale(), right = share.scale() + whole.scale();
  if (small(part.unscaled()) && small(share.unscaled()) && small(whole.unscaled()) && left <= right &&
      right - left < static_cast<int>(kPowers.size()))  // two products of 64-bit factors
    return part.unscaled() * kPowers[static_cast<std::size_t>(right - left)] <=> share.unscaled() * whole.unscaled();
  __int128 a = part.unscaled(), b = 0;
  bool beyond = __builtin_mul_overflow(share.unscaled(), whole.unscaled(), &b);
  for (int i = left; i < right && !beyond; ++i) beyond = __builtin_mul_overflow(a, __int128{10}, &a);
  for (int i = right; i < left && !beyond; ++i) beyond = __builtin_mul_overflow(b, __int128{10}, &b);
  if (!beyond) return a <=> b;
  const auto quotient = Decimal::divide(part, whole, Decimal::kMaxScale);
  return quotient ? *quotient <=> share : std::strong_ordering::greater;  // too large for any share
}

}  // namespace taxgate::rules
