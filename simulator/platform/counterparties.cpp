#include "simulator/platform/counterparties.h"

namespace taxgate::simulator {

void Counterparties::set(CounterpartyRule rule) {
  for (CounterpartyRule& known : rules_) {
    if (known.blue_number == rule.blue_number && known.taxpayer == rule.taxpayer) {
      known = std::move(rule);
      return;
    }
  }
  rules_.push_back(std::move(rule));
}

CounterpartyRule Counterparties::find(const std::string& blue_number, const std::string& taxpayer) const {
  const CounterpartyRule* best = nullptr;
  int best_rank = -1;
  for (const CounterpartyRule& rule : rules_) {
    if (!rule.blue_number.empty() && rule.blue_number != blue_number) continue;
    if (!rule.taxpayer.empty() && rule.taxpayer != taxpayer) continue;
    const int rank = (rule.blue_number.empty() ? 0 : 2) + (rule.taxpayer.empty() ? 0 : 1);
    if (rank > best_rank) {
      best = &rule;
      best_rank = rank;
    }
  }
  return best == nullptr ? CounterpartyRule{} : *best;
}

}  // namespace taxgate::simulator
