#pragma once
// Codes of the channels through which invoices and forms reach us, mapped to the bureau's, never guessed: the key is
// (channel, kind, code). A code of no table, and a vendor's own code, has no bureau meaning: it is kept as it came and
// means "not issued". Pure; thread-safe once built. Source: rules.md 0.3, 0.4, B.1-B.4.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate::rules {

enum class CodeKind : std::uint8_t { reason, form_state, use, booking, status, invoice_kind };
inline constexpr int kCodeKinds = 6;
std::string_view name(CodeKind kind);  // "form_state": the table's name in the operator's file
std::optional<CodeKind> code_kind_named(std::string_view name);
/// Every code the bureau has of this kind (chyyDm, hzqrxxztDm, fpyt, rzzt, fpzt, fplx).
std::span<const std::string_view> bureau_codes(CodeKind kind);

/// One code of a channel.
struct CodeRow {
  std::string code;    // the channel's
  std::string bureau;  // "" for a code of the channel's own that the bureau has no word for
  int line = 0;        // of the operator's file; 0: compiled in
};
struct KindTable {
  std::vector<CodeRow> rows;
  std::vector<CodeRow> absent;  // bureau codes (in `bureau`) this channel cannot say
  int line = 0;
};
struct ChannelTable {
  std::string channel;  // "leqi", "nuonuo", "web"; [a-z0-9_-]{1,32}
  std::string version;  // of the interface it was read from
  std::string source;   // where, and how sure
  std::array<std::optional<KindTable>, kCodeKinds> kinds;
  int line = 0;
};

/// Every bureau code of a kind is reached or named absent; no code twice, no bureau code that does not exist, none
/// both reached and absent; version and source given; a channel's name well formed. All findings, with "FILE:LINE".
std::vector<Error> validate(const ChannelTable& table, const std::string& file);

class ChannelCodes {
 public:
  /// leqi (the bureau's own), nuonuo, erp (the connectors with swapped reasons), web, export, device, review-front.
  static const ChannelCodes& defaults();
  /// `over` replaces whole kinds of a known channel, or adds channels. errors: validate()'s
  static std::expected<ChannelCodes, std::vector<Error>> make(std::vector<ChannelTable> over, const std::string& file);

  bool knows(std::string_view channel) const { return find(channel) != nullptr; }
  const std::vector<ChannelTable>& tables() const { return tables_; }
  /// nullopt: no bureau meaning; keep the code as given.
  std::optional<std::string> bureau(std::string_view channel, CodeKind kind, std::string_view code) const;

 private:
  const ChannelTable* find(std::string_view channel) const;
  std::vector<ChannelTable> tables_;
};

}  // namespace taxgate::rules
