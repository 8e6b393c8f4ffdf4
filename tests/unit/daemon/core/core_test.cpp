#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "daemon/core/clock.h"
#include "daemon/core/files.h"
#include "daemon/core/lanes.h"
#include "daemon/core/limits.h"
#include "daemon/core/log.h"
#include "daemon/core/random.h"

namespace taxgate {
namespace {

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/coreXXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string at(const std::string& name) const { return dir_ + "/" + name; }
  void write(const std::string& name, const std::string& text, mode_t mode) {
    std::ofstream(at(name)) << text;
    ASSERT_EQ(::chmod(at(name).c_str(), mode), 0);
  }
  static std::string text(const SecretBytes& s) { return std::string(as_text(s.view())); }
  std::string dir_;
};

TEST_F(FilesTest, AnAtomicWriteReplacesTheWholeFileAndLeavesNothingBeside) {
  ASSERT_TRUE(write_file_atomic(at("f"), "one"));
  ASSERT_TRUE(write_file_atomic(at("f"), "two"));
  EXPECT_EQ(*read_file(at("f"), 100), "two");
  struct stat st{};
  ASSERT_EQ(::stat(at("f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_), {}), 1);
}

TEST_F(FilesTest, AnAtomicWriteThatFailsLeavesTheOldContent) {
  ASSERT_TRUE(write_file_atomic(at("f"), "old"));
  EXPECT_EQ(write_file_atomic(at("missing/f"), "new").error().id, "file.unwritable");
  EXPECT_EQ(*read_file(at("f"), 100), "old");
  const auto full = write_file_atomic("/dev/full/x", "new");
  EXPECT_FALSE(full);
}

TEST_F(FilesTest, AFileLargerThanTheBoundOrMissingIsRefusedByName) {
  write("f", "12345", 0600);
  EXPECT_EQ(read_file(at("f"), 4).error().id, "file.too_big");
  EXPECT_EQ(read_file(at("g"), 4).error().id, "file.missing");
  EXPECT_EQ(read_file(dir_, 4).error().id, "file.unreadable");
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_file(at("pipe"), 4).error().id, "file.unreadable") << "a FIFO must not be waited for";
}

TEST_F(FilesTest, ASecretMustBePrivateAndItsLineBreakIsNotPartOfIt) {
  write("s", "1234\r\n", 0600);
  const auto secret = read_secret(at("s"), 100);
  ASSERT_TRUE(secret);
  EXPECT_EQ(text(*secret), "1234");
  for (const mode_t mode : {0640U, 0604U, 0666U}) {
    ASSERT_EQ(::chmod(at("s").c_str(), mode), 0);
    EXPECT_EQ(read_secret(at("s"), 100).error().id, "secret.mode") << std::oct << mode;
  }
  write("empty", "\n", 0600);
  EXPECT_EQ(read_secret(at("empty"), 100).error().id, "secret.empty");
}

TEST_F(FilesTest, NoErrorAboutASecretCarriesItsContent) {
  // Too open, too long, and empty but for a line end.
  write("open", "the-pin-1234", 0644);
  write("long", "the-pin-1234", 0600);
  write("empty", "\n", 0600);
  for (const auto& [name, most] : {std::pair{"open", 100}, {"long", 5}, {"empty", 100}}) {
    const auto secret = read_secret(at(name), static_cast<std::size_t>(most));
    ASSERT_FALSE(secret) << name;
    const auto& e = secret.error();
    for (const auto& part : {e.field, e.wanted, e.left, e.detail})
      EXPECT_EQ(part.find("the-p"), std::string::npos) << name << ": " << part;
  }
}

TEST_F(FilesTest, ASystemdCredentialIsFoundByNameAndNothingOutsideItsDirectory) {
  write("cred", "token", 0440);
  ::setenv("CREDENTIALS_DIRECTORY", dir_.c_str(), 1);
  EXPECT_EQ(text(*read_secret("credential:cred", 100)), "token");
  EXPECT_EQ(read_secret("credential:../cred", 100).error().id, "secret.no_credentials");
  EXPECT_EQ(read_secret("credential:", 100).error().id, "secret.no_credentials");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(read_secret("credential:cred", 100).error().id, "secret.no_credentials");
}

TEST_F(FilesTest, ALockIsHeldByOneOnlyAndFreeAgainAfterwards) {
  {
    const auto first = FileLock::take(at("lock"));
    ASSERT_TRUE(first);
    EXPECT_EQ(FileLock::take(at("lock")).error().id, "lock.taken");
  }
  EXPECT_TRUE(FileLock::take(at("lock")));
}

TEST_F(FilesTest, APrivateDirectoryIsMadeWithItsParents) {
  ASSERT_TRUE(make_private_directory(at("a/b")));
  struct stat st{};
  ASSERT_EQ(::stat(at("a/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700U);
  EXPECT_TRUE(make_private_directory(at("a/b")));
}

TEST_F(FilesTest, TheLaboratoryClockFollowsTheFileOfAnotherProcess) {
  const auto owner = ClockFile::create(at("clock"));
  ASSERT_TRUE(owner);
  const auto follower = FileOffsetClock::open(at("clock"));
  ASSERT_TRUE(follower);
  const SystemLegalClock wall;
  const auto drift = [&] { return (*follower)->now().ms - wall.now().ms; };
  EXPECT_NEAR(static_cast<double>(drift()), 0, 1000);
  (*owner)->advance_ms(72 * LegalTime::kHourMs);
  EXPECT_NEAR(static_cast<double>(drift()), 72.0 * LegalTime::kHourMs, 1000);
  (*owner)->advance_ms(-100 * LegalTime::kHourMs);
  EXPECT_NEAR(static_cast<double>(drift()), -28.0 * LegalTime::kHourMs, 1000);
  std::ofstream(at("clock"), std::ios::binary).write("\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
  EXPECT_NEAR(static_cast<double>(drift()), 0, 1000) << "an impossible offset counts as none";
}

TEST_F(FilesTest, AClockFileOfAnotherSizeIsRefused) {
  write("clock", "1234567", 0600);
  EXPECT_EQ(FileOffsetClock::open(at("clock")).error().id, "clock.file");
  EXPECT_EQ(FileOffsetClock::open(at("none")).error().id, "clock.file");
}

TEST(Lane, RunsTasksInOrderOnItsOwnThreadAndFinishesThemBeforeItStops) {
  std::vector<int> seen;
  {
    Lane lane("test");
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(lane.post([&seen, &lane, i] {
        EXPECT_TRUE(lane.on_lane());
        seen.push_back(i);
      }));
    EXPECT_FALSE(lane.on_lane());
  }
  ASSERT_EQ(seen.size(), 100U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Lane, RefusesWorkBeyondItsBoundAndAfterItsEnd) {
  Lane lane("test", 2);
  std::promise<void> started, go;
  ASSERT_TRUE(lane.post([&] {
    started.set_value();
    go.get_future().wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(lane.post([] {}));
  EXPECT_TRUE(lane.post([] {}));
  EXPECT_EQ(lane.post([] {}).error().id, "lane.full");
  go.set_value();
  lane.stop();
  EXPECT_EQ(lane.post([] {}).error().id, "lane.stopped");
}

TEST(Log, PrefixesThePriorityAndKeepsOneLineWhateverTheTextHolds) {
  testing::internal::CaptureStderr();
  log::info("test.id", "two\nlines\x1b[31m {}", "红");
  log::debug("test.id", "not shown");
  log::write(log::Level::error, Error{Errc::corrupt, "a.b", "f", "w", "l", "d"});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "<6>[test.id] two lines [31m 红\n<3>[a.b] field=f wanted=w left=l detail=d\n");
}

TEST(Log, CutsALongLineBetweenCharacters) {
  testing::internal::CaptureStderr();
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "红";
  log::info("i", "{}", text);
  const auto line = testing::internal::GetCapturedStderr();
  EXPECT_LT(line.size(), limits::kLogLine + 10);
  EXPECT_EQ(line.substr(line.size() - 7), "红...\n");
}

TEST(Uuid, SortsInTheOrderOfMakingEvenWhenTheClockStepsBackOrStandsStill) {
  SeededRandom random(1);
  UuidSource source(random);
  std::string last;
  std::int64_t ms = 1'795'300'000'000;
  for (int i = 0; i < 20'000; ++i) {
    const auto id = source.next(i % 3 == 0 ? ms - 5000 : ms + i / 5000);
    ASSERT_TRUE(is_uuid(id)) << id;
    ASSERT_EQ(id[14], '7');
    ASSERT_TRUE(id[19] == '8' || id[19] == '9' || id[19] == 'a' || id[19] == 'b');
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(Uuid, CarriesTheMillisecondInItsFirstTwelveDigits) {
  SeededRandom random(1);
  UuidSource source(random);
  EXPECT_EQ(source.next(0x017F22E279B0).substr(0, 13), "017f22e2-79b0");  // the example time of RFC 9562, A.6
}

TEST(Uuid, StartsBehindAnEarlierOneAfterARestart) {
  SeededRandom random(1);
  UuidSource source(random);
  source.start_after(2'000'000'000'000);
  EXPECT_GT(source.next(1'000), "01d1a94a-2000-7fff-ffff-ffffffffffff");
}

TEST(SystemRandom, DoesNotRepeatItself) {
  SystemRandom random;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.next64());
  EXPECT_EQ(seen.size(), 1000U);
}

}  // namespace
}  // namespace taxgate
