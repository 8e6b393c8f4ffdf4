// The key host on the real stack: pcscd, vpcd, a virtual key and the taxgate-keyd program.
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "daemon/core/clock.h"
#include "drivers/keyd/sign_log.h"
#include "protocol/gmt0017.h"
#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// When the process began, in the kernel's ticks; empty when it has ended, also when nobody has reaped it yet.
std::string begun_at(pid_t pid) {
  const std::string stat = whole_file(fmt::format("/proc/{}/stat", pid));
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));  // after the name in brackets
  constexpr int kState = 1, kStart = 20;                                               // counted from there
  std::string field;
  for (int i = 1; i <= kStart && fields >> field; ++i)
    if (i == kState && (field == "Z" || field == "X")) return {};
  return fields ? field : std::string();
}

TEST(KeyHostOnRealPcscd, SignsAnEnvelopeAndLogsItBefore) {
  KeydStack stack({.extra_config = kPatient});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  KeydClient client(stack.socket());
  const auto request = stack.request(0, "0190-apply");
  // While the card is still at it, the order stands in the log already.
  stack.card(0).add_fault({.kind = simulator::CardFault::Kind::delay, .ins = 0x74, .delay_ms = kUntilCleared});
  std::optional<keyd::v1::SignReply> reply;
  std::jthread waiter([&] { reply = client.sign(request); });
  const auto logged = [&] { return whole_file(stack.state() + "/signing.log").find("\torder\t") != std::string::npos; };
  for (const auto until = Clock::now() + 60s; Clock::now() < until && !logged();) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(logged());
  EXPECT_EQ(stack.key(0).counters().signatures, 0U) << "signed before it was logged";  // asked after the log was read
  stack.card(0).clear_faults();
  waiter.join();
  ASSERT_TRUE(reply);
  ASSERT_FALSE(reply->has_failure()) << reply->failure().id() << " " << reply->failure().detail();
  EXPECT_TRUE(stack.verifies(request, *reply));
  EXPECT_EQ(reply->key_serial(), stack.serial(0));
  EXPECT_EQ(reply->log_number(), 1U);
  const std::string log = whole_file(stack.state() + "/signing.log");
  EXPECT_NE(log.find("\torder\t" + stack.serial(0) + "\t" + stack.taxpayer(0) + "\tapply\t0190-apply\t" +
                     hex(sm3(as_bytes(request.message())))),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("\tresult\tsigned\t"), std::string::npos) << log;
  EXPECT_TRUE(keyd::SignLog::check(log));
}

TEST(KeyHostOnRealPcscd, RecognisesAKeyAgainAfterReplugAndOnAnotherReader) {
  KeydStack stack({.readers = 1, .keys = 1});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  stack.card(0).unplug();
  ASSERT_TRUE(stack.wait_state(0, "gone"));
  KeydClient client(stack.socket());
  const auto refused = client.sign(stack.request(0, "while-gone"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->failure().id(), "key.none");
  EXPECT_EQ(refused->failure().errc(), "retry_later");
  stack.card(0).plug();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  stack.card(0).unplug();
  ASSERT_TRUE(stack.wait_state(0, "gone"));
  simulator::VpcdCard elsewhere(stack.key(0), "127.0.0.1", stack.pcscd().slots().at(1).port);
  elsewhere.plug();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  const auto keys = client.keys();
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].reader(), stack.pcscd().slots().at(1).reader);
  const auto request = stack.request(0, "elsewhere");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
}

TEST(KeyHostOnRealPcscd, QuarantinesASilentKeyWhileOthersSignOn) {
  constexpr auto kSignDeadline = 1500ms;  // many times what a signature takes, also on a loaded machine
  KeydStack stack({.readers = 2, .keys = 3, .extra_config = "[deadlines]\nsign_ms = 1500"});
  stack.start_keyd();
  for (unsigned i = 0; i < 3; ++i) ASSERT_TRUE(stack.wait_state(i, "ready"));
  stack.card(0).add_fault({.kind = simulator::CardFault::Kind::hang, .ins = 0x74});

  std::optional<keyd::v1::SignReply> silent;
  std::chrono::milliseconds silent_for{};
  std::jthread waiter([&] {
    KeydClient client(stack.socket());
    const auto start = Clock::now();
    silent = client.sign(stack.request(0, "silent"));
    silent_for = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  });
  // The others sign all the while, before, during and after the quarantine begins: slot 1 shares the reader's driver.
  std::chrono::milliseconds slowest{};
  unsigned signatures = 0;
  KeydClient client(stack.socket());
  for (const auto until = Clock::now() + 2 * kSignDeadline; Clock::now() < until;) {
    for (unsigned i = 1; i < 3; ++i) {
      const auto start = Clock::now();
      const auto request = stack.request(i, fmt::format("other-{}", signatures++));
      const auto reply = client.sign(request);
      ASSERT_TRUE(reply);
      ASSERT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
      slowest = std::max(slowest, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start));
    }
  }
  waiter.join();
  ASSERT_TRUE(silent);
  EXPECT_EQ(silent->failure().id(), "key.hung");
  EXPECT_EQ(silent->failure().errc(), "retry_later");
  EXPECT_EQ(stack.state_of(0), "hung");
  EXPECT_GE(silent_for, kSignDeadline);
  EXPECT_LT(slowest, kSignDeadline) << "a silent key held up another";
  fmt::print("{} signatures by the other keys, slowest {} ms, the silent one answered after {} ms\n", signatures,
             slowest.count(), silent_for.count());
  EXPECT_TRUE(stack.wait_children("--worker", 0, stack.pcscd().slots()[0].reader));

  // Pulled and put back it is an ordinary key again.
  stack.card(0).unplug();
  ASSERT_TRUE(stack.wait_state(0, "gone"));
  stack.card(0).plug();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  const auto request = stack.request(0, "silent");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  EXPECT_TRUE(stack.wait_children("--probe", 0));
}

TEST(KeyHostOnRealPcscd, ProbesASilentReaderUntilItAnswers) {
  KeydStack stack({.readers = 1, .keys = 1, .extra_config = "[deadlines]\nsign_ms = 1000"});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  // Slow beyond the deadline, but not for ever: nobody touches the key, the probe finds it alive.
  stack.card(0).add_fault({.kind = simulator::CardFault::Kind::delay, .ins = 0x74, .delay_ms = 2200});
  KeydClient client(stack.socket());
  const auto late = client.sign(stack.request(0, "late"));
  ASSERT_TRUE(late);
  EXPECT_EQ(late->failure().id(), "key.hung");
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  const auto request = stack.request(0, "late");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
}

TEST(KeyHostOnRealPcscd, SurvivesARestartOfPcscd) {
  KeydStack stack({.readers = 1, .keys = 2});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  const pid_t host = stack.keyd_pid();
  ASSERT_TRUE(stack.pcscd().restart());
  KeydClient client(stack.socket());
  for (unsigned i = 0; i < 2; ++i) {
    ASSERT_TRUE(stack.wait_state(i, "ready"));
    // "ready" may still be the time before the loss is noticed: the same order until it is signed.
    const auto request = stack.request(i, "after-restart");
    std::optional<keyd::v1::SignReply> reply;
    for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(20ms)) {
      reply = client.sign(request);
      if (reply && !reply->has_failure()) break;
    }
    ASSERT_TRUE(reply);
    EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  }
  EXPECT_EQ(stack.keyd_pid(), host);
  EXPECT_EQ(stack.key(0).counters().verify_failures, 0U);
}

TEST(KeyHostOnRealPcscd, ReplacesAWorkerThatDiesAndLeavesNoneBehindItself) {
  KeydStack stack({.readers = 1, .keys = 2});
  stack.start_keyd();
  for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(stack.wait_state(i, "ready"));
  const auto workers = stack.children("--worker", stack.pcscd().slots()[0].reader);
  ASSERT_EQ(workers.size(), 1U);
  ::kill(workers[0], SIGKILL);
  KeydClient client(stack.socket());
  const auto request = stack.request(0, "worker-killed");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  EXPECT_EQ(stack.key(0).user_pin().tries_left, 10U);

  EXPECT_TRUE(stack.wait_children("", 3));  // two workers and the reader watch
  const auto all = stack.children("");
  std::map<pid_t, std::string> begun;  // another process may get the number of one that has ended
  for (const pid_t pid : all) begun[pid] = begun_at(pid);
  stack.kill_keyd();
  for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(5ms)) {
    if (std::ranges::none_of(begun, [](const auto& one) { return begun_at(one.first) == one.second; })) return;
  }
  FAIL() << "a process of the dead host lives on";
}

TEST(KeyHostOnRealPcscd, SleepsWhileNothingHappens) {
  KeydStack stack({.readers = 1, .keys = 1});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  ASSERT_TRUE(stack.wait_children("", 2));  // a worker and the reader watch
  auto pids = stack.children("");
  pids.push_back(stack.keyd_pid());
  const auto switches = [&] {
    std::uint64_t sum = 0;
    for (const pid_t pid : pids) {
      std::ifstream status(fmt::format("/proc/{}/status", pid));
      for (std::string line; std::getline(status, line);)
        if (line.find("voluntary_ctxt_switches:") != std::string::npos && line[0] == 'v')
          sum += std::stoull(line.substr(line.find(':') + 1));
    }
    return sum;
  };
  // What starting and the last connection of wait_state set off may take a while on a loaded machine; who wakes up by
  // itself does so in each of the windows.
  std::uint64_t woken = 1;
  for (int window = 0; window < 5 && woken != 0; ++window) {
    const auto before = switches();
    std::this_thread::sleep_for(2s);
    woken = switches() - before;
  }
  EXPECT_EQ(woken, 0U) << "host, worker or reader watch woke up in two idle seconds, time after time";
}

TEST(KeyHostOnRealPcscd, UsesAKeyWhoseLabelIsNoUtf8AndSaysOfADiskThatItsRecordIsNone) {
  const std::string gbk = "\xC4\xA3\xC4\xE2\xC6\xF3\xD2\xB5";  // 模拟企业
  SystemLegalClock clock;
  KeydStack stack({.extra_config = "[disk]\nfile = \"TAXDISK\"\n"});
  const gmt0017::Command label{
      .ins = static_cast<std::uint8_t>(gmt0017::Ins::set_label), .data = Bytes(gbk.begin(), gbk.end()), .le = {}};
  EXPECT_EQ(stack.key(0).process(gmt0017::encode(label)), (Bytes{0x90, 0x00}));
  auto content = simulator::ordinary_disk("499000000001", stack.taxpayer(0), gbk, clock.now().ms);
  auto disk = simulator::TaxDisk::open(stack.directory() + "/disk", content);
  ASSERT_TRUE(disk) << disk.error().id;
  stack.key(0).carry_disk(std::move(*disk), clock);
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready")) << stack.keyd_log();
  KeydClient client(stack.socket());
  const auto keys = client.keys();
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].disk().trouble().id(), "key.disk_format");
  const auto request = stack.request(0, "gbk");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  EXPECT_EQ(stack.keyd_log().find("libprotobuf"), std::string::npos) << stack.keyd_log();
}

TEST(KeyHostOnRealPcscd, RefusesWhatItMustNotSign) {
  KeydStack stack({.readers = 1, .keys = 1});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  KeydClient client(stack.socket());
  const auto id_of = [&](const keyd::v1::SignRequest& request) {
    const auto reply = client.sign(request);
    return reply ? reply->failure().id() + " " + reply->failure().field() : std::string("no answer");
  };
  auto request = stack.request(0, "r");
  request.set_message("anything at all");
  EXPECT_EQ(id_of(request), "key.not_envelope message");
  request = stack.request(0, "r");
  request.set_taxpayer(stack.taxpayer(7));
  EXPECT_EQ(id_of(request), "key.envelope_mismatch taxpayer");
  request = stack.request(0, "r");
  request.set_purpose("upload");
  EXPECT_EQ(id_of(request), "key.envelope_mismatch purpose");
  request = stack.request(0, "r");
  request.set_request_id("s");
  EXPECT_EQ(id_of(request), "key.envelope_mismatch request_id");
  request = stack.request(0, "r");
  request.set_message(std::string(64 * 1024 + 1, 'x'));
  EXPECT_EQ(id_of(request), "key.message_size message");
  EXPECT_EQ(id_of(stack.request(7, "r")), "key.none ");
  EXPECT_EQ(stack.key(0).counters().signatures, 0U);
  EXPECT_EQ(whole_file(stack.state() + "/signing.log"), "");
}

TEST(KeyHostOnRealPcscd, KeepsForeignExpiredAndDoubledKeysOut) {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  KeydStack stack({.readers = 2,
                   .keys = 3,
                   .define =
                       [now](unsigned i, simulator::KeyDefinition& key) {
                         if (i == 1) key.valid_until_ms = now - 1000;
                       },
                   .foreign_keys = {0}});
  stack.start_keyd();
  EXPECT_TRUE(stack.wait_state(0, "foreign"));
  EXPECT_TRUE(stack.wait_state(1, "expired"));
  ASSERT_TRUE(stack.wait_state(2, "ready"));
  KeydClient client(stack.socket());
  const auto id_of = [&](unsigned i) {
    const auto reply = client.sign(stack.request(i, "r"));
    return reply ? reply->failure().errc() + " " + reply->failure().id() : std::string("no answer");
  };
  EXPECT_EQ(id_of(0), "rejected key.foreign");
  EXPECT_EQ(id_of(1), "rejected key.expired");
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 0U) << "a PIN was shown to a foreign key";

  // The same serial a second time: a copy, or a fault of the reader. Not used until the first one is gone.
  simulator::VpcdCard copy(stack.key(2), "127.0.0.1", stack.pcscd().slots().at(3).port);
  copy.plug();
  std::string states;
  for (const auto until = Clock::now() + 60s; Clock::now() < until && states.find("duplicate") == std::string::npos;
       std::this_thread::sleep_for(20ms)) {
    states.clear();
    for (const auto& key : client.keys())
      if (key.serial() == stack.serial(2)) states += key.state() + " ";
  }
  EXPECT_TRUE(states == "ready duplicate ") << states;
  stack.card(2).unplug();
  const auto request = stack.request(2, "copy");
  std::optional<keyd::v1::SignReply> reply;
  for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(20ms)) {
    reply = client.sign(request);
    if (reply && !reply->has_failure()) break;
  }
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
}

TEST(KeyHostOnRealPcscd, SpeaksToTheConfiguredUserOnly) {
  KeydStack stack({.readers = 1, .keys = 0, .extra_config = "allowed_uid = 54321"});
  stack.start_keyd_unchecked();
  for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(5ms))
    if (stack.keyd_log().find("keyd.started") != std::string::npos) break;
  KeydClient client(stack.socket());
  EXPECT_FALSE(client.connected());
  for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(5ms))
    if (stack.keyd_log().find("keyd.foreign_uid") != std::string::npos) break;
  EXPECT_NE(stack.keyd_log().find("keyd.foreign_uid"), std::string::npos) << stack.keyd_log();
}

TEST(KeyHostOnRealPcscd, EndsAConversationOfAnotherVersionAndSaysSo) {
  KeydStack stack({.readers = 1, .keys = 0});
  stack.start_keyd();
  for (const auto& [min, max, greeted] : {std::tuple{7U, 9U, false}, {0U, 0U, false}, {1U, 9U, true}}) {
    KeydClient client(stack.socket(), min, max);
    EXPECT_EQ(client.connected(), greeted) << min << " to " << max;
  }
  EXPECT_NE(stack.keyd_log().find("keyd.version"), std::string::npos) << stack.keyd_log();
}

TEST(KeyHostOnRealPcscd, ReplacesAWrongSignatureOfTheCardByARightOne) {
  KeydStack stack({});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  stack.key(0).corrupt_next_signatures(1);
  KeydClient client(stack.socket());
  const auto request = stack.request(0, "wrong-once");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  EXPECT_EQ(reply->log_number(), 2U);
  EXPECT_NE(whole_file(stack.state() + "/signing.log").find("\tresult\tkey.signature\t"), std::string::npos);
  stack.key(0).corrupt_next_signatures(100);
  const auto never = client.sign(stack.request(0, "wrong-always"));
  ASSERT_TRUE(never);
  EXPECT_EQ(never->failure().id(), "key.signature");
  EXPECT_TRUE(never->signature().empty());
}

TEST(KeyHostOnRealPcscd, SignsNothingWhenItsLogIsFull) {
  KeydStack stack({});
  std::filesystem::create_directory(stack.state());
  // Every write to this file ends with "no space left on device".
  std::filesystem::create_symlink("/dev/full", stack.state() + "/signing.log");
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  KeydClient client(stack.socket());
  const auto reply = client.sign(stack.request(0, "full"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->failure().id(), "key.log_failed");
  EXPECT_EQ(reply->failure().errc(), "retry_later");
  EXPECT_EQ(stack.key(0).counters().signatures, 0U);
}

TEST(KeyHostOnRealPcscd, WaitsForALockThatADyingChildOfTheLastHostStillHolds) {
  KeydStack stack({});
  stack.start_keyd();
  stack.stop_keyd();
  // As between fork and exec: the host is gone, a copy of its descriptor is not.
  const int lock = ::open((stack.state() + "/lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(lock, 0);
  // Waiting, because such a child of the host that has just ended may hold it as we ask.
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  std::jthread child([lock] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ::close(lock);
  });
  stack.start_keyd();
  EXPECT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_EQ(stack.keyd_log().find("keyd.running"), std::string::npos);
}

TEST(KeyHostOnRealPcscd, LetsOneHostOnlyUseAStateDirectory) {
  KeydStack stack({});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  EXPECT_EQ(stack.run_keyd_to_its_end(), 2);
  EXPECT_NE(stack.keyd_log().find("keyd.running"), std::string::npos);
  KeydClient client(stack.socket());
  const auto request = stack.request(0, "still");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply) << "the second host broke the first one's socket";
  EXPECT_TRUE(stack.verifies(request, *reply));
}

TEST(KeyHostOnRealPcscd, SignsWithAnotherKeyOfTheTaxpayerWhenOneIsPulled) {
  KeydStack stack(
      {.keys = 2, .define = [](unsigned, simulator::KeyDefinition& key) { key.taxpayer = KeydStack::taxpayer(0); }});
  stack.start_keyd();
  for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(stack.wait_state(i, "ready"));
  KeydClient client(stack.socket());
  // The first key takes the order and vanishes over it; the second one signs the same order.
  stack.card(0).add_fault({.kind = simulator::CardFault::Kind::unplug, .ins = 0x74, .at_byte = 10});
  const auto request = stack.request(0, "two-keys");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  EXPECT_EQ(reply->key_serial(), stack.serial(1));
}

}  // namespace
}  // namespace taxgate::tests
