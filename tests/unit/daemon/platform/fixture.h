#pragma once
// The platform client against a scripted TLS server: one call at a time, its result in hand.
#include <gmock/gmock.h>
#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <optional>

#include "daemon/core/clock.h"
#include "daemon/platform/platform.h"
#include "tests/unit/daemon/platform/tls_server.h"

namespace taxgate::platform_test {

using platform::make_platform;
using platform::milliseconds;
using platform::PlatformSettings;
using platform::SignedCall;

inline const std::string kTaxpayer = "91310115TGDM00011U";
inline const std::string kKeyText = "0123456789abcdef";  // 16 bytes
inline ByteView key() { return as_bytes(kKeyText); }

/// One authority for the whole program: making keys takes time.
inline const Authority& authority() {
  static const Authority ca("SIMULATED platform CA");
  return ca;
}

inline std::string key_file(const std::string& content = kKeyText, mode_t mode = 0600) {
  static int n = 0;
  const std::string path = authority().directory() + "/key-" + std::to_string(n++);
  std::ofstream(path) << content;
  ::chmod(path.c_str(), mode);
  return path;
}

class PlatformTest : public testing::Test {
 protected:
  PlatformTest() {
    ::signal(SIGPIPE, SIG_IGN);  // the server's side of broken connections
    settings.ca_file = authority().pem_file();
    settings.ability = "202007";
    settings.access_unit = "unit-a";
    settings.signature_header = "X-Envelope";
    settings.connect = milliseconds(20'000);  // longer than any machine takes; tests of a deadline set their own
    settings.answer = milliseconds(20'000);
    settings.calls_per_second = 10'000;  // the budget has tests of its own
    settings.taxpayers = {{kTaxpayer, key_file()}};
  }

  // Before the members of a test's own fixture go, which scripts use.
  void TearDown() override {
    client.reset();
    server.reset();
  }

  void serve(TlsServer::Script script, const std::string& host = "127.0.0.1") {
    server = std::make_unique<TlsServer>(authority().server(host), std::move(script));
    connect_to(server->url());
  }
  void connect_to(const std::string& url) {
    settings.base_url = url;
    auto made = make_platform(io, settings, clock);
    ASSERT_TRUE(made) << made.error().id;
    client = std::move(*made);
  }

  /// A guard to declare after what the script borrows: its threads end before those locals do.
  auto stop_at_end() {
    const auto stop = [this](int*) {
      client.reset();
      server.reset();
    };
    static int any = 0;
    return std::unique_ptr<int, decltype(stop)>(&any, stop);
  }

  /// Runs the loop until the reply is there.
  template <class T, class Start>
  Result<T> run(Start start) {
    std::optional<Result<T>> got;
    start([&](Result<T> r) {
      EXPECT_FALSE(got) << "a reply came twice";
      got = std::move(r);
    });
    io.restart();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!got && std::chrono::steady_clock::now() < end) io.run_one_for(milliseconds(100)), io.restart();
    if (!got) return fail(Errc::corrupt, "test.no_reply");
    return std::move(*got);
  }

  Result<leqi::ApplyReply> apply(const std::string& json = "{\"a\":1}", const SignedEnvelope* evidence = nullptr) {
    return run<leqi::ApplyReply>([&](auto done) { client->apply({kTaxpayer, json, evidence}, std::move(done)); });
  }
  Result<leqi::ListReply> list() {
    leqi::ListRequest request;
    request.taxpayer = kTaxpayer;
    request.from = {1};
    request.to = {2};
    return run<leqi::ListReply>([&](auto done) { client->list(kTaxpayer, request, std::move(done)); });
  }

  static std::string ok_reply() {
    return *leqi::make_reply(
        leqi::apply_reply_json({{"00", "ok"}, "31019926110000000001", "0123456789abcdef0123456789abcdef", "02"}),
        key());
  }
  static std::string ok_list() {
    leqi::ListReply reply;
    reply.outcome = {"00", "ok"};
    return *leqi::make_reply(leqi::list_reply_json(reply), key());
  }

  boost::asio::io_context io;
  ManualClock clock;
  PlatformSettings settings;
  std::unique_ptr<TlsServer> server;
  std::unique_ptr<platform::Platform> client;
};

}  // namespace taxgate::platform_test
