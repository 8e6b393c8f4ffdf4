#include "daemon/pipeline/channel_tables.h"

namespace taxgate::pipeline {
namespace {

using rules::CalendarDay;
using rules::ChannelTable;
using rules::CivilDay;
using rules::CodeRow;
using rules::KindTable;

constexpr int kMaxSpanDays = 31;  // a holiday; more is a slip of the year

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

/// Where in the file, what, and what was found instead.
Error wrong(const std::string& file, const toml::node& node, const std::string& key, std::string found) {
  return {Errc::invalid_input,
          "config.tables",
          file + ":" + std::to_string(line_of(node)) + ": " + key,
          std::move(found),
          {},
          {}};
}

Result<std::string> text_of(const std::string& file, const toml::node& node, const std::string& key) {
  if (const auto* text = node.as_string()) return text->get();
  return std::unexpected(wrong(file, node, key, "not a string"));
}

Result<void> add_list(const std::string& file, const toml::node& node, const std::string& key, bool bureau,
                      std::vector<CodeRow>& into) {
  if (!node.is_array()) return std::unexpected(wrong(file, node, key, "not a list"));
  for (const auto& item : *node.as_array()) {
    auto code = text_of(file, item, key);
    if (!code) return std::unexpected(code.error());
    into.push_back(bureau ? CodeRow{{}, *std::move(code), line_of(item)}
                          : CodeRow{*std::move(code), {}, line_of(item)});
  }
  return {};
}

/// [channel.NAME.KIND]: map = { "theirs" = "bureau's" }, own = [..], absent = [..]
Result<KindTable> read_kind(const std::string& file, const toml::node& node, const std::string& path) {
  if (!node.is_table()) return std::unexpected(wrong(file, node, path, "not a table"));
  KindTable out;
  out.line = line_of(node);
  for (const auto& [key, value] : *node.as_table()) {
    const std::string name(key.str());
    const std::string at = path + "." + name;
    if (name == "own" || name == "absent") {
      auto added = add_list(file, value, at, name == "absent", name == "absent" ? out.absent : out.rows);
      if (!added) return std::unexpected(added.error());
    } else if (name == "map" && value.is_table()) {
      for (const auto& [code, bureau] : *value.as_table()) {
        auto text = text_of(file, bureau, at + "." + std::string(code.str()));
        if (!text) return std::unexpected(text.error());
        out.rows.push_back({std::string(code.str()), *std::move(text), line_of(bureau)});
      }
    } else {
      return std::unexpected(wrong(file, value, at, name == "map" ? "not a table" : "unknown"));
    }
  }
  return out;
}

Result<ChannelTable> read_channel(const std::string& file, std::string channel, const toml::node& node) {
  const std::string path = "channel." + channel;
  if (!node.is_table()) return std::unexpected(wrong(file, node, path, "not a table"));
  ChannelTable out;
  out.channel = std::move(channel);
  out.line = line_of(node);
  for (const auto& [key, value] : *node.as_table()) {
    const std::string name(key.str());
    const std::string at = path + "." + name;
    if (name == "version" || name == "source") {
      auto text = text_of(file, value, at);
      if (!text) return std::unexpected(text.error());
      (name == "version" ? out.version : out.source) = *std::move(text);
      continue;
    }
    const auto kind = rules::code_kind_named(name);
    if (!kind) return std::unexpected(wrong(file, value, at, "unknown"));
    auto codes = read_kind(file, value, at);
    if (!codes) return std::unexpected(codes.error());
    out.kinds[static_cast<std::size_t>(*kind)] = *std::move(codes);
  }
  return out;
}

/// "2026-10-01..2026-10-07 国庆节" or "2027-01-01 元旦"
Result<void> add_days(const std::string& file, const toml::node& node, const std::string& key, bool off, bool verified,
                      std::vector<CalendarDay>& into) {
  if (!node.is_array()) return std::unexpected(wrong(file, node, key, "not a list"));
  for (const auto& item : *node.as_array()) {
    const auto text = text_of(file, item, key);
    if (!text) return std::unexpected(text.error());
    const auto blank = text->find(' ');
    const std::string span = text->substr(0, blank);
    const auto dots = span.find("..");
    const auto first = CivilDay::parse(span.substr(0, dots));
    const auto last = dots == std::string::npos ? first : CivilDay::parse(span.substr(dots + 2));
    if (blank == std::string::npos || !first || !last || *last < *first || last->days - first->days >= kMaxSpanDays)
      return std::unexpected(wrong(file, item, key, *text));
    for (CivilDay day = *first; day <= *last; day = day.next())
      into.push_back({day, off, text->substr(blank + 1), verified});
  }
  return {};
}

}  // namespace

Result<void> load_channels(const toml::node& node, const std::string& file, Settings& settings) {
  if (!node.is_table()) return std::unexpected(wrong(file, node, "channel", "not a table"));
  std::vector<ChannelTable> tables;
  for (const auto& [key, value] : *node.as_table()) {
    auto table = read_channel(file, std::string(key.str()), value);
    if (!table) return std::unexpected(table.error());
    tables.push_back(*std::move(table));
  }
  auto made = rules::ChannelCodes::make(std::move(tables), file);
  if (!made) {
    Error first = made.error().front();
    if (made.error().size() > 1) first.detail = std::to_string(made.error().size() - 1) + " more findings";
    return std::unexpected(std::move(first));
  }
  settings.channels = *std::move(made);
  return {};
}

Result<void> load_calendar(const toml::node& node, const std::string& file, Settings& settings) {
  if (!node.is_table()) return std::unexpected(wrong(file, node, "calendar", "not a table"));
  const toml::table& table = *node.as_table();
  std::string source = file;
  bool verified = false;
  if (const auto* given = table.get("verified")) {
    if (!given->is_boolean()) return std::unexpected(wrong(file, *given, "calendar.verified", "not true or false"));
    verified = given->as_boolean()->get();
  }
  std::vector<CalendarDay> days;
  for (const auto& [key, value] : table) {
    const std::string name(key.str());
    if (name == "verified") continue;
    if (name == "source") {
      auto text = text_of(file, value, "calendar.source");
      if (!text) return std::unexpected(text.error());
      source = *std::move(text);
    } else if (name == "off" || name == "working") {
      if (auto added = add_days(file, value, "calendar." + name, name == "off", verified, days); !added) return added;
    } else {
      return std::unexpected(wrong(file, value, "calendar." + name, "unknown"));
    }
  }
  settings.calendar = rules::Calendar::defaults().with(days, std::move(source));
  return {};
}

}  // namespace taxgate::pipeline
