// The decision table of docs/unknown-outcome.md, row by row.
#include "daemon/queue/resolve.h"

#include <gtest/gtest.h>

#include <random>

namespace taxgate::queue {
namespace {

constexpr std::int64_t kSettle = 60'000;
const LegalTime kIntent{1'795'300'000'500};

RedDocument wanted() {
  RedDocument red;
  red.blue_number = "26990000000000000001";
  red.seller = {"91310115TGDM00011U", "示例甲"};
  red.buyer = {"91420106TGDM00214A", "示例乙"};
  red.reason = Reason::goods_returned;
  RedLine line;
  line.blue_line = 1;
  line.tax_code = "1090131050000000000";
  line.name = "*制冷空调设备*变频空调";
  line.quantity = *Decimal::parse("-2");
  line.price = *Decimal::parse("100");
  line.amount = Fen{-20'000};
  line.rate = *Decimal::parse("0.13");
  line.tax = Fen{-2'600};
  red.lines = {line};
  red.amount = line.amount;
  red.tax = line.tax;
  return red;
}

leqi::Form form_of(const RedDocument& red, const std::string& uuid = "u1") {
  leqi::Form form;
  form.uuid = uuid;
  form.number = "9900";
  form.state = "02";
  form.initiator = red.initiator;
  form.seller = red.seller;
  form.buyer = red.buyer;
  form.blue_number = red.blue_number;
  form.reason = reason_code(red.reason);
  form.lines = red.lines;
  form.amount = red.amount;
  form.tax = red.tax;
  form.entered_at = LegalTime{kIntent.ms / 1000 * 1000};
  return form;
}

Decision ask(const std::vector<Sighting>& seen, Silence& silence, std::int64_t now) {
  return decide(wanted(), kIntent, seen, silence, now, kSettle);
}

TEST(UnknownOutcome, AdoptsTheOneFormThatEqualsTheIntentAndWasEnteredInItsSecondOrLater) {
  Silence silence;
  const auto d = ask({{.form = form_of(wanted())}}, silence, 0);
  EXPECT_EQ(d.verdict, Verdict::adopt);
  EXPECT_EQ(d.form->uuid, "u1");
}

TEST(UnknownOutcome, AnEqualFormThatAPlatformWhoseClockIsBehindIssuedAtOnceIsNeverSentAgain) {
  leqi::Form form = form_of(wanted());
  form.issued = true;
  form.red_number = "26990000000000000099";
  form.entered_at = kIntent.plus_ms(-5'000);
  Silence silence;
  for (const std::int64_t now : {std::int64_t{0}, kSettle, 2 * kSettle})
    EXPECT_EQ(ask({{.form = form}}, silence, now).verdict, Verdict::attention);
}

TEST(UnknownOutcome, NeverAdoptsAFormThatDiffersInAnyFieldOfTheIntent) {
  const auto changed = [](auto change) {
    leqi::Form form = form_of(wanted());
    change(form);
    return form;
  };
  const leqi::Form others[] = {
      changed([](leqi::Form& f) { f.initiator = Side::buyer; }),
      changed([](leqi::Form& f) { f.seller.id = "91340200TGDM0002XD"; }),
      changed([](leqi::Form& f) { f.buyer.id = "91340200TGDM0002XD"; }),
      changed([](leqi::Form& f) { f.reason = "04"; }),
      changed([](leqi::Form& f) { f.amount.value -= 1; }),
      changed([](leqi::Form& f) { f.tax.value += 1; }),
      changed([](leqi::Form& f) { f.lines[0].blue_line = 2; }),
      changed([](leqi::Form& f) { f.lines[0].quantity = *Decimal::parse("-1"); }),
      changed([](leqi::Form& f) { f.lines[0].quantity.reset(); }),
      changed([](leqi::Form& f) { f.lines[0].amount.value -= 1; }),
      changed([](leqi::Form& f) { f.lines[0].tax.value -= 1; }),
      changed([](leqi::Form& f) { f.lines.clear(); }),
      changed([](leqi::Form& f) { f.entered_at.ms -= 1000; }),
  };
  for (const leqi::Form& other : others) {
    Silence silence;
    const auto d = ask({{.form = other}}, silence, 0);
    EXPECT_EQ(d.verdict, Verdict::attention);
    EXPECT_EQ(d.why, "foreign_form");
    ASSERT_EQ(d.shown.size(), 1u);
  }
}

TEST(UnknownOutcome, TwoEqualFormsNeedAPerson) {
  Silence silence;
  const auto d = ask({{.form = form_of(wanted())}, {.form = form_of(wanted(), "u2")}}, silence, 0);
  EXPECT_EQ(d.verdict, Verdict::attention);
  EXPECT_EQ(d.why, "two_matches");
  EXPECT_EQ(d.shown.size(), 2u);
}

TEST(UnknownOutcome, AFormOfAnotherSubmissionOfOursSaysNothing) {
  Silence silence;
  EXPECT_EQ(ask({{.form = form_of(wanted()), .owned_by_other = true}}, silence, 0).verdict, Verdict::wait);
}

TEST(UnknownOutcome, WhatWasSettledBeforeTheIntentSaysNothingButAnOpenFormDoes) {
  leqi::Form old = form_of(wanted());
  old.entered_at.ms -= 3'600'000;
  for (const char* state : {"05", "07", "13"}) {
    Silence silence;
    old.state = state;
    EXPECT_EQ(ask({{.form = old}}, silence, 0).verdict, Verdict::wait) << state;
  }
  Silence silence;
  old.state = "04";
  old.issued = true;
  EXPECT_EQ(ask({{.form = old}}, silence, 0).verdict, Verdict::wait);
  old.issued = false;
  EXPECT_EQ(ask({{.form = old}}, silence, 0).verdict, Verdict::attention);
  old.state = "99";  // a code we do not know is not settled
  EXPECT_EQ(ask({{.form = old}}, silence, 0).verdict, Verdict::attention);
}

TEST(UnknownOutcome, NoneCountsOnlyWhenTwoAnswersAtLeastSettleApartAgree) {
  Silence silence;
  auto d = ask({}, silence, 1'000);
  EXPECT_EQ(d.verdict, Verdict::wait);
  EXPECT_EQ(d.ask_again_ms, 1'000 + kSettle);
  EXPECT_EQ(ask({}, silence, 1'000 + kSettle - 1).verdict, Verdict::wait);
  EXPECT_EQ(ask({}, silence, 1'000 + kSettle).verdict, Verdict::resend);
}

TEST(UnknownOutcome, AFormThatAppearsBetweenTheTwoAnswersIsAdopted) {
  Silence silence;
  EXPECT_EQ(ask({}, silence, 0).verdict, Verdict::wait);
  EXPECT_EQ(ask({{.form = form_of(wanted())}}, silence, kSettle).verdict, Verdict::adopt);
}

TEST(UnknownOutcome, OneAnswerIsNeverTwoEvenWithoutSettleTime) {
  Silence silence;
  EXPECT_EQ(decide_none(silence, 5, 0).verdict, Verdict::wait);
  EXPECT_EQ(decide_none(silence, 5, 0).verdict, Verdict::wait);
  EXPECT_EQ(decide_none(silence, 6, 0).verdict, Verdict::resend);
}

TEST(UnknownOutcome, ATableIsAdoptedOnlyAfterItsContentWasCompared) {
  RedDocument red = wanted();
  red.track = Track::information_table;
  red.request_number = "990000001002261122112703";
  red.table_memo = "0000000100";
  table::Row row;
  row.request_number = red.request_number;
  row.status = "TZD0061";
  row.red = red;
  Silence silence;
  EXPECT_EQ(decide_table(red, {row}, silence, 0, kSettle).verdict, Verdict::adopt);
  row.red.amount.value -= 1;
  EXPECT_EQ(decide_table(red, {row}, silence, 0, kSettle).verdict, Verdict::attention);
  row.red = red;
  row.request_number.back() = '4';
  EXPECT_EQ(decide_table(red, {row}, silence, 0, kSettle).verdict, Verdict::wait);
}

TEST(UnknownOutcome, ResendsOnlyWhenNothingOfOursWasEverShown) {
  // Property: over random sequences of answers, "resend" never follows an answer that showed our form.
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  SCOPED_TRACE(seed);
  for (int run = 0; run < 2'000; ++run) {
    Silence silence;
    std::int64_t now = 0;
    for (int step = 0; step < 6; ++step) {
      now += static_cast<std::int64_t>(random() % (2 * kSettle));
      std::vector<Sighting> seen;
      const bool ours = random() % 3 == 0;
      if (ours) seen.push_back({.form = form_of(wanted())});
      if (random() % 4 == 0) {
        leqi::Form stranger = form_of(wanted(), "s");
        stranger.reason = "04";
        seen.push_back({.form = stranger});
      }
      const auto d = ask(seen, silence, now);
      if (ours) {
        ASSERT_EQ(d.verdict, Verdict::adopt);
      } else if (!seen.empty()) {
        ASSERT_EQ(d.verdict, Verdict::attention);
      } else {
        ASSERT_TRUE(d.verdict == Verdict::wait || d.verdict == Verdict::resend);
      }
    }
  }
}

TEST(FormStates, AnUnknownCodeIsNotIssuedAndKeepsWaiting) {
  leqi::Form form = form_of(wanted());
  form.state = "77";
  EXPECT_EQ(state_for_form(form), State::waiting_counterparty);
  form.state = "04";
  EXPECT_EQ(state_for_form(form), State::confirmed);
  form.issued = true;  // issued is believed only with the red's number
  EXPECT_EQ(state_for_form(form), State::confirmed);
  form.red_number = "26990000000000000099";
  EXPECT_EQ(state_for_form(form), State::issued);
  for (const char* state : {"05", "06", "07", "08", "09", "10", "11", "12", "13"}) {
    form = form_of(wanted());
    form.state = state;
    EXPECT_EQ(state_for_form(form), State::void_) << state;
  }
}

}  // namespace
}  // namespace taxgate::queue
