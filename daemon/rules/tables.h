#pragma once
// What the operator may change without a new program: codes the platform may renumber between its versions, labels,
// menus, thresholds, approval triggers and demanded evidence. Plain data with the compiled-in values; docs/rules.md
// names each key of the tables file. A code in no list is unknown: it is kept and never a reason to refuse.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/decimal.h"

namespace taxgate::rules {

/// How much a finding weighs, the lightest first.
enum class Severity : std::uint8_t { note, warn, needs_approval, refuse };
std::string_view name(Severity severity);  // "note", "warn", "needs_approval", "refuse"
std::optional<Severity> severity_named(std::string_view text);

/// A person must say yes when every condition that is set holds. Amounts and shares count the reds before this one.
struct ApprovalTrigger {
  std::optional<Fen> amount;              // this red's amount without tax, at or above (P5; the boundary is X11's)
  std::optional<Decimal> share;           // reversed amount ÷ blue amount, so far and with this red, strictly above
  std::optional<Decimal> quantity_share;  // the same of any one line's quantity; reason 02 only (P9)
  std::vector<std::string> reasons;       // "02"; empty lists hold for everything
  std::vector<std::string> products;      // prefixes of the tax code of any line of the red
  std::vector<std::string> customers, cycles, provinces;  // P6 (X10: three dimensions are named, four counted), P16
  friend bool operator==(const ApprovalTrigger&, const ApprovalTrigger&) = default;
};

/// Papers a red must bring, each by kind and hash.
struct EvidenceDemand {
  std::string rule = "R22";                     // R22, R33 or P16, whose finding it becomes
  Severity severity = Severity::note;           // note and warn ask only when the caller told its evidence at all
  std::vector<std::string> kinds;               // each must be there
  std::vector<std::string> reasons, provinces;  // empty: all
  friend bool operator==(const EvidenceDemand&, const EvidenceDemand&) = default;
};

using Codes = std::vector<std::string>;

struct CodeTables {
  // Status of the blue invoice, fpzt.
  Codes void_status{"2"};            // 作废
  Codes fully_red_status{"3", "8"};  // 已红冲, 全额红冲
  Codes partly_red_status{"7"};      // 部分红冲
  Codes abnormal_status{"1", "4"};   // 失控, 异常 (wider vendor list of B.3)
  Codes irregular_voucher{"02"};     // ycpzzt 异常凭证, R8
  Codes suspicious_voucher{"03"};    // ycpzzt 疑似异常凭证: a warning

  // Use (fpyt) and booking (rzzt): R1, R9, R10, X3.
  Codes refused_use{"2", "3", "5", "9", "10"};  // R9 → fpyt, mapping of B.3, unverified
  Codes olympic_use{"11"};                      // R10 冬奥退税
  Codes deducted_use{"1"};                      // 已申请抵扣: on the tax-device track the buyer starts (X4, X5)
  Codes confirmed_use{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"};  // 用途确认 was made
  Codes unconfirmed_use{"0"};
  Codes booked{"02"};                                                                           // 已入账
  Codes unbooked{"01", "03"};                                                                   // 未入账, 已入账撤销
  Codes refused_label{"待退税", "已退税", "已抵扣(改退)", "已代办退税", "不予退税且不予抵扣"};  // R9
  Codes enjoyed_label{"已申请冬奥会退税"};                                                      // R10

  // Kinds of invoices and lines.
  Codes farm_full{"1", "待农产品全额加计扣除", "已用于农产品全额加计扣除"};  // R5: zzsyhyt code, labels
  Codes farm_part{"3", "待农产品部分加计扣除", "已用于农产品部分加计扣除"};
  Codes full_only_difference{"02"};              // cezslxDm 差额征税-差额开票, R6
  Codes goods_prefix{"1"}, service_prefix{"3"};  // of the tax code, R13; 2, 4, 5, 6 are the operator's to sort
  Codes direct_element{"16", "17"};              // 农产品收购, 光伏收购: the issuer alone (2024年第11号, unverified)
  Codes table_type{"01", "02", "08"};            // special invoices of a tax device: their reds need a table, R25
  Codes voidable_type{"01", "02", "03", "04", "11", "15", "85", "86", "87", "88"};  // paper, R34, unverified

  // People and words.
  Codes blocked_status{"非正常", "注销"};                                                // of the counterparty, R11
  Codes red_alert{"01"}, yellow_alert{"02"}, blue_alert{"03"};                           // nsryjjb, K1..K3
  Codes special_character{"<", ">", "&", "\"", "'", "\\", "\t", "\n", "\r", "　", "�"};  // in names, R15, unverified
  /// What happened → reason (R19, X22). A reason the composition of the lines forbids yields to its counterpart.
  std::vector<std::pair<std::string, std::string>> reason_words{
      {"开票有误", "01"}, {"客户拒收", "02"}, {"销货退回", "02"}, {"退货", "02"},     {"宴席取消", "02"},
      {"服务中止", "03"}, {"服务终止", "03"}, {"课程退费", "03"}, {"销售折让", "04"}, {"降价", "04"}};

  // Thresholds and who must look.
  int remark_characters = 450;  // B.7, the direct platform's bound
  std::vector<ApprovalTrigger> approvals{{.amount = Fen{5'000'000},
                                          .share = {},
                                          .quantity_share = {},
                                          .reasons = {},
                                          .products = {},
                                          .customers = {},
                                          .cycles = {},
                                          .provinces = {}},  // P5, X11: exactly 50,000 is co-signed
                                         {.amount = {},
                                          .share = {},
                                          .quantity_share = *Decimal::parse("0.1"),
                                          .reasons = {},
                                          .products = {},
                                          .customers = {},
                                          .cycles = {},
                                          .provinces = {}}};  // P9, X11: exactly 10 % is not
  std::vector<EvidenceDemand> evidence{
      {.rule = "R33",
       .severity = Severity::note,
       .kinds = {"return_slip", "inspection_report"},
       .reasons = {"02"},
       .provinces = {}},
      {.rule = "R22", .severity = Severity::note, .kinds = {"explanation"}, .reasons = {}, .provinces = {}}};
};
const CodeTables& default_tables();

/// One list of the tables file: its key there, where it goes, and what it means (for docs/rules.md).
struct CodeList {
  std::string_view key;
  Codes CodeTables::* list;
  std::string_view meaning;
};
std::span<const CodeList> code_lists();

}  // namespace taxgate::rules
