// Who waits over a public holiday is told so, in both languages.
#include <gtest/gtest.h>

#include "daemon/pipeline/present.h"

namespace taxgate::pipeline {
namespace {

const LegalTime kBeforeTheHoliday = *LegalTime::parse("2026-09-30 17:00:00");
const LegalTime kOrdinary = *LegalTime::parse("2026-11-17 10:00:00");

TEST(HolidayShown, OnASubmissionThatWaitsForTheOtherParty) {
  store::Submission sub;
  sub.state = State::waiting_counterparty;
  sub.entered_at = kBeforeTheHoliday;
  api::v1::Submission out;
  add_holiday_warning(out, sub, rules::Calendar::defaults());
  EXPECT_NE(out.deadline_warning().find("2026-10-03 17:00:00"), std::string::npos) << out.deadline_warning();
  EXPECT_NE(out.deadline_warning_zh().find("国庆节"), std::string::npos) << out.deadline_warning_zh();
  sub.state = State::confirmed;
  api::v1::Submission settled;
  add_holiday_warning(settled, sub, rules::Calendar::defaults());
  EXPECT_EQ(settled.deadline_warning(), "");
}

TEST(HolidayShown, OnAFormOfTheInboxUnlessItsDaysAreOrdinary) {
  store::InboxForm form;
  form.entered_at = kBeforeTheHoliday;
  api::v1::InboxForm out;
  add_holiday_warning(out, form, rules::Calendar::defaults());
  EXPECT_FALSE(out.deadline_warning_zh().empty());
  form.entered_at = kOrdinary;
  api::v1::InboxForm ordinary;
  add_holiday_warning(ordinary, form, rules::Calendar::defaults());
  EXPECT_EQ(ordinary.deadline_warning(), "");
}

}  // namespace
}  // namespace taxgate::pipeline
