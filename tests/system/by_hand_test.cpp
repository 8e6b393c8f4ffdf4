// What an operator does by hand at the worst moment: nothing of it may lose or double a submission.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/leqi.h"
#include "protocol/records.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using api::v1::ActionRequest;
using api::v1::Submission;

Result<Submission> by_hand(Whole& whole, const std::string& id, const std::string& action) {
  ActionRequest request;
  request.set_reason("looked at by hand");
  return whole.stand().call<Submission>("POST", "/v1/submissions/" + id + "/" + action, &request);
}

TEST(ByHand, ARequestOnItsWayIsNotHeldSoThatReleaseCannotSendItTwice) {
  Whole whole({.answer_ms = 4000});  // so long there is time to hold it, and the settle time more
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Invoice blue = whole.blue();
  whole.fault(blue, leqi::service::apply, R"("stall":true)");  // sent for a while, then unknown for a while
  const auto accepted = whole.stand().submit(whole.full_red(blue));
  ASSERT_TRUE(accepted);
  ASSERT_TRUE(whole.stand().wait_state(accepted->id(), {"sending"}, 60s));
  const auto held = by_hand(whole, accepted->id(), "hold");
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().id, "hold.too_late");
  EXPECT_EQ(held.error().detail, "409");
  const auto ended = whole.stand().wait_state(accepted->id(), {"attention", "held"}, 60s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state(), "issued");
  EXPECT_EQ(whole.documents_on(blue), 1);
}

TEST(ByHand, AFormThatStandsOnThePlatformIsNeverCalledCancelledAndGoesOnAfterAHold) {
  Whole whole;
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Invoice blue = whole.blue();
  whole.fault(blue, leqi::service::apply, R"("no_issue":true)");
  const auto accepted = whole.stand().submit(whole.full_red(blue));
  ASSERT_TRUE(accepted);
  const auto confirmed = whole.stand().wait_state(accepted->id(), {"confirmed"}, 60s);
  ASSERT_TRUE(confirmed);
  ASSERT_EQ(confirmed->state(), "confirmed");
  const auto held = by_hand(whole, accepted->id(), "hold");
  ASSERT_TRUE(held) << held.error().id;
  const auto cancelled = by_hand(whole, accepted->id(), "cancel");
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().id, "submission.sent");
  const auto released = by_hand(whole, accepted->id(), "release");
  ASSERT_TRUE(released) << released.error().id;
  EXPECT_EQ(released->state(), "confirmed");
  EXPECT_EQ(whole.documents_on(blue), 1);
}

TEST(ByHand, AnAnswerToAFormThatWasHeldIsSentAfterItsRelease) {
  Whole whole;
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Invoice blue = whole.blue(true);
  ASSERT_TRUE(whole.stand().control(
      "POST", "/forms", fmt::format(R"({{"blue_number":"{}","initiator":"buyer","reason":"02"}})", blue.number)));
  std::string uuid;
  ASSERT_TRUE(eventually([&] {
    const auto inbox = whole.stand().call<api::v1::Inbox>("GET", "/v1/inbox");
    for (int i = 0; inbox && i < inbox->forms_size(); ++i)
      if (inbox->forms(i).blue_number() == blue.number) uuid = inbox->forms(i).uuid();
    return !uuid.empty();
  }));
  // Held while the taxpayer's work waits, so surely before it was sent.
  api::v1::HoldRequest taxpayer;
  taxpayer.set_taxpayer(whole.us());
  ASSERT_TRUE(whole.stand().call<api::v1::HoldList>("POST", "/v1/holds", &taxpayer));
  ActionRequest request;
  const auto answer = whole.stand().call<Submission>("POST", "/v1/inbox/" + uuid + "/deny", &request);
  ASSERT_TRUE(answer) << answer.error().id;
  ASSERT_TRUE(by_hand(whole, answer->id(), "hold"));
  ASSERT_TRUE(whole.stand().call<api::v1::HoldList>("POST", "/v1/holds/release", &taxpayer));
  const auto released = by_hand(whole, answer->id(), "release");
  ASSERT_TRUE(released) << released.error().id;
  EXPECT_EQ(released->state(), "queued");
  const auto ended = whole.stand().wait_state(answer->id(), {"attention", "issued"}, 60s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state(), "done") << ended->error().message();
  // No form of ours: there is nothing to revoke.
  const auto cancelled = by_hand(whole, answer->id(), "cancel");
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().id, "submission.perhaps_sent");
}

TEST(ByHand, ARedIssuedElsewhereThatIsImportedCountsAgainstItsBlue) {
  Whole whole({.with_keys = false});
  ASSERT_TRUE(whole.stand().start_taxgated());
  const Invoice blue = whole.blue();  // 10 × 100.00
  Invoice red = whole.invoice();
  red.is_red = true;
  red.lines[0].quantity = Decimal::from_int(-6);
  red.amount = red.lines[0].amount = Fen{-60'000};
  red.tax = red.lines[0].tax = Fen{-7'800};
  api::v1::ImportRequest import;
  *import.add_invoices() = to_record(red);
  auto& record = *import.add_invoices() = to_record(blue);
  record.add_reds("no number");
  const auto damaged = whole.stand().call<api::v1::ImportReply>("POST", "/v1/invoices:import", &import);
  ASSERT_TRUE(damaged) << damaged.error().id;
  ASSERT_EQ(damaged->refused_size(), 1);
  EXPECT_EQ(damaged->refused(0).field(), "invoices[1].reds[0]");
  record.set_reds(0, red.number);
  const auto imported = whole.stand().call<api::v1::ImportReply>("POST", "/v1/invoices:import", &import);
  ASSERT_TRUE(imported) << imported.error().id;
  EXPECT_EQ(imported->updated(), 1U);
  const auto shown = whole.stand().call<api::v1::Invoice>("GET", "/v1/invoices/" + blue.number);
  ASSERT_TRUE(shown);
  ASSERT_EQ(shown->reds_size(), 1);
  auto request = whole.full_red(blue);
  request.set_reason("02");
  request.add_lines()->set_blue_line(1);
  request.mutable_lines(0)->set_quantity("5");
  const auto refused = whole.stand().submit(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "R2.amount_cap");
  EXPECT_EQ(refused.error().left, "400.00");
}

TEST(ByHand, AHoldOfNobodySaysWhatIsMissing) {
  Whole whole({.with_keys = false});
  ASSERT_TRUE(whole.stand().start_taxgated());
  api::v1::HoldRequest nobody;
  const auto held = whole.stand().call<api::v1::HoldList>("POST", "/v1/holds", &nobody);
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().id, "hold.whose");
}

}  // namespace
}  // namespace taxgate::tests
