// Who must look at a red (P5, P6, P9, P16), what must lie beside it (R22, R33, P16), and what it moves (R32, X5).
#include <algorithm>

#include "daemon/rules/check.h"
#include "daemon/rules/codes.h"
#include "daemon/rules/exact.h"

namespace taxgate::rules {
namespace {

/// A condition that is not set holds for everything.
bool concerns(const Codes& wanted, std::string_view value) { return wanted.empty() || listed(wanted, value); }

bool any_product(const Codes& prefixes, const RedDocument& red) {
  return prefixes.empty() ||
         std::ranges::any_of(red.lines, [&](const RedLine& l) { return prefixed(prefixes, l.tax_code); });
}

/// The first line of which more than this share has come back, counting this red; -1: none.
int line_above(const Decimal& share, const Facts& facts, const RedDocument& red) {
  if (red.reason != Reason::goods_returned) return -1;
  for (std::size_t i = 0; i < red.lines.size(); ++i) {
    const int at = facts.merged.find(red.lines[i].blue_line);
    if (at < 0 || !red.lines[i].quantity) continue;
    const auto& whole = facts.merged.lines[static_cast<std::size_t>(at)].line->quantity;
    const auto& left = facts.left[static_cast<std::size_t>(at)].quantity;
    if (!left) continue;
    Decimal back = red.lines[i].quantity->abs();
    if (!facts.reds.empty()) {  // a sum beyond all numbers is above every share
      const Decimal before = (*whole - *left).value_or(*whole);
      back = (before + back).value_or(*whole);
    }
    if (against_share(back, share, *whole) > 0) return static_cast<int>(i);
  }
  return -1;
}

void advise_on_trigger(const Facts& facts, const RedDocument& red, const ApprovalTrigger& t, Report& report) {
  const Circumstances& known = facts.known;
  if (!concerns(t.reasons, reason_code(red.reason)) || !any_product(t.products, red) ||
      !concerns(t.customers, known.customer_class) || !concerns(t.cycles, known.settlement_cycle) ||
      !concerns(t.provinces, known.province))
    return;
  const Fen amount = red.amount.abs();
  if (t.amount && amount < *t.amount) return;
  const Fen back = plus(facts.taken_amount(), amount);
  if (t.share && against_share(Decimal::from_fen(back), *t.share, Decimal::from_fen(facts.blue.amount)) <= 0) return;
  int line = -1;
  if (t.quantity_share) {
    line = line_above(*t.quantity_share, facts, red);
    if (line < 0) return;
  }
  // The finding names one condition: numbers before lists, because a person can compare them.
  if (t.quantity_share)
    report.add(Severity::needs_approval, "P9.quantity_share", "lines[" + std::to_string(line) + "].quantity",
               red.lines[static_cast<std::size_t>(line)].quantity->abs().text(), t.quantity_share->text());
  else if (t.share)
    report.add(Severity::needs_approval, "P9.share", "amount", back.text(), t.share->text());
  else if (t.amount)
    report.add(Severity::needs_approval, "P5.amount", "amount", amount.text(), t.amount->text());
  else if (!t.provinces.empty())
    report.add(Severity::needs_approval, "P16.approval", "province", known.province);
  else
    report.add(Severity::needs_approval, "P6.matrix", "reason", std::string(reason_code(red.reason)));
}

void advise_on_demand(const Facts& facts, const RedDocument& red, const EvidenceDemand& demand, Report& report) {
  if (!concerns(demand.reasons, reason_code(red.reason)) || !concerns(demand.provinces, facts.known.province)) return;
  const auto& brought = facts.known.evidence;
  if (!brought && demand.severity < Severity::needs_approval) return;
  for (const std::string& kind : demand.kinds) {
    const bool there =
        brought && std::ranges::any_of(*brought, [&](const Evidence& e) { return e.kind == kind && is_hash(e.hash); });
    if (!there) report.add(demand.severity, demand.rule + ".evidence", "evidence", kind);
  }
}

}  // namespace

bool is_hash(std::string_view text) {
  return text.size() == kHashDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void advise_on_red(const Facts& facts, const RedDocument& red, Report& report) {
  for (const ApprovalTrigger& trigger : facts.tables.approvals) advise_on_trigger(facts, red, trigger, report);
  for (const EvidenceDemand& demand : facts.tables.evidence) advise_on_demand(facts, red, demand, report);
  const Circumstances& known = facts.known;
  if (red.track == Track::information_table) {
    if (known.export_used.value_or(false)) report.add(Severity::warn, "R32.repay", "tax", red.tax.abs().text());
    if (red.initiator == Side::buyer && listed(facts.tables.deducted_use, facts.blue.use) &&
        !known.transferred_out.value_or(true))
      report.add(Severity::warn, "X5.transfer_out", "tax", red.tax.abs().text());
  }
}

}  // namespace taxgate::rules
