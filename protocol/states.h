#pragma once
// The life of a submission: every state, every step and every allowed transition, in one table (docs/states.md is
// generated from it). The store refuses any transition that is not in the table. Terms: terms.md.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace taxgate {

/// What the billing server asked for. confirm/deny/revoke answer a form that stands on the platform.
enum class Kind : std::uint8_t { red, confirm, deny, revoke };

/// Which act towards the platform the submission is at. A red has up to two: apply (确认单/信息表) and upload
/// (开具红票).
enum class Step : std::uint8_t { apply, upload, answer };

enum class State : std::uint8_t {
  queued,                // durable; waits for its turn on the blue invoice, for a key, or for a retry
  waiting_approval,      // a person with the approver role must say yes
  held,                  // held(reason, who may release)
  signing,               // the body of the step is durable; a key is asked. Repeatable.
  ready,                 // signed bytes are durable; not sent
  sending,               // the durable intent "attempt n is about to leave". After a crash: outcome_unknown
  outcome_unknown,       // it may have arrived: ask the platform before anything else (结果待核实)
  waiting_counterparty,  // form state 02/03: the other side has 72 h
  confirmed,             // form 01/04 or table TZD0000; the red invoice does not exist yet
  processing,            // the upload was taken; its asynchronous result is awaited
  attention,             // a person must decide (待人工处理)
  issued,                // final: the red invoice exists
  void_,                 // final: the form is void (05..13)
  refused,               // final: the law's rules or the platform said no
  cancelled,             // final: withdrawn by the caller before anything was sent
  done,                  // final, kinds confirm/deny/revoke: the platform has taken the answer
};
inline constexpr int kStateCount = 16;

struct StateFacts {
  State state;
  std::string_view name;  // stable: "outcome_unknown"
  std::string_view text, text_zh;
  bool final;
  std::string_view next;  // names of the allowed next states, space-separated: the table
};
std::span<const StateFacts> states();
const StateFacts& facts(State state);
std::string_view name(State state);
std::string_view name(Step step);
std::string_view name(Kind kind);
std::optional<State> state_named(std::string_view name);
std::optional<Step> step_named(std::string_view name);
std::optional<Kind> kind_named(std::string_view name);
bool allowed(State from, State to);
inline bool is_final(State s) { return facts(s).final; }

}  // namespace taxgate
