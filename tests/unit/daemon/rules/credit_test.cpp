// The credit line (发票总额度): the cases of the source texts, and the readings that were rejected.
#include "daemon/rules/credit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace taxgate::rules {
namespace {

constexpr Fen wan(std::int64_t n) { return Fen{n * 1'000'000}; }
LegalTime day(std::string_view text) { return *LegalTime::parse(text); }
Month month(std::string_view text) { return *Month::parse(text); }

Movement limit(std::string_view from, Fen total) {
  Movement m;
  m.kind = MovementKind::limit;
  m.at = day(from);
  m.amount = total;
  return m;
}
Movement issued(std::string number, std::string_view at, Fen amount, std::string type = "81") {
  Movement m;
  m.kind = MovementKind::issued;
  m.number = std::move(number);
  m.at = day(at);
  m.amount = amount;
  m.type = std::move(type);
  return m;
}
Movement red(std::string number, std::string_view at, Fen amount, std::string_view blue_at,
             std::optional<Reason> reason = Reason::goods_returned, std::string type = "81") {
  Movement m = issued(std::move(number), at, amount, type);
  m.kind = MovementKind::red;
  if (!blue_at.empty()) m.blue_issued_at = day(blue_at);
  m.blue_type = std::move(type);
  m.reason = reason;
  return m;
}
Movement pickup(std::string_view at, std::int64_t sheets, Fen each) {
  Movement m;
  m.kind = MovementKind::pickup;
  m.at = day(at);
  m.count = sheets;
  m.amount = Fen{each.value * sheets};
  return m;
}
const LegalTime kLater = day("2027-01-01");

CreditStatement april(std::vector<Movement> movements) {
  movements.push_back(limit("2026-04-01", wan(750)));
  return credit_statement(month("2026-04"), kLater, movements, {});
}

TEST(CreditLine, Case1BeforeFilingTheRestOfTheMonthBeforeIsTheBoundAndAfterItTheWholeLimitLessWhatWasUsed) {
  const std::vector<Movement> movements{limit("2026-04-01", wan(750)), issued("A", "2026-04-10", wan(400)),
                                        issued("B", "2026-05-02", wan(20))};
  const auto before = credit_statement(month("2026-05"), day("2026-05-10"), movements, {});
  EXPECT_EQ(before.carried, wan(350));
  EXPECT_EQ(before.usable, wan(350));
  EXPECT_EQ(before.remaining, wan(330));
  EXPECT_EQ(before.after_filing, wan(730));
  EXPECT_FALSE(before.previous_filed);
  const std::vector<Filing> filed{{month("2026-04"), day("2026-05-15")}};
  const auto after = credit_statement(month("2026-05"), day("2026-05-16"), movements, filed);
  EXPECT_TRUE(after.previous_filed);
  EXPECT_EQ(after.remaining, wan(730));
  EXPECT_EQ(after.carried, std::nullopt);
  const auto the_day_before = credit_statement(month("2026-05"), day("2026-05-14"), movements, filed);
  EXPECT_EQ(the_day_before.remaining, wan(330)) << "a return filed on the 15th is not known on the 14th";
}

TEST(CreditLine, Case1WithALowerLimitInMayUsesTheLowerOfRestAndLimit) {
  const std::vector<Movement> movements{limit("2026-04-01", wan(750)), issued("A", "2026-04-10", wan(400)),
                                        limit("2026-05-01", wan(250)), issued("B", "2026-05-02", wan(20))};
  const auto before = credit_statement(month("2026-05"), day("2026-05-10"), movements, {});
  EXPECT_EQ(before.usable, wan(250));
  EXPECT_EQ(before.remaining, wan(230));
  const auto after =
      credit_statement(month("2026-05"), day("2026-05-16"), movements, {{month("2026-04"), day("2026-05-15")}});
  EXPECT_EQ(after.remaining, wan(230));
  EXPECT_EQ(credit_statement(month("2026-04"), kLater, movements, {}).limit, wan(750)) << "April keeps its own";
}

TEST(CreditLine, Case2PaperIsDeductedWhenItIsPickedUpNotWhenItIsIssued) {
  std::vector<Movement> movements{pickup("2026-04-02", 40, wan(10)), issued("E", "2026-04-05", wan(300))};
  for (int i = 0; i < 36; ++i) movements.push_back(issued("P" + std::to_string(i), "2026-04-20", wan(9), "01"));
  const auto s = april(movements);
  EXPECT_EQ(s.picked_up, wan(400));
  EXPECT_EQ(s.issued, wan(300));
  EXPECT_EQ(s.remaining, wan(50));
}

TEST(CreditLine, Case3OnlyTheRedOfTheSameMonthGivesItsAmountBack) {
  const auto s = april({issued("A", "2026-04-03", wan(100)), red("R1", "2026-04-20", wan(10), "2026-03-30"),
                        red("R2", "2026-04-21", wan(50), "2026-04-03")});
  EXPECT_EQ(s.restored, wan(50));
  EXPECT_EQ(s.remaining, wan(700));
  EXPECT_NE(s.remaining, wan(710)) << "C11 alone, X8 and C14 (every red gives back) are rejected readings";
  EXPECT_NE(s.remaining, wan(590)) << "that reversing itself takes from the line is a rejected reading";
  ASSERT_EQ(s.entries.size(), 4u);
  EXPECT_EQ(s.entries[2].rule, "C2.cross_month");
  EXPECT_EQ(s.entries[3].rule, "C1.restored");
  EXPECT_EQ(s.entries[3].used, -wan(50));
}

TEST(CreditLine, AnAllowanceGivesNothingBackEvenInTheSameMonth) {
  const auto s =
      april({issued("A", "2026-04-03", wan(100)), red("R", "2026-04-21", wan(50), "2026-04-03", Reason::allowance)});
  EXPECT_EQ(s.remaining, wan(650));
  EXPECT_EQ(s.entries.back().rule, "C2.allowance");
}

TEST(CreditLine, ARedWithoutItsBlueOrWithoutAKnownReasonGivesNothingBack) {
  const auto s = april({issued("A", "2026-04-03", wan(100)), red("R1", "2026-04-21", wan(20), ""),
                        red("R2", "2026-04-22", wan(20), "2026-04-03", std::nullopt)});
  EXPECT_EQ(s.remaining, wan(650));
  EXPECT_EQ(s.entries[2].rule, "C2.unmatched");
  EXPECT_EQ(s.entries[3].rule, "C2.unknown_reason");
}

TEST(CreditLine, ARedPaperInvoiceUsesASheetAndFreesNone) {  // X9
  auto paper = limit("2026-04-01", wan(750));
  paper.per_invoice = wan(10);
  paper.monthly_count = 3;
  const std::vector<Movement> movements{paper, pickup("2026-04-02", 3, wan(10)),
                                        issued("P1", "2026-04-03", wan(5), "01"),
                                        red("P2", "2026-04-04", wan(5), "2026-04-03", Reason::goods_returned, "01")};
  const auto s = credit_statement(month("2026-04"), kLater, movements, {});
  EXPECT_EQ(s.count_used, 2);
  EXPECT_EQ(s.count_left, 1);
  EXPECT_EQ(s.remaining, wan(720)) << "the sheets were deducted at pick-up and stay deducted";
  EXPECT_EQ(s.entries.back().rule, "C2.paper");
}

TEST(CreditLine, ALimitHoldsFromItsInstantAndAShortTermOneOnlyWhileItLasts) {
  auto passing = limit("2026-06-10", wan(900));
  passing.until = day("2026-08-01");
  auto asked = limit("2026-06-01", wan(5000));
  asked.kind = MovementKind::application;
  const std::vector<Movement> movements{limit("2026-04-01", wan(750)), passing, asked};
  const auto at = [&](std::string_view m, std::string_view t) {
    return credit_statement(month(m), day(t), movements, {{month("2026-12"), day("2026-01-01")}}).limit;
  };
  EXPECT_EQ(at("2026-06", "2026-06-09"), wan(750));
  EXPECT_EQ(at("2026-06", "2026-06-10"), wan(900));
  EXPECT_EQ(at("2026-07", "2026-08-20"), wan(900));
  EXPECT_EQ(at("2026-08", "2026-08-20"), wan(750)) << "an application without approval changes nothing";
  EXPECT_EQ(at("2026-03", "2026-08-20"), std::nullopt) << "nothing was told of March";
  EXPECT_EQ(limit_in_force(day("2026-06-10"), movements), wan(900));
  EXPECT_EQ(limit_in_force(day("2026-08-01"), movements), wan(750));
  EXPECT_EQ(limit_in_force(day("2026-03-31"), movements), std::nullopt);
}

TEST(CreditLine, OfTwoLimitsTheOneThatBeginsLaterHoldsWhicheverWasToldFirst) {
  auto june = limit("2026-06-01", wan(800)), older = limit("2026-05-15", wan(900));
  june.until = day("2026-07-01");
  older.until = day("2026-07-01");
  const std::vector<Movement> movements{limit("2026-04-01", wan(750)), limit("2026-03-01", wan(100)), june, older};
  const std::vector<Movement> reversed(movements.rbegin(), movements.rend());
  for (const auto& told : {movements, reversed}) {
    EXPECT_EQ(credit_statement(month("2026-04"), kLater, told, {}).limit, wan(750));
    EXPECT_EQ(credit_statement(month("2026-06"), kLater, told, {}).limit, wan(800));
    EXPECT_EQ(credit_statement(month("2026-05"), kLater, told, {}).limit, wan(900));
  }
}

TEST(CreditLine, WhatIsCarriedOverIsFollowedOneYearBackAndNoFurther) {
  std::vector<Movement> movements{limit("2024-01-01", wan(100)), issued("A", "2025-05-10", wan(30)),
                                  issued("B", "2025-06-10", wan(20))};
  EXPECT_EQ(first_month_needed(month("2026-06"), kLater, movements, {}), month("2025-06"));
  EXPECT_EQ(credit_statement(month("2026-06"), kLater, movements, {}).remaining, wan(80));
}

TEST(CreditLine, AnInvoiceOfATypeNobodyKnowsTakesItsAmountAndNoSheet) {
  const auto s = april({issued("A", "2026-04-03", wan(100), "99")});
  EXPECT_EQ(s.remaining, wan(650));
  EXPECT_EQ(s.count_used, 0);
}

TEST(CreditLine, MonthsThatWereNotFiledAreCarriedOneIntoTheNextAndALaterReturnVouchesForThem) {
  const std::vector<Movement> movements{limit("2026-03-01", wan(100)), issued("A", "2026-03-10", wan(70)),
                                        issued("B", "2026-04-10", wan(20)), issued("C", "2026-05-10", wan(5))};
  const auto none = credit_statement(month("2026-05"), kLater, movements, {});
  EXPECT_EQ(none.remaining, wan(5)) << "100 - 70 = 30; 30 - 20 = 10; 10 - 5";
  const auto march = credit_statement(month("2026-05"), kLater, movements, {{month("2026-03"), day("2026-05-11")}});
  EXPECT_EQ(march.remaining, wan(75)) << "April had its whole limit: 100 - 20 = 80; 80 - 5";
  const auto april = credit_statement(month("2026-05"), kLater, movements, {{month("2026-04"), day("2026-05-11")}});
  EXPECT_EQ(april.remaining, wan(95));
}

TEST(CreditLine, WithoutAnyLimitNothingIsClaimed) {
  const auto s = credit_statement(month("2026-04"), kLater, {issued("A", "2026-04-03", wan(100))}, {});
  EXPECT_EQ(s.limit, std::nullopt);
  EXPECT_EQ(s.remaining, std::nullopt);
  EXPECT_EQ(s.used, wan(100));
  EXPECT_EQ(difference(s, {kLater, wan(750), wan(650)}), std::nullopt);
}

TEST(CreditLine, TheSeedsOfNewTaxpayersAreTheTextsFour) {  // C6
  EXPECT_EQ(credit_seed("I")->limit.text(), "5000.00");
  EXPECT_EQ(credit_seed("II")->limit, wan(250));
  EXPECT_EQ(credit_seed("III")->limit, wan(750));
  EXPECT_EQ(credit_seed("IV")->limit, wan(1000));
  EXPECT_EQ(credit_seed("V"), nullptr);
  EXPECT_EQ(credit_seeds().size(), 4u);
}

TEST(CreditLine, AnInitialLimitAboveOneHundredThousandOfASmallScaleIndividualIsReviewed) {  // C10
  EXPECT_FALSE(reviewed_small_scale(Fen{10'000'000}));
  EXPECT_TRUE(reviewed_small_scale(Fen{10'000'001}));
}

TEST(CreditLine, ALargeInvoiceAsksWhenItReachesHalfTheLimitAndHalfAMillion) {  // K5
  const auto yuan = [](std::int64_t n) { return Fen{n * 100}; };
  EXPECT_TRUE(large_invoice(yuan(1'000'000), yuan(500'000)));
  EXPECT_FALSE(large_invoice(yuan(1'000'000), Fen{49'999'999}));
  EXPECT_FALSE(large_invoice(yuan(1'000'001), yuan(500'000)));
  EXPECT_FALSE(large_invoice(yuan(5'000'000), yuan(500'000)));
  EXPECT_TRUE(large_invoice(yuan(5'000'000), yuan(2'500'000)));
}

TEST(CreditLine, BeforeIssuingEveryBoundIsNamed) {  // C11, C12, K5
  auto l = limit("2026-04-01", wan(100));
  l.per_invoice = wan(10);
  l.monthly_count = 1;
  const auto s = credit_statement(month("2026-04"), kLater,
                                  {l, issued("A", "2026-04-02", wan(60)), issued("P", "2026-04-03", wan(1), "10")}, {});
  EXPECT_TRUE(before_issuing(s, wan(39), "81").empty());
  const auto wrong = before_issuing(s, wan(60), "10");
  std::vector<std::string> ids;
  for (const auto& e : wrong) ids.push_back(e.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"credit.exceeded", "credit.per_invoice", "credit.monthly_count",
                                           "K5.large_amount"}));
  EXPECT_EQ(wrong.front().left, "390000.00");
  const auto paper = before_issuing(s, wan(9), "01");
  ASSERT_EQ(paper.size(), 1u) << "its sheet was deducted when it was picked up (C5)";
  EXPECT_EQ(paper.front().id, "credit.monthly_count");
}

TEST(CreditLine, BeforeIssuingABoundThatIsNotKnownSaysNothing) {
  const auto unknown = credit_statement(month("2026-04"), kLater, {}, {});
  EXPECT_TRUE(before_issuing(unknown, wan(10'000), "81").empty());
  EXPECT_TRUE(before_issuing(unknown, wan(10'000), "10").empty());
  auto l = limit("2026-04-01", wan(100));
  l.per_invoice = wan(10);
  l.monthly_count = 2;
  const auto s = credit_statement(month("2026-04"), kLater, {l, issued("P", "2026-04-03", wan(1), "10")}, {});
  EXPECT_TRUE(before_issuing(s, wan(10), "10").empty()) << "exactly the highest amount, and one sheet left";
}

TEST(CreditLine, TheDifferenceToThePlatformIsItsFigureLessOurs) {
  const auto s = april({issued("A", "2026-04-03", wan(100))});
  EXPECT_EQ(difference(s, {kLater, wan(750), wan(650)}), Fen{0});
  EXPECT_EQ(difference(s, {kLater, wan(750), wan(600)}), -wan(50)) << "the platform knows of 50 that we do not";
}

TEST(CreditMonth, IsReadStrictlyAndKnowsItsBounds) {
  EXPECT_EQ(month("2026-12").next().text(), "2027-01");
  EXPECT_EQ(month("2026-01").previous().text(), "2025-12");
  EXPECT_EQ(month("2026-04").begin(), day("2026-04-01"));
  EXPECT_EQ(Month::of(month("2026-04").end().plus_ms(-1)), month("2026-04"));
  for (const char* bad :
       {"", "2026-4", "2026-13", "2026-00", "2026/04", "26-04-01", "2026-04-01", "2026-0a", "20x6-04", "1999-12"})
    EXPECT_EQ(Month::parse(bad, "month").error().id, "credit.month") << bad;
}

/// The slow, obvious twin: every movement looked at by itself, months in a map.
std::optional<Fen> obvious_remaining(int wanted, const std::vector<Movement>& all, Fen total, int filed_through) {
  std::map<int, std::int64_t> used;
  for (const auto& m : all) {
    const int at = Month::of(m.at).index;
    if (m.kind == MovementKind::issued && m.type == "81") used[at] += m.amount.value;
    if (m.kind == MovementKind::pickup) used[at] += m.amount.value;
    if (m.kind == MovementKind::red && m.reason && *m.reason != Reason::allowance && m.blue_issued_at.is_set() &&
        m.type == "81" && Month::of(m.blue_issued_at).index == at)
      used[at] -= m.amount.value;
  }
  std::int64_t bound = total.value;
  for (int at = month("2026-01").index; at <= wanted; ++at) {
    if (at - 1 <= filed_through || at == month("2026-01").index) bound = total.value;
    bound = std::min(bound, total.value) - used[at];
  }
  return Fen{bound};
}

TEST(CreditLine, AgreesWithItsObviousTwinOnRandomYearsAndDoesNotMindTheOrderOrRepeatsOfWhatItIsTold) {
  std::mt19937 random(20260422);
  for (int round = 0; round < 300; ++round) {
    std::vector<Movement> all{limit("2026-01-01", wan(750))};
    const int count = static_cast<int>(random() % 40);
    for (int i = 0; i < count; ++i) {
      const std::string at = "2026-0" + std::to_string(1 + random() % 6) + "-1" + std::to_string(random() % 10);
      const Fen amount{static_cast<std::int64_t>(random() % 100'000'000)};
      const std::string number = "N" + std::to_string(i), type = random() % 4 == 0 ? "01" : "81";
      switch (random() % 3) {
        case 0:
          all.push_back(issued(number, at, amount, type));
          break;
        case 1: {
          const std::string blue = "2026-0" + std::to_string(1 + random() % 6) + "-01";
          std::optional<Reason> reason;
          if (random() % 4 != 0) reason = static_cast<Reason>(1 + random() % 4);
          all.push_back(red(number, at, amount, random() % 5 == 0 ? "" : blue, reason, type));
          break;
        }
        default:
          all.push_back(pickup(at, static_cast<std::int64_t>(random() % 5), wan(1)));
      }
    }
    const int filed_through = month("2025-12").index + static_cast<int>(random() % 6);
    const std::vector<Filing> filings{{Month{filed_through}, day("2026-01-01")}};
    const Month wanted{month("2026-01").index + static_cast<int>(random() % 6)};
    const auto expected = obvious_remaining(wanted.index, all, wan(750), filed_through);
    const auto s = credit_statement(wanted, kLater, all, filings);
    ASSERT_EQ(s.remaining, expected) << "round " << round;
    auto shuffled = all;
    for (const auto& m : all)
      if (m.kind == MovementKind::issued || m.kind == MovementKind::red) shuffled.push_back(m);  // told twice
    std::ranges::shuffle(shuffled, random);
    ASSERT_EQ(credit_statement(wanted, kLater, shuffled, filings).remaining, expected) << "round " << round;
    Fen sum{};
    for (const auto& e : s.entries) sum += e.used;
    ASSERT_EQ(sum, s.used) << "the movements shown make up the figure";
  }
}

}  // namespace
}  // namespace taxgate::rules
