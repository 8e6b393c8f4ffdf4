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

// The mirror of the new process has met nothing of what was listed before the stop: all of it would be called missing.
TEST(NightMark, AListingThatHoldsFewerThanBeforeBeginsAnewAfterAStop) {
  NightTask listed;
  listed.receipt = "R-1";
  listed.taken = listed.packages = 2;
  listed.total = listed.records = 80;
  listed.rounds = 1;
  listed.over = true;
  NightTask task;
  resume(task, mark_of(listed), 80);
  EXPECT_TRUE(task.over && task.before_stop);
  resume(task, mark_of(listed), 81);
  EXPECT_EQ(mark_of(task), mark_of(NightTask{}));
  EXPECT_FALSE(task.before_stop);
  listed.over = false;
  listed.taken = 1;
  listed.records = 40;
  resume(task, mark_of(listed), 80);
  EXPECT_EQ(task.taken, 1U) << "it may still bring all of them";
  resume(task, mark_of(listed), 81);
  EXPECT_EQ(task.taken, 0U);
  resume(task, {}, 81);
  EXPECT_FALSE(task.over || task.before_stop);
}

}  // namespace
}  // namespace taxgate::pipeline
