// The power goes at every single write, flush, truncation and deletion, and whatever was confirmed is there afterwards.
#include <cstdio>

#include "tests/unit/daemon/store/power_loss_vfs.h"
#include "tests/unit/daemon/store/store_fixture.h"
#include "tests/unit/daemon/store/workload.h"

namespace taxgate::store {
namespace {

class PowerLossTest : public StoreTest {
 protected:
  void SetUp() override { make_directory(fast_directory()); }
  struct Outcome {
    bool cut;
    std::vector<std::string> confirmed, wrong;
  };
  Outcome run(const PowerLossVfs::Plan& plan) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    Outcome o{};
    if (plan.ignore_flushes) (void)Store::open(options());  // an honestly made file: only the work on it goes unflushed
    {
      PowerLossVfs vfs(plan);
      run_workload(
          [&] {
            auto opts = options();
            opts.vfs = PowerLossVfs::name();
            opts.checkpoint_pages = 12;  // several checkpoints in this small day
            return opts;
          },
          [&](const std::string& line) { o.confirmed.push_back(line); });
      o.cut = vfs.cut();
      events_ = vfs.events();
    }
    o.wrong = differences(options(), o.confirmed);
    return o;
  }
  long events_ = 0;
};

TEST_F(PowerLossTest, WithoutACutTheWholeDayIsConfirmedAndThere) {
  const auto o = run({});
  EXPECT_FALSE(o.cut);
  EXPECT_EQ(o.wrong, std::vector<std::string>{});
  EXPECT_EQ(o.confirmed.back().substr(0, 8), "advanced");
  EXPECT_GT(events_, 200);
}

TEST_F(PowerLossTest, WhateverWasConfirmedSurvivesACutAtEveryWriteAndEveryFlush) {
  long at = 0, cuts = 0, confirmed = 0;
  for (bool cut = true; cut;) {
    const auto o = run({.cut_at = at += kPointStep});
    ASSERT_EQ(o.wrong, std::vector<std::string>{}) << "cut at " << at;
    cut = o.cut;
    if (cut) ++cuts;
    confirmed += static_cast<long>(o.confirmed.size());
  }
  std::printf("%ld cuts, unflushed bytes forgotten: %ld confirmations, none lost\n", cuts, confirmed);
  EXPECT_GT(at, 200);
}

TEST_F(PowerLossTest, WhateverWasConfirmedSurvivesWhenUnflushedBytesReachTheDiskInPiecesAndInAnyOrder) {
  long at = 0, cuts = 0;
  for (bool cut = true; cut;) {
    at += kPointStep;
    const auto o =
        run({.cut_at = at, .unflushed = PowerLossVfs::Unflushed::torn, .seed = static_cast<std::uint64_t>(at)});
    ASSERT_EQ(o.wrong, std::vector<std::string>{}) << "cut at " << at << ", seed " << at;
    cut = o.cut;
    if (cut) ++cuts;
  }
  std::printf("%ld cuts, unflushed bytes torn: none lost\n", cuts);
}

TEST_F(PowerLossTest, WithoutFlushesConfirmedWorkIsLostSoThatThisTestProvesSynchronousFull) {
  long lossy = 0, cuts = 0;
  for (long at = 20;; at += 20) {
    const auto o = run({.cut_at = at, .ignore_flushes = true});
    if (!o.cut) break;
    ++cuts;
    if (!o.wrong.empty()) ++lossy;
  }
  std::printf("synchronous=OFF: %ld of %ld cuts lost confirmed work\n", lossy, cuts);
  EXPECT_GT(cuts, 3);
  EXPECT_GT(lossy, 0);
}

TEST_F(PowerLossTest, AFileSystemOnWhichTheSettingsDoNotHoldIsRefused) {
  PowerLossVfs vfs({.without_shared_memory = true});
  auto o = options();
  o.vfs = PowerLossVfs::name();
  const auto opened = Store::open(o);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().id, "store.pragma");
  EXPECT_EQ(opened.error().left, "wal");
}

}  // namespace
}  // namespace taxgate::store
