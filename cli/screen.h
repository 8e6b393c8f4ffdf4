#pragma once
// What a person sees: the language and the exit codes; tables are protocol/screen_text.h's.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"
#include "protocol/screen_text.h"

namespace taxgate::cli {

/// docs/cli.md, "Exit codes".
enum class Exit : int {
  ok = 0,
  attention = 1,    // done as asked; a person should look (refused, void, attention, held; status: attention)
  refused = 2,      // usage, bad input, the rules, a missing role; status: failing
  unreachable = 3,  // the daemon does not answer or is busy: try again
  trouble = 4,      // an answer that says the daemon itself is in trouble
};

struct Screen {
  Language language = Language::english;
  bool json = false;   // one JSON value per answer, for machines
  bool names = false;  // natural persons' data in full

  bool chinese() const { return language == Language::chinese; }
  /// The text of the language; English where there is no Chinese one.
  std::string pick(std::string_view english, std::string_view zh) const {
    return std::string(chinese() && !zh.empty() ? zh : english);
  }
};

/// zh when LC_ALL, LC_MESSAGES or LANG (the first that is set) begins with "zh".
Language language_of_environment();

/// "2026-11-22T10:19:52.123+08:00" → "2026-11-22 10:19:52"; other text unchanged.
std::string short_time(std::string_view rfc3339);
/// "-300000.00" → "-300,000.00".
std::string grouped(std::string_view money);
/// The text with control characters (but not line breaks) replaced: what came from outside must not steer a terminal.
std::string printable(std::string_view text);

}  // namespace taxgate::cli
