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
std::string step_word(const Screen& screen, std::string_view step);
std::string role_word(const Screen& screen, std::string_view role);
std::string principal_word(const Screen& screen, std::string_view principal);  // a caller's name stays as it is
/// "red_alert 红色预警": the code is what `release --reason` takes; English: the code.
std::string hold_word(const Screen& screen, std::string_view reason);
/// Of an event: "submission.issued" in Chinese words; English: the type, which machines know it by.
std::string type_word(const Screen& screen, std::string_view type);
/// A detail of the journal, a cause of a hold: stored in English, shown in the reader's language.
std::string detail_text(const Screen& screen, std::string_view detail);

}  // namespace taxgate::cli
