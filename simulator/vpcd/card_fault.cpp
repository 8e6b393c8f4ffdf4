#include "simulator/vpcd/card_fault.h"

#include "protocol/gmt0017.h"

namespace taxgate::simulator {
namespace {

struct KindName {
  CardFault::Kind kind;
  std::string_view name;
};
constexpr KindName kKinds[] = {
    {CardFault::Kind::delay, "delay"},
    {CardFault::Kind::hang, "hang"},
    {CardFault::Kind::unplug, "unplug"},
    {CardFault::Kind::drop, "drop"},
    {CardFault::Kind::wrong_signature, "wrong_signature"},
    {CardFault::Kind::pin_locked, "pin_locked"},
};

bool matches(const CardFault& fault, std::uint8_t ins) {
  if (fault.counting != CardFault::Counting::per_command) return false;
  if (fault.ins) return *fault.ins == ins;
  // A wrong signature can only come from a command that signs.
  return fault.kind != CardFault::Kind::wrong_signature ||
         ins == static_cast<std::uint8_t>(gmt0017::Ins::ecc_sign_data);
}

}  // namespace

std::string_view kind_name(CardFault::Kind kind) {
  for (const auto& row : kKinds)
    if (row.kind == kind) return row.name;
  return "?";
}

std::optional<CardFault::Kind> kind_of(std::string_view name) {
  for (const auto& row : kKinds)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

bool CardFaultScript::looks_at_commands() const {
  for (const auto& entry : faults_)
    if (entry.fault.counting == CardFault::Counting::per_command) return true;
  return false;
}

std::optional<CardFault> CardFaultScript::on_command(std::uint8_t ins) {
  std::optional<CardFault> fired;
  for (auto at = faults_.begin(); at != faults_.end();) {
    if (!matches(at->fault, ins)) {
      ++at;
      continue;
    }
    ++at->matches;
    const auto& fault = at->fault;
    const bool due = at->matches >= fault.nth;
    if (due && !fired) fired = fault;
    const bool spent = fault.count != 0 && at->matches + 1 >= std::uint64_t{fault.nth} + fault.count;
    at = spent ? faults_.erase(at) : std::next(at);
  }
  return fired;
}

std::optional<CardFaultScript::Cut> CardFaultScript::on_frame(CardFault::Direction direction, Position at,
                                                              std::uint64_t size, bool is_apdu) {
  std::optional<Cut> first;
  auto fired = faults_.end();
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    const CardFault& fault = it->fault;
    if (fault.counting == CardFault::Counting::per_command || fault.direction != direction) continue;
    const bool apdus = fault.counting == CardFault::Counting::per_apdus;
    if (apdus && !is_apdu) continue;
    const std::uint64_t start = apdus ? at.apdus : at.link;
    const std::uint64_t passes = fault.at_byte > start ? fault.at_byte - start : 0;
    if (passes >= size || (first && passes >= first->passes)) continue;
    first = Cut{passes, fault};
    fired = it;
  }
  if (first) faults_.erase(fired);
  return first;
}

}  // namespace taxgate::simulator
