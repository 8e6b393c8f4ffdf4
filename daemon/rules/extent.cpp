// How much of an invoice must go at once, or may go at most: R5 farm produce, R6 差额开票, R21 services partly
// performed.
#include <algorithm>

#include "daemon/rules/check.h"
#include "daemon/rules/codes.h"
#include "daemon/rules/exact.h"

namespace taxgate::rules {
namespace {

bool takes_everything(const Facts& facts, const RedDocument& red) {
  return red.amount.abs() == facts.blue.amount && red.tax.abs() == facts.blue.tax;
}

/// Partly credited: first all that is not yet credited, or everything; then exactly what is left.
void check_partly_credited(const Facts& facts, const RedDocument& red, Report& report) {
  const Fen wanted = red.amount.abs();
  if (facts.partly_reversed()) {
    if (facts.reds.empty()) {  // the platform says that something is reversed, and nobody says how much
      report.add(Severity::note, "R5.taken_unknown", "amount", wanted.text(), facts.blue.amount.text());
      return;
    }
    const Fen rest = std::max(Fen{0}, minus(facts.blue.amount, facts.taken_amount()));
    if (wanted != rest) report.add(Severity::refuse, "R5.remainder", "amount", wanted.text(), rest.text());
    return;
  }
  if (takes_everything(facts, red)) return;
  if (!facts.known.farm_credited) {
    report.add(Severity::note, "R5.credited_unknown", "amount", wanted.text(), facts.blue.amount.text());
    return;
  }
  const Fen open = minus(facts.blue.amount, *facts.known.farm_credited);
  if (wanted != open) report.add(Severity::refuse, "R5.part", "amount", wanted.text(), open.text());
}

/// The share that was performed stays; what earlier reds took counts.
void check_performed(const Facts& facts, const RedDocument& red, Report& report) {
  if (red.reason != Reason::service_stopped || !facts.known.performed) return;
  const auto kept = facts.known.performed->times(facts.blue.amount);
  if (!kept || kept->value < 0 || *kept > facts.blue.amount) {
    report.add(Severity::refuse, "R21.share", "performed", facts.known.performed->text(), "1");
    return;
  }
  const Fen open = std::max(Fen{0}, minus(minus(facts.blue.amount, *kept), facts.taken_amount()));
  if (red.amount.abs() > open)
    report.add(Severity::refuse, "R21.performed", "amount", red.amount.abs().text(), open.text());
}

}  // namespace

void check_extent(const Facts& facts, const RedDocument& red, Report& report) {
  if (listed(facts.tables.full_only_difference, facts.blue.difference) && !takes_everything(facts, red))
    report.add(Severity::refuse, "R6.full_only", "amount", red.amount.abs().text(), facts.blue.amount.text());
  if (has_farm_label(facts.known, facts.tables.farm_full) && !takes_everything(facts, red))
    report.add(Severity::refuse, "R5.full_only", "amount", red.amount.abs().text(), facts.blue.amount.text());
  if (has_farm_label(facts.known, facts.tables.farm_part)) check_partly_credited(facts, red, report);
  check_performed(facts, red, report);
}

}  // namespace taxgate::rules
