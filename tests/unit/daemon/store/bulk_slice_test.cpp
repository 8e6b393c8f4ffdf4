// How much bulk work one transaction takes.
#include "daemon/store/bulk_slice.h"

#include <gtest/gtest.h>

#include "daemon/core/clock.h"

namespace taxgate::store {
namespace {

constexpr std::size_t kRows = 1000, kLook = 100;

std::size_t rows_of_a_slice(const Session& session) {
  std::size_t rows = 0;
  for (BulkSlice slice(session, kRows, kLook); slice.more();) ++rows;
  return rows;
}

struct Fixture {
  Connection db;
  Shared shared{1};
  ManualClock clock;
  Session session{db, shared, clock};
};

TEST(BulkSlice, EndsSoonWhileSomebodyWaits) {
  Fixture f;
  f.session.set_somebody_waits(true);
  EXPECT_LE(rows_of_a_slice(f.session), kRows);
  EXPECT_GE(rows_of_a_slice(f.session), kLook);
}

TEST(BulkSlice, TakesMoreWhileNobodyWaitsAndEndsWhenSomebodyComes) {
  Fixture f;
  std::size_t most = 0;  // of a few: the clock may end one early on a starved machine
  for (int i = 0; i < 5; ++i) most = std::max(most, rows_of_a_slice(f.session));
  EXPECT_EQ(most, 8 * kRows);
  std::size_t rows = 0;
  for (BulkSlice slice(f.session, kRows, kLook); slice.more();)
    if (++rows == 2 * kRows + 1) f.session.set_somebody_waits(true);
  EXPECT_LE(rows, 2 * kRows + kLook);
}

}  // namespace
}  // namespace taxgate::store
