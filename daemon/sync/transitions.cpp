#include "daemon/sync/transitions.h"

#include <array>
#include <bitset>

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

constexpr std::size_t kCodes = 128;

class Allowed {
 public:
  Allowed() {
    for (auto& field : to_)
      for (auto& codes : field) codes.set();
    for (const auto& row : kTable) {
      auto& codes = to_[static_cast<std::size_t>(row.field)][*status_code(row.from)];
      codes.reset();
      for (std::string_view rest = row.to; !rest.empty();) {
        const auto blank = rest.find(' ');
        codes.set(*status_code(rest.substr(0, blank)));
        rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
      }
    }
  }
  bool may(StatusField field, std::uint8_t from, std::uint8_t to) const {
    return to_[static_cast<std::size_t>(field)][from & 127U][to & 127U];
  }

 private:
  std::array<std::array<std::bitset<kCodes>, kCodes>, kStatusFields> to_;
};

const Allowed& allowed() {
  static const Allowed table;
  return table;
}

}  // namespace

std::span<const Transition> transitions() { return kTable; }

bool may_follow(StatusField field, std::uint8_t from, std::uint8_t to) {
  return from == to || allowed().may(field, from, to);
}

std::optional<StatusField> forbidden(PlatformStatus before, PlatformStatus after) {
  const Allowed& table = allowed();
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    const auto field = static_cast<StatusField>(f);
    const auto from = before.get(field), to = after.get(field);
    if (from != to && !table.may(field, from, to)) return field;
  }
  return std::nullopt;
}

}  // namespace taxgate::sync
