// Opening: what is made, what is brought up to date, and above all what is refused without touching a byte.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>

#include "daemon/store/rows.h"
#include "daemon/store/schema.h"
#include "protocol/messages.h"
#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

class OpenTest : public StoreTest {
 protected:
  static std::string bytes_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void patch(std::streamoff at, const std::string& bytes) const {
    std::fstream f(path(), std::ios::binary | std::ios::in | std::ios::out);
    f.seekp(at);
    f.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  Error refusal() const {
    auto opened = Store::open(options());
    if (!opened) return opened.error();
    ADD_FAILURE() << "opened";
    return {};
  }
  void sql(const std::string& statement) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(db);
  }
  // A process that accepts `count` submissions and dies without closing.
  void fill_and_die(int count) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto opened = Store::open(options());
      bool good = opened.has_value();
      for (int i = 0; good && i < count; ++i) good = accept(**opened, wanted("k" + std::to_string(i))).has_value();
      ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
};

TEST_F(OpenTest, EveryFileOfTheDatabaseIsReadableByItsOwnerOnly) {
  const mode_t old = ::umask(0);
  open();
  ASSERT_TRUE(accept(*store_, wanted("k")));
  ::umask(old);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    struct stat st{};
    ASSERT_EQ(::stat(entry.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600U) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 4) << "database, -wal, -shm and the lock";
}

TEST_F(OpenTest, ASecondDaemonIsRefusedWhileTheFirstRunsAndWelcomeAfterwards) {
  open();
  EXPECT_EQ(refusal().id, "store.in_use");
  close();
  open();
}

TEST_F(OpenTest, TheWritersSettingsAreFullDurabilityInTheFile) {
  open();
  EXPECT_EQ(bytes_of(path()).substr(18, 2), std::string(2, '\2')) << "WAL in the header";
  ASSERT_TRUE(accept(*store_, wanted("k")));
  EXPECT_GT(std::filesystem::file_size(path() + "-wal"), 0U);
}

TEST_F(OpenTest, ANewerSchemaIsRefusedByNumberAndNothingIsWritten) {
  open();
  close();
  sql("PRAGMA user_version=" + std::to_string(kSchemaVersion + 1));
  const auto before = bytes_of(path());
  const auto e = refusal();
  EXPECT_EQ(e.id, "store.newer_schema");
  EXPECT_EQ(e.wanted, std::to_string(kSchemaVersion + 1));
  EXPECT_EQ(e.left, std::to_string(kSchemaVersion));
  EXPECT_TRUE(bytes_of(path()) == before);
}

TEST_F(OpenTest, AnOldFileIsBroughtUpToDateWithAllItHolds) {
  std::filesystem::copy_file(std::string(TAXGATE_SOURCE_DIR) + "/tests/unit/daemon/store/fixtures/schema_1.db", path());
  open();
  const auto old = *reader_->by_idempotency_key("erp", "old-1");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->state, State::ready);
  EXPECT_EQ(old->body, "body");
  EXPECT_EQ(reader_->envelopes(old->id, Step::apply)->size(), 1U);
  EXPECT_EQ((*reader_->owner_of_form("form-of-old-1"))->id, old->id) << "the index of version 2";
  const auto holds = *reader_->holds();
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].principal, "") << "the column of version 2";
  EXPECT_EQ(*reader_->cursor("webhook:erp"), 2);
  EXPECT_TRUE((*reader_->invoice("26990000000000000001")).has_value());
  EXPECT_TRUE(store_->verify_chain());
  ASSERT_TRUE(accept(*store_, wanted("new")));
  EXPECT_EQ(accept(*store_, wanted("old-2"))->outcome, AcceptOutcome::same);
  reopen();
  EXPECT_EQ(reader_->submissions({})->size(), 3U);
}

// Written by the version before the credit line: two blues of November, one of October's last millisecond, one red.
TEST_F(OpenTest, AFileOfVersion2GetsItsMonthsIndexedFromTheLedger) {
  std::filesystem::copy_file(std::string(TAXGATE_SOURCE_DIR) + "/tests/unit/daemon/store/fixtures/schema_2.db", path());
  open();
  constexpr std::int64_t kOctober = 2026 * 12 + 9, kNovember = kOctober + 1;
  const auto october = *reader_->issued_by("91310115TGDM00011U", kOctober, kOctober);
  ASSERT_EQ(october.size(), 1U);
  EXPECT_EQ(october[0].at, LegalTime{1'793'462'399'999});
  const auto november = *reader_->issued_by("91310115TGDM00011U", kNovember, kNovember);
  ASSERT_EQ(november.size(), 3U);
  EXPECT_EQ(november[0].type, "81");
  EXPECT_EQ(november[1].type, "82");
  EXPECT_EQ(november[2].number, "26990000000000000101");
  EXPECT_EQ(november[2].amount, Fen{30'000'000});
  EXPECT_EQ(november[2].blue, "26990000000000000001") << "the link of the issued red";
  EXPECT_TRUE(reader_->credit_records("91310115TGDM00011U")->empty());
  EXPECT_EQ((*reader_->by_idempotency_key("erp", "old-1"))->state, State::issued);
  EXPECT_TRUE(store_->verify_chain());
  reopen();
  EXPECT_EQ(reader_->issued_by("91310115TGDM00011U", kNovember, kNovember)->size(), 3U) << "once, not at each start";
}

// As version 6 left it: the invoice of a submission in the ledger, and no row of it in the month's index.
TEST_F(OpenTest, AFileOfVersion6GetsTheInvoicesThatCameWithSubmissionsIntoItsMonths) {
  open();
  const Invoice inline_blue = sample_invoice("26990000000000000777"), other = sample_invoice("26990000000000000778");
  ASSERT_TRUE(accept(*store_, wanted("with"), {inline_blue, other}));
  const std::int64_t month = month_of(inline_blue.issued_at);
  ASSERT_EQ(reader_->issued_by(inline_blue.seller.id, month, month)->size(), 1U) << "one day and type";
  close();
  sql("DELETE FROM issued WHERE number = '26990000000000000777'; DROP TABLE issued_total; DROP INDEX issued_red; "
      "ALTER TABLE issued DROP COLUMN tax; PRAGMA user_version=6");
  open();
  const auto rows = *reader_->issued_by(inline_blue.seller.id, month, month);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].count, 2);
  EXPECT_EQ(rows[0].amount, inline_blue.amount + other.amount);
}

// As version 7 left it: what a taxpayer issued not added up.
TEST_F(OpenTest, FilesOfVersions7And8GetTheMonthsOfTheirTaxpayersAddedUpWithTheTax) {
  open();
  const Invoice one = sample_invoice("26990000000000000777"), two = sample_invoice("26990000000000000778");
  ASSERT_TRUE(accept(*store_, wanted("with"), {one, two}));
  ASSERT_TRUE(wait_for<std::uint32_t>(
      [&](Done<std::uint32_t> d) { store_->night().taxpayer_number(one.seller.id, std::move(d)); }));
  close();
  sql("DROP TABLE issued_total; DROP INDEX issued_red; ALTER TABLE issued DROP COLUMN tax; PRAGMA user_version=7");
  const auto totals = [&] {
    open();
    return *reader_->issued_totals(one.seller.id, month_of(one.issued_at));
  };
  const IssuedTotal both{.amount = one.amount + two.amount, .tax = one.tax + two.tax};
  EXPECT_THAT(totals(), testing::ElementsAre(testing::Pair("81", both)));
  // As version 8 left it: only the amounts.
  close();
  sql("ALTER TABLE issued_total DROP COLUMN tax; ALTER TABLE issued DROP COLUMN tax; PRAGMA user_version=8");
  EXPECT_THAT(totals(), testing::ElementsAre(testing::Pair("81", both)));
}

TEST_F(OpenTest, AFileWhoseLedgerCannotBeIndexedIsRefusedAndStaysAtItsVersion) {
  std::filesystem::copy_file(std::string(TAXGATE_SOURCE_DIR) + "/tests/unit/daemon/store/fixtures/schema_2.db", path());
  sql("UPDATE invoice SET record = x'0102' WHERE number = '26990000000000000002'");
  EXPECT_EQ(refusal().code, Errc::corrupt);
  sql("DELETE FROM invoice WHERE number = '26990000000000000002'");
  open();  // had the table been left behind, its making would fail now
  EXPECT_EQ(reader_->issued_by("91310115TGDM00011U", 2026 * 12 + 10, 2026 * 12 + 10)->size(), 2U);
}

TEST_F(OpenTest, ADamagedHeaderIsRefusedAndNothingIsOverwritten) {
  open();
  ASSERT_TRUE(accept(*store_, wanted("k")));
  close();
  patch(0, "not a database at all");
  const auto before = bytes_of(path());
  const auto e = refusal();
  EXPECT_EQ(e.id, "store.corrupt");
  EXPECT_EQ(e.code, Errc::corrupt);
  EXPECT_EQ(e.field, path());
  EXPECT_NE(remedy_text(e, Language::english).find("restore the latest backup"), std::string::npos);
  EXPECT_NE(remedy_text(e, Language::chinese).find("备份"), std::string::npos);
  EXPECT_TRUE(bytes_of(path()) == before);
}

TEST_F(OpenTest, AnEmptyFileIsADamagedDatabaseNotANewOne) {
  std::ofstream(path()).flush();
  EXPECT_EQ(refusal().id, "store.corrupt");
  EXPECT_EQ(std::filesystem::file_size(path()), 0U);
}

TEST_F(OpenTest, AMissingFileWithItsWalStillThereIsDamage) {
  fill_and_die(3);
  std::filesystem::remove(path());
  EXPECT_EQ(refusal().id, "store.corrupt");
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(OpenTest, AnotherProgramsDatabaseIsRefused) {
  sql("CREATE TABLE t(x)");
  const auto before = bytes_of(path());
  EXPECT_EQ(refusal().id, "store.foreign_file");
  EXPECT_TRUE(bytes_of(path()) == before);
}

TEST_F(OpenTest, AfterAnUncleanEndEveryDamagedPageIsFoundAndNothingIsOverwritten) {
  open();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(accept(*store_, wanted("k" + std::to_string(i))));
  close();
  sql("UPDATE meta SET value=0 WHERE name='clean'");  // as after a crash, with everything in the main file
  const auto sound = bytes_of(path());
  const auto pages = sound.size() / 8192;
  for (std::size_t page = 0; page < pages; ++page) {
    patch(static_cast<std::streamoff>(page * 8192), std::string(64, '\xA5'));
    const auto damaged = bytes_of(path());
    EXPECT_EQ(refusal().id, "store.corrupt") << "page " << page;
    EXPECT_TRUE(bytes_of(path()) == damaged) << "page " << page;
    std::ofstream(path(), std::ios::binary) << sound;
  }
  std::printf("%zu damaged pages, each refused\n", pages);
  open();  // and the sound file is taken
}

TEST_F(OpenTest, AfterACrashEverythingConfirmedIsThere) {
  fill_and_die(50);
  open();
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(accept(*store_, wanted("k" + std::to_string(i)))->outcome, AcceptOutcome::same);
  EXPECT_TRUE(store_->verify_chain());
}

TEST_F(OpenTest, AnInterruptedCreationLeavesNothingThatCountsAsADatabase) {
  std::ofstream(path() + ".new") << "half made";
  open();
  EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
  ASSERT_TRUE(accept(*store_, wanted("k")));
}

TEST_F(OpenTest, ADirectoryThatDoesNotExistIsNamed) {
  auto o = options();
  o.path = dir_ + "/none/taxgate.db";
  EXPECT_EQ(Store::open(o).error().id, "file.unwritable");
}

TEST_F(OpenTest, TheChainFindsEveryKindOfTampering) {
  open();
  auto s = accept(*store_, wanted("k1"))->submission;
  s = *advance_to(*store_, s, State::signing);
  Advance a;
  a.next = s;
  a.next.state = State::ready;
  a.rows = {journal_row("signed")};
  a.evidence = {sample_envelope('e')};
  ASSERT_TRUE(advance(*store_, a));
  ASSERT_TRUE(accept(*store_, wanted("k2")));
  ASSERT_TRUE(store_->verify_chain());
  close();
  const auto sound = bytes_of(path());
  for (const char* change : {
           "UPDATE journal SET principal='nobody' WHERE seq=2",
           "UPDATE journal SET at=at+1 WHERE seq=1",
           "UPDATE journal SET request=CAST('other bytes' AS BLOB) WHERE seq=1",
           "UPDATE journal SET document=CAST('other' AS BLOB) WHERE seq=1",
           "UPDATE envelope SET signature=zeroblob(64)",
           "DELETE FROM envelope",
           "UPDATE journal SET content=zeroblob(32) WHERE seq=3",
           "DELETE FROM journal WHERE seq=2",
           "UPDATE chain SET digest=zeroblob(32) WHERE last_seq=2",
           "UPDATE journal SET detail='x' WHERE seq=4; UPDATE chain SET digest=zeroblob(32) WHERE last_seq=4",
       }) {
    sql(change);
    open();
    const auto verdict = store_->verify_chain();
    ASSERT_FALSE(verdict) << change;
    EXPECT_EQ(verdict.error().id, "store.chain") << change;
    close();
    std::ofstream(path(), std::ios::binary) << sound;
  }
}

TEST_F(OpenTest, SignaturesComeWithWhetherTheChainHoldsOverTheirSubmissionsOwnRows) {
  open();
  const auto own = accept(*store_, wanted("k1"))->submission;
  Advance a;
  a.next = *advance_to(*store_, own, State::signing);
  a.next.state = State::ready;
  a.rows = {journal_row("signed")};
  a.evidence = {sample_envelope('e')};
  ASSERT_TRUE(advance(*store_, a));
  ASSERT_TRUE(accept(*store_, wanted("k2")));
  close();
  const auto sound = bytes_of(path());
  const auto first = [&](const char* change) {
    sql(change);
    open();
    auto kept = reader_->signatures(own.id);
    EXPECT_TRUE(kept && kept->size() == 1) << change;
    std::optional<Error> broken = kept && !kept->empty() ? kept->front().broken : std::nullopt;
    close();
    std::ofstream(path(), std::ios::binary) << sound;
    return broken ? broken->id + " " + broken->field : std::string("holds");
  };
  EXPECT_EQ(first("SELECT 1"), "holds");
  EXPECT_EQ(first("UPDATE journal SET detail='x' WHERE seq=4"), "holds") << "another's row is not looked at";
  EXPECT_EQ(first("UPDATE journal SET at=at+1 WHERE seq=1"), "store.chain journal row 1");
  EXPECT_EQ(first("UPDATE journal SET request=CAST('other bytes' AS BLOB) WHERE seq=1"), "store.chain journal row 1");
  EXPECT_EQ(first("UPDATE journal SET principal='nobody' WHERE seq=2"), "store.chain journal row 2");
  EXPECT_EQ(first("UPDATE chain SET digest=zeroblob(32) WHERE last_seq=2"), "store.chain journal row 2");
  EXPECT_EQ(first("UPDATE envelope SET signature=zeroblob(64)"), "store.chain journal row 3");
  EXPECT_EQ(first("UPDATE journal SET content=zeroblob(32) WHERE seq=3"), "store.chain journal row 3");
}

TEST_F(OpenTest, AJournalThatDoesNotEndWhereItsChainEndsIsRefusedAtOnce) {
  open();
  ASSERT_TRUE(accept(*store_, wanted("k1")));
  ASSERT_TRUE(accept(*store_, wanted("k2")));
  close();
  sql("DELETE FROM journal WHERE seq=2");
  EXPECT_EQ(refusal().id, "store.chain");
}

TEST_F(OpenTest, AStateNobodyKnowsIsDamageNotWorkToDo) {
  open();
  const auto id = accept(*store_, wanted("k1"))->submission.id;
  close();
  sql("UPDATE submission SET kind=9");
  open();
  EXPECT_EQ(reader_->submission(id).error().id, "store.corrupt");
  EXPECT_TRUE(reader_->last_seq()) << "the reader goes on";
  close();
  sql("UPDATE submission SET kind=0, state=99");
  EXPECT_EQ(refusal().id, "store.corrupt");
}

}  // namespace
}  // namespace taxgate::store
