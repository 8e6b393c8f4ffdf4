#pragma once
// The source tree as a test sees it: files by path from the root, their includes, and tables of the documents.
#include <regex.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace taxgate::tree {

struct File {
  std::string path;  // from the root, '/' separated: "daemon/store/store.h"
  std::string text;
  std::string directory() const { return path.substr(0, path.find_last_of('/')); }
  bool is_header() const { return path.ends_with(".h"); }
  bool is_test() const { return path.starts_with("tests/"); }
};

/// Root of the checkout this program was built from.
std::filesystem::path root();
/// Every regular file below `under` (from the root) with one of `endings`; build/ and hidden directories are left out.
std::vector<File> files(std::string_view under, const std::vector<std::string>& endings);
/// All C++ files of the project.
const std::vector<File>& sources();
std::string read(const std::filesystem::path& path);  // throws when it cannot be read

/// A POSIX extended regular expression with GNU's \b, \w and \s, searched by the C library: std::regex took a minute
/// for the tree in a sanitizer's build, whose every step it makes slower, and ten seconds in the others.
class Pattern {
 public:
  explicit Pattern(const std::string& text);  // throws when it is none
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  /// The first match at or after `from` and its groups, all parts of `text`; empty when there is none.
  std::vector<std::string_view> search(std::string_view text, std::size_t from = 0) const;
  /// Every match, one after the other.
  std::vector<std::vector<std::string_view>> all(std::string_view text) const;

 private:
  regex_t compiled_;
};

struct Include {
  std::string name;
  bool quoted = false;
  int line = 0;
};
std::vector<Include> includes(std::string_view text);

/// Rows of the first Markdown table whose heading row begins with `first_heading`, cells trimmed, without heading and
/// rule.
std::vector<std::vector<std::string>> table(std::string_view markdown, std::string_view first_heading);
std::string trim(std::string_view text);
std::vector<std::string> split(std::string_view text, char at);
/// Text with // comments blanked out; string literals are kept. Lengths and line numbers stay the same.
std::string without_comments(std::string_view text);

}  // namespace taxgate::tree
