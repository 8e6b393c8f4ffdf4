// The pool: how many orders the key host gets at a time, whose they are, and what the client asks of it besides.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "tests/unit/daemon/keys/fake_host.h"

namespace taxgate::keys {
namespace {

/// Keeps every order until the test answers it; lists `ready` keys of the taxpayer, each with another count every time.
class KeyPool : public KeyHostClientTest {
 protected:
  FakeHost::Answer keeping() {
    return [this](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
      const std::scoped_lock lock(mutex_);
      send_ = send;
      if (frame.has_hello()) {
        auto hello = hello_frame();
        hello.mutable_hello()->set_version_max(version);
        send(hello);
      }
      if (frame.has_list_keys()) send(list(frame.list_keys().request()));
      if (frame.has_sign()) orders_.push_back(frame.sign());
      if (frame.has_lease()) send(lent(frame.lease()));
      return FakeHost::Then::stay;
    };
  }
  std::size_t at_host() {
    const std::scoped_lock lock(mutex_);
    return orders_.size();
  }
  std::vector<keyd::v1::SignRequest> orders() {
    const std::scoped_lock lock(mutex_);
    return orders_;
  }
  void sign_from(std::size_t first) {
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = first; i < orders_.size(); ++i) send_(signed_frame(orders_[i]));
  }
  void tell_that_keys_changed() {
    const std::scoped_lock lock(mutex_);
    keyd::v1::Frame event;
    event.mutable_key_event()->set_what("ready");
    send_(event);
  }
  SignOrder numbered(int number, std::vector<std::string> serials = {}) {
    auto wanted = order(9000);
    wanted.request_id = "r" + std::to_string(number);
    wanted.serials = std::move(serials);
    return wanted;
  }
  void submit(KeyHost& keys, int orders) {
    for (int i = 0; i < orders; ++i)
      keys.sign(numbered(i), [this](Result<SignedEnvelope> result) { result ? ++signed_ : ++failed_; });
  }
  /// That something does not happen can only be waited for.
  void let_run() {
    io.restart();
    io.run_for(60ms);
  }

  std::atomic<int> ready = 1;
  std::uint32_t version = keyd::kVersionMax;
  int signed_ = 0, failed_ = 0;

 private:
  keyd::v1::Frame list(std::uint64_t request) {
    keyd::v1::Frame frame;
    frame.mutable_keys()->set_request(request);
    ++listed_;
    for (int i = 0; i < 4; ++i) {
      auto& one = *frame.mutable_keys()->add_keys();
      one.set_serial("K" + std::to_string(i + 1));
      one.set_taxpayer(taxpayer);
      one.set_state(i < ready ? "ready" : "resting");
      one.set_signed_count(listed_);
    }
    return frame;
  }
  static keyd::v1::Frame lent(const keyd::v1::LeaseRequest& request) {
    keyd::v1::Frame frame;
    frame.mutable_leased()->set_request(request.request());
    if (request.serial() == "K9") {
      *frame.mutable_leased()->mutable_failure() =
          keyd::to_failure({Errc::invalid_input, "key.not_found", {}, "K9", {}, {}});
      return frame;
    }
    auto& key = *frame.mutable_leased()->mutable_key();
    key.set_serial(request.serial());
    key.set_state(request.seconds() > 0 ? "leased" : "opening");
    key.set_lease_holder(request.holder());
    return frame;
  }

  std::mutex mutex_;
  FakeHost::Send send_;
  std::vector<keyd::v1::SignRequest> orders_;
  std::uint64_t listed_ = 0;
};

TEST_F(KeyPool, TheHostGetsThreeOrdersForEachReadyKeyAndTheRestInOrderOfArrival) {
  for (const int keys_ready : {1, 2, 4}) {
    ready = keys_ready;
    FakeHost fake(socket(), keeping());
    const auto keys = connect_key_host(io, lane, {.socket = socket()});
    ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
    const std::size_t before = at_host(), room = static_cast<std::size_t>(keys_ready) * 3;
    signed_ = 0;
    submit(*keys, 20);
    ASSERT_TRUE(run_until([&] { return at_host() - before == room; }));
    let_run();
    EXPECT_EQ(at_host() - before, room) << keys_ready << " keys";
    for (std::size_t answered = before; signed_ < 20;) {
      const std::size_t there = at_host();
      sign_from(answered);
      answered = there;
      const auto want = std::min<std::size_t>(20, there - before + room);
      ASSERT_TRUE(run_until([&] { return at_host() - before == want && signed_ >= static_cast<int>(there - before); }));
    }
    const auto all = orders();
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(all[before + i].request_id(), "r" + std::to_string(i));
    EXPECT_EQ(failed_, 0);
  }
}

TEST_F(KeyPool, AnOrderThatWaitedHasItsWholeDeadlineAtTheHost) {
  FakeHost fake(socket(), keeping());
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  submit(*keys, 4);
  ASSERT_TRUE(run_until([&] { return at_host() == 3; }));
  let_run();
  sign_from(0);
  ASSERT_TRUE(run_until([&] { return at_host() == 4; }));
  EXPECT_EQ(orders()[3].deadline_ms(), orders()[0].deadline_ms());
}

TEST_F(KeyPool, AKeyThatBecomesReadyIsGivenWorkAtOnce) {
  FakeHost fake(socket(), keeping());
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  submit(*keys, 20);
  ASSERT_TRUE(run_until([&] { return at_host() == 3; }));
  ready = 2;
  tell_that_keys_changed();
  EXPECT_TRUE(run_until([&] { return at_host() == 6; }));
}

TEST_F(KeyPool, OneTaxpayersBacklogIsNotInTheWayOfAnothers) {
  FakeHost fake(socket(), keeping());
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  submit(*keys, 20);
  auto other = numbered(77);
  other.taxpayer = "another";
  keys->sign(std::move(other), [](Result<SignedEnvelope>) {});
  EXPECT_TRUE(run_until([&] {
    const auto all = orders();
    return std::ranges::any_of(all, [](const auto& one) { return one.taxpayer() == "another"; });
  }));
  EXPECT_EQ(at_host(), 4U);
}

TEST_F(KeyPool, WorkOfOneDeviceWaitsForItsOwnKeysAndNamesThem) {
  ready = 2;  // K1 and K2
  FakeHost fake(socket(), keeping());
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  for (int i = 0; i < 10; ++i) keys->sign(numbered(i, {"K2", "K3"}), [](Result<SignedEnvelope>) {});
  ASSERT_TRUE(run_until([&] { return at_host() == 3; }));
  for (int i = 10; i < 20; ++i) keys->sign(numbered(i, {"K4"}), [](Result<SignedEnvelope>) {});
  ASSERT_TRUE(run_until([&] { return at_host() == 4; })) << "the host is asked why none of its keys signs";
  let_run();
  const auto all = orders();
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(std::vector<std::string>(all[0].serials().begin(), all[0].serials().end()),
            (std::vector<std::string>{"K2", "K3"}));
  EXPECT_EQ(all[3].serials(0), "K4");
}

TEST_F(KeyPool, AHostThatIsTooOldToHeedItIsGivenNoWorkOfOneDeviceAndLendsNothing) {
  version = 1;
  FakeHost fake(socket(), keeping());
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  const auto refused = sign(*keys, numbered(0, {"K1"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "keyd.old");
  EXPECT_EQ(refused.error().code, Errc::retry_later);
  std::optional<Result<KeyFacts>> lent;
  keys->lease({.serial = "K1", .holder = "h", .reason = "r", .seconds = 60}, [&](auto result) { lent = result; });
  ASSERT_TRUE(run_until([&] { return lent.has_value(); }));
  EXPECT_EQ(lent->error().id, "keyd.old");
  EXPECT_EQ(at_host(), 0U);
}

TEST_F(KeyPool, AHostThatGoesAnswersWhatWaitsToo) {
  {
    FakeHost fake(socket(), keeping());
    const auto keys = connect_key_host(io, lane, {.socket = socket()});
    ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
    submit(*keys, 20);
    ASSERT_TRUE(run_until([&] { return at_host() == 3; }));
    sign_from(0);
    ASSERT_TRUE(run_until([&] { return signed_ == 3 && at_host() == 6; }));
    fake.end();
    EXPECT_TRUE(run_until([&] { return failed_ == 17; }));
  }
  EXPECT_EQ(signed_, 3);
}

TEST_F(KeyPool, KeysAreAskedForWhenTheyAreReadSoThatTheirCountsAreRight) {
  FakeHost fake(socket(), keeping());
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  const auto before = keys->keys()[0].signed_count;
  int changes = 0;
  keys->on_change([&] { ++changes; });
  std::vector<KeyFacts> now;
  keys->ask_keys([&](std::vector<KeyFacts> list) { now = std::move(list); });
  EXPECT_TRUE(now.empty()) << "answered from inside the call";
  ASSERT_TRUE(run_until([&] { return !now.empty(); }));
  EXPECT_EQ(now[0].signed_count, before + 1);
  EXPECT_EQ(keys->keys()[0].signed_count, before + 1);
  EXPECT_EQ(changes, 0) << "a look is no change";
}

TEST_F(KeyPool, WithoutAHostTheKeysAreNone) {
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  std::optional<std::vector<KeyFacts>> now;
  keys->ask_keys([&](std::vector<KeyFacts> list) { now = std::move(list); });
  ASSERT_TRUE(run_until([&] { return now.has_value(); }));
  EXPECT_TRUE(now->empty());
}

TEST_F(KeyPool, LendsAKeyAndCarriesTheHostsRefusal) {
  FakeHost fake(socket(), keeping());
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  std::optional<Result<KeyFacts>> answer;
  const auto lend = [&](std::string serial, std::uint32_t seconds) {
    answer.reset();
    keys->lease({.serial = std::move(serial), .holder = "local:root", .reason = "r", .seconds = seconds},
                [&](auto result) { answer = std::move(result); });
    return run_until([&] { return answer.has_value(); });
  };
  ASSERT_TRUE(lend("K1", 60));
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->state, "leased");
  EXPECT_EQ((*answer)->lease_holder, "local:root");
  ASSERT_TRUE(lend("K9", 60));
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().id, "key.not_found");
}

}  // namespace
}  // namespace taxgate::keys
