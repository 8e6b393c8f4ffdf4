#include "daemon/store/given.h"

#include <sqlite3.h>

#include "daemon/store/sql.h"

namespace taxgate::store {
namespace {

// SQLite's virtual tables: structures that begin with theirs, and a table of functions (sqlite.org/vtab.html).
struct GivenTable : sqlite3_vtab {
  const Connection* connection;
};
struct GivenCursor : sqlite3_vtab_cursor {
  const Given* given;
  std::size_t row;
};

GivenCursor& cursor_of(sqlite3_vtab_cursor* base) { return *static_cast<GivenCursor*>(base); }

int given_connect(sqlite3* db, void* connection, int, const char* const*, sqlite3_vtab** out, char**) {
  const int code = sqlite3_declare_vtab(db, "CREATE TABLE given(c0, c1, c2, c3, c4, c5, c6, c7)");
  if (code != SQLITE_OK) return code;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);  // not for views and triggers of a file from elsewhere
  auto* table = new GivenTable{};
  table->connection = static_cast<const Connection*>(connection);
  *out = table;
  return SQLITE_OK;
}
int given_disconnect(sqlite3_vtab* table) {
  delete static_cast<GivenTable*>(table);
  return SQLITE_OK;
}
int given_best_index(sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; }  // there is one way: all, in order
int given_open(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
  *out = new GivenCursor{};
  return SQLITE_OK;
}
int given_close(sqlite3_vtab_cursor* cursor) {
  delete &cursor_of(cursor);
  return SQLITE_OK;
}
int given_filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
  cursor_of(cursor).given = static_cast<const GivenTable*>(cursor->pVtab)->connection->given();
  cursor_of(cursor).row = 0;
  return SQLITE_OK;
}
int given_next(sqlite3_vtab_cursor* cursor) {
  ++cursor_of(cursor).row;
  return SQLITE_OK;
}
int given_eof(sqlite3_vtab_cursor* cursor) {
  const GivenCursor& c = cursor_of(cursor);
  return c.given == nullptr || c.row >= c.given->rows() ? 1 : 0;
}
int given_column(sqlite3_vtab_cursor* cursor, sqlite3_context* out, int column) {
  const GivenCursor& c = cursor_of(cursor);
  if (static_cast<std::size_t>(column) >= c.given->columns()) return SQLITE_OK;  // NULL
  const Given::Cell& cell = c.given->at(c.row, static_cast<std::size_t>(column));
  // An empty view may have no address, which SQLite would take for NULL.
  const char* data = cell.text.empty() ? "" : cell.text.data();
  switch (cell.kind) {
    case Given::Cell::Kind::integer:
      sqlite3_result_int64(out, cell.number);
      break;
    case Given::Cell::Kind::text:
      sqlite3_result_text64(out, data, cell.text.size(), SQLITE_STATIC, SQLITE_UTF8);
      break;
    case Given::Cell::Kind::bytes:
      sqlite3_result_blob64(out, data, cell.text.size(), SQLITE_STATIC);
      break;
  }
  return SQLITE_OK;
}
int given_rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(cursor_of(cursor).row);
  return SQLITE_OK;
}

// No xCreate: the table exists by its name alone and never stands in the file.
const sqlite3_module kGivenModule = [] {
  sqlite3_module m{};
  m.xConnect = given_connect;
  m.xBestIndex = given_best_index;
  m.xDisconnect = given_disconnect;
  m.xOpen = given_open;
  m.xClose = given_close;
  m.xFilter = given_filter;
  m.xNext = given_next;
  m.xEof = given_eof;
  m.xColumn = given_column;
  m.xRowid = given_rowid;
  return m;
}();

}  // namespace

int register_given(sqlite3* db, Connection& connection) {
  return sqlite3_create_module(db, "given", &kGivenModule, &connection);
}

}  // namespace taxgate::store
