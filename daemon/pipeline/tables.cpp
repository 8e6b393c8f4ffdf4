// The operator's tables ([rules] tables_file): codes the platform may renumber and words it may change. A missing list
// keeps the one compiled in; an unknown key or a wrong type refuses the whole file. docs/rules-in-force.md lists them.
#include <toml++/toml.h>

#include "daemon/pipeline/settings.h"

namespace taxgate::pipeline {
namespace {

Error wrong(const std::string& file, const std::string& key, const std::string& found) {
  return {Errc::invalid_input, "config.tables", file + ": " + key, found, {}, {}};
}

}  // namespace

Result<void> load_tables(const std::string& file, Settings& settings) {
  if (file.empty()) return {};
  toml::table root;
  try {
    root = toml::parse_file(file);
  } catch (const toml::parse_error& bad) {
    return std::unexpected(
        wrong(file, "line " + std::to_string(bad.source().begin.line), std::string(bad.description())));
  }
  rules::CodeTables codes;
  const std::pair<std::string_view, std::vector<std::string>*> lists[] = {
      {"void_status", &codes.void_status},
      {"fully_red_status", &codes.fully_red_status},
      {"partly_red_status", &codes.partly_red_status},
      {"abnormal_status", &codes.abnormal_status},
      {"refused_use", &codes.refused_use},
      {"olympic_use", &codes.olympic_use},
      {"deducted_use", &codes.deducted_use},
      {"busy_texts", &settings.busy_texts}};
  for (const auto& [key, node] : root) {
    const std::string name(key.str());
    if (name == "hold_codes") {  // platform code → reason of the hold
      if (!node.is_table()) return std::unexpected(wrong(file, name, "not a table"));
      settings.hold_codes.clear();
      for (const auto& [code, reason] : *node.as_table()) {
        if (!reason.is_string())
          return std::unexpected(wrong(file, name + "." + std::string(code.str()), "not a string"));
        settings.hold_codes[std::string(code.str())] = reason.as_string()->get();
      }
      continue;
    }
    std::vector<std::string>* into = nullptr;
    for (const auto& [known, list] : lists)
      if (known == name) into = list;
    if (into == nullptr || !node.is_array())
      return std::unexpected(wrong(file, name, into == nullptr ? "unknown" : "not a list"));
    into->clear();
    for (const auto& item : *node.as_array()) {
      if (!item.is_string()) return std::unexpected(wrong(file, name, "not a list of strings"));
      into->push_back(item.as_string()->get());
    }
  }
  settings.codes = std::move(codes);
  return {};
}

}  // namespace taxgate::pipeline
