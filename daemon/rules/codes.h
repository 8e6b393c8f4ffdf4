#pragma once
// The tables of the rules room: which red may reverse which blue (R3), which document it takes (R12), and the codes
// that forbid it. Pure. Private to daemon/rules and its tests.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rules/rules.h"

namespace taxgate::rules {

/// R3 「新冲旧、电冲纸」: may a red of class `red` reverse a blue of class `blue`?
bool may_reverse(InvoiceClass red, InvoiceClass blue);

/// R12: the document a seller of this kind uses for this blue invoice.
Track select_track(SellerKind seller, InvoiceClass blue);

/// Tax-device invoices that are not special (ordinary, motor vehicles, used cars) are reversed on the device itself; an
/// information table exists for special ones only (R25, X16).
inline bool needs_no_table(std::string_view type, const CodeTables& tables) {
  return std::ranges::find(tables.table_type, type) == tables.table_type.end();
}

/// The information table's request memo (X5, three of its ten bits are in use); nullopt: this side may not start.
std::optional<std::string_view> table_memo(Side initiator, bool deducted);
inline constexpr std::string_view kMemoSeller = "0000000100";         // not delivered, or sheets returned
inline constexpr std::string_view kMemoBuyerDeducted = "1100000000";  // blue fields blank on the table
inline constexpr std::string_view kMemoBuyerNotDeducted = "1010000000";

/// Codes are one or two characters, and a check looks at a hundred of them: the first character spares the call of
/// memcmp.
inline bool listed(const Codes& codes, std::string_view code) {
  const char first = code.empty() ? '\0' : code.front();
  return std::ranges::any_of(codes, [code, first](const std::string& c) { return c[0] == first && c == code; });
}
/// Any of `codes` begins `text`. Most prefixes are one digit.
inline bool prefixed(const Codes& codes, std::string_view text) {
  const char first = text.empty() ? '\0' : text.front();
  return std::ranges::any_of(
      codes, [first, text](const std::string& c) { return c[0] == first && (c.size() == 1 || text.starts_with(c)); });
}
/// R5: the invoice's farm produce code or one of its labels is in the list.
inline bool has_farm_label(const Circumstances& known, const Codes& codes) {
  return listed(codes, known.farm_use) ||
         std::ranges::any_of(known.labels, [&](const std::string& l) { return listed(codes, l); });
}

}  // namespace taxgate::rules
