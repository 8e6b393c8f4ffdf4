#include "daemon/store/sql.h"

#include <sqlite3.h>

#include <cerrno>

#include "daemon/store/given.h"

namespace taxgate::store {
namespace {

int count_wal_pages(void* connection, sqlite3*, const char*, int pages) {
  static_cast<Connection*>(connection)->set_wal_pages(pages);
  return SQLITE_OK;
}

constexpr int kBusyMs =
    2000;  // another connection of this process holds the lock only while it recovers or resets the WAL

// SQLite's statistics take a process-wide lock at every allocation, a tenth of the writer's time; nobody reads them.
// Can only be switched off before the first use of SQLite in the process, and is left alone when that is over.
void without_statistics() { [[maybe_unused]] static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

}  // namespace

Connection::~Connection() { close(); }

void Connection::close() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
  if (db_ != nullptr) sqlite3_close(db_);
  db_ = nullptr;
}

Result<void> Connection::open(const std::string& path, const std::string& vfs, Mode mode) {
  without_statistics();
  const int flags = (mode == Mode::read_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &db_, flags, vfs.empty() ? nullptr : vfs.c_str());
  if (code != SQLITE_OK) {
    note_failure(code, "open");
    return std::unexpected(*failure_);
  }
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, kBusyMs);
  if (const int given = register_given(db_, *this); given != SQLITE_OK) {
    note_failure(given, "given");
    return std::unexpected(*failure_);
  }
  return {};
}

void Connection::note_failure(int code, const char* what) {
  if (failure_) return;
  const int system = db_ != nullptr ? sqlite3_system_errno(db_) : 0;
  const int primary = code & 0xFF;
  const std::string detail = std::string(what) + ": " + (db_ != nullptr ? sqlite3_errmsg(db_) : sqlite3_errstr(code)) +
                             " (" + std::to_string(code) + ")";
  if (primary == SQLITE_FULL || (primary == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT)) ||
      code == SQLITE_IOERR_SHMSIZE) {
    failure_ = Error{Errc::limit_reached, "store.full", {}, {}, {}, detail};
  } else if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
    failure_ = Error{Errc::corrupt, "store.corrupt", {}, sqlite3_errstr(code), {}, detail};
  } else {
    if (primary == SQLITE_IOERR) disk_failed_ = true;
    failure_ = Error{Errc::retry_later, "store.io", {}, sqlite3_errstr(code), {}, detail};
  }
}

Query Connection::query(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr && !failure_) {
    const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) note_failure(code, "prepare");
  }
  return Query(*this, statement);
}

void Connection::insert(const char* sql, const Given& rows) {
  given_ = &rows;
  query(sql).run();
  given_ = nullptr;
}

void Connection::execute(const std::string& sql) {
  if (failure_) return;
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) note_failure(code, "execute");
}

std::string Connection::value(const std::string& sql) {
  std::string out;
  if (failure_) return out;
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    if (const auto* text = sqlite3_column_text(statement, 0)) out = reinterpret_cast<const char*>(text);
    code = SQLITE_OK;
  }
  if (code != SQLITE_OK && code != SQLITE_DONE) note_failure(code, "value");
  sqlite3_finalize(statement);
  return out;
}

void Connection::count_wal() { sqlite3_wal_hook(db_, count_wal_pages, this); }

void Connection::checkpoint() {
  if (failure_) return;
  int pages = 0, copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
  // Copied in full: the next commit starts the WAL anew, so count from there. A reader in the way: try after the next
  // commit.
  if (code == SQLITE_OK && pages == copied)
    wal_pages_ = 0;
  else if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY)
    note_failure(code, "checkpoint");
}

void Connection::shrink() { sqlite3_db_release_memory(db_); }

bool Connection::in_transaction() const { return db_ != nullptr && sqlite3_get_autocommit(db_) == 0; }

std::int64_t Connection::changed_rows() const { return sqlite3_changes64(db_); }

Query::~Query() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
}

Query& Query::bind(std::int64_t value) {
  if (statement_ != nullptr) sqlite3_bind_int64(statement_, ++bound_, value);
  return *this;
}

Query& Query::bind(std::string_view text) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* data = text.empty() ? "" : text.data();
  if (statement_ != nullptr) sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Query& Query::bind_bytes(std::string_view bytes) {
  if (statement_ == nullptr) return *this;
  if (bytes.empty())
    sqlite3_bind_zeroblob(statement_, ++bound_, 0);
  else
    sqlite3_bind_blob64(statement_, ++bound_, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Query& Query::bind_null() {
  if (statement_ != nullptr) sqlite3_bind_null(statement_, ++bound_);
  return *this;
}

bool Query::row() {
  if (statement_ == nullptr || connection_.failure()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) connection_.note_failure(code, "step");
  return false;
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
bool Query::null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

void Query::damaged(std::string_view what) const {
  connection_.note_failure(SQLITE_CORRUPT, std::string(what).c_str());
}

std::string_view Query::view(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view{} : std::string_view(data, static_cast<std::size_t>(size));
}

}  // namespace taxgate::store
