// The program taxgate-sim as its users have it: started, asked by its own command line, killed, started again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>

#include "protocol/sm.h"

namespace {

using namespace taxgate;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
namespace json = boost::json;

constexpr auto kReadyWithin = 60s;  // 0.3 s on an idle machine

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class TaxgateSim : public testing::Test {
 protected:
  TaxgateSim() {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    program_ = std::string(TAXGATE_BIN_DIR) + "/taxgate-sim";
  }
  ~TaxgateSim() override {
    end(SIGTERM);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  void up(std::vector<std::string> more) {
    std::vector<std::string> words = prefix_;
    words.insert(words.end(), {program_, "up", "--dir", run_dir(), "--die-with-parent"});
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string log = directory_ + "/up.log";
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
      ::dup2(fd, STDOUT_FILENO);
      ::dup2(fd, STDERR_FILENO);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
  }
  bool ready() {
    const auto until = std::chrono::steady_clock::now() + kReadyWithin;
    while (!fs::exists(run_dir() + "/ready.json")) {
      if (std::chrono::steady_clock::now() > until || ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        ADD_FAILURE() << contents(directory_ + "/up.log");
        return false;
      }
      std::this_thread::sleep_for(5ms);
    }
    ready_ = json::parse(contents(run_dir() + "/ready.json"));
    return true;
  }
  /// Exit status of `up` that is expected to give up, and what it said.
  std::pair<int, std::string> refused(const std::string& scenario) {
    std::ofstream(directory_ + "/scenario.json") << scenario;
    up({"--scenario", directory_ + "/scenario.json"});
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(directory_ + "/up.log")};
  }
  void end(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  struct Outcome {
    int status;
    std::string text;
  };
  Outcome run(const std::string& words) const {
    Outcome out{-1, {}};
    FILE* pipe = ::popen((program_ + " " + words + " --dir " + run_dir() + " 2>&1").c_str(), "r");
    std::array<char, 4096> part;
    while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) out.text.append(part.data(), n);
    const int status = ::pclose(pipe);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
  }
  json::object key(const std::string& serial) const { return json::parse(run("key show " + serial).text).as_object(); }
  std::string run_dir() const { return directory_ + "/sim"; }
  std::string text(const char* name) const { return std::string(ready_.at(name).as_string()); }

  std::string directory_ = (fs::temp_directory_path() / "taxgate-sim-XXXXXX").string(), program_;
  std::vector<std::string> prefix_;
  pid_t pid_ = -1;
  json::value ready_;
};

TEST_F(TaxgateSim, AttachSaysWhichModuleToLoadAndKeepsTheKeyAndTheDiskItMade) {
  const std::string words = "attach --serial A1 --taxpayer 91310115TGDM00011U --as storage --sys " + directory_;
  const auto refused = run(words + " --disk 499000000001");
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.text.find("modprobe vhci_hcd"), std::string::npos) << refused.text;
  for (const char* file : {"/keys/A1.key", "/pins/A1.pin", "/keys/A1.disk"})
    EXPECT_TRUE(fs::exists(run_dir() + file)) << file;
  const auto another = run(words + " --disk 499000000002");
  EXPECT_NE(another.text.find("sim.state_format"), std::string::npos) << "the key is another disk: " << another.text;
  EXPECT_NE(run(words + " --disk 12").text.find("--disk 12"), std::string::npos);
}

TEST_F(TaxgateSim, TellsInItsReadyFileWhereEverythingIs) {
  up({"--keys", "2"});
  ASSERT_TRUE(ready());
  EXPECT_EQ(text("channel"), "simulator");
  for (const char* file : {"platform_ca", "key_ca", "legal_clock", "sm4_key_file"})
    EXPECT_TRUE(fs::exists(text(file))) << file;
  EXPECT_TRUE(fs::is_socket(fs::status(text("pcsc_socket"))));
  const auto& keys = ready_.at("keys").as_array();
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(ready_.at("taxpayers").at(1).at("id"), keys[1].at("taxpayer"));
  for (const auto& entry : keys) {
    const std::string pin_file(entry.at("pin_file").as_string());
    EXPECT_EQ(fs::status(pin_file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(contents(pin_file).size(), 8U);
    EXPECT_EQ(contents(run_dir() + "/ready.json").find(contents(pin_file)), std::string::npos);
  }
  end(SIGTERM);
  EXPECT_FALSE(fs::exists(run_dir() + "/ready.json"));
  EXPECT_EQ(run("key list").status, 2);
}

TEST_F(TaxgateSim, LetsALockDateBeRehearsedOnATaxDiskAndTheDiskForgetsNothing) {
  std::ofstream(directory_ + "/scenario.json")
      << R"({"keys":[{"serial":"DISK1","taxpayer":"T1","disk":"499000000001"},{"serial":"K1","taxpayer":"T1"}]})";
  up({"--scenario", directory_ + "/scenario.json"});
  ASSERT_TRUE(ready());
  const auto type_007 = [](const Outcome& outcome) {
    boost::system::error_code failed;
    const json::value disk = json::parse(outcome.text, failed);
    EXPECT_EQ(outcome.status, 0) << outcome.text;
    if (failed || outcome.status != 0) return json::object();
    EXPECT_EQ(disk.at("device_number"), "499000000001");
    return disk.at("types").at(1).as_object();
  };
  EXPECT_EQ(type_007(run("disk show DISK1")).at("numbers_left"), 100);
  EXPECT_EQ(type_007(run("disk issue DISK1 --type 007 --count 6 --amount 100.00")).at("positive"), "600.00");
  EXPECT_EQ(type_007(run("disk issue DISK1 --type 007 --count 1 --amount 50.00 --red")).at("numbers_left"), 93);
  EXPECT_EQ(type_007(run("disk set DISK1 --type 007 --lock-date 2026-01-01 --offline-count 99")).at("lock_date"),
            "2026-01-01 00:00:00");
  const auto locked = run("disk issue DISK1 --type 007 --count 1 --amount 1.00");
  EXPECT_EQ(locked.status, 2);
  EXPECT_NE(locked.text.find("09D109"), std::string::npos) << locked.text;
  EXPECT_EQ(run("disk clear DISK1 --type 007 --next 2099-01-01").status, 2) << "not reported";
  EXPECT_EQ(type_007(run("disk report DISK1 --type 007")).at("reported"), true);
  EXPECT_EQ(type_007(run("disk clear DISK1 --type 007 --next 2099-01-01")).at("positive"), "0.00");
  EXPECT_EQ(type_007(run("disk upload DISK1 --type 007")).at("offline_count"), 0);
  EXPECT_EQ(type_007(run("disk buy DISK1 --type 007 --code 1300260099 --count 7")).at("numbers_left"), 100);
  for (const char* mistaken : {"disk set DISK1 --type 007 --lock-date tomorrow", "disk eat DISK1 --type 007",
                               "disk show K1", "disk show NOBODY", "disk"})
    EXPECT_EQ(run(mistaken).status, 2) << mistaken;
  end(SIGTERM);
  up({"--scenario", directory_ + "/scenario.json"});
  ASSERT_TRUE(ready());
  EXPECT_EQ(type_007(run("disk show DISK1")).at("lock_date"), "2099-01-01 00:00:00");
}

TEST_F(TaxgateSim, PullsMovesAndBreaksKeysWhenTold) {
  up({"--keys", "2"});
  ASSERT_TRUE(ready());
  EXPECT_FALSE(json::parse(run("key unplug TGSIM0001").text).at("plugged").as_bool());
  EXPECT_EQ(run("key plug TGSIM0001 --slot 1").status, 2) << "taken";
  EXPECT_EQ(run("key plug TGSIM0001 --slot 2").status, 0);
  EXPECT_EQ(key("TGSIM0001").at("reader").as_string(), "Taxgate virtual reader 2 00 00");
  EXPECT_EQ(run("key fault TGSIM0001 --kind unplug --ins 74 --at-byte 3 --direction response").status, 0);
  EXPECT_EQ(key("TGSIM0001").at("faults").as_int64(), 1);
  EXPECT_EQ(run("key clear-faults TGSIM0001").status, 0);
  EXPECT_EQ(key("TGSIM0001").at("faults").as_int64(), 0);
  const auto wrong = run("key fault TGSIM0001 --kind melt");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.text.find("\"field\":\"kind\""), std::string::npos) << wrong.text;
  EXPECT_EQ(run("key plug NOBODY").status, 2);
  EXPECT_NE(run("key list").text.find("TGSIM0002"), std::string::npos);
}

TEST_F(TaxgateSim, KeepsKeysCertificatesAndSpentTriesAcrossAKill) {
  up({"--keys", "1"});
  ASSERT_TRUE(ready());
  const std::string pin = contents(std::string(ready_.at("keys").at(0).at("pin_file").as_string()));
  const std::string ca = contents(text("key_ca"));
  ASSERT_EQ(run("key pin TGSIM0001 --tries-left 4").status, 0);
  const std::string socket = fs::read_symlink(text("pcsc_socket")).string();
  end(SIGKILL);
  const auto until = std::chrono::steady_clock::now() + kReadyWithin;
  while (fs::exists(fs::path(socket).parent_path()) && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(fs::exists(fs::path(socket).parent_path())) << "pcscd outlived the simulator";
  fs::remove(run_dir() + "/ready.json");
  up({"--keys", "1"});
  ASSERT_TRUE(ready());
  EXPECT_EQ(key("TGSIM0001").at("pin_tries_left").as_int64(), 4);
  EXPECT_EQ(contents(std::string(ready_.at("keys").at(0).at("pin_file").as_string())), pin);
  EXPECT_EQ(contents(text("key_ca")), ca);
}

TEST_F(TaxgateSim, PlaysAScenarioWithOddKeysAndASeededPlatform) {
  std::ofstream(directory_ + "/scenario.json") << R"({"profile": "leqi-shape", "spare_slots": 0, "keys": [
      {"serial": "GOOD", "taxpayer": "91310115TGDM00011U", "pin": "246810", "max_tries": 3},
      {"serial": "OLD", "taxpayer": "91310115TGDM00011U", "certificate": "expired", "plugged": false},
      {"serial": "ALIEN", "taxpayer": "91340200TGDM0002XD", "certificate": "foreign",
       "faults": [{"kind": "hang"}, {"kind": "delay", "delay_ms": 5, "ins": "74"}]}],
    "platform": {"seed": {"taxpayers": [{"id": "91310115TGDM00011U", "name": "N"}]}}})";
  up({"--scenario", directory_ + "/scenario.json"});
  ASSERT_TRUE(ready());
  EXPECT_EQ(text("platform_profile"), "leqi-shape");
  EXPECT_EQ(contents(run_dir() + "/pins/GOOD.pin"), "246810");
  EXPECT_EQ(key("GOOD").at("pin_max_tries").as_int64(), 3);
  EXPECT_FALSE(key("OLD").at("plugged").as_bool());
  EXPECT_EQ(key("ALIEN").at("faults").as_int64(), 2);
}

TEST_F(TaxgateSim, WithoutSlotsIsAPlatformAloneAndAKeyOnUsbKeepsItsAuthority) {
  std::ofstream(directory_ + "/scenario.json") << R"({"keys": [], "spare_slots": 0})";
  up({"--scenario", directory_ + "/scenario.json"});
  ASSERT_TRUE(ready());
  EXPECT_EQ(text("pcsc_socket"), "");
  EXPECT_FALSE(fs::exists(run_dir() + "/pcsc/pcscd.log"));
  const std::string authority = contents(run_dir() + "/key-ca.pem"), socket = directory_ + "/usb";
  for (const std::string as : {"storage", "reader"}) {
    const pid_t usb = ::fork();
    if (usb == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execl(program_.c_str(), "taxgate-sim", "usb", "--dir", run_dir().c_str(), "--serial", "USB1", "--taxpayer",
              "91310115TGDM00011U", "--as", as.c_str(), "--socket", socket.c_str(), nullptr);
      ::_exit(127);
    }
    const auto until = std::chrono::steady_clock::now() + kReadyWithin;
    while (!fs::exists(socket) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(fs::exists(socket));
    ::kill(usb, SIGTERM);
    int status = -1;
    ::waitpid(usb, &status, 0);
    EXPECT_EQ(status, 0) << "ends by itself when told";
    EXPECT_FALSE(fs::exists(socket));
  }
  EXPECT_EQ(contents(run_dir() + "/key-ca.pem"), authority);
  EXPECT_FALSE(contents(run_dir() + "/pins/USB1.pin").empty());
  EXPECT_EQ(run("usb --serial USB1 --taxpayer T --as floppy --socket x").status, 2);
}

TEST_F(TaxgateSim, RefusesAScenarioItDoesNotUnderstandByNamingTheMember) {
  const auto [status, text] = refused(R"({"keys": [{"serial": "A", "taxpayer": "T", "certifcate": "expired"}]})");
  EXPECT_EQ(status, 2);
  EXPECT_NE(text.find("keys[0].certifcate"), std::string::npos) << text;
  EXPECT_NE(refused("{").second.find("JSON"), std::string::npos);
  EXPECT_NE(refused(R"({"keys": [{"serial": "A/../B", "taxpayer": "T"}]})").second.find("sim.key_definition"),
            std::string::npos);
  EXPECT_NE(refused(R"({"platform": {"seed": {"invoices": [{"fplx": 1}]}}})").second.find("platform/seed"),
            std::string::npos);
}

TEST_F(TaxgateSim, AdvancesLegalTimeOnlyByWhatItIsTold) {
  up({"--keys", "0"});
  ASSERT_TRUE(ready());
  EXPECT_EQ(json::parse(run("clock advance 72h").text).at("offset_ms").as_int64(), 259'200'000);
  EXPECT_EQ(
      json::parse(run("clock advance -- -1s").text.empty() ? "{}" : run("clock show").text).at("offset_ms").as_int64(),
      259'200'000)
      << "a misspelt command moves nothing";
  EXPECT_EQ(json::parse(run("clock advance 90").text).at("offset_ms").as_int64(), 259'200'090);
  EXPECT_EQ(run("clock advance soon").status, 2);
}

TEST_F(TaxgateSim, AssertsWhatThePlatformBookedAgainstWhatWasPromised) {
  up({"--keys", "0"});
  ASSERT_TRUE(ready());
  const std::string promises = directory_ + "/promises.json", junit = directory_ + "/junit.xml";
  std::ofstream(promises) << R"({"promises": []})";
  EXPECT_EQ(run("assert --promises " + promises + " --lost 0 --doubled 0 --junit " + junit).status, 0);
  EXPECT_NE(contents(junit).find("failures=\"0\""), std::string::npos);
  std::ofstream(promises) << R"({"promises": [{"seller": "91310115TGDM00011U", "blue_number": "26990000000000000001",
      "reason": "02", "amount": "-300000.00", "tax": "-39000.00", "outcome": "live"}]})";
  EXPECT_EQ(run("assert --promises " + promises + " --lost 0 --doubled 0 --junit " + junit).status, 1);
  EXPECT_NE(contents(junit).find("lost 1, expected 0"), std::string::npos) << contents(junit);
  EXPECT_EQ(run("assert --promises " + promises + " --lost 1+ --doubled 0").status, 0);
  EXPECT_EQ(run("assert --promises /nowhere --lost 0 --doubled 0").status, 2);
}

TEST_F(TaxgateSim, NeedsNoRoot) {
  if (::geteuid() == 0) {
    // As nobody, with a copy of the program where nobody can reach it.
    constexpr unsigned kNobody = 65534;
    fs::copy_file(program_, directory_ + "/taxgate-sim");
    program_ = directory_ + "/taxgate-sim";
    ASSERT_EQ(::chmod(program_.c_str(), 0755), 0);
    ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
    prefix_ = {"setpriv", fmt::format("--reuid={}", kNobody), fmt::format("--regid={}", kNobody), "--clear-groups"};
  }
  up({"--keys", "1"});
  ASSERT_TRUE(ready());
  EXPECT_TRUE(key("TGSIM0001").at("plugged").as_bool());
  const auto until = std::chrono::steady_clock::now() + kReadyWithin;
  while (key("TGSIM0001").at("bytes").at("from_card").as_int64() == 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(20ms);
  EXPECT_GT(key("TGSIM0001").at("bytes").at("from_card").as_int64(), 0) << "pcscd asked the card for its ATR";
}

}  // namespace
