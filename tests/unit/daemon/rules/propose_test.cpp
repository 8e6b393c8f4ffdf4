// R27, R29: one invoice, several documents, in the order in which they must be issued.
#include "daemon/rules/propose.h"
#include "tests/unit/daemon/rules/law_fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

PlannedLine share(Reason reason, std::string_view part, int number = 1) {
  return {.reason = reason, .wish = whole_line(number), .share = dec(part)};
}
PlannedLine planned(Reason reason, LineWish wanted) { return {.reason = reason, .wish = wanted, .share = {}}; }
Plan plan(std::vector<PlannedLine> lines) {
  return {.initiator = Side::seller, .lines = std::move(lines), .tax_device = {}};
}

Invoice million() { return invoice({line(1, "1000", "1000", "1000000.00", "0.13", "130000.00")}); }

TEST(ReturnAndAllowance, AreTwoDocumentsTheReturnFirst) {  // R29: 30 % back, 5 % off the remaining 700,000
  const Invoice blue = million();
  const auto out = propose({&blue, {}}, plan({share(Reason::allowance, "0.05"), share(Reason::goods_returned, "0.3")}));
  ASSERT_EQ(out.size(), 2U);
  ASSERT_TRUE(out[0].red && out[1].red);
  EXPECT_EQ(out[0].red->reason, Reason::goods_returned);
  EXPECT_EQ(out[0].red->amount.text(), "-300000.00");
  EXPECT_EQ(out[0].red->tax.text(), "-39000.00");
  EXPECT_EQ(out[0].red->lines[0].quantity->text(), "-300");
  EXPECT_EQ(out[1].red->reason, Reason::allowance);
  EXPECT_EQ(out[1].red->amount.text(), "-35000.00");
  EXPECT_EQ(out[1].red->tax.text(), "-4550.00");
  EXPECT_FALSE(out[1].red->lines[0].quantity);
  EXPECT_EQ(out[0].verdict.find("R29.serial"), nullptr);
  EXPECT_NE(out[1].verdict.find("R29.serial"), nullptr);
}

TEST(ReturnAndAllowance, InOneDocumentAreRefused) {  // R29: one form of 335,000
  const Invoice blue = million();
  RedDocument both = *decide({&blue, {}}, wish(Reason::goods_returned, {by_quantity(1, "300")})).red;
  both.amount = both.lines[0].amount = fen("-335000.00");
  both.tax = both.lines[0].tax = fen("-43550.00");
  EXPECT_THAT(refusals(judge({&blue, {}}, both)), ElementsAre("B6.price"));
  both.reason = Reason::allowance;
  EXPECT_THAT(refusals(judge({&blue, {}}, both)), ElementsAre("B6.allowance_blank", "B6.price"));
}

TEST(ReturnAndAllowance, ThePriceTheAllowanceMovedWouldNotBeTheReturns) {
  const Invoice blue = hundred();
  const auto out = propose({&blue, {}}, plan({planned(Reason::allowance, by_amount(1, "100.00")),
                                              planned(Reason::goods_returned, by_quantity(1, "50"))}));
  EXPECT_EQ(out[0].red->lines[0].price->text(), "10");
  EXPECT_EQ(out[1].red->amount.text(), "-100.00");
}

TEST(ReturnAndAllowance, AnAllowanceIsTheDifferenceWithoutQuantity) {  // R27: 1,000 becomes 800
  const Invoice blue = hundred();
  const auto out = propose({&blue, {}}, plan({planned(Reason::allowance, by_amount(1, "200.00"))}));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].red->amount.text(), "-200.00");
  EXPECT_EQ(out[0].red->tax.text(), "-26.00");
  EXPECT_FALSE(out[0].red->lines[0].quantity);
  EXPECT_FALSE(out[0].red->lines[0].price);
}

TEST(Proposals, ARefusedDocumentIsLeftOutOfWhatFollows) {
  const Invoice blue = hundred();
  const auto out = propose(
      {&blue, {}}, plan({planned(Reason::goods_returned, by_quantity(1, "101")),
                         planned(Reason::service_stopped, by_amount(1, "1.00")), share(Reason::allowance, "1")}));
  ASSERT_EQ(out.size(), 3U);
  EXPECT_THAT(refusals(out[0].verdict), ElementsAre("R2.quantity_cap"));
  EXPECT_THAT(refusals(out[1].verdict), ElementsAre("R13.reason"));
  ASSERT_TRUE(out[2].red);
  EXPECT_EQ(out[2].red->amount.text(), "-1000.00") << "a share of one is all of the line";
}

TEST(Proposals, AWrongInvoiceIsReversedFirstAndLeavesNothing) {
  const Invoice blue = hundred();
  const auto out = propose({&blue, {}}, plan({share(Reason::allowance, "0.5"), share(Reason::wrong_invoice, "1")}));
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].red->reason, Reason::wrong_invoice);
  EXPECT_THAT(refusals(out[1].verdict), Contains("R8.fully_red"));
}

TEST(Proposals, ASharePastOneAndALineThatIsNotThereAreSaid) {
  const Invoice blue = hundred();
  for (const char* none : {"1.5", "0", "-0.1", "99999999999999999999"})
    EXPECT_THAT(refusals(propose({&blue, {}}, plan({share(Reason::allowance, none)}))[0].verdict),
                ElementsAre("wish.not_positive"))
        << none;
  EXPECT_THAT(refusals(propose({&blue, {}}, plan({share(Reason::allowance, "0.5", 7)}))[0].verdict),
              ElementsAre("B6.line_unknown"));
  EXPECT_THAT(propose({&blue, {}}, plan({})), IsEmpty());
}

}  // namespace
}  // namespace taxgate::rules
