// The operator's tables ([rules] tables_file): codes the platform may renumber, words it may change, who must approve
// and which papers are demanded. What is left out keeps its compiled-in value; an unknown key or a wrong type refuses
// the whole file. docs/rules.md lists the keys.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "daemon/pipeline/channel_tables.h"
#include "daemon/pipeline/settings.h"

namespace taxgate::pipeline {
namespace {

using rules::Codes;

/// Reads one table of the file; remembers the first thing that is wrong.
class Reader {
 public:
  Reader(std::string file, std::string path, const toml::table& table, std::optional<Error>& error)
      : file_(std::move(file)), path_(std::move(path)), table_(table), error_(error) {}

  void wrong(std::string_view key, std::string found) {
    if (!error_)
      error_ = Error{
          Errc::invalid_input, "config.tables", file_ + ": " + path_ + std::string(key), std::move(found), {}, {}};
  }

  /// returns  whether the key is there
  bool list(std::string_view key, Codes& into) {
    const toml::node* node = take(key);
    if (node == nullptr) return false;
    into.clear();
    if (!node->is_array())
      wrong(key, "not a list");
    else
      for (const auto& item : *node->as_array())
        if (item.is_string())
          into.push_back(item.as_string()->get());
        else
          wrong(key, "not a list of strings");
    return true;
  }

  std::optional<std::string> text(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::nullopt;
    if (node->is_string()) return node->as_string()->get();
    wrong(key, "not a string");
    return std::nullopt;
  }

  /// Amounts and shares are strings: a number in TOML is a binary fraction.
  template <class T>
  void number(std::string_view key, std::optional<T>& into) {
    const auto found = text(key);
    if (!found) return;
    const auto parsed = T::parse(*found);
    if (!parsed || *parsed < T{}) return wrong(key, *found);
    into = *parsed;
  }

  /// word = "text" pairs; nullopt when the table is not there.
  std::optional<std::vector<std::pair<std::string, std::string>>> words(std::string_view key) {
    const toml::node* node = take(key);
    if (node == nullptr) return std::nullopt;
    std::vector<std::pair<std::string, std::string>> out;
    if (!node->is_table()) {
      wrong(key, "not a table");
      return out;
    }
    for (const auto& [word, value] : *node->as_table()) {
      if (value.is_string())
        out.emplace_back(word.str(), value.as_string()->get());
      else
        wrong(std::string(key) + "." + std::string(word.str()), "not a string");
    }
    return out;
  }

  /// [[key]]: the rows take the place of those compiled in.
  template <class Row, class Read>
  void rows(std::string_view key, std::vector<Row>& into, Read read) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    if (!node->is_array()) return wrong(key, "not a list of tables");
    into.clear();
    for (const auto& item : *node->as_array()) {
      if (!item.is_table()) return wrong(key, "not a list of tables");
      const std::string at = std::string(key) + "[" + std::to_string(into.size()) + "].";
      Reader row(file_, at, *item.as_table(), error_);
      into.push_back(read(row));
      row.finish();
    }
  }

  /// A key that is read elsewhere; nullptr when it is not there.
  const toml::node* foreign(std::string_view key) { return take(key); }

  void finish() {
    for (const auto& [key, node] : table_)
      if (std::ranges::find(taken_, key.str()) == taken_.end()) wrong(key.str(), "unknown");
  }

 private:
  const toml::node* take(std::string_view key) {
    taken_.emplace_back(key);
    return table_.get(key);
  }

  std::string file_, path_;
  const toml::table& table_;
  std::optional<Error>& error_;
  std::vector<std::string> taken_;
};

rules::ApprovalTrigger read_trigger(Reader& row) {
  rules::ApprovalTrigger out;
  row.number("amount", out.amount);
  row.number("share", out.share);
  row.number("quantity_share", out.quantity_share);
  row.list("reasons", out.reasons);
  row.list("products", out.products);
  row.list("customers", out.customers);
  row.list("cycles", out.cycles);
  row.list("provinces", out.provinces);
  // A row without a condition would hold back everything: that is a mistake, not a policy.
  if (out == rules::ApprovalTrigger{}) row.wrong("amount", "no condition");
  return out;
}

rules::EvidenceDemand read_demand(Reader& row) {
  rules::EvidenceDemand out;
  out.rule = row.text("rule").value_or(out.rule);
  if (out.rule != "R22" && out.rule != "R33" && out.rule != "P16") row.wrong("rule", out.rule);
  const std::string severity = row.text("severity").value_or(std::string(name(out.severity)));
  if (const auto known = rules::severity_named(severity))
    out.severity = *known;
  else
    row.wrong("severity", severity);
  row.list("kinds", out.kinds);
  if (out.kinds.empty()) row.wrong("kinds", "empty");
  row.list("reasons", out.reasons);
  row.list("provinces", out.provinces);
  return out;
}

/// [[transition]]: what the platform may make of a status. Each row is checked where it stands.
void read_transitions(Reader& in, sync::TransitionTable& table) {
  struct Row {};
  std::vector<Row> rows;
  in.rows("transition", rows, [&](Reader& row) {
    const auto field_name = row.text("field"), from = row.text("from");
    Codes to;
    const bool named = row.list("to", to);
    std::optional<StatusField> field;
    for (std::size_t f = 0; f < kStatusFields; ++f)
      if (field_name && *field_name == platform_name(static_cast<StatusField>(f))) field = static_cast<StatusField>(f);
    if (!field)
      row.wrong("field", field_name.value_or("missing"));
    else if (!from)
      row.wrong("from", "missing");
    else if (!named)
      row.wrong("to", "missing");
    else if (!table.replace(*field, *from, to))
      row.wrong("from/to", fmt::format("{}: {}", *from, fmt::join(to, " ")));
    return Row{};
  });
}

}  // namespace

Result<void> load_tables(const std::string& file, Settings& settings) {
  if (file.empty()) return {};
  toml::table root;
  try {
    root = toml::parse_file(file);
  } catch (const toml::parse_error& bad) {
    return fail(Errc::invalid_input, "config.tables", file + ": line " + std::to_string(bad.source().begin.line),
                std::string(bad.description()));
  }
  std::optional<Error> error;
  Reader in(file, "", root, error);
  rules::CodeTables codes;
  codes.approvals = settings.codes.approvals;  // the configuration's own bounds, until the file names its rows
  Codes busy = settings.busy_texts;
  for (const rules::CodeList& l : rules::code_lists()) in.list(l.key, codes.*(l.list));
  in.list("busy_texts", busy);
  const auto holds = in.words("hold_codes");  // platform code → reason of the hold
  if (auto words = in.words("reason_words")) {
    for (const auto& [word, code] : *words)
      if (!parse_reason(code)) in.wrong("reason_words." + word, code);
    codes.reason_words = std::move(*words);
  }
  std::optional<Decimal> characters;
  in.number("remark_characters", characters);
  if (characters) {
    const auto whole = characters->times(Fen{1});
    constexpr std::int64_t kMostCharacters = 100'000;  // far beyond any channel
    if (!whole || Decimal::from_int(whole->value) != *characters || whole->value > kMostCharacters)
      in.wrong("remark_characters", characters->text());
    else
      codes.remark_characters = static_cast<int>(whole->value);
  }
  in.rows("approval", codes.approvals, read_trigger);
  in.rows("evidence", codes.evidence, read_demand);
  sync::TransitionTable transitions;
  read_transitions(in, transitions);
  const toml::node* channels = in.foreign("channel");
  const toml::node* calendar = in.foreign("calendar");
  in.finish();
  if (error) return std::unexpected(std::move(*error));
  Settings next = settings;  // changed as a whole or not at all
  if (channels != nullptr)
    if (auto ok = load_channels(*channels, file, next); !ok) return ok;
  if (calendar != nullptr)
    if (auto ok = load_calendar(*calendar, file, next); !ok) return ok;
  settings = std::move(next);
  settings.codes = std::move(codes);
  settings.transitions = transitions;
  settings.busy_texts = std::move(busy);
  if (holds) settings.hold_codes = {holds->begin(), holds->end()};
  return {};
}

}  // namespace taxgate::pipeline
