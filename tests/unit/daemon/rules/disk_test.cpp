// When a tax disk stops issuing, and what its refusals mean.
#include "daemon/rules/disk.h"

#include <gmock/gmock.h>

#include "protocol/messages.h"

namespace taxgate::rules {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LegalTime moment(std::string_view text) { return *LegalTime::parse(text); }
const LegalTime kNow = moment("2026-11-22 10:00:00");
constexpr std::int64_t kHours = LegalTime::kHourMs;

/// Six invoices an hour for 6,000.00, a tenth of it red.
constexpr DiskRate kRate{.span_ms = kHours, .count = 6, .positive = 600'000, .negative = 60'000};

std::vector<DiskEnd> ends(const DiskState& state, const DiskRate& rate = kRate) {
  std::vector<DiskEnd> out;
  for (const DiskForecast& f : forecast(state, rate, kNow)) out.push_back(f.what);
  return out;
}
std::string sentence(const DiskForecast& f) { return message_text(said(f, "007", kNow), Language::english); }

TEST(DiskForecasts, SayWhenTheNumbersRunOutAtTodaysRate) {
  DiskState state;
  state.numbers_left = 19;
  const auto found = forecast(state, kRate, kNow);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].at, kNow.plus_ms(3 * kHours + kHours / 6));
  EXPECT_TRUE(found[0].at_rate);
  EXPECT_EQ(sentence(found[0]), "007: 19 numbers are left; issuing stops in 3 h 10 min at today's rate.");
  state.numbers_left = 0;
  const auto none = forecast(state, {}, kNow);
  ASSERT_EQ(none.size(), 1u) << "stopped, whatever the rate";
  EXPECT_THAT(sentence(none[0]), HasSubstr("stops in 0 s"));
}

TEST(DiskForecasts, WhatNobodyUsesOrNobodyKnowsStopsNothing) {
  EXPECT_THAT(ends({}), ElementsAre());
  DiskState state;
  state.numbers_left = 19;
  state.offline_negative = DiskBudget{100'000, 0};
  EXPECT_THAT(ends(state, {.span_ms = kHours, .count = 0, .positive = 0, .negative = 0}), ElementsAre());
  EXPECT_THAT(ends(state, {.span_ms = 0, .count = 6, .positive = 0, .negative = 0}), ElementsAre()) << "no rate";
  state.numbers_left = 10'000'000;
  EXPECT_THAT(ends(state, {.span_ms = 24 * kHours, .count = 1, .positive = 0, .negative = 0}), ElementsAre())
      << "longer than anybody plans";
}

TEST(DiskForecasts, PutTheSoonestFirst) {
  DiskState state;
  state.lock_date = moment("2026-12-15");
  state.window_start = moment("2026-11-20");
  state.window_end = moment("2026-11-30");
  state.upload_deadline = moment("2026-11-24");
  state.offline_since = moment("2026-11-22 08:00:00");
  state.offline_hours = 72;
  state.numbers_left = 19;                                // 3 h 10 min
  state.offline_count = DiskBudget{100, 88};              // 2 h
  state.offline_positive = DiskBudget{700'000, 100'000};  // 1 h
  state.offline_negative = DiskBudget{100'000, 70'000};   // 30 min
  state.positive = DiskBudget{3'000'000, 0};              // 5 h
  state.negative = DiskBudget{300'000, 60'000};           // 4 h
  using enum DiskEnd;
  EXPECT_THAT(ends(state), ElementsAre(offline_negative, offline_positive, offline_count, numbers, negative, positive,
                                       upload_deadline, offline_hours, report_window, lock_date));
  const auto found = forecast(state, kRate, kNow);
  EXPECT_THAT(sentence(found[0]), HasSubstr("300.00 of red amounts may still be issued offline"));
  EXPECT_THAT(sentence(found[7]), HasSubstr("2 d 22 h"));
  EXPECT_THAT(sentence(found[9]), HasSubstr("22 d 14 h, on the disk's lock date"));
}

TEST(DiskForecasts, OfflineBoundsHoldOnlyWhileSomethingIsNotUploadedAndAReportIsDueOnce) {
  DiskState state;
  state.upload_deadline = moment("2026-11-24");
  state.offline_hours = 72;
  EXPECT_THAT(ends(state), ElementsAre()) << "nothing was issued offline";
  state.offline_since = kNow;
  EXPECT_THAT(ends(state), ElementsAre(DiskEnd::upload_deadline, DiskEnd::offline_hours));
  state.offline_hours.reset();
  EXPECT_THAT(ends(state), ElementsAre(DiskEnd::upload_deadline));
  DiskState reported;
  reported.window_start = moment("2026-11-20");
  reported.window_end = moment("2026-11-30");
  reported.reported = true;
  EXPECT_THAT(ends(reported), ElementsAre());
  reported.reported = false;
  EXPECT_THAT(ends(reported), ElementsAre(DiskEnd::report_window));
  reported.window_start = moment("2026-11-23");
  EXPECT_THAT(ends(reported), ElementsAre()) << "the window has not begun";
}

TEST(DiskForecasts, ABudgetThatIsOverdrawnHasNothingLeft) {
  EXPECT_EQ((DiskBudget{100, 101}.left()), 0);
  DiskState state;
  state.positive = DiskBudget{100, 101};
  const auto found = forecast(state, kRate, kNow);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].at, kNow);
  EXPECT_EQ(found[0].left, "0.00");
}

TEST(DiskRefusals, AreHoldsWithASentenceAndARemedyAndWhatIsNotKnownIsNotGuessed) {
  for (const DiskRefusal& refusal : disk_refusals()) {
    EXPECT_EQ(disk_refusal(refusal.sense), &refusal);
    const Error held{Errc::limit_reached, std::string(refusal.id), {}, {}, {}, {}};
    for (const Language language : {Language::english, Language::chinese}) {
      EXPECT_NE(message_text(held, language), "") << refusal.sense;
      EXPECT_NE(remedy_text(held, language), "") << refusal.sense;
    }
    // What the disk's state shows ends by itself; the rest a person must look at.
    EXPECT_EQ(refusal.release_by, disk_lets({}, refusal.id, kNow) ? "auto" : "operator") << refusal.id;
  }
  EXPECT_EQ(disk_refusal("09D109")->id, "disk.locked");
  EXPECT_EQ(disk_refusal("09D11F")->id, "disk.offline_hours");
  EXPECT_EQ(disk_refusal("09D1FF"), nullptr);
  EXPECT_EQ(disk_refusal("0963C3"), nullptr) << "PIN tries are the login's";
}

TEST(DiskRefusals, EndWhenTheDisksStateNoLongerShowsWhatItRefusedFor) {
  DiskState state;
  state.lock_date = kNow;
  state.reported = true;
  state.offline_since = kNow.plus_ms(-72 * kHours);
  state.offline_hours = 72;
  state.upload_deadline = kNow;
  state.offline_count = DiskBudget{3, 3};
  state.offline_positive = DiskBudget{100, 100};
  for (const char* id : {"disk.locked", "disk.reported", "disk.offline_hours", "disk.upload_date", "disk.offline_count",
                         "disk.offline_amount"})
    EXPECT_EQ(disk_lets(state, id, kNow), false) << id;
  EXPECT_EQ(disk_lets(state, "disk.number", kNow), std::nullopt) << "no figure shows it";
  EXPECT_EQ(disk_lets(state, "disk.refused", kNow), std::nullopt);
  state.offline_since = {};
  state.lock_date = kNow.plus_ms(1);
  EXPECT_EQ(disk_lets(state, "disk.locked", kNow), true) << "whatever else stops it";
  EXPECT_EQ(disk_lets(state, "disk.offline_hours", kNow), true);
  EXPECT_EQ(disk_lets(state, "disk.offline_count", kNow), false);
  DiskState reds;
  reds.offline_negative = DiskBudget{100, 100};
  reds.numbers_left = 0;
  EXPECT_EQ(disk_lets(reds, "disk.offline_amount", kNow), false) << "red amounts count as well";
  EXPECT_EQ(disk_lets(reds, "disk.locked", kNow), true) << "no numbers are another end";
}

TEST(DiskLevels, LeaveTimeToActAndAreNotTakenBackForAFigureThatWavers) {
  constexpr std::int64_t kLead = 12 * kHours;
  const auto level = [](DiskEnd what, std::int64_t hours, DiskLevel before = DiskLevel::well) {
    return level_of({what, kNow.plus_ms(hours * kHours), false, {}}, kLead, kNow, before);
  };
  EXPECT_EQ(level(DiskEnd::lock_date, 73), DiskLevel::well);
  EXPECT_EQ(level(DiskEnd::lock_date, 72), DiskLevel::near) << "a weekend lies between";
  EXPECT_EQ(level(DiskEnd::lock_date, 0), DiskLevel::stopped);
  EXPECT_EQ(level(DiskEnd::report_window, -1), DiskLevel::near) << "a report that is due stops nothing by itself";
  EXPECT_EQ(level(DiskEnd::offline_hours, 13), DiskLevel::well);
  EXPECT_EQ(level(DiskEnd::numbers, 12), DiskLevel::near);
  EXPECT_EQ(level(DiskEnd::numbers, 18, DiskLevel::near), DiskLevel::near) << "it was told already";
  EXPECT_EQ(level(DiskEnd::numbers, 19, DiskLevel::near), DiskLevel::well);
}

TEST(DiskMeters, ReckonTheRateOverTheLastHalfDayToDay) {
  DiskMeter meter;
  const auto use = [](std::int64_t hours, std::int64_t count) {
    return DiskUse{kNow.plus_ms(hours * kHours), count, 100 * count, 10 * count};
  };
  EXPECT_EQ(rate_of(meter, use(0, 5)).span_ms, 0) << "never seen before: no rate";
  EXPECT_TRUE(look_at(meter, use(0, 5)));
  EXPECT_EQ(rate_of(meter, DiskUse{kNow.plus_ms(60'000), 6, 0, 0}).span_ms, kHours) << "a minute is not a day";
  EXPECT_FALSE(look_at(meter, use(11, 60)));
  EXPECT_EQ(rate_of(meter, use(11, 60)).count, 55);
  EXPECT_TRUE(look_at(meter, use(12, 65)));
  EXPECT_TRUE(look_at(meter, use(24, 77)));
  const DiskRate rate = rate_of(meter, use(30, 83));
  EXPECT_EQ(rate.span_ms, 18 * kHours) << "what was hours ago counts, what was days ago does not";
  EXPECT_EQ(rate.count, 18);
  EXPECT_EQ(rate.positive, 1'800);
  EXPECT_EQ(rate.negative, 180);
}

TEST(DiskMeters, StartAnewWhenFiguresFallOrTheClockGoesBack) {
  const DiskUse first{kNow, 50, 500, 50};
  for (const DiskUse& odd : {DiskUse{kNow.plus_ms(kHours), 49, 500, 50}, DiskUse{kNow.plus_ms(kHours), 50, 499, 50},
                             DiskUse{kNow.plus_ms(kHours), 50, 500, 49}, DiskUse{kNow.plus_ms(-1), 60, 600, 60}}) {
    DiskMeter meter{first, first};
    EXPECT_TRUE(look_at(meter, odd));
    EXPECT_EQ(rate_of(meter, odd).count, 0);
    EXPECT_EQ(meter.older, odd);
  }
}

}  // namespace
}  // namespace taxgate::rules
