// SIGKILL at every call of the step probe: the real process dies, a new one opens the file and compares.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/unit/daemon/store/store_fixture.h"
#include "tests/unit/daemon/store/victim.h"
#include "tests/unit/daemon/store/workload.h"

namespace taxgate::store {
namespace {

constexpr const char* kHelperVariable = "TAXGATE_STORE_KILL_HELPER";  // "DIRECTORY K": this process is the victim

// The victim: works until the k-th probe call and dies there. Each confirmation is in a file before the next step
// begins.
[[noreturn]] void be_killed(const std::string& dir, long k) {
  const int out = ::open((dir + "/confirmed").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ManualClock clock;
  std::atomic<long> calls{0};
  const auto options = [&] {
    Options o;
    o.path = dir + "/taxgate.db";
    o.clock = &clock;
    o.checkpoint_pages = 12;
    o.probe = [&calls, k](std::string_view) {
      if (++calls == k) ::kill(::getpid(), SIGKILL);
    };
    return o;
  };
  run_workload(options, [out](const std::string& line) { (void)!::write(out, (line + "\n").data(), line.size() + 1); });
  ::_exit(0);
}

class KillHelper : public testing::Environment {
 public:
  void SetUp() override {
    if (const auto order = victims_order(kHelperVariable)) be_killed(order->first, order->second);
  }
};
[[maybe_unused]] auto* const g_helper = testing::AddGlobalTestEnvironment(new KillHelper);

class KillTest : public StoreTest {
 protected:
  void SetUp() override { make_directory(fast_directory()); }
  std::vector<std::string> confirmed() const {
    std::ifstream in(dir_ + "/confirmed");
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
};

TEST_F(KillTest, WhateverWasConfirmedSurvivesAKillAtEveryStep) {
  long k = 0, points = 0;
  std::size_t most = 0;
  for (bool killed = true; killed;) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    killed = run_victim(kHelperVariable, dir_, k += kPointStep);
    if (killed) ++points;
    const auto facts = confirmed();
    most = std::max(most, facts.size());
    ASSERT_EQ(differences(options(), facts), std::vector<std::string>{}) << "killed at step " << k;
  }
  std::printf(
      "%ld points, the process killed at each: nothing lost, nothing twice (%zu confirmations in the full run)\n",
      points, most);
  EXPECT_GT(k, 60);
  EXPECT_GT(most, 20U);
}

}  // namespace
}  // namespace taxgate::store
