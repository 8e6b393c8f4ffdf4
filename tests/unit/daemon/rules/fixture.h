#pragma once
// Small invoices and wishes for the rules' tests.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>

#include "daemon/rules/rules.h"

namespace taxgate::rules {

inline Fen fen(std::string_view text) { return *Fen::parse(text); }
inline Decimal dec(std::string_view text) { return *Decimal::parse(text); }

inline InvoiceLine line(int number, std::string_view quantity, std::string_view price, std::string_view amount,
                        std::string_view rate, std::string_view tax) {
  InvoiceLine out;
  out.number = number;
  out.tax_code = "1080101020000000000";
  out.name = "*水泥*P.O 42.5";
  out.unit = "吨";
  if (!quantity.empty()) out.quantity = dec(quantity);
  if (!price.empty()) out.price = dec(price);
  out.amount = fen(amount);
  out.rate = dec(rate);
  out.tax = fen(tax);
  return out;
}

inline Invoice invoice(std::vector<InvoiceLine> lines) {
  Invoice blue;
  blue.number = "26990000000000000001";
  blue.type = "81";
  blue.issued_at = *LegalTime::parse("2026-11-03 09:30:00");
  blue.seller = {"91310115TGDM00011U", "示例销售有限公司"};
  blue.buyer = {"91420106TGDM00214A", "示例购买有限公司"};
  blue.status = "0";
  blue.use = "0";
  blue.booking = "01";
  for (const InvoiceLine& l : lines) {
    blue.amount += l.amount;
    blue.tax += l.tax;
  }
  blue.lines = std::move(lines);
  return blue;
}

/// The same line as a service (tax codes of services begin with 3, R13).
inline InvoiceLine service(InvoiceLine out) {
  out.tax_code = "3070401000000000000";
  out.name = "*教育服务*课程";
  return out;
}

/// 100 pieces at 10.00, 13 %: 1000.00 / 130.00, the vector of R2.
inline Invoice hundred() { return invoice({line(1, "100", "10", "1000.00", "0.13", "130.00")}); }

inline LineWish by_quantity(int line, std::string_view quantity) {
  LineWish out;
  out.blue_line = line;
  out.quantity = dec(quantity);
  return out;
}
inline LineWish by_amount(int line, std::string_view amount) {
  LineWish out;
  out.blue_line = line;
  out.amount = fen(amount);
  return out;
}
inline LineWish by_total(int line, std::string_view total) {
  LineWish out;
  out.blue_line = line;
  out.total = fen(total);
  return out;
}
inline LineWish whole_line(int line) {
  LineWish out;
  out.blue_line = line;
  return out;
}
inline Wish wish(Reason reason, std::vector<LineWish> lines = {}) {
  Wish out;
  out.reason = reason;
  out.lines = std::move(lines);
  return out;
}

/// Another one every run, unless TAXGATE_SEED names it: to see a failure again, and where figures must not vary.
inline std::uint64_t any_seed() {
  const char* named = std::getenv("TAXGATE_SEED");
  return named != nullptr ? std::strtoull(named, nullptr, 10) : std::random_device{}();
}

inline std::vector<std::string> ids(const Findings& findings) {
  std::vector<std::string> out;
  for (const Error& e : findings) out.push_back(e.id);
  return out;
}
inline const Error* find(const Findings& findings, std::string_view id) {
  const auto at = std::ranges::find(findings, id, &Error::id);
  return at == findings.end() ? nullptr : &*at;
}
/// The findings of a wish; empty when it is allowed.
inline Findings findings_of(const BlueState& state, const Wish& wanted) {
  const auto red = derive(state, wanted);
  return red ? Findings{} : red.error();
}

}  // namespace taxgate::rules
