#pragma once
// Where an invoice stands in the ledger's order: (taxpayer, kind and year, the rest of its number). Twenty digits do
// not fit a signed 64-bit integer from 2029 on, and a code with its number is no number at all; taken apart like this
// every form fits, keeps its order within a year and comes back digit by digit. On disk since schema 3 (docs/sync.md).
// Pure; any thread.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace taxgate {

/// Forms of a canonical number (identifiers.h). The numbers are on disk.
enum class NumberForm : std::uint8_t {
  all_digital = 0,  // 20 digits, the first not 0: year (2), 18 others. SD and SDP
  code10 = 1,       // code of 10 digits + 8: its digits 5 and 6 are the year
  code12 = 2,       // code of 12 digits, the first 0, + 8: its digits 6 and 7 are the year
};

struct InvoiceKey {
  static constexpr unsigned kYearBits = 7, kFormBits = 2;
  /// Our taxpayers are numbered from 1; so many fit beside form and year.
  static constexpr std::uint32_t kMaxTaxpayer = (1U << (32 - kYearBits - kFormBits - 1)) - 1;

  std::uint32_t partition = 0;  // taxpayer << 9 | form << 7 | year
  std::uint64_t rest = 0;       // the other digits, below 10^18

  /// All of one taxpayer lies between these.
  static constexpr std::uint32_t first_partition(std::uint32_t taxpayer) { return taxpayer << (kYearBits + kFormBits); }
  static constexpr std::uint32_t last_partition(std::uint32_t taxpayer) { return first_partition(taxpayer + 1) - 1; }

  std::uint32_t taxpayer() const { return partition >> (kYearBits + kFormBits); }
  NumberForm form() const { return static_cast<NumberForm>((partition >> kYearBits) & 3U); }
  unsigned year() const { return partition & 127U; }
  friend auto operator<=>(const InvoiceKey&, const InvoiceKey&) = default;
};

/// The key of a canonical number (18 or 20 digits) as `taxpayer` sees it. nullopt: not such a number.
std::optional<InvoiceKey> invoice_key(std::uint32_t taxpayer, std::string_view number);
/// The number again; empty for a key that no number has.
std::string invoice_number(const InvoiceKey& key);

}  // namespace taxgate
