#include "daemon/rules/tables.h"

namespace taxgate::rules {

const CodeTables& default_tables() {
  static const CodeTables tables;
  return tables;
}

std::span<const CodeList> code_lists() {
  using T = CodeTables;
  static constexpr CodeList kLists[] = {
      {"void_status", &T::void_status, "fpzt: 作废, R8"},
      {"fully_red_status", &T::fully_red_status, "fpzt: 已红冲, 全额红冲, R8"},
      {"partly_red_status", &T::partly_red_status, "fpzt: 部分红冲, R4"},
      {"abnormal_status", &T::abnormal_status, "fpzt: 失控, 异常, R8 (unverified)"},
      {"irregular_voucher", &T::irregular_voucher, "ycpzzt: 异常凭证, R8"},
      {"suspicious_voucher", &T::suspicious_voucher, "ycpzzt: 疑似异常凭证, a warning"},
      {"refused_use", &T::refused_use, "fpyt that forbids a red, R9 (unverified)"},
      {"refused_label", &T::refused_label, "labels that forbid a red, R9"},
      {"olympic_use", &T::olympic_use, "fpyt: 冬奥退税, R10"},
      {"enjoyed_label", &T::enjoyed_label, "labels of a preference enjoyed, R10"},
      {"deducted_use", &T::deducted_use, "fpyt: 已申请抵扣, R24"},
      {"confirmed_use", &T::confirmed_use, "fpyt with 用途确认, R1"},
      {"unconfirmed_use", &T::unconfirmed_use, "fpyt without it, R1; a code in neither list is unknown"},
      {"booked", &T::booked, "rzzt: 已入账, R1"},
      {"unbooked", &T::unbooked, "rzzt: 未入账, 已入账撤销, R1"},
      {"farm_full", &T::farm_full, "zzsyhyt code and labels: 全额加计扣除, R5"},
      {"farm_part", &T::farm_part, "zzsyhyt code and labels: 部分加计扣除, R5"},
      {"full_only_difference", &T::full_only_difference, "cezslxDm: 差额开票, R6"},
      {"goods_prefix", &T::goods_prefix, "first digits of a tax code that mean goods, R13"},
      {"service_prefix", &T::service_prefix, "and services; a code in neither list forbids no reason"},
      {"direct_element", &T::direct_element, "tdys of purchase invoices that nobody confirms, R1 (unverified)"},
      {"table_type", &T::table_type,
       "fplx of tax-device invoices whose red needs an information table, R25 (unverified)"},
      {"voidable_type", &T::voidable_type, "fplx of paper invoices, R34 (unverified)"},
      {"blocked_status", &T::blocked_status, "the counterparty's 纳税人状态, R11"},
      {"red_alert", &T::red_alert, "nsryjjb, K1"},
      {"yellow_alert", &T::yellow_alert, "nsryjjb, K2"},
      {"blue_alert", &T::blue_alert, "nsryjjb, K3"},
      {"special_character", &T::special_character, "in names, R15 (unverified)"},
  };
  return kLists;
}

}  // namespace taxgate::rules
