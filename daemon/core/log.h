#pragma once
// Log lines for journald on stderr: "<6>[store.opened] schema 2, 1,024 open". The number is the syslog priority, the
// word in brackets a stable message id. One write(2) a line, so lines of several threads and processes never mix. Never
// a PIN, a key or a payload; control characters are replaced, long lines cut (limits::kLogLine). Thread-safe.
#include <fmt/core.h>

#include <string_view>

#include "protocol/error.h"

namespace taxgate::log {

enum class Level : int { critical = 2, error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// Lines above this level are dropped. Default: info.
void set_level(Level level);
bool enabled(Level level);

void write(Level level, std::string_view id, std::string_view text);
/// An Error under its own id: field, wanted, left and detail.
void write(Level level, const Error& error);

template <class... A>
void info(std::string_view id, fmt::format_string<A...> form, A&&... args) {
  if (enabled(Level::info)) write(Level::info, id, fmt::format(form, std::forward<A>(args)...));
}
template <class... A>
void notice(std::string_view id, fmt::format_string<A...> form, A&&... args) {
  write(Level::notice, id, fmt::format(form, std::forward<A>(args)...));
}
template <class... A>
void warning(std::string_view id, fmt::format_string<A...> form, A&&... args) {
  write(Level::warning, id, fmt::format(form, std::forward<A>(args)...));
}
template <class... A>
void error(std::string_view id, fmt::format_string<A...> form, A&&... args) {
  write(Level::error, id, fmt::format(form, std::forward<A>(args)...));
}
template <class... A>
void debug(std::string_view id, fmt::format_string<A...> form, A&&... args) {
  if (enabled(Level::debug)) write(Level::debug, id, fmt::format(form, std::forward<A>(args)...));
}

}  // namespace taxgate::log
