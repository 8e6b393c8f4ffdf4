#pragma once
// Codes into words for a screen; an unknown code stays as it is.
#include <string>
#include <string_view>

#include "cli/screen.h"

namespace taxgate::cli {

std::string state_word(const Screen& screen, std::string_view state);
std::string reason_word(const Screen& screen, std::string_view code);  // "02 goods returned"
std::string track_word(const Screen& screen, std::string_view track);
std::string kind_word(const Screen& screen, std::string_view kind);
std::string purpose_word(const Screen& screen, std::string_view purpose);  // of a signature
std::string event_word(const Screen& screen, std::string_view event);
std::string health_word(const Screen& screen, std::string_view health);
std::string key_state_word(const Screen& screen, std::string_view state);
std::string side_word(const Screen& screen, std::string_view side);

}  // namespace taxgate::cli
