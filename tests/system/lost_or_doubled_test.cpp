// The promise of the project on the real programs: killed anywhere, answered late, twice or not at all, nothing is lost
// and nothing is doubled; and the judge that says so notices when the promise is broken on purpose.
#include <fmt/format.h>
#include <sys/wait.h>

#include "protocol/leqi.h"
#include "tests/sanitizer.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  std::string state;
  simulator::Stand::Judgement judgement;
};

/// One full red with a fault on its apply; waits for its end.
Outcome one_red(Whole& whole, std::string_view service, const std::string& action) {
  const Invoice blue = whole.blue();
  whole.fault(blue, service, action);
  auto accepted = whole.stand().submit(whole.full_red(blue));
  EXPECT_TRUE(accepted) << (accepted ? "" : accepted.error().id + " " + accepted.error().detail);
  if (!accepted) return {};
  auto ended = whole.stand().wait_state(accepted->id(), {"attention"}, 60s);
  EXPECT_TRUE(ended);
  return {ended ? ended->state() : "", whole.judge(accepted->id())};
}

/// It is still waiting for its answer when it is killed, however long that takes.
constexpr int kPatientMs = 60'000;
/// SIGKILL after the platform booked the form and before its answer, then a restart.
Outcome killed_after_arrival(Whole& whole, const std::vector<std::string>& environment) {
  const Invoice blue = whole.blue();
  whole.fault(blue, leqi::service::apply, fmt::format(R"("delay_ms":{},"protection":false)", kPatientMs));
  auto accepted = whole.stand().submit(whole.full_red(blue));
  EXPECT_TRUE(accepted);
  EXPECT_TRUE(eventually([&] { return whole.documents_on(blue) == 1; }));
  whole.stand().taxgated().kill();
  // A second arrival must not be caught by the platform's own protection.
  whole.fault(blue, leqi::service::apply, R"("protection":false,"count":0)");
  EXPECT_TRUE(whole.stand().start_taxgated({}, environment));
  auto ended = whole.stand().wait_state(accepted->id(), {"attention"}, 60s);
  EXPECT_TRUE(ended);
  return {ended ? ended->state() : "", whole.judge(accepted->id())};
}

struct Fault {
  const char* name;
  const char* action;
};

TEST(NothingLostNothingDoubled, WhateverBecomesOfTheAnswerToAnApplication) {
  Whole whole;
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Fault faults[] = {
      {"time-out although it arrived", R"("delay_ms":3000,"protection":false)"},
      {"arrives long after our time-out", R"("late_arrival_ms":2000,"protection":false)"},
      {"listed only later", R"("drop_after":true,"late_listing_ms":600,"protection":false)"},
      {"connection lost after arrival", R"("drop_after":true,"protection":false)"},
      {"connection lost before arrival", R"("drop_before":true,"protection":false)"},
      {"stalled for ever", R"("stall":true,"protection":false)"},
      {"garbage", R"("garbage":true,"protection":false)"},
      {"cut off", R"("truncate_at":40,"protection":false)"},
      {"500 after booking", R"("status":500,"handle":true,"protection":false)"},
      {"500 before booking", R"("status":500,"protection":false)"},
      {"429", R"("status":429,"retry_after":1)"},
      {"503 with Retry-After", R"("status":503,"retry_after":1)"},
      {"answered as a duplicate", R"("duplicate_answer":true,"protection":false)"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Outcome outcome = one_red(whole, leqi::service::apply, fault.action);
    EXPECT_EQ(outcome.state, "issued");
    EXPECT_EQ(outcome.judgement.lost, 0) << outcome.judgement.text;
    EXPECT_EQ(outcome.judgement.doubled, 0) << outcome.judgement.text;
  }
}

TEST(NothingLostNothingDoubled, WhateverBecomesOfTheAnswerToAnUpload) {
  Whole whole({.upload = true});
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Fault faults[] = {
      {"time-out although it arrived", R"("delay_ms":3000)"},
      {"connection lost after arrival", R"("drop_after":true)"},
      {"connection lost before arrival", R"("drop_before":true)"},
      {"arrives long after our time-out", R"("late_arrival_ms":2000)"},
      {"garbage", R"("garbage":true)"},
      {"500 before booking", R"("status":500)"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.name);
    const Outcome outcome = one_red(whole, leqi::service::upload, fault.action);
    EXPECT_EQ(outcome.state, "issued");
    EXPECT_EQ(outcome.judgement.lost, 0) << outcome.judgement.text;
    EXPECT_EQ(outcome.judgement.doubled, 0) << outcome.judgement.text;
  }
}

TEST(NothingLostNothingDoubled, KilledAfterTheFormArrivedAndBeforeItsAnswer) {
  Whole whole({.answer_ms = kPatientMs});
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Outcome outcome = killed_after_arrival(whole, {});
  EXPECT_EQ(outcome.state, "issued");
  EXPECT_EQ(outcome.judgement.lost, 0) << outcome.judgement.text;
  EXPECT_EQ(outcome.judgement.doubled, 0) << outcome.judgement.text;
}

TEST(NothingLostNothingDoubled, IsNoticedWhenSilenceIsAnsweredByABlindResend) {
  Whole whole({.taxgated = "taxgated-sabotaged"});
  ASSERT_TRUE(whole.stand().start_taxgated({}, {"TAXGATE_SABOTAGE=blind_resend"}));
  const Outcome outcome = one_red(whole, leqi::service::apply, R"("drop_after":true,"protection":false,"count":2)");
  EXPECT_GE(outcome.judgement.doubled, 1) << outcome.judgement.text;
}

TEST(NothingLostNothingDoubled, IsNoticedWhenTheIntentIsNotDurableBeforeSending) {
  const std::vector<std::string> sabotage{"TAXGATE_SABOTAGE=no_durable_intent"};
  Whole whole({.answer_ms = kPatientMs, .taxgated = "taxgated-sabotaged"});
  ASSERT_TRUE(whole.stand().start_taxgated({}, sabotage));
  const Outcome outcome = killed_after_arrival(whole, sabotage);
  EXPECT_GE(outcome.judgement.doubled + outcome.judgement.lost, 1) << outcome.judgement.text;
}

TEST(NothingLostNothingDoubled, AStrangersFormIsNotAdoptedAndNothingIsSentTwice) {
  Whole whole;
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Invoice blue = whole.blue(true);
  ASSERT_TRUE(whole.stand().control(
      "POST", "/forms",
      fmt::format(R"({{"blue_number":"{}","initiator":"seller","reason":"02","stranger":true}})", blue.number)));
  auto accepted = whole.stand().submit(whole.full_red(blue));
  ASSERT_TRUE(accepted);
  auto ended = whole.stand().wait_state(accepted->id(), {"attention"}, 60s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state(), "attention");
  EXPECT_EQ(ended->error().code(), "outcome.foreign_form");
  EXPECT_NE(ended->foreign_form().find("\"reason\":\"02\""), std::string::npos) << ended->foreign_form();
  EXPECT_EQ(whole.judge(accepted->id()).doubled, 0);
}

/// k = 1, 2, … until a run survives: the process kills itself at the k-th durable step, key call or platform call.
TEST(NothingLostNothingDoubled, KilledAtEveryStepOfStoreKeyAndPlatform) {
  Whole whole({.upload = true});
  std::string last;
  int points = 0;
  constexpr int kMost = 400;  // a run has about 30 steps; more means it never survives
  // Every step in the release build; what a sanitizer looks for, a third of them meets, and each is several times
  // slower.
  constexpr int kStep = tests::kSanitized ? 3 : 1;
  for (int k = 1; k < kMost; k += kStep) {
    ASSERT_TRUE(whole.stand().start_taxgated()) << k;
    const Invoice blue = whole.blue();
    whole.fault(blue, leqi::service::apply, R"("protection":false,"count":0)");
    whole.stand().taxgated().stop();
    if (auto started = whole.stand().start_taxgated({"--lab-kill-at", std::to_string(k)}); !started) {
      ASSERT_FALSE(whole.stand().taxgated().running());  // killed while it started
    }
    const auto request = whole.full_red(blue);
    auto answer = submit_until_answered(whole.stand(), request, 10s);
    bool finished = false;
    if (answer) {
      const auto seen = whole.stand().wait_state(answer->id(), {"attention"}, 60s);
      finished = seen && seen->final();
    }
    // Ended here in any case: a step may come after the submission's end (a look at the inbox), and kill it while we
    // ask on. A dying process closes its socket a moment before it can be reaped.
    if (!finished) (void)whole.stand().taxgated().wait(10s);
    whole.stand().taxgated().stop();
    const bool killed = WIFSIGNALED(whole.stand().taxgated().exit_status());
    points += killed ? 1 : 0;
    ASSERT_TRUE(whole.stand().start_taxgated()) << k;
    answer = submit_until_answered(whole.stand(), request, 20s);
    ASSERT_TRUE(answer) << k << ": " << answer.error().id;
    auto ended = whole.stand().wait_state(answer->id(), {"attention"}, 60s);
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->state(), "issued") << "killed at step " << k;
    (void)whole.judge(last = answer->id());
    whole.stand().taxgated().stop();
    if (!killed) break;
  }
  ASSERT_TRUE(whole.stand().start_taxgated());
  const auto judgement = whole.judge(last);
  EXPECT_EQ(judgement.lost, 0) << judgement.text;
  EXPECT_EQ(judgement.doubled, 0) << judgement.text;
  EXPECT_GT(points, 20 / kStep);
  fmt::print("killed at {} points\n", points);
}

}  // namespace
}  // namespace taxgate::tests
