#include "cli/words.h"

#include "protocol/invoice.h"
#include "protocol/journal_text.h"
#include "protocol/messages.h"
#include "protocol/states.h"

namespace taxgate::cli {
std::string state_word(const Screen& screen, std::string_view state) {
  const auto known = state_named(state);
  return known ? screen.pick(facts(*known).text, facts(*known).text_zh)
               : word_of("health", state, screen.language);  // what a preflight found
}

std::string reason_word(const Screen& screen, std::string_view code) {
  const auto reason = parse_reason(code);
  if (!reason) return std::string(code);
  return std::string(reason_code(*reason)) + " " + std::string(reason_term(*reason, screen.chinese()));
}

std::string track_word(const Screen& screen, std::string_view track) {
  return word_of("track", track, screen.language);
}
std::string kind_word(const Screen& screen, std::string_view kind) { return word_of("kind", kind, screen.language); }
std::string purpose_word(const Screen& screen, std::string_view purpose) {
  return word_of("purpose", purpose.empty() ? "unreadable" : purpose, screen.language);
}
std::string event_word(const Screen& screen, std::string_view event) {
  return word_of("event", event, screen.language);
}
std::string step_word(const Screen& screen, std::string_view step) { return word_of("step", step, screen.language); }
std::string health_word(const Screen& screen, std::string_view health) {
  return word_of("health", health, screen.language);
}
std::string key_state_word(const Screen& screen, std::string_view state) {
  return word_of("key_state", state, screen.language);
}
std::string side_word(const Screen& screen, std::string_view side) { return word_of("side", side, screen.language); }
std::string role_word(const Screen& screen, std::string_view role) { return word_of("role", role, screen.language); }
std::string principal_word(const Screen& screen, std::string_view principal) {
  return word_of("principal", principal, screen.language);
}

std::string hold_word(const Screen& screen, std::string_view reason) {
  if (!screen.chinese()) return std::string(reason);
  const bool disk = reason.starts_with("disk.");
  const std::string word = word_of("hold_reason", disk ? "disk" : reason, screen.language);
  return word == reason ? word : std::string(reason) + " " + word;
}

std::string type_word(const Screen& screen, std::string_view type) {
  if (!screen.chinese()) return std::string(type);
  constexpr std::string_view kOfSubmission = "submission.";
  if (!type.starts_with(kOfSubmission)) return word_of("type", type, screen.language);
  const auto what = type.substr(kOfSubmission.size());
  return state_named(what) ? state_word(screen, what) : event_word(screen, what);
}

std::string detail_text(const Screen& screen, std::string_view detail) { return journal_text(detail, screen.language); }

}  // namespace taxgate::cli
