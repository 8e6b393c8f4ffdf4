// SIGKILL at every call of the step probe: the real process dies, a new one opens the file and compares.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/unit/daemon/store/store_fixture.h"
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
    const char* order = std::getenv(kHelperVariable);
    if (order == nullptr) return;
    const std::string text = order;
    const auto blank = text.rfind(' ');
    be_killed(text.substr(0, blank), std::stol(text.substr(blank + 1)));
  }
};
[[maybe_unused]] auto* const g_helper = testing::AddGlobalTestEnvironment(new KillHelper);

class KillTest : public StoreTest {
 protected:
  void SetUp() override { make_directory(fast_directory()); }
  // True when the victim was killed; false when it came to its end.
  bool run_victim(long k) {
    const std::string order = std::string(kHelperVariable) + "=" + dir_ + " " + std::to_string(k);
    const pid_t child = ::fork();
    if (child == 0) {
      const int quiet = ::open("/dev/null", O_WRONLY);
      ::dup2(quiet, STDOUT_FILENO);
      ::dup2(quiet, STDERR_FILENO);
      char* const argv[] = {const_cast<char*>("victim"), nullptr};
      char* const envp[] = {const_cast<char*>(order.c_str()), nullptr};
      ::execve("/proc/self/exe", argv, envp);
      ::_exit(127);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
      EXPECT_EQ(WTERMSIG(status), SIGKILL);
      return true;
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    return false;
  }
  std::vector<std::string> confirmed() const {
    std::ifstream in(dir_ + "/confirmed");
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
};

TEST_F(KillTest, WhateverWasConfirmedSurvivesAKillAtEveryStep) {
  long k = 0;
  std::size_t most = 0;
  for (bool killed = true; killed;) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    killed = run_victim(++k);
    const auto facts = confirmed();
    most = std::max(most, facts.size());
    ASSERT_EQ(differences(options(), facts), std::vector<std::string>{}) << "killed at step " << k;
  }
  std::printf(
      "%ld points, the process killed at each: nothing lost, nothing twice (%zu confirmations in the full run)\n",
      k - 1, most);
  EXPECT_GT(k, 60);
  EXPECT_GT(most, 20U);
}

}  // namespace
}  // namespace taxgate::store
