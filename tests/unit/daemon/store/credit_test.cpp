// The credit line's records and the month's index over the ledger.
#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

constexpr const char* kUs = "91310115TGDM00011U";
constexpr std::int64_t kApril = 2026 * 12 + 3;

CreditRecord record(std::string kind, Fen amount, std::string reference = {}) {
  CreditRecord r;
  r.taxpayer = kUs;
  r.kind = std::move(kind);
  r.at = *LegalTime::parse("2026-04-01");
  r.amount = amount;
  r.reference = std::move(reference);
  r.note = "a test";
  r.principal = "root";
  return r;
}

class CreditStoreTest : public StoreTest {
 protected:
  Result<CreditRecord> put(CreditRecord r) {
    return wait_for<CreditRecord>([&](Done<CreditRecord> d) { store_->record_credit(std::move(r), std::move(d)); });
  }
  Store::ImportCounts import(std::vector<Invoice> invoices) {
    return *wait_for<Store::ImportCounts>(
        [&](Done<Store::ImportCounts> d) { store_->import_invoices(std::move(invoices), kErp, std::move(d)); });
  }
  static Invoice blue(const std::string& number, std::string_view at, Fen amount, std::string type = "81") {
    Invoice i = sample_invoice(number);
    i.issued_at = *LegalTime::parse(at);
    i.amount = amount;
    i.type = std::move(type);
    return i;
  }
};

TEST_F(CreditStoreTest, ARecordIsKeptWholeWithAnEventOfWhatCountsAndSurvivesARestart) {
  open();
  auto wanted = record("limit", Fen{750'000'000}, "A-1");
  wanted.until = *LegalTime::parse("2026-06-01");
  wanted.per_invoice = Fen{10'000'000};
  wanted.monthly_count = 25;
  const auto kept = put(wanted);
  ASSERT_TRUE(kept) << kept.error().id;
  EXPECT_EQ(kept->id, 1);
  reopen();
  const auto all = *reader_->credit_records(kUs);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].until, wanted.until);
  EXPECT_EQ(all[0].per_invoice, Fen{10'000'000});
  EXPECT_EQ(all[0].monthly_count, 25);
  EXPECT_EQ(all[0].note, "a test");
  EXPECT_TRUE(reader_->credit_records("91420106TGDM00214A")->empty());
  const auto row = reader_->journal_after(0, 10)->back();
  EXPECT_EQ(row.event, "credit");
  EXPECT_EQ(row.principal, "root");
  EXPECT_EQ(row.detail,
            "limit 7500000.00 from 2026-04-01 00:00:00; until 2026-06-01 00:00:00; one invoice 100000.00; 25 a month");
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(CreditStoreTest, TheSameReferenceOrTheSamePeriodTwiceIsOneRecordAndAnotherContentAConflict) {
  open();
  ASSERT_TRUE(put(record("pickup", Fen{400}, "P-1")));
  EXPECT_EQ(put(record("pickup", Fen{400}, "P-1"))->id, 1);
  auto again = record("pickup", Fen{400}, "P-1");
  again.at = again.at.plus_ms(5'000);
  EXPECT_EQ(put(again)->id, 1) << "the command given once more a little later";
  again.at = again.at.plus_ms(24 * LegalTime::kHourMs);
  EXPECT_EQ(put(again).error().id, "store.credit_conflict");
  EXPECT_EQ(put(record("pickup", Fen{500}, "P-1")).error().id, "store.credit_conflict");
  EXPECT_EQ(put(record("limit", Fen{500}, "P-1"))->id, 2) << "another kind";
  auto filing = record("filing", {});
  filing.period = kApril;
  EXPECT_EQ(put(filing)->id, 3);
  filing.at = filing.at.plus_ms(1000);
  EXPECT_EQ(put(filing)->id, 3) << "the first time it was told stands";
  filing.period = kApril + 1;
  EXPECT_EQ(put(filing)->id, 4);
  EXPECT_EQ(reader_->credit_records(kUs)->size(), 4U);
  EXPECT_EQ(*reader_->last_seq(), 4) << "a repetition is no event";
}

TEST_F(CreditStoreTest, AnApplicationKeepsItsPapersByHashAndItsEventNamesThem) {
  open();
  const std::string contract(64, 'a'), assets(64, 'b');
  auto wanted = record("application", Fen{900'000'000}, "A-17");
  wanted.until = *LegalTime::parse("2026-08-01");
  wanted.short_term_type = "订单增加";
  wanted.papers = {{"contract", contract, "two\nlines.pdf"}, {"asset_list", assets, ""}};
  ASSERT_TRUE(put(wanted));
  EXPECT_EQ(put(wanted)->id, 1) << "the command given once more";
  auto other = wanted;
  other.papers.pop_back();
  EXPECT_EQ(put(other).error().id, "store.credit_conflict") << "another paper is another content";
  EXPECT_EQ(put(record("rejection", Fen{900'000'000}, "A-17"))->id, 2);
  reopen();
  const auto all = *reader_->credit_records(kUs);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].short_term_type, "订单增加");
  ASSERT_EQ(all[0].papers.size(), 2U);
  EXPECT_EQ(all[0].papers[0], (CreditPaper{"contract", contract, "two lines.pdf"}));
  EXPECT_EQ(all[0].papers[1], wanted.papers[1]);
  EXPECT_TRUE(all[1].papers.empty());
  EXPECT_NE(reader_->journal_after(0, 1)->front().detail.find("; contract " + contract), std::string::npos);
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(CreditStoreTest, TheInitialGrantIsMadeOnce) {
  open();
  ASSERT_TRUE(put(record("initial", Fen{250'000'000})));
  const auto again = put(record("initial", Fen{750'000'000}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().id, "credit.initial_once");
  EXPECT_EQ(again.error().left, "2500000.00");
  EXPECT_EQ(reader_->credit_records(kUs)->size(), 1U);
}

TEST_F(CreditStoreTest, BluesOfAMonthAreAddedUpByDayAndTypeAndMonthsBreakAtMidnightOfChina) {
  open();
  import({blue("1", "2026-03-31 23:59:59", {1}), blue("2", "2026-04-01 00:00:00", {10}),
          blue("3", "2026-04-01 23:59:59", {20}), blue("4", "2026-04-01 12:00:00", {40}, "01"),
          blue("5", "2026-04-02 00:00:00", {80}), blue("6", "2026-05-01 00:00:00", {160})});
  const auto april = *reader_->issued_by(kUs, kApril, kApril);
  ASSERT_EQ(april.size(), 3U);
  EXPECT_EQ(april[0].type, "01");
  EXPECT_EQ(april[0].amount, Fen{40});
  EXPECT_EQ(april[1].amount, Fen{30});
  EXPECT_EQ(april[1].count, 2);
  EXPECT_EQ(april[1].at, *LegalTime::parse("2026-04-01 23:59:59"));
  EXPECT_EQ(april[2].amount, Fen{80});
  EXPECT_EQ(reader_->issued_by(kUs, kApril - 1, kApril + 1)->size(), 5U);
  EXPECT_TRUE(reader_->issued_by("91420106TGDM00214A", kApril, kApril)->empty()) << "the buyer issued nothing";
}

TEST_F(CreditStoreTest, TheIndexFollowsAnInvoiceThatChangesAndIgnoresRepeats) {
  open();
  auto i = blue("1", "2026-04-05", {100});
  import({i});
  import({i});
  i.status = "8";
  import({i});
  EXPECT_EQ(reader_->issued_by(kUs, kApril, kApril)->front().amount, Fen{100});
  i.amount = {150};
  import({i});
  EXPECT_EQ(reader_->issued_by(kUs, kApril, kApril)->front().amount, Fen{150});
  i.issued_at = *LegalTime::parse("2026-05-05");
  import({i});
  EXPECT_TRUE(reader_->issued_by(kUs, kApril, kApril)->empty());
  EXPECT_EQ(reader_->issued_by(kUs, kApril + 1, kApril + 1)->size(), 1U);
}

TEST_F(CreditStoreTest, RedsComeOneByOneWithTheirBlueWhenItIsLinked) {
  open();
  auto red = blue("9", "2026-04-09", {-30});
  red.is_red = true;
  import({blue("1", "2026-04-05", {100}), red});
  auto april = *reader_->issued_by(kUs, kApril, kApril);
  ASSERT_EQ(april.size(), 2U);
  EXPECT_EQ(april[1].number, "9");
  EXPECT_EQ(april[1].amount, Fen{30});
  EXPECT_EQ(april[1].blue, "") << "imported by itself";
}

TEST_F(CreditStoreTest, HostileAmountsNeitherOverflowNorStopTheAnswer) {
  open();
  std::vector<Invoice> many;
  for (int n = 0; n < 20; ++n) many.push_back(blue("h" + std::to_string(n), "2026-04-05", {999'999'999'999'999'999}));
  import(many);
  const auto april = reader_->issued_by(kUs, kApril, kApril);
  ASSERT_TRUE(april) << april.error().id;
  EXPECT_EQ(april->front().amount.value, std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace taxgate::store
