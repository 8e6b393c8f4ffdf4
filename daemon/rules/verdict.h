#pragma once
// What the law says to one wanted red, and why: every finding with its rule, what it weighs, the numbers compared and
// (through the message catalogue) the remedy. Values; thread-safe.
#include <string_view>
#include <vector>

#include "daemon/rules/tables.h"
#include "protocol/error.h"

namespace taxgate::rules {

struct Finding {
  Error error;  // id "R2.tax_cap", field, wanted, left; sentence and remedy: protocol/messages.h
  Severity severity = Severity::refuse;
  /// The rule's id in the registry: the part of the id before the point.
  std::string_view rule() const;
  friend bool operator==(const Finding&, const Finding&) = default;
};

/// The heaviest thing that was found. Several may hold at once: see Verdict::counterparty_confirms.
enum class Answer : std::uint8_t { allowed, counterparty_must_confirm, needs_approval, refused };
std::string_view name(Answer answer);  // "allowed", "counterparty_must_confirm", …

struct Verdict {
  Answer answer = Answer::allowed;
  bool counterparty_confirms = false;  // also when a person of ours must approve first
  /// At most kMaxFindings refusals and as many others. Order: that the invoice may be voided instead (R34), then by
  /// weight, the heaviest first.
  std::vector<Finding> findings;

  bool refused() const { return answer == Answer::refused; }
  /// The refusals alone, as the pipeline returns them.
  std::vector<Error> refusals() const;
  const Finding* find(std::string_view id) const;
};

}  // namespace taxgate::rules
