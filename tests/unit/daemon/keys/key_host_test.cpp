// taxgated's client of the key host against a Fake host on a real socket.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "daemon/keys/key_host_client.h"
#include "protocol/identifiers.h"
#include "protocol/keyd_frame.h"
#include "simulator/device/key_authority.h"

namespace taxgate::keys {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// Speaks keyd's side of the socket from a script: each frame that comes in goes to `answer`, which may answer or hang
/// up.
class FakeHost {
 public:
  enum class Then { stay, hang_up };
  using Send = std::function<void(const keyd::v1::Frame&)>;
  using Answer = std::function<Then(const keyd::v1::Frame&, const Send&)>;

  FakeHost(std::string path, Answer answer) : path_(std::move(path)), answer_(std::move(answer)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(path_.c_str());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~FakeHost() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  std::atomic<int> connections = 0;

 private:
  static bool readable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 10) > 0;
  }
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!readable(listener_)) continue;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      ++connections;
      serve(fd, stop);
      ::close(fd);
    }
  }
  void serve(int fd, const std::stop_token& stop) {
    keyd::FrameCutter cutter;
    const Send send = [fd](const keyd::v1::Frame& frame) {
      std::string bytes;
      ASSERT_TRUE(keyd::append_frame(frame, bytes));
      (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    };
    while (!stop.stop_requested()) {
      if (!readable(fd)) continue;
      char buffer[4096];
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      cutter.feed({buffer, static_cast<std::size_t>(n)});
      while (auto frame = cutter.next().value_or(std::nullopt))
        if (answer_(*frame, send) == Then::hang_up) return;
    }
  }

  std::string path_;
  Answer answer_;
  int listener_ = -1;
  std::jthread thread_;
};

class KeyHostClientTest : public ::testing::Test {
 protected:
  KeyHostClientTest()
      : authority(simulator::KeyAuthority::create("key CA", 1'793'000'000'000)),
        key(simulator::Sm2Key::generate()),
        lane("verify") {
    directory = (std::filesystem::temp_directory_path() / "taxgate-keys-XXXXXX").string();
    if (!::mkdtemp(directory.data())) std::abort();
    taxpayer = "91990100TGDM0001";
    taxpayer += organisation_check(taxpayer.substr(8, 8));
    taxpayer += credit_code_check(taxpayer);
    certificate = authority.issue(key, {.taxpayer = taxpayer,
                                        .name = "模拟企业",
                                        .key_serial = "K1",
                                        .valid_from_ms = 1'700'000'000'000,
                                        .valid_until_ms = 1'900'000'000'000});
  }
  ~KeyHostClientTest() override { std::filesystem::remove_all(directory); }

  std::string socket() const { return directory + "/s"; }

  SignOrder order(int deadline_ms = 0) const {
    const auto envelope = make_envelope(
        {.channel = "simulator", .taxpayer = taxpayer, .purpose = "apply", .request_id = "r1"}, as_bytes("{}"));
    return {.request_id = "r1",
            .taxpayer = taxpayer,
            .purpose = "apply",
            .envelope = *envelope,
            .deadline_ms = deadline_ms};
  }
  /// What a good keyd answers.
  keyd::v1::Frame signed_frame(const keyd::v1::SignRequest& request) const {
    const auto facts = read_certificate(certificate);
    const auto signature = key.sign(sm2_e(kDefaultSignerId, facts->key, as_bytes(request.message())));
    keyd::v1::Frame frame;
    auto* reply = frame.mutable_signed_();
    reply->set_request(request.request());
    reply->set_signature(signature.data(), signature.size());
    reply->set_certificate(certificate.data(), certificate.size());
    reply->set_signer_id(std::string(kDefaultSignerId));
    reply->set_key_serial("K1");
    return frame;
  }
  static keyd::v1::Frame hello_frame() {
    keyd::v1::Frame frame;
    frame.mutable_hello()->set_version_min(1);
    frame.mutable_hello()->set_version_max(1);
    return frame;
  }
  static keyd::v1::Frame keys_frame(const keyd::v1::Frame& asked, const std::string& state) {
    keyd::v1::Frame frame;
    frame.mutable_keys()->set_request(asked.list_keys().request());
    auto* one = frame.mutable_keys()->add_keys();
    one->set_serial("K1");
    one->set_state(state);
    one->set_pin_tries_left(-1);
    return frame;
  }
  /// Greets, lists one ready key, and leaves sign orders to `sign`.
  FakeHost::Answer host(FakeHost::Answer sign) {
    return [sign = std::move(sign)](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
      if (frame.has_hello()) send(hello_frame());
      if (frame.has_list_keys()) send(keys_frame(frame, "ready"));
      return frame.has_sign() ? sign(frame, send) : FakeHost::Then::stay;
    };
  }

  /// Runs the io thread until `done` or ten seconds.
  bool run_until(const std::function<bool()>& done) {
    for (const auto until = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < until;) {
      if (done()) return true;
      io.restart();
      io.run_for(5ms);
    }
    return done();
  }
  Result<SignedEnvelope> sign(KeyHost& keys, SignOrder wanted) {
    std::optional<Result<SignedEnvelope>> answer;
    keys.sign(std::move(wanted), [&](Result<SignedEnvelope> result) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(result);
    });
    EXPECT_FALSE(answer) << "answered from inside the call";
    run_until([&] { return answer.has_value(); });
    return answer.value_or(fail(Errc::corrupt, "no.answer"));
  }

  std::string directory, taxpayer;
  simulator::KeyAuthority authority;
  simulator::Sm2Key key;
  Bytes certificate;
  Lane lane;
  asio::io_context io;
};

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
