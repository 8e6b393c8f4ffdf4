#pragma once
// What both readers of listing.h put a record's fields into before its meaning is checked. Private to protocol/.
#include <array>
#include <string>
#include <string_view>

#include "protocol/listing.h"

namespace taxgate::listing::detail {

/// Numbered as in listing.proto.
enum Field : unsigned {
  kNumber = 1,
  kType,
  kIssuedAt,
  kSellerId,
  kBuyerId,
  kAmount,
  kTax,
  kRed,
  kFirstCode,
  kLastCode = kFirstCode + kStatusFields - 1,
  kSellerName,
  kBuyerName,
  kCode,  // JSON only: fpdm
  kFieldEnd
};

struct Fields {
  std::array<std::string_view, kFieldEnd> text{};  // strings, as they stand in the record
  std::array<std::uint64_t, kFieldEnd> integer{};  // protobuf's integers
  std::uint32_t present = 0, escaped = 0;          // bit n: field n; escaped: JSON text with a backslash
  bool numbers = false;                            // integers were filled (protobuf), else text
  bool add(unsigned field) {                       // false: given twice
    const bool fresh = (present & (1U << field)) == 0;
    present |= 1U << field;
    return fresh;
  }
  bool has(unsigned field) const { return (present & (1U << field)) != 0; }
};

inline std::unexpected<Error> bad(std::string_view field) {
  return fail(Errc::corrupt, "listing.record", std::string(field));
}
inline std::string_view field_name(unsigned field) {
  constexpr std::array<std::string_view, kFieldEnd> kNames{
      "",       "fphm", "fplx", "kprq",   "xsfnsrsbh", "gmfnsrsbh", "hjje",  "hjse",  "lzfpbz", "fpzt",
      "hzsdbs", "fpyt", "rzzt", "ycpzzt", "nsryjjb",   "zzsyhyt",   "xsfmc", "gmfmc", "fpdm"};
  return field < kFieldEnd ? kNames[field] : std::string_view{};
}

/// The text of a JSON string without its escapes. nullopt: a wrong escape.
std::optional<std::string> unescaped(std::string_view raw);

}  // namespace taxgate::listing::detail
