// A PIN is never tried twice by itself and the last try is never spent: on the real stack, with the host killed again
// and again.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;

TEST(PinOnTheRealStack, AWrongPinCostsOneTryHoweverOftenTheHostIsKilledAndRestarted) {
  KeydStack stack({});
  stack.write_pin(0, "000000");
  for (int round = 0; round < 10; ++round) {
    stack.start_keyd();
    ASSERT_TRUE(stack.wait_state(0, "pin_wrong")) << "round " << round;
    stack.kill_keyd();
  }
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 1U);
  EXPECT_EQ(stack.key(0).user_pin().tries_left, 9U);

  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "pin_wrong"));
  KeydClient client(stack.socket());
  const auto refused = client.sign(stack.request(0, "wrong-pin"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->failure().id(), "key.pin_wrong");
  EXPECT_EQ(refused->failure().errc(), "rejected");
  EXPECT_EQ(refused->failure().left(), "9");

  // The reader is free for the key's own program meanwhile.
  EXPECT_TRUE(stack.wait_children("--worker", 0));

  // Corrected: noticed by itself, without a restart.
  stack.write_pin(0, KeydStack::kPin);
  ASSERT_TRUE(stack.wait_state(0, "ready"));
  const auto request = stack.request(0, "right-pin");
  const auto reply = client.sign(request);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(stack.verifies(request, *reply)) << reply->failure().id();
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 2U);
  EXPECT_EQ(stack.key(0).user_pin().tries_left, 10U);
}

TEST(PinOnTheRealStack, AWrongPinCostsOneTryWhenTheHostIsKilledAtAnyMoment) {
  KeydStack stack({});
  stack.write_pin(0, "000000");
  // Kills spread over the time from start to answer, VerifyPIN in the middle of it.
  int kills = 0;
  for (auto after = 0ms; after < 120ms; after += 4ms, ++kills) {
    stack.start_keyd_unchecked();
    std::this_thread::sleep_for(after);
    stack.kill_keyd();
  }
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "pin_wrong"));
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 1U);
  EXPECT_EQ(stack.key(0).user_pin().tries_left, 9U);
  fmt::print("{} kills, {} attempt\n", kills, stack.key(0).counters().verify_attempts);
}

TEST(PinOnTheRealStack, ARightPinSurvivesKillsAtAnyMoment) {
  KeydStack stack({});
  for (auto after = 0ms; after < 120ms; after += 4ms) {
    stack.start_keyd_unchecked();
    std::this_thread::sleep_for(after);
    stack.kill_keyd();
  }
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "ready")) << "a kill locked a good key out";
  EXPECT_EQ(stack.key(0).counters().verify_failures, 0U);
}

TEST(PinOnTheRealStack, TheLastTryIsNeverSpent) {
  KeydStack stack({.keys = 2});
  ASSERT_TRUE(stack.key(0).set_tries_left(1));
  ASSERT_TRUE(stack.key(1).set_tries_left(0));
  stack.start_keyd();
  EXPECT_TRUE(stack.wait_state(0, "pin_last_try"));
  EXPECT_TRUE(stack.wait_state(1, "locked"));
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 0U) << "even the right PIN must not be presented as the last try";
  EXPECT_EQ(stack.key(1).counters().verify_attempts, 0U);
  KeydClient client(stack.socket());
  const auto refused = client.sign(stack.request(0, "last-try"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->failure().id(), "key.pin_last_try");
  const auto locked = client.sign(stack.request(1, "locked"));
  ASSERT_TRUE(locked);
  EXPECT_EQ(locked->failure().id(), "key.locked");
}

TEST(PinOnTheRealStack, EachWrongFileCostsOneTryAndTheCountStopsBeforeTheLast) {
  KeydStack stack({.max_tries = 3});
  stack.write_pin(0, "000000");
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "pin_wrong"));
  stack.write_pin(0, "111111");
  for (const auto until = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < until;
       std::this_thread::sleep_for(5ms))
    if (stack.key(0).counters().verify_attempts == 2) break;
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 2U);
  stack.write_pin(0, "222222");
  EXPECT_TRUE(stack.wait_state(0, "pin_last_try"));
  EXPECT_EQ(stack.key(0).user_pin().tries_left, 1U);
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 2U);
}

TEST(PinOnTheRealStack, ATakenAwayAnswerToAWrongPinIsNotAskedForAgain) {
  KeydStack stack({});
  stack.write_pin(0, "000000");
  // The card counts the try, then is pulled before a byte of its answer leaves; it comes back by itself.
  stack.card(0).add_fault({.kind = simulator::CardFault::Kind::unplug,
                           .ins = 0x18,
                           .direction = simulator::CardFault::Direction::response,
                           .at_byte = 0,
                           .replug_ms = 600});
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "pin_wrong"));
  EXPECT_EQ(stack.key(0).counters().verify_attempts, 1U);
  EXPECT_EQ(stack.key(0).user_pin().tries_left, 9U);
}

TEST(PinOnTheRealStack, ThePinIsInNoLogNoArgumentAndNoEnvironment) {
  KeydStack stack({});
  const std::string pin = "7391846205";
  stack.write_pin(0, pin);  // wrong, so that every error path with it is taken
  stack.start_keyd();
  ASSERT_TRUE(stack.wait_state(0, "pin_wrong"));
  auto pids = stack.children("");
  pids.push_back(stack.keyd_pid());
  for (const pid_t pid : pids)
    for (const char* what : {"cmdline", "environ"})
      EXPECT_FALSE(stack.contains(fmt::format("/proc/{}/{}", pid, what), pin)) << what;
  EXPECT_EQ(stack.keyd_log().find(pin), std::string::npos);
  EXPECT_FALSE(stack.contains_anywhere(stack.state(), pin));
}

}  // namespace
}  // namespace taxgate::tests
