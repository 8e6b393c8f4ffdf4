#pragma once
// Following one submission by long polls until it is final.
#include "cli/session.h"

namespace taxgate::cli {

/// Prints every new row of the time line (with --json: the submission at each change). --wait bounds the whole time.
/// Exit attention when it ends refused, void, or in a state that only a person can end.
Exit follow(Session& session, api::v1::Submission submission);

/// --wait in seconds; 0 when it was not given. errors  invalid_input cli.number
Result<std::chrono::seconds> wait_given(const Given& given);

}  // namespace taxgate::cli
