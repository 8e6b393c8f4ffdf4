// The form's 13 states, the 72 hours and the calendar.
#include "daemon/rules/lifecycle.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "simulator/platform/world.h"
#include "tests/sanitizer.h"

namespace taxgate::rules {
namespace {

LegalTime at(std::string_view text) { return *LegalTime::parse(text); }

std::set<std::string> all_codes() {
  std::set<std::string> out;
  for (const auto& state : leqi::form_states()) out.emplace(state.code);
  return out;
}

TEST(FormTable, HasThirteenStatesAndExactlyTheTransitionsOfB1) {
  EXPECT_EQ(all_codes().size(), 13u);
  const std::set<std::pair<std::string, std::string>> wanted{
      {"", "01"},   {"", "02"},   {"", "03"},   {"01", "08"}, {"01", "09"},    {"01", "issued"},
      {"02", "04"}, {"02", "05"}, {"02", "07"}, {"02", "08"}, {"02", "10"},    {"02", "11"},
      {"02", "12"}, {"02", "13"}, {"03", "04"}, {"03", "06"}, {"03", "07"},    {"03", "08"},
      {"03", "10"}, {"03", "11"}, {"03", "13"}, {"04", "09"}, {"04", "issued"}};
  std::set<std::pair<std::string, std::string>> found;
  auto froms = all_codes(), tos = all_codes();
  froms.insert({"", "issued", "77"});
  tos.insert({"issued", "77"});
  for (const auto& from : froms)
    for (const auto& to : tos)
      if (leqi::form_may_follow(from, to)) found.emplace(from, to);
  EXPECT_EQ(found, wanted);
}

// Written apart from ours, so that one mistake cannot hide on both sides.
TEST(FormTable, TheVirtualPlatformsOwnTableSaysTheSame) {
  for (const auto& from : leqi::form_states())
    for (const auto& to : leqi::form_states())
      EXPECT_EQ(leqi::form_may_follow(from.code, to.code), simulator::form_transition_allowed(from.code, to.code))
          << from.code << " " << to.code;
}

TEST(FormTable, NothingFollowsAVoidStateAndNothingLeadsBack) {
  for (const auto& from : leqi::form_states())
    for (const auto& to : leqi::form_states()) {
      if (from.code == to.code) continue;
      if (from.cls == leqi::FormClass::void_) EXPECT_FALSE(leqi::form_reaches(from.code, to.code)) << from.code;
      EXPECT_FALSE(leqi::form_reaches(from.code, to.code) && leqi::form_reaches(to.code, from.code))
          << from.code << " " << to.code;
    }
  EXPECT_TRUE(leqi::form_reaches("02", "09")) << "over 04, which nobody happened to look at";
  EXPECT_TRUE(leqi::form_reaches("02", "issued"));
  EXPECT_FALSE(leqi::form_reaches("05", "issued"));
}

TEST(FormLife, GoesForwardAlsoOverStatesNobodyLookedAt) {
  FormLife life;
  EXPECT_EQ(take(life, {"02", false, {}}), Looked::forward);
  EXPECT_EQ(take(life, {"02", false, {}}), Looked::same);
  EXPECT_EQ(take(life, {"09", false, {}}), Looked::forward);
  EXPECT_EQ(life.state, "09");
}

TEST(FormLife, AnOlderAnswerThatComesLateChangesNothing) {
  FormLife life;
  take(life, {"04", false, {}});
  EXPECT_EQ(take(life, {"02", false, {}}), Looked::stale);
  EXPECT_EQ(life.state, "04");
}

TEST(FormLife, AFinalStateThatChangesIsShownToAPersonAndNotBelieved) {
  for (const char* final : {"05", "06", "07", "08", "09", "10", "11", "12", "13"}) {
    FormLife life;
    take(life, {final, false, {}});
    const auto looked = take(life, {"04", true, "26990000000000000099"});
    EXPECT_EQ(looked, Looked::contradiction) << final;
    EXPECT_FALSE(life.issued) << final;
    EXPECT_EQ(life.state, final);
  }
  FormLife life;
  take(life, {"07", false, {}});
  EXPECT_EQ(take(life, {"05", false, {}}), Looked::contradiction);
  EXPECT_EQ(take(life, {"02", false, {}}), Looked::stale);
}

TEST(FormLife, AfterTheRedIsIssuedNothingChanges) {
  FormLife life;
  take(life, {"04", true, "R1"});
  ASSERT_TRUE(life.issued);
  EXPECT_EQ(take(life, {"04", true, "R1"}), Looked::same);
  EXPECT_EQ(take(life, {"04", false, {}}), Looked::stale);
  EXPECT_EQ(take(life, {"04", true, "R2"}), Looked::contradiction);
  EXPECT_EQ(take(life, {"09", false, {}}), Looked::contradiction);
  EXPECT_EQ(life.red_number, "R1");
  EXPECT_EQ(life.state, "04");
}

TEST(FormLife, IssuedNeedsTheFlagTheNumberAndAStateThatAllowsIt) {
  for (const char* state : {"02", "03", "05", "07", "13"}) {
    FormLife life;
    EXPECT_EQ(take(life, {state, true, "R1"}), Looked::contradiction) << state;
    EXPECT_FALSE(life.issued);
  }
  FormLife life;
  EXPECT_EQ(take(life, {"04", true, ""}), Looked::forward);
  EXPECT_FALSE(life.issued) << "the flag without the number";
  EXPECT_EQ(take(life, {"04", false, "R1"}), Looked::same);
  EXPECT_FALSE(life.issued) << "the number without the flag";
}

TEST(FormLife, AnUnknownCodeIsKeptAsGivenAndMeansNotIssued) {
  FormLife life;
  take(life, {"02", false, {}});
  EXPECT_EQ(take(life, {"77", false, {}}), Looked::unknown_code);
  EXPECT_EQ(life.shown, "77");
  EXPECT_EQ(life.state, "02");
  EXPECT_FALSE(life.issued);
  EXPECT_EQ(take(life, {"77", false, {}}), Looked::same);
  EXPECT_EQ(take(life, {"04", false, {}}), Looked::forward);
}

TEST(FormLife, EachLookHasAName) {
  EXPECT_EQ(name(Looked::same), "same");
  EXPECT_EQ(name(Looked::forward), "forward");
  EXPECT_EQ(name(Looked::stale), "stale");
  EXPECT_EQ(name(Looked::unknown_code), "unknown_code");
  EXPECT_EQ(name(Looked::contradiction), "contradiction");
}

TEST(FormLife, NoSequenceOfAnswersLeavesTheTableOrClaimsARedThePlatformDoesNotHave) {
  std::mt19937 random(7);
  std::vector<std::string> codes{"", "00", "14", "77", "99"};
  for (const auto& state : leqi::form_states()) codes.emplace_back(state.code);
  const std::vector<std::string> numbers{"", "R1", "R2"};
  for (int round = 0; round < tests::rounds(20'000); ++round) {
    FormLife life;
    std::set<std::string> given;  // numbers the platform gave with its flag
    for (int step = 0; step < 12; ++step) {
      const FormLook look{codes[random() % codes.size()], random() % 3 == 0, numbers[random() % numbers.size()]};
      const FormLife before = life;
      const Looked looked = take(life, look);
      if (look.issued && !look.red_number.empty()) given.insert(look.red_number);
      if (life.state != before.state) {
        ASSERT_TRUE(leqi::form_reaches(before.state, life.state)) << before.state << " -> " << life.state;
        ASSERT_FALSE(before.issued);
      }
      if (life.issued) {
        ASSERT_TRUE(given.contains(life.red_number));
        ASSERT_TRUE(life.state.empty() || leqi::form_reaches(life.state, "issued")) << life.state;
      }
      if (before.issued) ASSERT_TRUE(life.issued && life.red_number == before.red_number);
      if (looked == Looked::stale || looked == Looked::contradiction)
        ASSERT_TRUE(life.state == before.state && life.issued == before.issued && life.shown == before.shown);
      FormLife again = life;  // a repeat says nothing new
      const Looked repeated = take(again, look);
      ASSERT_TRUE(repeated == Looked::same || repeated == Looked::stale || repeated == Looked::contradiction);
      ASSERT_TRUE(again.state == life.state && again.issued == life.issued);
    }
  }
}

TEST(ConfirmationWindow, EndsAt72HoursExactToTheSecondInLegalTime) {
  const LegalTime entered = at("2026-11-22 10:00:00");
  EXPECT_EQ(confirmation_deadline(entered).platform_text(), "2026-11-25 10:00:00");
  EXPECT_EQ(state_after_consent(entered, at("2026-11-25 09:59:59")), "04");
  EXPECT_EQ(state_after_consent(entered, at("2026-11-25 10:00:00")), "07");
  EXPECT_EQ(state_after_consent(entered, at("2026-11-25 10:00:01")), "07");
  EXPECT_EQ(state_after_consent(at("2026-12-30 23:59:59"), at("2027-01-02 23:59:58")), "04") << "over the year's end";
  EXPECT_EQ(state_after_consent(at("2026-12-30 23:59:59"), at("2027-01-02 23:59:59")), "07");
  EXPECT_EQ(state_after_consent(at("2026-11-22T02:00:00Z"), at("2026-11-25 09:59:59")), "04") << "02:00Z is 10:00";
}

TEST(ConfirmationWindow, SilenceFor48HoursIsNeitherConsentNorTheEnd) {  // R16 rejected (X1)
  const LegalTime entered = at("2026-11-22 10:00:00");
  EXPECT_TRUE(confirmed_in_time(entered, at("2026-11-24 10:00:00")));
  EXPECT_TRUE(confirmed_in_time(entered, at("2026-11-24 10:00:01")));
}

TEST(Calendar, KnowsHolidaysWeekendsAndWeekendsThatAreWorked) {
  const auto& c = Calendar::defaults();
  const auto kind = [&](std::string_view d) { return c.kind(*CivilDay::parse(d)); };
  EXPECT_EQ(kind("2026-10-01"), DayKind::holiday);
  EXPECT_EQ(kind("2026-10-08"), DayKind::working);
  EXPECT_EQ(kind("2026-10-10"), DayKind::working) << "a Saturday that is worked";
  EXPECT_EQ(kind("2026-11-22"), DayKind::weekend);
  EXPECT_EQ(kind("2026-11-23"), DayKind::working);
  EXPECT_FALSE(c.covers(2031));
  EXPECT_FALSE(c.entry(*CivilDay::parse("2026-10-01"))->verified);
  EXPECT_EQ(CivilDay::parse("2026-10-01")->text(), "2026-10-01");
  EXPECT_FALSE(CivilDay::parse("2026-10-01 10:00:00"));
  EXPECT_FALSE(CivilDay::parse("2026-02-30"));
  const CivilDay epoch = *CivilDay::parse("1970-01-01");
  EXPECT_EQ(CivilDay::of(epoch.begin().plus_ms(-1)).days, -1) << "days before 1970 count down, not to zero";
}

TEST(HolidayWarning, ComesWhenThe72HoursTouchAPublicHolidayAndSaysWhetherTheDayWasChecked) {
  const auto& c = Calendar::defaults();
  EXPECT_FALSE(holiday_warning(at("2026-11-17 10:00:00"), c)) << "Tuesday to Friday";
  EXPECT_FALSE(holiday_warning(at("2026-11-20 10:00:00"), c)) << "an ordinary weekend";
  const auto golden = holiday_warning(at("2026-09-30 17:00:00"), c);
  ASSERT_TRUE(golden);
  EXPECT_EQ(golden->id, "R1.holidays_unverified");
  EXPECT_EQ(golden->field, "国庆节");
  EXPECT_EQ(golden->left, "2026-10-03 17:00:00");
  const auto days = window_days(at("2026-09-30 17:00:00"), c);
  EXPECT_EQ(days.touched, 4);
  EXPECT_EQ(days.holidays, 3);
  EXPECT_TRUE(days.deadline_off);
  const auto checked = c.with({{*CivilDay::parse("2026-11-18"), true, "某节", true}}, "file");
  const auto warning = holiday_warning(at("2026-11-17 10:00:00"), checked);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->id, "R1.holidays");
  EXPECT_TRUE(window_days(at("2031-05-01 10:00:00"), c).unknown_year);
  EXPECT_FALSE(holiday_warning({}, c));
}

TEST(HolidayWarning, TheLastInstantBelongsToTheDayBeforeWhenTheDeadlineIsMidnight) {
  const auto& c = Calendar::defaults();
  const auto days = window_days(at("2026-09-28 00:00:00"), c);  // ends 2026-10-01 00:00:00
  EXPECT_EQ(days.touched, 3);
  EXPECT_EQ(days.holidays, 0);
}

}  // namespace
}  // namespace taxgate::rules
