// With the real pcscd: cheap enough (0.1 s a start), and a stand-in would prove nothing about it.
#include "simulator/vpcd/private_pcscd.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "simulator/vpcd/vpcd_card.h"
#include "tests/unit/protocol/openssl_command.h"

namespace taxgate::simulator {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

bool becomes(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

TEST(PrivatePcscd, GivesEverySlotAPortOfItsOwnAndItsOwnCopyOfTheReader) {
  const test::Workshop shop;
  const auto pcscd = PrivatePcscd::start({.directory = shop.path().string(), .readers = 3});
  ASSERT_TRUE(pcscd) << pcscd.error().id << pcscd.error().detail;
  std::set<std::uint16_t> ports;
  std::set<std::string> names;
  for (const auto& slot : (*pcscd)->slots()) {
    ports.insert(slot.port);
    names.insert(slot.reader);
  }
  EXPECT_EQ(ports.size(), 6U);
  unsigned given = 0;  // to outgoing connections: one of them would keep pcscd from starting again
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> given;
  EXPECT_LT(*ports.rbegin(), given);
  EXPECT_EQ(names.size(), 6U);
  for (const auto* copy : {"libifdvpcd-1.so", "libifdvpcd-2.so", "libifdvpcd-3.so"})
    EXPECT_TRUE(fs::exists(shop.path() / copy));
}

TEST(PrivatePcscd, ComesBackOnTheSamePortsAndSocketWithItsCards) {
  const test::Workshop shop;
  const auto pcscd = std::move(PrivatePcscd::start({.directory = shop.path().string()}).value());
  KeyDefinition definition;
  definition.serial = "TGSIM0001";
  definition.taxpayer = "91310115TGDM00011U";
  definition.name = "N";
  definition.pin = definition.admin_pin = "123456";
  definition.valid_until_ms = 1;
  const auto key =
      std::move(VirtualKey::open((shop.path() / "k").string(), definition, KeyAuthority::create("key CA", 0)).value());
  VpcdCard card(*key, "127.0.0.1", pcscd->slots()[0].port);
  card.plug();
  ASSERT_TRUE(becomes([&] { return card.stream_bytes().from_card.link > 0; })) << "pcscd asked for the ATR";
  const auto before = pcscd->slots();
  const auto socket = pcscd->socket();
  const pid_t pid = pcscd->pid();
  pcscd->stop();
  EXPECT_EQ(::kill(pid, 0), -1) << "stopped means gone";
  card.unplug();
  ASSERT_TRUE(pcscd->restart());
  EXPECT_NE(pcscd->pid(), pid);
  EXPECT_EQ(pcscd->socket(), socket);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(pcscd->slots()[i].port, before[i].port);
  card.plug();
  EXPECT_TRUE(becomes([&] { return card.stream_bytes().from_card.link > 0; }));
}

TEST(PrivatePcscd, DiesWithWhoStartedIt) {
  const test::Workshop shop;
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0) << "so that the orphan comes to us";
  const pid_t starter = ::fork();
  if (starter == 0) {
    auto pcscd = PrivatePcscd::start({.directory = shop.path().string()});
    if (!pcscd) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(starter, &status, 0), starter);
  ASSERT_TRUE(WIFSIGNALED(status)) << "pcscd did not start";
  const pid_t orphan = ::waitpid(-1, &status, 0);
  EXPECT_GT(orphan, 0) << "pcscd outlived its starter";
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST(PrivatePcscd, SaysWhatIsMissingOrWrong) {
  const test::Workshop shop;
  const std::string dir = shop.path().string();
  const auto id = [](const PrivatePcscd::Options& options) {
    const auto r = PrivatePcscd::start(options);
    return r ? std::string("started") : r.error().id + " " + r.error().field;
  };
  EXPECT_EQ(id({.directory = dir, .readers = 0}), "sim.pcscd_options readers");
  EXPECT_EQ(id({.directory = dir, .readers = 9}), "sim.pcscd_options readers");
  EXPECT_EQ(id({.directory = "relative"}), "sim.pcscd_options directory");
  EXPECT_EQ(id({.directory = dir + "/absent"}), "sim.pcscd_options directory");
  EXPECT_EQ(id({.directory = dir, .pcscd = "/nowhere/pcscd"}), "sim.pcscd_missing /nowhere/pcscd");
  const auto broken = PrivatePcscd::start({.directory = dir, .pcscd = "/bin/false"});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().id, "sim.pcscd_start");
}

}  // namespace
}  // namespace taxgate::simulator
