#pragma once
// Plain documents (protocol/invoice.h) ⇄ the local API's protobuf (protocol/api.proto), which is also how they are
// stored. Reading checks every field and reports all findings, not the first.
#include <vector>

#include "protocol/api.pb.h"
#include "protocol/invoice.h"

namespace taxgate {

using Findings = std::vector<Error>;

api::v1::Invoice to_record(const Invoice& invoice);
/// `prefix` is put before field paths ("blue."). Appends to `findings`; the result is meaningful only when none was
/// added.
Invoice read_record(const api::v1::Invoice& record, std::string_view prefix, bool allow_invented, Findings& findings);

/// RedDocument ⇄ bytes for the store (a private message of this file's making: versioned first byte, then protobuf).
std::string to_stored(const RedDocument& red);
Result<RedDocument> red_from_stored(std::string_view bytes);

}  // namespace taxgate
