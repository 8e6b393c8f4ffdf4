#pragma once
// The operator's codes of channels and calendar, out of the tables file ([rules] tables_file): [channel.NAME] and
// [calendar]. Private to daemon/pipeline; the only header here that shows toml++.
#include <toml++/toml.h>

#include "daemon/pipeline/settings.h"

namespace taxgate::pipeline {

/// `node`: the value of the key "channel". All or nothing. errors  invalid_input config.tables ("FILE:LINE: …") and the
/// first of rules::validate (codes.*)
Result<void> load_channels(const toml::node& node, const std::string& file, Settings& settings);
/// `node`: the value of the key "calendar". errors  invalid_input config.tables
Result<void> load_calendar(const toml::node& node, const std::string& file, Settings& settings);

}  // namespace taxgate::pipeline
