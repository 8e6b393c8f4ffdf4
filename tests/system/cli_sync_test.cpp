// taxgate sync approve, audit and check: what is asked of the gateway, what a person reads, what a timer gets.
#include "tests/system/cli_fixture.h"

#include <gmock/gmock.h>

#include "protocol/legal_time.h"

namespace taxgate::tests {
namespace {

using testing::Contains;
using testing::HasSubstr;

class CliSync : public Cli {
 protected:
  void last_night(const std::string& state, std::uint32_t exit_code, const std::string& began,
                  const std::string& ended) {
    gateway_.sync_answer.set_next_at("2026-11-23T03:00:00.000+08:00");
    gateway_.sync_answer.set_channel("simulator");
    auto& run = *gateway_.sync_runs_answer.add_runs();
    run.set_run(7);
    run.set_state(state);
    run.set_exit_code(exit_code);
    run.set_started_at(began);
    run.set_finished_at(ended);
  }
  Outcome check(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"sync", "check"});
    return run(more);
  }
  const std::string began_ = "2026-11-22T03:00:00.120+08:00", ended_ = "2026-11-22T03:20:00.000+08:00";
};

TEST_F(CliSync, ApproveNamesTheNightAndTheReason) {
  gateway_.sync_answer.mutable_run()->set_run(7);
  const auto done = run({"sync", "approve", "7", "--reason", "looked at"});
  EXPECT_EQ(done.exit, 0) << done.err;
  EXPECT_THAT(gateway_.calls, Contains("sync_approve:7:looked at"));
  EXPECT_THAT(done.out, HasSubstr("a further run lists what was held back"));
  EXPECT_EQ(run({"sync", "approve"}).exit, 2) << "which night?";
}

TEST_F(CliSync, AuditSaysWhatWasComparedAndEachGapWithItsRemedy) {
  gateway_.audit_answer.set_channel("simulator");
  gateway_.audit_answer.set_kept(3);
  EXPECT_EQ(run({"sync", "audit"}).exit, 0);
  gateway_.audit_answer.set_gaps(1);
  auto& gap = *gateway_.audit_answer.add_named();
  gap.set_code("audit.unlogged");
  gap.set_message("the sentence");
  gap.set_remedy("the remedy");
  const auto found = run({"sync", "audit"});
  EXPECT_EQ(found.exit, 1);
  for (const char* text : {"audit.unlogged", "the sentence", "the remedy"}) EXPECT_THAT(found.out, HasSubstr(text));
  gateway_.audit_answer.mutable_unaudited()->set_code("key.host_absent");
  EXPECT_EQ(run({"sync", "audit"}).exit, 2);
}

TEST_F(CliSync, CheckIsSilentAboutANightThatWasMade) {
  last_night("attention", 1, began_, ended_);
  EXPECT_EQ(check().exit, 0) << "what it found is in its report";
}

TEST_F(CliSync, CheckCallsNobodyWhileTheNightHasTimeLeftAndSaysSo) {
  last_night("running", 2, began_, "");
  gateway_.sync_answer.set_active(true);
  auto& run = *gateway_.sync_answer.mutable_run();
  run.set_updated_at("2026-11-22T03:10:00.000+08:00");
  run.set_window_end("2026-11-22T07:00:00.000+08:00");
  const auto early = check();
  EXPECT_EQ(early.exit, 0);
  EXPECT_THAT(early.out, HasSubstr("under way; its window ends at 2026-11-22 07:00:00"));
  run.set_updated_at("2026-11-22T07:00:00.000+08:00");
  EXPECT_THAT(check().out, HasSubstr("sync.night_late"));
  gateway_.sync_answer.set_next_at("");
  EXPECT_THAT(check().out, HasSubstr("No night is ever due"));
}

TEST_F(CliSync, CheckRaisesAnAlarmForANightThatIsMissingLateOrShort) {
  last_night("right", 0, "2026-11-21T03:00:00.000+08:00", "2026-11-21T03:20:00.000+08:00");
  const auto missed = check();
  EXPECT_EQ(missed.exit, 1);
  EXPECT_THAT(missed.out, HasSubstr("sync.night_missed"));
  EXPECT_THAT(missed.out, HasSubstr("2026-11-22 03:00:00"));
  gateway_.sync_runs_answer.Clear();
  last_night("running", 2, began_, "");
  EXPECT_THAT(check().out, HasSubstr("sync.night_late"));
  gateway_.sync_runs_answer.Clear();
  last_night("incomplete", 2, began_, ended_);
  EXPECT_THAT(check().out, HasSubstr("sync.night_short"));
  gateway_.sync_answer.set_next_at("");
  EXPECT_EQ(check().exit, 0) << "no night is ever due";
}

TEST_F(CliSync, CheckIsNotSilencedByARunThatWasApprovedForOneTaxpayer) {
  last_night("right", 0, "2026-11-22T05:00:00.000+08:00", "2026-11-22T05:10:00.000+08:00");
  gateway_.sync_runs_answer.mutable_runs(0)->set_cause("approved");
  last_night("incomplete", 2, began_, ended_);
  EXPECT_THAT(check().out, HasSubstr("sync.night_short")) << "what the night left of the others is still missing";
  gateway_.sync_runs_answer.mutable_runs(1)->set_exit_code(1);
  EXPECT_EQ(check().exit, 0);
  gateway_.sync_runs_answer.mutable_runs(0)->set_exit_code(2);
  EXPECT_THAT(check().out, HasSubstr("sync.night_short")) << "the approved run itself was cut short";
}

TEST_F(CliSync, CheckIsNotSilencedByARunThatWasAskedForAndIsStillUnderWay) {
  const auto under_way = [this](const std::string& began) {
    gateway_.sync_runs_answer.Clear();
    last_night("running", 2, began, "");
    gateway_.sync_runs_answer.mutable_runs(0)->set_cause("asked");
    gateway_.sync_answer.set_active(true);
    auto& run = *gateway_.sync_answer.mutable_run();
    run.set_cause("asked");
    run.set_updated_at("2026-11-22T08:00:00.000+08:00");
    run.set_window_end("2026-11-22T14:00:00.000+08:00");  // it may last half a day
  };
  under_way("2026-11-22T02:00:00.000+08:00");
  EXPECT_THAT(check().out, HasSubstr("sync.night_missed")) << "the night waits behind it";
  under_way("2026-11-22T07:30:00.000+08:00");
  EXPECT_THAT(check().out, HasSubstr("sync.night_late")) << "it stands for the night";
  last_night("right", 0, began_, ended_);
  EXPECT_EQ(check().exit, 0) << "the night was made before it";
}

TEST_F(CliSync, CheckCallsNobodyBeforeTheFirstNightOfANewInstallation) {
  gateway_.sync_answer.set_next_at("2026-11-23T03:00:00.000+08:00");
  gateway_.sync_answer.set_scheduled_since("2026-11-22T09:00:00.000+08:00");
  const auto first = check();
  EXPECT_EQ(first.exit, 0);
  EXPECT_THAT(first.out, HasSubstr("No night was due yet; the first one is at 2026-11-23 03:00:00"));
  gateway_.sync_answer.set_scheduled_since("2026-11-22T03:00:00.000+08:00");
  EXPECT_THAT(check().out, HasSubstr("sync.night_missed")) << "it was due at that moment";
}

TEST_F(CliSync, CheckHandsTheAlarmToACommandInAFormOfOnesOwnAlsoWhenTheGatewayIsGone) {
  const auto form = directory_ / "form", heard = directory_ / "heard";
  std::ofstream(form) << R"({"text":"{code} {due}: {message}"})";
  const auto missed = check({"--template", form.string(), "--run", "cat > " + heard.string()});
  EXPECT_EQ(missed.exit, 0) << "nothing is scheduled";
  last_night("incomplete", 2, began_, ended_);
  EXPECT_EQ(check({"--template", form.string(), "--run", "cat > " + heard.string()}).exit, 1);
  EXPECT_EQ(
      read_all(heard),
      R"({"text":"sync.night_short 2026-11-22 03:00:00: The night that was due at 2026-11-22 03:00:00 did not read )"
      R"(everything (run 7)."})");
  EXPECT_EQ(check({"--run", "exit 3"}).exit, 3) << "nobody was told, and the timer's unit must fail";
  const auto gone =
      run({"--socket", (directory_ / "nobody.sock").string(), "sync", "check", "--run", "cat > " + heard.string()}, "C",
          false);
  EXPECT_EQ(gone.exit, 1);
  EXPECT_THAT(read_all(heard), HasSubstr("\"code\":\"sync.night_unknown\""));
}

TEST_F(CliSync, ADryRunShowsTheWindowsThatHoldSomethingAndCountsTheOthers) {
  auto& plan = gateway_.sync_plan_answer;
  plan.set_fits(true);
  for (int i = 0; i < 1'440; ++i) {
    auto& window = *plan.add_windows();
    window.set_taxpayer("91310115TGDM00011U");
    window.set_month(i == 7 ? "2026-04" : "2026-05");
    window.set_expected_records(i == 7 ? 1'234 : 0);
  }
  const auto shown = run({"sync", "--dry-run"});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("2026-04"));
  EXPECT_THAT(shown.out, HasSubstr("1,234"));
  EXPECT_THAT(shown.out, HasSubstr("1,440"));
  EXPECT_THAT(shown.out, HasSubstr("1,439"));
  EXPECT_EQ(shown.out.find("2026-05"), std::string::npos) << "what is empty has no line of its own";
  EXPECT_THAT(run({"sync", "--dry-run", "--json"}).out, HasSubstr("2026-05")) << "and is whole for a machine";
}

}  // namespace
}  // namespace taxgate::tests
