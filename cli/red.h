#pragma once
// What the wizard and the batch of `red` share. Private to commands_red.cpp and red_batch.cpp.
#include "cli/session.h"

namespace taxgate::cli {

/// One line from the person, trimmed; empty at the end of the input.
std::string ask(Session& session, const std::string& question);
bool is_yes(std::string_view answer);
/// --yes, or the person says so; a machine (--json) is asked nothing and has not.
bool agreed(Session& session, const std::string& question);
Exit not_confirmed(Session& session);
Failed red_missing(std::string_view what);

/// `red --from FILE` and `red --filter …`.
Exit red_batch(Session& session);

}  // namespace taxgate::cli
