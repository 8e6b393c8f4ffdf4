#include "daemon/rules/check.h"

#include <fmt/format.h>

#include "daemon/rules/codes.h"
#include "daemon/rules/exact.h"

namespace taxgate::rules {
namespace {

constexpr std::size_t kTaxDevice = 12;  // digits of a 设备编号

bool is_device_number(std::string_view text) {
  return text.size() == kTaxDevice && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool nothing_left(const Facts& facts) {
  return std::ranges::all_of(facts.left, [](const LineLeft& l) { return exhausted(l); });
}

void check_table(const Facts& facts, const RedDocument& red, Findings& findings) {
  if (needs_no_table(facts.blue.type)) add(findings, "R12.no_table_needed", "blue.type", facts.blue.type);
  if (!is_device_number(red.tax_device)) add(findings, "R12.tax_device", "tax_device", red.tax_device, "12");
  const auto memo = table_memo(red.initiator, listed(facts.tables.deducted_use, facts.blue.use));
  if (!memo)
    add(findings, "R24.buyer_starts", "initiator", "seller", "buyer");
  else if (red.table_memo != *memo)
    add(findings, "R12.table_memo", "table_memo", red.table_memo, std::string(*memo));
}

/// The document repeats the blue invoice's head; a difference would reverse another invoice than the one checked here.
void check_copied_head(const Facts& facts, const RedDocument& red, Findings& findings) {
  const Invoice& blue = facts.blue;
  if (red.blue_number != blue.number) add(findings, "B6.blue_head", "blue_number", red.blue_number, blue.number);
  if (red.blue_type != blue.type) add(findings, "B6.blue_head", "blue_type", red.blue_type, blue.type);
  if (red.blue_issued_at != blue.issued_at)
    add(findings, "B6.blue_head", "blue_issued_at", red.blue_issued_at.platform_text(), blue.issued_at.platform_text());
  if (red.blue_amount != blue.amount)
    add(findings, "B6.blue_head", "blue_amount", red.blue_amount.text(), blue.amount.text());
  if (red.blue_tax != blue.tax) add(findings, "B6.blue_head", "blue_tax", red.blue_tax.text(), blue.tax.text());
  // Names stay as they are on the blue, even after a renaming (B.6). They are not repeated in findings: they may be a
  // natural person's.
  if (red.seller != blue.seller) add(findings, "B6.party", "seller");
  if (red.buyer != blue.buyer) add(findings, "B6.party", "buyer");
  if (red.element != blue.element) add(findings, "B6.blue_head", "element", red.element, blue.element);
}

}  // namespace

void check_reversible(const Facts& facts, Findings& findings) {
  const Invoice& blue = facts.blue;
  const CodeTables& t = facts.tables;
  if (blue.is_red) {
    add(findings, "R20.red_of_red", "blue_number", blue.number);
    return;  // its amounts are negative: every other rule would only repeat it
  }
  for (const Error& e : facts.merged.findings) add(findings, e.id, e.field, e.wanted, e.left, e.detail);
  if (const auto number = check_canonical_number(blue.number, "blue_number"); !number)
    add(findings, number.error().id, number.error().field, number.error().wanted, number.error().left);
  if (listed(t.void_status, blue.status)) add(findings, "R8.void", "blue_number", blue.number);
  if (listed(t.abnormal_status, blue.status)) add(findings, "R8.abnormal", "blue_number", blue.number);
  if (blue.locked) add(findings, "R8.locked", "blue_number", blue.number);
  const bool sound = facts.merged.findings.empty();
  if (listed(t.fully_red_status, blue.status) || (sound && nothing_left(facts)))
    add(findings, "R8.fully_red", "blue_number", blue.number, "0.00");
  if (listed(t.refused_use, blue.use)) add(findings, "R9.use", "blue.use", blue.use);
  if (listed(t.olympic_use, blue.use)) add(findings, "R10.olympic_refund", "blue.use", blue.use);
}

void check_head(const Facts& facts, const RedDocument& red, Findings& findings) {
  check_copied_head(facts, red, findings);
  const auto blue_class = invoice_class(facts.blue.type, "blue.type");
  if (!blue_class) {
    add(findings, blue_class.error().id, "blue.type", facts.blue.type);
  } else {
    const bool table = red.track == Track::information_table;
    if (!may_reverse(table ? InvoiceClass::sk : InvoiceClass::sd, *blue_class))
      add(findings, "R3.matrix", "blue.type", facts.blue.type, table ? "SK" : "SD");
    else if (table)
      check_table(facts, red, findings);
  }
  if (red.initiator == Side::buyer && red.buyer.id.empty())
    add(findings, "B6.natural_buyer", "initiator", "buyer", "seller");
  const bool partly = !facts.reds.empty() || listed(facts.tables.partly_red_status, facts.blue.status);
  if (red.reason == Reason::wrong_invoice && partly) add(findings, "R4.after_partial", "reason", "01", "02, 03, 04");
}

Findings check(const BlueState& state, const RedDocument& red, const CodeTables& tables) {
  const Facts facts(state, tables);
  Findings findings;
  check_reversible(facts, findings);
  if (facts.blue.is_red) return findings;
  check_head(facts, red, findings);
  if (facts.merged.findings.empty()) check_lines(facts, red, findings);
  return findings;
}

}  // namespace taxgate::rules
