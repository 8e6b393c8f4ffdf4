// The credit line through the whole stack: ledger, daemon, platform, command line.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "daemon/rules/credit.h"
#include "tests/system/shell.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using api::v1::CreditStatement;
using testing::HasSubstr;

Ran run(simulator::Stand& stand, const std::string& arguments) {
  return run_in_shell(
      fmt::format("{}/taxgate --lang en --socket {} {}", TAXGATE_BIN_DIR, stand.api_socket(), arguments));
}

class CreditStory : public testing::Test {
 protected:
  CreditStory() : whole({.upload = true}) { EXPECT_TRUE(whole.stand().start_taxgated()); }
  CreditStatement ask(const std::string& query = {}) {
    auto answer = whole.stand().call<CreditStatement>("GET", "/v1/credit?taxpayer=" + whole.us() + query);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().id);
    return answer.value_or(CreditStatement{});
  }
  /// The command line, for our taxpayer.
  Ran taxgate(const std::string& arguments) { return run(whole.stand(), arguments + " --taxpayer " + whole.us()); }
  /// Issued just now, so that the month is the current one whatever the day.
  Invoice blue_of_this_month() {
    Invoice out = whole.invoice();
    out.issued_at = whole.stand().legal_now().plus_ms(-1000);
    EXPECT_TRUE(whole.stand().import_invoices({out}));
    return out;
  }
  rules::Month month() { return rules::Month::of(whole.stand().legal_now()); }
  Whole whole;
};

TEST_F(CreditStory, ABlueTakesARedOfTheSameMonthGivesBackAndThePlatformAgrees) {
  const auto unknown = ask();
  EXPECT_EQ(unknown.limit(), "");
  EXPECT_EQ(unknown.available(), "7500000.00") << "the platform's figure counts also where we know nothing";
  ASSERT_EQ(unknown.notes_size(), 1);
  EXPECT_EQ(unknown.notes(0).code(), "credit.no_limit");

  const auto whose = run(whole.stand(), "credit");
  EXPECT_EQ(whose.exit, 2) << "three taxpayers, none named";
  EXPECT_THAT(whose.out, HasSubstr("credit.taxpayer"));
  const auto told = taxgate("credit adjust --total 7500000 --reason notice");
  EXPECT_EQ(told.exit, 0) << told.out;
  EXPECT_THAT(told.out, HasSubstr("7,500,000.00"));

  const Invoice blue = blue_of_this_month();
  auto now = ask();
  EXPECT_EQ(now.used(), "1000.00");
  EXPECT_EQ(now.remaining(), "7499000.00");
  EXPECT_EQ(now.platform_remaining(), "7499000.00");
  EXPECT_EQ(now.difference(), "0.00");
  EXPECT_EQ(now.available_from(), "platform");

  const auto accepted = whole.stand().submit(whole.full_red(blue));
  ASSERT_TRUE(accepted);
  const auto ended = whole.stand().wait_state(accepted->id(), {"attention"}, 60s);
  ASSERT_TRUE(ended);
  ASSERT_EQ(ended->state(), "issued");
  now = ask();
  EXPECT_EQ(now.restored(), "1000.00");
  EXPECT_EQ(now.used(), "0.00");
  EXPECT_EQ(now.remaining(), "7500000.00");
  EXPECT_EQ(now.difference(), "0.00");
  ASSERT_EQ(now.movements_size(), 3);
  EXPECT_EQ(now.movements(2).rule(), "C1.restored");
  EXPECT_EQ(now.movements(2).number(), ended->red_number());

  const auto shown = taxgate("credit");
  EXPECT_EQ(shown.exit, 0) << shown.out;
  EXPECT_THAT(shown.out, HasSubstr("channel: simulator"));
  EXPECT_THAT(shown.out, HasSubstr("C1.restored"));
  EXPECT_THAT(shown.out, HasSubstr(ended->red_number()));
  EXPECT_EQ(taxgate("credit --json --amount 7500001").exit, 1) << "more than is left";
  EXPECT_THAT(taxgate("--lang zh credit --amount 7500001").out, HasSubstr("剩余可用额度"));
}

TEST_F(CreditStory, ADifferenceToThePlatformIsReportedAndItsFigureWins) {
  ASSERT_EQ(taxgate("credit adjust --total 7500000").exit, 0);
  ASSERT_TRUE(whole.stand().control(
      "POST", "/seed",
      fmt::format(
          R"({{"taxpayers":[{{"id":"{}","name":"x","credit_limit":"7500000.00","credit_used_elsewhere":"50000.00"}}]}})",
          whole.us())));
  const auto now = ask();
  EXPECT_EQ(now.remaining(), "7500000.00");
  EXPECT_EQ(now.difference(), "-50000.00");
  EXPECT_EQ(now.available(), "7450000.00");
  const auto shown = taxgate("credit");
  EXPECT_EQ(shown.exit, 1);
  EXPECT_THAT(shown.out, HasSubstr("credit.differs"));
  const auto alone = ask("&platform=no");
  EXPECT_EQ(alone.available(), "7500000.00");
  EXPECT_EQ(alone.available_from(), "ledger");

  // A platform that answers, and has no figure for this taxpayer.
  ASSERT_TRUE(
      whole.stand().control("POST", "/seed", fmt::format(R"({{"taxpayers":[{{"id":"{}","name":"x"}}]}})", whole.us())));
  const auto none = ask();
  EXPECT_EQ(none.available_from(), "ledger");
  ASSERT_EQ(none.notes_size(), 1);
  EXPECT_EQ(none.notes(0).code(), "credit.platform_unknown") << "ours stands alone, and that is said";
}

TEST_F(CreditStory, AnApplicationIsKeptWithItsPapersAndCountsOnceItIsApproved) {
  const std::string paper = whole.stand().directory() + "/contract.pdf";
  std::ofstream(paper) << "a contract";
  ASSERT_EQ(taxgate("credit adjust --total 7500000 --from " + month().text() + "-01").exit, 0);
  const std::string application = "credit adjust --total 9000000 --reference A-17 --result applied";
  const auto wrong = taxgate(application + " --short-term-type none --evidence photo=" + paper);
  EXPECT_EQ(wrong.exit, 2);
  for (const char* id : {"C9.short_term_type", "C9.reason", "C9.attachment_kind"})
    EXPECT_THAT(wrong.out, HasSubstr(id)) << "all at once";
  const auto applied = taxgate(application + " --reason order --evidence contract=" + paper);
  EXPECT_EQ(applied.exit, 0) << applied.out;
  auto now = ask();
  EXPECT_EQ(now.limit(), "7500000.00");
  const auto& shown = now.movements(now.movements_size() - 1);
  EXPECT_EQ(shown.rule(), "C9.no_effect");
  ASSERT_EQ(shown.attachments_size(), 1);
  EXPECT_EQ(shown.attachments(0).kind(), "contract");
  EXPECT_EQ(shown.attachments(0).hash(), "1062531708ebd3053ead4621071fdb3bb44b6af98bc49cc07111b8338e8e5e28");
  EXPECT_EQ(taxgate("credit adjust --total 9000000 --reference A-17 --result rejected").exit, 0);
  EXPECT_EQ(ask().limit(), "7500000.00");
  const auto raised = taxgate("credit adjust --total 8000000 --result ex_officio");
  EXPECT_EQ(raised.exit, 2);
  EXPECT_THAT(raised.out, HasSubstr("C10.only_lowers"));
  EXPECT_THAT(taxgate("credit adjust --class III").out, HasSubstr("credit.initial_once")) << "no new taxpayer any more";
  EXPECT_EQ(taxgate("credit adjust --total 9000000 --reference A-17 --result approved").exit, 1)
      << "unlike the platform";
  EXPECT_EQ(ask("&platform=no").limit(), "9000000.00");
  EXPECT_NE(taxgate("credit adjust --total 6000000 --result ex_officio").exit, 2);
  EXPECT_EQ(ask("&platform=no").limit(), "6000000.00");
}

TEST_F(CreditStory, WhatWasToldSurvivesARestartAndIsRefusedWhenItCannotBe) {
  const auto last = month().previous(), before = last.previous();
  const std::string from = " --from " + before.text() + "-01";
  ASSERT_EQ(taxgate("credit adjust --total 100000" + from).exit, 0);  // shows the month it begins in
  Invoice old = whole.invoice();
  old.issued_at = last.begin().plus_ms(3'600'000);
  old.amount = Fen{7'000'000};
  old.lines[0].amount = old.amount;
  old.lines[0].price = *Decimal::parse("7000");
  old.tax = old.lines[0].tax = Fen{910'000};
  ASSERT_TRUE(whole.stand().import_invoices({old}));
  const auto carried = ask("&platform=no");
  EXPECT_EQ(carried.carried(), "30000.00");
  EXPECT_EQ(carried.remaining(), "30000.00");
  EXPECT_EQ(carried.after_filing(), "100000.00");

  EXPECT_EQ(taxgate("credit filed --period " + month().text()).exit, 2) << "this month is not over";
  EXPECT_EQ(taxgate("credit filed").exit, 2);
  EXPECT_EQ(taxgate("credit adjust --sheets 40 --per-sheet 100").exit, 2) << "without a number";
  EXPECT_EQ(taxgate("credit adjust --total 1 --class I").exit, 2);
  EXPECT_EQ(taxgate("credit --month 2026-13").exit, 2);
  EXPECT_EQ(run(whole.stand(), "credit --taxpayer " + sample::invented_id("310115", 2999)).exit, 2);
  EXPECT_NE(taxgate("credit filed --period " + last.text()).exit, 2);
  EXPECT_NE(taxgate("credit adjust --sheets 40 --per-sheet 100 --reference P-1").exit, 2);
  EXPECT_NE(taxgate("credit adjust --sheets 40 --per-sheet 100 --reference P-1").exit, 2) << "once";

  whole.stand().taxgated().stop();
  ASSERT_TRUE(whole.stand().start_taxgated());
  const auto now = ask("&platform=no");
  EXPECT_TRUE(now.previous_filed());
  EXPECT_EQ(now.picked_up(), "4000.00");
  EXPECT_EQ(now.remaining(), "96000.00");
}

TEST_F(CreditStory, AVendorsSwappedReasonIsTurnedRoundOnTheWay) {
  const Invoice blue = blue_of_this_month();
  auto request = whole.full_red(blue);
  request.set_codes("nuonuo");
  request.set_reason("2");  // 开票有误 at this vendor, 销货退回 at the bureau
  const auto accepted = whole.stand().submit(request);
  ASSERT_TRUE(accepted) << accepted.error().id;
  EXPECT_EQ(accepted->reason(), "01");
  request.set_idempotency_key("another");
  request.set_reason("02");
  const auto refused = whole.stand().submit(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "codes.no_meaning");
}

}  // namespace
}  // namespace taxgate::tests
