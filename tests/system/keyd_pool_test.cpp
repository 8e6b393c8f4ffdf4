// Several keys of one taxpayer, and a key that another program needs: the real key host on real pcscd.
#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <thread>

#include "drivers/gmt0017/card_session.h"
#include "drivers/pcsc/pcsc_transport.h"
#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::HasSubstr;

constexpr std::uint8_t kSignIns = 0x74;

/// All keys are of taxpayer 0.
KeydStack::Options one_taxpayer(unsigned keys) {
  return {.readers = (keys + 1) / 2,
          .keys = keys,
          .extra_config = kPatient,
          .define = [](unsigned, simulator::KeyDefinition& key) { key.taxpayer = KeydStack::taxpayer(0); }};
}

void start(KeydStack& stack, unsigned keys) {
  stack.start_keyd();
  for (unsigned i = 0; i < keys; ++i) ASSERT_TRUE(stack.wait_state(i, "ready"));
}

keyd::v1::Frame sign_frame(unsigned request, const std::vector<std::string>& serials = {}) {
  keyd::v1::Frame frame;
  *frame.mutable_sign() = KeydStack::request(0, fmt::format("pool-{}", request));
  frame.mutable_sign()->set_request(request);
  for (const auto& serial : serials) frame.mutable_sign()->add_serials(serial);
  return frame;
}

/// Waits until the host has written down that many orders, which it does right before it gives each to its card.
bool wait_logged(const KeydStack& stack, std::size_t orders) {
  for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(5ms)) {
    const std::string log = whole_file(stack.state() + "/signing.log");
    std::size_t found = 0;
    for (std::size_t at = 0; (at = log.find("\torder\t", at)) != std::string::npos; ++at) ++found;
    if (found >= orders) return true;
  }
  return false;
}

std::optional<keyd::v1::LeaseReply> lease(KeydClient& client, const std::string& serial, std::uint32_t seconds,
                                          const std::string& holder = "local:root") {
  keyd::v1::Frame frame;
  auto& request = *frame.mutable_lease();
  request.set_request(900);
  request.set_serial(serial);
  request.set_seconds(seconds);
  request.set_holder(holder);
  request.set_reason("the monthly report");
  if (!client.send(frame)) return std::nullopt;
  auto answer = client.receive(60s);
  if (!answer || !answer->has_leased()) return std::nullopt;
  return answer->leased();
}

/// Another program that takes the card for itself alone and asks it who it is; it keeps it until it is destroyed.
class OtherProgram {
 public:
  OtherProgram(KeydStack& stack, unsigned i) {
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) return;
    const std::string reader = stack.pcscd().slots().at(i).reader,
                      service = "PCSCLITE_CSOCK_NAME=" + stack.pcscd().socket();
    const char* argv[] = {"other-program", kHold, reader.c_str(), nullptr};
    const char* envp[] = {service.c_str(), nullptr};
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      ::execve("/proc/self/exe", const_cast<char* const*>(argv), const_cast<char* const*>(envp));
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    end_ = to[1];
    char said[256];
    const ssize_t n = ::read(from[0], said, sizeof said);
    said_.assign(said, n > 0 ? static_cast<std::size_t>(n) : 0);
    ::close(from[0]);
  }
  ~OtherProgram() {
    ::close(end_);
    ::waitpid(pid_, nullptr, 0);
  }
  OtherProgram(const OtherProgram&) = delete;
  OtherProgram& operator=(const OtherProgram&) = delete;

  bool has_the_card() const { return said_ == "mine"; }
  const std::string& said() const { return said_; }
  pid_t pid() const { return pid_; }

  static constexpr const char* kHold = "--hold-card";
  static int main(const std::string& reader) {
    auto card = pcsc::connect(reader);
    const std::string said = !card                                        ? card.error().id + " " + card.error().detail
                             : gmt0017::CardSession(**card).device_info() ? "mine"
                                                                          : "no answer";
    (void)!::write(STDOUT_FILENO, said.data(), said.size());
    char byte = 0;
    (void)!::read(STDIN_FILENO, &byte, 1);
    return 0;
  }

 private:
  pid_t pid_ = -1;
  int end_ = -1;
  std::string said_;
};

TEST(KeyPoolOnRealPcscd, EachKeyOfATaxpayerWorksAtTheSameTime) {
  constexpr unsigned kKeys = 4;
  KeydStack stack(one_taxpayer(kKeys));
  start(stack, kKeys);
  for (unsigned i = 0; i < kKeys; ++i)
    stack.card(i).add_fault(
        {.kind = simulator::CardFault::Kind::delay, .ins = kSignIns, .count = 0, .delay_ms = kUntilCleared});
  KeydClient client(stack.socket());
  for (unsigned i = 0; i < kKeys; ++i) ASSERT_TRUE(client.send(sign_frame(i + 1)));
  // No card answers before each has an order: one that waited for a key's first answer would not be in the log.
  EXPECT_TRUE(wait_logged(stack, kKeys));
  for (unsigned i = 0; i < kKeys; ++i) stack.card(i).clear_faults();
  std::set<std::string> serials;
  for (unsigned i = 0; i < kKeys; ++i) {
    const auto answer = client.receive(60s);
    ASSERT_TRUE(answer && answer->has_signed_());
    EXPECT_FALSE(answer->signed_().has_failure()) << answer->signed_().failure().id();
    serials.insert(answer->signed_().key_serial());
  }
  EXPECT_EQ(serials.size(), kKeys);
}

TEST(KeyPoolOnRealPcscd, AKeyThatFailsTimeAfterTimeRestsIsProbedAndItsOrdersGoToAnother) {
  KeydStack stack(one_taxpayer(2));
  start(stack, 2);
  KeydClient client(stack.socket());
  stack.key(0).corrupt_next_signatures(1000);
  bool rested = false;
  const auto until = Clock::now() + 60s;
  for (unsigned i = 0; Clock::now() < until && !rested; ++i) {
    const auto request = stack.request(0, fmt::format("rest-{}", i));
    const auto reply = client.sign(request);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
    EXPECT_EQ(reply->key_serial(), stack.serial(1)) << "the other key has it";
    for (const auto& key : client.keys())
      if (key.serial() == stack.serial(0) && key.state() == "resting") {
        rested = true;
        EXPECT_EQ(key.trouble().id(), "key.resting");
        EXPECT_EQ(key.trouble().detail(), "key.signature");
      }
  }
  EXPECT_TRUE(rested);
  stack.key(0).corrupt_next_signatures(0);
  // Probed by an order once its rest is over, and in use again: both keys at a time.
  bool both = false;
  for (unsigned round = 0; round < 200 && !both; ++round) {
    std::set<std::string> serials;
    for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(client.send(sign_frame(round * 2 + i + 1)));
    for (unsigned i = 0; i < 2; ++i) {
      const auto answer = client.receive(60s);
      ASSERT_TRUE(answer && answer->has_signed_() && !answer->signed_().has_failure());
      serials.insert(answer->signed_().key_serial());
    }
    both = serials.size() == 2;
    if (!both) std::this_thread::sleep_for(50ms);
  }
  EXPECT_TRUE(both);
  EXPECT_TRUE(stack.wait_state(0, "ready"));
}

TEST(KeyPoolOnRealPcscd, AnOrderOfOneDeviceIsSignedByItOrByADeclaredEqualAndByNoOther) {
  KeydStack stack(one_taxpayer(3));
  start(stack, 3);
  KeydClient client(stack.socket());
  const auto signed_by = [&](const std::vector<std::string>& serials) {
    if (!client.send(sign_frame(7, serials))) return std::string("not sent");
    const auto answer = client.receive(60s);
    if (!answer || !answer->has_signed_()) return std::string("no answer");
    return answer->signed_().has_failure() ? answer->signed_().failure().id() : answer->signed_().key_serial();
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(signed_by({stack.serial(2)}), stack.serial(2));
  stack.card(2).unplug();
  ASSERT_TRUE(stack.wait_state(2, "gone"));
  EXPECT_EQ(signed_by({stack.serial(2)}), "key.device_absent");
  EXPECT_EQ(signed_by({stack.serial(2), stack.serial(1)}), stack.serial(1));
  EXPECT_EQ(stack.key(0).counters().signatures, 0U) << "the taxpayer's other key is not equal";
}

TEST(KeyLeaseOnRealPcscd, AnotherProgramHasTheKeyForItselfAndSigningResumesByItself) {
  KeydStack stack(one_taxpayer(1));
  start(stack, 1);
  KeydClient client(stack.socket());
  EXPECT_THAT(OtherProgram(stack, 0).said(), HasSubstr("key.reader_busy SCardConnect: SCARD_E_SHARING_VIOLATION"));

  const auto lent = lease(client, stack.serial(0), 3600);
  ASSERT_TRUE(lent && !lent->has_failure()) << (lent ? lent->failure().id() : "no answer");
  EXPECT_EQ(lent->key().state(), "leased");
  std::optional<OtherProgram> theirs(std::in_place, stack, 0);
  ASSERT_TRUE(theirs->has_the_card()) << theirs->said();
  EXPECT_TRUE(stack.wait_children("--worker", 0));

  const auto keys = client.keys();
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].state(), "leased");
  EXPECT_EQ(keys[0].lease_holder(), "local:root");
  EXPECT_EQ(keys[0].lease_reason(), "the monthly report");
  EXPECT_FALSE(keys[0].lease_until().empty());
  const auto refused = client.sign(stack.request(0, "meanwhile"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->failure().id(), "key.leased");
  EXPECT_EQ(refused->failure().errc(), "retry_later");
  EXPECT_EQ(refused->failure().wanted(), "local:root");
  const auto somebody = lease(client, stack.serial(0), 60, "somebody");
  ASSERT_TRUE(somebody);
  EXPECT_EQ(somebody->failure().id(), "key.leased");

  // Made to end soon by its holder, once everything above has been seen.
  const auto soon = lease(client, stack.serial(0), 1);
  ASSERT_TRUE(soon && !soon->has_failure());
  theirs.reset();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  const auto request = stack.request(0, "after");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  EXPECT_TRUE(client.keys().at(0).lease_holder().empty());
  EXPECT_EQ(stack.key(0).counters().verify_failures, 0U);
}

TEST(KeyLeaseOnRealPcscd, WorkGoesToTheTaxpayersOtherKeyAndTheLentOneIsTakenBackOnRequest) {
  KeydStack stack(one_taxpayer(2));
  start(stack, 2);
  KeydClient client(stack.socket());
  const auto lent = lease(client, stack.serial(0), 3600);
  ASSERT_TRUE(lent && !lent->has_failure());
  stack.key(0).reset_counters();
  for (int i = 0; i < 3; ++i) {
    const auto request = stack.request(0, fmt::format("other-{}", i));
    const auto reply = client.sign(request);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
    EXPECT_EQ(reply->key_serial(), stack.serial(1));
  }
  // Nothing that otherwise makes a key be asked again opens one that is lent: a new PIN file, pulling and putting back.
  stack.write_pin(0, KeydStack::kPin);
  stack.card(0).unplug();
  ASSERT_TRUE(stack.wait_state(1, "ready"));
  std::this_thread::sleep_for(std::chrono::milliseconds(simulator::kRemovalNoticedMs));
  stack.card(0).plug();
  ASSERT_TRUE(stack.wait_state(0, "leased"));
  EXPECT_TRUE(stack.wait_children("--worker", 1));
  EXPECT_EQ(stack.key(0).counters().commands, 0U) << "opened all the same";
  const auto back = lease(client, stack.serial(0), 0);
  ASSERT_TRUE(back && !back->has_failure());
  EXPECT_TRUE(stack.wait_state(0, "ready"));
}

TEST(KeyLeaseOnRealPcscd, ALentKeyStaysLentOverARestartOfTheHostUntilItsTime) {
  KeydStack stack(one_taxpayer(2));
  start(stack, 2);
  std::string until;
  {
    KeydClient client(stack.socket());
    const auto lent = lease(client, stack.serial(0), 3600);
    ASSERT_TRUE(lent && !lent->has_failure());
    until = lent->key().lease_until();
  }
  stack.key(0).reset_counters();
  for (const bool orderly : {false, true}) {
    orderly ? stack.stop_keyd() : stack.kill_keyd();
    const OtherProgram theirs(stack, 0);
    EXPECT_TRUE(theirs.has_the_card()) << theirs.said();
    const auto asked = stack.key(0).counters().commands;
    stack.start_keyd();
    ASSERT_TRUE(stack.wait_state(0, "leased") && stack.wait_state(1, "ready"));
    KeydClient client(stack.socket());
    for (const auto& key : client.keys())
      if (key.serial() == stack.serial(0)) {
        EXPECT_EQ(key.lease_holder(), "local:root");
        EXPECT_EQ(key.lease_reason(), "the monthly report");
        EXPECT_EQ(key.lease_until(), until);
        EXPECT_EQ(key.taxpayer(), KeydStack::taxpayer(0)) << "who it is, is known without looking";
        EXPECT_EQ(key.trouble().id(), "key.leased");
      }
    const auto request = stack.request(0, fmt::format("restart-{}", orderly));
    const auto reply = client.sign(request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->key_serial(), stack.serial(1)) << reply->failure().id();
    EXPECT_EQ(stack.key(0).counters().commands, asked) << "looked at while another program has it";
  }
  for (const std::uint32_t seconds : {0U, 2U}) {  // given back, and lent anew until soon
    KeydClient client(stack.socket());
    const auto changed = lease(client, stack.serial(0), seconds);
    ASSERT_TRUE(changed && !changed->has_failure()) << changed->failure().id();
    stack.kill_keyd();
    stack.start_keyd();
    EXPECT_TRUE(stack.wait_state(0, "ready")) << seconds;
  }
  KeydClient client(stack.socket());
  for (const auto& key : client.keys()) EXPECT_TRUE(key.lease_holder().empty());
  // What cannot be read is said and keeps nothing from starting; what cannot be kept is not promised.
  stack.stop_keyd();
  std::ofstream(stack.state() + "/leases") << "what is this";
  start(stack, 2);
  EXPECT_THAT(stack.keyd_log(), HasSubstr("[key.lease_file]"));
  ASSERT_EQ(::mkdir((stack.state() + "/leases.new").c_str(), 0700), 0);
  KeydClient last(stack.socket());
  const auto refused = lease(last, stack.serial(0), 3600);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->failure().id(), "key.lease_file");
  EXPECT_EQ(stack.state_of(0), "ready");
}

TEST(KeyLeaseOnRealPcscd, ASignatureUnderWayEndsBeforeTheKeyIsLent) {
  KeydStack stack(one_taxpayer(1));
  start(stack, 1);
  stack.card(0).add_fault({.kind = simulator::CardFault::Kind::delay, .ins = kSignIns, .delay_ms = kUntilCleared});
  KeydClient client(stack.socket());
  ASSERT_TRUE(client.send(sign_frame(1)));
  // Under way: one that still waits would not hold up a lease.
  ASSERT_TRUE(wait_logged(stack, 1));
  keyd::v1::Frame frame;
  frame.mutable_lease()->set_serial(stack.serial(0));
  frame.mutable_lease()->set_seconds(60);
  frame.mutable_lease()->set_holder("local:root");
  frame.mutable_lease()->set_reason("r");
  ASSERT_TRUE(client.send(frame));
  // It has been heard when a question behind it is answered, and has no answer itself.
  const auto keys = client.keys();
  ASSERT_EQ(keys.size(), 1U) << "the lease was answered while the card was at work";
  EXPECT_EQ(keys[0].lease_holder(), "local:root");
  stack.card(0).clear_faults();
  const auto first = client.receive(60s);
  ASSERT_TRUE(first && first->has_signed_()) << "the lease was answered first";
  EXPECT_FALSE(first->signed_().has_failure()) << first->signed_().failure().id();
  const auto second = client.receive(60s);
  ASSERT_TRUE(second && second->has_leased());
  EXPECT_FALSE(second->leased().has_failure()) << second->leased().failure().id();
  EXPECT_EQ(OtherProgram(stack, 0).said(), "mine");
}

TEST(KeyLeaseOnRealPcscd, WhatIsNoLeaseIsRefused) {
  KeydStack stack(one_taxpayer(1));
  start(stack, 1);
  KeydClient client(stack.socket());
  const auto id = [&](const std::string& serial, std::uint32_t seconds, const std::string& holder) {
    const auto reply = lease(client, serial, seconds, holder);
    return reply ? reply->failure().id() : std::string("no answer");
  };
  EXPECT_EQ(id("NOSUCHKEY", 60, "h"), "key.not_found");
  EXPECT_EQ(id(stack.serial(0), 8 * 3600 + 1, "h"), "key.lease_request");
  EXPECT_EQ(id(stack.serial(0), 60, ""), "key.lease_request");
  EXPECT_EQ(id(stack.serial(0), 0, "h"), "") << "to take back what is not lent changes nothing";
  EXPECT_EQ(stack.state_of(0), "ready");
}

TEST(RivalOnRealPcscd, ThatHoldsTheCardIsNamedWithItsProcessAndSigningBeginsWhenItGoes) {
  KeydStack stack(one_taxpayer(1));
  std::optional<OtherProgram> theirs;
  for (const auto until = Clock::now() + 60s; Clock::now() < until && !(theirs && theirs->has_the_card());
       std::this_thread::sleep_for(20ms))
    theirs.emplace(stack, 0);  // pcscd sees the card a moment after it is plugged
  ASSERT_TRUE(theirs && theirs->has_the_card()) << theirs->said();
  stack.start_keyd();
  KeydClient client(stack.socket());
  std::string trouble;
  for (const auto until = Clock::now() + 60s; Clock::now() < until && trouble.empty();
       std::this_thread::sleep_for(20ms))
    for (const auto& key : client.keys())
      if (key.trouble().id() == "key.reader_busy") trouble = key.trouble().wanted();
  EXPECT_THAT(trouble, HasSubstr(fmt::format("(pid {})", theirs->pid())));
  EXPECT_THAT(trouble, HasSubstr("system_keyd_pool"));
  // A document that waits is told of the rival, not of a key that is missing or busy: also when its time ends just
  // while the card is tried again.
  constexpr unsigned kOrders = 100;
  for (unsigned i = 0; i < kOrders; ++i) {
    keyd::v1::Frame order;
    *order.mutable_sign() = stack.request(0, fmt::format("late-{}", i), 300 + 10 * i);
    order.mutable_sign()->set_request(i + 1);
    ASSERT_TRUE(client.send(order));
  }
  for (unsigned i = 0; i < kOrders; ++i) {
    const auto late = client.receive(60s);
    ASSERT_TRUE(late && late->has_signed_());
    EXPECT_EQ(late->signed_().failure().id(), "key.reader_busy") << late->signed_().request();
    EXPECT_EQ(late->signed_().failure().errc(), "retry_later");
  }
  theirs.reset();
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  const auto request = stack.request(0, "then");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
}

}  // namespace
}  // namespace taxgate::tests

int main(int argc, char** argv) {
  using taxgate::tests::OtherProgram;
  if (argc == 3 && std::string_view(argv[1]) == OtherProgram::kHold) return OtherProgram::main(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
