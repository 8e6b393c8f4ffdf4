// SIGKILL at every call of the step probe, and in the midst of a copy of the WAL beside the writer: the real process
// dies, a new one opens the file and compares.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

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

constexpr int kMostOfCopy = 16 * 400;  // acceptances of 20 kB: ten times what the first copy begins with
constexpr const char* kCopyVariable = "TAXGATE_STORE_KILL_COPY";  // "DIRECTORY BYTES"

// The victim of a kill while the WAL is copied: accepts without a pause and dies when the database file, which only a
// copy makes larger, has grown by so many bytes.
[[noreturn]] void be_killed_in_a_copy(const std::string& dir, long bytes) {
  const int out = ::open((dir + "/confirmed").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ManualClock clock;
  Options options;
  options.path = dir + "/taxgate.db";
  options.clock = &clock;
  auto opened = Store::open(options);
  if (!opened) ::_exit(1);
  const auto grown = std::filesystem::file_size(options.path) + static_cast<std::uintmax_t>(bytes);
  std::thread([path = options.path, grown] {
    for (std::error_code failed;; std::this_thread::yield())
      if (std::filesystem::file_size(path, failed) >= grown && !failed) ::kill(::getpid(), SIGKILL);
  }).detach();
  constexpr int kBatch = 16;
  for (int first = 0; first < kMostOfCopy; first += kBatch) {
    std::promise<void> all;
    std::atomic<int> left{kBatch};
    std::vector<Acceptance> batch;
    for (int i = first; i < first + kBatch; ++i) {
      auto submission = wanted(std::to_string(i));
      submission.document.append(20'000, 'd');
      batch.push_back({std::move(submission), kErp, {}, [&, line = std::to_string(i) + "\n"](Result<Accepted> r) {
                         if (r) (void)!::write(out, line.data(), line.size());
                         if (--left == 0) all.set_value();
                       }});
    }
    (*opened)->accept(std::move(batch));
    all.get_future().wait();
  }
  ::_exit(0);
}

class KillHelper : public testing::Environment {
 public:
  void SetUp() override {
    if (const auto order = victims_order(kHelperVariable)) be_killed(order->first, order->second);
    if (const auto order = victims_order(kCopyVariable)) be_killed_in_a_copy(order->first, order->second);
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

TEST_F(KillTest, WhateverWasConfirmedSurvivesAKillInTheMidstOfACopyOfTheWal) {
  for (const long bytes : {1L, 1'000'000L, 5'000'000L, 12'000'000L, 30'000'000L}) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    ASSERT_TRUE(run_victim(kCopyVariable, dir_, bytes)) << "nothing was copied";
    const auto keys = confirmed();
    ASSERT_FALSE(keys.empty());
    ASSERT_NO_FATAL_FAILURE(open());  // looks through the whole file after such an end
    for (const auto& key : keys) {
      const auto kept = reader_->by_idempotency_key("erp", key);
      ASSERT_TRUE(kept && *kept) << key << " of " << keys.size() << ", killed after " << bytes << " bytes";
    }
    EXPECT_TRUE(store_->verify_chain());
    close();
  }
}

}  // namespace
}  // namespace taxgate::store
