#include "daemon/rules/check.h"

#include <fmt/format.h>

#include "daemon/rules/codes.h"
#include "daemon/rules/exact.h"
#include "daemon/rules/start.h"

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
  if (needs_no_table(facts.blue.type, facts.tables)) add(findings, "R12.no_table_needed", "blue.type", facts.blue.type);
  if (!is_device_number(red.tax_device)) add(findings, "R12.tax_device", "tax_device", red.tax_device, "12");
  const auto memo = table_memo(red.initiator, listed(facts.tables.deducted_use, facts.blue.use));
  if (!memo) return;  // R24.buyer_starts says it
  if (red.table_memo != *memo) add(findings, "R12.table_memo", "table_memo", red.table_memo, std::string(*memo));
}

/// R1, R24, X4, X5: each side's own finding, because what is to be done differs.
void check_start(const Facts& facts, const RedDocument& red, Findings& findings) {
  const Start start = who_may_start(facts.blue, red.track, facts.known, facts.tables);
  if (red.track == Track::confirmation_form) {
    if (red.initiator == Side::buyer && red.buyer.id.empty())
      add(findings, "B6.natural_buyer", "initiator", "buyer", "seller");
    else if (red.initiator == Side::buyer && !start.buyer)
      add(findings, "R1.seller_starts", "initiator", "buyer", "seller");
    return;
  }
  if (red.initiator == Side::buyer && red.buyer.id.empty())
    add(findings, "B6.natural_buyer", "initiator", "buyer", "seller");
  else if (red.initiator == Side::seller && !start.seller)
    add(findings, listed(facts.tables.deducted_use, facts.blue.use) ? "R24.buyer_starts" : "X5.buyer_starts",
        "initiator", "seller", "buyer");
  else if (red.initiator == Side::buyer && !start.buyer && !needs_no_table(facts.blue.type, facts.tables))
    add(findings, "X5.seller_starts", "initiator", "buyer", "seller");
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

bool Facts::partly_reversed() const { return !reds.empty() || listed(tables.partly_red_status, blue.status); }

Fen Facts::taken_amount() const {
  Fen out;
  for (const RedDocument& r : reds) out = plus(out, r.amount.abs());
  return out;
}

void Report::add(Severity severity, std::string id, std::string field, std::string wanted, std::string left) {
  if (severity == Severity::refuse) {
    rules::add(refusals, std::move(id), std::move(field), std::move(wanted), std::move(left));
    return;
  }
  if (others.size() >= kMaxFindings) return;
  others.push_back(
      {{Errc::invalid_input, std::move(id), std::move(field), std::move(wanted), std::move(left), {}}, severity});
}

void check_reversible(const Facts& facts, Findings& findings) {
  const Invoice& blue = facts.blue;
  const Circumstances& known = facts.known;
  const CodeTables& t = facts.tables;
  if (blue.is_red) {
    add(findings, "R20.red_of_red", "blue_number", blue.number);
    return;  // its amounts are negative: every other rule would only repeat it
  }
  for (const Error& e : facts.merged.findings) add(findings, e.id, e.field, e.wanted, e.left, e.detail);
  if (const auto number = check_canonical_number(blue.number, "blue_number"); !number)
    add(findings, number.error().id, number.error().field, number.error().wanted, number.error().left);
  if (listed(t.void_status, blue.status)) add(findings, "R8.void", "blue_number", blue.number);
  if (listed(t.abnormal_status, blue.status) || listed(t.irregular_voucher, known.voucher_status))
    add(findings, "R8.abnormal", "blue_number", blue.number);
  if (blue.locked) add(findings, "R8.locked", "blue_number", blue.number);
  const bool sound = facts.merged.findings.empty();
  if (listed(t.fully_red_status, blue.status) || (sound && nothing_left(facts)))
    add(findings, "R8.fully_red", "blue_number", blue.number, "0.00");
  // X13: a refund that was rolled back no longer stands in the way.
  if (listed(t.refused_use, blue.use) && !known.export_rolled_back.value_or(false))
    add(findings, "R9.use", "blue.use", blue.use);
  if (listed(t.olympic_use, blue.use)) add(findings, "R10.olympic_refund", "blue.use", blue.use);
  for (const std::string& label : known.labels) {
    if (listed(t.refused_label, label)) add(findings, "R9.use", "blue.labels", label);
    if (listed(t.enjoyed_label, label)) add(findings, "R10.enjoyed", "blue.labels", label);
  }
  if (listed(t.blocked_status, known.counterparty_status))
    add(findings, "R11.counterparty", "counterparty", known.counterparty_status);
  if (listed(t.red_alert, known.alert)) add(findings, "K1.red_alert", "taxpayer", known.alert);
  if (known.export_used.value_or(false) && known.export_rolled_back && !*known.export_rolled_back)
    add(findings, "X13.roll_back", "blue_number", blue.number);
}

void check_head(const Facts& facts, const RedDocument& red, Findings& findings) {
  check_copied_head(facts, red, findings);
  const auto blue_class = invoice_class(facts.blue.type, "blue.type");
  if (!blue_class) {
    add(findings, blue_class.error().id, "blue.type", facts.blue.type);
  } else {
    const bool table = red.track == Track::information_table;
    const SellerKind seller = facts.known.seller_kind;
    if (seller != SellerKind::unknown && select_track(seller, *blue_class) != red.track)
      add(findings, "R12.document", "track", table ? "information_table" : "confirmation_form",
          table ? "confirmation_form" : "information_table");
    if (!may_reverse(table ? InvoiceClass::sk : InvoiceClass::sd, *blue_class))
      add(findings, "R3.matrix", "blue.type", facts.blue.type,
          "SK");  // a form's red is all-digital and reverses every class
    else if (table)
      check_table(facts, red, findings);
  }
  check_start(facts, red, findings);
  check_reason(facts, red.reason, findings);
}

}  // namespace taxgate::rules
