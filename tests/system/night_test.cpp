// A whole night on the real programs: taxgated and the virtual platform over TLS, several taxpayers; killed in the
// middle it ends as if nothing had happened.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <csignal>
#include <map>
#include <set>

#include "daemon/core/clock.h"
#include "daemon/core/files.h"
#include "daemon/store/store.h"
#include "protocol/leqi_night.h"
#include "protocol/sync.pb.h"
#include "tests/system/night_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using api::v1::SyncRun;
using api::v1::SyncStatus;

TEST_F(WholeNight, TheLedgerEndsAsThePlatformSaysAndEveryChangeIsOneEvent) {
  ASSERT_TRUE(stand_->start_taxgated());
  auto plan = stand_->call<api::v1::SyncPlan>("GET", "/v1/sync/plan");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->windows_size(), 3 * 2 * 2 * 3) << "taxpayers, directions, types, months";
  EXPECT_EQ(control("GET", "/calls").find(leqi::service::night_totals), std::string::npos) << "a plan asks nothing";

  const SyncRun first = night();
  EXPECT_EQ(first.state(), "right") << first.DebugString();
  // All invoices lie in one month of three: of the others' windows most take the totals' one light call, some are
  // listed all the same, in their turn.
  std::size_t told_empty = 0, listed = 0;
  for (const auto& t : first.taxpayers())
    for (const auto& w : t.windows())
      if (!w.type().empty()) ++(w.told_empty() ? told_empty : listed);
  EXPECT_GE(listed, 3U * 2 * 2);
  EXPECT_GT(told_empty, 8U);
  const auto calls = boost::json::parse(control("GET", "/calls"));
  EXPECT_EQ(calls.at(leqi::service::night_apply).as_int64(), static_cast<std::int64_t>(listed));
  EXPECT_GE(calls.at(leqi::service::night_totals).as_int64(), 36);
  EXPECT_EQ(first.exit_code(), 0U);
  EXPECT_EQ(first.records(), kInvoices);
  EXPECT_EQ(first.samples(), 5U);
  change(10, 3);
  const SyncRun second = night();
  EXPECT_EQ(second.state(), "right") << second.DebugString();
  std::uint64_t changed = 0;
  for (const auto& t : second.taxpayers()) {
    changed += t.changed();
    std::uint64_t explained = 0;
    for (const auto& c : t.transitions()) explained += c.count();
    EXPECT_GE(explained, t.changed());
  }
  EXPECT_EQ(changed, kInvoices / 10);
  const SyncRun third = night();
  EXPECT_EQ(third.first_change(), 0U) << "nothing new: nothing written";

  const auto events = this->events();
  EXPECT_EQ(events.size(), kInvoices / 10)
      << "each changed invoice once, however the pages fall; new ones are no events";
  const auto platform = shown_by_the_platform();
  const Kept kept = this->kept();
  EXPECT_EQ(kept.statuses, platform);
  EXPECT_EQ(kept.changes.size(), kInvoices + kInvoices / 10) << "one row an event, none twice";
  EXPECT_EQ(kept.runs.size(), 3U);
}

TEST_F(WholeNight, KilledAgainAndAgainItEndsAsTheUndisturbedNight) {
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_EQ(night().state(), "right");
  change(20, 5);
  populate_(300, 8);
  // So slow that it is not over before it is killed for the first time, however late we come.
  const auto slow = [this](int ms) {
    control("DELETE", "/faults");
    control("POST", "/faults",
            fmt::format(R"({{"service":"{}","delay_ms":{},"count":0}})", leqi::service::night_package, ms));
  };
  slow(15'000);
  ask_for_a_night();
  ASSERT_TRUE(eventually([&] {
    auto status = stand_->call<SyncStatus>("GET", "/v1/sync");
    return status && status->run().run() == 2;
  }));
  stand_->taxgated().kill();
  slow(10);
  // Some durable steps at a time; the last start goes through.
  int kills = 0;
  for (const int steps : {3, 5, 8, 12, 17}) {
    stand_->taxgated().kill();
    auto started = stand_->start_taxgated({"--lab-kill-at", std::to_string(steps)});
    if (stand_->taxgated().wait(started ? 60s : 0s))
      ++kills;
    else
      break;
  }
  EXPECT_GE(kills, 3) << "otherwise the night was over before it was killed";
  stand_->taxgated().kill();
  ASSERT_TRUE(stand_->start_taxgated());
  const SyncRun run = ended();
  EXPECT_EQ(run.state(), "right") << run.DebugString();
  EXPECT_EQ(run.run(), 2U) << "the same night went on";
  EXPECT_EQ(run.records(), kInvoices + 300) << "what was met before the stops counts too";

  const auto platform = shown_by_the_platform();
  const Kept kept = this->kept();
  EXPECT_EQ(kept.statuses, platform);
  EXPECT_EQ(kept.changes.size(), kInvoices + 300 + kInvoices / 5) << "no gap, and no event twice";
  std::map<std::pair<std::uint32_t, std::uint64_t>, PlatformStatus> now;
  for (const auto& c : kept.changes) {
    auto& status = now[{c.key.partition, c.key.rest}];
    EXPECT_EQ(c.before, status) << "each event goes on from the one before";
    status = c.after;
  }
}

// One after another, each met by a window of its own: pages that lie, answers that say "later", a connection that
// breaks.
TEST_F(WholeNight, PagesThatLieAndAPlatformThatPausesAreWaitedOutAndChangeNothing) {
  ASSERT_TRUE(stand_->start_taxgated());
  std::string script;
  int nth = 1;
  const auto fault = [&](std::string_view service, const std::string& effect) {
    script += fmt::format(R"({}{{"service":"{}","nth":{},{}}})", script.empty() ? "" : ",", service, nth, effect);
    nth += 3;  // a page is fetched four times at most: no two of them are spoilt by chance
  };
  const std::vector<std::string> effects{R"("page":"cut")",
                                         R"("page":"number")",
                                         R"("page":"stranger")",
                                         R"("page":"other_month")",
                                         R"("page":"previous")",
                                         R"("page":"reorder")",
                                         R"("gateway_error":"SIM-401")",
                                         R"("gateway_error":"SIM-503")",
                                         R"("status":429,"retry_after":1)",
                                         R"("status":503)",
                                         R"("garbage":true)",
                                         R"("truncate_at":200)",
                                         R"("drop_after":true)",
                                         R"("drop_before":true)"};
  for (const auto& effect : effects) fault(leqi::service::night_package, effect);
  nth = 1;
  fault(leqi::service::night_totals, R"("page":"miscount")");
  control("POST", "/faults", "[" + script + "]");
  const SyncRun run = night();
  EXPECT_EQ(run.state(), "right") << run.DebugString();
  EXPECT_EQ(run.records(), kInvoices);
  EXPECT_GE(run.rescanned(), 1U) << "a total that differs: the window once more";
  const auto calls = boost::json::parse(control("GET", "/calls"));
  EXPECT_GE(calls.at(leqi::service::night_package).as_int64(), static_cast<std::int64_t>(3 * effects.size() - 2))
      << "every fault was met";
  const auto platform = shown_by_the_platform();
  const Kept kept = this->kept();
  EXPECT_EQ(kept.statuses, platform);
  EXPECT_EQ(kept.changes.size(), kInvoices) << "one row an invoice, none of a page that was refused";
  EXPECT_EQ(kept.quarantined, 0U);
}

// Each taxpayer has a session of its own. Workers that wait for one would soon be all there are.
TEST_F(WholeNight, ATaxpayerThatThePlatformTurnsAwayDoesNotHoldUpTheOthers) {
  ASSERT_TRUE(stand_->start_taxgated());
  const std::string without_session = stand_->options().taxpayers[0].party.id;
  control("POST", "/faults",
          fmt::format(R"({{"taxpayer":"{}","gateway_error":"SIM-401","count":0}})", without_session));
  ask_for_a_night();
  EXPECT_TRUE(eventually(
      [&] {
        const auto status = stand_->call<SyncStatus>("GET", "/v1/sync");
        if (!status || status->run().taxpayers_size() == 0) return false;
        for (const auto& t : status->run().taxpayers())
          for (const auto& w : t.windows())
            if (t.id() != without_session && !w.done()) return false;
        return status->active();
      },
      30s))
      << "the others are read, and the night still waits";
  control("DELETE", "/faults");
  const SyncRun run = ended();
  EXPECT_EQ(run.state(), "right") << run.DebugString();
  const auto platform = shown_by_the_platform();
  EXPECT_EQ(kept().statuses, platform);
}

TEST_F(WholeNight, AnotherProgramThatMovedTheCursorIsTold) {
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_EQ(night().state(), "right");
  change(10, 3);
  control("POST", "/faults", fmt::format(R"({{"service":"{}","cursor_moved":3}})", leqi::service::night_changes));
  const SyncRun run = night();
  EXPECT_EQ(run.state(), "attention") << run.DebugString();
  EXPECT_EQ(run.exit_code(), 1U);
  int told = 0;
  for (const auto& t : run.taxpayers())
    for (const auto& w : t.windows()) told += w.trouble() == "sync.cursor_moved" ? 1 : 0;
  EXPECT_EQ(told, 1);
  const auto platform = shown_by_the_platform();
  EXPECT_EQ(kept().statuses, platform) << "the windows bring what the cursor skipped";
}

// The compiled-in rows are inferred: an operator who knows better says so, and the next night takes what was held back.
TEST_F(WholeNight, AnOperatorsTransitionsCountFromTheReloadOn) {
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_EQ(night().state(), "right");
  control("POST", "/population/change", R"({"seed":3,"percent":5,"what":["impossible"]})");
  const auto counted = [](const SyncRun& run) {
    std::pair<std::uint64_t, std::uint64_t> changed_and_quarantined;
    for (const auto& t : run.taxpayers()) {
      changed_and_quarantined.first += t.changed();
      changed_and_quarantined.second += t.quarantined();
    }
    return changed_and_quarantined;
  };
  const SyncRun held_back = night();
  EXPECT_EQ(held_back.state(), "attention") << held_back.DebugString();
  const auto [none, quarantined] = counted(held_back);
  EXPECT_EQ(none, 0U);
  EXPECT_EQ(held_back.taxpayers(0).in_quarantine().shown(0).what(), "rzzt 01 > 03");
  EXPECT_EQ(quarantined, kInvoices / 20) << "each once, though window and incremental listing both show it";

  const std::string tables = stand_->directory() + "/tables.toml";
  ASSERT_TRUE(write_file_atomic(tables, "[[transition]]\nfield = \"rzzt\"\nfrom = \"01\"\nto = [\"02\", \"03\"]\n"));
  auto config = read_file(stand_->taxgated_config(), 1 << 20);
  ASSERT_TRUE(config);
  ASSERT_TRUE(write_file_atomic(stand_->taxgated_config(), *config + "\n[rules]\ntables_file = \"" + tables + "\"\n"));
  stand_->taxgated().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] {
    const auto log = read_file(stand_->taxgated_log(), 1 << 24);
    return log && log->find("config.reloaded") != std::string::npos;
  }));
  const SyncRun taken = night();
  EXPECT_EQ(taken.state(), "right") << taken.DebugString();
  EXPECT_EQ(counted(taken), std::pair(quarantined, std::uint64_t{0}));
  const auto platform = shown_by_the_platform();
  EXPECT_EQ(kept().statuses, platform);
}

class ScheduledNight : public WholeNight {
 protected:
  ScheduledNight() {
    sync_ = "at = \"03:00\"\nuntil = \"07:00\"\nmonths = 2\ndeep_months = 2\npoll_ms = 20\nsample = 0\n";
  }
  SyncRun ended_as(std::uint64_t number) {
    SyncRun run;
    EXPECT_TRUE(eventually(
        [&] {
          auto status = stand_->call<SyncStatus>("GET", "/v1/sync");
          if (status && !status->active()) run = status->run();
          return run.run() == number;
        },
        60s));
    return run;
  }
  static constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
  /// Legal time goes on to the next 03:00, when the night begins.
  void until_three() {
    const std::int64_t of_day = (stand_->legal_now().ms + LegalTime::kOffsetMs) % kDayMs;
    ASSERT_TRUE(stand_->advance_legal_ms((3 * LegalTime::kHourMs - of_day + kDayMs) % kDayMs + 1000));
  }
  /// The next night has begun, and waits because the platform says "maintenance" to every package.
  void until_held_up() {
    control("POST", "/faults",
            fmt::format(R"({{"service":"{}","gateway_error":"SIM-503","count":0}})", leqi::service::night_package));
    ASSERT_NO_FATAL_FAILURE(until_three());
    ASSERT_TRUE(eventually([&] {
      const auto status = stand_->call<SyncStatus>("GET", "/v1/sync");
      return status && status->run().state() == "paused";
    })) << "maintenance is waited out";
  }
};

TEST_F(ScheduledNight, BeginsAtItsTimeAndIsCaughtUpAfterADowntime) {
  ASSERT_TRUE(stand_->start_taxgated());
  ASSERT_NO_FATAL_FAILURE(until_three());
  const SyncRun first = ended_as(1);
  EXPECT_EQ(first.cause(), "schedule");
  EXPECT_EQ(first.state(), "right") << first.DebugString();
  stand_->taxgated().stop();
  ASSERT_TRUE(stand_->advance_legal_ms(kDayMs + 8 * LegalTime::kHourMs));  // a night was missed; it is eleven o'clock
  ASSERT_TRUE(stand_->start_taxgated());
  const SyncRun second = ended_as(2);
  EXPECT_EQ(second.cause(), "catch_up");
  EXPECT_EQ(second.state(), "right") << second.DebugString();
}

TEST_F(ScheduledNight, WatchesOverNightsFromTheFirstOneOnThatIsDueAlsoAfterARestart) {
  const auto since = [this] {
    std::string told;
    EXPECT_TRUE(eventually([&] {
      const auto status = stand_->call<SyncStatus>("GET", "/v1/sync");
      if (status) told = status->scheduled_since();
      return !told.empty();
    }));
    return told;
  };
  const std::string before = stand_->legal_now().rfc3339();
  ASSERT_TRUE(stand_->start_taxgated());
  const std::string first = since();
  EXPECT_GE(first, before);
  stand_->taxgated().kill();
  ASSERT_TRUE(stand_->advance_legal_ms(LegalTime::kHourMs));
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_EQ(since(), first);
}

// The day's work is not disturbed by a night that the platform held up: it ends with its window, says so, and the next
// night begins with what it left.
TEST_F(ScheduledNight, WhatTheEndOfItsWindowCutsOffComesFirstTheNextNight) {
  ASSERT_TRUE(stand_->start_taxgated());
  ASSERT_NO_FATAL_FAILURE(until_held_up());
  ASSERT_TRUE(stand_->advance_legal_ms(4 * LegalTime::kHourMs));
  const SyncRun cut = ended_as(1);
  EXPECT_EQ(cut.state(), "incomplete") << cut.DebugString();
  EXPECT_EQ(cut.exit_code(), 2U);
  EXPECT_EQ(cut.trouble(), "sync.window_over");
  for (const auto& t : cut.taxpayers()) EXPECT_EQ(t.trouble(), "platform.gateway") << "and why it came so late";
  std::set<std::string> left, first;
  for (const auto& t : cut.taxpayers())
    for (const auto& w : t.windows())
      if (!w.done() && !w.type().empty()) left.insert(w.taxpayer() + w.direction() + w.type() + w.month());
  ASSERT_FALSE(left.empty());
  // Taxpayers take turns; of each, what was left comes first.
  const auto plan = stand_->call<api::v1::SyncPlan>("GET", "/v1/sync/plan");
  ASSERT_TRUE(plan);
  std::set<std::string> others;  // taxpayers whose windows that were not left have begun
  for (const auto& w : plan->windows()) {
    const std::string one = w.taxpayer() + w.direction() + w.type() + w.month();
    if (!left.contains(one))
      others.insert(w.taxpayer());
    else if (!others.contains(w.taxpayer()))
      first.insert(one);
  }
  EXPECT_EQ(first, left);

  control("DELETE", "/faults");
  ASSERT_TRUE(stand_->advance_legal_ms(20 * LegalTime::kHourMs));
  const SyncRun next = ended_as(2);
  EXPECT_EQ(next.cause(), "schedule");
  EXPECT_EQ(next.state(), "right") << next.DebugString();
  const auto platform = shown_by_the_platform();
  EXPECT_EQ(kept().statuses, platform);
}

// A clock that jumps on runs one night for all that it jumped over; one that jumps back holds none.
TEST_F(ScheduledNight, AClockThatStepsOnOrBackMeansOneNightAndNotNone) {
  const std::string before = stand_->legal_now().rfc3339();
  ASSERT_TRUE(stand_->start_taxgated());
  constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
  ASSERT_TRUE(stand_->advance_legal_ms(40 * kDayMs));
  EXPECT_EQ(ended_as(1).state(), "right");
  // Back behind the first night, and behind the day since when nights are due: that the daemon has seen it shows there.
  ASSERT_TRUE(stand_->advance_legal_ms(-41 * kDayMs));
  ASSERT_TRUE(eventually([&] {
    const auto status = stand_->call<SyncStatus>("GET", "/v1/sync");
    return status && !status->scheduled_since().empty() && status->scheduled_since() < before;
  }));
  // The next night is due long before the first one's time comes again.
  ASSERT_TRUE(stand_->advance_legal_ms(kDayMs));
  EXPECT_EQ(ended_as(2).state(), "right");
  stand_->taxgated().stop();
  EXPECT_EQ(kept().runs.size(), 2U);
}

class HeldNight : public WholeNight {
 protected:
  HeldNight() {
    sync_ =
        "at = \"off\"\nmonths = 2\ndeep_months = 2\npoll_ms = 20\nsample = 0\nmax_change_percent = 1\n"
        "max_change_floor = 0\n";
  }
};

TEST_F(HeldNight, AnImplausibleShareWaitsForAPerson) {
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_EQ(night().state(), "right") << "new invoices are no changes";
  control("POST", "/population/change", R"({"seed":3,"percent":20,"what":["lock"]})");
  const SyncRun held = night();
  EXPECT_EQ(held.state(), "waiting_approval") << held.DebugString();
  EXPECT_EQ(held.exit_code(), 1U);
  api::v1::SyncRequest reason;
  reason.set_reason("looked at");
  ASSERT_TRUE(stand_->call<SyncRun>("POST", fmt::format("/v1/sync/runs/{}/approve", held.run()), &reason));
  const SyncRun approved = ended();
  EXPECT_EQ(approved.cause(), "approved");
  EXPECT_EQ(approved.state(), "right") << approved.DebugString();
  const auto platform = shown_by_the_platform();
  EXPECT_EQ(kept().statuses, platform);
}

// Changes on invoices older than the windows come with the incremental listing alone, whose cursor goes over months:
// neither a month that could not be read nor a person's approval may let them get lost.
TEST_F(HeldNight, ChangesOlderThanTheWindowsOutliveAMonthThatCouldNotBeReadAndAnApproval) {
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_EQ(night().state(), "right");
  constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
  ASSERT_TRUE(stand_->advance_legal_ms(62 * kDayMs));
  control("POST", "/population/change", R"({"seed":3,"percent":20,"what":["lock"]})");
  ASSERT_TRUE(stand_->advance_legal_ms(31 * kDayMs));
  for (const auto& t : stand_->options().taxpayers)
    control("POST", "/faults",
            fmt::format(R"({{"service":"{}","taxpayer":"{}","page":"cut","count":16}})", leqi::service::night_changes,
                        t.party.id));  // each page is fetched four times: two months of two directions
  const SyncRun unread = night();
  EXPECT_EQ(unread.state(), "incomplete") << unread.DebugString();
  int later = 0;
  for (const auto& t : unread.taxpayers())
    for (const auto& w : t.windows()) later += w.trouble() == "sync.changes_unread" ? 1 : 0;
  EXPECT_EQ(later, 3 * 2 * 2) << "of each taxpayer and direction the two months after the one that failed";

  control("DELETE", "/faults");
  const SyncRun held = night();
  EXPECT_EQ(held.state(), "waiting_approval") << held.DebugString();
  api::v1::SyncRequest reason;
  reason.set_reason("looked at");
  ASSERT_TRUE(stand_->call<SyncRun>("POST", fmt::format("/v1/sync/runs/{}/approve", held.run()), &reason));
  const SyncRun approved = ended();
  EXPECT_EQ(approved.cause(), "approved");
  EXPECT_EQ(approved.state(), "right") << approved.DebugString();
  const auto platform = shown_by_the_platform();
  EXPECT_EQ(kept().statuses, platform);
}

class TroubledNight : public WholeNight {
 protected:
  TroubledNight() { sync_ += "concurrency = 16\n"; }
};

TEST_F(TroubledNight, AListThatIsNeverMadeHoldsUpItsOwnWindowAndNotTheNight) {
  ASSERT_TRUE(stand_->start_taxgated());
  control("POST", "/listing", R"({"package_size":64,"ready_ms":80000000})");
  ask_for_a_night();
  std::int64_t asked = 0;
  SyncRun run;
  EXPECT_TRUE(eventually(
      [&] {
        const auto calls = boost::json::parse(control("GET", "/calls")).as_object();
        const auto* applied = calls.if_contains(leqi::service::night_apply);
        if (const std::int64_t now = applied ? applied->as_int64() : 0; now > asked) {
          asked = now;
          EXPECT_TRUE(stand_->advance_legal_ms(LegalTime::kHourMs));
        }
        const auto status = stand_->call<SyncStatus>("GET", "/v1/sync");
        if (status && !status->active()) run = status->run();
        return status && !status->active();
      },
      60s));
  EXPECT_EQ(run.state(), "incomplete") << run.DebugString();
  EXPECT_EQ(run.trouble(), "") << "it did not last until the end of its window";
  int never_made = 0, changes = 0;
  for (const auto& t : run.taxpayers())
    for (const auto& w : t.windows()) {
      never_made += w.trouble() == "sync.no_list" ? 1 : 0;
      changes += w.type().empty() && w.done() ? 1 : 0;
    }
  EXPECT_GE(never_made, 12);
  EXPECT_EQ(changes, 6) << "the incremental listing was read all the same";
}

TEST_F(TroubledNight, OpenFormsThatCouldNotBeAskedForAreToldAndTheNightIsNotRight) {
  ASSERT_TRUE(stand_->start_taxgated());
  control("POST", "/faults",
          fmt::format(R"({{"service":"{}","taxpayer":"{}","gateway_error":"SIM-999","count":0}})", leqi::service::list,
                      stand_->options().taxpayers[0].party.id));
  const SyncRun run = night();
  EXPECT_EQ(run.state(), "attention") << run.DebugString();
  for (const auto& t : run.taxpayers())
    EXPECT_EQ(t.trouble(), t.id() == stand_->options().taxpayers[0].party.id ? "sync.forms_unread" : "");
}

TEST_F(ScheduledNight, WithATaxpayerThatIsNoLongerOursTheNightThatWasLeftEndsAndANewOneIsMade) {
  ASSERT_TRUE(stand_->start_taxgated());
  ASSERT_NO_FATAL_FAILURE(until_held_up());
  stand_->taxgated().kill();
  auto config = read_file(stand_->taxgated_config(), 1 << 20);
  ASSERT_TRUE(config);
  const auto last = config->rfind("[[taxpayer]]"), after = config->find("\n[", last + 2);
  ASSERT_NE(last, std::string::npos);
  config->erase(last, after == std::string::npos ? after : after - last);
  ASSERT_TRUE(write_file_atomic(stand_->taxgated_config(), *config));
  control("DELETE", "/faults");
  ASSERT_TRUE(stand_->start_taxgated());
  const SyncRun made = ended_as(2);
  EXPECT_EQ(made.state(), "right") << made.DebugString();
  EXPECT_EQ(made.taxpayers_size(), 2);
  const auto left = stand_->call<SyncRun>("GET", "/v1/sync/runs/1");
  ASSERT_TRUE(left);
  EXPECT_EQ(left->state(), "failed") << left->DebugString();
  EXPECT_FALSE(left->finished_at().empty());
}

}  // namespace
}  // namespace taxgate::tests
