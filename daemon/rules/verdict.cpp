#include "daemon/rules/verdict.h"

#include <algorithm>
#include <array>

namespace taxgate::rules {
namespace {

constexpr std::array<std::string_view, 4> kSeverities{"note", "warn", "needs_approval", "refuse"};
constexpr std::array<std::string_view, 4> kAnswers{"allowed", "counterparty_must_confirm", "needs_approval", "refused"};

}  // namespace

std::string_view name(Severity severity) { return kSeverities[static_cast<std::size_t>(severity)]; }

std::optional<Severity> severity_named(std::string_view text) {
  const auto at = std::ranges::find(kSeverities, text);
  if (at == kSeverities.end()) return std::nullopt;
  return static_cast<Severity>(at - kSeverities.begin());
}

std::string_view name(Answer answer) { return kAnswers[static_cast<std::size_t>(answer)]; }

std::string_view Finding::rule() const { return std::string_view(error.id).substr(0, error.id.find('.')); }

std::vector<Error> Verdict::refusals() const {
  std::vector<Error> out;
  for (const Finding& f : findings)
    if (f.severity == Severity::refuse) out.push_back(f.error);
  return out;
}

const Finding* Verdict::find(std::string_view id) const {
  const auto at = std::ranges::find_if(findings, [id](const Finding& f) { return f.error.id == id; });
  return at == findings.end() ? nullptr : &*at;
}

}  // namespace taxgate::rules
