#include "daemon/sync/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/messages.h"

namespace taxgate::sync {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LegalTime time(std::string_view text) { return *LegalTime::parse(text); }

PreflightInput standing() {
  PreflightInput in;
  in.window_end = time("2026-11-23 07:00:00");
  in.plan.calls = 400;
  in.plan.expected_records = 1'000'000;
  in.plan.finish = time("2026-11-23 04:00:00");
  in.calls_left = 400;
  in.taxpayers = {{"T1", true, {}}, {"T2", true, {}}};
  in.key_host_connected = true;
  in.keys = {{"K1", "T1", true, time("2027-01-01")}, {"K2", "T2", true, {}}};
  in.state_dir = "/var/lib/taxgate";
  in.free_bytes = kLowSpace + 1'000'000 * kBytesOfNewRecord;
  return in;
}
std::vector<std::string> ids(const PreflightInput& in) {
  std::vector<std::string> out;
  for (const auto& f : judge(in)) out.push_back((f.failing ? "!" : "") + f.error.id);
  return out;
}

TEST(Preflight, FindsNothingWhereEverythingStands) { EXPECT_THAT(ids(standing()), IsEmpty()); }

TEST(Preflight, NamesTheTaxpayerThePlatformTurnsAway) {
  PreflightInput in = standing();
  in.taxpayers[1].refused = Error{Errc::retry_later, "platform.gateway", {}, "SIM-401", {}, "session lost"};
  const auto found = judge(in);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].failing);
  EXPECT_EQ(found[0].error.field, "T2");
  EXPECT_THAT(message_text(found[0].error, Language::english), HasSubstr("session lost"));
}

TEST(Preflight, WantsAClockThatAgreesWithThePlatforms) {
  PreflightInput in = standing();
  for (const std::int64_t off : {-30, 0, 30}) {
    in.clock_ahead_s = off;
    EXPECT_THAT(ids(in), IsEmpty()) << off;
  }
  for (const std::int64_t off : {-31, 31}) {
    in.clock_ahead_s = off;
    EXPECT_THAT(ids(in), ElementsAre("!preflight.clock")) << off;
  }
  ASSERT_EQ(judge(in).size(), 1U);
  EXPECT_THAT(message_text(judge(in)[0].error, Language::english), HasSubstr("by +31 s (tolerated: 30 s)"));
}

TEST(Preflight, CountsCallsAndTimeToTheVeryLast) {
  PreflightInput in = standing();
  in.calls_left = 399;
  EXPECT_THAT(ids(in), ElementsAre("!preflight.budget"));
  in = standing();
  in.plan.finish = in.window_end;
  EXPECT_THAT(ids(in), IsEmpty());
  in.plan.finish = in.window_end.plus_ms(1);
  EXPECT_THAT(ids(in), ElementsAre("preflight.late"));
}

TEST(Preflight, WantsAReadyKeyForEachTaxpayerAndCertificatesBeyondTheWindow) {
  PreflightInput in = standing();
  in.keys[0].ready = false;
  EXPECT_THAT(ids(in), ElementsAre("key.none"));
  in = standing();
  in.keys[0].valid_until = in.window_end;
  EXPECT_THAT(ids(in), ElementsAre("!preflight.certificate"));
  in.keys[0].valid_until = in.window_end.plus_ms(1);
  EXPECT_THAT(ids(in), IsEmpty());
  in = standing();
  in.keys[1].pin_tries_left = 0;
  EXPECT_THAT(ids(in), IsEmpty()) << "a key that never showed its counter";
  in.keys[1].pin_tries_left = 1;
  EXPECT_THAT(ids(in), ElementsAre("!preflight.pin")) << "one mistake by day, and the key is locked at night";
  in.keys[1].pin_tries_left = 3;
  for (const char* state : {"locked", "pin_wrong", "pin_last_try"}) {
    in.keys[1].state = state;
    EXPECT_THAT(ids(in), ElementsAre("!preflight.pin")) << state;
  }
  in = standing();
  in.key_host_connected = false;
  in.keys.clear();
  EXPECT_THAT(ids(in), ElementsAre("!key.host_gone")) << "nothing is known of keys then, so nothing is said";
}

TEST(Preflight, WantsRoomForEveryRecordTheNightMayBring) {
  PreflightInput in = standing();
  --*in.free_bytes;
  EXPECT_THAT(ids(in), ElementsAre("preflight.room"));
  in.free_bytes = kNoSpace - 1;
  EXPECT_THAT(ids(in), ElementsAre("!preflight.room"));
  in.free_bytes.reset();
  EXPECT_THAT(ids(in), IsEmpty());
}

TEST(Preflight, TellsWhatFailsFirst) {
  PreflightInput in = standing();
  in.plan.finish = in.window_end.plus_ms(1);
  in.keys[0].valid_until = in.window_end;
  in.taxpayers[0].refused = Error{Errc::rejected, "listing.refused", {}, {}, {}, {}};
  EXPECT_THAT(ids(in), ElementsAre("!preflight.platform", "!preflight.certificate", "preflight.late"));
}

}  // namespace
}  // namespace taxgate::sync
