#pragma once
// SQLite, reduced to what the store needs. Private to this room. A connection is used by one thread at a time.
//
// Failures are sticky: the first one is kept in the connection, every later step does nothing and yields no row, and
// the caller looks once, where it matters (before a commit, before an answer). That keeps a transaction of thirty
// statements readable and cannot forget a check.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/error.h"
#include "protocol/sm.h"

struct sqlite3;
struct sqlite3_stmt;

namespace taxgate::store {

class Given;
class Query;

class Connection {
 public:
  enum class Mode { read_write, read_only };
  Connection() = default;
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The file must exist. errors  corrupt store.corrupt, limit_reached store.full, retry_later store.io
  Result<void> open(const std::string& path, const std::string& vfs, Mode mode);
  void close();

  /// A prepared statement, kept for the life of the connection. `sql` must be a literal: its address is the key.
  Query query(const char* sql);
  /// Runs a statement that takes its rows from `given` (given.h). `sql` as for query().
  void insert(const char* sql, const Given& rows);
  const Given* given() const { return given_; }  // the rows of the statement that runs
  /// Runs any number of statements without results.
  void execute(const std::string& sql);
  /// First column of the first row, as text; empty when there is none.
  std::string value(const std::string& sql);

  const std::optional<Error>& failure() const { return failure_; }
  void clear_failure() { failure_.reset(); }
  void restore_failure(Error error) { failure_ = std::move(error); }
  /// True when SQLite's last failure left the disk's content unsure (a write or a flush failed), other than a full
  /// disk.
  bool disk_failed() const { return disk_failed_; }
  /// Records SQLite's error of the call that just failed.
  void note_failure(int code, const char* what);

  /// Copies what it can of the WAL into the main file, waiting for nobody.
  void checkpoint();
  /// Gives back the memory of cached pages (after a long scan).
  void shrink();
  bool in_transaction() const;
  /// Rows that the last INSERT, UPDATE or DELETE touched itself.
  std::int64_t changed_rows() const;
  /// Begins to count WAL pages. After the settings: "PRAGMA wal_autocheckpoint" would end it.
  void count_wal();
  /// WAL pages after the last commit.
  int wal_pages() const { return wal_pages_; }
  void set_wal_pages(int pages) { wal_pages_ = pages; }
  sqlite3* handle() const { return db_; }

 private:
  sqlite3* db_ = nullptr;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
  std::optional<Error> failure_;
  const Given* given_ = nullptr;
  bool disk_failed_ = false;
  int wal_pages_ = 0;
};

/// One use of a statement: bind in order, step, read columns. Resets the statement when it goes.
class Query {
 public:
  Query(Connection& connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Bound text and bytes must stay until the Query goes.
  Query& bind(std::int64_t value);
  Query& bind(std::string_view text);
  Query& bind(std::string&& text) = delete;  // a temporary would be gone before the statement runs
  Query& bind_bytes(std::string_view bytes);
  Query& bind_bytes(std::string&& bytes) = delete;
  Query& bind_bytes(ByteView bytes) { return bind_bytes(as_text(bytes)); }
  Query& bind_null();
  Query& bind_bytes_or_null(std::string_view bytes) { return bytes.empty() ? bind_null() : bind_bytes(bytes); }

  bool row();                  // the next row; false at the end and after a failure
  void run() { (void)row(); }  // for statements without result rows
  std::int64_t integer(int column) const;
  std::string text(int column) const { return std::string(view(column)); }
  std::string_view view(int column) const;  // valid until the next step
  bool null(int column) const;
  /// A value nobody here can have written: recorded as damage, so that whatever is being read fails as a whole.
  void damaged(std::string_view what) const;

 private:
  Connection& connection_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

}  // namespace taxgate::store
