// R1, R11, R12, R14, R17, R18, R24, R26, X3, X4, X5, X13: who may start, who must agree, which document.
#include "tests/unit/daemon/rules/law_fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

Invoice marked(std::string_view use, std::string_view booking, std::string_view type = "81") {
  Invoice blue = hundred();
  blue.use = use;
  blue.booking = booking;
  blue.type = type;
  return blue;
}
const Wish kPart = wish(Reason::goods_returned, {by_quantity(1, "1")});

TEST(WhoStarts, TheSellerAloneWhereNeitherUseNorBookingIsConfirmed) {
  for (const char* booking : {"01", "03"}) {  // 未入账, 已入账撤销
    const Invoice blue = marked("0", booking);
    EXPECT_EQ(verdict_on(blue, kPart).answer, Answer::allowed) << booking;
    EXPECT_THAT(verdict_on(blue, kPart).findings, IsEmpty());
    EXPECT_THAT(refusals(verdict_on(blue, by(Side::buyer, kPart))), ElementsAre("R1.seller_starts"));
  }
}

TEST(WhoStarts, EitherSideWhereOneIsConfirmedAndTheOtherMustAgree) {
  for (const auto& [use, booking] : {std::pair{"1", "01"}, {"0", "02"}, {"1", "02"}, {"6", ""}, {"", "02"}}) {
    const Invoice blue = marked(use, booking);
    for (const Side side : {Side::seller, Side::buyer}) {
      const Verdict verdict = verdict_on(blue, by(side, kPart));
      EXPECT_EQ(verdict.answer, Answer::counterparty_must_confirm) << use << booking;
      EXPECT_TRUE(verdict.counterparty_confirms);
      ASSERT_NE(verdict.find("R1.confirmation"), nullptr);
      EXPECT_EQ(verdict.find("R1.confirmation")->error.wanted, side == Side::seller ? "buyer" : "seller");
      EXPECT_EQ(verdict.find("R1.confirmation")->error.left, "72");  // hours, not 48 (R16, X1)
    }
  }
}

TEST(WhoStarts, NothingIsGuessedWhereUseOrBookingIsUnknown) {
  for (const auto& [use, booking] : {std::pair{"", "01"}, {"0", ""}, {"", ""}, {"42", "01"}}) {
    const Invoice blue = marked(use, booking);
    const Verdict verdict = verdict_on(blue, kPart);
    EXPECT_EQ(verdict.answer, Answer::allowed) << use << booking;
    EXPECT_THAT(ids(verdict, Severity::note), ElementsAre("R1.unknown"));
    EXPECT_THAT(refusals(verdict_on(blue, by(Side::buyer, kPart))), IsEmpty());
  }
}

TEST(WhoStarts, OrdinaryInvoicesFollowTheSameTest) {  // R17 would allow special invoices only
  EXPECT_EQ(verdict_on(marked("0", "01", "82"), kPart).answer, Answer::allowed);
  EXPECT_EQ(verdict_on(marked("0", "02", "82"), kPart).answer, Answer::counterparty_must_confirm);
}

TEST(WhoStarts, BookedCostsAndOldMonthsAreNoObstacle) {  // R17 "not yet booked as cost", R18 "deducted but not booked"
  EXPECT_THAT(refusals(verdict_on(marked("1", "02"), kPart)), IsEmpty());
  EXPECT_THAT(refusals(verdict_on(marked("0", "01"), kPart)), IsEmpty());
  Circumstances later;
  later.today = *LegalTime::parse("2027-05-01");
  EXPECT_THAT(refusals(verdict_on(marked("0", "01"), kPart, later)), IsEmpty());
}

TEST(WhoStarts, ANaturalPersonNeverStartsButMayHaveToAgree) {
  Invoice blue = marked("", "");
  blue.buyer = {"", "个人"};
  EXPECT_EQ(verdict_on(blue, kPart).answer, Answer::allowed);
  EXPECT_THAT(verdict_on(blue, kPart).findings, IsEmpty());
  blue.booking = "02";
  EXPECT_EQ(verdict_on(blue, kPart).answer, Answer::counterparty_must_confirm);
  EXPECT_THAT(refusals(verdict_on(blue, by(Side::buyer, kPart))), ElementsAre("B6.natural_buyer"));
}

TEST(WhoStarts, OfADeductedInvoiceEitherSideOnTheFormAndTheBuyerOnTheTable) {  // X4, R24
  const Invoice form = marked("1", "01"), table = device_invoice("01", "1");
  EXPECT_TRUE(who_may_start(form, Track::confirmation_form).seller);
  EXPECT_TRUE(who_may_start(form, Track::confirmation_form).buyer);
  EXPECT_FALSE(who_may_start(table, Track::information_table).seller);
  EXPECT_TRUE(who_may_start(table, Track::information_table).buyer);
  EXPECT_THAT(refusals(verdict_on(table, table_wish(Side::seller))), ElementsAre("R24.buyer_starts"));
  EXPECT_EQ(verdict_on(table, table_wish(Side::buyer)).answer, Answer::allowed);
}

TEST(WhoStarts, OfATableNotDeductedTheSheetsDecide) {  // X5, R26
  const Invoice blue = device_invoice();
  Circumstances known;
  EXPECT_THAT(refusals(verdict_on(blue, table_wish(Side::seller), known)), IsEmpty());
  EXPECT_THAT(refusals(verdict_on(blue, table_wish(Side::buyer), known)), IsEmpty());
  known.sheets_returned = true;
  EXPECT_THAT(refusals(verdict_on(blue, table_wish(Side::seller), known)), IsEmpty());
  EXPECT_THAT(refusals(verdict_on(blue, table_wish(Side::buyer), known)), ElementsAre("X5.seller_starts"));
  known.sheets_returned = false;
  EXPECT_THAT(refusals(verdict_on(blue, table_wish(Side::buyer), known)), IsEmpty());
  EXPECT_THAT(refusals(verdict_on(blue, table_wish(Side::seller), known)), ElementsAre("X5.buyer_starts"));
}

TEST(WhoStarts, ANaturalPersonAppliesForNoTable) {
  Invoice blue = device_invoice();
  blue.buyer = {"", "个人"};
  EXPECT_THAT(refusals(verdict_on(blue, table_wish(Side::buyer))), ElementsAre("B6.natural_buyer"));
}

TEST(WhoStarts, AnOrdinaryDeviceInvoiceIsTheSellersAlone) {
  const Start start = who_may_start(device_invoice("04"), Track::information_table);
  EXPECT_TRUE(start.seller);
  EXPECT_FALSE(start.buyer);
  EXPECT_THAT(refusals(verdict_on(device_invoice("04"), table_wish(Side::buyer))), ElementsAre("R12.no_table_needed"));
}

TEST(WhoStarts, PurchaseInvoicesNeedNobodysAgreement) {
  Invoice blue = marked("1", "02");
  blue.element = "16";  // 农产品收购
  EXPECT_EQ(verdict_on(blue, kPart).answer, Answer::allowed);
  EXPECT_EQ(verdict_on(blue, by(Side::buyer, kPart)).answer, Answer::allowed);
}

TEST(Table, MemoAndBlankFieldsFollowWhoAppliesAndDeduction) {  // X5's three bit patterns
  const auto memo = [](const Invoice& blue, Side side) {
    return decide({&blue, {}}, table_wish(side)).red->table_memo;
  };
  EXPECT_EQ(memo(device_invoice("01", "1"), Side::buyer), "1100000000");
  EXPECT_EQ(memo(device_invoice("01", "0"), Side::buyer), "1010000000");
  EXPECT_EQ(memo(device_invoice("01", "0"), Side::seller), "0000000100");
  EXPECT_TRUE(blue_fields_blank("1100000000"));
  EXPECT_FALSE(blue_fields_blank("1010000000"));
  EXPECT_FALSE(blue_fields_blank("0000000100"));
  const Invoice blue = device_invoice();
  RedDocument red = *decide({&blue, {}}, table_wish(Side::seller)).red;
  red.table_memo = "1100000000";
  EXPECT_THAT(refusals(judge({&blue, {}}, red)), ElementsAre("R12.table_memo"));
}

TEST(Table, TheDeductingBuyerTransfersOutFirst) {
  const Invoice blue = device_invoice("01", "1");
  Circumstances known;
  EXPECT_THAT(verdict_on(blue, table_wish(Side::buyer), known).findings, IsEmpty());
  known.transferred_out = false;
  const Verdict verdict = verdict_on(blue, table_wish(Side::buyer), known);
  EXPECT_THAT(ids(verdict, Severity::warn), ElementsAre("X5.transfer_out"));
  EXPECT_EQ(verdict.findings[0].error.wanted, "1.30");
  known.transferred_out = true;
  EXPECT_THAT(verdict_on(blue, table_wish(Side::buyer), known).findings, IsEmpty());
  known.transferred_out = false;
  EXPECT_THAT(verdict_on(device_invoice(), table_wish(Side::buyer), known).findings, IsEmpty()) << "not deducted";
  EXPECT_THAT(verdict_on(device_invoice(), table_wish(Side::seller), known).findings, IsEmpty());
}

TEST(Table, RaisedOnTheElectronicPlatformItIsOnlyShownThere) {  // R14
  using enum TableAction;
  for (const TableAction action : {view, download, revoke}) EXPECT_TRUE(check_table_action(action, false));
  EXPECT_TRUE(check_table_action(view, true));
  EXPECT_EQ(check_table_action(download, true).error().wanted, "download");
  EXPECT_EQ(check_table_action(revoke, true).error().id, "R14.tax_hall_only");
  EXPECT_EQ(check_table_action(revoke, true).error().wanted, "revoke");
}

TEST(WhichDocument, ADocumentOfTheWrongTrackIsRefusedWhenTheSellerIsKnown) {  // R12, X2
  const Invoice blue = device_invoice();
  Circumstances known;
  known.seller_kind = SellerKind::all_digital_only;
  const RedDocument table = *decide({&blue, {}}, table_wish(Side::seller)).red;
  EXPECT_THAT(refusals(judge({&blue, {}}, table, known)), ElementsAre("R12.document"));
  const Decision form = decide({&blue, {}}, table_wish(Side::seller), known);
  EXPECT_EQ(form.red->track, Track::confirmation_form);
  known.seller_kind = SellerKind::both;
  EXPECT_THAT(refusals(judge({&blue, {}}, table, known)), IsEmpty());
  EXPECT_THAT(refusals(judge({&blue, {}}, *form.red, known)), ElementsAre("R12.document"));
}

TEST(WhichDocument, IsNamedWithoutAWish) {
  EXPECT_EQ(track_for(device_invoice(), SellerKind::unknown), Track::information_table);
  EXPECT_EQ(track_for(hundred(), SellerKind::unknown), Track::confirmation_form);
  Invoice strange = hundred();
  strange.type = "99";
  EXPECT_EQ(track_for(strange, SellerKind::unknown).error().id, "id.invoice_type");
  EXPECT_THAT(refusals(verdict_on(strange, kPart)), Contains("id.invoice_type"));
  RedDocument red = *decide({std::make_unique<Invoice>(hundred()).get(), {}}, kPart).red;
  red.blue_type = "99";
  EXPECT_THAT(refusals(judge({&strange, {}}, red)), ElementsAre("id.invoice_type"));
}

TEST(Counterparty, WhoCannotLogInBlocksTheStart) {  // R11
  for (const char* status : {"非正常", "注销"}) {
    Circumstances known;
    known.counterparty_status = status;
    EXPECT_THAT(refusals(verdict_on(hundred(), kPart, known)), ElementsAre("R11.counterparty")) << status;
  }
  Circumstances known;
  known.counterparty_status = "正常";
  EXPECT_THAT(refusals(verdict_on(hundred(), kPart, known)), IsEmpty());
}

TEST(Exports, ThePurchaseVoucherIsRolledBackFirst) {  // X13
  Invoice blue = marked("9", "02");
  Circumstances known;
  known.export_used = true;
  EXPECT_THAT(ids(verdict_on(blue, kPart, known), Severity::warn), ElementsAre("X13.unknown"));
  EXPECT_THAT(refusals(verdict_on(blue, kPart, known)), ElementsAre("R9.use"));
  known.export_rolled_back = false;
  EXPECT_THAT(refusals(verdict_on(blue, kPart, known)), ElementsAre("R9.use", "X13.roll_back"));
  known.export_rolled_back = true;
  EXPECT_EQ(verdict_on(blue, kPart, known).answer, Answer::allowed) << "then the seller issues directly";
  EXPECT_THAT(verdict_on(blue, kPart, known).findings, IsEmpty());
}

TEST(Exports, OnTheTableTheRefundIsRepaidFirst) {  // R32: 13 % of a million
  Invoice blue = device_invoice();
  blue.lines = {line(1, "1", "1000000", "1000000.00", "0.13", "130000.00")};
  blue.amount = fen("1000000.00");
  blue.tax = fen("130000.00");
  Circumstances known;
  known.export_used = known.export_rolled_back = true;
  const Verdict verdict = verdict_on(blue, table_wish(Side::seller), known);
  ASSERT_NE(verdict.find("R32.repay"), nullptr);
  EXPECT_EQ(verdict.find("R32.repay")->error.wanted, "130000.00");
  EXPECT_EQ(verdict.find("R32.repay")->severity, Severity::warn);
}

}  // namespace
}  // namespace taxgate::rules
