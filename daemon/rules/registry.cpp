#include "daemon/rules/registry.h"

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/rules/registry_rows.h"

namespace taxgate::rules {
namespace {

constexpr std::size_t kDate = 10;  // "2026-01-01"

}  // namespace

std::string_view name(Ground ground) {
  static constexpr std::array<std::string_view, 4> kNames{"source text", "confirmed", "from memory", "unknown"};
  return kNames[static_cast<std::size_t>(ground)];
}

std::string_view name(Status status) {
  static constexpr std::array<std::string_view, 4> kNames{"active", "rejected", "superseded", "elsewhere"};
  return kNames[static_cast<std::size_t>(status)];
}

std::span<const Rule> registry() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> out(kRedRules, kRedRules + kRedRuleCount);
    out.insert(out.end(), kOtherRules, kOtherRules + kOtherRuleCount);
    return out;
  }();
  return all;
}

const Rule* find_rule(std::string_view id) {
  const auto rows = registry();
  const auto at = std::ranges::find(rows, id, &Rule::id);
  return at == rows.end() ? nullptr : &*at;
}

bool in_force(const Rule& rule, LegalTime day) {
  if (rule.status != Status::active) return false;
  if (!day.is_set()) return rule.to.empty();
  const std::string date = day.platform_text().substr(0, kDate);
  return (rule.from.empty() || date >= rule.from) && (rule.to.empty() || date <= rule.to);
}

}  // namespace taxgate::rules
