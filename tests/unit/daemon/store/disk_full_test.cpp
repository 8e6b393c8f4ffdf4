// A disk that is really full: a small file system of its own, mounted in a mount namespace of its own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "tests/unit/daemon/store/night_work.h"

namespace taxgate::store {
namespace {

class DiskFullTest : public StoreTest {
 protected:
  // Runs `body` in a child whose dir_ is a file system of `kib` KiB; nothing is left mounted.
  template <class Body>
  void on_small_disk(int kib, Body body) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      mount_small(kib);
      if (!HasFailure()) body();
      std::fflush(stdout);
      ::_exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    ASSERT_EQ(WEXITSTATUS(status), 0);
  }
  void mount_small(int kib) {
    if (::geteuid() == 0) {
      ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    } else {
      const auto uid = ::getuid();
      ASSERT_EQ(::unshare(CLONE_NEWUSER | CLONE_NEWNS), 0) << std::strerror(errno);
      std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
    }
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
    const std::string size = "size=" + std::to_string(kib) + "k";
    ASSERT_EQ(::mount("tmpfs", dir_.c_str(), "tmpfs", 0, size.c_str()), 0) << std::strerror(errno);
  }
};

TEST_F(DiskFullTest, AFullDiskRefusesWritesGoesOnReadingAndRecoversWhenThereIsRoom) {
  on_small_disk(4096, [this] {
    const std::string ballast = dir_ + "/ballast";
    std::ofstream(ballast) << std::string(2400 * 1024, 'x');  // its room is enough for the WAL's copy in the main file
    open();
    ASSERT_TRUE(store_);
    int confirmed = 0;
    Error full;
    for (int i = 0; i < 1000 && full.id.empty(); ++i) {
      auto s = wanted("k" + std::to_string(i));
      s.document = std::string(20'000, 'd');
      const auto r = accept(*store_, s);
      if (r)
        ++confirmed;
      else
        full = r.error();
    }
    EXPECT_EQ(full.id, "store.full");
    EXPECT_EQ(full.code, Errc::limit_reached);
    EXPECT_GT(confirmed, 10);
    // Reads are answered, and nothing of the refused one is there.
    const auto list = reader_->submissions({});
    ASSERT_TRUE(list) << list.error().id;
    EXPECT_FALSE(*reader_->by_idempotency_key("erp", "k" + std::to_string(confirmed)));
    EXPECT_TRUE((*reader_->by_idempotency_key("erp", "k0")).has_value());
    EXPECT_EQ(reader_->open_entries(0, 1000)->size(), static_cast<std::size_t>(confirmed));
    // Room again: the same store goes on, without a restart, and the refused request is accepted as new.
    std::filesystem::remove(ballast);
    auto again = wanted("k" + std::to_string(confirmed));
    again.document = std::string(20'000, 'd');
    const auto r = accept(*store_, again);
    ASSERT_TRUE(r) << r.error().id << " " << r.error().detail;
    EXPECT_EQ(r->outcome, AcceptOutcome::created);
    EXPECT_EQ(reader_->open_on_lane(again.lane)->size(), static_cast<std::size_t>(confirmed) + 1) << "none shown twice";
    EXPECT_TRUE(store_->verify_chain());
    close();
    open();
    ASSERT_TRUE(reader_);
    EXPECT_EQ(reader_->open_entries(0, 1000)->size(), static_cast<std::size_t>(confirmed) + 1);
    EXPECT_TRUE(store_->verify_chain());
    std::printf("%d accepted before the disk was full\n", confirmed);
  });
}

TEST_F(DiskFullTest, ANightThatMeetsAFullDiskEndsAsAnUndisturbedOneOnceThereIsRoom) {
  constexpr int kDiskKib = 16 * 1024, kStepKib = 192;  // about ten places at which the night's few megabytes end
  on_small_disk(kDiskKib, [this] {
    const std::string ballast = dir_ + "/ballast";
    int full = 0;
    for (int room = 128;; room += kStepKib) {
      for (const char* file : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(path() + file);
      std::ofstream(ballast) << std::string(static_cast<std::size_t>(kDiskKib - room) * 1024, 'x');
      const bool whole = run_nights([this] { return options(); }, [](const std::string&) {});
      std::filesystem::remove(ballast);
      ASSERT_EQ(night_differences(options()), std::vector<std::string>{}) << "with room for " << room << " KiB";
      if (whole) break;
      ++full;
    }
    EXPECT_GT(full, 3);
    std::printf("the disk was full in %d nights\n", full);
  });
}

TEST_F(DiskFullTest, ANewDatabaseOnAFullDiskIsRefusedAndLeavesNothing) {
  on_small_disk(64, [this] {
    const auto opened = Store::open(options());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().id, "store.full");
    EXPECT_FALSE(std::filesystem::exists(path()));
    EXPECT_FALSE(std::filesystem::exists(path() + ".new"));
  });
}

}  // namespace
}  // namespace taxgate::store
