#pragma once
// Many rows for one statement: "INSERT INTO t(a, b) SELECT c0, c1 FROM given" takes the rows that Connection::insert()
// was handed. SQLite then starts and ends once instead of once a row, and its cursors stay where the last row went, so
// that rows in key order are put side by side without a search each. Private to this room. Thread: the connection's.
#include <cstdint>
#include <string_view>
#include <vector>

struct sqlite3;

namespace taxgate::store {

class Connection;

/// Some `rows` rows of `columns` cells each, filled cell after cell. Texts are borrowed: they stay until the rows are
/// inserted.
class Given {
 public:
  static constexpr int kColumns = 8;  // as many as the widest table that is written so has: c0 to c7
  struct Cell {
    enum class Kind : std::uint8_t { integer, text, bytes };
    std::int64_t number = 0;
    std::string_view text;
    Kind kind = Kind::integer;
  };

  Given(std::size_t columns, std::size_t rows) : columns_(columns) { cells_.reserve(columns * rows); }
  Given& add(std::int64_t number) { return put({.number = number, .text = {}}); }
  Given& add(std::string_view text) { return put({.number = 0, .text = text, .kind = Cell::Kind::text}); }
  Given& add_bytes(std::string_view bytes) { return put({.number = 0, .text = bytes, .kind = Cell::Kind::bytes}); }
  void clear() { cells_.clear(); }

  std::size_t rows() const { return cells_.size() / columns_; }
  const Cell& at(std::size_t row, std::size_t column) const { return cells_[row * columns_ + column]; }
  std::size_t columns() const { return columns_; }

 private:
  Given& put(Cell cell) {
    cells_.push_back(cell);
    return *this;
  }
  std::size_t columns_;
  std::vector<Cell> cells_;
};

/// Makes `given` known to a connection. returns  SQLite's code
int register_given(sqlite3* db, Connection& connection);

}  // namespace taxgate::store
