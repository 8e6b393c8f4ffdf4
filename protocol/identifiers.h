#pragma once
// Identifiers and their check digits. All functions are pure and total.
// Sources: GB 32100-2015 (统一社会信用代码), GB 11714 (组织机构代码), public samples of 信息表编号.
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate {

/// 统一社会信用代码 (18, both check digits) or a legacy 15/17/18/20-character taxpayer number (accepted by form only).
/// `allow_invented`: identities whose organisation code starts with TGDM or whose province reads 99 exist only on the
/// simulator's channel; they are refused elsewhere (id.taxpayer_invented).
/// errors  invalid_input id.taxpayer_length / id.taxpayer_charset / id.taxpayer_check / id.taxpayer_org_check
Result<void> check_taxpayer_id(std::string_view id, std::string_view field, bool allow_invented);
/// The check characters of an 18-character code given its first 8 and 8 organisation characters. For generators.
char organisation_check(std::string_view first8);  // 9th character of the 组织机构代码
char credit_code_check(std::string_view first17);  // 18th character

/// Where an invoice lives. SK 税控发票 (tax device), SD 数电发票 (all-digital), SDP 数电纸票.
enum class InvoiceClass : std::uint8_t { sk, sd, sdp };
/// 发票类型 fplx → class (rules.md B.4). errors id.invoice_type
Result<InvoiceClass> invoice_class(std::string_view fplx, std::string_view field = {});

/// A blue invoice's number in its canonical form: 20 digits (SD, SDP), or code + number, 18 or 20 digits (SK).
/// A bare SK number is left-padded to 8. errors id.invoice_number_length / _digits / _code
Result<std::string> canonical_invoice_number(std::string_view fpdm, std::string_view fphm, InvoiceClass cls,
                                             std::string_view field = {});
/// 18 or 20 digits, nothing else known. errors as above
Result<void> check_canonical_number(std::string_view number, std::string_view field = {});

/// 信息表编号: 16 digits, 7–10 = YYMM, 16th = sum of the first 15 mod 10. errors id.table_number
Result<void> check_table_number(std::string_view number, std::string_view field = {});
char table_number_check(std::string_view first15);
/// 信息表请求流水 ReqBillNo: 12-digit device number + yyMMddHHmmss. errors id.request_number
Result<void> check_request_number(std::string_view number, std::string_view field = {});

/// A natural person's or a company's identifier shortened for screens and logs: "9131****011U"; names "张*".
std::string masked_id(std::string_view id);
std::string masked_name(std::string_view name);

}  // namespace taxgate
