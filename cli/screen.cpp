#include "cli/screen.h"

#include <algorithm>
#include <cstdlib>

namespace taxgate::cli {

Language language_of_environment() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0')
      return std::string_view(value).starts_with("zh") ? Language::chinese : Language::english;
  return Language::english;
}

std::string short_time(std::string_view t) {
  if (t.size() < 19 || t[10] != 'T') return std::string(t);
  return std::string(t.substr(0, 10)) + " " + std::string(t.substr(11, 8));
}

std::string grouped(std::string_view money) {
  std::string out(money);
  const std::size_t first = out.starts_with('-') ? 1 : 0;
  std::size_t at = std::min(out.find('.'), out.size());
  while (at > first + 3) out.insert(at -= 3, ",");
  return out;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F) c = '?';
  return out;
}

}  // namespace taxgate::cli
