#pragma once
// A journal row as the local API's event, and the opaque cursor. Pure.
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/store/records.h"
#include "protocol/api.pb.h"
#include "protocol/error.h"

namespace taxgate::events {

/// A position in the journal as callers see it; they must not read anything into it. 0 = before the first row.
std::string cursor_text(std::int64_t seq);
/// Empty text is 0. errors  invalid_input events.cursor (field "after")
Result<std::int64_t> read_cursor(std::string_view text, std::string_view field = "after");

/// "submission.<state>" when the row changed the state (event "state"), else "submission.<event>"; rows without a
/// submission: "hold.set", "hold.released", "ledger.imported", "inbox.form", "caller.changed", "sync.<state>",
/// "disk.near", "disk.stopped", "disk.well", else "gateway.<event>".
std::string event_type(const store::JournalRow& row);

/// `id` equals the cursor's number and never changes: receivers use it to drop repeats.
api::v1::Event to_event(const store::JournalRow& row, std::string_view channel);

}  // namespace taxgate::events
