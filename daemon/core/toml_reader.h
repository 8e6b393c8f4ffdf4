#pragma once
// Reads one TOML table key by key and notices which keys nobody asked for. Private to this room and to .cpp files that
// already include toml++.
#include <toml++/toml.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate {

/// The first error wins; after it every read returns its default, so that callers check once at the end.
class TomlReader {
 public:
  TomlReader(const toml::table& table, std::string file, std::string section, Error& error);

  bool has(std::string_view key) const { return table_.contains(key); }
  void text(std::string_view key, std::string& into, bool required = false);
  void choice(std::string_view key, std::string& into, const std::vector<std::string>& allowed, bool required = false);
  void number(std::string_view key, std::int64_t& into, std::int64_t low, std::int64_t high);
  template <class I>
  void integer(std::string_view key, I& into, std::int64_t low, std::int64_t high) {
    auto v = static_cast<std::int64_t>(into);
    number(key, v, low, high);
    into = static_cast<I>(v);
  }
  void texts(std::string_view key, std::vector<std::string>& into);
  /// Paths: a relative one is made absolute from the file's directory; "credential:NAME" is kept.
  void path(std::string_view key, std::string& into, bool required = false);
  /// A sub-table, or nullptr when absent.
  const toml::table* table(std::string_view key);
  /// An array of tables; empty when absent.
  std::vector<const toml::table*> tables(std::string_view key);
  /// Refuses every key that was not read.
  void finish();

  void refuse(std::string_view id, std::string_view key, std::string wanted = {}, std::string left = {});
  bool failed() const { return !error_.id.empty(); }

 private:
  const toml::node* find(std::string_view key, bool required);
  std::string place(std::string_view key) const;

  const toml::table& table_;
  std::string file_, section_;
  Error& error_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace taxgate
