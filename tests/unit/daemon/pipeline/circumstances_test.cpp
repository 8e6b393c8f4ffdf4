// Papers and circumstances on their way to the rules: declared, known from ledger and platform, or both and different.
#include "daemon/pipeline/circumstances.h"

#include <gmock/gmock.h>

#include "daemon/pipeline/present.h"
#include "protocol/invoice_key.h"
#include "tests/unit/daemon/pipeline/intake_fixture.h"

namespace taxgate::pipeline {
namespace {

using api::v1::SubmissionRequest;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kHash(64, 'a');

template <class T>
Result<T> stored(std::move_only_function<void(std::move_only_function<void(Result<T>)>)> start) {
  std::promise<Result<T>> promise;
  start([&](Result<T> r) { promise.set_value(std::move(r)); });
  return promise.get_future().get();
}

class Circumstances : public IntakeFixture {
 protected:
  std::vector<std::string> codes(const SubmissionRequest& request, const std::string& severity = {}) {
    std::vector<std::string> out;
    for (const auto& f : check(request).findings())
      if (severity.empty() || f.severity() == severity) out.push_back(f.code());
    return out;
  }
  static void bring(SubmissionRequest& request, const std::string& kind, const std::string& hash = kHash) {
    auto& paper = *request.add_evidence();
    paper.set_kind(kind);
    paper.set_hash(hash);
  }
  void demand(rules::Severity severity) {
    settings_.codes.evidence = {
        {.rule = "R33", .severity = severity, .kinds = {"return_slip"}, .reasons = {"02"}, .provinces = {}},
        {.rule = "P16", .severity = severity, .kinds = {"explanation"}, .reasons = {}, .provinces = {"31"}}};
  }
  /// The request's blue invoice enters the ledger; what the request said of it is gone from the request.
  Invoice import(SubmissionRequest& request) {
    Findings findings;
    Invoice blue = read_record(request.blue(), "", true, findings);
    EXPECT_THAT(findings, IsEmpty());
    EXPECT_TRUE(stored<store::Store::ImportCounts>(
        [&](auto done) { store_->import_invoices({blue}, {"erp", {}, {}}, std::move(done)); }));
    request.clear_blue();
    return blue;
  }
  /// The platform's word on it, as a night writes it.
  void seen_by_night(const Invoice& blue, std::initializer_list<std::pair<StatusField, std::string>> fields) {
    const auto number =
        stored<std::uint32_t>([&](auto done) { store_->night().taxpayer_number(blue.seller.id, std::move(done)); });
    ASSERT_TRUE(number);
    store::NightBatch batch;
    batch.run = 1;
    batch.taxpayer = blue.seller.id;
    auto& change = batch.changes.emplace_back();
    change.key = *invoice_key(*number, blue.number);
    for (const auto& [field, code] : fields) change.after.set(field, *status_code(code));
    ASSERT_TRUE(
        stored<store::NightCommitted>([&](auto done) { store_->night().commit(std::move(batch), std::move(done)); }));
    intake_.forget_all();
  }
};

TEST_F(Circumstances, ARuleThatDemandsPapersIsMetByThemAndByNothingElse) {
  auto request = sample("sample_01");
  demand(rules::Severity::refuse);
  EXPECT_THAT(codes(request, "refuse"), ElementsAre("R33.evidence"));
  bring(request, "inspection_report");
  EXPECT_THAT(codes(request, "refuse"), ElementsAre("R33.evidence")) << "another kind is another paper";
  bring(request, "return_slip");
  EXPECT_THAT(codes(request, "refuse"), IsEmpty());
  request.mutable_circumstances()->set_province("31");
  EXPECT_THAT(codes(request, "refuse"), ElementsAre("P16.evidence"));
  bring(request, "explanation");
  EXPECT_THAT(codes(request, "refuse"), IsEmpty());

  demand(rules::Severity::needs_approval);
  request.clear_evidence();
  EXPECT_EQ(check(request).answer(), "needs_approval");
}

TEST_F(Circumstances, APaperWithoutAProperDigestIsRefusedByItsPlace) {
  auto request = sample("sample_01");
  bring(request, "explanation");
  bring(request, "");
  bring(request, "return_slip", std::string(64, 'G'));
  bring(request, "return_slip", std::string(64, 'A'));
  request.mutable_evidence(0)->set_algorithm("md5");
  request.mutable_evidence(0)->set_name("a\nb");
  EXPECT_THAT(codes(request),
              ElementsAre("evidence.name", "evidence.algorithm", "evidence.kind", "evidence.hash", "evidence.hash"));
  EXPECT_EQ(check(request).findings(2).field(), "evidence[1].kind");
  request.clear_evidence();
  for (int i = 0; i <= kMaxEvidence; ++i) bring(request, "explanation");
  EXPECT_THAT(codes(request), ElementsAre("evidence.too_many"));
}

TEST_F(Circumstances, WhatIsDeclaredReachesTheRulesAndWhatCannotBeReadIsRefused) {
  auto request = sample("sample_01");
  auto& declared = *request.mutable_circumstances();
  declared.set_counterparty_status("注销");
  declared.add_labels("已申请冬奥会退税");
  declared.set_alert("01");
  declared.set_voucher_status("02");
  EXPECT_THAT(codes(request, "refuse"),
              testing::IsSupersetOf({"R11.counterparty", "R10.enjoyed", "K1.red_alert", "R8.abnormal"}));
  declared.Clear();
  declared.set_deducted("perhaps");
  declared.set_farm_credited("1.234");
  declared.set_performed("half");
  declared.set_province(std::string(301, 'x'));
  const auto refused = codes(request);
  EXPECT_THAT(refused, Contains("circumstances.yes_no"));
  EXPECT_THAT(refused, Contains("circumstances.text"));
  EXPECT_EQ(refused.size(), 4U);
  declared.Clear();
  declared.set_customer_class("key account");
  settings_.codes.approvals.emplace_back().customers = {"key account"};
  EXPECT_EQ(check(request).answer(), "needs_approval");
}

TEST_F(Circumstances, WhatThePlatformSaysNeedNotBeDeclaredAndGoesBeforeWhatIs) {
  auto request = sample("sample_01");
  const Invoice blue = import(request);
  ASSERT_THAT(codes(request, "refuse"), IsEmpty());
  seen_by_night(blue, {{StatusField::abnormal, "02"}, {StatusField::risk, "02"}});
  EXPECT_THAT(codes(request, "refuse"), ElementsAre("R8.abnormal"));
  EXPECT_THAT(codes(request, "warn"), Contains("K2.yellow_alert"));
  EXPECT_THAT(codes(request), Not(Contains("known.differs")));
  request.mutable_circumstances()->set_voucher_status("01");
  EXPECT_THAT(codes(request, "refuse"), ElementsAre("R8.abnormal")) << "the platform's word counts";
  EXPECT_THAT(codes(request, "warn"), Contains("known.differs"));
}

TEST_F(Circumstances, DeductedAndBookedAreTakenFromTheLedgerAndADeclarationThatDiffersIsTold) {
  auto request = sample("sample_01");  // use 1, booking 02
  import(request);
  request.mutable_circumstances()->set_deducted("yes");
  request.mutable_circumstances()->set_booked("yes");
  EXPECT_THAT(codes(request), Not(Contains("known.differs")));
  request.mutable_circumstances()->set_deducted("no");
  request.mutable_circumstances()->set_booked("no");
  const auto reply = check(request);
  EXPECT_EQ(std::ranges::count(codes(request), "known.differs"), 2);
  EXPECT_TRUE(reply.counterparty_confirms()) << "the ledger's word counts";
  EXPECT_FALSE(reply.findings(0).message_zh().empty());

  auto silent = sample("sample_10");
  silent.mutable_blue()->clear_use();
  silent.mutable_blue()->clear_booking();
  EXPECT_THAT(codes(silent), Contains("R1.unknown"));
  silent.mutable_circumstances()->set_booked("yes");
  EXPECT_TRUE(check(silent).counterparty_confirms()) << "where nobody else knows, the caller's word counts";
}

TEST_F(Circumstances, AnotherInvoiceUnderTheSameNumberIsRefusedAndAnOldStatusTold) {
  auto request = sample("sample_01");
  const auto blue = request.blue();
  import(request);
  *request.mutable_blue() = blue;
  EXPECT_THAT(codes(request), Not(Contains("known.differs")));
  request.mutable_blue()->set_use("0");
  EXPECT_THAT(codes(request, "warn"), Contains("known.differs"));
  EXPECT_NE(check(request).answer(), "refused");
  request.mutable_blue()->set_amount("1.00");
  request.mutable_blue()->mutable_buyer()->set_id("91420106TGDM00302K");
  EXPECT_THAT(codes(request, "refuse"), ElementsAre("known.other_invoice", "known.other_invoice"));
  EXPECT_EQ(check(request).answer(), "refused");
  EXPECT_FALSE(intake_.admit(*reader_, settings_, "erp", taxpayers_, api::SubmissionBody(request), false));
}

TEST_F(Circumstances, APartlyReversedInvoiceWithoutAKnownRedIsTold) {
  auto request = sample("sample_01");
  const Invoice blue = import(request);
  seen_by_night(blue, {{StatusField::state, "7"}});
  EXPECT_THAT(codes(request, "warn"), Contains("known.reds_missing"));
}

TEST_F(Circumstances, PapersAreStoredWithTheSubmissionShownAndNamedInItsJournal) {
  auto request = sample("sample_01");
  demand(rules::Severity::refuse);
  bring(request, "return_slip");
  request.mutable_evidence(0)->set_name("slip.pdf");
  request.mutable_circumstances()->set_performed("0.25");
  settings_.codes.approvals.emplace_back().amount = Fen{1};
  auto admitted = intake_.admit(*reader_, settings_, "erp", taxpayers_, api::SubmissionBody(request), false);
  ASSERT_TRUE(admitted);
  std::promise<std::string> id;
  std::vector<store::Acceptance> batch;
  batch.push_back({std::move(admitted->submission),
                   {"erp", {}, {}},
                   std::move(admitted->inline_invoices),
                   [&](Result<store::Accepted> done) { id.set_value(done ? done->submission.id : std::string()); },
                   admitted->detail});
  store_->accept(std::move(batch));
  const std::string accepted = id.get_future().get();
  const auto row = reader_->submission(accepted);
  ASSERT_TRUE(row && *row);
  const auto shown = present(**row, "simulator");
  ASSERT_EQ(shown.evidence_size(), 1);
  EXPECT_EQ(shown.evidence(0).name(), "slip.pdf");
  EXPECT_EQ(shown.evidence(0).hash(), kHash);
  EXPECT_EQ(shown.circumstances().performed(), "0.25");
  const auto journal = reader_->journal_of(accepted);
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->front().detail,
            "approval: P5.amount; noted: R1.confirmation; evidence: return_slip sha256:" + kHash);
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(Circumstances, WhatTheRulesOnlyNoteStandsInTheJournalOfWhatWasAccepted) {
  auto request = sample("sample_01");
  const auto accepted = [&] {
    auto admitted = intake_.admit(*reader_, settings_, "erp", taxpayers_, api::SubmissionBody(request), false);
    return admitted ? admitted->detail : admitted.error().front().id;
  };
  request.mutable_circumstances()->set_alert("02");
  EXPECT_THAT(accepted(), HasSubstr("noted: K2.yellow_alert")) << "a warning that only `check` had said";
  request.mutable_circumstances()->set_alert("");
  EXPECT_THAT(accepted(), Not(HasSubstr("yellow")));
}

}  // namespace
}  // namespace taxgate::pipeline
