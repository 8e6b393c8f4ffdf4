#include "daemon/sync/transitions.h"

namespace taxgate::sync {
namespace {

using enum StatusField;

// Reasons: a void or fully reversed invoice is finished; a reversal is not undone (a red invoice cannot be reversed
// again, R20); a booking is withdrawn as 03, never forgotten; a granted or refused refund is a decision; 4 and 5 are
// historical, so nothing becomes them; a full extra deduction (加计扣除) is not taken back in parts.
constexpr std::array kTable{
    Transition{state, "2", ""},
    Transition{state, "8", ""},
    Transition{state, "7", "3 8"},
    Transition{state, "3", "8"},
    Transition{use, "0", "1 2 3 6 7 8 9 10 11"},
    Transition{use, "1", "0 2 3 6 7 10"},
    Transition{use, "2", "0 9 10"},
    Transition{use, "3", "0 9 10"},
    Transition{use, "4", "0 1 6"},
    Transition{use, "5", "0 9 10"},
    Transition{use, "6", "0 1 7"},
    Transition{use, "7", "0 8"},
    Transition{use, "8", "0 1 7"},
    Transition{use, "9", ""},
    Transition{use, "10", ""},
    Transition{use, "11", ""},
    Transition{booking, "01", "02"},
    Transition{booking, "02", "03"},
    Transition{booking, "03", "02"},
    Transition{agriculture, "0", "1 2 3"},
    Transition{agriculture, "3", "1"},
    Transition{agriculture, "1", ""},
    Transition{agriculture, "2", ""},
};

}  // namespace

std::span<const Transition> transitions() { return kTable; }

TransitionTable::TransitionTable() {
  for (auto& field : to_)
    for (auto& codes : field) codes.set();
  for (const auto& row : kTable) {
    std::vector<std::string> to;
    for (std::string_view rest = row.to; !rest.empty();) {
      const auto blank = rest.find(' ');
      to.emplace_back(rest.substr(0, blank));
      rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
    }
    (void)replace(row.field, row.from, to);
  }
}

const TransitionTable& TransitionTable::compiled_in() {
  static const TransitionTable table;
  return table;
}

bool TransitionTable::replace(StatusField field, std::string_view from, const std::vector<std::string>& to) {
  const auto before = status_code(from);
  if (!before || *before == 0) return false;
  std::bitset<kCodes> codes;
  if (to == std::vector<std::string>{"*"}) {
    codes.set();
  } else {
    for (const auto& text : to) {
      const auto code = status_code(text);
      if (!code || *code == 0) return false;
      codes.set(*code);
    }
  }
  to_[static_cast<std::size_t>(field)][*before] = codes;
  return true;
}

std::optional<StatusField> TransitionTable::forbidden(PlatformStatus before, PlatformStatus after) const {
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    const auto field = static_cast<StatusField>(f);
    if (!may_follow(field, before.get(field), after.get(field))) return field;
  }
  return std::nullopt;
}

}  // namespace taxgate::sync
