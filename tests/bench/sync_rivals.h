#pragma once
// The other ways to keep the status of many invoices: SQLite UPSERT of everything, SQLite scan-and-compare, an LMDB
// cursor merge and a RocksDB iterator merge. Each reads the same pages with the same strict decoder, compares the
// packed status and makes its changes durable every kCommit records. Header only, for sync_bench.cpp. Thread: one.
#include <lmdb.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <sqlite3.h>

#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "tests/bench/sync_verdict.h"

namespace taxgate::bench {

inline void sql(sqlite3* db, const std::string& text) {
  char* error = nullptr;
  if (sqlite3_exec(db, text.c_str(), nullptr, nullptr, &error) != SQLITE_OK)
    throw std::runtime_error(text.substr(0, 60) + ": " + (error != nullptr ? error : "?"));
}

class SqliteRival : public Rival {
 public:
  SqliteRival(const std::string& path, bool upsert) : upsert_(upsert) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) throw std::runtime_error("sqlite open");
    sql(db_,
        // The size of pages first: a database in WAL mode keeps the one it has.
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;"
        "CREATE TABLE status(id INTEGER PRIMARY KEY, bits INTEGER NOT NULL, seen_at INTEGER NOT NULL)");
    prepare(put_,
            "INSERT INTO status VALUES(?1,?2,?3) ON CONFLICT(id) DO UPDATE SET bits=?2, seen_at=?3 WHERE bits<>?2");
    prepare(scan_, "SELECT id, bits FROM status ORDER BY id");
  }
  ~SqliteRival() override {
    for (auto* s : {put_, scan_}) sqlite3_finalize(s);
    sqlite3_close(db_);
  }
  const char* name() const override { return upsert_ ? "SQLite UPSERT" : "SQLite scan and compare"; }
  void begin() override {
    sql(db_, "BEGIN");
    if (!upsert_) next();
  }
  void record(const listing::Record& r) override {
    const auto id = static_cast<std::int64_t>(r.key.rest), bits = static_cast<std::int64_t>(r.status.bits);
    if (!upsert_) {
      while (at_ && *at_ < id) next();
      if (at_ && *at_ == id && bits_ == bits) return next();
      changed_.emplace_back(id, bits);  // written behind the scan, which must not see them
      return;
    }
    put(id, bits);
  }
  void commit() override {
    if (!upsert_) return;
    sql(db_, "COMMIT; BEGIN");
  }
  void end() override {
    sqlite3_reset(scan_);
    for (std::size_t i = 0; i < changed_.size(); ++i) {
      put(changed_[i].first, changed_[i].second);
      if (i % kCommit == kCommit - 1) sql(db_, "COMMIT; BEGIN");
    }
    changed_.clear();
    sql(db_, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  }
  void each(const std::function<void(std::uint64_t, std::uint64_t)>& each) override {
    for (next(); at_; next()) each(static_cast<std::uint64_t>(*at_), static_cast<std::uint64_t>(bits_));
    sqlite3_reset(scan_);
  }

 private:
  void prepare(sqlite3_stmt*& s, const char* text) {
    if (sqlite3_prepare_v2(db_, text, -1, &s, nullptr) != SQLITE_OK) throw std::runtime_error(text);
  }
  void put(std::int64_t id, std::int64_t bits) {
    sqlite3_bind_int64(put_, 1, id);
    sqlite3_bind_int64(put_, 2, bits);
    sqlite3_bind_int64(put_, 3, 1'790'000'000'000);
    if (sqlite3_step(put_) != SQLITE_DONE) throw std::runtime_error("sqlite put");
    sqlite3_reset(put_);
  }
  void next() {
    at_.reset();
    if (sqlite3_step(scan_) != SQLITE_ROW) return;
    at_ = sqlite3_column_int64(scan_, 0);
    bits_ = sqlite3_column_int64(scan_, 1);
  }
  const bool upsert_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt *put_ = nullptr, *scan_ = nullptr;
  std::optional<std::int64_t> at_;
  std::int64_t bits_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> changed_;
};

class LmdbRival : public Rival {
 public:
  explicit LmdbRival(const std::string& directory) {
    std::filesystem::create_directory(directory);
    check(mdb_env_create(&env_));
    check(mdb_env_set_mapsize(env_, std::size_t{8} << 30U));
    check(mdb_env_open(env_, directory.c_str(), 0, 0600));
  }
  ~LmdbRival() override { mdb_env_close(env_); }
  const char* name() const override { return "LMDB cursor merge"; }
  void begin() override {
    check(mdb_txn_begin(env_, nullptr, 0, &txn_));
    check(mdb_dbi_open(txn_, nullptr, MDB_INTEGERKEY | MDB_CREATE, &dbi_));
    check(mdb_cursor_open(txn_, dbi_, &cursor_));
    good_ = mdb_cursor_get(cursor_, &key_, &value_, MDB_FIRST) == 0;
  }
  void record(const listing::Record& r) override {
    std::uint64_t id = r.key.rest;
    std::array<std::uint64_t, 2> now{r.status.bits, 1'790'000'000'000};
    while (good_ && number(key_) < id) step();
    if (good_ && number(key_) == id) {
      if (number(value_) != now[0]) {
        MDB_val k{sizeof id, &id}, v{sizeof now, now.data()};
        check(mdb_cursor_put(cursor_, &k, &v, MDB_CURRENT));
      }
      return step();
    }
    MDB_val k{sizeof id, &id}, v{sizeof now, now.data()};
    check(mdb_put(txn_, dbi_, &k, &v, 0));
    last_ = id;
    if (good_) reopen(id);
  }
  void commit() override {
    const std::uint64_t at = good_ ? number(key_) : UINT64_MAX;
    mdb_cursor_close(cursor_);
    check(mdb_txn_commit(txn_));
    check(mdb_txn_begin(env_, nullptr, 0, &txn_));
    check(mdb_cursor_open(txn_, dbi_, &cursor_));
    if (good_) reopen(at - 1);
  }
  void end() override {
    mdb_cursor_close(cursor_);
    check(mdb_txn_commit(txn_));
  }
  void each(const std::function<void(std::uint64_t, std::uint64_t)>& each) override {
    for (begin(); good_; step()) each(number(key_), number(value_));
    end();
  }

 private:
  static void check(int code) {
    if (code != 0) throw std::runtime_error(mdb_strerror(code));
  }
  static std::uint64_t number(const MDB_val& v) {
    std::uint64_t out = 0;
    std::memcpy(&out, v.mv_data, sizeof out);
    return out;
  }
  void step() { good_ = mdb_cursor_get(cursor_, &key_, &value_, MDB_NEXT) == 0; }
  void reopen(std::uint64_t after) {  // to the first key above
    std::uint64_t from = after + 1;
    key_ = {sizeof from, &from};
    good_ = mdb_cursor_get(cursor_, &key_, &value_, MDB_SET_RANGE) == 0;
  }
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_dbi dbi_ = 0;
  MDB_cursor* cursor_ = nullptr;
  MDB_val key_{}, value_{};
  bool good_ = false;
  std::uint64_t last_ = 0;
};

class RocksRival : public Rival {
 public:
  explicit RocksRival(const std::string& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.IncreaseParallelism(2);
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open(options, directory, &db));
    db_.reset(db);
  }
  const char* name() const override { return "RocksDB iterator merge"; }
  void begin() override {
    iterator_.reset(db_->NewIterator(rocksdb::ReadOptions()));
    iterator_->SeekToFirst();
  }
  void record(const listing::Record& r) override {
    const std::uint64_t key = __builtin_bswap64(r.key.rest);
    const rocksdb::Slice k(reinterpret_cast<const char*>(&key), sizeof key);
    while (iterator_->Valid() && iterator_->key().compare(k) < 0) iterator_->Next();
    const bool known = iterator_->Valid() && iterator_->key() == k;
    std::uint64_t bits = 0;
    if (known) std::memcpy(&bits, iterator_->value().data(), sizeof bits);
    if (!known || bits != r.status.bits) {
      const std::array<std::uint64_t, 2> now{r.status.bits, 1'790'000'000'000};
      check(batch_.Put(k, rocksdb::Slice(reinterpret_cast<const char*>(now.data()), sizeof now)));
    }
    if (known) iterator_->Next();
  }
  void commit() override {
    rocksdb::WriteOptions durable;
    durable.sync = true;
    check(db_->Write(durable, &batch_));
    batch_.Clear();
  }
  void end() override {
    commit();
    iterator_.reset();
  }
  void each(const std::function<void(std::uint64_t, std::uint64_t)>& each) override {
    for (begin(); iterator_->Valid(); iterator_->Next()) {
      std::uint64_t key = 0, bits = 0;
      std::memcpy(&key, iterator_->key().data(), sizeof key);
      std::memcpy(&bits, iterator_->value().data(), sizeof bits);
      each(__builtin_bswap64(key), bits);
    }
    iterator_.reset();
  }

 private:
  static void check(const rocksdb::Status& s) {
    if (!s.ok()) throw std::runtime_error(s.ToString());
  }
  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  rocksdb::WriteBatch batch_;
};

/// Walks a table of two databases in the order of its key. returns  how many rows; throws at the first that differs
inline std::uint64_t same_rows(sqlite3* a, sqlite3* b, const std::string& table) {
  const std::string query = "SELECT * FROM " + table;
  std::array<sqlite3_stmt*, 2> s{};
  if (sqlite3_prepare_v2(a, query.c_str(), -1, s.data(), nullptr) != SQLITE_OK ||
      sqlite3_prepare_v2(b, query.c_str(), -1, &s[1], nullptr) != SQLITE_OK)
    throw std::runtime_error(query);
  std::uint64_t rows = 0;
  for (;; ++rows) {
    const std::array<int, 2> step{sqlite3_step(s[0]), sqlite3_step(s[1])};
    bool same = step[0] == step[1] && (step[0] == SQLITE_ROW || step[0] == SQLITE_DONE);
    for (int i = 0; same && step[0] == SQLITE_ROW && i < sqlite3_column_count(s[0]); ++i) {
      const std::array<const void*, 2> bytes{sqlite3_column_blob(s[0], i), sqlite3_column_blob(s[1], i)};
      const std::array<int, 2> size{sqlite3_column_bytes(s[0], i), sqlite3_column_bytes(s[1], i)};
      same = size[0] == size[1] &&
             (size[0] == 0 || std::memcmp(bytes[0], bytes[1], static_cast<std::size_t>(size[0])) == 0);
    }
    if (!same) throw std::runtime_error(fmt::format("bulk insert: {} differs at row {}", table, rows));
    if (step[0] == SQLITE_DONE) break;
  }
  for (auto* one : s) sqlite3_finalize(one);
  return rows;
}

/// SQLite's own bulk insert: the rows that a first load has made, same tables, one transaction, into a temporary file.
/// Only the inserts and the commit are timed (`watch` is called around them). Row by row the same, or it throws.
template <class Watch>
auto bulk_insert(const std::string& from, const std::string& to, Watch make_watch) {
  sqlite3 *source = nullptr, *target = nullptr;
  if (sqlite3_open(from.c_str(), &source) != SQLITE_OK || sqlite3_open(to.c_str(), &target) != SQLITE_OK)
    throw std::runtime_error("sqlite open");
  sql(target, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536");
  struct Value {
    std::int64_t number = 0;
    std::string bytes;
    int type = SQLITE_NULL;
  };
  constexpr std::size_t kRows = 10'000;  // read ahead, so that reading is not timed
  decltype(make_watch().stop()) sum{};
  for (const char* table : {"invoice", "issued", "change", "status"}) {
    sqlite3_stmt *ddl = nullptr, *rows = nullptr, *put = nullptr;
    sqlite3_prepare_v2(source, "SELECT sql FROM sqlite_master WHERE name = ?", -1, &ddl, nullptr);
    sqlite3_bind_text(ddl, 1, table, -1, SQLITE_STATIC);
    sqlite3_step(ddl);
    sql(target, reinterpret_cast<const char*>(sqlite3_column_text(ddl, 0)));
    sqlite3_finalize(ddl);
    sqlite3_prepare_v2(source, fmt::format("SELECT * FROM {}", table).c_str(), -1, &rows, nullptr);
    const int columns = sqlite3_column_count(rows);
    std::string marks = "?";
    for (int i = 1; i < columns; ++i) marks += ",?";
    sqlite3_prepare_v2(target, fmt::format("INSERT INTO {} VALUES({})", table, marks).c_str(), -1, &put, nullptr);
    sql(target, "BEGIN");
    for (bool more = true; more;) {
      std::vector<Value> values;
      while (values.size() < kRows * static_cast<std::size_t>(columns) && (more = sqlite3_step(rows) == SQLITE_ROW))
        for (int i = 0; i < columns; ++i) {
          Value v;
          v.type = sqlite3_column_type(rows, i);
          v.number = sqlite3_column_int64(rows, i);
          if (v.type == SQLITE_TEXT || v.type == SQLITE_BLOB)
            v.bytes.assign(static_cast<const char*>(sqlite3_column_blob(rows, i)),
                           static_cast<std::size_t>(sqlite3_column_bytes(rows, i)));
          values.push_back(std::move(v));
        }
      const auto watch = make_watch();
      for (std::size_t at = 0; at < values.size(); at += static_cast<std::size_t>(columns)) {
        for (int i = 0; i < columns; ++i) {
          const Value& v = values[at + static_cast<std::size_t>(i)];
          if (v.type == SQLITE_TEXT)
            sqlite3_bind_text(put, i + 1, v.bytes.data(), static_cast<int>(v.bytes.size()), SQLITE_STATIC);
          else if (v.type == SQLITE_BLOB)
            sqlite3_bind_blob(put, i + 1, v.bytes.data(), static_cast<int>(v.bytes.size()), SQLITE_STATIC);
          else
            sqlite3_bind_int64(put, i + 1, v.number);
        }
        if (sqlite3_step(put) != SQLITE_DONE) throw std::runtime_error("bulk insert");
        sqlite3_reset(put);
      }
      sum = sum + watch.stop();
    }
    const auto watch = make_watch();
    sql(target, "COMMIT");
    sum = sum + watch.stop();
    sqlite3_finalize(rows);
    sqlite3_finalize(put);
    same_rows(source, target, table);
  }
  sqlite3_close(source);
  sqlite3_close(target);
  return sum;
}

}  // namespace taxgate::bench
