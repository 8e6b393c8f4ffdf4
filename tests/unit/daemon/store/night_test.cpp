// The night's three tables: one promise a test, and random days and nights against a map.
#include <sqlite3.h>

#include <cstdio>
#include <random>

#include "daemon/store/rows.h"
#include "tests/unit/daemon/store/night_work.h"

namespace taxgate::store {
namespace {

class NightTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    open();
    taxpayer_ = *number(*store_);
    night_ = *store_->night().reader();
  }
  void TearDown() override {
    night_.reset();
    StoreTest::TearDown();
  }
  InvoiceKey key(std::uint64_t serial) const { return *invoice_key(taxpayer_, listed_number(serial)); }
  StatusChange change(std::uint64_t serial, PlatformStatus before, PlatformStatus after, std::uint64_t hash = 7) const {
    StatusChange c;
    c.key = key(serial);
    c.before = before;
    c.after = after;
    c.hash = hash;
    return c;
  }
  NightBatch batch(std::vector<StatusChange> changes) const {
    NightBatch b;
    b.run = 1;
    b.taxpayer = kOurs;
    b.changes = std::move(changes);
    return b;
  }
  void apply_all() {
    for (;;) {
      auto plan = *night_->plan(limits_);
      if (plan.rows.empty()) return;
      ASSERT_TRUE(apply(*store_, std::move(plan)));
    }
  }
  std::map<std::string, PlatformStatus> all() {
    std::map<std::string, PlatformStatus> out;
    EXPECT_TRUE(
        night_->each_status([&](const InvoiceKey& k, PlatformStatus s, std::uint64_t) { out[invoice_number(k)] = s; }));
    return out;
  }
  void sql(const std::string& statement) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(db);
  }
  std::uint32_t taxpayer_ = 0;
  std::int64_t limits_ = 1000;
  std::unique_ptr<NightReader> night_;
};

TEST_F(NightTest, ATaxpayerKeepsItsNumber) {
  EXPECT_EQ(taxpayer_, 1U);
  EXPECT_EQ(*number(*store_, "other"), 2U);
  night_.reset();
  reopen();
  night_ = *store_->night().reader();
  EXPECT_EQ(*number(*store_), 1U);
  EXPECT_EQ(*night_->taxpayer_number("other"), 2U);
  EXPECT_EQ(*night_->taxpayer_number("nobody"), 0U);
}

TEST_F(NightTest, ANightsRecordOutlivesARestartAndAFinishedOneKeepsNoMarks) {
  const auto put = [this](NightRun run) {
    return wait_for<std::int64_t>(
        [&](Done<std::int64_t> done) { store_->night().put_run(std::move(run), std::move(done)); });
  };
  NightRun first{.started_at = {1000}, .state = "running", .summary = std::string("a\0b", 3)};
  ASSERT_EQ(*put(first), 1);
  ASSERT_EQ(*put({.started_at = {2000}, .state = "running"}), 2);
  NightBatch b = batch({change(1, {}, status_of("0"))});
  b.position = 4;
  b.mark = "receipt 2";
  ASSERT_TRUE(commit(*store_, b));
  b.mark = "receipt 3";
  ASSERT_TRUE(commit(*store_, b));
  night_.reset();
  reopen();
  night_ = *store_->night().reader();
  const auto runs = *night_->runs(0, 10);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].run, 2) << "the newest first";
  EXPECT_EQ(runs[1].summary, first.summary);
  EXPECT_EQ((*night_->runs(2, 10)).size(), 1U);
  EXPECT_FALSE(*night_->run(3));
  const auto marks = *night_->marks(1);
  ASSERT_EQ(marks.size(), 1U);
  EXPECT_EQ(marks[0].position, 4);
  EXPECT_EQ(marks[0].mark, "receipt 3");
  first.run = 1;
  first.finished_at = {3000};
  first.state = "right";
  ASSERT_EQ(*put(first), 1);
  EXPECT_TRUE((*night_->marks(1)).empty());
  EXPECT_EQ((*night_->run(1))->state, "right");
}

TEST_F(NightTest, ChangesAreSeenBeforeAndAfterTheyAreApplied) {
  ASSERT_TRUE(commit(*store_, batch({change(1, {}, status_of("0"))})));
  ASSERT_TRUE(commit(*store_, batch({change(1, status_of("0"), status_of("7"))})));
  EXPECT_EQ((*night_->status_of(key(1)))->text(StatusField::state), "7");
  EXPECT_EQ(night_->progress()->applied_seq, 1);
  const auto before = all();
  apply_all();
  EXPECT_EQ(night_->progress()->applied_seq, 2);
  EXPECT_EQ(all(), before);
  EXPECT_EQ((*night_->status_of(key(1)))->text(StatusField::state), "7");
  EXPECT_EQ(*night_->status_of(key(2)), std::nullopt);
}

TEST_F(NightTest, NewStatusesEnterTheirTableWithTheirChangesUnlessSomethingWaits) {
  const auto applied = [this] { return night_->progress()->applied_seq; };
  auto first = batch({});
  for (std::uint64_t i = 0; i < 9000; ++i) first.changes.push_back(change(2 * i, {}, status_of("0"), i + 1));
  ASSERT_TRUE(commit(*store_, first));
  EXPECT_EQ(applied(), 9000);
  EXPECT_EQ(all().size(), 9000U);
  // Known ones among them, and then what comes while these wait.
  auto mixed = batch({});
  for (std::uint64_t i = 0; i < 500; ++i) mixed.changes.push_back(change(20'000 + i, {}, status_of("0")));
  for (std::uint64_t i = 0; i < 500; ++i) mixed.changes.push_back(change(i * 4, status_of("0"), status_of("7")));
  for (std::uint64_t i = 0; i < 500; ++i) mixed.changes.push_back(change(30'000 + i, {}, status_of("0")));
  ASSERT_TRUE(commit(*store_, mixed));
  EXPECT_LT(applied(), 10'500);
  const auto waiting = applied();
  ASSERT_TRUE(commit(*store_, batch({change(40'000, {}, status_of("0")), change(40'001, {}, status_of("0"))})));
  EXPECT_EQ(applied(), waiting) << "what came before it is not applied yet";
  const auto before = all();
  EXPECT_EQ(before.size(), 10'002U);
  apply_all();
  EXPECT_EQ(applied(), 10'502);
  EXPECT_EQ(all(), before);
  // In order, and yet one that is known lies between the first and the last.
  ASSERT_TRUE(commit(*store_, batch({change(1, {}, status_of("0")), change(3, {}, status_of("0"))})));
  EXPECT_EQ(applied(), 10'502);
  apply_all();
  // Neither in order nor each once: the last word of a key counts.
  ASSERT_TRUE(commit(*store_, batch({change(50'001, {}, status_of("0")), change(50'000, {}, status_of("0")),
                                     change(50'001, status_of("0"), status_of("7"))})));
  EXPECT_EQ(all()[listed_number(50'001)], status_of("7"));
  apply_all();
  EXPECT_EQ(all()[listed_number(50'001)], status_of("7"));
  EXPECT_EQ(all().size(), 10'006U);
}

TEST_F(NightTest, TheCursorComesWithTheLastChangeOfItsBatch) {
  auto b = batch({});
  for (std::uint64_t i = 0; i < 40'000; ++i) b.changes.push_back(change(i, {}, status_of("0")));  // several slices
  b.cursor = "night:window";
  b.cursor_value = 42;
  const auto committed = commit(*store_, b);
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->changes, 40'000U);
  EXPECT_EQ(committed->last_change, 40'000);
  EXPECT_EQ(*reader_->cursor("night:window"), 42);
  EXPECT_EQ(night_->changes_after(0, 100'000)->size(), 40'000U);
  std::size_t journal = 0;
  for (const auto& row : *reader_->journal_after(0, 1000)) {
    EXPECT_EQ(row.event, "status");
    EXPECT_EQ(row.taxpayer, kOurs);
    ++journal;
  }
  EXPECT_GT(journal, 1U) << "no transaction holds the lock for all of them";
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(NightTest, TheChainCoversEveryChange) {
  ASSERT_TRUE(commit(*store_, batch({change(1, {}, status_of("0")), change(2, {}, status_of("0"))})));
  ASSERT_TRUE(store_->verify_chain());
  night_.reset();
  for (const char* tampering :
       {"UPDATE change SET after = after + 1 WHERE seq = 2", "DELETE FROM change WHERE seq = 1"}) {
    close();
    sql(tampering);
    open();
    const auto verified = store_->verify_chain();
    ASSERT_FALSE(verified) << tampering;
    EXPECT_EQ(verified.error().id, "store.chain") << tampering;
  }
}

TEST_F(NightTest, APlanOfAnotherMomentIsRefused) {
  ASSERT_TRUE(commit(*store_, batch({change(1, {}, status_of("0"))})));
  ASSERT_TRUE(commit(*store_, batch({change(1, status_of("0"), status_of("7"))})));
  const auto plan = *night_->plan(100);
  ASSERT_TRUE(apply(*store_, plan));
  const auto again = apply(*store_, plan);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().id, "store.stale");
}

TEST_F(NightTest, TheSameRecordIsQuarantinedOnceAndCounted) {
  QuarantinedRecord r;
  r.number = listed_number(1);
  r.reason = "transition";
  r.field = "fpzt";
  r.before = status_of("2");
  r.after = status_of("0");
  r.hash = 9;
  r.evidence = std::string("raw\0bytes", 9);
  auto b = batch({});
  b.quarantined = {r};
  ASSERT_TRUE(commit(*store_, b));
  ASSERT_TRUE(commit(*store_, b));
  r.hash = 10;
  b.quarantined = {r};
  ASSERT_TRUE(commit(*store_, b));
  const auto kept = *night_->quarantined_after(0, 10);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].times, 2);
  EXPECT_EQ(kept[0].evidence, r.evidence);
  EXPECT_EQ(kept[0].before, r.before);
}

TEST_F(NightTest, ListedFactsEnterTheLedgerAndNeverReplaceTheLedgersOwn) {
  const Invoice own = sample_invoice(listed_number(1));
  ASSERT_TRUE(wait_for<Store::ImportCounts>(
      [&](Done<Store::ImportCounts> d) { store_->import_invoices({own}, kErp, std::move(d)); }));
  Invoice listed = own;
  listed.lines.clear();
  Invoice fresh = listed;
  fresh.number = listed_number(2);
  auto b = batch({change(1, {}, status_of("7", "1")), change(2, {}, status_of("0"))});
  b.invoices = {listed, fresh};
  EXPECT_EQ(commit(*store_, b)->invoices_added, 1U);
  const auto found = *reader_->invoice(own.number);
  EXPECT_EQ(found->invoice.lines.size(), own.lines.size());
  EXPECT_EQ(found->invoice.status, "7") << "the platform's word lies over the imported one";
  EXPECT_EQ(found->invoice.use, "1");
  EXPECT_TRUE((*reader_->invoice(fresh.number)).has_value());
}

TEST_F(NightTest, OfManyListedFactsTheNewOnesEnterEachOnce) {
  const auto listed = [](std::uint64_t serial, std::int64_t fen) {
    Invoice i = sample_invoice(listed_number(serial));
    i.lines.clear();
    i.amount = {fen};
    return i;
  };
  auto known = batch({});
  known.invoices = {listed(3, 1), listed(5, 1)};
  ASSERT_EQ(commit(*store_, known)->invoices_added, 2U);
  auto b = batch({});
  // Known ones between new ones, out of order, and one twice: its first sight counts.
  b.invoices = {listed(1, 10), listed(3, 100), listed(9, 1000), listed(5, 100), listed(1, 100), listed(2, 10'000)};
  EXPECT_EQ(commit(*store_, b)->invoices_added, 3U);
  const auto month = month_of(listed(1, 0).issued_at);
  EXPECT_EQ(reader_->issued_totals(kOurs, month)->at("81").amount.value, 11'012);
  EXPECT_EQ((*reader_->invoice(listed_number(1)))->invoice.amount.value, 10);
  EXPECT_EQ((*reader_->invoice(listed_number(3)))->invoice.amount.value, 1);
  const auto days = *reader_->issued_by(kOurs, month, month);
  ASSERT_EQ(days.size(), 1U);
  EXPECT_EQ(days[0].count, 5);
  EXPECT_EQ(days[0].amount.value, 11'012);
}

TEST_F(NightTest, ADaytimeObservationIsAChangeThatMakesTheNightReadAgain) {
  Invoice blue = sample_invoice(listed_number(1));
  ASSERT_TRUE(commit(*store_, batch({change(1, {}, status_of("0", "1"), 77)})));
  apply_all();
  auto s = accept(*store_, wanted("k", blue.number), {blue})->submission;
  Advance a;
  a.next = s;
  a.next.state = State::signing;
  a.rows = {journal_row()};
  blue.status = "7";
  a.ledger = {blue};
  ASSERT_TRUE(advance(*store_, a));
  const auto changes = *night_->changes_after(1, 10);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].run, 0);
  EXPECT_EQ(changes[0].hash, 0U);
  EXPECT_EQ(changes[0].after.text(StatusField::state), "7");
  EXPECT_EQ(night_->progress()->applied_seq, 2) << "nothing else pending: applied at once";
  EXPECT_EQ((*reader_->invoice(blue.number))->invoice.status, "7");
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(NightTest, WhatWasObservedByDayWhileTheNightRanIsNotTakenBackByAnOlderList) {
  Invoice blue = sample_invoice(listed_number(1));
  ASSERT_TRUE(commit(*store_, batch({change(1, {}, status_of("0", "1"), 77), change(2, {}, status_of("0"), 78)})));
  const auto known = night_->progress()->last_change;
  auto s = accept(*store_, wanted("k", blue.number), {blue})->submission;
  Advance a;
  a.next = s;
  a.next.state = State::signing;
  a.rows = {journal_row()};
  blue.status = "7";
  a.ledger = {blue};
  ASSERT_TRUE(advance(*store_, a));
  // Compared with what was known before: the list says of the first what the day saw already, and news of the second.
  auto late =
      batch({change(1, status_of("0", "1"), status_of("7", "1"), 79), change(2, status_of("0"), status_of("2"), 80)});
  late.known_upto = known;
  ASSERT_EQ(commit(*store_, late)->changes, 1U);
  const auto changes = *night_->changes_after(known, 10);
  ASSERT_EQ(changes.size(), 2U) << "one event of the first invoice, not two";
  EXPECT_EQ(changes[0].run, 0);
  EXPECT_EQ(changes[1].key, key(2));
  late.known_upto = changes.back().seq;
  late.changes = {change(1, changes[0].after, status_of("8", "1"), 81)};
  EXPECT_EQ(commit(*store_, late)->changes, 1U) << "a night that knows the day's word goes on from it";
}

TEST_F(NightTest, AnImportDoesNotSpeakForThePlatform) {
  Invoice own = sample_invoice(listed_number(1));
  ASSERT_TRUE(commit(*store_, batch({change(1, {}, status_of("8"), 77)})));
  own.status = "0";
  ASSERT_TRUE(wait_for<Store::ImportCounts>(
      [&](Done<Store::ImportCounts> d) { store_->import_invoices({own}, kErp, std::move(d)); }));
  EXPECT_EQ((*reader_->invoice(own.number))->invoice.status, "8");
  EXPECT_EQ(night_->progress()->last_change, 1);
}

TEST_F(NightTest, TheViewShowsNumbersAndCodesToAnySqliteTool) {
  StatusChange old = change(1, {}, status_of("7", "11"));
  old.key = *invoice_key(taxpayer_, "01100211130512345678");
  StatusChange older = change(1, {}, status_of("2"));
  older.key = *invoice_key(taxpayer_, "110021113012345678");
  ASSERT_TRUE(commit(*store_, batch({change(5, {}, status_of("0")), old, older})));
  apply_all();
  night_.reset();
  close();
  sql("CREATE TABLE seen AS SELECT * FROM invoice_status");
  sql("CREATE TABLE ok(x CHECK(x = 3)); INSERT INTO ok SELECT count(*) FROM seen WHERE taxpayer = '91310115TGDM00011U' "
      "AND ((number = '01100211130512345678' AND state = '7' AND use = '11') OR "
      "(number = '110021113012345678' AND state = '2') OR (number = '26000000000000000005' AND state = '0' AND lock = "
      "''))");
}

TEST_F(NightTest, RandomDaysAndNightsLeaveTheLastObservation) {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::map<std::uint64_t, PlatformStatus> twin;
  std::map<std::uint64_t, Submission> submissions;
  std::size_t events = 0;
  limits_ = 17;
  for (int step = 0; step < 200; ++step) {
    const auto serial = random() % 30;
    switch (random() % 5) {
      case 0: {  // by day
        Invoice i = sample_invoice(listed_number(serial));
        i.status = std::to_string(random() % 9);
        auto& sub = submissions[serial];
        if (sub.id.empty()) sub = accept(*store_, wanted("k" + std::to_string(serial), i.number))->submission;
        Advance a;
        a.next = sub;
        a.rows = {journal_row()};
        a.ledger = {i};
        const auto advanced = advance(*store_, a);
        ASSERT_TRUE(advanced);
        sub = *advanced;
        const auto known = twin.find(serial);
        if (known == twin.end()) break;
        PlatformStatus seen = status_of(i.status, i.use);
        seen.set(StatusField::booking, *status_code(i.booking));
        seen.set(StatusField::lock, *status_code("N"));
        const auto after = known->second.updated_by(seen);
        if (after != known->second) ++events;
        known->second = after;
        break;
      }
      case 1:
        apply_all();
        break;
      case 2:
        night_.reset();
        reopen();
        night_ = *store_->night().reader();
        break;
      default: {  // by night
        auto b = batch({});
        for (auto n = random() % 8; n > 0; --n) {
          const auto s = random() % 30;
          const auto after = status_of(std::to_string(random() % 9), std::to_string(random() % 9));
          const auto before = twin.contains(s) ? twin[s] : PlatformStatus{};
          const auto told = before.updated_by(after);
          b.changes.push_back(change(s, before, told, random() % 100 + 1));
          if (told != before) ++events;
          twin[s] = told;
        }
        ASSERT_TRUE(commit(*store_, b));
      }
    }
    const auto found = all();
    ASSERT_EQ(found.size(), twin.size());
    for (const auto& [s, status] : twin) ASSERT_EQ(found.at(listed_number(s)), status) << s << " at step " << step;
  }
  std::size_t told = 0;
  for (const auto& c : *night_->changes_after(0, 100'000))
    if (c.before != c.after) ++told;
  EXPECT_EQ(told, events);
  EXPECT_TRUE(store_->verify_chain());
}

}  // namespace
}  // namespace taxgate::store
