// Confirmation forms: initial states, answers, 72 hours, transitions, lists.
#include <set>

#include "tests/unit/simulator/platform/world_fixture.h"

namespace taxgate::simulator {
namespace {

class Forms : public WorldTest {
 protected:
  void SetUp() override {
    world.put_invoice(marked);
    world.put_invoice(unmarked);
  }
  std::string apply(const RedDocument& red, LegalTime now) {
    const auto reply = world.apply(red, at(now));
    EXPECT_TRUE(reply.outcome.ok()) << reply.outcome.message;
    return reply.uuid;
  }
};

TEST_F(Forms, NeedNoConfirmationWhenTheBuyerNeitherUsedNorBookedTheInvoice) {
  for (const auto& [use, booking, state] : {std::tuple{"0", "01", "01"},
                                            {"", "", "01"},
                                            {"0", "03", "01"},
                                            {"1", "01", "02"},
                                            {"0", "02", "02"},
                                            {"2", "02", "02"}}) {
    Invoice invoice = coolers("26990000000000000100", false);
    invoice.use = use;
    invoice.booking = booking;
    World fresh([](Effect) {});
    fresh.put_invoice(invoice);
    EXPECT_EQ(fresh.apply(whole(invoice), at(t0)).state, state) << use << " " << booking;
  }
}

TEST_F(Forms, WaitForTheSideThatDidNotEnterThem) {
  const std::string uuid = apply(part(marked, "-1", "-2000.00", "-260.00", Reason::goods_returned, Side::buyer), t0);
  EXPECT_EQ(form(uuid).state, "03");
  EXPECT_EQ(answer(uuid, leqi::Answer::agree, Side::seller, t0).state, "04");
}

TEST_F(Forms, MayNotBeStartedByABuyerWhoNeitherUsedNorBooked) {
  EXPECT_FALSE(world.apply(whole(unmarked, Reason::goods_returned, Side::buyer), at(t0)).outcome.ok());
}

TEST_F(Forms, WaitForANaturalPersonWhoseRefusalIsState12) {
  Invoice invoice = coolers("26990000000000000101", true);
  invoice.buyer = {"", "个人"};
  world.put_invoice(invoice);
  const auto applied = world.apply(whole(invoice), at(t0));
  EXPECT_EQ(applied.state, "02");
  EXPECT_FALSE(world.confirm({applied.uuid, {}, leqi::Answer::agree, Side::buyer, ""}, at(t0)).outcome.ok())
      << "no account";
  EXPECT_TRUE(world.force_state(applied.uuid, "12", t0));
}

struct Step {
  Side entered;
  leqi::Answer answer;
  Side by;
  std::string first, then;
  bool ok;
};

TEST_F(Forms, TakeEveryAnswerOfTheTransitionTableAndNoOther) {
  using enum leqi::Answer;
  const std::vector<Step> steps{
      {Side::seller, agree, Side::buyer, "02", "04", true},    {Side::seller, refuse, Side::buyer, "02", "05", true},
      {Side::seller, revoke, Side::seller, "02", "08", true},  {Side::seller, agree, Side::seller, "02", "02", false},
      {Side::seller, refuse, Side::seller, "02", "02", false}, {Side::seller, revoke, Side::buyer, "02", "02", false},
      {Side::buyer, agree, Side::seller, "03", "04", true},    {Side::buyer, refuse, Side::seller, "03", "06", true},
      {Side::buyer, revoke, Side::buyer, "03", "08", true},    {Side::buyer, agree, Side::buyer, "03", "03", false},
      {Side::buyer, revoke, Side::seller, "03", "03", false}};
  int number = 200;
  for (const Step& step : steps) {
    const Invoice invoice = coolers("26990000000000000" + std::to_string(number++), true);
    world.put_invoice(invoice);
    const std::string uuid = apply(whole(invoice, Reason::goods_returned, step.entered), t0);
    EXPECT_EQ(form(uuid).state, step.first);
    const auto reply = answer(uuid, step.answer, step.by, t0.plus_ms(kHour));
    EXPECT_EQ(reply.outcome.ok(), step.ok) << step.first << static_cast<char>(step.answer);
    EXPECT_EQ(form(uuid).state, step.then);
    EXPECT_EQ(form(uuid).valid, step.then < "05");
  }
}

TEST_F(Forms, CanBeRevokedAfterConfirmationButNotAfterTheRed) {
  const std::string uuid = apply(part(marked, "-1", "-2000.00", "-260.00"), t0);
  answer(uuid, leqi::Answer::agree, Side::buyer, t0);
  EXPECT_FALSE(answer(uuid, leqi::Answer::revoke, Side::buyer, t0).outcome.ok()) << "only the initiator revokes";
  EXPECT_EQ(answer(uuid, leqi::Answer::revoke, Side::seller, t0).state, "09");

  const RedDocument red = whole(unmarked);
  const std::string second = apply(red, t0);
  EXPECT_EQ(form(second).state, "01");
  world.upload(upload_of(second, red, "s1"), at(t0));
  world.settle(t0);
  EXPECT_TRUE(form(second).issued);
  EXPECT_FALSE(answer(second, leqi::Answer::revoke, Side::seller, t0).outcome.ok());
  EXPECT_EQ(form(second).state, "01");
}

TEST_F(Forms, WithoutNeedOfConfirmationCanBeRevokedBeforeTheRed) {
  const std::string uuid = apply(whole(unmarked), t0);
  EXPECT_EQ(answer(uuid, leqi::Answer::revoke, Side::seller, t0).state, "08");
}

TEST_F(Forms, AreConfirmedOneMillisecondBefore72HoursAndVoidAtThem) {
  const std::string in_time = apply(part(marked, "-1", "-2000.00", "-260.00"), t0);
  EXPECT_EQ(answer(in_time, leqi::Answer::agree, Side::buyer, t0.plus_ms(72 * kHour - 1)).state, "04");

  const Invoice other = coolers("26990000000000000102", true);
  world.put_invoice(other);
  const LegalTime entered = t0.plus_ms(100 * kHour);
  const std::string late = apply(whole(other), entered);
  world.settle(entered.plus_ms(72 * kHour - 1));
  EXPECT_EQ(form(late).state, "02");
  const auto reply = answer(late, leqi::Answer::agree, Side::buyer, entered.plus_ms(72 * kHour));
  EXPECT_FALSE(reply.outcome.ok());
  EXPECT_EQ(reply.state, "07");
  EXPECT_FALSE(form(late).valid);
}

TEST_F(Forms, ExpiryUnlocksTheInvoiceForANewForm) {
  apply(whole(marked), t0);
  EXPECT_FALSE(world.apply(whole(marked), at(t0.plus_ms(72 * kHour - 1))).outcome.ok());
  EXPECT_TRUE(world.apply(whole(marked), at(t0.plus_ms(72 * kHour))).outcome.ok());
}

TEST_F(Forms, AreVoidedByThePlatformOnlyAlongTheOfficialTransitions) {
  const std::vector<std::string> states{"01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13"};
  const std::set<std::string> legal{"01>08", "01>09", "02>04", "02>05", "02>07", "02>08", "02>10", "02>11", "02>12",
                                    "02>13", "03>04", "03>06", "03>07", "03>08", "03>10", "03>11", "03>13", "04>09"};
  for (const auto& from : states)
    for (const auto& to : states)
      EXPECT_EQ(form_transition_allowed(from, to), legal.contains(from + ">" + to)) << from << to;

  int number = 300;
  for (const std::string state : {"10", "11", "12", "13"}) {
    const Invoice invoice = coolers("26990000000000000" + std::to_string(number++), true);
    world.put_invoice(invoice);
    const std::string uuid = apply(whole(invoice), t0);
    EXPECT_TRUE(world.force_state(uuid, state, t0));
    EXPECT_FALSE(form(uuid).valid);
    EXPECT_FALSE(world.force_state(uuid, "04", t0)) << "void is final";
  }
}

TEST_F(Forms, AreAnsweredByTheCounterpartyInLegalTime) {
  world.set_counterparty({marked.number, {}, Reaction::confirm, 2 * kHour}, t0);
  const std::string uuid = apply(whole(marked), t0);
  world.settle(t0.plus_ms(2 * kHour - 1));
  EXPECT_EQ(form(uuid).state, "02");
  world.settle(t0.plus_ms(2 * kHour));
  EXPECT_EQ(form(uuid).state, "04");
  EXPECT_EQ(form(uuid).confirmed_at, t0.plus_ms(2 * kHour));
}

TEST_F(Forms, FollowACounterpartyThatChangesItsMind) {
  world.set_counterparty({{}, marked.buyer.id, Reaction::confirm, 5 * kHour}, t0);
  const std::string uuid = apply(whole(marked), t0);
  world.set_counterparty({marked.number, {}, Reaction::deny, 6 * kHour}, t0.plus_ms(kHour));
  world.settle(t0.plus_ms(5 * kHour));
  EXPECT_EQ(form(uuid).state, "02") << "the rule of the invoice goes before the rule of the taxpayer";
  world.settle(t0.plus_ms(6 * kHour));
  EXPECT_EQ(form(uuid).state, "05");
}

TEST_F(Forms, AnAnswerDueExactlyAt72HoursComesTooLate) {
  world.set_counterparty({{}, {}, Reaction::confirm, 72 * kHour}, t0);
  const std::string uuid = apply(whole(marked), t0);
  world.settle(t0.plus_ms(80 * kHour));
  EXPECT_EQ(form(uuid).state, "07");
}

TEST_F(Forms, ThingsHappenInTheirOwnOrderHoweverFarTheClockJumps) {
  Taxpayer seller{marked.seller.id, marked.seller.name, Behaviour{IssueMode::automatic, kHour, 0, 0, -1}, true};
  world.put_taxpayer(seller);
  world.set_counterparty({{}, {}, Reaction::confirm, 2 * kHour}, t0);
  const std::string uuid = apply(whole(marked), t0);
  world.settle(t0.plus_ms(1000 * kHour));
  EXPECT_EQ(form(uuid).confirmed_at, t0.plus_ms(2 * kHour));
  EXPECT_EQ(form(uuid).red_issued_at, t0.plus_ms(3 * kHour));
  EXPECT_EQ(world.invoice(marked.number)->status, "8");
}

TEST_F(Forms, AClockThatStepsBackReordersNothing) {
  const std::string uuid = apply(whole(marked), t0);
  world.settle(t0.plus_ms(73 * kHour));
  EXPECT_EQ(answer(uuid, leqi::Answer::agree, Side::buyer, t0).state, "07");
}

TEST_F(Forms, AreListedByTheirSidePagedAndWithoutLines) {
  std::vector<std::string> uuids;
  for (int i = 0; i < 7; ++i) {
    const Invoice invoice = coolers("2699000000000000040" + std::to_string(i), true);
    world.put_invoice(invoice);
    uuids.push_back(apply(whole(invoice), t0.plus_ms(i * kHour)));
  }
  leqi::ListRequest ask{marked.seller.id, Side::seller, {}, t0, t0.plus_ms(10 * kHour), 2, 3};
  const auto page = world.list(ask, t0.plus_ms(10 * kHour));
  EXPECT_EQ(page.total, 7);
  ASSERT_EQ(page.forms.size(), 3u);
  EXPECT_EQ(page.forms[0].uuid, uuids[3]);
  EXPECT_TRUE(page.forms[0].lines.empty());
  ask.side = Side::buyer;
  EXPECT_EQ(world.list(ask, t0).total, 0) << "the seller is nobody's buyer";
  ask = {marked.buyer.id, Side::buyer, "26990000000000000405", t0, t0.plus_ms(10 * kHour), 1, 50};
  EXPECT_EQ(world.list(ask, t0).forms.at(0).uuid, uuids[5]);
  ask.blue_number.clear();
  ask.to = t0.plus_ms(kHour);
  EXPECT_EQ(world.list(ask, t0).total, 2) << "the window's last second belongs to it";
  ask.page_size = 51;
  EXPECT_FALSE(world.list(ask, t0).outcome.ok());
  ask.page_size = 50;
  ask.from = t0.plus_ms(-90 * 24 * kHour);
  EXPECT_FALSE(world.list(ask, t0).outcome.ok()) << "more than 90 days";
  EXPECT_EQ(world.detail({marked.seller.id, uuids[0], {}}, t0).form.lines.size(), 1u);
  EXPECT_FALSE(world.detail({"91340200TGDM0002XD", uuids[0], {}}, t0).outcome.ok()) << "not a party of the form";
}

TEST_F(Forms, AreHiddenFromListsWhileTheirListingIsLate) {
  const std::string uuid = apply(whole(marked), t0);
  const leqi::ListRequest ask{marked.seller.id, Side::seller, marked.number, t0, t0.plus_ms(kHour), 1, 50};
  world.hide(uuid, true);
  EXPECT_EQ(world.list(ask, t0).total, 0);
  world.hide(uuid, false);
  EXPECT_EQ(world.list(ask, t0).total, 1);
}

TEST_F(Forms, AreRefusedWhenTheyDoNotFitTheInvoice) {
  const auto why = [&](auto change) {
    RedDocument red = whole(marked);
    change(red);
    return world.apply(red, at(t0)).outcome.message;
  };
  EXPECT_EQ(why([](RedDocument& r) { r.blue_number = "26990000000000009999"; }), "未查询到对应的蓝字发票");
  EXPECT_EQ(why([](RedDocument& r) { r.buyer.name = "别人"; }), "购销双方信息与蓝字发票不一致");
  EXPECT_EQ(why([](RedDocument& r) { r.blue_tax = fen("1.00"); }), "蓝字发票信息不一致");
  EXPECT_EQ(why([](RedDocument& r) { r.amount = fen("-999999.99"); }), "红字金额、税额或数量填写有误");
  EXPECT_EQ(why([](RedDocument& r) { r.lines[0].price.reset(); }), "红字金额、税额或数量填写有误");
  Invoice red_one = coolers("26990000000000000103", true);
  red_one.is_red = true;
  world.put_invoice(red_one);
  EXPECT_EQ(world.apply(whole(red_one), at(t0)).outcome.message, "红字发票不允许再次红冲");
  Invoice cancelled = coolers("26990000000000000104", true);
  cancelled.status = "2";
  world.put_invoice(cancelled);
  EXPECT_EQ(world.apply(whole(cancelled), at(t0)).outcome.message, "蓝字发票已作废");
  world.put_taxpayer({marked.buyer.id, "买方", {}, false});
  EXPECT_EQ(why([](RedDocument&) {}), "对方纳税人状态异常,不允许发起红冲");
}

}  // namespace
}  // namespace taxgate::simulator
