#include "daemon/store/schema.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "daemon/core/files.h"
#include "daemon/core/limits.h"
#include "daemon/core/log.h"
#include "daemon/store/codec.h"
#include "daemon/store/operations.h"
#include "daemon/store/rows.h"
#include "protocol/states.h"

namespace taxgate::store {
namespace {

// The numbers are on disk: a new state goes to the end of its group by a migration, never into the middle.
static_assert(static_cast<int>(State::queued) == 0 && static_cast<int>(State::issued) == 11 && kStateCount == 16);
static_assert(static_cast<int>(Step::answer) == 2 && static_cast<int>(Kind::revoke) == 3);

constexpr const char* kVersion1 = R"(
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE journal(
  seq INTEGER PRIMARY KEY, previous INTEGER NOT NULL, at INTEGER NOT NULL,
  submission TEXT NOT NULL, taxpayer TEXT NOT NULL, blue_number TEXT NOT NULL, event TEXT NOT NULL,
  state TEXT NOT NULL, step TEXT NOT NULL, principal TEXT NOT NULL, detail TEXT NOT NULL, reference TEXT NOT NULL,
  content BLOB, request BLOB, document BLOB);
CREATE TABLE chain(last_seq INTEGER PRIMARY KEY, digest BLOB NOT NULL);
CREATE TABLE submission(
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, version INTEGER NOT NULL,
  kind INTEGER NOT NULL, state INTEGER NOT NULL, step INTEGER NOT NULL, last_journal INTEGER NOT NULL,
  taxpayer TEXT NOT NULL, caller TEXT NOT NULL, idempotency_key TEXT NOT NULL, lane TEXT NOT NULL,
  blue_number TEXT NOT NULL, amount INTEGER NOT NULL, tax INTEGER NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, intent_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  entered_at INTEGER NOT NULL, deadline INTEGER NOT NULL,
  form_uuid TEXT NOT NULL, form_number TEXT NOT NULL, form_state TEXT NOT NULL, red_number TEXT NOT NULL,
  upload_serial TEXT NOT NULL, receipt TEXT NOT NULL, key_serial TEXT NOT NULL,
  hold_reason TEXT NOT NULL, hold_release_by TEXT NOT NULL, error BLOB NOT NULL, foreign_form BLOB NOT NULL);
CREATE UNIQUE INDEX submission_id ON submission(id);
CREATE INDEX submission_open ON submission(seq) WHERE state < 11;
CREATE TABLE part(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE envelope(
  id INTEGER PRIMARY KEY, submission INTEGER NOT NULL, step INTEGER NOT NULL, journal INTEGER NOT NULL,
  bytes BLOB NOT NULL, signature BLOB NOT NULL, certificate BLOB NOT NULL, signer_id TEXT NOT NULL, key_serial TEXT NOT NULL);
CREATE INDEX envelope_submission ON envelope(submission, step);
CREATE INDEX envelope_journal ON envelope(journal);
CREATE TABLE invoice(number TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE red_of(blue TEXT NOT NULL, red TEXT NOT NULL, PRIMARY KEY(blue, red)) WITHOUT ROWID;
CREATE TABLE hold(
  taxpayer TEXT NOT NULL, reason TEXT NOT NULL, release_by TEXT NOT NULL, cause TEXT NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY(taxpayer, reason)) WITHOUT ROWID;
CREATE TABLE caller(
  name TEXT PRIMARY KEY, roles BLOB NOT NULL, taxpayers BLOB NOT NULL, token_sha256 TEXT NOT NULL,
  certificate_sha256 TEXT NOT NULL, uid INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE inbox(
  uuid TEXT PRIMARY KEY, number TEXT NOT NULL, taxpayer TEXT NOT NULL, state TEXT NOT NULL, blue_number TEXT NOT NULL,
  counterparty TEXT NOT NULL, reason TEXT NOT NULL, role INTEGER NOT NULL, amount INTEGER NOT NULL, tax INTEGER NOT NULL,
  entered_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, submission TEXT NOT NULL, open INTEGER NOT NULL);
CREATE INDEX inbox_taxpayer ON inbox(taxpayer, open);
CREATE TABLE request_number(device TEXT PRIMARY KEY, last_second INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cursor(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('clean', 1);
)";

// Who set a hold; and the owner of a form is found without reading every submission.
constexpr const char* kVersion2 = R"(
ALTER TABLE hold ADD COLUMN principal TEXT NOT NULL DEFAULT '';
CREATE INDEX submission_form ON submission(form_uuid) WHERE form_uuid <> '';
)";

// The credit line: what was told of it, and what was issued in a month without reading every invoice.
constexpr const char* kVersion3 = R"(
CREATE TABLE issued(
  seller TEXT NOT NULL, month INTEGER NOT NULL, number TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
  amount INTEGER NOT NULL, red INTEGER NOT NULL, PRIMARY KEY(seller, month, number)) WITHOUT ROWID;
CREATE INDEX red_of_red ON red_of(red);
CREATE TABLE credit(
  id INTEGER PRIMARY KEY, journal INTEGER NOT NULL, taxpayer TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  until INTEGER NOT NULL, period INTEGER NOT NULL, amount INTEGER NOT NULL, per_invoice INTEGER, monthly_count INTEGER,
  sheets INTEGER NOT NULL, reference TEXT NOT NULL, note TEXT NOT NULL, principal TEXT NOT NULL);
CREATE INDEX credit_taxpayer ON credit(taxpayer);
)";

// The night sync (docs/sync.md): the platform's status of every invoice and how it changed, readable by any SQLite tool
// through the view, which shows what is applied.
#define TAXGATE_CODE(shift)                                                                                       \
  "(CASE WHEN bits >> " #shift " & 127 = 0 THEN '' WHEN bits >> " #shift " & 127 < 11 THEN CAST((bits >> " #shift \
  " & 127) - 1 AS TEXT) WHEN bits >> " #shift " & 127 < 111 THEN printf('%02d', (bits >> " #shift                 \
  " & 127) - 11) WHEN bits >> " #shift                                                                            \
  " & 127 = 111 THEN "                                                                                            \
  "'Y' ELSE 'N' END)"
constexpr const char* kVersion4 =
    R"(
CREATE TABLE taxpayer(no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE status(
  partition INTEGER NOT NULL, rest INTEGER NOT NULL, bits INTEGER NOT NULL, seen_at INTEGER NOT NULL,
  hash INTEGER NOT NULL, PRIMARY KEY(partition, rest)) WITHOUT ROWID;
CREATE TABLE change(
  seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, partition INTEGER NOT NULL, rest INTEGER NOT NULL,
  before INTEGER NOT NULL, after INTEGER NOT NULL, at INTEGER NOT NULL, hash INTEGER NOT NULL);
CREATE TABLE quarantine(
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at INTEGER NOT NULL, taxpayer TEXT NOT NULL, number TEXT NOT NULL,
  reason TEXT NOT NULL, field TEXT NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL, hash INTEGER NOT NULL,
  evidence BLOB NOT NULL, times INTEGER NOT NULL, UNIQUE(taxpayer, number, hash));
INSERT INTO meta VALUES('applied_seq', 0);
CREATE VIEW invoice_status AS SELECT t.id AS taxpayer,
  CASE s.partition >> 7 & 3
    WHEN 0 THEN printf('%02d%018d', s.partition & 127, rest)
    WHEN 1 THEN printf('%04d%02d%012d', rest / 1000000000000, s.partition & 127, rest % 1000000000000)
    ELSE printf('0%04d%02d%013d', rest / 10000000000000, s.partition & 127, rest % 10000000000000) END AS number,
)" TAXGATE_CODE(0) " AS state, " TAXGATE_CODE(7) " AS lock, " TAXGATE_CODE(14) " AS use, " TAXGATE_CODE(
        21) " AS booking, " TAXGATE_CODE(28) " AS abnormal, " TAXGATE_CODE(35) " AS risk, " TAXGATE_CODE(42) R"( AS agriculture,
  seen_at FROM status s JOIN taxpayer t ON t.no = s.partition >> 9;
)";

// One row a night, for history; and how far each window of an unfinished one is, so that a stop costs at most a page.
constexpr const char* kVersion5 = R"(
CREATE TABLE night(
  run INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, finished_at INTEGER NOT NULL, state TEXT NOT NULL,
  first_change INTEGER NOT NULL, summary BLOB NOT NULL);
CREATE TABLE night_window(
  run INTEGER NOT NULL, position INTEGER NOT NULL, mark TEXT NOT NULL, PRIMARY KEY(run, position)) WITHOUT ROWID;
)";

// Applications for another credit line: the type of a short-term one, and the papers beside it ("kind hash name" a
// line).
constexpr const char* kVersion6 = R"(
ALTER TABLE credit ADD COLUMN short_term_type TEXT NOT NULL DEFAULT '';
ALTER TABLE credit ADD COLUMN papers TEXT NOT NULL DEFAULT '';
)";

// Invoices that came with a submission stood in the ledger and not in the month's index, so the credit line did not
// count them. Written by version 9, like the whole of `issued`.
constexpr const char* kVersion7 = "";

// What our taxpayers issued, added up by month and type, and the reds among it: a night that compares the sums and
// looks at the reds of each month it lists need not read every row.
constexpr const char* kVersion8 = R"(
CREATE TABLE issued_total(
  seller TEXT NOT NULL, month INTEGER NOT NULL, type TEXT NOT NULL, amount INTEGER, PRIMARY KEY(seller, month, type))
  WITHOUT ROWID;
CREATE INDEX issued_red ON issued(seller, month) WHERE red = 1;
)";

// The tax beside the amounts: the night compares both sums.
constexpr const char* kVersion9 = R"(
ALTER TABLE issued ADD COLUMN tax INTEGER NOT NULL DEFAULT 0;
DROP TABLE issued_total;
CREATE TABLE issued_total(
  seller TEXT NOT NULL, month INTEGER NOT NULL, type TEXT NOT NULL, amount INTEGER, tax INTEGER,
  PRIMARY KEY(seller, month, type)) WITHOUT ROWID;
)";
void index_all_invoices(Connection& c) {
  {
    auto q = c.query("SELECT record FROM invoice");
    while (q.row()) {
      const auto invoice = decode_invoice(q.view(0));
      if (!invoice) return q.damaged("an invoice cannot be read");
      index_issued(c, nullptr, *invoice);
    }
  }
  std::vector<std::string> taxpayers;
  {
    auto q = c.query("SELECT id FROM taxpayer");
    while (q.row()) taxpayers.push_back(q.text(0));
  }
  for (const auto& taxpayer : taxpayers) add_up_issued(c, taxpayer);
}

// Found in memory, as keys and lanes are (seq_index.h, open_set.h): every acceptance wrote both.
constexpr const char* kVersion10 = "DROP INDEX IF EXISTS submission_id; DROP INDEX IF EXISTS submission_open;";

struct Version {
  const char* sql;
  void (*fill)(Connection&) = nullptr;  // what SQL cannot compute, in the same transaction
};
constexpr std::array<Version, kSchemaVersion> kVersions{{{kVersion1},
                                                         {kVersion2},
                                                         {kVersion3},
                                                         {kVersion4},
                                                         {kVersion5},
                                                         {kVersion6},
                                                         {kVersion7},
                                                         {kVersion8},
                                                         {kVersion9, index_all_invoices},
                                                         {kVersion10}}};

Result<void> outcome(const Connection& c) {
  if (c.failure()) return std::unexpected(*c.failure());
  return {};
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> make_file(const std::string& path, const std::string& vfs) {
  Connection c;
  if (auto opened = c.open(path, vfs, Connection::Mode::read_write); !opened) return opened;
  c.execute("PRAGMA page_size=" + std::to_string(kPageSize) +
            "; PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;");
  c.execute("PRAGMA application_id=" + std::to_string(kApplicationId));
  if (auto made = migrate(c); !made) return made;
  c.execute("PRAGMA journal_mode=WAL");
  return outcome(c);
}

Result<int> version_of(Connection& c) {
  const std::string text = c.value("PRAGMA user_version");
  if (c.failure()) return std::unexpected(*c.failure());
  return std::atoi(text.c_str());
}

}  // namespace

Result<void> create_database(const std::string& path, const std::string& vfs) {
  const std::string temporary = path + ".new";
  // Left by an earlier attempt that never became the database: nothing in it was ever promised.
  for (const char* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((temporary + suffix).c_str());
  {
    const UniqueFd fd(::open(temporary.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
    if (!fd) return fail(Errc::invalid_input, "file.unwritable", temporary, {}, {}, std::strerror(errno));
  }
  if (auto made = make_file(temporary, vfs); !made) {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((temporary + suffix).c_str());
    return made;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail(Errc::invalid_input, "file.unwritable", path, {}, {}, std::strerror(errno));
  const UniqueFd dir(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) return fail(Errc::retry_later, "store.io", path, {}, {}, std::strerror(errno));
  return {};
}

Result<void> inspect_database(const std::string& path, const std::string& vfs) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return fail(Errc::retry_later, "store.io", path, {}, {}, std::strerror(errno));
  // SQLite would take an empty file for a new database and quietly start over; ours are never empty (create_database).
  if (st.st_size == 0) return fail(Errc::corrupt, "store.corrupt", path, "the file is empty");
  const auto damaged = [&path](const std::string& what, const std::string& detail) {
    return fail(Errc::corrupt, "store.corrupt", path, what, {}, detail);
  };
  Connection c;
  if (auto opened = c.open(path, vfs, Connection::Mode::read_only); !opened) {
    if (opened.error().code == Errc::corrupt) return damaged(opened.error().wanted, opened.error().detail);
    return opened;
  }
  const std::string application = c.value("PRAGMA application_id");
  const auto version = version_of(c);
  if (!version) {
    if (version.error().code != Errc::corrupt) return std::unexpected(version.error());
    return damaged(version.error().wanted, version.error().detail);
  }
  if (application != std::to_string(kApplicationId)) return fail(Errc::invalid_input, "store.foreign_file", path);
  if (*version > kSchemaVersion)
    return fail(Errc::invalid_input, "store.newer_schema", path, std::to_string(*version),
                std::to_string(kSchemaVersion));
  if (*version < 1) return damaged("no schema version", {});
  if (c.value("SELECT value FROM meta WHERE name='clean'") != "1" && !c.failure()) {
    log::notice("store.checking", "{} was not closed properly: checking its structure", path);
    const std::string found = c.value("PRAGMA quick_check(1)");
    if (!c.failure() && found != "ok") return damaged(found, {});
  }
  if (c.failure()) {
    if (c.failure()->code == Errc::retry_later) return std::unexpected(*c.failure());
    return damaged(c.failure()->wanted, c.failure()->detail);
  }
  return {};
}

Result<void> prepare_for_writing(Connection& c) {
  c.execute("PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA cache_size=-" +
            std::to_string(limits::kStoreCacheKiB));
  struct Setting {
    const char *set, *get, *wanted;
  };
  // FULL: without the flush after each commit an acceptance could be answered and lost with the power. No automatic
  // checkpoint: it would run inside some commit and show in its latency; the writer runs it between commits.
  constexpr std::array<Setting, 3> kSettings{{{"PRAGMA journal_mode=WAL", "PRAGMA journal_mode", "wal"},
                                              {"PRAGMA synchronous=FULL", "PRAGMA synchronous", "2"},
                                              {"PRAGMA wal_autocheckpoint=0", "PRAGMA wal_autocheckpoint", "0"}}};
  for (const auto& setting : kSettings) {
    c.value(setting.set);
    const std::string found = c.value(setting.get);
    if (c.failure()) return std::unexpected(*c.failure());
    if (found != setting.wanted) return fail(Errc::retry_later, "store.pragma", setting.get, found, setting.wanted);
  }
  c.count_wal();
  return outcome(c);
}

Result<void> migrate(Connection& c) {
  const auto found = version_of(c);
  if (!found) return std::unexpected(found.error());
  for (int version = *found; version < kSchemaVersion; ++version) {
    // user_version is part of the transaction: after a crash the file has the old schema or the new one.
    c.execute("BEGIN IMMEDIATE");
    const Version& step = kVersions[static_cast<std::size_t>(version)];
    c.execute(step.sql);
    if (step.fill != nullptr) step.fill(c);
    c.execute("PRAGMA user_version=" + std::to_string(version + 1));
    c.execute("COMMIT");
    if (c.failure()) return std::unexpected(*c.failure());
    if (*found > 0) log::notice("store.migrated", "schema {} is now {}", version, version + 1);
  }
  return {};
}

Result<void> set_clean_mark(Connection& c, bool clean) {
  c.execute(clean ? "UPDATE meta SET value=1 WHERE name='clean'" : "UPDATE meta SET value=0 WHERE name='clean'");
  return outcome(c);
}

}  // namespace taxgate::store
