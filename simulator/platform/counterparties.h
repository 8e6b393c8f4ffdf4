#pragma once
// How the other side of a confirmation form behaves: confirms, refuses, or stays silent until the 72 hours are over.
// Pure state; thread: the world's.
#include <cstdint>
#include <string>
#include <vector>

namespace taxgate::simulator {

enum class Reaction : std::uint8_t { silent, confirm, deny };

struct CounterpartyRule {
  std::string blue_number;  // "" any
  std::string taxpayer;     // the side that answers; "" any
  Reaction reaction = Reaction::silent;
  std::int64_t after_ms = 0;  // legal time from the entry of the form (lrrq)
};

class Counterparties {
 public:
  /// Replaces a rule with the same blue number and taxpayer.
  void set(CounterpartyRule rule);
  /// The most specific rule: both match, then blue number, then taxpayer, then the rule for any. Silent without one.
  CounterpartyRule find(const std::string& blue_number, const std::string& taxpayer) const;

 private:
  std::vector<CounterpartyRule> rules_;
};

}  // namespace taxgate::simulator
