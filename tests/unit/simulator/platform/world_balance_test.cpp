// Caps, locks, issuing and its races, the duplicate protection and what happens without it.
#include "tests/unit/simulator/platform/world_fixture.h"

namespace taxgate::simulator {
namespace {

class Balance : public WorldTest {
 protected:
  void SetUp() override {
    world.put_invoice(marked);
    world.put_invoice(unmarked);
  }
  /// Applies on the unmarked invoice (no confirmation needed) and has the red issued.
  std::string message(const RedDocument& red) { return world.apply(red, at(t0)).outcome.message; }
  void issue(const RedDocument& red, const std::string& serial) {
    const auto reply = world.apply(red, at(t0));
    ASSERT_TRUE(reply.outcome.ok()) << reply.outcome.message;
    ASSERT_TRUE(world.upload(upload_of(reply.uuid, red, serial), at(t0)).outcome.ok());
    world.settle(t0);
    ASSERT_TRUE(form(reply.uuid).issued);
  }
};

TEST_F(Balance, OneOpenFormLocksTheInvoiceUntilItIsIssued) {
  const RedDocument first = part(unmarked, "-1", "-2000.00", "-260.00");
  const auto reply = world.apply(first, at(t0));
  EXPECT_EQ(message(part(unmarked, "-1", "-2000.00", "-260.00")), "存在进行中的红字确认单保存操作");
  EXPECT_TRUE(world.invoice_status({unmarked.seller.id, unmarked.number}, t0).locked);
  world.upload(upload_of(reply.uuid, first, "s"), at(t0));
  world.settle(t0);
  EXPECT_FALSE(world.invoice_status({unmarked.seller.id, unmarked.number}, t0).locked);
  EXPECT_EQ(message(part(unmarked, "-1", "-2000.00", "-260.00")), "成功");
}

TEST_F(Balance, EachCapIsBrokenByOneFen) {
  issue(part(unmarked, "-300", "-600000.00", "-78000.00"), "s1");
  EXPECT_EQ(message(part(unmarked, "-200", "-400000.01", "-52000.00")), "红字金额超过蓝字发票可红冲金额");
  EXPECT_EQ(message(part(unmarked, "-200", "-400000.00", "-52000.01")), "红字税额超过蓝字发票可红冲税额");
  EXPECT_EQ(message(part(unmarked, "-200.0001", "-400000.00", "-52000.00")), "红字明细数量超过蓝字发票可红冲数量");
  issue(part(unmarked, "-200", "-400000.00", "-52000.00"), "s2");
  EXPECT_EQ(world.invoice(unmarked.number)->status, "8");
  EXPECT_EQ(message(part(unmarked, "-1", "-0.01", "0.00")), "没有可红冲的金额");
}

TEST_F(Balance, CapsHoldLineByLineAndADiscountRowBelongsToItsLine) {
  Invoice i = coolers("26990000000000000500", false);
  InvoiceLine discount = i.lines[0], second = i.lines[0];
  i.lines[0].kind = LineKind::discounted;
  discount.number = 2;
  discount.kind = LineKind::discount;
  discount.quantity.reset();
  discount.price.reset();
  discount.amount = fen("-20000.00");
  discount.tax = fen("-2600.00");
  second.number = 3;
  i.lines = {i.lines[0], discount, second};
  i.amount = fen("1980000.00");
  i.tax = fen("257400.00");
  world.put_invoice(i);
  RedDocument red = part(i, "-500", "-980000.01", "-127400.00");
  EXPECT_EQ(message(red), "红字明细金额超过蓝字发票可红冲金额") << "line 1 is worth 980000.00 after its discount";
  red = part(i, "-500", "-980000.00", "-127400.01");
  EXPECT_EQ(message(red), "红字明细税额超过蓝字发票可红冲税额");
  red = part(i, "-1", "-2.00", "0.00");
  red.lines[0].blue_line = 2;
  EXPECT_EQ(message(red), "红字明细行在蓝字发票中不存在") << "a discount row is no line of its own";
  EXPECT_EQ(message(part(i, "-500", "-980000.00", "-127400.00")), "成功");
}

TEST_F(Balance, AWrongInvoiceIsReversedAsAWholeOrNotAtAll) {
  EXPECT_EQ(message(part(unmarked, "-1", "-2000.00", "-260.00", Reason::wrong_invoice)),
            "冲红原因为开票有误时须全额红冲");
  issue(part(unmarked, "-1", "-2000.00", "-260.00"), "s");
  EXPECT_EQ(message(part(unmarked, "-499", "-998000.00", "-129740.00", Reason::wrong_invoice)),
            "冲红原因为开票有误时须全额红冲");
  const Invoice fresh = coolers("26990000000000000501", false);
  world.put_invoice(fresh);
  EXPECT_EQ(message(whole(fresh, Reason::wrong_invoice)), "成功");
}

TEST_F(Balance, AVoidFormGivesBackWhatItReserved) {
  const auto reply = world.apply(whole(marked), at(t0));
  EXPECT_EQ(world.invoice_status({marked.seller.id, marked.number}, t0).left_amount, fen("0.00"));
  answer(reply.uuid, leqi::Answer::refuse, Side::buyer, t0);
  EXPECT_EQ(world.invoice_status({marked.seller.id, marked.number}, t0).left_amount, fen("1000000.00"));
  EXPECT_EQ(message(whole(marked)), "成功");
}

TEST_F(Balance, AnUploadIsAnsweredAtOnceAndDoneLater) {
  world.put_taxpayer({unmarked.seller.id, "卖方", Behaviour{IssueMode::upload, 0, 500, 0, -1}, true});
  const RedDocument red = whole(unmarked);
  const auto applied = world.apply(red, at(t0));
  const auto upload = world.upload(upload_of(applied.uuid, red, "s"), at(t0));
  EXPECT_EQ(upload.receipt.size(), 40u);
  EXPECT_EQ(result_of(upload, red, t0.plus_ms(499)).result, "01");
  const auto done = result_of(upload, red, t0.plus_ms(500));
  EXPECT_EQ(done.result, "00");
  EXPECT_EQ(done.red_number.size(), 20u);
  EXPECT_EQ(world.upload_result({red.seller.id, {}, "s"}, t0).red_number, done.red_number) << "also by serial";
  EXPECT_FALSE(world.upload_result({red.buyer.id, upload.receipt, {}}, t0).outcome.ok())
      << "the buyer did not upload it";
}

TEST_F(Balance, ARepeatedSerialIsADuplicateAndNamesTheFirstRed) {
  const RedDocument red = whole(unmarked);
  const auto applied = world.apply(red, at(t0));
  const auto first = world.upload(upload_of(applied.uuid, red, "s"), at(t0));
  const auto again = world.upload(upload_of(applied.uuid, red, "s"), at(t0));
  const auto done = result_of(first, red, t0.plus_ms(10));
  const auto duplicate = result_of(again, red, t0.plus_ms(10));
  EXPECT_EQ(done.result, "00");
  EXPECT_EQ(duplicate.result, "03");
  EXPECT_EQ(duplicate.red_number, done.red_number);
  EXPECT_EQ(effects(EffectKind::red_issued), 1);
}

TEST_F(Balance, TwoUploadsInFlightIssueOneRed) {
  world.put_taxpayer({unmarked.seller.id, "卖方", Behaviour{IssueMode::upload, 0, 500, 0, -1}, true});
  const RedDocument red = whole(unmarked);
  const auto applied = world.apply(red, at(t0));
  const auto first = world.upload(upload_of(applied.uuid, red, "s1"), at(t0));
  const auto second = world.upload(upload_of(applied.uuid, red, "s2"), at(t0));
  EXPECT_EQ(result_of(first, red, t0.plus_ms(1000)).result, "00");
  EXPECT_EQ(result_of(second, red, t0.plus_ms(1000)).result, "02");
  EXPECT_EQ(effects(EffectKind::red_issued), 1);
}

TEST_F(Balance, UploadsThatDifferFromTheirFormAreRefused) {
  const RedDocument red = whole(marked);
  const auto applied = world.apply(red, at(t0));
  EXPECT_EQ(world.upload(upload_of(applied.uuid, red, "s"), at(t0)).outcome.message, "红字确认单未确认或已作废");
  answer(applied.uuid, leqi::Answer::agree, Side::buyer, t0);
  RedDocument other = red;
  other.tax = fen("-129999.99");
  EXPECT_EQ(world.upload(upload_of(applied.uuid, other, "s"), at(t0)).outcome.message,
            "上传的红字发票与红字确认单不一致");
  leqi::UploadRequest wrong = upload_of(applied.uuid, red, "s");
  wrong.form_number = "99202611000000000099";
  EXPECT_EQ(world.upload(wrong, at(t0)).outcome.message, "红字确认单编号与标识不一致");
  leqi::UploadRequest silent = upload_of(applied.uuid, red, "s");
  silent.remark = red.blue_number;  // and not the form
  EXPECT_EQ(world.upload(silent, at(t0)).outcome.message, "备注未注明被红冲蓝字数电发票号码和红字发票信息确认单编号");
  EXPECT_TRUE(world.upload(upload_of(applied.uuid, red, "s"), at(t0)).outcome.ok());
}

TEST_F(Balance, AfterAnAutomaticIssueAnUploadIsTooLate) {
  world.set_default_behaviour({IssueMode::automatic, 100, 0, 0, -1});
  const RedDocument red = whole(unmarked);
  const auto applied = world.apply(red, at(t0));
  EXPECT_FALSE(form(applied.uuid).issued);
  world.settle(t0.plus_ms(100));
  EXPECT_TRUE(form(applied.uuid).issued);
  EXPECT_EQ(world.upload(upload_of(applied.uuid, red, "s"), at(t0.plus_ms(100))).outcome.message,
            "红字确认单已开具红字发票");
  EXPECT_EQ(effects(EffectKind::red_issued), 1);
}

TEST_F(Balance, AnAutomaticIssueDuringOurUploadFailsTheUploadNotTheLaw) {
  world.set_default_behaviour({IssueMode::automatic, 100, 200, 0, -1});
  const RedDocument red = whole(unmarked);
  const auto applied = world.apply(red, at(t0));
  const auto upload = world.upload(upload_of(applied.uuid, red, "s"), at(t0.plus_ms(50)));
  ASSERT_TRUE(upload.outcome.ok());
  EXPECT_EQ(result_of(upload, red, t0.plus_ms(300)).result, "02");
  EXPECT_EQ(effects(EffectKind::red_issued), 1);
}

TEST_F(Balance, TheRaceBetweenQueryAndUploadCanBeMadeCertain) {
  world.set_default_behaviour({IssueMode::before_upload, 0, 0, 0, -1});
  const RedDocument red = whole(unmarked);
  const auto applied = world.apply(red, at(t0));
  for (const auto hours : {1, 2})
    EXPECT_FALSE(world.detail({red.seller.id, applied.uuid, {}}, t0.plus_ms(hours * kHour)).form.issued)
        << "a query says: not issued, however often and late one asks";
  EXPECT_FALSE(world.upload(upload_of(applied.uuid, red, "s"), at(t0.plus_ms(2 * kHour))).outcome.ok())
      << "and yet it is too late";
  EXPECT_EQ(effects(EffectKind::red_issued), 1);
}

TEST_F(Balance, NoIssueLeavesTheFormConfirmedForEver) {
  world.set_default_behaviour({IssueMode::automatic, 0, 0, 0, -1});
  RequestContext context = at(t0);
  context.no_issue = true;
  const auto applied = world.apply(whole(unmarked), context);
  world.settle(t0.plus_ms(1000 * kHour));
  EXPECT_FALSE(form(applied.uuid).issued);

  world.set_default_behaviour({});
  const RedDocument red = whole(marked);
  const auto second = world.apply(red, at(t0));
  answer(second.uuid, leqi::Answer::agree, Side::buyer, world.form(second.uuid)->entered);
  const auto upload = world.upload(upload_of(second.uuid, red, "s"), context);
  EXPECT_EQ(result_of(upload, red, t0.plus_ms(2000 * kHour)).result, "01");
}

TEST_F(Balance, WithTheProtectionOffWhateverArrivesIsBookedAndTheLogSaysSo) {
  const RedDocument red = whole(unmarked);
  ASSERT_TRUE(world.apply(red, at(t0)).outcome.ok());
  const auto again = world.apply(red, unprotected(t0));
  ASSERT_TRUE(again.outcome.ok()) << again.outcome.message;
  EXPECT_EQ(log.count(promise_of(red, Promised::live)).live, 2);
  const Promise one = promise_of(red, Promised::live);
  const Verdict verdict = log.judge({&one, 1});
  EXPECT_EQ(verdict.doubled, 1);
  EXPECT_EQ(verdict.lost, 0);
  EXPECT_FALSE(log.effects().back().protection);
}

TEST_F(Balance, WithTheProtectionOffASecondUploadIsASecondRed) {
  world.set_default_behaviour({IssueMode::automatic, 0, 0, 0, -1});
  const RedDocument red = whole(unmarked);
  const auto applied = world.apply(red, at(t0));
  world.settle(t0);
  ASSERT_TRUE(form(applied.uuid).issued);
  ASSERT_TRUE(world.upload(upload_of(applied.uuid, red, "s"), unprotected(t0)).outcome.ok());
  world.settle(t0);
  EXPECT_EQ(effects(EffectKind::red_issued), 2);
  const Promise one = promise_of(red, Promised::issued);
  EXPECT_EQ(log.judge({&one, 1}).doubled, 1);
}

TEST_F(Balance, TheProtectionOffDoesNotSuspendTheLaw) {
  RedDocument red = whole(unmarked);
  red.blue_number = "26990000000000009999";
  EXPECT_FALSE(world.apply(red, unprotected(t0)).outcome.ok());
  red = whole(unmarked);
  red.amount = fen("-1.00");
  EXPECT_FALSE(world.apply(red, unprotected(t0)).outcome.ok()) << "sums must agree";
}

// ---- information tables -------------------------------------------------------------------------------------------

class Tables : public WorldTest {
 protected:
  void SetUp() override {
    blue = coolers("990024113000000009", true);
    blue.type = "01";
    world.put_invoice(blue);
  }
  RedDocument table(std::string amount, std::string tax, int second, std::string memo = "0000000100") {
    RedDocument red = part(blue, "", amount, tax);
    red.track = Track::information_table;
    red.table_memo = memo;
    red.initiator = memo == "0000000100" ? Side::seller : Side::buyer;
    if (memo == "1100000000") red.blue_number.clear();
    red.tax_device = "661234567890";
    red.request_number = "6612345678902611221019" + std::to_string(10 + second);
    return red;
  }
  Invoice blue;
};

TEST_F(Tables, AreApprovedWithANumberWhoseCheckDigitHolds) {
  const auto row = world.table_upload(table("-1000.00", "-130.00", 1), at(t0));
  EXPECT_EQ(row.status, "TZD0000");
  EXPECT_TRUE(check_table_number(row.number)) << row.number;
  EXPECT_EQ(row.number.substr(6, 4), "2611");
}

TEST_F(Tables, AnswerARepeatedRequestNumberAsADuplicateAndBookItOnlyWithoutProtection) {
  const RedDocument red = table("-1000.00", "-130.00", 1);
  world.table_upload(red, at(t0));
  EXPECT_EQ(world.table_upload(red, at(t0)).status, "TZD0061");
  EXPECT_EQ(effects(EffectKind::table_created), 1);
  EXPECT_EQ(world.table_upload(red, unprotected(t0)).status, "TZD0000");
  EXPECT_EQ(effects(EffectKind::table_created), 2);
}

TEST_F(Tables, BreakTheBlueBalanceByOneFen) {
  EXPECT_EQ(world.table_upload(table("-600000.00", "-78000.00", 1), at(t0)).status, "TZD0000");
  EXPECT_EQ(world.table_upload(table("-400000.01", "-52000.00", 2), at(t0)).status, "TZD0100");
  EXPECT_EQ(world.table_upload(table("-400000.00", "-52000.01", 3), at(t0)).status, "TZD0100");
  EXPECT_EQ(world.table_upload(table("-400000.00", "-52000.00", 4), at(t0)).status, "TZD0000");
}

TEST_F(Tables, AreCheckedForAWhileAndWrittenOffLaterWhenToldSo) {
  world.set_default_behaviour({IssueMode::upload, 0, 0, 500, 700});
  const RedDocument red = table("-1000.00", "-130.00", 1);
  EXPECT_EQ(world.table_upload(red, at(t0)).status, "TZD0071");
  table::DownloadRequest ask;
  ask.taxpayer = blue.seller.id;
  ask.request_number = red.request_number;
  EXPECT_EQ(world.table_download(ask, t0.plus_ms(499)).rows.at(0).status, "TZD0071");
  EXPECT_EQ(world.table_download(ask, t0.plus_ms(500)).rows.at(0).status, "TZD0000");
  EXPECT_EQ(world.table_download(ask, t0.plus_ms(1200)).rows.at(0).status, "TZD0074");
  EXPECT_EQ(world.invoice(blue.number)->status, "7");
}

TEST_F(Tables, AreDownloadedByTheirPartiesAndCancelledByTheirRequester) {
  const RedDocument red = table("-1000.00", "-130.00", 1, "1100000000");
  const auto row = world.table_upload(red, at(t0));
  table::DownloadRequest ask;
  ask.taxpayer = blue.buyer.id;
  const auto shown = world.table_download(ask, t0);
  ASSERT_EQ(shown.rows.size(), 1u);
  EXPECT_TRUE(table::same_table(shown.rows[0].red, red));
  ask.taxpayer = "91340200TGDM0002XD";
  EXPECT_TRUE(world.table_download(ask, t0).rows.empty());
  EXPECT_EQ(world.table_cancel({blue.seller.id, {}, row.number}, at(t0)).status, "TZD0500") << "the buyer requested it";
  EXPECT_EQ(world.table_cancel({blue.buyer.id, {}, row.number}, at(t0)).status, "TZD0082");
  EXPECT_EQ(effects(EffectKind::table_cancelled), 1);
}

TEST_F(Tables, OpenOnesLockTheirInvoiceForForms) {
  world.table_upload(table("-1000.00", "-130.00", 1), at(t0));
  EXPECT_EQ(world.apply(part(blue, "-1", "-2000.00", "-260.00"), at(t0)).outcome.message,
            "存在进行中的红字确认单保存操作");
}

}  // namespace
}  // namespace taxgate::simulator
