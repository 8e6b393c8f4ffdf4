#pragma once
// Text on a terminal: how wide it is (a Chinese character is two columns), foreign text made fit for one line of it,
// and short aligned tables. Pure and total.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace taxgate {

/// Columns a UTF-8 text takes on a terminal: 2 for East Asian wide characters, 1 for others.
std::size_t columns(std::string_view utf8);

/// Foreign text for one line: what steers a terminal or the direction of writing (C0, C1, bidirectional controls, line
/// and paragraph separators, zero-width characters) and bytes that are no UTF-8 become '?'; at most `most` columns, the
/// last one "…" when something was cut off.
std::string on_one_line(std::string_view text, std::size_t most);

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

}  // namespace taxgate
