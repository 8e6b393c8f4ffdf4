#pragma once
// A Fake key host on a real socket, and a client's world around it: a taxpayer with a certified key, io thread and
// lane.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "daemon/keys/key_host_client.h"
#include "protocol/identifiers.h"
#include "protocol/keyd_frame.h"
#include "simulator/device/key_authority.h"

namespace taxgate::keys {

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
    end();
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  /// Hangs up and serves nobody any more.
  void end() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
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
    frame.mutable_hello()->set_version_max(keyd::kVersionMax);
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
  /// Greets, lists one ready key, and leaves sign orders and questions for the log to `sign`.
  FakeHost::Answer host(FakeHost::Answer sign) {
    return [sign = std::move(sign)](const keyd::v1::Frame& frame, const FakeHost::Send& send) {
      if (frame.has_hello()) send(hello_frame());
      if (frame.has_list_keys()) send(keys_frame(frame, "ready"));
      return frame.has_sign() || frame.has_log() ? sign(frame, send) : FakeHost::Then::stay;
    };
  }

  /// Runs the io thread until `done` or thirty seconds.
  bool run_until(const std::function<bool()>& done) {
    for (const auto until = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < until;) {
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
  asio::io_context io;
  Lane lane;  // ends before io: what it verified it hands to io
};

}  // namespace taxgate::keys
