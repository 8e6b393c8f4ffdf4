#include "daemon/core/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "daemon/core/limits.h"

namespace taxgate::log {
namespace {

std::atomic<int> g_level{static_cast<int>(Level::info)};

// A line break inside a value would forge a log line of its own; a bare ESC would drive the reader's terminal.
void append_clean(std::string& line, std::string_view text) {
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
}

}  // namespace

void set_level(Level level) { g_level.store(static_cast<int>(level), std::memory_order_relaxed); }
bool enabled(Level level) { return static_cast<int>(level) <= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view id, std::string_view text) {
  if (!enabled(level)) return;
  std::string line = fmt::format("<{}>[", static_cast<int>(level));
  append_clean(line, id);
  line += "] ";
  append_clean(line, text);
  if (line.size() > limits::kLogLine) {
    std::size_t cut = limits::kLogLine;
    while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0U) == 0x80U) --cut;  // not inside a UTF-8 character
    line.resize(cut);
    line += "...";
  }
  line += '\n';
  // A log that cannot be written must not stop tax work; there is nobody left to tell.
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

void write(Level level, const Error& error) {
  std::string text;
  const auto add = [&text](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    if (!text.empty()) text += ' ';
    text += name;
    text += '=';
    text += value;
  };
  add("field", error.field);
  add("wanted", error.wanted);
  add("left", error.left);
  add("detail", error.detail);
  write(level, error.id, text);
}

}  // namespace taxgate::log
