#include "daemon/sync/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "daemon/sync/night_summary.h"

namespace taxgate::sync {
namespace {

LegalTime at(const char* text) { return *LegalTime::parse(text); }

PlanInput two_taxpayers() {
  PlanInput in;
  in.taxpayers = {{"A", false}, {"B", false}};
  in.types = {"81", "82"};
  in.now = at("2026-01-15 03:00:00");
  in.window_end = at("2026-01-15 07:00:00");
  in.months = 2;
  in.deep_months = 2;
  in.limits = {.per_second = 10, .left_today = 100'000, .per_day = 100'000};
  return in;
}

TEST(Plan, ListsEveryTypeAndDirectionOfEachMonthOnceAndNeverAcrossAMonth) {
  const Plan plan = make_plan(two_taxpayers());
  ASSERT_EQ(plan.windows.size(), 2U * 2 * 2 * 2);
  auto windows = plan.windows;
  std::ranges::sort(windows, {}, &PlannedWindow::window);
  EXPECT_TRUE(std::ranges::adjacent_find(windows, {}, &PlannedWindow::window) == windows.end());
  EXPECT_EQ(windows.front().window.month.text(), "2025-12") << "the month before January is December";
  EXPECT_EQ(windows.front().window.text(), "A issued 81 2025-12");
}

TEST(Plan, TaxpayersTakeTurnsAndTheNewestMonthComesFirst) {
  const Plan plan = make_plan(two_taxpayers());
  for (std::size_t i = 0; i < plan.windows.size(); ++i)
    EXPECT_EQ(plan.windows[i].window.taxpayer, i % 2 == 0 ? "A" : "B") << i;
  for (std::size_t i = 0; i < plan.windows.size(); ++i)
    EXPECT_EQ(plan.windows[i].window.month.text(), i < 8 ? "2026-01" : "2025-12") << i;
}

TEST(Plan, ATaxpayerOfWhomNothingIsKnownIsListedAsFarBackAsTheDeepRange) {
  PlanInput in = two_taxpayers();
  in.deep_months = 12;
  in.taxpayers[1].first_time = true;
  const Plan plan = make_plan(in);
  const auto of = [&](std::string_view id) {
    return std::ranges::count_if(plan.windows, [&](const auto& w) { return w.window.taxpayer == id; });
  };
  EXPECT_EQ(of("B"), 12 * 4);
  EXPECT_EQ(of("A"), 3 * 4) << "the recent ones and one older month";
}

TEST(Plan, AsManyNightsAsThereAreOlderMonthsVisitEachOfThem) {
  PlanInput in = two_taxpayers();
  in.deep_months = 9;
  std::set<Month> seen;
  for (int night = 0; night < 7; ++night) {
    for (const auto& w : make_plan(in).windows) seen.insert(w.window.month);
    in.now = in.now.plus_ms(24 * LegalTime::kHourMs);
  }
  EXPECT_EQ(seen.size(), 9U);
}

/// In the order of work.
std::vector<Window> windows_of(const Plan& plan, std::string_view taxpayer) {
  std::vector<Window> out;
  for (const auto& w : plan.windows)
    if (w.window.taxpayer == taxpayer) out.push_back(w.window);
  return out;
}

TEST(Plan, WhatTheNightBeforeLeftOfATaxpayerComesFirstAndNotTwice) {
  PlanInput in = two_taxpayers();
  const Window left{"B", Direction::received, "82", Month::of(at("2025-12-01"))};
  in.left_over = {left, {"gone", Direction::issued, "81", Month::of(in.now)}};
  const Plan plan = make_plan(in);
  EXPECT_EQ(windows_of(plan, "B").front(), left);
  EXPECT_EQ(plan.windows.size(), 16U) << "neither a second time, nor a taxpayer that is no longer ours";
}

// A first load that takes several nights leaves hundreds of windows each morning.
TEST(Plan, TheBacklogOfOneTaxpayerDoesNotCostAnotherItsTurn) {
  PlanInput in = two_taxpayers();
  const Month old = Month::of(at("2023-01-01"));
  for (int i = 0; i < 100; ++i) in.left_over.push_back({"A", Direction::issued, "81", {old.index + i % 24}});
  const Plan plan = make_plan(in);
  for (std::size_t i = 0; i < 16; ++i)
    EXPECT_EQ(plan.windows[i].window.taxpayer, i % 2 == 0 ? "A" : "B") << "all eight of B among the first sixteen";
  EXPECT_EQ(windows_of(plan, "A").front().month, old);
  EXPECT_EQ(windows_of(plan, "A").size(), 24U + 8);
}

TEST(Plan, WhatANightLeftIsNotForgottenForARunOfOtherTaxpayers) {
  const Month old = Month::of(at("2025-03-01"));
  const auto part = [&](const char* id, bool done, std::uint64_t records) {
    TaxpayerNight out;
    out.id = id;
    auto& w = out.windows.emplace_back();
    w.window = {id, Direction::issued, "81", old};
    w.done = done;
    w.records = records;
    w.platform_count = records;
    out.windows.emplace_back().window = {
        id, Direction::issued, {}, old};  // the incremental listing is asked for anyway
    return out;
  };
  NightSummary full, approved;  // A was held and B cut short; then A was approved
  full.started_at = at("2026-01-14 03:00:00");
  full.taxpayers = {part("A", false, 0), part("B", false, 0)};
  approved.started_at = at("2026-01-14 09:00:00");
  approved.taxpayers = {part("A", true, 0)};
  PlanInput in = two_taxpayers();
  Recall recall(in);
  recall.add(approved);
  recall.add(full);
  EXPECT_EQ(in.left_over, (std::vector<Window>{{"B", Direction::issued, "81", old}}));
  EXPECT_EQ(windows_of(make_plan(in), "B").front(), in.left_over.front());
  EXPECT_EQ(in.expected_records.at({"A", Direction::issued, "81", old}), 0U);
  EXPECT_EQ(in.found_empty.at({"A", Direction::issued, "81", old}), approved.started_at);
  NightSummary older;
  older.taxpayers = {part("B", true, 7)};
  recall.add(older);
  EXPECT_EQ(in.expected_records.at({"B", Direction::issued, "81", old}), 7U) << "as the newest that listed it says";
}

// Totals of 0 are believed of a window that held nothing last time, or of which nothing is known: what is forgotten
// between two turns of an old month would be lost in silence.
TEST(Plan, WhatAnOldMonthHeldIsRecalledWhenItsTurnComesAgainAlsoWithARunByHandEachDay) {
  PlanInput in = two_taxpayers();
  in.months = 3;
  in.deep_months = 36;
  const auto oldest = [&] { return make_plan(in).windows.back().window.month; };
  const Month month = oldest();
  int nights = 0;
  do {
    in.now = in.now.plus_ms(24 * LegalTime::kHourMs);
    ++nights;
  } while (oldest() != month && nights < 100);
  EXPECT_GT(nights, 30);
  EXPECT_LE(2 * nights, runs_recalled(in.deep_months));
}

TEST(Plan, CallsFollowFromWhatEachWindowHeldLastTime) {
  EXPECT_EQ(calls_of(0, 10'000), 4U) << "totals, apply, one look, one empty package";
  EXPECT_EQ(calls_of(10'000, 10'000), 4U);
  EXPECT_EQ(calls_of(10'001, 10'000), 5U);
  PlanInput in = two_taxpayers();
  in.expected_records[{"A", Direction::issued, "81", Month::of(in.now)}] = 1'000'000;
  const Plan plan = make_plan(in);
  EXPECT_EQ(plan.calls, 15U * 4 + 103);
  in.expected_records[{"A", Direction::issued, "82", Month::of(in.now)}] = 0;
  EXPECT_EQ(make_plan(in).calls, 14U * 4 + 103 + 1) << "what held nothing is asked for its totals alone";
  EXPECT_EQ(plan.expected_records, 1'000'000U);
}

TEST(Plan, AWindowThatWasEmptyLongAfterItsMonthIsLeftOutForSomeDaysAndCounted) {
  PlanInput in = two_taxpayers();
  in.months = in.deep_months = 4;  // October to January
  const auto window = [](const char* day) { return Window{"A", Direction::issued, "81", Month::of(at(day))}; };
  for (const char* day : {"2025-10-01", "2025-11-01", "2025-12-01", "2026-01-01"})
    in.found_empty[window(day)] = in.now.plus_ms(-24 * LegalTime::kHourMs);
  const auto asked = [&] {
    std::set<std::string> out;
    for (const auto& w : make_plan(in).windows)
      if (w.window.taxpayer == "A" && w.window.direction == Direction::issued && w.window.type == "81")
        out.insert(w.window.month.text());
    return out;
  };
  EXPECT_EQ(asked(), (std::set<std::string>{"2025-12", "2026-01"})) << "what may still come late is asked for";
  EXPECT_EQ(make_plan(in).left_out, 2U);
  EXPECT_EQ(make_plan(in).windows.size() + 2, 4U * 2 * 2 * 2);
  in.left_over = {window("2025-10-01")};
  EXPECT_EQ(asked().count("2025-10"), 1U) << "what the night before left is never left out";
  in.left_over.clear();
  // What was told while invoices could still come late is worth nothing.
  in.found_empty[window("2025-11-01")] = at("2025-12-31 03:00:00");
  EXPECT_EQ(asked().count("2025-11"), 1U);
  // A clock that was stepped back: told in the future.
  in.found_empty[window("2025-10-01")] = in.now.plus_ms(LegalTime::kHourMs);
  EXPECT_EQ(asked().count("2025-10"), 1U);
}

TEST(Plan, EachEmptyWindowIsAskedAgainWithinTenDaysAndNotAllInOneNight) {
  PlanInput in = two_taxpayers();
  in.months = in.deep_months = 36;
  const Plan first = make_plan(in);
  for (const auto& w : first.windows) in.found_empty[w.window] = in.now;
  std::map<Window, int> again;
  std::size_t most = 0;
  for (int night = 1; night <= 10; ++night) {
    in.now = in.now.plus_ms(24 * LegalTime::kHourMs);
    const Plan plan = make_plan(in);
    std::size_t old = 0;
    for (const auto& w : plan.windows)
      if (w.window.month < Month::of(at("2025-12-01"))) {
        ++again[w.window];
        ++old;
        in.found_empty[w.window] = in.now;
      }
    most = std::max(most, old);
  }
  EXPECT_EQ(again.size(), 34U * 8) << "each was asked";
  EXPECT_LT(most, 34U * 8 / 3) << "and never a third of them at once";
}

TEST(Plan, EachWindowHasItsTurnToProveTheTotalsRight) {
  std::map<Window, int> turns;
  LegalTime now = at("2026-01-15 03:00:00");
  for (int night = 0; night < 16; ++night, now = now.plus_ms(24 * LegalTime::kHourMs))
    for (const auto& w : make_plan(two_taxpayers()).windows) turns[w.window] += listed_though_empty(w.window, now);
  for (const auto& [window, times] : turns) EXPECT_EQ(times, 1) << window.text();
}

TEST(Plan, TheSmallestRateLessTheReserveSetsTheFinish) {
  PlanInput in = two_taxpayers();
  in.answer_ms = 10;
  in.limits = {.per_second = 10, .per_minute = 60, .per_hour = 360, .left_today = 1000, .per_day = 1000};
  in.limits.reserve_percent = 50;
  const Plan plan = make_plan(in);  // 64 calls at 180 an hour
  EXPECT_EQ(plan.calls, 64U);
  EXPECT_EQ(plan.duration_ms, 64 * 20'000);
  EXPECT_EQ(plan.finish, in.now.plus_ms(64 * 20'000));
  EXPECT_EQ(plan.bound, Bound::rate);
  EXPECT_TRUE(plan.fits);
  in.window_end = in.now.plus_ms(60'000);
  EXPECT_FALSE(make_plan(in).fits) << "the window ends first";
}

TEST(Plan, TheDaysReserveIsNotTheNights) {
  PlanInput in = two_taxpayers();
  in.limits = {.per_second = 10, .left_today = 80, .per_day = 100, .reserve_percent = 30};
  EXPECT_EQ(in.limits.tonight(), 50);
  const Plan plan = make_plan(in);
  EXPECT_FALSE(plan.fits);
  EXPECT_EQ(plan.bound, Bound::day);
  in.limits.left_today = 20;
  EXPECT_EQ(in.limits.tonight(), 0);
}

TEST(Plan, WithoutRatesThePlatformsAnswersSetTheFinish) {
  PlanInput in = two_taxpayers();
  in.limits = {};
  in.concurrency = 4;
  in.answer_ms = 400;
  const Plan plan = make_plan(in);
  EXPECT_EQ(plan.duration_ms, 64 * 100);
  EXPECT_EQ(plan.bound, Bound::platform);
}

TEST(NightState, ExitCodesAreThoseOfTheCommandLine) {
  EXPECT_EQ(exit_code(NightState::right), 0);
  EXPECT_EQ(exit_code(NightState::attention), 1);
  EXPECT_EQ(exit_code(NightState::waiting_approval), 1);
  EXPECT_EQ(exit_code(NightState::incomplete), 2);
  EXPECT_EQ(exit_code(NightState::paused), 2);
  EXPECT_EQ(exit_code(NightState::failed), 3);
}

}  // namespace
}  // namespace taxgate::sync
