#include "protocol/invoice_key.h"

#include <bit>
#include <cstring>

namespace taxgate {
namespace {

constexpr std::uint64_t kTen4 = 10'000, kTen8 = 100'000'000;

/// Eight digits at once. `good` is cleared when one is none. source: SWAR, three multiplications
std::uint64_t eight(const char* p, bool& good) {
  std::uint64_t v = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&v, p, sizeof v);
  } else {
    for (int i = 7; i >= 0; --i) v = v << 8U | static_cast<unsigned char>(p[i]);
  }
  v -= 0x3030303030303030U;
  // A byte below '0' borrowed, one above '9' has a high nibble or carries when six is added.
  good = good && ((v | (v + 0x0606060606060606U)) & 0xF0F0F0F0F0F0F0F0U) == 0;
  v = v * 10 + (v >> 8U);
  return ((v & 0x000000FF000000FFU) * (100 + (1'000'000ULL << 32U)) +
          ((v >> 16U) & 0x000000FF000000FFU) * (1 + (10'000ULL << 32U))) >>
         32U;
}

std::uint64_t few(const char* p, int count, bool& good) {
  std::uint64_t v = 0;
  for (int i = 0; i < count; ++i) {
    const auto digit = static_cast<unsigned char>(p[i] - '0');
    good = good && digit <= 9;
    v = v * 10 + digit;
  }
  return v;
}

void put(std::string& out, std::uint64_t value, int digits) {
  const auto at = out.size();
  out.resize(at + static_cast<std::size_t>(digits), '0');
  for (auto i = out.size(); i > at && value != 0; value /= 10) out[--i] = static_cast<char>('0' + value % 10);
}

InvoiceKey key(std::uint32_t taxpayer, NumberForm form, std::uint64_t year, std::uint64_t rest) {
  return {taxpayer << (InvoiceKey::kYearBits + InvoiceKey::kFormBits) |
              static_cast<std::uint32_t>(form) << InvoiceKey::kYearBits | static_cast<std::uint32_t>(year),
          rest};
}

}  // namespace

std::optional<InvoiceKey> invoice_key(std::uint32_t taxpayer, std::string_view number) {
  bool good = true;
  const char* p = number.data();
  InvoiceKey out;
  if (number.size() == 20 && p[0] != '0') {
    const std::uint64_t high = eight(p, good), middle = eight(p + 8, good), low = few(p + 16, 4, good);
    out = key(taxpayer, NumberForm::all_digital, high / 1'000'000, (high % 1'000'000 * kTen8 + middle) * kTen4 + low);
  } else if (number.size() == 20) {  // 0 RRRR YY BBBBB NNNNNNNN
    const std::uint64_t region = few(p + 1, 4, good), year = few(p + 5, 2, good), batch = few(p + 7, 5, good);
    out = key(taxpayer, NumberForm::code12, year, (region * 100'000 + batch) * kTen8 + eight(p + 12, good));
  } else if (number.size() == 18) {  // RRRR YY BBBB NNNNNNNN
    const std::uint64_t region = few(p, 4, good), year = few(p + 4, 2, good), batch = few(p + 6, 4, good);
    out = key(taxpayer, NumberForm::code10, year, (region * kTen4 + batch) * kTen8 + eight(p + 10, good));
  } else {
    return std::nullopt;
  }
  return good ? std::optional(out) : std::nullopt;
}

std::string invoice_number(const InvoiceKey& key) {
  std::string out;
  const unsigned year = key.year();
  if (year > 99) return out;
  switch (key.form()) {
    case NumberForm::all_digital:
      if (year < 10 || key.rest >= 1'000'000'000'000'000'000U) return out;
      put(out, year, 2);
      put(out, key.rest, 18);
      return out;
    case NumberForm::code10:
      if (key.rest >= kTen8 * kTen8) return out;
      put(out, key.rest / (kTen8 * kTen4), 4);
      put(out, year, 2);
      put(out, key.rest % (kTen8 * kTen4), 12);
      return out;
    case NumberForm::code12:
      if (key.rest >= kTen8 * 1'000'000'000U) return out;
      out = "0";
      put(out, key.rest / (kTen8 * 100'000), 4);
      put(out, year, 2);
      put(out, key.rest % (kTen8 * 100'000), 13);
      return out;
  }
  return out;
}

}  // namespace taxgate
