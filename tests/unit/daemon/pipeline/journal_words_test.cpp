// What the night watch and the accountant read of a submission's life has both languages, whichever step, hold or
// event it is: the next one added is looked for here by itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/core/config.h"
#include "daemon/events/event_form.h"
#include "daemon/pipeline/settings.h"
#include "daemon/rules/disk.h"
#include "protocol/journal_text.h"
#include "protocol/states.h"

namespace taxgate::pipeline {
namespace {

bool speaks_chinese(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

/// The word stands in the catalogue, in both languages.
void expect_word(std::string_view group, std::string_view code) {
  EXPECT_NE(find_message(std::string(group) + "." + std::string(code)), nullptr) << group << " " << code;
  EXPECT_TRUE(speaks_chinese(word_of(group, code, Language::chinese))) << group << " " << code;
}

TEST(JournalWords, EveryEventAndWhatBillingServersCallItHaveBothLanguages) {
  for (const std::string_view event : kJournalEvents) {
    expect_word("event", event);
    store::JournalRow row;
    row.event = event;
    for (const char* state :
         {"running", "right", "attention", "incomplete", "failed", "waiting_approval", "approved"}) {
      row.state = state;
      // Those that are never said of anything but a submission have "submission.<event>", which is the event's word.
      const std::string type = events::event_type(row);
      if (type.starts_with("gateway.") && find_message("type." + type) == nullptr) continue;
      expect_word("type", type);
    }
  }
  for (const char* of_the_gateway : {"audit", "preflight", "credit"})
    expect_word("type", std::string("gateway.") + of_the_gateway);
}

TEST(JournalWords, EveryStateStepAndKindHasBothLanguages) {
  for (const StateFacts& state : states()) EXPECT_TRUE(speaks_chinese(state.text_zh)) << state.name;
  for (const Step step : {Step::apply, Step::upload, Step::answer}) expect_word("step", name(step));
  for (const Kind kind : {Kind::red, Kind::confirm, Kind::deny, Kind::revoke}) expect_word("kind", name(kind));
  for (const char* record : {"initial", "limit", "pickup", "application", "rejection", "filing"})
    expect_word("journal", std::string("credit_") + record);
}

TEST(JournalWords, EveryReasonAndCauseOfAHoldHasBothLanguages) {
  const auto settings = settings_from(Config{});
  ASSERT_TRUE(settings) << settings.error().id;
  EXPECT_GE(settings->hold_codes.size(), 3u);
  for (const auto& [code, reason] : settings->hold_codes) expect_word("hold_reason", reason);
  for (const char* ours : {"operator", "key_locked", "red_alert"}) expect_word("hold_reason", ours);
  for (const rules::DiskRefusal& refusal : rules::disk_refusals()) {
    expect_word("role", refusal.release_by);
    const Error why{Errc::limit_reached, std::string(refusal.id), {}, {}, {}, {}};
    EXPECT_EQ(journal_text(message_text(why, Language::english), Language::chinese),
              message_text(why, Language::chinese));
    EXPECT_EQ(journal_text("held: " + said("journal.disk_refused", std::string(refusal.sense),
                                           message_text(why, Language::english))
                                          .english(),
                           Language::chinese),
              "暂停:税控设备返回 " + std::string(refusal.sense) + ":" + message_text(why, Language::chinese));
  }
  for (const char* id : {"key.pin_wrong", "key.pin_last_try", "key.locked"}) {
    const Error why{Errc::limit_reached, id, {}, {}, "2", {}};
    EXPECT_EQ(journal_text(said(why).english(), Language::chinese), message_text(why, Language::chinese)) << id;
  }
}

}  // namespace
}  // namespace taxgate::pipeline
