#pragma once
// What a journal row says: its event, a word of a closed list, and its detail, a sentence of the message catalogue
// (rows "journal.…"). Stored once, in English; turned into the reader's language where it is shown. Rows written by an
// older program read the same as long as the catalogue keeps its English sentence. Pure; any thread.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/messages.h"

namespace taxgate {

/// Every event of a journal row. Each has its word in both languages in the catalogue ("event.prepared").
inline constexpr std::array<std::string_view, 42> kJournalEvents{
    "accepted",  "state",        "signed",    "sent",       "queried",         "note",          "hold",
    "release",   "ledger",       "inbox",     "status",     "credit",          "caller",        "prepared",
    "sending",   "not_sent",     "answered",  "seen",       "uploaded",        "upload_failed", "adopted",
    "resend",    "refused",      "attention", "held",       "outcome_unknown", "deadline_near", "deadline_passed",
    "disk_near", "disk_stopped", "disk_well", "key_leased", "key_released",    "night",         "audit",
    "preflight", "cancel",       "retry",     "resolve",    "approve",         "deny_approval", "restarted"};

constexpr bool is_journal_event(std::string_view word) {
  return std::ranges::find(kJournalEvents, word) != kJournalEvents.end();
}

/// One of kJournalEvents; another literal does not compile.
class JournalEvent {
 public:
  consteval JournalEvent(const char* word) : word_(word) {  // NOLINT(google-explicit-constructor)
    if (!is_journal_event(word_)) throw "not one of kJournalEvents";
  }
  constexpr std::string_view word() const { return word_; }
  /// The event of that name, or nothing.
  static constexpr std::optional<JournalEvent> named(std::string_view word) {
    const auto at = std::ranges::find(kJournalEvents, word);
    return at == kJournalEvents.end() ? std::nullopt : std::optional(JournalEvent(*at, 0));
  }

 private:
  constexpr JournalEvent(std::string_view word, int) : word_(word) {}
  std::string_view word_;
};

/// The detail of a journal row: made of the catalogue, or another's words. No text becomes one by itself, so that none
/// can be forgotten in Chinese.
class Said {
 public:
  Said() = default;
  const std::string& english() const { return text_; }
  /// This, then that: "; " between them when both say something.
  Said& operator+=(const Said& more);

 private:
  explicit Said(std::string text) : text_(std::move(text)) {}
  friend Said said(const Error& sentence);
  friend Said verbatim(std::string words);
  std::string text_;
};

/// The catalogue's sentence of that id with its values.
Said said(const Error& sentence);
/// The same, for the rows of the journal. id  "journal.attempt"
Said said(std::string id, std::string wanted = {}, std::string left = {});
/// What a person, the platform or a library said, as it stands.
Said verbatim(std::string words);

/// The word of an event, or of any other code that has a row "<group>.<code>" in the catalogue; unknown: the code.
/// group  "event", "step", "kind", "track", "side", "purpose", "health", "key_state", "hold_reason", "principal",
/// "role"
std::string word_of(std::string_view group, std::string_view code, Language language);

/// A stored detail in the reader's language: whatever of it the catalogue said, said again; the rest as it stands.
std::string journal_text(std::string_view detail, Language language);

}  // namespace taxgate
