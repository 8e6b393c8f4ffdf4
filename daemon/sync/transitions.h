#pragma once
// Which change of a status the platform can mean. What it cannot mean is not believed and not forgotten: the record is
// quarantined with its evidence until a person looks at it. The official documents list codes, not transitions; the
// table is inferred (docs/sync.md says from what) and one table only. Pure; any thread.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/platform_status.h"

namespace taxgate::sync {

struct Transition {
  StatusField field;
  std::string_view from, to;  // codes; `to` lists all that may follow `from`, space-separated; "*": any
};
/// Rows of the table; a code without a row may become anything.
std::span<const Transition> transitions();

/// True when one field may go from one code to the other. The same code, and from "absent", always.
bool may_follow(StatusField field, std::uint8_t from, std::uint8_t to);
/// The first field whose change is impossible; nullopt: the whole change is possible.
std::optional<StatusField> forbidden(PlatformStatus before, PlatformStatus after);

}  // namespace taxgate::sync
