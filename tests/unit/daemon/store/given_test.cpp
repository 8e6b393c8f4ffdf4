#include "daemon/store/given.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "daemon/store/sql.h"

namespace taxgate::store {
namespace {

class GivenTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/taxgate_givenXXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    std::ofstream{dir_ + "/a.db"}.flush();
    ASSERT_TRUE(db_.open(dir_ + "/a.db", {}, Connection::Mode::read_write));
    db_.execute("CREATE TABLE t(n INTEGER NOT NULL, text TEXT NOT NULL, bytes BLOB NOT NULL, UNIQUE(n))");
  }
  void TearDown() override {
    db_.close();
    std::filesystem::remove_all(dir_);
  }
  void insert(const Given& rows) { db_.insert("INSERT OR IGNORE INTO t SELECT c0, c1, c2 FROM given", rows); }
  std::string dir_;
  Connection db_;
};

TEST_F(GivenTest, RowsArriveInOrderWithTheirTypesAndNothingEmptyIsMissing) {
  Given rows(3, 2);
  rows.add(std::numeric_limits<std::int64_t>::min()).add("发票").add_bytes(std::string_view("\0\xff", 2));
  rows.add(std::int64_t{7}).add(std::string_view{}).add_bytes({});
  insert(rows);
  ASSERT_FALSE(db_.failure()) << db_.failure()->detail;
  EXPECT_EQ(db_.changed_rows(), 2);
  EXPECT_EQ(db_.value("SELECT group_concat(n || ' ' || typeof(n) || ' ' || text || ' ' || typeof(text) || ' ' || "
                      "hex(bytes) || ' ' || typeof(bytes), '|') FROM (SELECT * FROM t ORDER BY rowid)"),
            "-9223372036854775808 integer 发票 text 00FF blob|7 integer  text  blob");
}

TEST_F(GivenTest, EachUseTakesItsOwnRowsAlsoNone) {
  Given rows(3, 2);
  for (std::int64_t round = 0; round < 3; ++round) {
    for (std::int64_t i = 0; i < 100; ++i) rows.add(round * 50 + i).add("x").add_bytes("y");
    insert(rows);
    EXPECT_EQ(db_.changed_rows(), round == 0 ? 100 : 50) << "half of them stand there already";
    rows.clear();
  }
  insert(rows);
  EXPECT_EQ(db_.value("SELECT count(*) || ' ' || max(n) FROM t"), "200 199");
  EXPECT_EQ(db_.value("SELECT count(*) FROM given"), "0") << "outside of an insert there are none";
}

}  // namespace
}  // namespace taxgate::store
