#include "daemon/rules/channel_codes.h"

#include <algorithm>
#include <set>

#include "protocol/text.h"

namespace taxgate::rules {
namespace {

using namespace std::string_view_literals;

constexpr std::array kNames{"reason"sv, "form_state"sv, "use"sv, "booking"sv, "status"sv, "invoice_kind"sv};
constexpr std::array kReasons{"01"sv, "02"sv, "03"sv, "04"sv};
constexpr std::array kStates{"01"sv, "02"sv, "03"sv, "04"sv, "05"sv, "06"sv, "07"sv,
                             "08"sv, "09"sv, "10"sv, "11"sv, "12"sv, "13"sv};
constexpr std::array kUses{"0"sv, "1"sv, "2"sv, "3"sv, "4"sv, "5"sv, "6"sv, "7"sv, "8"sv, "9"sv, "10"sv, "11"sv};
constexpr std::array kBookings{"01"sv, "02"sv, "03"sv};
constexpr std::array kStatuses{"0"sv, "2"sv, "3"sv, "7"sv, "8"sv};
constexpr std::array kInvoiceKinds{"01"sv, "02"sv, "03"sv, "04"sv, "08"sv, "10"sv, "11"sv, "14"sv, "15"sv, "51"sv,
                                   "61"sv, "81"sv, "82"sv, "83"sv, "84"sv, "85"sv, "86"sv, "87"sv, "88"sv};
constexpr std::size_t kMaxChannelName = 32;

/// Compiled-in tables in one line each: "code=bureau code= ..." (an own code has nothing after the =), then the absent.
struct Compiled {
  std::string_view channel, version, source;
  CodeKind kind;
  std::string_view rows, absent;
};
constexpr std::string_view kPublic = "public connector code", kMemory = "memory of vendor documents, unverified";
constexpr Compiled kCompiled[] = {
    // Reasons: the silent trap. 1 and 2 are the other way round at these two.
    {"nuonuo", "2024", kPublic, CodeKind::reason, "1=02 2=01 3=03 4=04", ""},
    {"erp", "2024", kPublic, CodeKind::reason, "1=02 2=01 3=03 4=04", ""},
    {"nuonuo", "2024", kPublic, CodeKind::form_state,
     "00= 01=01 02=02 03=03 04=04 05=05 06=06 07=07 08=08 09=09 10=10 15= 16=", "11 12 13"},
    {"nuonuo", "2024", kMemory, CodeKind::invoice_kind, "bs=81 pc=82 es=85 ec=86",
     "01 02 03 04 08 10 11 14 15 51 61 83 84 87 88"},
    // fprzztDm: 01 is "booked" here and "not booked" at the bureau. zzsytDm says "ticked" and "confirmed", not for what
    // (and 03 is sometimes given for confirmed ones): none of its codes is a use.
    {"web", "2024", kPublic, CodeKind::booking, "00=01 01=02", "03"},
    {"web", "2024", kPublic, CodeKind::use, "00= 01= 03=", "0 1 2 3 4 5 6 7 8 9 10 11"},
    {"web", "2024", kPublic, CodeKind::reason, "01=01 02=02 03=03 04=04", ""},
    {"export", "2024", kPublic, CodeKind::status, "01=0 02=2 03=8 04=7", "3"},
    {"device", "2021", kMemory, CodeKind::invoice_kind, "004=01 005=03 006=15 007=04 025=11 026=10 028=08",
     "02 14 51 61 81 82 83 84 85 86 87 88"},
    // One public front end uses 11 and 12 for review states: here they are its own.
    {"review-front", "2024", kPublic, CodeKind::form_state,
     "01=01 02=02 03=03 04=04 05=05 06=06 07=07 08=08 09=09 10=10 11= 12=", "11 12 13"},
};

KindTable read(const Compiled& compiled) {
  KindTable table;
  for (const auto word : words(compiled.rows)) {
    const auto equals = word.find('=');
    table.rows.push_back({std::string(word.substr(0, equals)), std::string(word.substr(equals + 1)), 0});
  }
  for (const auto word : words(compiled.absent)) table.absent.push_back({{}, std::string(word), 0});
  return table;
}

std::optional<KindTable>& kind_of(ChannelTable& table, CodeKind kind) {
  return table.kinds[static_cast<std::size_t>(kind)];
}

std::vector<ChannelTable> compiled_tables() {
  std::vector<ChannelTable> out;
  ChannelTable bureau{.channel = "leqi", .version = "V6.006", .source = "public enum of Leqi 基础版", .kinds = {}};
  for (int k = 0; k < kCodeKinds; ++k) {
    const auto kind = static_cast<CodeKind>(k);
    KindTable table;
    for (const auto code : bureau_codes(kind)) table.rows.push_back({std::string(code), std::string(code), 0});
    kind_of(bureau, kind) = std::move(table);
  }
  out.push_back(std::move(bureau));
  for (const Compiled& compiled : kCompiled) {
    auto at = std::ranges::find(out, compiled.channel, &ChannelTable::channel);
    if (at == out.end()) {
      out.push_back({.channel = std::string(compiled.channel),
                     .version = std::string(compiled.version),
                     .source = std::string(compiled.source),
                     .kinds = {}});
      at = out.end() - 1;
    }
    if (at->source.find(compiled.source) == std::string::npos) at->source += "; " + std::string(compiled.source);
    kind_of(*at, compiled.kind) = read(compiled);
  }
  return out;
}

bool well_formed(std::string_view channel) {
  return !channel.empty() && channel.size() <= kMaxChannelName && std::ranges::all_of(channel, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

class Judge {
 public:
  Judge(const ChannelTable& table, const std::string& file) : table_(table), file_(file) {}
  void finding(std::string id, int line, std::string_view kind, std::string_view wanted, std::string_view left = {}) {
    std::string where = file_.empty() ? "compiled in" : file_ + ":" + std::to_string(line);
    where += ": channel." + table_.channel + (kind.empty() ? "" : "." + std::string(kind));
    out_.push_back({Errc::invalid_input, std::move(id), std::move(where), std::string(wanted), std::string(left), {}});
  }
  void judge(CodeKind kind, const KindTable& codes) {
    const auto known = bureau_codes(kind);
    std::set<std::string, std::less<>> seen, reached;
    for (const CodeRow& row : codes.rows) {
      if (row.code.empty() || !seen.insert(row.code).second) finding("codes.duplicate", row.line, name(kind), row.code);
      if (row.bureau.empty()) continue;
      if (std::ranges::find(known, row.bureau) == known.end())
        finding("codes.unknown_bureau", row.line, name(kind), row.bureau, row.code);
      reached.insert(row.bureau);
    }
    std::set<std::string, std::less<>> absent;
    for (const CodeRow& row : codes.absent) {
      if (std::ranges::find(known, row.bureau) == known.end())
        finding("codes.unknown_bureau", row.line, name(kind), row.bureau, "absent");
      if (reached.contains(row.bureau) || !absent.insert(row.bureau).second)
        finding("codes.duplicate", row.line, name(kind), row.bureau);
    }
    for (const auto code : known)
      if (!reached.contains(code) && !absent.contains(code)) finding("codes.not_reached", codes.line, name(kind), code);
  }
  std::vector<Error> take() { return std::move(out_); }

 private:
  const ChannelTable& table_;
  const std::string& file_;
  std::vector<Error> out_;
};

}  // namespace

std::string_view name(CodeKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<CodeKind> code_kind_named(std::string_view wanted) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == wanted) return static_cast<CodeKind>(i);
  return std::nullopt;
}

std::span<const std::string_view> bureau_codes(CodeKind kind) {
  // In the order of CodeKind.
  static constexpr std::array<std::span<const std::string_view>, kCodeKinds> kCodes{
      kReasons, kStates, kUses, kBookings, kStatuses, kInvoiceKinds};
  return kCodes[static_cast<std::size_t>(kind)];
}

std::vector<Error> validate(const ChannelTable& table, const std::string& file) {
  Judge judge(table, file);
  if (!well_formed(table.channel)) judge.finding("codes.channel_name", table.line, {}, table.channel);
  if (table.version.empty()) judge.finding("codes.no_source", table.line, {}, "version");
  if (table.source.empty()) judge.finding("codes.no_source", table.line, {}, "source");
  for (int k = 0; k < kCodeKinds; ++k)
    if (const auto& codes = table.kinds[static_cast<std::size_t>(k)]) judge.judge(static_cast<CodeKind>(k), *codes);
  return judge.take();
}

const ChannelCodes& ChannelCodes::defaults() {
  static const ChannelCodes codes = *make({}, {});
  return codes;
}

std::expected<ChannelCodes, std::vector<Error>> ChannelCodes::make(std::vector<ChannelTable> over,
                                                                   const std::string& file) {
  ChannelCodes out;
  out.tables_ = compiled_tables();
  std::vector<Error> findings;
  for (ChannelTable& table : over) {
    auto wrong = validate(table, file);
    findings.insert(findings.end(), std::make_move_iterator(wrong.begin()), std::make_move_iterator(wrong.end()));
    const auto at = std::ranges::find(out.tables_, table.channel, &ChannelTable::channel);
    if (at == out.tables_.end()) {
      out.tables_.push_back(std::move(table));
      continue;
    }
    for (std::size_t k = 0; k < table.kinds.size(); ++k)
      if (table.kinds[k]) at->kinds[k] = std::move(table.kinds[k]);
    at->version = std::move(table.version);
    at->source = std::move(table.source);
  }
  if (!findings.empty()) return std::unexpected(std::move(findings));
  return out;
}

const ChannelTable* ChannelCodes::find(std::string_view channel) const {
  const auto at = std::ranges::find(tables_, channel, &ChannelTable::channel);
  return at == tables_.end() ? nullptr : &*at;
}

std::optional<std::string> ChannelCodes::bureau(std::string_view channel, CodeKind kind, std::string_view code) const {
  const ChannelTable* table = find(channel);
  if (table == nullptr || code.empty()) return std::nullopt;
  const auto& codes = table->kinds[static_cast<std::size_t>(kind)];
  if (!codes) return std::nullopt;
  const auto at = std::ranges::find(codes->rows, code, &CodeRow::code);
  if (at == codes->rows.end() || at->bureau.empty()) return std::nullopt;
  return at->bureau;
}

}  // namespace taxgate::rules
