// B.6: what a red's lines must be, and how derive() makes them so.
#include "tests/unit/daemon/rules/fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

RedDocument good(const Invoice& blue, Wish wanted) {
  const auto red = derive({&blue, {}}, wanted);
  EXPECT_TRUE(red) << (red ? "" : red.error().front().id);
  return red ? *red : RedDocument{};
}

/// check() of a good partial return after one change.
template <class Change>
std::vector<std::string> after(Change change) {
  const Invoice blue = hundred();
  RedDocument red = good(blue, wish(Reason::goods_returned, {by_quantity(1, "25")}));
  change(red);
  return ids(check({&blue, {}}, red));
}

TEST(RedLines, TheUnchangedDocumentPasses) {
  EXPECT_THAT(after([](RedDocument&) {}), IsEmpty());
}

TEST(RedLines, EachFieldThatRepeatsTheBlueInvoiceMustRepeatIt) {
  EXPECT_THAT(after([](RedDocument& r) { r.blue_number = "26990000000000000002"; }), ElementsAre("B6.blue_head"));
  EXPECT_THAT(after([](RedDocument& r) { r.blue_type = "82"; }), ElementsAre("B6.blue_head"));
  EXPECT_THAT(after([](RedDocument& r) { r.blue_issued_at.ms += 1000; }), ElementsAre("B6.blue_head"));
  EXPECT_THAT(after([](RedDocument& r) { r.blue_amount += Fen{1}; }), ElementsAre("B6.blue_head"));
  EXPECT_THAT(after([](RedDocument& r) { r.blue_tax += Fen{1}; }), ElementsAre("B6.blue_head"));
  EXPECT_THAT(after([](RedDocument& r) { r.seller.name = "新名称有限公司"; }), ElementsAre("B6.party"));
  EXPECT_THAT(after([](RedDocument& r) { r.buyer.id = r.seller.id; }), ElementsAre("B6.party"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].name = "*水泥*别的"; }), ElementsAre("B6.line_copy"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].tax_code = "3010000000000000000"; }), ElementsAre("B6.line_copy"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].preference = "03"; }), ElementsAre("B6.line_copy"));
}

TEST(RedLines, SignsAreNegativeAndThePricePositive) {
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].amount = r.amount = -r.amount; }), Contains("B6.not_negative"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].tax = r.tax = -r.tax; }), Contains("B6.not_negative"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].quantity = dec("25"); }), Contains("B6.not_negative"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].price = dec("-10"); }), Contains("B6.price_sign"));
}

TEST(RedLines, LineNumbersExistAndComeOnce) {
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].blue_line = 2; }), Contains("B6.line_unknown"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].blue_line = 0; }), Contains("B6.line_unknown"));
  EXPECT_THAT(after([](RedDocument& r) {
                r.lines.push_back(r.lines[0]);
                r.amount += r.amount;
                r.tax += r.tax;
              }),
              ElementsAre("B6.line_twice"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines.clear(); }), ElementsAre("B6.no_lines"));
}

TEST(RedLines, QuantityTimesPriceIsTheAmountWithinOneFen) {
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].amount = r.amount = fen("-250.01"); }), IsEmpty());
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].amount = r.amount = fen("-250.02"); }), ElementsAre("B6.price"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].quantity = dec("-25.0011"); }), ElementsAre("B6.price"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].quantity = dec("-25.001"); }), IsEmpty());
}

TEST(RedLines, AmountTimesRateIsTheTaxWithinSixFen) {
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].tax = r.tax = fen("-32.56"); }), IsEmpty());
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].tax = r.tax = fen("-32.57"); }), ElementsAre("B6.rate"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].tax = r.tax = fen("-32.43"); }), ElementsAre("B6.rate"));
}

TEST(RedLines, TotalsAreTheSumsOfTheLines) {
  EXPECT_THAT(after([](RedDocument& r) { r.amount -= Fen{1}; }), ElementsAre("B6.sum_amount"));
  EXPECT_THAT(after([](RedDocument& r) { r.tax -= Fen{1}; }), ElementsAre("B6.sum_tax"));
}

TEST(RedLines, QuantityAndPriceComeTogether) {
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].price.reset(); }), ElementsAre("B6.both_or_neither"));
  EXPECT_THAT(after([](RedDocument& r) { r.lines[0].quantity.reset(); }), ElementsAre("B6.both_or_neither"));
}

TEST(RedLines, AReturnKeepsThePriceAndAnAllowanceHasNone) {
  EXPECT_THAT(after([](RedDocument& r) {
                r.lines[0].price = dec("12.5");
                r.lines[0].quantity = dec("-20");
              }),
              ElementsAre("B6.price_kept"));
  EXPECT_THAT(after([](RedDocument& r) {
                r.lines[0].price.reset();
                r.lines[0].quantity.reset();
              }),
              ElementsAre("B6.price_kept"));
  EXPECT_THAT(after([](RedDocument& r) { r.reason = Reason::allowance; }), ElementsAre("B6.allowance_blank"));
  const RedDocument allowance = good(hundred(), wish(Reason::allowance, {by_amount(1, "200.00")}));
  EXPECT_FALSE(allowance.lines[0].quantity);
  EXPECT_FALSE(allowance.lines[0].price);
  EXPECT_EQ(allowance.tax.text(), "-26.00");  // R27
}

TEST(RedLines, AllOfTheAmountGoesExactlyWithAllOfTheTax) {
  const Invoice blue = hundred();
  RedDocument red = good(blue, wish(Reason::goods_returned));
  red.lines[0].tax = red.tax = fen("-129.99");
  EXPECT_THAT(ids(check({&blue, {}}, red)), ElementsAre("B6.remainder"));
  red = good(blue, wish(Reason::goods_returned));
  red.lines[0].amount = red.amount = fen("-999.99");
  EXPECT_THAT(ids(check({&blue, {}}, red)), ElementsAre("B6.remainder"));
}

TEST(RedLines, PartOfALineWithoutTaxIsLegal) {
  const Invoice blue = invoice({line(1, "800", "2.5", "2000.00", "0", "0.00")});
  const RedDocument red = good(blue, wish(Reason::goods_returned, {by_quantity(1, "100")}));
  EXPECT_EQ(red.amount.text(), "-250.00");
  EXPECT_EQ(red.tax.text(), "0.00");
}

TEST(Wishes, EachMustBeOneThingAndPositive) {
  const Invoice blue = hundred();
  LineWish both = by_quantity(1, "1");
  both.amount = fen("10.00");
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {both}))), ElementsAre("wish.one_of"));
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {by_quantity(1, "0")}))),
              ElementsAre("wish.not_positive"));
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {by_amount(1, "-1.00")}))),
              ElementsAre("wish.not_positive"));
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {by_total(1, "0.00")}))),
              ElementsAre("wish.not_positive"));
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {by_quantity(1, "0.0001")}))),
              ElementsAre("B6.below_one_fen"));
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::allowance, {by_quantity(1, "1")}))),
              ElementsAre("B6.allowance_blank"));
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {by_quantity(1, "1"), by_quantity(1, "2")}))),
              ElementsAre("B6.line_twice"));
}

TEST(Wishes, ALineWithoutQuantityIsReversedByAmount) {
  const Invoice blue = invoice({service(line(1, "", "", "1000.00", "0.06", "60.00"))});
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::service_stopped, {by_quantity(1, "1")}))),
              ElementsAre("R2.quantity_unknown"));
  const RedDocument red = good(blue, wish(Reason::service_stopped, {by_amount(1, "250.00")}));
  EXPECT_FALSE(red.lines[0].quantity);
  EXPECT_EQ(red.tax.text(), "-15.00");
}

TEST(Wishes, AnAmountFindsTheShortestQuantity) {
  const Invoice blue = invoice({line(1, "300", "45.87155963", "13761.47", "0.09", "1238.53")});
  EXPECT_EQ(good(blue, wish(Reason::goods_returned, {by_amount(1, "917.43")})).lines[0].quantity->text(), "-20");
  const RedDocument odd = good(blue, wish(Reason::goods_returned, {by_amount(1, "100.00")}));
  EXPECT_EQ(odd.lines[0].quantity->text(), "-2.18");  // 99.99999999 at the kept price
}

TEST(Wishes, ATaxInclusiveAmountIsSplitByTheRate) {
  const RedDocument red = good(hundred(), wish(Reason::goods_returned, {by_total(1, "113.00")}));
  EXPECT_EQ(red.amount.text(), "-100.00");
  EXPECT_EQ(red.tax.text(), "-13.00");
  const RedDocument odd = good(hundred(), wish(Reason::goods_returned, {by_total(1, "100.00")}));
  EXPECT_EQ((odd.amount + odd.tax).text(), "-100.00");
  EXPECT_EQ(odd.amount.text(), "-88.50");
}

TEST(Discounts, AreMergedAndTheirRowsCannotBeNamed) {
  InvoiceLine whole = line(1, "500", "345.13274336", "172566.37", "0.13", "22433.63");
  whole.kind = LineKind::discounted;
  InvoiceLine row = line(2, "", "", "-3451.33", "0.13", "-448.67");
  row.kind = LineKind::discount;
  const Invoice blue = invoice({whole, row});
  const auto rest = left({&blue, {}});
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].amount.text(), "169115.04");
  EXPECT_EQ(rest[0].tax.text(), "21984.96");
  EXPECT_EQ(rest[0].price->text(), "338.23008");
  EXPECT_THAT(ids(findings_of({&blue, {}}, wish(Reason::goods_returned, {by_amount(2, "1.00")}))),
              ElementsAre("B6.discount_row"));
}

TEST(Allowances, MoveThePriceOfWhatIsReturnedLater) {
  const Invoice blue = hundred();
  BlueState state{&blue, {}};
  state.reds.push_back(good(blue, wish(Reason::allowance, {by_amount(1, "200.00")})));
  EXPECT_EQ(left(state)[0].price->text(), "8");
  const auto red = derive(state, wish(Reason::goods_returned, {by_quantity(1, "50")}));
  ASSERT_TRUE(red) << red.error().front().id;
  EXPECT_EQ(red->amount.text(), "-400.00");
  EXPECT_EQ(red->tax.text(), "-52.00");
}

TEST(DifferentialTax, IsSharedByAmountNotByRate) {
  Invoice blue = invoice({line(1, "10", "100", "1000.00", "0.06", "20.00")});  // tax on the difference only
  blue.difference = "01";                                                      // issued in full: R6 binds only 02
  const RedDocument red = good(blue, wish(Reason::goods_returned, {by_quantity(1, "5")}));
  EXPECT_EQ(red.tax.text(), "-10.00");
}

}  // namespace
}  // namespace taxgate::rules
