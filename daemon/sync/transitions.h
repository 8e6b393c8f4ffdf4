#pragma once
// Which change of a status the platform can mean. What it cannot mean is not believed and not forgotten: the record is
// quarantined with its evidence until a person looks at it. The official documents list codes, not transitions; the
// compiled-in rows are inferred (docs/sync.md says from what), so the operator's tables may say otherwise. Pure; any
// thread.
#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/platform_status.h"

namespace taxgate::sync {

struct Transition {
  StatusField field;
  std::string_view from, to;  // codes; `to` lists all that may follow `from`, space-separated
};
/// The compiled-in rows; a code without a row may become anything.
std::span<const Transition> transitions();

class TransitionTable {
 public:
  TransitionTable();  // the compiled-in rows
  static const TransitionTable& compiled_in();

  /// In the place of the row of `from`, when there is one. to  all codes that may follow; "*" alone: any
  /// returns  false when a code has a form that no table of the platform has: nothing is changed
  bool replace(StatusField field, std::string_view from, const std::vector<std::string>& to);

  /// True when one field may go from one code to the other. The same code, and from "absent", always.
  bool may_follow(StatusField field, std::uint8_t from, std::uint8_t to) const {
    return from == to || to_[static_cast<std::size_t>(field)][from & (kCodes - 1)][to & (kCodes - 1)];
  }
  /// The first field whose change is impossible; nullopt: the whole change is possible.
  std::optional<StatusField> forbidden(PlatformStatus before, PlatformStatus after) const;

 private:
  static constexpr std::size_t kCodes = 128;  // seven bits
  std::array<std::array<std::bitset<kCodes>, kCodes>, kStatusFields> to_;
};

}  // namespace taxgate::sync
