#include "protocol/screen_text.h"

#include <algorithm>

#include "protocol/text.h"

namespace taxgate {
namespace {

// Decodes one UTF-8 character; an invalid byte stands for itself. Returns its length.
std::size_t decode(std::string_view text, char32_t& point) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (length == 1 || length > text.size()) {
    point = lead;
    return 1;
  }
  point = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (byte(i) & 0x3FU);
  return length;
}

// Unicode East Asian Width W and F, as far as invoices and these texts go.
bool wide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0x303E) || (c >= 0x3041 && c <= 0xA4CF) ||
         (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) ||
         (c >= 0xFF00 && c <= 0xFF60) || (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x20000 && c <= 0x3FFFD);
}

/// Steers a terminal, the direction of writing or the eye instead of showing something.
bool steering(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0xAD || c == 0x61C || c == 0x180E ||
         (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

}  // namespace

std::size_t columns(std::string_view utf8) {
  std::size_t count = 0;
  while (!utf8.empty()) {
    char32_t point = 0;
    utf8.remove_prefix(decode(utf8, point));
    count += wide(point) ? 2 : 1;
  }
  return count;
}

std::string on_one_line(std::string_view text, std::size_t most) {
  std::string out;
  std::size_t width = 0, fits = 0;  // fits: bytes of `out` that leave room for the "…"
  while (!text.empty()) {
    char32_t point = 0;
    const std::size_t error = utf8_error(text.substr(0, 4));
    const std::size_t length = error == 0 ? 1 : decode(text, point);
    const bool bad = error == 0 || steering(point);
    const std::size_t more = !bad && wide(point) ? 2 : 1;
    if (width + more > most) {
      out.resize(fits);
      return most == 0 ? out : out + "…";
    }
    width += more;
    out += bad ? std::string_view("?") : text.substr(0, length);
    if (width + 1 <= most) fits = out.size();
    text.remove_prefix(length);
  }
  return out;
}

std::string Grid::text(std::vector<std::size_t> right, std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], columns(row[i]));
    }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - columns(row[i]), ' ');
      const bool to_right = std::ranges::find(right, i) != right.end();
      line += to_right ? pad + row[i] : row[i] + pad;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace taxgate
