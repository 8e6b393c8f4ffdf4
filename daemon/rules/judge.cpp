// The three doors of the one engine: a document judged, a wish decided, and both for callers that want refusals only.
#include "daemon/rules/check.h"
#include "daemon/rules/take.h"

namespace taxgate::rules {

Verdict judge(const BlueState& state, const RedDocument& red, const Circumstances& circumstances,
              const CodeTables& tables) {
  const Facts facts(state, circumstances, tables);
  Report report;
  check_reversible(facts, report.refusals);
  if (facts.blue.is_red) return weighed(facts, nullptr, red.initiator, std::move(report));
  advise_on_blue(facts, report);
  check_head(facts, red, report.refusals);
  if (facts.merged.findings.empty()) {
    check_lines(facts, red, report.refusals);
    check_extent(facts, red, report);
    advise_on_red(facts, red, report);
  }
  return weighed(facts, &red, red.initiator, std::move(report));
}

Decision decide(const BlueState& state, const Wish& wish, const Circumstances& circumstances,
                const CodeTables& tables) {
  const Facts facts(state, circumstances, tables);
  Report report;
  check_reversible(facts, report.refusals);
  // A blue that cannot be read or reversed at all has no lines worth deriving.
  if (facts.blue.is_red || !facts.merged.findings.empty())
    return {std::nullopt, weighed(facts, nullptr, wish.initiator, std::move(report))};
  advise_on_blue(facts, report);
  Findings of_wish;
  RedDocument red = head_of(facts, wish, of_wish);
  take_lines(facts, wish, red, of_wish);
  if (of_wish.empty() && !red.lines.empty()) {
    check_head(facts, red, report.refusals);
    check_lines(facts, red, report.refusals);
    check_extent(facts, red, report);
    advise_on_red(facts, red, report);
  } else {
    check_reason(facts, wish.reason, report.refusals);
  }
  for (Error& e : of_wish)
    add(report.refusals, std::move(e.id), std::move(e.field), std::move(e.wanted), std::move(e.left));
  const bool refused = !report.refusals.empty();
  Verdict verdict = weighed(facts, &red, wish.initiator, std::move(report));
  if (refused) return {std::nullopt, std::move(verdict)};
  return {std::move(red), std::move(verdict)};
}

std::expected<RedDocument, Findings> derive(const BlueState& state, const Wish& wish, const CodeTables& tables) {
  Decision decision = decide(state, wish, {}, tables);
  if (!decision.red) return std::unexpected(decision.verdict.refusals());
  return std::move(*decision.red);
}

Findings check(const BlueState& state, const RedDocument& red, const CodeTables& tables) {
  return judge(state, red, {}, tables).refusals();
}

}  // namespace taxgate::rules
