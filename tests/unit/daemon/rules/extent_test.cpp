// R4, R5, R6, R7, R8, R9, R10, R21, R28, R30: what goes at once, what goes in part, what does not go at all.
#include "daemon/rules/propose.h"
#include "tests/unit/daemon/rules/law_fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

Invoice thousand() { return invoice({line(1, "", "", "1000.00", "0.09", "90.00")}); }
Wish back(std::string_view amount) { return wish(Reason::goods_returned, {by_amount(1, amount)}); }

TEST(FarmProduce, CreditedInFullGoesBackInFull) {  // R5
  for (const char* label : {"待农产品全额加计扣除", "已用于农产品全额加计扣除"}) {
    Circumstances known;
    known.labels = {"其他", label};
    EXPECT_THAT(refusals(verdict_on(thousand(), back("999.99"), known)), ElementsAre("R5.full_only")) << label;
    EXPECT_THAT(refusals(verdict_on(thousand(), back("1000.00"), known)), IsEmpty()) << label;
  }
  Circumstances coded;
  coded.farm_use = "1";  // zzsyhyt 全部加计
  EXPECT_THAT(refusals(verdict_on(thousand(), back("300.00"), coded)), ElementsAre("R5.full_only"));
  coded.farm_use = "2";  // 全部不加计
  EXPECT_THAT(refusals(verdict_on(thousand(), back("300.00"), coded)), IsEmpty());
}

TEST(FarmProduce, CreditedInPartGoesBackByItsPartsOrWhole) {  // R5: blue 1000, credited 400
  const Invoice blue = thousand();
  Circumstances known;
  known.labels = {"已用于农产品部分加计扣除"};
  known.farm_credited = fen("400.00");
  EXPECT_THAT(refusals(verdict_on(blue, back("600.00"), known)), IsEmpty());
  EXPECT_THAT(refusals(verdict_on(blue, back("1000.00"), known)), IsEmpty());
  const Verdict wrong = verdict_on(blue, back("300.00"), known);
  ASSERT_THAT(refusals(wrong), ElementsAre("R5.part"));
  EXPECT_EQ(wrong.findings[0].error.wanted, "300.00");
  EXPECT_EQ(wrong.findings[0].error.left, "600.00");
  const BlueState after{&blue, {*decide({&blue, {}}, back("600.00"), known).red}};
  EXPECT_TRUE(decide(after, back("400.00"), known).red);
  const Verdict less = decide(after, back("200.00"), known).verdict;
  ASSERT_THAT(refusals(less), ElementsAre("R5.remainder"));
  EXPECT_EQ(less.findings[0].error.left, "400.00");
}

TEST(FarmProduce, HowMuchIsCreditedIsNotGuessed) {
  Circumstances known;
  known.farm_use = "3";
  EXPECT_THAT(refusals(verdict_on(thousand(), back("300.00"), known)), IsEmpty());
  EXPECT_THAT(ids(verdict_on(thousand(), back("300.00"), known), Severity::note), ElementsAre("R5.credited_unknown"));
  EXPECT_THAT(verdict_on(thousand(), back("1000.00"), known).findings, IsEmpty());
}

TEST(FarmProduce, WhatAnEarlierRedTookIsNotGuessedEither) {  // the platform says partly reversed, nobody gave the red
  Invoice blue = thousand();
  blue.status = "7";
  Circumstances known;
  known.farm_use = "3";
  known.farm_credited = fen("400.00");
  const Verdict rest = verdict_on(blue, back("400.00"), known);
  EXPECT_THAT(refusals(rest), IsEmpty()) << "it may be exactly what is left";
  EXPECT_THAT(ids(rest, Severity::note), ElementsAre("R5.taken_unknown"));
}

TEST(Differential, IssuedOnTheDifferenceGoesBackInFull) {  // R6
  Invoice blue = thousand();
  blue.difference = "02";
  EXPECT_THAT(refusals(verdict_on(blue, back("999.99"))), ElementsAre("R6.full_only"));
  EXPECT_THAT(refusals(verdict_on(blue, back("1000.00"))), IsEmpty());
  const RedDocument whole = *decide({&blue, {}}, back("1000.00")).red;
  RedDocument without_tax = whole;
  without_tax.tax = without_tax.lines[0].tax = Fen{};
  EXPECT_THAT(refusals(judge({&blue, {}}, without_tax)), Contains("R6.full_only"));
  for (const char* other : {"", "01"}) {
    blue.difference = other;
    EXPECT_THAT(refusals(verdict_on(blue, back("300.00"))), IsEmpty()) << other;
  }
}

TEST(PartialReds, SeveralMayFollowEachOther) {  // R7, R28: a return need not be whole (X6)
  const Invoice blue = hundred();
  BlueState state{&blue, {}};
  for (const char* pieces : {"10", "30", "1"}) {
    const Decision decision = decide(state, wish(Reason::goods_returned, {by_quantity(1, pieces)}));
    ASSERT_TRUE(decision.red) << pieces;
    state.reds.push_back(*decision.red);
  }
  EXPECT_EQ(left(state)[0].quantity->text(), "59");
}

TEST(Blocked, AnIrregularVoucherIsRefusedAndASuspiciousOneSaid) {  // R8, ycpzzt
  Circumstances known;
  known.voucher_status = "02";
  EXPECT_THAT(refusals(verdict_on(hundred(), wish(Reason::wrong_invoice), known)), ElementsAre("R8.abnormal"));
  known.voucher_status = "03";
  const Verdict verdict = verdict_on(hundred(), wish(Reason::wrong_invoice), known);
  EXPECT_EQ(verdict.answer, Answer::allowed);
  EXPECT_THAT(ids(verdict, Severity::warn), ElementsAre("R8.suspicious"));
}

TEST(Blocked, FiveUsesByTheirLabelsAndNotTheDeductedOne) {  // R9
  for (const char* label : {"待退税", "已退税", "已抵扣(改退)", "已代办退税", "不予退税且不予抵扣"}) {
    Circumstances known;
    known.labels = {label};
    EXPECT_THAT(refusals(verdict_on(hundred(), wish(Reason::wrong_invoice), known)), ElementsAre("R9.use")) << label;
  }
  Circumstances known;
  known.labels = {"已抵扣"};
  EXPECT_THAT(refusals(verdict_on(hundred(), wish(Reason::wrong_invoice), known)), IsEmpty());
}

TEST(Blocked, AnEnjoyedPreferenceForbidsTheRed) {  // R10
  Circumstances known;
  known.labels = {"已申请冬奥会退税"};
  EXPECT_THAT(refusals(verdict_on(hundred(), wish(Reason::wrong_invoice), known)), ElementsAre("R10.enjoyed"));
  known.labels = {"未申请冬奥会退税"};
  EXPECT_THAT(refusals(verdict_on(hundred(), wish(Reason::wrong_invoice), known)), IsEmpty());
}

TEST(Alerts, RedBlocksYellowWarnsBlueIsANotice) {  // K1, K2, K3
  const auto with = [](const char* alert) {
    Circumstances known;
    known.alert = alert;
    return verdict_on(hundred(), wish(Reason::wrong_invoice), known);
  };
  EXPECT_THAT(refusals(with("01")), ElementsAre("K1.red_alert"));
  EXPECT_EQ(with("02").answer, Answer::allowed);
  EXPECT_THAT(ids(with("02"), Severity::warn), ElementsAre("K2.yellow_alert"));
  EXPECT_THAT(ids(with("03"), Severity::note), ElementsAre("K3.blue_alert"));
  EXPECT_THAT(with("").findings, IsEmpty());
}

Invoice course(std::string_view amount, std::string_view rate, std::string_view tax) {
  return invoice({service(line(1, "", "", amount, rate, tax))});
}

TEST(Services, OnlyTheUnperformedShareComesBack) {  // R21: 12,000 without tax, 25 % consumed
  const Invoice blue = course("12000.00", "0.06", "720.00");
  Circumstances known;
  known.performed = dec("0.25");
  const auto stop = [](std::string_view amount) { return wish(Reason::service_stopped, {by_amount(1, amount)}); };
  EXPECT_THAT(refusals(verdict_on(blue, stop("9000.00"), known)), IsEmpty());
  const Verdict verdict = verdict_on(blue, stop("9000.01"), known);
  ASSERT_THAT(refusals(verdict), ElementsAre("R21.performed"));
  EXPECT_EQ(verdict.findings[0].error.left, "9000.00");
  const BlueState after{&blue, {*decide({&blue, {}}, stop("8000.00"), known).red}};
  EXPECT_TRUE(decide(after, stop("1000.00"), known).red);
  EXPECT_THAT(refusals(decide(after, stop("1000.01"), known).verdict), ElementsAre("R21.performed"));
  // The share binds a stopped service only, and says nothing where it is unknown.
  EXPECT_THAT(refusals(verdict_on(blue, wish(Reason::allowance, {by_amount(1, "9000.01")}), known)), IsEmpty());
  EXPECT_THAT(refusals(verdict_on(blue, stop("9000.01"))), IsEmpty());
}

TEST(Services, AShareBeyondOneIsNoShare) {
  Circumstances known;
  for (const char* share : {"1.01", "-0.1", "99999999999999999999"}) {
    known.performed = dec(share);
    EXPECT_THAT(refusals(verdict_on(course("12000.00", "0.06", "720.00"),
                                    wish(Reason::service_stopped, {by_amount(1, "1.00")}), known)),
                ElementsAre("R21.share"))
        << share;
  }
}

TEST(Services, TheWishForTheRestIsMadeReady) {  // R30: 120,000 for twelve months, six of them over
  const Invoice blue = course("120000.00", "0.06", "7200.00");
  const auto six = unperformed({&blue, {}}, dec("6"), dec("12"));
  ASSERT_TRUE(six);
  EXPECT_EQ(six->reason, Reason::service_stopped);
  const RedDocument red = *decide({&blue, {}}, *six).red;
  EXPECT_EQ(red.amount.text(), "-60000.00");
  EXPECT_EQ(red.tax.text(), "-3600.00");
  EXPECT_EQ((red.amount + red.tax).text(), "-63600.00");
  const Invoice twelve = course("12000.00", "0.06", "720.00");  // R21
  EXPECT_EQ(unperformed({&twelve, {}}, dec("25"), dec("100"))->lines.at(0).amount->text(), "9000.00");
  // What came back already is not taken twice; what is over is not taken at all.
  EXPECT_EQ(unperformed({&blue, {red}}, dec("3"), dec("12"))->lines.at(0).amount->text(), "30000.00");
  EXPECT_EQ(unperformed({&blue, {red}}, dec("6"), dec("12")).error().id, "R21.performed");
}

TEST(Services, TheWishForTheRestNeedsAShare) {
  const Invoice blue = course("120000.00", "0.06", "7200.00");
  for (const auto& [performed, whole] : {std::pair{"12", "12"}, {"-1", "12"}, {"1", "0"}})
    EXPECT_EQ(unperformed({&blue, {}}, dec(performed), dec(whole)).error().id, "R21.share") << performed;
  EXPECT_EQ(unperformed({&blue, {}}, dec("0"), dec("12"))->lines.at(0).amount->text(), "120000.00");
  Invoice huge = course("9999999999999999.99", "0.06", "0.00");
  EXPECT_EQ(unperformed({&huge, {}}, dec("99999999999999999998"), dec("99999999999999999999")).error().id,
            "R21.performed")
      << "less than a fen is open";
}

}  // namespace
}  // namespace taxgate::rules
