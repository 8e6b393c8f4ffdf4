// Numbers no honest invoice carries, and documents that are odd in one place: every branch that ordinary work never
// takes.
#include <limits>

#include "daemon/rules/exact.h"
#include "daemon/rules/names.h"
#include "tests/unit/daemon/rules/law_fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

template <class Change>
std::vector<std::string> judged(const Invoice& blue, Reason reason, Change change) {
  RedDocument red = *decide({&blue, {}}, wish(reason)).red;
  change(red);
  return refusals(judge({&blue, {}}, red));
}

TEST(Arithmetic, QuickAndExactWaysAgree) {
  const auto milli_text = [](const Result<MilliFen>& v) {
    return v ? std::to_string(static_cast<std::int64_t>(*v)) : v.error().id;
  };
  EXPECT_EQ(milli_text(product(dec("25"), dec("10"))), "25000000");
  EXPECT_EQ(milli_text(product(dec("-25"), dec("10"))), "-25000000");
  EXPECT_EQ(milli_text(product(dec("0.000005"), dec("1"))), "1") << "half away from zero";
  EXPECT_EQ(milli_text(product(dec("-0.000005"), dec("1"))), "-1");
  EXPECT_EQ(milli_text(product(dec("0.00000499"), dec("1"))), "0");
  // Factors beyond 64 bits, more decimals than 64 bits divide by, results beyond the quick way's bound.
  EXPECT_EQ(milli_text(product(dec("1234567890123456789.5"), dec("0.0000000001"))), "12345678901235");
  EXPECT_EQ(milli_text(product(dec("0.0000000001"), dec("1234567890123456789.5"))), "12345678901235");
  EXPECT_EQ(milli_text(product(dec("0.00000000000000000001"), dec("0.5"))), "0");
  EXPECT_EQ(milli_text(product(dec("0.0000000001234567"), dec("0.000000001"))), "0");
}

TEST(Arithmetic, WhatNoNumberHoldsIsSaid) {
  EXPECT_EQ(product(dec("99999999999999999999"), dec("99999999999999999999")).error().id, "decimal.range");
  EXPECT_EQ(*product(dec("9000000000000000"), dec("1")), static_cast<MilliFen>(9'000'000'000'000'000) * 100'000);
  EXPECT_EQ(*product(dec("300000000"), dec("30000000.1")), static_cast<MilliFen>(9'000'000'030'000'000) * 100'000);
  EXPECT_EQ(taxed(fen("9999999999999999.99"), dec("99999999999999999999")).error().id, "decimal.range");
  EXPECT_EQ(*taxed(fen("9000000000000000.00"), dec("0.13")), static_cast<MilliFen>(1'170'000'000'000'000) * 100'000);
  EXPECT_EQ(*taxed(fen("0.01"), dec("0.00000000000000000001")), 0);
  EXPECT_EQ(*product(dec("999999999999999999999999"), dec("0.00000000000000000001")), 1'000'000'000);
  EXPECT_EQ(*taxed(fen("80000000000000.00"), dec("5")), static_cast<MilliFen>(400'000'000'000'000) * 100'000);
  EXPECT_EQ(*taxed(fen("100.00"), dec("0.12345678901234567895")), 1'234'568) << "a rate beyond 64 bits";
  EXPECT_EQ(unit_price(fen("1000000.00"), dec("0.00000000000000000001")).error().id, "decimal.range");
  EXPECT_EQ(unit_price(fen("0.37"), dec("100000000000000"))->text(), "0.0000000000000037");
  EXPECT_EQ(minus(Fen{std::numeric_limits<std::int64_t>::min() + 1}, Fen{5}).value,
            std::numeric_limits<std::int64_t>::min() + 1);
  EXPECT_EQ(plus(Fen{std::numeric_limits<std::int64_t>::max()}, Fen{5}).value,
            std::numeric_limits<std::int64_t>::max());
}

TEST(Arithmetic, SharesAreComparedExactlyAndHugeOnesByTheirQuotient) {
  EXPECT_EQ(against_share(dec("10"), dec("0.1"), dec("100")), std::strong_ordering::equal);
  EXPECT_EQ(against_share(dec("10.0001"), dec("0.1"), dec("100")), std::strong_ordering::greater);
  EXPECT_EQ(against_share(dec("10.0001"), dec("1"), dec("10")), std::strong_ordering::greater) << "the finer part";
  EXPECT_EQ(against_share(dec("9.9999"), dec("1"), dec("10")), std::strong_ordering::less);
  EXPECT_EQ(against_share(dec("10"), dec("0.1"), dec("99999999999999999999")), std::strong_ordering::less);
  EXPECT_EQ(against_share(dec("1"), dec("0.00000000000000000001"), dec("5")), std::strong_ordering::greater);
  EXPECT_EQ(against_share(dec("0.00000000000000000001"), dec("0.1"), dec("1")), std::strong_ordering::less);
  EXPECT_EQ(against_share(dec("99999999999999999999"), dec("0.00000000000000000001"), dec("99999999999999999999")),
            std::strong_ordering::greater);
  EXPECT_EQ(against_share(dec("0.00000000000000000001"), dec("99999999999999999999"), dec("99999999999999999999")),
            std::strong_ordering::less);
  EXPECT_EQ(against_share(dec("0.00000000000000000001"), dec("9999999999"), dec("9999999999")),
            std::strong_ordering::less);
  EXPECT_EQ(
      against_share(dec("999999999999999999999999"), dec("0.00000000000000000001"), dec("0.00000000000000000001")),
      std::strong_ordering::greater);
}

TEST(OddBlues, DiscountRowsOfOtherGoodsOrderOrSign) {
  InvoiceLine whole = line(2, "1", "10", "10.00", "0.13", "1.30");
  InvoiceLine row = line(3, "", "", "-1.00", "0.13", "-0.13");
  row.kind = LineKind::discount;
  const auto found = [&](auto change) {
    InvoiceLine other = row;
    change(other);
    return ids(check_blue(invoice({whole, other})));
  };
  EXPECT_THAT(found([](InvoiceLine&) {}), IsEmpty());
  EXPECT_THAT(found([](InvoiceLine& l) { l.tax_code = "1"; }), ElementsAre("blue.discount_row"));
  EXPECT_THAT(found([](InvoiceLine& l) { l.number = 1; }), ElementsAre("blue.discount_row"));
  EXPECT_THAT(found([](InvoiceLine& l) { l.amount = fen("1.00"); }), ElementsAre("blue.discount_row"));
  EXPECT_THAT(found([](InvoiceLine& l) { l.tax = fen("-1.31"); }), ElementsAre("blue.discount_row"));
  whole.number = -5;
  row.number = 0;
  EXPECT_THAT(ids(check_blue(invoice({whole, row}))), ElementsAre("blue.line_numbers"));
  whole.number = 1;
  row.number = 2;
  EXPECT_THAT(ids(check_blue(invoice({whole, row, line(2, "", "", "1.00", "0", "0.00")}))),
              ElementsAre("blue.line_numbers"));
}

TEST(OddBlues, NegativeLinesOfEveryKind) {
  EXPECT_THAT(ids(check_blue(invoice({line(1, "", "", "-1.00", "0", "0.00")}))), Contains("blue.negative_line"));
  EXPECT_THAT(ids(check_blue(invoice({line(1, "", "", "1.00", "0", "-0.01")}))), Contains("blue.negative_line"));
  EXPECT_THAT(ids(check_blue(invoice({line(1, "0", "1", "1.00", "0", "0.00")}))), Contains("blue.negative_line"));
}

TEST(OddBlues, AQuantityWithoutPriceHasOneByDivisionOrNone) {
  const Invoice some = invoice({line(1, "4", "", "10.00", "0", "0.00")});
  EXPECT_EQ(left({&some, {}})[0].price->text(), "2.5");
  const Invoice none = invoice({line(1, "0.00000000000000000001", "", "1000000.00", "0", "0.00")});
  EXPECT_FALSE(left({&none, {}})[0].price);
  EXPECT_FALSE(decide({&none, {}}, wish(Reason::goods_returned)).red->lines[0].quantity) << "by amount alone";
  EXPECT_THAT(ids(findings_of({&none, {}}, wish(Reason::goods_returned, {by_quantity(1, "0.00000000000000000001")}))),
              ElementsAre("R2.quantity_unknown"));
  const Invoice huge = invoice({line(1, "99999999999999999999", "99999999999999999999", "10.00", "0", "0.00")});
  EXPECT_EQ(left({&huge, {}})[0].price->text(), "0.0000000000000000001") << "a price that cannot be is not kept";
}

TEST(OddBlues, RedsOfUnknownLinesTakeFromTheInvoiceOnly) {
  const Invoice blue = hundred();
  RedDocument stranger = *decide({&blue, {}}, wish(Reason::goods_returned, {by_quantity(1, "10")})).red;
  stranger.lines[0].blue_line = 9;
  EXPECT_EQ(left({&blue, {stranger}})[0].quantity->text(), "100");
  EXPECT_THAT(ids(findings_of({&blue, {stranger}}, wish(Reason::goods_returned))),
              ElementsAre("R2.amount_cap", "R2.tax_cap"));
}

TEST(OddBlues, AreJudgedWithoutTheirLines) {
  Invoice blue = hundred();
  const RedDocument red = *decide({&blue, {}}, wish(Reason::goods_returned)).red;
  blue.lines[0].amount += Fen{1};
  EXPECT_THAT(refusals(judge({&blue, {}}, red)), ElementsAre("blue.sum_amount"));
  blue = hundred();
  blue.number = "123";
  EXPECT_THAT(refusals(verdict_on(blue, wish(Reason::wrong_invoice))), Contains("id.invoice_number_length"));
  EXPECT_TRUE(on_menu(Reason::goods_returned, Composition{}));
}

TEST(OddReds, OneFieldAtATime) {
  const Invoice blue = hundred();
  EXPECT_THAT(judged(blue, Reason::goods_returned, [](RedDocument& r) { r.element = "01"; }),
              ElementsAre("B6.blue_head"));
  EXPECT_THAT(judged(blue, Reason::goods_returned, [](RedDocument& r) { r.lines[0].rate = dec("0.1299999"); }),
              ElementsAre("B6.line_copy"));
  EXPECT_THAT(judged(blue, Reason::wrong_invoice, [](RedDocument& r) { r.tax = r.lines[0].tax = fen("-129.99"); }),
              Contains("R4.full_only"));
  EXPECT_THAT(judged(blue, Reason::wrong_invoice, [](RedDocument& r) { r.lines[0].quantity = dec("-99.9999"); }),
              Contains("R4.full_only"));
  EXPECT_THAT(judged(blue, Reason::goods_returned,
                     [](RedDocument& r) {
                       r.lines[0].amount = fen("-1000.01");
                       r.amount = fen("-999.00");
                     }),
              ElementsAre("R2.amount_cap", "B6.sum_amount"));
  EXPECT_THAT(judged(blue, Reason::goods_returned,
                     [](RedDocument& r) {
                       r.lines[0].quantity = dec("-99999999999999999999");
                       r.lines[0].price = dec("99999999999999999999");
                     }),
              Contains("B6.price"));
}

TEST(OddReds, AQuantityWhereTheBlueHasNone) {
  const Invoice blue = invoice({line(1, "", "", "10.00", "0", "0.00")});
  EXPECT_THAT(judged(blue, Reason::wrong_invoice, [](RedDocument& r) { r.lines[0].quantity = dec("-1"); }),
              Contains("R2.quantity_unknown"));
}

TEST(OddReds, TaxOnALineWithoutTaxAndRatesBeyondReason) {
  const Invoice free = invoice({line(1, "10", "100", "1000.00", "0", "0.00")});
  EXPECT_THAT(judged(free, Reason::goods_returned, [](RedDocument& r) { r.tax = r.lines[0].tax = fen("-0.10"); }),
              ElementsAre("R2.tax_cap", "B6.rate"));
  const Invoice absurd = invoice({line(1, "10", "100", "1000.00", "99999999999999999999", "1.00")});
  EXPECT_THAT(refusals(verdict_on(absurd, wish(Reason::goods_returned))), ElementsAre("B6.rate"));
}

TEST(OddReds, AWhollyDiscountedLineNeedNotBeNamedAndItsRowCannotBe) {
  InvoiceLine gift = line(1, "1", "10", "10.00", "0.13", "1.30");
  InvoiceLine off = line(2, "", "", "-10.00", "0.13", "-1.30");
  off.kind = LineKind::discount;
  const Invoice blue = invoice({gift, off, line(3, "1", "5", "5.00", "0.13", "0.65")});
  EXPECT_THAT(refusals(verdict_on(blue, wish(Reason::wrong_invoice))), IsEmpty());
  EXPECT_THAT(judged(blue, Reason::goods_returned, [](RedDocument& r) { r.lines[0].blue_line = 2; }),
              Contains("B6.discount_row"));
}

TEST(OddWishes, OfALineThatIsUsedUpSayWhatWasWanted) {
  const Invoice blue =
      invoice({line(1, "1", "10", "10.00", "0.13", "1.30"), line(2, "1", "5", "5.00", "0.13", "0.65")});
  const BlueState state{&blue, {*decide({&blue, {}}, wish(Reason::goods_returned, {whole_line(1)})).red}};
  for (const auto& [wanted, text] : {std::pair{by_quantity(1, "2"), "2"},
                                     {by_amount(1, "3.00"), "3.00"},
                                     {by_total(1, "4.00"), "4.00"},
                                     {whole_line(1), ""}}) {
    const Findings found = findings_of(state, wish(Reason::goods_returned, {wanted}));
    ASSERT_THAT(ids(found), ElementsAre("R2.amount_cap"));
    EXPECT_EQ(found[0].wanted, text);
  }
}

TEST(OddWishes, TotalsOnDifferentialInvoicesAndBeyondSensibleRates) {
  Invoice blue = invoice({line(1, "10", "100", "1000.00", "0.06", "20.00")});
  blue.difference = "01";
  const RedDocument red = *decide({&blue, {}}, wish(Reason::goods_returned, {by_total(1, "510.00")})).red;
  EXPECT_EQ(red.amount.text(), "-500.00");
  EXPECT_EQ(red.tax.text(), "-10.00");
  const Invoice steep = invoice({line(1, "", "", "10.00", "2", "20.00")});
  EXPECT_THAT(ids(findings_of({&steep, {}}, wish(Reason::allowance, {by_total(1, "0.01")}))),
              ElementsAre("B6.remainder"));
  const Invoice cheap = invoice({line(1, "", "", "1.00", "0.01", "0.01")});
  EXPECT_THAT(ids(findings_of({&cheap, {}}, wish(Reason::allowance, {by_total(1, "1.00")}))),
              ElementsAre("B6.remainder"))
      << "all of the amount would go without the tax";
}

TEST(OddWishes, AFenGoesWhereItKeepsTheRestOnItsPrice) {
  const auto taken = [](const Invoice& blue, std::string_view quantity) {
    return decide({&blue, {}}, wish(Reason::goods_returned, {by_quantity(1, quantity)})).red->amount.text();
  };
  EXPECT_EQ(taken(invoice({line(1, "3", "0.9934", "2.99", "0", "0.00")}), "1"), "-1.00") << "0.9934, and 1.99 stay";
  EXPECT_EQ(taken(invoice({line(1, "3", "0.9925", "2.97", "0", "0.00")}), "2"), "-1.98") << "1.985, and 0.99 stay";
}

TEST(OddWishes, AnAmountNoQuantityCanSayIsRefused) {
  const Invoice blue = invoice({line(1, "1", "1000000000000", "1000000000000.00", "0", "0.00")});
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {by_amount(1, "0.37")}))),
              ElementsAre("B6.price"));
}

TEST(OddWishes, RoundingUpManyTimesIsTakenBackBeforeTheLastRed) {
  const Invoice blue = invoice({line(1, "60", "0.5", "30.00", "0.09", "2.70")});  // 0.045 a piece rounds up to 0.05
  BlueState state{&blue, {}};
  Fen tax;
  for (int i = 0; i < 60; ++i) {
    const auto red = derive(state, wish(Reason::goods_returned, {by_quantity(1, "1")}));
    ASSERT_TRUE(red) << i << " " << red.error().front().id;
    tax += red->tax;
    state.reds.push_back(*red);
  }
  EXPECT_EQ(tax.text(), "-2.70");
}

TEST(OddNames, AByteThatOnlyBeginsLikeASpecialCharacterIsNone) {
  EXPECT_EQ(special_character("甲、乙公司"), "");  // shares its first two bytes with the wide blank
  EXPECT_EQ(special_character("甲　乙公司"), "　");
}

TEST(OddDevices, ACharacterBeforeTheDigitsIsNoDigit) {
  Wish wanted = table_wish(Side::seller);
  wanted.tax_device = "99000000000/";
  EXPECT_THAT(refusals(verdict_on(device_invoice(), wanted)), ElementsAre("R12.tax_device"));
  Circumstances known;
  known.evidence = {{.kind = "explanation", .hash = std::string(64, 'g')}};
  EXPECT_THAT(ids(verdict_on(hundred(), wish(Reason::wrong_invoice), known), Severity::note),
              ElementsAre("R22.evidence"));
}

}  // namespace
}  // namespace taxgate::rules
