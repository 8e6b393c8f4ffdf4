#include <gtest/gtest.h>

#include "daemon/pipeline/night.h"

namespace taxgate::pipeline {
namespace {

TEST(NightMark, ComesBackAsItWasKeptAlsoFromAnOlderProgram) {
  NightTask task;
  task.receipt = "R-1";
  task.taken = 3;
  task.packages = 7;
  task.total = 640;
  task.records = 192;
  task.repeated = 2;
  task.rounds = 1;
  task.over = true;
  task.quarantined = 5;
  NightTask back;
  read_mark(mark_of(task), back);
  EXPECT_EQ(mark_of(back), mark_of(task));
  EXPECT_EQ(back.quarantined, 5U) << "or a night that was stopped would forget that something needs attention";
  NightTask older;
  read_mark("R-1 3 7 640 192 2 1 1", older);
  EXPECT_EQ(older.taken, 3U);
  EXPECT_TRUE(older.over);
  EXPECT_EQ(older.quarantined, 0U);
  NightTask strange;
  read_mark("what is this", strange);
  EXPECT_EQ(mark_of(strange), mark_of(NightTask{}));
}

}  // namespace
}  // namespace taxgate::pipeline
