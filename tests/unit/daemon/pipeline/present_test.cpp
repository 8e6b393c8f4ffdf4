// The text an acceptance is answered with, against the message it stands for.
#include <gtest/gtest.h>

#include "daemon/pipeline/present.h"
#include "protocol/json_form.h"

namespace taxgate::pipeline {
namespace {

/// Every field that a submission can show, each with a value of its own.
struct Everything {
  Everything() {
    sub.seq = 7;
    sub.id = "0190b0e2-0000-7000-8000-000000000001";
    sub.kind = Kind::red;
    sub.state = State::attention;
    sub.step = Step::upload;
    sub.taxpayer = "91500112MA5U8DYN6E";
    sub.idempotency_key = "key \"1\" \\ 开票\n";
    sub.blue_number = "26990000000007000001";
    sub.amount = Fen{-100'05};
    sub.tax = Fen{-13'01};
    sub.created_at = LegalTime{1'790'000'000'123};
    sub.updated_at = LegalTime{1'790'000'100'456};
    sub.entered_at = LegalTime{1'790'000'050'000};
    sub.deadline = LegalTime{1'790'200'000'000};
    sub.form_uuid = "uuid-1";
    sub.form_number = "50011226110000000001";
    sub.form_state = "01";
    sub.red_number = "26990000000007000002";
    sub.key_serial = "KEY-1";
    sub.hold_reason = "disk.quota";
    sub.hold_release_by = "operator";
    sub.foreign = R"({"lzfphm":"1"})";
    api::v1::ErrorBody error;
    error.set_code("form.foreign");
    error.add_more()->set_code("R2.tax_cap");
    sub.error = error.SerializeAsString();
    red.track = Track::information_table;
    red.initiator = Side::buyer;
    red.seller.id = "91500112MA5U8DYN6E";
    red.buyer.id = "914201062500000000";
    for (int n = 1; n <= 2; ++n) {
      RedLine line;
      line.blue_line = n;
      line.tax_code = "1090131050000000000";
      line.name = "*制冷空调设备*变频空调\t";
      line.spec = "KFR-35GW";
      line.unit = "台";
      if (n == 1) line.quantity = Decimal::from_int(-1);
      if (n == 1) line.price = Decimal::from_int(100);
      line.amount = Fen{-100'05};
      line.rate = *Decimal::parse("0.13");
      line.tax = Fen{-13'01};
      line.preference = n == 1 ? "" : "01";
      red.lines.push_back(line);
    }
    request.mutable_context()->set_order("SO-1");
    request.mutable_context()->set_operator_("王\xff");  // not UTF-8
    request.add_evidence()->set_name("slip.pdf");
    request.add_evidence()->set_hash("00ff");
    request.mutable_circumstances()->set_performed("0.25");
    for (int n = 0; n < 2; ++n) {
      store::JournalRow row;
      row.seq = n;  // the first is none, and is left out
      row.at = sub.created_at;
      row.event = "accepted";
      row.state = "queued";
      row.step = "apply";
      row.principal = "erp";
      row.detail = "noted: R1.confirmation";
      row.reference = "r";
      timeline.push_back(row);
    }
  }
  std::string by_message(const RedDocument* document, const api::v1::SubmissionRequest* asked,
                         const std::vector<store::JournalRow>& rows) const {
    auto message = present(sub, "simulator", document, asked);
    add_timeline(message, rows);
    return to_json(message);
  }

  store::Submission sub;
  RedDocument red;
  api::v1::SubmissionRequest request;
  std::vector<store::JournalRow> timeline;
};

TEST(Present, EvidenceThatDoesNotVerifyIsShownWithItsReasonAndItsVeryBytes) {
  store::KeptSignature kept{.step = Step::upload, .seq = 7, .at = LegalTime{1'790'000'000'123}, .evidence = {}};
  const auto made = make_envelope({"simulator", "91500112MA5U8DYN6E", "upload", "id/upload"}, as_bytes("{}"));
  ASSERT_TRUE(made);
  kept.evidence.bytes = *made;
  kept.evidence.certificate = {0x30, 0x00};
  const auto no_certificate = present(kept, "91500112MA5U8DYN6E");
  EXPECT_FALSE(no_certificate.verified());
  EXPECT_EQ(no_certificate.problem().code(), "cert.parse");
  EXPECT_EQ(no_certificate.purpose() + " " + no_certificate.request(), "upload id/upload");
  EXPECT_EQ(no_certificate.seq(), 7U);
  EXPECT_EQ(no_certificate.sm3(), hex(sm3(*made)));
  kept.evidence.bytes.back() ^= 1;
  const auto changed = present(kept, "91500112MA5U8DYN6E");
  EXPECT_FALSE(changed.verified());
  EXPECT_EQ(changed.problem().code(), "envelope.digest");
  EXPECT_EQ(changed.envelope(), as_text(kept.evidence.bytes));
}

TEST(Present, TheTextOfAnAnswerIsThatOfItsMessageWhateverIsThereOrMissing) {
  const Everything all;
  const std::string text = present_json(all.sub, "simulator", &all.red, &all.request, all.timeline);
  EXPECT_EQ(text, all.by_message(&all.red, &all.request, all.timeline));
  EXPECT_EQ(present_json(all.sub, "simulator", nullptr, nullptr, {}), all.by_message(nullptr, nullptr, {}));
  for (int state = 0; state < kStateCount; ++state) {
    Everything one;
    one.sub.state = static_cast<State>(state);
    one.sub.hold_reason = one.sub.foreign = one.sub.error = one.sub.key_serial = {};
    one.sub.updated_at = one.sub.created_at;
    one.sub.entered_at = {};
    one.red.lines.pop_back();
    one.request.clear_context();
    one.request.clear_circumstances();
    EXPECT_EQ(present_json(one.sub, "production", &one.red, &one.request, {}),
              to_json(present(one.sub, "production", &one.red, &one.request)))
        << state;
  }
  store::Submission empty;
  EXPECT_EQ(present_json(empty, "", nullptr, nullptr, {}), to_json(present(empty, "", nullptr, nullptr)));
}

TEST(Present, TheTextHoldsEveryFieldOfTheSchemaThatASubmissionCanShow) {
  const Everything all;
  api::v1::Submission read;
  auto text = present_json(all.sub, "simulator", &all.red, &all.request, all.timeline);
  ASSERT_TRUE(from_json(text, read));
  for (int i = 0; i < read.GetDescriptor()->field_count(); ++i) {
    const auto& field = *read.GetDescriptor()->field(i);
    // Set by whoever knows the calendar, and "final" only in the states that are.
    if (field.name().starts_with("deadline_warning") || field.name() == "final") continue;
    const bool there = field.is_repeated() ? read.GetReflection()->FieldSize(read, &field) > 0
                                           : read.GetReflection()->HasField(read, &field);
    EXPECT_TRUE(there) << field.name();
  }
}

}  // namespace
}  // namespace taxgate::pipeline
