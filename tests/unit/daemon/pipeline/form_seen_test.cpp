// What a look at a form means for the submission that follows it.
#include <gtest/gtest.h>

#include "daemon/pipeline/context.h"

namespace taxgate::pipeline {
namespace {

Submission following(std::string form_state, State state) {
  Submission sub;
  sub.form_uuid = "u1";
  sub.form_state = std::move(form_state);
  sub.state = state;
  return sub;
}
leqi::Form shown(std::string state, std::string red_number = {}, std::string uuid = "u1") {
  leqi::Form form;
  form.uuid = std::move(uuid);
  form.state = std::move(state);
  form.issued = !red_number.empty();
  form.red_number = std::move(red_number);
  return form;
}

TEST(FormSeen, GoesTheTablesWay) {
  const auto waiting = following("02", State::waiting_counterparty);
  EXPECT_EQ(seen_of(waiting, shown("02")).looked, rules::Looked::same);
  EXPECT_EQ(seen_of(waiting, shown("04")).to, State::confirmed);
  EXPECT_EQ(seen_of(waiting, shown("07")).to, State::void_);
  EXPECT_EQ(seen_of(waiting, shown("04", "R1")).to, State::issued);
  EXPECT_EQ(seen_of(following("", State::sending), shown("01")).to, State::confirmed);
}

TEST(FormSeen, AnOlderAnswerLeavesTheSubmissionWhereItIs) {
  const auto seen = seen_of(following("04", State::confirmed), shown("02"));
  EXPECT_EQ(seen.looked, rules::Looked::stale);
  EXPECT_EQ(seen.to, State::confirmed);
}

TEST(FormSeen, AnUnknownCodeNeitherIssuesNorTakesAConfirmationBack) {
  EXPECT_EQ(seen_of(following("02", State::waiting_counterparty), shown("77")).to, State::waiting_counterparty);
  EXPECT_EQ(seen_of(following("04", State::confirmed), shown("77")).to, State::confirmed);
  EXPECT_EQ(seen_of(following("77", State::confirmed), shown("77")).to, State::confirmed);
}

TEST(FormSeen, WhatCannotFollowIsAContradictionAndNeverAnIssuedRed) {
  const auto waiting = following("02", State::waiting_counterparty);
  EXPECT_EQ(seen_of(waiting, shown("03")).looked, rules::Looked::contradiction);
  for (const char* impossible : {"02", "05", "07"}) {
    const auto seen = seen_of(waiting, shown(impossible, "R1"));
    EXPECT_EQ(seen.looked, rules::Looked::contradiction) << impossible;
    EXPECT_NE(seen.to, State::issued) << impossible;
  }
}

TEST(FormSeen, AnotherFormThanTheOneFollowedBeginsALifeOfItsOwn) {
  const auto seen = seen_of(following("07", State::attention), shown("04", {}, "u2"));
  EXPECT_EQ(seen.looked, rules::Looked::forward);
  EXPECT_EQ(seen.to, State::confirmed);
}

}  // namespace
}  // namespace taxgate::pipeline
