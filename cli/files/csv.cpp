#include <iconv.h>

#include <algorithm>
#include <optional>

#include "cli/files/table.h"
#include "protocol/text.h"

namespace taxgate::files {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";

class Gb18030 {
 public:
  Gb18030() : handle_(iconv_open("UTF-8", "GB18030")) {}
  ~Gb18030() {
    if (works()) iconv_close(handle_);
  }
  Gb18030(const Gb18030&) = delete;
  Gb18030& operator=(const Gb18030&) = delete;

  std::optional<std::string> utf8(std::string_view bytes) const {
    if (!works()) return std::nullopt;
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    std::string out(bytes.size() * 3, '\0');  // two bytes become three, four become at most four
    char *from = const_cast<char*>(bytes.data()), *to = out.data();
    std::size_t left = bytes.size(), room = out.size();
    if (iconv(handle_, &from, &left, &to, &room) == static_cast<std::size_t>(-1) || left != 0) return std::nullopt;
    out.resize(out.size() - room);
    return out;
  }

 private:
  bool works() const { return handle_ != reinterpret_cast<iconv_t>(-1); }
  iconv_t handle_;
};

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// How spreadsheets say "this is text": ="0123" and '0123.
std::string_view unwrapped(std::string_view text) {
  if (text.size() >= 3 && text.starts_with("=\"") && text.ends_with('"')) return text.substr(2, text.size() - 3);
  if (text.starts_with('\'')) return text.substr(1);
  return text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : text_(bytes) {
    if (text_.starts_with(kBom)) {
      text_.remove_prefix(kBom.size());
      utf8_ = true;
    } else {
      utf8_ = is_utf8(text_) || !gb_.utf8(text_).has_value();
      if (utf8_ && !is_utf8(text_)) utf8_ = bad_lines(true) <= bad_lines(false);
    }
    const auto first = text_.substr(0, text_.find('\n'));
    if (first.find(',') == first.npos) {
      if (first.find('\t') != first.npos)
        separator_ = '\t';
      else if (first.find(';') != first.npos)
        separator_ = ';';
    }
  }

  Rows read() {
    Rows rows;
    while (at_ < text_.size() && rows.size() < kMaxRows) {
      Row row;
      row.number = line_;
      record(row);
      const bool blank = std::ranges::all_of(row.cells, [](const auto& cell) { return cell.empty(); });
      if (!blank || !row.faults.empty()) rows.push_back(std::move(row));
    }
    if (at_ < text_.size())
      rows.push_back(
          {line_, {}, {{Errc::invalid_input, "files.too_long", place(line_, 0), {}, std::to_string(kMaxRows), {}}}});
    return rows;
  }

 private:
  // GB18030 has no ',' '"' tab ';' or line end among its second to fourth bytes, so bytes can be cut before they are
  // decoded.
  std::size_t bad_lines(bool as_utf8) const {
    std::size_t bad = 0;
    for (std::size_t at = 0; at < text_.size();) {
      const auto end = std::min(text_.find('\n', at), text_.size());
      const auto line = text_.substr(at, end - at);
      if (as_utf8 ? !is_utf8(line) : !gb_.utf8(line)) ++bad;
      at = end + 1;
    }
    return bad;
  }

  void record(Row& row) {
    const std::size_t start = at_;
    for (;;) {
      std::string raw;
      if (!cell(raw)) {
        fault(row, "files.quote");
        at_ = start;  // the quote that is never closed must not swallow the lines below
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
        step_over_line_end();
        return;
      }
      take(row, raw);
      if (at_ >= text_.size()) return;
      if (text_[at_] == separator_) {
        ++at_;
        continue;
      }
      step_over_line_end();
      return;
    }
  }

  void step_over_line_end() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  /// Up to the separator or the line's end. False: a quote that is not closed within kMaxCell.
  bool cell(std::string& out) {
    std::size_t probe = at_;
    while (probe < text_.size() && (text_[probe] == ' ')) ++probe;
    if (probe < text_.size() && text_[probe] == '"') {
      int lines = 0;
      ++probe;
      for (;; ++probe) {
        if (probe >= text_.size() || out.size() > kMaxCell) return false;
        const char c = text_[probe];
        if (c == '"') {
          if (probe + 1 < text_.size() && text_[probe + 1] == '"') {
            out += '"';
            ++probe;
            continue;
          }
          break;
        }
        if (c == '\n') ++lines;
        out += c;
      }
      at_ = probe + 1;
      line_ += lines;
    }
    while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n') {
      if (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n')) break;
      out += text_[at_++];
    }
    return true;
  }

  void take(Row& row, std::string_view raw) {
    if (row.cells.size() >= kMaxColumns) {
      if (row.cells.size() == kMaxColumns && row.faults.empty()) fault(row, "files.too_wide");
      return;
    }
    raw = unwrapped(trimmed(raw));
    if (raw.size() > kMaxCell) {
      fault(row, "files.long_cell");
      raw = {};
    }
    if (utf8_ ? !is_utf8(raw) : false) {
      fault(row, "files.encoding");
      raw = {};
    }
    if (utf8_) {
      row.cells.emplace_back(raw);
      return;
    }
    auto text = gb_.utf8(raw);
    if (!text) fault(row, "files.encoding");
    row.cells.push_back(text.value_or(std::string()));
  }

  void fault(Row& row, std::string id) const {
    row.faults.push_back({Errc::invalid_input, std::move(id), place(row.number, row.cells.size()), {}, {}, {}});
  }

  std::string_view text_;
  Gb18030 gb_;
  bool utf8_ = true;
  char separator_ = ',';
  std::size_t at_ = 0;
  int line_ = 1;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_amount(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto point = text.find('.');
  return all_digits(text.substr(0, point)) && (point == text.npos || all_digits(text.substr(point + 1)));
}

std::string written(const std::string& text, bool number) {
  if (number && is_amount(text)) return text;
  std::string cell = text;
  if (all_digits(text))
    cell = "=\"" + text + "\"";
  else if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos)
    cell = "'" + text;  // a name must not become a formula
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

Rows read_csv(std::string_view bytes) { return Reader(bytes).read(); }

std::string column_letters(std::size_t index) {
  std::string out;
  for (++index; index > 0; index = (index - 1) / 26) out.insert(out.begin(), static_cast<char>('A' + (index - 1) % 26));
  return out;
}

std::string place(int row, std::size_t column) {
  return "row " + std::to_string(row) + ", column " + column_letters(column);
}

bool scientific(std::string_view text, bool any) {
  const auto e = text.find_first_of("eE");
  if (e == text.npos || e == 0) return false;
  if (!is_amount(text.substr(0, e))) return false;
  auto exponent = text.substr(e + 1);
  const bool sign = exponent.starts_with('+') || exponent.starts_with('-');
  if (sign) exponent.remove_prefix(1);
  return all_digits(exponent) && (any || sign);
}

std::string write_csv(const std::vector<Column>& columns, const TextRows& rows) {
  std::string out(kBom);
  for (std::size_t i = 0; i < columns.size(); ++i) out += (i == 0 ? "" : ",") + written(columns[i].heading, false);
  out += "\r\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      out += (i == 0 ? "" : ",") + written(row[i], i < columns.size() && columns[i].number);
    out += "\r\n";
  }
  return out;
}

}  // namespace taxgate::files
