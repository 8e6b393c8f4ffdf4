// taxgated's client of the key host against a Fake host on a real socket.
#include <gtest/gtest.h>

#include "tests/unit/daemon/keys/fake_host.h"

namespace taxgate::keys {
namespace {

TEST_F(KeyHostClientTest, SignsAndVerifiesAndKnowsTheKeys) {
  FakeHost fake(socket(), host([this](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
                  send(signed_frame(frame.sign()));
                  return FakeHost::Then::stay;
                }));
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return !keys->keys().empty(); }));
  EXPECT_TRUE(keys->connected());
  EXPECT_EQ(keys->keys()[0].state, "ready");
  const auto wanted = order();
  const auto result = sign(*keys, wanted);
  ASSERT_TRUE(result) << result.error().id;
  EXPECT_EQ(result->bytes, wanted.envelope);
  EXPECT_EQ(result->key_serial, "K1");
  EXPECT_TRUE(verify_envelope(*result, taxpayer));
}

TEST_F(KeyHostClientTest, ThrowsAwayASignatureThatDoesNotVerify) {
  FakeHost fake(socket(), host([this](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
                  auto bad = signed_frame(frame.sign());
                  (*bad.mutable_signed_()->mutable_signature())[40] ^= 1;
                  send(bad);
                  return FakeHost::Then::stay;
                }));
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return keys->connected(); }));
  const auto result = sign(*keys, order());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().id, "key.signature");
  EXPECT_EQ(result.error().code, Errc::corrupt);
}

TEST_F(KeyHostClientTest, ThrowsAwayTheSignatureOfAnotherTaxpayersKey) {
  certificate = authority.issue(key, {.taxpayer = "91990100TGDM0002XX",
                                      .name = "另一企业",
                                      .key_serial = "K2",
                                      .valid_from_ms = 1'700'000'000'000,
                                      .valid_until_ms = 1'900'000'000'000});
  FakeHost fake(socket(), host([this](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
                  send(signed_frame(frame.sign()));
                  return FakeHost::Then::stay;
                }));
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return keys->connected(); }));
  EXPECT_EQ(sign(*keys, order()).error().id, "key.signature");
}

TEST_F(KeyHostClientTest, ALostConnectionIsRetryLaterAndIsTakenUpAgain) {
  std::atomic<bool> cut = true;
  FakeHost fake(socket(), host([&](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
                  if (cut) return FakeHost::Then::hang_up;
                  send(signed_frame(frame.sign()));
                  return FakeHost::Then::stay;
                }));
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  int changes = 0;
  keys->on_change([&] { ++changes; });
  ASSERT_TRUE(run_until([&] { return keys->connected(); }));
  const auto lost = sign(*keys, order());
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::retry_later);
  EXPECT_EQ(lost.error().id, "key.host_absent");
  EXPECT_TRUE(keys->keys().empty());
  cut = false;
  ASSERT_TRUE(run_until([&] { return keys->connected() && !keys->keys().empty(); }));
  EXPECT_TRUE(sign(*keys, order()));
  EXPECT_GE(changes, 2);
  EXPECT_EQ(fake.connections, 2);
}

TEST_F(KeyHostClientTest, WaitsForAHostThatStartsLater) {
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  EXPECT_EQ(sign(*keys, order()).error().id, "key.host_absent");
  FakeHost fake(socket(), host([](const keyd::v1::Frame&, const FakeHost::Send&) { return FakeHost::Then::stay; }));
  EXPECT_TRUE(run_until([&] { return keys->connected(); }));
}

TEST_F(KeyHostClientTest, AnswersByTheDeadlineWhenTheHostIsSilent) {
  FakeHost fake(socket(), host([](const keyd::v1::Frame& frame, const FakeHost::Send&) {
                  EXPECT_GT(frame.sign().deadline_ms(), 0U);
                  EXPECT_LT(frame.sign().deadline_ms(), 300U) << "the host must have the chance to answer first";
                  return FakeHost::Then::stay;
                }));
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return keys->connected(); }));
  const auto result = sign(*keys, order(300));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::retry_later);
  EXPECT_EQ(result.error().id, "key.busy");
}

TEST_F(KeyHostClientTest, AnUnpluggedKeyIsRetryLaterBecauseASignatureMayBeRepeated) {
  for (const auto code : {Errc::device_gone, Errc::outcome_unknown}) {
    FakeHost fake(socket(), host([code](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
                    keyd::v1::Frame refused;
                    refused.mutable_signed_()->set_request(frame.sign().request());
                    *refused.mutable_signed_()->mutable_failure() =
                        keyd::to_failure({code, "key.interrupted", {}, {}, {}, {}});
                    send(refused);
                    return FakeHost::Then::stay;
                  }));
    const auto keys = connect_key_host(io, lane, {.socket = socket()});
    ASSERT_TRUE(run_until([&] { return keys->connected(); }));
    const auto result = sign(*keys, order());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::retry_later);
    EXPECT_EQ(result.error().id, "key.interrupted");
  }
}

TEST_F(KeyHostClientTest, DoesNotSpeakToAHostOfAnotherVersion) {
  FakeHost fake(socket(), [](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
    if (frame.has_hello()) {
      auto other = hello_frame();
      other.mutable_hello()->set_version_min(7);
      other.mutable_hello()->set_version_max(9);
      send(other);
    }
    EXPECT_FALSE(frame.has_sign());
    return FakeHost::Then::stay;
  });
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  run_until([&] { return fake.connections >= 2; });
  EXPECT_FALSE(keys->connected());
}

TEST_F(KeyHostClientTest, ReadsTheHostsLogAndSaysWhenItCannot) {
  Result<LogPage> got;
  bool answered = false;
  const auto read_of = [&](KeyHost& keys, std::int64_t offset) {
    answered = false;
    keys.read_log(offset, [&](Result<LogPage> page) {
      got = std::move(page);
      answered = true;
    });
    ASSERT_TRUE(run_until([&] { return answered; }));
  };
  {
    FakeHost fake(socket(), host([](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
                    if (!frame.has_log()) return FakeHost::Then::stay;
                    keyd::v1::Frame out;
                    auto& reply = *out.mutable_log_lines();
                    reply.set_request(frame.log().request());
                    if (frame.log().offset() == 7) {
                      reply.set_lines("a line\n");
                      reply.set_size(14);
                    } else {
                      *reply.mutable_failure() =
                          keyd::to_failure({Errc::invalid_input, "key.log_offset", {}, {}, {}, {}});
                    }
                    send(out);
                    return FakeHost::Then::stay;
                  }));
    const auto keys = connect_key_host(io, lane, {.socket = socket()});
    ASSERT_TRUE(run_until([&] { return keys->connected(); }));
    read_of(*keys, 7);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->lines, "a line\n");
    EXPECT_EQ(got->size, 14);
    read_of(*keys, 8);
    EXPECT_EQ(got.error().id, "key.log_offset");
  }
  const auto nobody = connect_key_host(io, lane, {.socket = socket()});
  read_of(*nobody, 0);
  EXPECT_EQ(got.error().id, "key.host_absent");
  FakeHost old(socket(), [](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
    EXPECT_FALSE(frame.has_log());
    if (frame.has_hello()) {
      auto hello = hello_frame();
      hello.mutable_hello()->set_version_max(2);
      send(hello);
    }
    return FakeHost::Then::stay;
  });
  const auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return keys->connected(); }));
  read_of(*keys, 0);
  EXPECT_EQ(got.error().id, "keyd.old");
}

TEST_F(KeyHostClientTest, MayBeDestroyedWithOrdersOpen) {
  FakeHost fake(socket(), host([](const keyd::v1::Frame&, const FakeHost::Send&) { return FakeHost::Then::stay; }));
  auto keys = connect_key_host(io, lane, {.socket = socket()});
  ASSERT_TRUE(run_until([&] { return keys->connected(); }));
  bool answered = false;
  keys->sign(order(), [&](Result<SignedEnvelope>) { answered = true; });
  keys.reset();
  io.restart();
  io.run_for(50ms);
  EXPECT_FALSE(answered);
}

TEST(KeydFrames, SurviveAnyCutAndRefuseWhatIsTooLong) {
  keyd::v1::Frame frame;
  frame.mutable_sign()->set_message(std::string(1000, 'm'));
  std::string bytes;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(keyd::append_frame(frame, bytes));
  for (std::size_t step = 1; step < 50; ++step) {
    keyd::FrameCutter cutter;
    int frames = 0;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      cutter.feed(std::string_view(bytes).substr(at, step));
      for (auto next = cutter.next(); next && *next; next = cutter.next()) ++frames;
    }
    EXPECT_EQ(frames, 3) << step;
  }
  keyd::FrameCutter cutter;
  cutter.feed(std::string("\x7f\xff\xff\xff", 4));
  EXPECT_EQ(cutter.next().error().id, "keyd.frame_size");
  keyd::FrameCutter garbage;
  garbage.feed(std::string("\0\0\0\x02\xff\xff", 6));
  EXPECT_EQ(garbage.next().error().id, "keyd.frame");
  frame.mutable_sign()->set_message(std::string(keyd::kMaxFrame, 'm'));
  std::string unchanged;
  EXPECT_EQ(keyd::append_frame(frame, unchanged).error().id, "keyd.frame_size");
  EXPECT_TRUE(unchanged.empty());
}

TEST(KeydFrames, CarryErrorsWithoutLoss) {
  for (const auto code : {Errc::invalid_input, Errc::retry_later, Errc::outcome_unknown, Errc::device_gone,
                          Errc::rejected, Errc::corrupt, Errc::limit_reached}) {
    const Error error{code, "a.b", "f", "w", "l", "d"};
    EXPECT_EQ(keyd::from_failure(keyd::to_failure(error)), error);
  }
  keyd::v1::Failure unknown;
  unknown.set_errc("from_the_future");
  EXPECT_EQ(keyd::from_failure(unknown).code, Errc::retry_later);
}

}  // namespace
}  // namespace taxgate::keys
