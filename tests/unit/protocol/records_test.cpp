#include "protocol/records.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "protocol/record.pb.h"
#include "tests/unit/protocol/sample_documents.h"
#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> ids(const Findings& findings) {
  std::vector<std::string> out;
  for (const Error& e : findings) out.push_back(e.id + " " + e.field);
  return out;
}
/// What read_record complains of after `change`.
template <class Change>
std::vector<std::string> findings_after(Change change) {
  api::v1::Invoice record = to_record(test::sample_invoice());
  change(record);
  Findings findings;
  (void)read_record(record, "blue.", true, findings);
  return ids(findings);
}

TEST(InvoiceRecord, RoundTripsEveryField) {
  Invoice invoice = test::sample_invoice();
  invoice.is_red = true;
  invoice.locked = true;
  invoice.element = "04";
  invoice.difference = "02";
  invoice.lines[0].preference = "03";
  invoice.lines[0].spec = "42.5";
  Findings findings;
  const Invoice back = read_record(to_record(invoice), {}, true, findings);
  EXPECT_THAT(ids(findings), IsEmpty());
  EXPECT_EQ(back, invoice);
}

TEST(InvoiceRecord, ReportsAllFindingsWithTheirPaths) {
  EXPECT_THAT(findings_after([](auto& r) {
                r.mutable_seller()->set_id("91340200TGDM0002XA");
                r.mutable_lines(0)->set_amount("12,50");
                r.mutable_lines(1)->set_rate("13");
                r.set_issued_at("yesterday");
              }),
              ElementsAre("time.format blue.issued_at", "id.taxpayer_check blue.seller.id",
                          "money.format blue.lines[0].amount", "record.rate blue.lines[1].rate"));
}

TEST(InvoiceRecord, ChecksEachField) {
  using R = api::v1::Invoice;
  EXPECT_THAT(findings_after([](R& r) { r.clear_number(); }), ElementsAre("record.missing blue.number"));
  EXPECT_THAT(findings_after([](R& r) { r.clear_type(); }), ElementsAre("record.missing blue.type"));
  EXPECT_THAT(findings_after([](R& r) { r.set_type("special"); }), ElementsAre("id.invoice_type blue.type"));
  EXPECT_THAT(findings_after([](R& r) { r.set_number("2699"); }), ElementsAre("id.invoice_number_length blue.number"));
  EXPECT_THAT(findings_after([](R& r) { r.set_code("011002100112"); }),
              ElementsAre("id.invoice_number_code blue.number"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_seller()->clear_id(); }),
              ElementsAre("record.missing blue.seller.id"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_buyer()->clear_name(); }),
              ElementsAre("record.missing blue.buyer.name"));
  EXPECT_THAT(findings_after([](R& r) { r.clear_lines(); }), ElementsAre("record.missing blue.lines"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->set_tax_code("108010102"); }),
              ElementsAre("record.code blue.lines[0].tax_code"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->clear_name(); }),
              ElementsAre("record.missing blue.lines[0].name"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->set_name("a\nb"); }),
              ElementsAre("record.control blue.lines[0].name"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->clear_price(); }),
              ElementsAre("record.quantity_price blue.lines[0].price"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->set_price("1e2"); }),
              ElementsAre("decimal.exponent blue.lines[0].price"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->clear_rate(); }),
              ElementsAre("record.missing blue.lines[0].rate"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->set_rate("-0.13"); }),
              ElementsAre("record.rate blue.lines[0].rate"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(0)->set_kind("09"); }),
              ElementsAre("record.code blue.lines[0].kind"));
  EXPECT_THAT(findings_after([](R& r) { r.mutable_lines(1)->set_line(3); }),
              ElementsAre("record.line_number blue.lines[1].line"));
  EXPECT_THAT(findings_after([](R& r) { r.set_total("191100.01"); }), ElementsAre("record.total blue.total"));
  EXPECT_THAT(findings_after([](R& r) { r.set_use("used by them"); }), ElementsAre("record.code blue.use"));
  EXPECT_THAT(findings_after([](R& r) { r.clear_amount(); }), ElementsAre("record.missing blue.amount"));
}

TEST(InvoiceRecord, CountsCharactersNotBytesAgainstThePlatformsFieldLengths) {
  std::string name;
  for (int i = 0; i < 300; ++i) name += "税";
  EXPECT_THAT(findings_after([&](auto& r) { r.mutable_seller()->set_name(name); }), IsEmpty());
  EXPECT_THAT(findings_after([&](auto& r) { r.mutable_seller()->set_name(name + "x"); }),
              ElementsAre("record.length blue.seller.name"));
}

TEST(InvoiceRecord, LeavesOutWhatCanBeDerived) {
  EXPECT_THAT(findings_after([](auto& r) {
                r.clear_total();
                r.mutable_lines(0)->clear_line();
                r.mutable_lines(1)->clear_line();
                r.mutable_buyer()->clear_id();  // a natural person
                r.clear_use();
                r.clear_booking();
              }),
              IsEmpty());
  api::v1::Invoice record = to_record(test::sample_invoice());
  record.mutable_lines(0)->clear_line();
  record.mutable_lines(0)->clear_kind();
  Findings findings;
  const Invoice read = read_record(record, {}, true, findings);
  EXPECT_EQ(read.lines[0].number, 1);
  EXPECT_EQ(read.lines[0].kind, LineKind::normal);
}

TEST(InvoiceRecord, StoresCodesItDoesNotKnow) {
  api::v1::Invoice record = to_record(test::sample_invoice());
  record.set_type("89");
  record.set_use("42");
  record.set_status("77");
  Findings findings;
  const Invoice read = read_record(record, {}, true, findings);
  EXPECT_THAT(ids(findings), IsEmpty());
  EXPECT_EQ(read.type, "89");
  EXPECT_EQ(read.use, "42");
  EXPECT_EQ(read.status, "77");
}

TEST(InvoiceRecord, JoinsTheCodeAndNumberOfATaxDeviceInvoice) {
  api::v1::Invoice record = to_record(test::sample_invoice());
  record.set_type("01");
  record.set_code("9900241130");
  record.set_number("9");
  Findings findings;
  EXPECT_EQ(read_record(record, {}, true, findings).number, "990024113000000009");
  EXPECT_THAT(ids(findings), IsEmpty());
}

TEST(InvoiceRecord, RefusesInventedIdentitiesOutsideTheSimulator) {
  Findings findings;
  (void)read_record(to_record(test::sample_invoice()), {}, false, findings);
  EXPECT_THAT(ids(findings), ElementsAre("id.taxpayer_invented seller.id", "id.taxpayer_invented buyer.id"));
}

/// What protobuf itself writes for the message that these bytes are; nothing when they are none.
std::string as_protobuf_writes(const std::string& stored) {
  stored::v1::RedDocument message;
  if (!message.ParseFromArray(stored.data() + 1, static_cast<int>(stored.size() - 1))) return {};
  return stored.substr(0, 1) + message.SerializeAsString();
}

TEST(StoredRed, RoundTripsEveryFieldInProtobufsOwnBytes) {
  RedDocument red = test::sample_red();
  EXPECT_EQ(red_from_stored(to_stored(red)), red);
  EXPECT_EQ(as_protobuf_writes(to_stored(red)), to_stored(red));
  red.track = Track::information_table;
  red.initiator = Side::buyer;
  red.reason = Reason::allowance;
  red.lines[0].quantity.reset();
  red.lines[0].price.reset();
  red.lines[0].spec = "x";
  red.lines[0].preference = "03";
  red.element = "04";
  red.table_memo = "0000000100";
  red.tax_device = "661234567890";
  red.request_number = "661234567890261122101952";
  EXPECT_EQ(red_from_stored(to_stored(red)), red);
  EXPECT_EQ(as_protobuf_writes(to_stored(red)), to_stored(red));
  red.seller = {};  // a message without fields is still one
  red.lines[0].name = std::string(70'000, 'x');
  red.lines[0].tax = {std::numeric_limits<std::int64_t>::min()};
  red.lines.push_back({});
  EXPECT_EQ(red_from_stored(to_stored(red)), red);
  EXPECT_EQ(as_protobuf_writes(to_stored(red)), to_stored(red));
}

TEST(StoredRed, StartsWithItsVersionAndRefusesOthersByName) {
  std::string bytes = to_stored(test::sample_red());
  EXPECT_EQ(bytes[0], 1);
  bytes[0] = 2;
  const auto refused = red_from_stored(bytes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "record.version");
  EXPECT_EQ(refused.error().code, Errc::corrupt);
  EXPECT_EQ(refused.error().wanted, "2");
  EXPECT_EQ(red_from_stored("").error().id, "record.format");
}

TEST(StoredRed, RefusesDamageAndAcceptsNothingItWouldNotWrite) {
  auto random = test::seeded();
  const google::protobuf::LogSilencer quiet;  // protobuf reports every text that is not UTF-8
  const std::string good = to_stored(test::sample_red());
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes =
        test::below(random, 8) == 0 ? test::random_bytes(random, 200) : test::damaged(random, good);
    const auto read = red_from_stored(bytes);
    if (!read) {
      ASSERT_EQ(read.error().code, Errc::corrupt);
      continue;
    }
    ++accepted;
    ASSERT_EQ(to_stored(*read), bytes);
  }
  EXPECT_LT(accepted,
            10'000);  // most damage hits a tag, a length or a number's form; texts carry no check of their own
}

TEST(StoredRed, RefusesFieldsOfALaterFormRatherThanDroppingThem) {
  EXPECT_EQ(red_from_stored(to_stored(test::sample_red()) + "\xFA\x01\x01x").error().id, "record.format");
}

}  // namespace
}  // namespace taxgate
