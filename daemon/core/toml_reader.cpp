#include "daemon/core/toml_reader.h"

#include <filesystem>

namespace taxgate {

TomlReader::TomlReader(const toml::table& table, std::string file, std::string section, Error& error)
    : table_(table), file_(std::move(file)), section_(std::move(section)), error_(error) {}

std::string TomlReader::place(std::string_view key) const {
  auto line = table_.source().begin.line;
  for (const auto& [k, node] : table_)
    if (k.str() == key) line = k.source().begin.line != 0 ? k.source().begin.line : node.source().begin.line;
  std::string out = file_ + ":" + std::to_string(line) + ": ";
  if (!section_.empty()) out += section_ + ".";
  out += key;
  return out;
}

void TomlReader::refuse(std::string_view id, std::string_view key, std::string wanted, std::string left) {
  if (failed()) return;
  error_ = Error{Errc::invalid_input, std::string(id), place(key), std::move(wanted), std::move(left), {}};
}

const toml::node* TomlReader::find(std::string_view key, bool required) {
  read_.emplace(key);
  const toml::node* node = table_.get(key);
  if (node == nullptr && required) refuse("config.missing", key);
  return failed() ? nullptr : node;
}

void TomlReader::text(std::string_view key, std::string& into, bool required) {
  const auto* node = find(key, required);
  if (node == nullptr) return;
  const auto* s = node->as_string();
  if (s == nullptr) return refuse("config.type", key, {}, "a text in quotes");
  if (required && s->get().empty()) return refuse("config.missing", key);
  into = s->get();
}

void TomlReader::choice(std::string_view key, std::string& into, const std::vector<std::string>& allowed,
                        bool required) {
  text(key, into, required);
  if (failed() || !has(key)) return;
  std::string list;
  for (const auto& a : allowed) {
    if (a == into) return;
    list += (list.empty() ? "" : ", ") + a;
  }
  refuse("config.range", key, into, list);
}

void TomlReader::number(std::string_view key, std::int64_t& into, std::int64_t low, std::int64_t high) {
  const auto* node = find(key, false);
  if (node == nullptr) return;
  const auto* n = node->as_integer();
  if (n == nullptr) return refuse("config.type", key, {}, "a whole number");
  if (n->get() < low || n->get() > high)
    return refuse("config.range", key, std::to_string(n->get()), std::to_string(low) + " to " + std::to_string(high));
  into = n->get();
}

void TomlReader::texts(std::string_view key, std::vector<std::string>& into) {
  const auto* node = find(key, false);
  if (node == nullptr) return;
  const auto* list = node->as_array();
  if (list == nullptr) return refuse("config.type", key, {}, "a list of texts");
  into.clear();
  for (const auto& item : *list) {
    const auto* s = item.as_string();
    if (s == nullptr) return refuse("config.type", key, {}, "a list of texts");
    into.push_back(s->get());
  }
}

void TomlReader::path(std::string_view key, std::string& into, bool required) {
  text(key, into, required);
  if (failed() || into.empty() || into.front() == '/' || into.starts_with("credential:")) return;
  into = (std::filesystem::path(file_).parent_path() / into).lexically_normal().string();
}

const toml::table* TomlReader::table(std::string_view key) {
  const auto* node = find(key, false);
  if (node == nullptr) return nullptr;
  if (node->as_table() == nullptr) refuse("config.type", key, {}, "a section");
  return failed() ? nullptr : node->as_table();
}

std::vector<const toml::table*> TomlReader::tables(std::string_view key) {
  std::vector<const toml::table*> out;
  const auto* node = find(key, false);
  if (node == nullptr) return out;
  const auto* list = node->as_array();
  if (list == nullptr) {
    refuse("config.type", key, {}, "a section in double brackets");
    return out;
  }
  for (const auto& item : *list) {
    if (item.as_table() == nullptr) {
      refuse("config.type", key, {}, "a section in double brackets");
      return {};
    }
    out.push_back(item.as_table());
  }
  return out;
}

void TomlReader::finish() {
  for (const auto& [key, node] : table_)
    if (!read_.contains(key.str())) return refuse("config.unknown_key", key.str());
}

}  // namespace taxgate
