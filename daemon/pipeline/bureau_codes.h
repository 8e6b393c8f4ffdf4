#pragma once
// A caller's own codes into the bureau's, before anything looks at the request. Mapped, never guessed.
#include <vector>

#include "daemon/rules/channel_codes.h"
#include "protocol/api.pb.h"

namespace taxgate::pipeline {

/// With request.codes: `reason` and the inline blue's type, use, booking and status become the bureau's. A reason or a
/// type without meaning is refused; an unknown use, booking or status is dropped (unknown), never taken for another.
/// errors (findings)  codes.unknown_channel, codes.no_meaning
std::vector<Error> to_bureau_codes(api::v1::SubmissionRequest& request, const rules::ChannelCodes& channels);

}  // namespace taxgate::pipeline
