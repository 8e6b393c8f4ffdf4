#pragma once
// What a person sees: the language, short aligned tables (a Chinese character is two columns wide), and the exit codes.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"

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

/// Columns a UTF-8 text takes on a terminal: 2 for East Asian wide characters, 1 for others.
std::size_t columns(std::string_view utf8);

/// Rows of cells, each column as wide as its widest cell, two blanks between.
class Grid {
 public:
  explicit Grid(std::vector<std::string> heading = {}) {
    if (!heading.empty()) rows_.push_back(std::move(heading));
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  /// Columns named in `right` (0-based) are aligned to the right.
  std::string text(std::vector<std::size_t> right = {}, std::string_view indent = {}) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "2026-11-22T10:19:52.123+08:00" → "2026-11-22 10:19:52"; other text unchanged.
std::string short_time(std::string_view rfc3339);
/// "-300000.00" → "-300,000.00".
std::string grouped(std::string_view money);
/// The text with control characters (but not line breaks) replaced: what came from outside must not steer a terminal.
std::string printable(std::string_view text);

}  // namespace taxgate::cli
