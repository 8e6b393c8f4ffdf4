#include "tests/tree/tree.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace taxgate::tree {
namespace fs = std::filesystem;

fs::path root() { return TAXGATE_SOURCE_DIR; }

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

std::vector<File> files(std::string_view under, const std::vector<std::string>& endings) {
  std::vector<File> found;
  const fs::path top = under.empty() ? root() : root() / under;
  if (!fs::exists(top)) return found;
  for (auto it = fs::recursive_directory_iterator(top); it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory()) {
      if (name.starts_with('.') && name != ".ci") it.disable_recursion_pending();
      if (it.depth() == 0 && under.empty() && name.starts_with("build")) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file()) continue;
    const bool wanted =
        endings.empty() || std::ranges::any_of(endings, [&](const auto& e) { return name.ends_with(e); });
    if (wanted) found.push_back({it->path().lexically_relative(root()).generic_string(), read(it->path())});
  }
  std::ranges::sort(found, {}, &File::path);
  return found;
}

const std::vector<File>& sources() {
  static const std::vector<File> all = files("", {".h", ".cpp"});
  return all;
}

Pattern::Pattern(const std::string& text) {
  if (::regcomp(&compiled_, text.c_str(), REG_EXTENDED) != 0) throw std::runtime_error("no pattern: " + text);
}

Pattern::~Pattern() { ::regfree(&compiled_); }

std::vector<std::string_view> Pattern::search(std::string_view text, std::size_t from) const {
  std::vector<regmatch_t> at(compiled_.re_nsub + 1);
  at[0].rm_so = static_cast<regoff_t>(from);
  at[0].rm_eo = static_cast<regoff_t>(text.size());
  std::vector<std::string_view> found;
  // REG_STARTEND: the length is in at[0], no NUL is looked for.
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage)
  if (::regexec(&compiled_, text.data(), at.size(), at.data(), REG_STARTEND) != 0) return found;
  for (const auto& part : at)
    found.push_back(part.rm_so < 0 ? std::string_view()
                                   : text.substr(static_cast<std::size_t>(part.rm_so),
                                                 static_cast<std::size_t>(part.rm_eo - part.rm_so)));
  return found;
}

std::vector<std::vector<std::string_view>> Pattern::all(std::string_view text) const {
  std::vector<std::vector<std::string_view>> found;
  for (std::size_t from = 0;;) {
    auto next = search(text, from);
    if (next.empty()) return found;
    from = static_cast<std::size_t>(next[0].data() - text.data()) + std::max<std::size_t>(next[0].size(), 1);
    found.push_back(std::move(next));
    if (from > text.size()) return found;
  }
}

std::vector<Include> includes(std::string_view text) {
  std::vector<Include> found;
  int number = 0;
  for (const auto& line : split(text, '\n')) {
    ++number;
    std::string_view rest = line;
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
    if (!rest.starts_with('#')) continue;
    const auto keyword = rest.find("include");
    if (keyword == std::string_view::npos) continue;
    const auto open = rest.find_first_of("<\"", keyword);
    if (open == std::string_view::npos) continue;
    const bool quoted = rest[open] == '"';
    const auto close = rest.find(quoted ? '"' : '>', open + 1);
    if (close == std::string_view::npos) continue;
    found.push_back({std::string(rest.substr(open + 1, close - open - 1)), quoted, number});
  }
  return found;
}

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (true) {
    const auto cut = text.find(at);
    parts.emplace_back(text.substr(0, cut));
    if (cut == std::string_view::npos) return parts;
    text.remove_prefix(cut + 1);
  }
}

std::vector<std::vector<std::string>> table(std::string_view markdown, std::string_view first_heading) {
  std::vector<std::vector<std::string>> rows;
  bool inside = false;
  for (const auto& line : split(markdown, '\n')) {
    const std::string bare = trim(line);
    if (!bare.starts_with('|')) {
      if (inside) return rows;
      continue;
    }
    auto cells = split(std::string_view(bare).substr(1), '|');
    if (!cells.empty() && trim(cells.back()).empty()) cells.pop_back();  // the closing bar
    for (auto& cell : cells) cell = trim(cell);
    if (!inside) {
      inside = !cells.empty() && cells.front() == first_heading;
      continue;
    }
    if (!cells.empty() && cells.front().starts_with("---")) continue;
    rows.push_back(std::move(cells));
  }
  return rows;
}

std::string without_comments(std::string_view text) {
  std::string out(text);
  bool in_string = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char c = out[i];
    if (c == '\n') in_string = false;
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '\'' && i + 2 < out.size() && (out[i + 2] == '\'' || out[i + 1] == '\\')) {
      i += out[i + 1] == '\\' ? 3 : 2;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '/' && i + 1 < out.size() && out[i + 1] == '/')
      while (i < out.size() && out[i] != '\n') out[i++] = ' ';
  }
  return out;
}

}  // namespace taxgate::tree
