#include "protocol/text.h"

#include <cstdint>
#include <cstring>

namespace taxgate {
namespace {

unsigned at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }
bool is_tail(unsigned c) { return (c & 0xC0) == 0x80; }

/// Length of the well-formed character at `i`, or 0.
std::size_t character(std::string_view text, std::size_t i) {
  const unsigned lead = at(text, i);
  const std::size_t left = text.size() - i;
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a tail, or the overlong C0 and C1
  if (lead < 0xE0) return left >= 2 && is_tail(at(text, i + 1)) ? 2 : 0;
  if (lead < 0xF0) {
    if (left < 3 || !is_tail(at(text, i + 1)) || !is_tail(at(text, i + 2))) return 0;
    const unsigned second = at(text, i + 1);
    if (lead == 0xE0 && second < 0xA0) return 0;   // overlong
    if (lead == 0xED && second >= 0xA0) return 0;  // surrogate
    return 3;
  }
  if (lead > 0xF4 || left < 4) return 0;
  if (!is_tail(at(text, i + 1)) || !is_tail(at(text, i + 2)) || !is_tail(at(text, i + 3))) return 0;
  const unsigned second = at(text, i + 1);
  if (lead == 0xF0 && second < 0x90) return 0;   // overlong
  if (lead == 0xF4 && second >= 0x90) return 0;  // above U+10FFFF
  return 4;
}

}  // namespace

std::size_t utf8_error(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t i = 0;
  while (i < text.size()) {
    if (std::uint64_t word; text.size() - i >= sizeof word) {  // eight ASCII characters at a time
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & kHighBits) == 0) {
        i += sizeof word;
        continue;
      }
    }
    const std::size_t n = character(text, i);
    if (n == 0) return i;
    i += n;
  }
  return i;
}

std::size_t utf8_length(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size(); ++i) n += is_tail(at(text, i)) ? 0 : 1;
  return n;
}

std::string shown(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = character(text, i), step = n == 0 ? 1 : n;
    if (out.size() + step > limit) break;
    if (n == 0 || at(text, i) < 0x20 || at(text, i) == 0x7F)
      out.push_back('?');
    else
      out.append(text.substr(i, n));
    i += step;
  }
  return out;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto blank = text.find(' ');
    if (blank != 0) out.push_back(text.substr(0, blank));
    if (blank == std::string_view::npos) break;
    text.remove_prefix(blank + 1);
  }
  return out;
}

bool has_word(std::string_view list, std::string_view word) {
  if (word.empty() || word.contains(' ')) return false;
  while (!list.empty()) {
    const auto blank = list.find(' ');
    if (list.substr(0, blank) == word) return true;
    if (blank == std::string_view::npos) break;
    list.remove_prefix(blank + 1);
  }
  return false;
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

}  // namespace taxgate
