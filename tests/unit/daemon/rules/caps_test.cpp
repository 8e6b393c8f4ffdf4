// R2: three independent cumulative caps. R4: a wrong invoice is reversed whole.
#include "tests/unit/daemon/rules/fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

RedDocument must(const BlueState& state, const Wish& wanted) {
  const auto red = derive(state, wanted);
  EXPECT_TRUE(red) << (red ? "" : red.error().front().id);
  return red ? *red : RedDocument{};
}

TEST(ThreeCaps, SixtyThenFortyOfAHundredThenNothingMore) {
  const Invoice blue = hundred();
  BlueState state{&blue, {}};
  const RedDocument first = must(state, wish(Reason::goods_returned, {by_quantity(1, "60")}));
  EXPECT_EQ(first.amount.text(), "-600.00");
  EXPECT_EQ(first.tax.text(), "-78.00");
  state.reds.push_back(first);
  const RedDocument second = must(state, wish(Reason::goods_returned, {by_quantity(1, "40")}));
  EXPECT_EQ(second.amount.text(), "-400.00");
  EXPECT_EQ(second.tax.text(), "-52.00");
  state.reds.push_back(second);
  EXPECT_THAT(ids(findings_of(state, wish(Reason::goods_returned, {by_amount(1, "0.01")}))), Contains("R8.fully_red"));
  EXPECT_THAT(ids(findings_of(state, wish(Reason::goods_returned))), ElementsAre("R8.fully_red"));
}

TEST(ThreeCaps, TaxAloneMayPassItsCap) {
  const Invoice blue = hundred();
  BlueState state{&blue, {}};
  state.reds.push_back(must(state, wish(Reason::goods_returned, {by_quantity(1, "40")})));
  RedDocument red = must(state, wish(Reason::goods_returned, {by_quantity(1, "60")}));
  red.lines.front().tax = red.tax = fen("-78.01");
  const Findings found = check(state, red);
  EXPECT_THAT(ids(found), ElementsAre("R2.tax_cap"));
  EXPECT_EQ(found.front().field, "lines[0].tax");
  EXPECT_EQ(found.front().wanted, "78.01");
  EXPECT_EQ(found.front().left, "78.00");
}

TEST(ThreeCaps, AmountAloneMayPassItsCap) {
  const Invoice blue = hundred();
  const BlueState state{&blue, {}};
  RedDocument red = must(state, wish(Reason::goods_returned));
  red.lines.front().amount = red.amount = fen("-1000.01");
  EXPECT_THAT(ids(check(state, red)), ElementsAre("R2.amount_cap"));
}

TEST(ThreeCaps, QuantityAloneMayPassItsCap) {
  const Invoice blue = hundred();
  const BlueState state{&blue, {}};
  const Findings found = findings_of(state, wish(Reason::goods_returned, {by_quantity(1, "100.0001")}));
  ASSERT_NE(find(found, "R2.quantity_cap"), nullptr);
  EXPECT_EQ(find(found, "R2.quantity_cap")->left, "100");
  RedDocument red = must(state, wish(Reason::goods_returned));
  red.lines.front().quantity = dec("-100.0001");
  EXPECT_THAT(ids(check(state, red)), ElementsAre("R2.quantity_cap"));
}

TEST(ThreeCaps, OneFenTooMuchIsRefusedWithWhatIsLeft) {
  const Invoice blue = hundred();
  BlueState state{&blue, {}};
  state.reds.push_back(must(state, wish(Reason::goods_returned, {by_quantity(1, "60")})));
  const Findings found = findings_of(state, wish(Reason::goods_returned, {by_amount(1, "400.01")}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front(), (Error{Errc::invalid_input, "R2.amount_cap", "lines[0].amount", "400.01", "400.00", {}}));
  EXPECT_TRUE(findings_of(state, wish(Reason::goods_returned, {by_amount(1, "400.00")})).empty());
}

TEST(ThreeCaps, TaxInclusiveWishesAreCappedToo) {
  const Invoice blue = hundred();
  const BlueState state{&blue, {}};
  EXPECT_THAT(ids(findings_of(state, wish(Reason::goods_returned, {by_total(1, "1130.01")}))),
              ElementsAre("R2.total_cap"));
  EXPECT_EQ(must(state, wish(Reason::goods_returned, {by_total(1, "1130.00")})).amount.text(), "-1000.00");
}

TEST(ThreeCaps, ARedKnownByItsTotalsAloneCountsOnTheInvoice) {
  const Invoice blue =
      invoice({line(1, "100", "10", "1000.00", "0.13", "130.00"), line(2, "5", "20", "100.00", "0.13", "13.00")});
  RedDocument foreign;
  foreign.amount = fen("-500.00");
  foreign.tax = fen("-65.00");
  const BlueState state{&blue, {foreign}};
  const Findings found = findings_of(state, wish(Reason::goods_returned, {whole_line(1)}));
  EXPECT_THAT(ids(found), ElementsAre("R2.amount_cap", "R2.tax_cap"));
  EXPECT_EQ(found.front().field, "amount");
  EXPECT_EQ(found.front().left, "600.00");
  EXPECT_TRUE(findings_of(state, wish(Reason::goods_returned, {by_quantity(1, "60")})).empty());
}

TEST(ThreeCaps, ALineIsCappedThoughTheInvoiceHasRoom) {
  const Invoice blue =
      invoice({line(1, "100", "10", "1000.00", "0.13", "130.00"), line(2, "5", "20", "100.00", "0.13", "13.00")});
  const BlueState state{&blue, {}};
  EXPECT_THAT(ids(findings_of(state, wish(Reason::goods_returned, {by_amount(2, "100.01")}))),
              ElementsAre("R2.amount_cap"));
}

TEST(WrongInvoice, IsReversedWholeWithoutNamingLines) {
  const Invoice blue =
      invoice({line(1, "100", "10", "1000.00", "0.13", "130.00"), line(2, "", "", "100.00", "0.06", "6.00")});
  const RedDocument red = must({&blue, {}}, wish(Reason::wrong_invoice));
  EXPECT_EQ(red.amount.text(), "-1100.00");
  EXPECT_EQ(red.tax.text(), "-136.00");
  ASSERT_EQ(red.lines.size(), 2U);
  EXPECT_EQ(red.lines[0].quantity->text(), "-100");
  EXPECT_FALSE(red.lines[1].quantity);
}

TEST(WrongInvoice, MayNotBePartOfALineOrSomeOfTheLines) {
  const Invoice blue =
      invoice({line(1, "100", "10", "1000.00", "0.13", "130.00"), line(2, "5", "20", "100.00", "0.13", "13.00")});
  const BlueState state{&blue, {}};
  const Findings part = findings_of(state, wish(Reason::wrong_invoice, {by_quantity(1, "99"), whole_line(2)}));
  ASSERT_THAT(ids(part), ElementsAre("R4.full_only"));
  EXPECT_EQ(part.front().field, "lines[0].amount");
  EXPECT_EQ(part.front().left, "1000.00");
  const Findings missing = findings_of(state, wish(Reason::wrong_invoice, {whole_line(1)}));
  ASSERT_THAT(ids(missing), ElementsAre("R4.full_only"));
  EXPECT_EQ(missing.front().field, "lines");
  EXPECT_TRUE(findings_of(state, wish(Reason::wrong_invoice, {whole_line(2), whole_line(1)})).empty());
}

TEST(WrongInvoice, IsNoReasonAfterAPartialRed) {
  Invoice blue = hundred();
  BlueState state{&blue, {}};
  state.reds.push_back(must(state, wish(Reason::goods_returned, {by_quantity(1, "60")})));
  EXPECT_THAT(ids(findings_of(state, wish(Reason::wrong_invoice))), ElementsAre("R4.after_partial"));
  state.reds.clear();
  blue.status = "7";  // the platform says partly reversed, whoever did it
  EXPECT_THAT(ids(findings_of(state, wish(Reason::wrong_invoice))), ElementsAre("R4.after_partial"));
  EXPECT_TRUE(findings_of(state, wish(Reason::goods_returned, {by_quantity(1, "1")})).empty());
}

}  // namespace
}  // namespace taxgate::rules
