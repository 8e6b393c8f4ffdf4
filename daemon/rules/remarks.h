#pragma once
// The text a red invoice must carry in its remarks (B.7), and which of the three kinds of zero a line has. Pure.
#include <string>
#include <string_view>

#include "daemon/rules/rules.h"

namespace taxgate::rules {

/// Where the red is issued. The bureau's web page refuses remarks on reds; the direct platform (Leqi) takes 450
/// characters; a tax device prints what it is given.
enum class IssuedBy : std::uint8_t { web, direct, tax_device };

/// `number`: the information table's 16 digits, or the confirmation form's number. Web: always empty.
/// errors  R25.table_needed (a special tax-device invoice without a sound table number: R25), B7.number (the form's
/// number
///         is missing), B7.remark_long (more characters than the channel takes)
Result<std::string> remarks(const RedDocument& red, std::string_view number, IssuedBy by,
                            const CodeTables& tables = default_tables());

/// 免税, 不征税 and 零税率 are three things although the rate reads 0 in all of them (A.8).
enum class Treatment : std::uint8_t { taxed, zero_rated, exempt, not_taxed };
Treatment treatment(const Decimal& rate, std::string_view preference);
std::string_view term(Treatment treatment, bool chinese);  // "exempt", "免税"

}  // namespace taxgate::rules
