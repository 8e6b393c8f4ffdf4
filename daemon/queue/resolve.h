#pragma once
// Unknown outcome (结果待核实): what the platform shows is compared with what we meant, and one table decides what
// happens next. Pure functions: no I/O, no clock. docs/unknown-outcome.md explains the table; resolve_test.cpp is it.
//
// Only our own form may be adopted: no other submission owns it; initiator, parties, reason, lines, amount and tax
// equal the intent; and it was not entered before the intent. Apply has no idempotency key at the platform (rules.md
// C), so adopting the wrong form or resending too early are the two ways to lose or double a red.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/leqi.h"
#include "protocol/states.h"
#include "protocol/table_xml.h"

namespace taxgate::queue {

/// A form the platform lists on our blue invoice, with its detail (lines filled).
struct Sighting {
  leqi::Form form;
  bool owned_by_other = false;  // another submission of ours has adopted it
};

enum class Match : std::uint8_t {
  ours,
  irrelevant,  // owned by another submission of ours, or dead/settled before our intent: says nothing about it
  foreign,     // open, or entered since our intent, but not what we meant
};
struct Comparison {
  Match match;
  std::vector<std::string> differences;
};  // field names that differ
Comparison compare(const RedDocument& wanted, LegalTime intent_at, const Sighting& sighting);
/// Differences between what we meant and what the platform holds, by field name; empty: equal.
std::vector<std::string> differences(const RedDocument& wanted, const leqi::Form& form);
std::vector<std::string> differences(const RedDocument& wanted, const RedDocument& held);

/// What is remembered between two questions about one unknown outcome. Lost at a restart on purpose: asking twice
/// again is always safe.
struct Silence {
  std::optional<std::int64_t> first_none_ms;  // steady time of the first complete answer without our form
};

enum class Verdict : std::uint8_t {
  adopt,      // it arrived: take the form
  wait,       // nothing there yet; ask again at `ask_again_ms`
  resend,     // nothing there, twice, at least `settle` apart: the same signed bytes may leave again
  attention,  // a person must decide
};
struct Decision {
  Verdict verdict;
  std::optional<leqi::Form> form;  // adopt
  std::vector<leqi::Form> shown;   // attention: what to show beside the intent
  std::string why;                 // "foreign_form", "two_matches"
  std::int64_t ask_again_ms = 0;   // wait
};

/// The decision table. `complete`: the list answered every page. `now_ms`, `settle_ms`: steady milliseconds.
Decision decide(const RedDocument& wanted, LegalTime intent_at, const std::vector<Sighting>& seen, Silence& silence,
                std::int64_t now_ms, std::int64_t settle_ms);
/// The same for an information table, looked up by its own request number.
Decision decide_table(const RedDocument& wanted, const std::vector<table::Row>& rows, Silence& silence,
                      std::int64_t now_ms, std::int64_t settle_ms);
/// The part both share: nothing of ours is there.
Decision decide_none(Silence& silence, std::int64_t now_ms, std::int64_t settle_ms);

/// State of a red whose form stands in this platform state. A code we do not know is "not issued": wait and show it.
State state_for_form(const leqi::Form& form);
/// The same for a state's code alone, no red known.
State state_for_code(std::string_view code);

/// The seam the sabotage tests use: what is done about silence, and whether the intent is durable before sending.
class Discipline {
 public:
  virtual ~Discipline() = default;
  virtual bool intent_before_send() const { return true; }
  virtual bool ask_before_resend() const { return true; }
};

}  // namespace taxgate::queue
