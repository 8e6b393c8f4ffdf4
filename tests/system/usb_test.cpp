// Keys on USB in the key host: found, recognised on any port, refused twice, moved, set aside, given back; many at
// once, and a thousand times in and out.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <dirent.h>

#include <filesystem>
#include <map>
#include <thread>

#include "tests/system/usb_stack.h"

namespace taxgate::tests {
namespace {

using simulator::BotFault;
using Clock = std::chrono::steady_clock;

// A sanitizer makes a cycle several times slower; a leak shows after a hundred as well.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr unsigned kCycles = 100;
#else
constexpr unsigned kCycles = 1000;
#endif
#else
constexpr unsigned kCycles = 1000;
#endif

unsigned descriptors(pid_t pid) {
  unsigned count = 0;
  if (DIR* directory = ::opendir(fmt::format("/proc/{}/fd", pid).c_str())) {
    while (::readdir(directory)) ++count;
    ::closedir(directory);
  }
  return count;
}

long resident_kib(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  return 0;
}

TEST(UsbKeys, ThatWereThereBeforeTheHostAreFoundAndSign) {
  UsbStack stack({.keys = 2, .plugged_before = true});
  stack.start_keyd();
  KeydClient client(stack.socket());
  for (unsigned i = 0; i < 2; ++i) {
    ASSERT_TRUE(stack.wait_ready(i));
    EXPECT_TRUE(stack.sign(client, i, fmt::format("before-{}", i)));
  }
}

TEST(UsbKeys, AreRecognisedOnAnyPortBySerialAndCertificate) {
  UsbStack stack({.keys = 1});
  stack.start_keyd();
  KeydClient client(stack.socket());
  std::string certificate;
  for (const unsigned port : {1U, 7U, 3U}) {
    if (port != 1) stack.plug(0, port);
    ASSERT_TRUE(stack.wait_ready(0, port));
    ASSERT_TRUE(stack.sign(client, 0, fmt::format("port-{}", port)));
    for (const auto& key : stack.keys_seen()) {
      if (key.serial() != UsbStack::serial(0)) continue;
      if (certificate.empty()) certificate = key.certificate_sha256();
      EXPECT_EQ(key.certificate_sha256(), certificate);
    }
    stack.unplug(0, port);
    ASSERT_TRUE(stack.wait_until([&] { return stack.where(UsbStack::serial(0)) == "gone"; }, "still there"));
  }
  EXPECT_EQ(stack.key(0).card->counters().verify_failures, 0U);
}

class StillClock final : public LegalClock {
 public:
  LegalTime now() const override { return {1'795'312'800'000}; }  // 2026-11-22 10:00 +08:00
};

TEST(UsbKeys, ATaxDisksStateIsReadAndItsRefusalIsToldOnceWithItsCode) {
  const StillClock clock;
  UsbStack stack(
      {.keys = 1, .extra_config = std::string("[disk]\nfile = \"") + simulator::kDiskFile + "\"\nevery_s = 1\n"});
  const auto content = simulator::ordinary_disk("499000000001", UsbStack::taxpayer(0), "模拟企业", clock.now().ms);
  auto made = simulator::TaxDisk::open(std::filesystem::path(stack.devices()).parent_path() / "disk", content);
  ASSERT_TRUE(made);
  stack.key(0).card->carry_disk(std::move(*made), clock);
  const auto seen = [&](auto holds) {
    const auto keys = stack.keys_seen();
    return keys.size() == 1 && keys[0].state() == "ready" && keys[0].has_disk() && holds(keys[0].disk());
  };
  const auto left = [](std::uint64_t count) {
    return [count](const keyd::v1::TaxDisk& disk) { return disk.volumes(1).left() == count; };
  };
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_ready(0));
  EXPECT_TRUE(seen(left(100))) << "a disk is ready when it was read";
  KeydClient client(stack.socket());
  ASSERT_TRUE(stack.sign(client, 0, "before"));
  const auto on_disk = [&](auto act) {
    ASSERT_TRUE(stack.key(0).card->with_disk([&](simulator::TaxDisk& disk, std::int64_t now) { act(disk, now); }));
  };
  on_disk([](simulator::TaxDisk& disk, std::int64_t now) { ASSERT_TRUE(disk.issue("007", 10'000, false, now)); });
  EXPECT_TRUE(stack.wait_until([&] { return seen(left(99)); }, "read again from time to time"));

  on_disk([](simulator::TaxDisk& disk, std::int64_t now) {
    ASSERT_TRUE(disk.change("007", [&](simulator::DiskType& type) { type.deadline_ms = now; }));
  });
  const auto refused = client.sign(UsbStack::request(0, "locked"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->failure().errc() + " " + refused->failure().id() + " " + refused->failure().wanted(),
            "rejected key.disk_refused 09D109");
  EXPECT_EQ(stack.keyd_log().find("resting"), std::string::npos);
  for (int i = 0; i < 4; ++i) {  // more often than a failing key may before it rests
    const auto again = client.sign(UsbStack::request(0, fmt::format("locked-{}", i)));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->failure().id(), "key.disk_refused");
  }
  EXPECT_TRUE(stack.wait_ready(0)) << "the key itself is well";
  on_disk([](simulator::TaxDisk& disk, std::int64_t now) {
    ASSERT_TRUE(disk.change("007", [&](simulator::DiskType& type) { type.deadline_ms = now + 1; }));
  });
  EXPECT_TRUE(stack.sign(client, 0, "after"));
  EXPECT_EQ(stack.key(0).card->counters().signatures, 2u) << "no order was given to the disk twice";
  EXPECT_EQ(stack.key(0).card->counters().verify_attempts, 1u) << "nor was it logged in again";
}

TEST(UsbKeys, OfTheSameSerialAreRefusedUntilTheFirstIsGone) {
  UsbStack stack({.keys = 2, .plugged = false, .define = [](unsigned, simulator::KeyDefinition& key) {
                    key.serial = UsbStack::serial(0);
                    key.taxpayer = UsbStack::taxpayer(0);
                  }});
  stack.start_keyd();
  stack.plug(0);
  ASSERT_TRUE(stack.wait_ready(0));
  stack.plug(1);
  const auto duplicates = [&] {
    unsigned count = 0;
    for (const auto& key : stack.keys_seen()) count += key.state() == "duplicate" ? 1 : 0;
    return count;
  };
  ASSERT_TRUE(stack.wait_until([&] { return duplicates() == 1; }, "no duplicate"));
  EXPECT_EQ(stack.key(1).card->counters().verify_attempts, 0U) << "no PIN is thought of for a duplicate";
  // Refused is not held: the kernel's driver has it back.
  EXPECT_TRUE(stack.wait_until([&] { return stack.bed().counters(2).kernel_driver; }, "not given back"));
  stack.unplug(0);
  ASSERT_TRUE(stack.wait_ready(0, 2));
}

TEST(UsbKeys, ThatNobodyListedAreLeftAlone) {
  UsbStack stack({.keys = 2, .identify = [](unsigned i, simulator::UsbIdentity& identity) {
                    if (i == 1) identity.product_name = "USB Flash Disk";
                  }});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_ready(0));
  EXPECT_EQ(stack.keys_seen().size(), 1U);
  EXPECT_EQ(stack.bed().counters(2).opens, 0U);
  EXPECT_TRUE(stack.bed().counters(2).kernel_driver);
}

TEST(UsbKeys, AreGivenBackToTheKernelWhenTheHostStops) {
  UsbStack stack({.keys = 1});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_ready(0));
  EXPECT_FALSE(stack.bed().counters(1).kernel_driver);
  stack.stop_keyd();
  EXPECT_TRUE(stack.bed().counters(1).kernel_driver);
}

TEST(UsbKeys, ThatFallSilentAreResetAndSignAgain) {
  UsbStack stack({.keys = 1, .quirks = "timeout_ms = 300"});
  stack.start_keyd();
  KeydClient client(stack.socket());
  ASSERT_TRUE(stack.wait_ready(0));
  stack.key(0).function->add_fault({.kind = BotFault::Kind::hang, .operation = bot::kVendorCommand});
  EXPECT_TRUE(stack.sign(client, 0, "silent"));
  EXPECT_GE(stack.key(0).usb->counters().bus_resets, 1U);
  EXPECT_EQ(stack.key(0).card->counters().verify_failures, 0U);
}

TEST(UsbKeys, ThatStaySilentBeyondTheDeadlineAreSetAsideAndOthersSign) {
  UsbStack stack({.keys = 2,
                  .extra_config = "[deadlines]\nsign_ms = 400\nopen_ms = 20000\nlogin_ms = 20000\nrequest_ms = 20000",
                  .quirks = "timeout_ms = 2000"});
  stack.start_keyd();
  KeydClient client(stack.socket());
  for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(stack.wait_ready(i));
  stack.key(0).function->add_fault({.kind = BotFault::Kind::hang, .operation = bot::kVendorCommand});
  const auto reply = client.sign(UsbStack::request(0, "silent", 1000), 10s);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->has_failure());
  EXPECT_TRUE(stack.sign(client, 1, "meanwhile"));
  // The probe meets the ladder, which wakes the device up.
  EXPECT_TRUE(stack.sign(client, 0, "again"));
  EXPECT_EQ(stack.key(0).card->counters().verify_failures, 0U);
}

TEST(UsbKeys, AreTwentyFourAtOnceAndEachSignsForItsOwnTaxpayer) {
  constexpr unsigned kKeys = 24;
  UsbStack stack({.keys = kKeys, .extra_config = kPatient});
  const auto start = Clock::now();
  stack.start_keyd();
  for (unsigned i = 0; i < kKeys; ++i) ASSERT_TRUE(stack.wait_ready(i, 0, 120s));
  fmt::print("{} keys ready after {:.1f} s\n", kKeys, std::chrono::duration<double>(Clock::now() - start).count());
  EXPECT_TRUE(stack.wait_until([&] { return stack.children("--worker").size() == kKeys; }, "a worker for each key"));
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < kKeys; ++i)
    threads.emplace_back([&stack, i] {
      KeydClient client(stack.socket());
      for (int n = 0; n < 3; ++n) EXPECT_TRUE(stack.sign(client, i, fmt::format("many-{}-{}", i, n)));
    });
  threads.clear();
  for (unsigned i = 0; i < kKeys; ++i) EXPECT_EQ(stack.key(i).card->counters().signatures, 3U) << i;
}

TEST(UsbKeys, AThousandTimesInAndOutLeakNeitherDescriptorsNorProcessesNorMemory) {
  UsbStack stack({.keys = 1});
  stack.start_keyd();
  KeydClient client(stack.socket());
  ASSERT_TRUE(stack.wait_ready(0));
  // The first cycles fill caches.
  constexpr unsigned kWarm = kCycles / 10;
  unsigned descriptors_then = 0, watch_descriptors_then = 0;
  long memory_then = 0, watch_memory_then = 0;
  const pid_t watch = stack.children("--watch-usb").at(0);
  const auto start = Clock::now();
  for (unsigned cycle = 0; cycle < kCycles; ++cycle) {
    if (cycle == kWarm) {
      ASSERT_TRUE(stack.sign(client, 0, "warm"));
      ASSERT_TRUE(stack.wait_until([&] { return stack.children("--worker").size() == 1; }, "workers left over"));
      descriptors_then = descriptors(stack.keyd_pid());
      watch_descriptors_then = descriptors(watch);
      memory_then = resident_kib(stack.keyd_pid());
      watch_memory_then = resident_kib(watch);
    }
    const auto opens = stack.bed().counters(1).opens;
    stack.unplug(0);
    stack.plug(0);
    ASSERT_TRUE(stack.wait_until([&] { return stack.bed().counters(1).opens > opens; }, "not opened"));
    // Every tenth time it is waited for and signs; between them it is pulled in whatever state it is in.
    if (cycle % 10 == 9) {
      ASSERT_TRUE(stack.sign(client, 0, fmt::format("cycle-{}", cycle)));
    }
  }
  ASSERT_TRUE(stack.sign(client, 0, "last"));
  const auto pin = stack.key(0).card->user_pin();
  EXPECT_EQ(pin.tries_left, pin.max_tries);
  EXPECT_TRUE(stack.wait_until([&] { return stack.children("--worker").size() == 1; }, "workers left over"));
  // The pipes of the worker before may be closed a moment after it is gone.
  EXPECT_TRUE(stack.wait_until([&] { return descriptors(stack.keyd_pid()) <= descriptors_then; }, "the host leaks"));
  EXPECT_TRUE(stack.wait_until([&] { return descriptors(watch) <= watch_descriptors_then; }, "the watch leaks"));
  EXPECT_EQ(stack.children("--watch-usb"), std::vector<pid_t>{watch}) << "the watch ended and was started anew";
  const long grown = resident_kib(stack.keyd_pid()) - memory_then,
             watch_grown = resident_kib(watch) - watch_memory_then;
  fmt::print("{} cycles in {:.0f} s: host {} KiB more, watch {} KiB more, {} opens\n", kCycles,
             std::chrono::duration<double>(Clock::now() - start).count(), grown, watch_grown,
             stack.bed().counters(1).opens);
  // One forgotten session of the host would be 150 KiB a hundred cycles (its packet buffer); noise is a few pages.
  // Under AddressSanitizer freed memory is kept back (256 MiB of quarantine), and forgotten memory is told at the end.
#if defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
  constexpr long kMostKib = 256 * 1024;
#else
  constexpr long kMostKib = 1024;
#endif
  EXPECT_LT(grown, kMostKib);
  EXPECT_LT(watch_grown, kMostKib);
}

}  // namespace
}  // namespace taxgate::tests

int main(int argc, char** argv) {
  taxgate::simulator::UsbTestbed::ensure_preloaded(argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
