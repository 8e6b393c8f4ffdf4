// What forbids a red whatever its lines: R3, R8, R9, R10, R12, R20, R24, and a blue invoice that contradicts itself.
#include "daemon/rules/codes.h"
#include "tests/unit/daemon/rules/fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

Findings of(const Invoice& blue, Wish wanted = wish(Reason::wrong_invoice)) { return findings_of({&blue, {}}, wanted); }

TEST(NewReversesOld, NineCellsOfTheMatrix) {
  using enum InvoiceClass;
  EXPECT_TRUE(may_reverse(sd, sd));
  EXPECT_TRUE(may_reverse(sd, sdp));
  EXPECT_TRUE(may_reverse(sd, sk));
  EXPECT_FALSE(may_reverse(sdp, sd));
  EXPECT_TRUE(may_reverse(sdp, sdp));
  EXPECT_TRUE(may_reverse(sdp, sk));
  EXPECT_FALSE(may_reverse(sk, sd));
  EXPECT_FALSE(may_reverse(sk, sdp));
  EXPECT_TRUE(may_reverse(sk, sk));
}

TEST(NewReversesOld, AnInformationTableForAnAllDigitalInvoiceIsRefused) {
  const Invoice blue = hundred();
  Wish wanted = wish(Reason::goods_returned, {by_quantity(1, "1")});
  wanted.seller_kind = SellerKind::tax_device_only;
  wanted.tax_device = "990000000001";
  EXPECT_THAT(ids(of(blue, wanted)), ElementsAre("R3.matrix"));
}

TEST(DocumentSelector, FiveCells) {
  using enum InvoiceClass;
  EXPECT_EQ(select_track(SellerKind::tax_device_only, sk), Track::information_table);
  EXPECT_EQ(select_track(SellerKind::both, sk), Track::information_table);
  EXPECT_EQ(select_track(SellerKind::both, sd), Track::confirmation_form);
  EXPECT_EQ(select_track(SellerKind::all_digital_only, sd), Track::confirmation_form);
  EXPECT_EQ(select_track(SellerKind::all_digital_only, sk), Track::confirmation_form);
  EXPECT_EQ(select_track(SellerKind::unknown, sk), Track::information_table);
  EXPECT_EQ(select_track(SellerKind::unknown, sd), Track::confirmation_form);
}

Invoice of_the_device(std::string_view use) {
  Invoice blue = hundred();
  blue.type = "01";
  blue.number = "990024113000000009";
  blue.use = use;
  return blue;
}

TEST(InformationTable, NamesWhoAsksAndWhetherItIsDeducted) {
  Wish wanted = wish(Reason::goods_returned, {by_quantity(1, "1")});
  wanted.tax_device = "990000000001";
  const Invoice open = of_the_device("0"), deducted = of_the_device("1");
  EXPECT_EQ(derive({&open, {}}, wanted)->table_memo, "0000000100");
  EXPECT_THAT(ids(of(deducted, wanted)), ElementsAre("R24.buyer_starts"));
  wanted.initiator = Side::buyer;
  EXPECT_EQ(derive({&open, {}}, wanted)->table_memo, "1010000000");
  EXPECT_EQ(derive({&deducted, {}}, wanted)->table_memo, "1100000000");
  EXPECT_EQ(derive({&deducted, {}}, wanted)->track, Track::information_table);
}

TEST(InformationTable, NeedsADeviceNumberOfTwelveDigits) {
  Wish wanted = wish(Reason::goods_returned, {by_quantity(1, "1")});
  for (const char* device : {"", "99000000000", "9900000000011", "99000000000a"}) {
    wanted.tax_device = device;
    EXPECT_THAT(ids(of(of_the_device("0"), wanted)), ElementsAre("R12.tax_device")) << device;
  }
}

TEST(InformationTable, IsNotForOrdinaryInvoices) {  // R25, X16: for special ones only
  Invoice blue = of_the_device("0");
  Wish wanted = wish(Reason::goods_returned, {by_quantity(1, "1")});
  wanted.tax_device = "990000000001";
  // 机动车, 普票, 电子普票, 卷票, 通行费, 二手车
  for (const char* type : {"03", "04", "10", "11", "14", "15"}) {
    blue.type = type;
    EXPECT_THAT(ids(of(blue, wanted)), ElementsAre("R12.no_table_needed")) << type;
  }
  for (const char* special : {"01", "02", "08"}) {  // 专票, 货运专票, 电子专票
    blue.type = special;
    EXPECT_THAT(ids(of(blue, wanted)), IsEmpty()) << special;
  }
}

TEST(InformationTable, ASellerWithoutADeviceUsesTheFormForAnOldInvoice) {
  const Invoice blue = of_the_device("1");
  Wish wanted = wish(Reason::goods_returned, {by_quantity(1, "1")});
  wanted.seller_kind = SellerKind::all_digital_only;
  const auto red = derive({&blue, {}}, wanted);
  ASSERT_TRUE(red);
  EXPECT_EQ(red->track, Track::confirmation_form);
  EXPECT_EQ(red->table_memo, "");
}

TEST(Blocked, VoidFullyRedAbnormalAndLockedInvoices) {
  for (const auto& [status, id] : {std::pair{"2", "R8.void"},
                                   {"8", "R8.fully_red"},
                                   {"3", "R8.fully_red"},
                                   {"4", "R8.abnormal"},
                                   {"1", "R8.abnormal"}}) {
    Invoice blue = hundred();
    blue.status = status;
    EXPECT_THAT(ids(of(blue)), ElementsAre(id)) << status;
  }
  Invoice blue = hundred();
  blue.locked = true;
  EXPECT_THAT(ids(of(blue)), ElementsAre("R8.locked"));
}

TEST(Blocked, UnknownStatusAndUseCodesAreNoReasonToRefuse) {
  Invoice blue = hundred();
  blue.status = "6";
  blue.use = "42";
  EXPECT_THAT(of(blue), IsEmpty());
}

TEST(Blocked, RefundUsesButNotDeductedOnes) {
  for (const char* use : {"2", "3", "5", "9", "10"}) {
    Invoice blue = hundred();
    blue.use = use;
    EXPECT_THAT(ids(of(blue)), ElementsAre("R9.use")) << use;
  }
  Invoice blue = hundred();
  blue.use = "11";
  EXPECT_THAT(ids(of(blue)), ElementsAre("R10.olympic_refund"));
  blue.use = "1";
  EXPECT_THAT(of(blue), IsEmpty());
}

TEST(Blocked, AnOperatorMayChangeTheCodes) {
  Invoice blue = hundred();
  blue.use = "9";
  CodeTables tables;
  tables.refused_use = {"77"};
  EXPECT_TRUE(derive({&blue, {}}, wish(Reason::wrong_invoice), tables));
  blue.use = "77";
  EXPECT_FALSE(derive({&blue, {}}, wish(Reason::wrong_invoice), tables));
}

TEST(Blocked, ARedInvoiceIsNotReversedAgain) {
  Invoice blue = hundred();
  blue.is_red = true;
  EXPECT_THAT(ids(of(blue)), ElementsAre("R20.red_of_red"));
  EXPECT_THAT(ids(check({&blue, {}}, RedDocument{})), ElementsAre("R20.red_of_red"));
}

TEST(Blocked, AllFindingsAreReportedNotTheFirst) {
  Invoice blue = hundred();
  blue.status = "2";
  blue.locked = true;
  blue.use = "9";
  EXPECT_THAT(ids(of(blue, wish(Reason::goods_returned, {by_amount(1, "1000.01"), by_quantity(7, "1")}))),
              ElementsAre("R8.void", "R8.locked", "R9.use", "R2.amount_cap", "B6.line_unknown"));
}

TEST(Blocked, ANaturalPersonCannotStart) {
  Invoice blue = hundred();
  blue.buyer = {"", "个人"};
  Wish wanted = wish(Reason::goods_returned, {by_quantity(1, "1")});
  EXPECT_THAT(of(blue, wanted), IsEmpty());
  wanted.initiator = Side::buyer;
  EXPECT_THAT(ids(of(blue, wanted)), ElementsAre("B6.natural_buyer"));
}

TEST(BlueInvoice, LinesMustAddUpToTheHead) {
  Invoice blue = hundred();
  blue.amount += Fen{1};
  const Findings found = of(blue);
  ASSERT_THAT(ids(found), ElementsAre("blue.sum_amount"));
  EXPECT_EQ(found.front().wanted, "1000.01");
  EXPECT_EQ(found.front().left, "1000.00");
  blue = hundred();
  blue.tax -= Fen{1};
  EXPECT_THAT(ids(of(blue)), ElementsAre("blue.sum_tax"));
}

TEST(BlueInvoice, LineNumbersAreUniqueAndPositive) {
  EXPECT_THAT(ids(check_blue(invoice({line(1, "", "", "1.00", "0", "0.00"), line(1, "", "", "1.00", "0", "0.00")}))),
              ElementsAre("blue.line_numbers"));
  EXPECT_THAT(ids(check_blue(invoice({line(0, "", "", "1.00", "0", "0.00")}))), ElementsAre("blue.line_numbers"));
  EXPECT_THAT(ids(check_blue(invoice({}))), ElementsAre("blue.no_lines"));
  EXPECT_THAT(check_blue(invoice({line(2, "", "", "1.00", "0", "0.00"), line(1, "", "", "1.00", "0", "0.00")})),
              IsEmpty());
}

TEST(BlueInvoice, ADiscountRowNeedsTheLineAboveIt) {
  InvoiceLine discount = line(1, "", "", "-1.00", "0.13", "-0.13");
  discount.kind = LineKind::discount;
  EXPECT_THAT(ids(check_blue(invoice({discount}))), ElementsAre("blue.discount_row"));
  discount.number = 2;
  discount.rate = dec("0.09");
  EXPECT_THAT(ids(check_blue(invoice({line(1, "1", "10", "10.00", "0.13", "1.30"), discount}))),
              ElementsAre("blue.discount_row"));
  discount.rate = dec("0.13");
  EXPECT_THAT(check_blue(invoice({line(1, "1", "10", "10.00", "0.13", "1.30"), discount})), IsEmpty());
  discount.amount = fen("-10.01");
  EXPECT_THAT(ids(check_blue(invoice({line(1, "1", "10", "10.00", "0.13", "1.30"), discount}))),
              Contains("blue.discount_row"));
}

TEST(RedLines, HostileAmountsDoNotOverflow) {
  const Invoice blue = hundred();
  RedDocument red = *derive({&blue, {}}, wish(Reason::wrong_invoice));
  for (int i = 0; i < 20; ++i) {
    red.lines.push_back(red.lines.front());
    red.lines.back().amount = red.lines.back().tax = fen("-9999999999999999.99");
  }
  const auto found = check({&blue, {}}, red);
  ASSERT_NE(find(found, "B6.sum_amount"), nullptr);
  EXPECT_TRUE(find(found, "B6.sum_amount")->left.starts_with("-92233720368547758")) << "the sum stays at its bound";
  EXPECT_NE(find(found, "B6.sum_tax"), nullptr);
}

TEST(BlueInvoice, HostileAmountsDoNotOverflow) {
  std::vector<InvoiceLine> lines;
  for (int i = 1; i <= 50; ++i) lines.push_back(line(i, "", "", "9999999999999999.99", "0.13", "9999999999999999.99"));
  Invoice blue = invoice({});
  blue.lines = lines;
  blue.amount = blue.tax = fen("9999999999999999.99");
  EXPECT_THAT(ids(of(blue)), Contains("blue.sum_amount"));
}

TEST(BlueInvoice, FindingsAreBounded) {
  std::vector<LineWish> wishes;
  for (int i = 0; i < 500; ++i) wishes.push_back(by_quantity(1000 + i, "1"));
  EXPECT_EQ(of(hundred(), wish(Reason::goods_returned, wishes)).size(), kMaxFindings);
}

}  // namespace
}  // namespace taxgate::rules
