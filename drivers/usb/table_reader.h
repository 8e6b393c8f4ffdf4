#pragma once
// TOML as the key host's files are read (its configuration, the table of USB devices): private to drivers, toml++ stays
// out of public headers. One table at a time; the first finding is kept.
// errors  invalid_input keyd.config_type, keyd.config_value, keyd.config_missing, keyd.config_unknown; `left` is
// file:line
#include <fmt/core.h>

#include <toml++/toml.h>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate::usb {

/// Reads one table: every key is asked for by name, and what nobody asked for is an error.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string prefix, const std::string& file, std::optional<Error>& error)
      : table_(table), prefix_(std::move(prefix)), file_(file), error_(error) {}

  std::string text(std::string_view key, std::string fallback = {}, bool required = false) {
    const toml::node* node = take(key, required);
    if (!node) return fallback;
    const auto value = node->value_exact<std::string>();
    if (!value) return report("keyd.config_type", key, *node, "a string"), fallback;
    if (value->find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos || (required && value->empty()))
      return report("keyd.config_value", key, *node, "one line of text"), fallback;
    return *value;
  }

  bool flag(std::string_view key, bool fallback) {
    const toml::node* node = take(key, false);
    if (!node) return fallback;
    const auto value = node->value_exact<bool>();
    if (!value) return report("keyd.config_type", key, *node, "true or false"), fallback;
    return *value;
  }

  std::optional<std::int64_t> number(std::string_view key, std::int64_t min, std::int64_t max) {
    const toml::node* node = take(key, false);
    if (!node) return std::nullopt;
    const auto value = node->value_exact<std::int64_t>();
    if (!value) return report("keyd.config_type", key, *node, "a whole number"), std::nullopt;
    if (*value < min || *value > max)
      return report("keyd.config_value", key, *node, fmt::format("{} to {}", min, max)), std::nullopt;
    return value;
  }

  const toml::node* take(std::string_view key, bool required) {
    taken_.emplace(key);
    const toml::node* node = table_.get(key);
    if (!node && required) report("keyd.config_missing", key, table_, {});
    return node;
  }

  void finish() {
    for (const auto& [key, node] : table_)
      if (!taken_.contains(std::string(key.str()))) report("keyd.config_unknown", key.str(), node, {});
  }

  void report(std::string id, std::string_view key, const toml::node& where, std::string wanted) {
    if (error_) return;  // the first finding is the one a person fixes first
    error_ = Error{Errc::invalid_input,
                   std::move(id),
                   prefix_ + std::string(key),
                   std::move(wanted),
                   fmt::format("{}:{}", file_, where.source().begin.line),
                   {}};
  }

 private:
  const toml::table& table_;
  std::string prefix_;
  const std::string& file_;
  std::optional<Error>& error_;
  std::set<std::string> taken_;
};

}  // namespace taxgate::usb
