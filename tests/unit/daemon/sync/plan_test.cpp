#include "daemon/sync/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(Plan, WhatTheNightBeforeLeftComesFirstAndNotTwice) {
  PlanInput in = two_taxpayers();
  const Window left{"B", Direction::received, "82", Month::of(at("2025-12-01"))};
  in.left_over = {left, {"gone", Direction::issued, "81", Month::of(in.now)}};
  const Plan plan = make_plan(in);
  EXPECT_EQ(plan.windows.front().window, left);
  EXPECT_EQ(plan.windows.size(), 16U) << "neither a second time, nor a taxpayer that is no longer ours";
}

TEST(Plan, CallsFollowFromWhatEachWindowHeldLastTime) {
  EXPECT_EQ(calls_of(0, 10'000), 4U) << "totals, apply, one look, one empty package";
  EXPECT_EQ(calls_of(10'000, 10'000), 4U);
  EXPECT_EQ(calls_of(10'001, 10'000), 5U);
  PlanInput in = two_taxpayers();
  in.expected_records[{"A", Direction::issued, "81", Month::of(in.now)}] = 1'000'000;
  const Plan plan = make_plan(in);
  EXPECT_EQ(plan.calls, 15U * 4 + 103);
  EXPECT_EQ(plan.expected_records, 1'000'000U);
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
