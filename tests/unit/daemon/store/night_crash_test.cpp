// The night cut off at every step, by SIGKILL and by the power: finished afterwards it is an undisturbed night, every
// change an event once.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/unit/daemon/store/night_work.h"
#include "tests/unit/daemon/store/power_loss_vfs.h"
#include "tests/unit/daemon/store/victim.h"

namespace taxgate::store {
namespace {

constexpr const char* kNightHelper = "TAXGATE_NIGHT_KILL_HELPER";  // "DIRECTORY K": this process is the victim

Options options_in(const std::string& dir, const LegalClock& clock) {
  Options o;
  o.path = dir + "/taxgate.db";
  o.clock = &clock;
  o.checkpoint_pages = 12;
  o.bulk_yields = true;
  return o;
}

class NightVictim : public testing::Environment {
 public:
  void SetUp() override {
    const auto order = victims_order(kNightHelper);
    if (!order) return;
    const long k = order->second;
    ManualClock clock;
    long calls = 0;
    run_nights(
        [&] {
          auto o = options_in(order->first, clock);
          o.probe = [&calls, k](std::string_view) {
            if (++calls == k) ::kill(::getpid(), SIGKILL);
          };
          return o;
        },
        [](const std::string&) {});
    ::_exit(0);
  }
};
[[maybe_unused]] auto* const g_victim = testing::AddGlobalTestEnvironment(new NightVictim);

class NightCrash : public StoreTest {
 protected:
  void SetUp() override { make_directory(fast_directory()); }
  void start_over() {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
};

TEST_F(NightCrash, AKillAtEveryStepLeavesNeitherGapNorDoubleEvent) {
  long k = 0, points = 0;
  for (bool killed = true; killed;) {
    start_over();
    killed = run_victim(kNightHelper, dir_, k += kPointStep);
    if (killed) ++points;
    ASSERT_EQ(night_differences(options_in(dir_, clock_)), std::vector<std::string>{}) << "killed at step " << k;
  }
  std::printf("%ld points, killed at each\n", points);
  EXPECT_GT(k, 65);
}

TEST_F(NightCrash, ALossOfPowerAtEveryWriteAndFlushLeavesNeitherGapNorDoubleEvent) {
  long at = 0, lost = 0;
  for (bool cut = true; cut;) {
    start_over();
    at += 5 * kPointStep;  // a fifth of some four hundred events, and each build has others
    {
      PowerLossVfs vfs({.cut_at = at,
                        .unflushed = at % 2 == 0 ? PowerLossVfs::Unflushed::torn : PowerLossVfs::Unflushed::forgotten,
                        .seed = static_cast<std::uint64_t>(at)});
      run_nights(
          [&] {
            auto o = options_in(dir_, clock_);
            o.vfs = PowerLossVfs::name();
            return o;
          },
          [](const std::string&) {});
      cut = vfs.cut();
    }
    if (cut) ++lost;
    ASSERT_EQ(night_differences(options_in(dir_, clock_)), std::vector<std::string>{}) << "cut at " << at;
  }
  std::printf("%ld cuts\n", lost);
  EXPECT_GT(lost, 50 / kPointStep);
}

TEST_F(NightCrash, WithoutFlushesAConfirmedCursorIsLostSoThatThisTestProvesSomething) {
  long lossy = 0, cuts = 0;
  for (long at = 30;; at += 40) {
    start_over();
    (void)Store::open(options_in(dir_, clock_));
    std::int64_t confirmed = 0;
    bool cut = false;
    {
      PowerLossVfs vfs({.cut_at = at, .ignore_flushes = true});
      run_nights(
          [&] {
            auto o = options_in(dir_, clock_);
            o.vfs = PowerLossVfs::name();
            return o;
          },
          [&](const std::string& line) {
            if (line.starts_with("cursor ")) confirmed = std::stoll(line.substr(7));
          });
      cut = vfs.cut();
    }
    if (!cut) break;
    ++cuts;
    auto store = Store::open(options_in(dir_, clock_));
    if (!store || *(*(*store)->reader())->cursor("night:test") < confirmed) ++lossy;
  }
  EXPECT_GT(cuts, 3);
  EXPECT_GT(lossy, 0);
}

}  // namespace
}  // namespace taxgate::store
