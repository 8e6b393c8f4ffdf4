#include "daemon/ledger/ledger.h"

#include "daemon/ledger/credit.h"

#include <gmock/gmock.h>

#include <map>

#include "protocol/records.h"

namespace taxgate::ledger {
namespace {

using store::Submission;

/// A minimal stand-in: two tables, everything else empty.
class FakeReader final : public store::Reader {
 public:
  std::map<std::string, store::StoredInvoice, std::less<>> ledger;
  std::vector<Submission> reds;

  void begin_snapshot() override {}
  void end_snapshot() override {}
  Result<std::optional<store::StoredInvoice>> invoice(std::string_view number) override {
    const auto at = ledger.find(number);
    return at == ledger.end() ? std::nullopt : std::optional(at->second);
  }
  Result<store::InvoicePage> invoices(const store::InvoiceFilter&) override { return store::InvoicePage{}; }
  Result<std::vector<Submission>> reds_on(std::string_view blue) override {
    std::vector<Submission> out;
    for (const Submission& s : reds)
      if (s.blue_number == blue) out.push_back(s);
    return out;
  }

  Result<std::optional<Submission>> submission(std::string_view) override { return std::nullopt; }
  Result<std::optional<Submission>> by_idempotency_key(std::string_view, std::string_view) override {
    return std::nullopt;
  }
  Result<std::vector<Submission>> submissions(const store::SubmissionFilter&) override {
    return std::vector<Submission>{};
  }
  Result<std::vector<Submission>> open_on_lane(std::string_view) override { return std::vector<Submission>{}; }
  Result<std::vector<store::OpenEntry>> open_entries(std::int64_t, int) override {
    return std::vector<store::OpenEntry>{};
  }
  Result<std::vector<store::JournalRow>> journal_after(std::int64_t, int) override {
    return std::vector<store::JournalRow>{};
  }
  Result<std::vector<store::JournalRow>> journal_of(std::string_view) override {
    return std::vector<store::JournalRow>{};
  }
  Result<std::vector<SignedEnvelope>> envelopes(std::string_view, Step) override {
    return std::vector<SignedEnvelope>{};
  }
  Result<std::vector<store::KeptSignature>> signatures(std::string_view) override {
    return std::vector<store::KeptSignature>{};
  }
  Result<std::vector<store::Hold>> holds() override { return std::vector<store::Hold>{}; }
  Result<std::vector<store::Caller>> callers() override { return std::vector<store::Caller>{}; }
  Result<std::vector<store::InboxForm>> inbox(std::string_view, bool) override {
    return std::vector<store::InboxForm>{};
  }
  std::vector<store::CreditRecord> records;
  std::vector<store::IssuedRow> issued;
  Result<std::vector<store::CreditRecord>> credit_records(std::string_view) override { return records; }
  Result<std::vector<store::IssuedRow>> issued_by(std::string_view, std::int64_t, std::int64_t) override {
    return issued;
  }
  Result<std::vector<store::IssuedRow>> issued_reds(std::string_view, std::int64_t, std::int64_t) override {
    return std::vector<store::IssuedRow>{};
  }
  Result<std::map<std::string, store::IssuedTotal>> issued_totals(std::string_view, std::int64_t) override {
    return std::map<std::string, store::IssuedTotal>{};
  }
  Result<std::optional<store::InboxForm>> inbox_form(std::string_view) override { return std::nullopt; }
  Result<std::optional<Submission>> owner_of_form(std::string_view) override { return std::nullopt; }
  Result<std::vector<std::pair<State, std::int64_t>>> counts() override {
    return std::vector<std::pair<State, std::int64_t>>{};
  }
  Result<std::int64_t> cursor(std::string_view) override { return 0; }
  Result<std::int64_t> last_seq() override { return 0; }
};

const std::string kBlue = "26990000000000000001";

Invoice hundred() {
  Invoice blue;
  blue.number = kBlue;
  blue.type = "81";
  blue.issued_at = *LegalTime::parse("2026-11-03");
  blue.seller = {"91310115TGDM00011U", "甲"};
  blue.buyer = {"91420106TGDM00214A", "乙"};
  InvoiceLine line;
  line.number = 1;
  line.name = "*水泥*散装";
  line.tax_code = "1080101020000000000";
  line.quantity = Decimal::from_int(100);
  line.price = Decimal::from_int(10);
  line.amount = {100'000};
  line.rate = *Decimal::parse("0.13");
  line.tax = {13'000};
  blue.lines = {line};
  blue.amount = line.amount;
  blue.tax = line.tax;
  blue.status = "0";
  return blue;
}

RedDocument red_of(std::int64_t quantity) {
  const Invoice blue = hundred();
  rules::Wish wish;
  wish.reason = Reason::goods_returned;
  rules::LineWish line;
  line.blue_line = 1;
  line.quantity = Decimal::from_int(quantity);
  wish.lines = {line};
  return *rules::derive({&blue, {}}, wish);
}

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() { reader.ledger[kBlue] = {hundred(), {}}; }

  void add(std::int64_t seq, State state, std::int64_t quantity, std::string red_number = {}) {
    Submission s;
    s.id = "id-" + std::to_string(seq);
    s.seq = seq;
    s.state = state;
    s.blue_number = kBlue;
    s.document = to_stored(red_of(quantity));
    s.red_number = std::move(red_number);
    reader.reds.push_back(std::move(s));
  }
  std::vector<std::string> amounts(std::int64_t before_seq) {
    std::vector<std::string> out;
    for (const RedDocument& r : (*blue(reader, kBlue, before_seq))->reds) out.push_back(r.amount.text());
    return out;
  }

  FakeReader reader;
};

TEST_F(LedgerTest, AnUnknownInvoiceIsNoError) {
  const auto found = blue(reader, "26990000000000000099", 0);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

TEST_F(LedgerTest, IssuedAndOpenRedsCountInOrder) {
  add(1, State::issued, 10, "26990000000000000901");
  add(2, State::queued, 20);
  EXPECT_THAT(amounts(0), testing::ElementsAre("-100.00", "-200.00"));
}

TEST_F(LedgerTest, OnlyWhatWasAcceptedEarlierCountsAndWhatIsIssued) {
  add(1, State::confirmed, 10);
  add(2, State::queued, 20);  // the one being checked
  add(3, State::queued, 30);
  add(4, State::issued, 40, "26990000000000000904");
  EXPECT_THAT(amounts(2), testing::ElementsAre("-100.00", "-400.00"));
}

TEST_F(LedgerTest, ALockOfOurOwnFormIsNoForeignLock) {
  reader.ledger[kBlue].invoice.locked = true;
  EXPECT_TRUE((*blue(reader, kBlue, 0))->invoice.locked);
  add(1, State::queued, 10);
  EXPECT_TRUE((*blue(reader, kBlue, 0))->invoice.locked) << "a form that was never sent locks nothing";
  reader.reds.front().state = State::waiting_counterparty;
  EXPECT_FALSE((*blue(reader, kBlue, 0))->invoice.locked);
}

TEST_F(LedgerTest, RedsOfOthersCountByTheirTotals) {
  Invoice foreign;
  foreign.number = "26990000000000000777";
  foreign.is_red = true;
  foreign.amount = {-50'000};
  foreign.tax = {-6'500};
  reader.ledger[foreign.number] = {foreign, {}};
  reader.ledger[kBlue].reds = {foreign.number, "26990000000000000901"};
  add(1, State::issued, 10, "26990000000000000901");  // ours is in both lists and counts once
  const auto found = blue(reader, kBlue, 0);
  ASSERT_EQ((*found)->reds.size(), 2U);
  EXPECT_EQ((*found)->reds[1].amount.text(), "-500.00");
  EXPECT_TRUE((*found)->reds[1].lines.empty());
  rules::Wish wish;
  wish.reason = Reason::goods_returned;
  rules::LineWish line;
  line.blue_line = 1;
  line.quantity = Decimal::from_int(41);
  wish.lines = {line};
  const auto state = (*found)->state();
  EXPECT_EQ(rules::derive(state, wish).error().front().id, "R2.amount_cap");
}

TEST_F(LedgerTest, ADamagedDocumentIsNamedNotSkipped) {
  add(7, State::issued, 10);
  reader.reds.front().document = "\x01garbage";
  const auto found = blue(reader, kBlue, 0);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::corrupt);
  EXPECT_EQ(found.error().id, "ledger.document");
  EXPECT_THAT(found.error().detail, testing::HasSubstr("id-7"));
}

TEST_F(LedgerTest, BookingMakesTheRedAndMarksTheBluePartlyThenFully) {
  Blue known{hundred(), {}};
  known.invoice.locked = true;
  const LegalTime at = *LegalTime::parse("2026-11-22 10:00:00");
  const auto first = booked(known, red_of(60), "26990000000000000901", at);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_TRUE(first[0].is_red);
  EXPECT_EQ(first[0].number, "26990000000000000901");
  EXPECT_EQ(first[0].type, "81");
  EXPECT_EQ(first[0].issued_at, at);
  EXPECT_EQ(first[0].amount.text(), "-600.00");
  EXPECT_EQ(first[0].lines.front().quantity->text(), "-60");
  EXPECT_EQ(first[1].number, kBlue);
  EXPECT_EQ(first[1].status, "7");
  EXPECT_FALSE(first[1].locked);
  EXPECT_EQ(first[1].lines, known.invoice.lines);
  known.reds.push_back(red_of(60));
  EXPECT_EQ(booked(known, red_of(40), "26990000000000000902", at)[1].status, "8");
}

TEST_F(LedgerTest, AnAllDigitalRedOfAnOldInvoiceKeepsItsKind) {
  RedDocument red = red_of(10);
  for (const auto& [blue_type, red_type] :
       {std::pair{"01", "81"}, {"04", "82"}, {"85", "81"}, {"86", "82"}, {"82", "82"}}) {
    red.blue_type = blue_type;
    EXPECT_EQ(booked({hundred(), {}}, red, "26990000000000000901", {1})[0].type, red_type) << blue_type;
  }
  red.blue_type = "01";
  red.track = Track::information_table;
  EXPECT_EQ(booked({hundred(), {}}, red, "990024113000000099", {1})[0].type, "01");
}

// ---- the credit line's facts ----

store::IssuedRow issued_row(std::string_view at, std::int64_t amount, std::int64_t count, std::string number = {}) {
  store::IssuedRow row;
  row.at = *LegalTime::parse(at);
  row.type = "81";
  row.amount = {amount};
  row.count = count;
  row.number = std::move(number);
  if (!row.number.empty()) row.blue = kBlue;
  return row;
}

TEST_F(LedgerTest, CreditMovementsAreTheLedgersInvoicesAndWhatWasTold) {
  reader.ledger[kBlue].invoice.issued_at = *LegalTime::parse("2026-11-03");
  add(1, State::issued, 10, "26990000000000000901");
  reader.issued = {issued_row("2026-11-03 10:00:00", 100'000, 3),
                   issued_row("2026-11-20 10:00:00", 10'000, 1, "26990000000000000901"),
                   issued_row("2026-11-21 10:00:00", 5'000, 1, "26990000000000000777")};
  store::CreditRecord limit;
  limit.kind = "limit";
  limit.at = *LegalTime::parse("2026-11-01");
  limit.amount = {1'000'000};
  store::CreditRecord filing;
  filing.kind = "filing";
  filing.at = *LegalTime::parse("2026-11-10");
  filing.period = rules::Month::parse("2026-10")->index;
  reader.records = {limit, filing};
  const LegalTime now = *LegalTime::parse("2026-11-22");
  const auto month = *rules::Month::parse("2026-11");
  const auto facts = credit_facts(reader, "91310115TGDM00011U", month, now);
  ASSERT_TRUE(facts);
  ASSERT_EQ(facts->filings.size(), 1U);
  const auto s = rules::credit_statement(month, now, facts->movements, facts->filings);
  EXPECT_EQ(s.issued, Fen{100'000});
  EXPECT_EQ(s.restored, Fen{10'000}) << "ours: goods returned, same month";
  EXPECT_EQ(s.remaining, Fen{910'000});
  EXPECT_TRUE(s.previous_filed);
  ASSERT_EQ(s.entries.size(), 4U);
  EXPECT_EQ(s.entries[1].movement.count, 3);
  EXPECT_EQ(s.entries[3].rule, "C2.unknown_reason") << "nobody told us why that one was made";
}

TEST_F(LedgerTest, ARedWhoseDocumentIsDamagedIsNoSilentNumber) {
  add(1, State::issued, 10, "26990000000000000901");
  reader.reds.back().document = "\x01garbage";
  reader.issued = {issued_row("2026-11-20 10:00:00", 10'000, 1, "26990000000000000901")};
  const auto facts = credit_facts(reader, "T", *rules::Month::parse("2026-11"), *LegalTime::parse("2026-11-22"));
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().id, "ledger.document");
}

}  // namespace
}  // namespace taxgate::ledger
