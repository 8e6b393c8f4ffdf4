// A check says what a submission would have met, because it is the first half of one; and it leaves nothing behind.
#include <gmock/gmock.h>

#include "tests/unit/daemon/pipeline/intake_fixture.h"

namespace taxgate::pipeline {
namespace {

using api::v1::SubmissionRequest;
using testing::Contains;

class IntakeCheck : public IntakeFixture {
 protected:
  void expect_agreement(const SubmissionRequest& request, const std::string& what) {
    SCOPED_TRACE(what);
    const auto verdict = check(request);
    const auto admitted = intake_.admit(*reader_, settings_, "erp", taxpayers_, api::SubmissionBody(request), false);
    EXPECT_EQ(verdict.answer() == "refused", !admitted.has_value());
    if (admitted) {
      EXPECT_EQ(verdict.answer() == "needs_approval", admitted->submission.state == State::waiting_approval);
      EXPECT_EQ(verdict.amount(), admitted->submission.amount.text());
      EXPECT_EQ(verdict.tax(), admitted->submission.tax.text());
      EXPECT_EQ(verdict.lines_size(), static_cast<int>(admitted->red->lines.size()));
      return;
    }
    std::vector<std::string> refusals;
    for (const auto& finding : verdict.findings())
      if (finding.severity() == "refuse") refusals.push_back(finding.code());
    ASSERT_EQ(refusals.size(), admitted.error().size());
    for (const Error& error : admitted.error()) EXPECT_THAT(refusals, Contains(error.id));
    EXPECT_TRUE(admitted.error().front().id.starts_with(verdict.findings(0).rule()));
    EXPECT_FALSE(verdict.findings(0).message().empty());
    EXPECT_FALSE(verdict.findings(0).message_zh().empty());
  }
};

TEST_F(IntakeCheck, SaysOfEverySampleAndItsDamagedFormsWhatASubmissionMeets) {
  int allowed = 0, refused = 0;
  for (const std::string number : {"01", "02", "03", "04", "05", "06", "07", "08", "09", "10"}) {
    const auto request = sample("sample_" + number);
    expect_agreement(request, number);
    check(request).answer() == "refused" ? ++refused : ++allowed;
    for (const std::string reason : {"01", "02", "03", "04", "05", ""}) {
      auto other = request;
      other.set_reason(reason);
      expect_agreement(other, number + " for reason " + reason);
    }
    auto more = request;
    for (auto& line : *more.mutable_lines()) line.set_quantity("99999999");
    expect_agreement(more, number + " with too much");
    auto nobody = request;
    nobody.set_seller("91310115TGDM00011X");
    expect_agreement(nobody, number + " of another seller");
    auto unknown = request;
    unknown.clear_blue();
    expect_agreement(unknown, number + " without its blue invoice");
  }
  EXPECT_GT(allowed, 3);
  EXPECT_EQ(allowed + refused, 10);
}

TEST_F(IntakeCheck, TakesTheOperatorsWordsForWhatHappenedAndTurnsNoCodeRound) {
  auto goods = sample("sample_01"), banquet = sample("sample_04");
  const auto reason = [&](SubmissionRequest& request, const std::string& text) {
    request.set_reason(text);
    const auto reply = check(request);
    return reply.answer() == "refused" ? reply.findings(0).code() : reply.reason();
  };
  EXPECT_EQ(reason(goods, "客户拒收"), "02");
  EXPECT_EQ(reason(banquet, "宴席取消"), "03") << "a service is stopped, not returned";
  for (const char* exact : {"02", "销货退回"}) EXPECT_EQ(reason(banquet, exact), "R13.reason") << exact;
  settings_.codes.reason_words = {{"仓库拒签", "02"}};
  EXPECT_EQ(reason(goods, "仓库拒签"), "02");
  EXPECT_EQ(reason(goods, "客户拒收"), "reason.unknown");
}

TEST_F(IntakeCheck, AnApprovalOfTheVerdictIsTheStateOfTheSubmission) {
  const auto request = sample("sample_10");
  ASSERT_NE(check(request).answer(), "needs_approval");
  settings_.codes.approvals.emplace_back().amount = Fen{1};
  EXPECT_EQ(check(request).answer(), "needs_approval");
  expect_agreement(request, "everything is looked at");
}

TEST_F(IntakeCheck,
       AReturnAndAnAllowanceComeAsTwoDocumentsReadyToHandIn) {  // R29: 30 % back, 5 % off the remaining 700,000
  auto request = sample("sample_01");
  request.clear_lines();
  request.clear_reason();
  for (const auto& [share, reason] : {std::pair{"0.05", "04"}, std::pair{"0.3", "02"}}) {
    auto& line = *request.add_lines();
    line.set_blue_line(1);
    line.set_share(share);
    line.set_reason(reason);
  }
  const auto reply = check(request);
  EXPECT_NE(reply.answer(), "refused");
  EXPECT_EQ(reply.lines_size(), 0) << "it is no one document";
  ASSERT_EQ(reply.proposals_size(), 2);
  const auto &first = reply.proposals(0), &second = reply.proposals(1);
  EXPECT_EQ(first.request().reason() + " " + first.amount() + " " + first.tax(), "02 -300000.00 -39000.00");
  EXPECT_EQ(second.request().reason() + " " + second.amount() + " " + second.tax(), "04 -35000.00 -4550.00");
  EXPECT_EQ(second.findings(second.findings_size() - 1).code(), "R29.serial");
  EXPECT_EQ(first.request().context().order(), "SO-1");
  EXPECT_TRUE(first.request().idempotency_key().empty()) << "each document is a request of its own";

  auto alone = first.request();
  alone.set_idempotency_key("first");
  const auto admitted = intake_.admit(*reader_, settings_, "erp", taxpayers_, api::SubmissionBody(alone), false);
  ASSERT_TRUE(admitted);
  EXPECT_EQ(admitted->submission.amount.text(), "-300000.00");
  const auto both = intake_.admit(*reader_, settings_, "erp", taxpayers_, api::SubmissionBody(request), false);
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().front().id, "R29.documents");

  request.mutable_lines(0)->set_reason("unheard of");
  request.mutable_lines(1)->set_share("a third");
  const auto wrong = check(request);
  ASSERT_EQ(wrong.findings_size(), 2);
  EXPECT_EQ(wrong.findings(0).field() + " " + wrong.findings(1).field(), "lines[0].reason lines[1].share");
}

TEST_F(IntakeCheck, OfAServicePartlyPerformedTheRestIsFilledIn) {  // R30
  auto request = sample("sample_04");
  request.clear_lines();
  request.mutable_circumstances()->set_performed("0.25");
  const auto reply = check(request);
  EXPECT_NE(reply.answer(), "refused");
  EXPECT_EQ(reply.amount() + " " + reply.tax(), "-15000.00 -900.00");
  request.mutable_circumstances()->set_performed("0");
  EXPECT_EQ(check(request).amount(), "-20000.00");
  request.mutable_circumstances()->set_performed("1");
  EXPECT_EQ(check(request).findings(0).code(), "R21.share");
}

TEST_F(IntakeCheck, KeepsNothing) {
  const auto request = sample("sample_10");
  const auto before = *reader_->last_seq();
  for (int i = 0; i < 3; ++i)
    EXPECT_NE(check(request, true).answer(), "refused") << "each is asked as if it were the first";
  EXPECT_EQ(*reader_->last_seq(), before);
  EXPECT_FALSE(*reader_->invoice(request.blue_number())) << "the blue invoice of a question enters no ledger";
  EXPECT_TRUE(check(request).accepted_as().empty());
}

TEST_F(IntakeCheck, TheMenuComesAlsoWithoutAReasonAndNotToAnotherTaxpayersCaller) {
  auto request = sample("sample_10");
  request.clear_reason();
  const auto menu = check(request, true);
  EXPECT_EQ(menu.answer(), "refused");
  ASSERT_EQ(menu.reasons_size(), 4);
  ASSERT_EQ(menu.left_size(), 1);
  EXPECT_EQ(menu.left(0).amount(), "50000.00");
  taxpayers_ = {"91310115TGDM00011U"};
  const auto foreign = check(request, true);
  EXPECT_EQ(foreign.findings(0).code(), "caller.taxpayer");
  EXPECT_EQ(foreign.reasons_size(), 0);
  EXPECT_EQ(foreign.left_size(), 0);
}

}  // namespace
}  // namespace taxgate::pipeline
