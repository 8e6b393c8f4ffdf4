// What is told of a credit line becomes a record, or everything that is wrong with it.
#include "daemon/pipeline/credit_request.h"

#include <gmock/gmock.h>

namespace taxgate::pipeline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const LegalTime kNow = *LegalTime::parse("2026-06-10 09:00:00");
using Request = api::v1::CreditAdjustRequest;

store::CreditRecord told(std::string kind, Fen amount, std::string reference = {}) {
  store::CreditRecord r;
  r.kind = std::move(kind);
  r.at = *LegalTime::parse("2026-04-01");
  r.amount = amount;
  r.reference = std::move(reference);
  return r;
}
std::vector<std::string> refused(const Request& request, const std::vector<store::CreditRecord>& known = {}) {
  std::vector<std::string> out;
  if (const auto record = credit_record(request, kNow, known); !record)
    for (const Error& e : record.error()) out.push_back(e.id);
  return out;
}
Request application() {
  Request r;
  r.set_limit("9000000");
  r.set_from("2026-06-10");
  r.set_until("2026-07-31");
  r.set_result("applied");
  r.set_reference("A-17");
  r.set_short_term_type("订单增加");
  r.set_reason("a large order");
  auto& paper = *r.add_attachments();
  paper.set_kind("contract");
  paper.set_hash(std::string(64, 'a'));
  paper.set_name("order.pdf");
  return r;
}

TEST(CreditRequests, AnApplicationKeepsItsTypePeriodReasonAndPapers) {
  const auto record = credit_record(application(), kNow, {});
  ASSERT_TRUE(record);
  EXPECT_EQ(record->kind, "application");
  EXPECT_EQ(record->amount, Fen{900'000'000});
  EXPECT_EQ(record->until, *LegalTime::parse("2026-08-01"));
  EXPECT_EQ(record->short_term_type, "订单增加");
  EXPECT_EQ(record->note, "applied: a large order");
  ASSERT_EQ(record->papers.size(), 1U);
  EXPECT_EQ(record->papers[0], (store::CreditPaper{"contract", std::string(64, 'a'), "order.pdf"}));
}

TEST(CreditRequests, AnApplicationIsToldAllItsMistakesAtOnce) {
  Request r = application();
  r.clear_short_term_type();
  r.clear_reason();
  r.mutable_attachments(0)->set_kind("photo");
  EXPECT_THAT(refused(r), ElementsAre("C9.short_term_type", "C9.reason", "C9.attachment_kind"));
  for (int i = 0; i < 20; ++i) *r.add_attachments() = r.attachments(0);
  EXPECT_THAT(refused(r), ElementsAre("evidence.too_many"));
}

TEST(CreditRequests, ResultsAreAppliedRejectedApprovedOrTheBureausOwnAccord) {
  Request r;
  r.set_limit("9000000");
  r.set_reference("A-17");
  const auto kind = [&](const char* result) {
    r.set_result(result);
    const auto record = credit_record(r, kNow, {});
    return record ? record->kind : record.error().front().id;
  };
  EXPECT_EQ(kind(""), "limit");
  EXPECT_EQ(kind("approved"), "limit");
  EXPECT_EQ(kind("rejected"), "rejection");
  EXPECT_EQ(kind("ex_officio"), "limit") << "nothing is known that it would raise";
  EXPECT_EQ(kind("perhaps"), "credit.result");
  EXPECT_EQ(kind("applied"), "C9.reason");
}

TEST(CreditRequests, OfItsOwnAccordTheBureauLowersTheLimitInForce) {
  Request r;
  r.set_result("ex_officio");
  r.set_limit("8000000");
  EXPECT_THAT(refused(r, {told("limit", Fen{750'000'000})}), ElementsAre("C10.only_lowers"));
  r.set_limit("7500000");
  EXPECT_THAT(refused(r, {told("limit", Fen{750'000'000})}), IsEmpty());
}

TEST(CreditRequests, ASeedIsANewTaxpayersAndARepeatOfItIsLeftToTheStore) {
  Request r;
  r.set_class_("III");
  EXPECT_THAT(refused(r), IsEmpty());
  EXPECT_THAT(refused(r, {told("limit", Fen{100})}), ElementsAre("credit.initial_once"));
  EXPECT_THAT(refused(r, {told("pickup", Fen{100}, "P-1")}), ElementsAre("C8.existing"));
  EXPECT_THAT(refused(r, {told("initial", Fen{750'000'000})}), IsEmpty());
  r.set_class_("V");
  EXPECT_THAT(refused(r), ElementsAre("credit.class"));
}

TEST(CreditRequests, TheFirstLimitHoldsForTheWholeMonthLaterOnesFromWhenTheyAreTold) {
  Request r;
  r.set_limit("9000000");
  EXPECT_EQ(credit_record(r, kNow, {})->at, *LegalTime::parse("2026-06-01"));
  EXPECT_EQ(credit_record(r, kNow, {told("limit", Fen{100})})->at, kNow);
}

}  // namespace
}  // namespace taxgate::pipeline
