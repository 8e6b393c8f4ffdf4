#include "daemon/rules/propose.h"

#include <algorithm>
#include <array>

#include "daemon/rules/exact.h"
#include "daemon/rules/lines.h"

namespace taxgate::rules {
namespace {

const Decimal kAll = Decimal::from_int(1);

/// The share as an amount of what is left now. A share that is none stays in the wish as an amount that cannot be
/// positive, so that the verdict names it.
LineWish resolved(const PlannedLine& planned, const std::vector<LineLeft>& rest) {
  LineWish wish = planned.wish;
  if (!planned.share) return wish;
  const auto at = std::ranges::find(rest, wish.blue_line, &LineLeft::blue_line);
  if (at == rest.end() || *planned.share == kAll) return wish;  // no such line: said by the verdict; all: an empty wish
  const auto amount = planned.share->times(at->amount);
  wish.amount = amount && *planned.share < kAll ? *amount : Fen{};
  return wish;
}

}  // namespace

std::vector<Proposal> propose(const BlueState& state, const Plan& plan, const Circumstances& circumstances,
                              const CodeTables& tables) {
  static constexpr std::array kOrder{Reason::wrong_invoice, Reason::goods_returned, Reason::service_stopped,
                                     Reason::allowance};
  std::vector<Proposal> out;
  BlueState then = state;
  for (const Reason reason : kOrder) {
    Wish wish{.initiator = plan.initiator, .reason = reason, .lines = {}, .tax_device = plan.tax_device};
    const std::vector<LineLeft> rest = left(then);
    for (const PlannedLine& planned : plan.lines)
      if (planned.reason == reason) wish.lines.push_back(resolved(planned, rest));
    if (wish.lines.empty()) continue;
    Decision decision = decide(then, wish, circumstances, tables);
    if (!out.empty())
      decision.verdict.findings.push_back(
          {Error{Errc::invalid_input, "R29.serial", "blue_number", state.blue->number, {}, {}}, Severity::note});
    if (decision.red) then.reds.push_back(*decision.red);
    out.push_back({std::move(wish), std::move(decision.red), std::move(decision.verdict)});
  }
  return out;
}

Result<Wish> unperformed(const BlueState& state, const Decimal& performed, const Decimal& whole) {
  if (performed.sign() < 0 || performed >= whole)
    return fail(Errc::invalid_input, "R21.share", "performed", performed.text(), whole.text());
  const Merged merged = merge(*state.blue);
  const auto rest = left_of(merged, state.reds);
  Wish wish{.initiator = Side::seller, .reason = Reason::service_stopped, .lines = {}, .tax_device = {}};
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const MergedLine& line = merged.lines[i];
    // Less than the line's amount, so always in range.
    const Fen stays = Decimal::share(line.amount, performed, whole).value_or(line.amount);
    const Fen open = minus(line.amount, stays), gone = minus(line.amount, rest[i].amount);
    const Fen wanted = minus(open, gone);
    if (wanted <= Fen{0}) continue;
    wish.lines.push_back({.blue_line = rest[i].blue_line, .quantity = {}, .amount = wanted, .total = {}});
  }
  if (wish.lines.empty())
    return fail(Errc::invalid_input, "R21.performed", "amount", state.blue->amount.text(), "0.00");
  return wish;
}

}  // namespace taxgate::rules
