// Megabytes in both directions over a real TLS connection, and connections that go away under them.
#include "daemon/platform/transport.h"
#include "tests/unit/daemon/platform/fixture.h"

namespace taxgate::platform_test {
namespace {

using platform::HttpAnswer;
using platform::HttpCall;
using platform::PlatformTransport;

class TlsBytes : public PlatformTest {
 protected:
  void TearDown() override {
    transport.reset();
    PlatformTest::TearDown();
  }
  /// version  the newest the server speaks
  void serve_bytes(int version, TlsServer::Script script) {
    SSL_CTX* context = authority().server("127.0.0.1");
    SSL_CTX_set_max_proto_version(context, version);
    server = std::make_unique<TlsServer>(context, std::move(script));
    settings.base_url = server->url();
    settings.answer = milliseconds(120'000);  // megabytes, on a machine that may be busy
    auto made = platform::make_https_transport(io, settings);
    ASSERT_TRUE(made) << made.error().id;
    transport = std::move(*made);
  }
  Result<HttpAnswer> post(std::string body) {
    return run<HttpAnswer>(
        [&](auto done) { transport->post({.target = "/x", .headers = {}, .body = std::move(body)}, done); });
  }
  static std::string bytes(std::size_t size, std::uint32_t seed) {
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>((seed = seed * 1664525U + 1013904223U) >> 24U);
    return out;
  }
  std::unique_ptr<PlatformTransport> transport;
};

// Pieces below, at and above a TLS record; a request larger than what the socket takes at once.
TEST_F(TlsBytes, ComeThroughWholeInWhateverPieces) {
  constexpr std::size_t kTold = 1'000'003;
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    Request seen;
    const auto stop = stop_at_end();
    serve_bytes(version, [&](Peer& peer) {
      while (peer.read(seen)) {
        const std::string answer = http(200, bytes(kTold, 2));
        std::size_t at = 0;
        for (const std::size_t size : {1UL, 300UL, 16'383UL, 16'384UL, 16'385UL, 70'000UL, answer.size()}) {
          peer.write(answer.substr(at, size));
          at = std::min(at + size, answer.size());
        }
      }
    });
    for (const std::size_t asked : {5'000'001UL, 100UL}) {  // the second one on the kept connection
      const auto answer = post(bytes(asked, 1));
      ASSERT_TRUE(answer) << answer.error().id << " " << answer.error().detail;
      EXPECT_TRUE(answer->body == bytes(kTold, 2));
      EXPECT_TRUE(seen.body == bytes(asked, 1));
    }
    EXPECT_EQ(server->connections(), 1);
    transport.reset();
  }
}

// A page is waited for in large portions; the connection stays open behind it, so that a portion larger than what is
// still to come would never be there.
TEST_F(TlsBytes, AreNotWaitedForBeyondWhatIsStillToCome) {
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION})
    for (const std::size_t told : {16'384UL, 1'065'000UL, 3'000'001UL}) {
      const auto stop = stop_at_end();
      serve_bytes(version, [&](Peer& peer) {
        Request r;
        while (peer.read(r)) {
          const std::string answer = http(200, bytes(told, 5));
          constexpr std::size_t kSlow = 20'000;  // of the end, in small records
          const std::size_t fast = answer.size() - std::min(answer.size(), kSlow);
          if (fast != 0) peer.write(answer.substr(0, fast));
          for (std::size_t at = fast; at < answer.size(); at += 500) peer.write(answer.substr(at, 500));
        }
      });
      for (int again = 0; again < 2; ++again) {  // the second one on the kept connection
        const auto answer = post("{}");
        ASSERT_TRUE(answer) << answer.error().id << " " << answer.error().detail;
        EXPECT_TRUE(answer->body == bytes(told, 5));
      }
      EXPECT_EQ(server->connections(), 1);
      transport.reset();
    }
}

TEST_F(TlsBytes, AnAnswerThatIsCutInItsMidstIsCutAlsoWhenTheEndIsReadWithTheLastBytes) {
  for (const bool said : {true, false}) {
    serve_bytes(TLS1_3_VERSION, [&](Peer& peer) {
      Request r;
      if (!peer.read(r)) return;
      const std::string answer = http(200, bytes(1'000'000, 3));
      peer.write(answer.substr(0, 600'000));
      if (said) peer.close();  // else the connection ends without a word of TLS
    });
    const auto answer = post("{}");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id, "platform.answer_cut");
    transport.reset();
  }
}

TEST_F(TlsBytes, AreDroppedQuietlyWhenTheClientGoesWhileTheyCome) {
  const std::string answer = http(200, bytes(2'000'000, 4));
  const auto stop = stop_at_end();
  serve_bytes(TLS1_3_VERSION, [&](Peer& peer) {
    Request r;
    if (!peer.read(r)) return;
    peer.write(answer);
  });
  // At each point where something is ready to run, from the first connection to the midst of the answer.
  for (int turns = 1; turns < 60; turns += 8) {
    bool replied = false;
    transport->post({.target = "/x", .headers = {}, .body = "{}"}, [&](auto) { replied = true; });
    io.restart();
    for (int i = 0; i < turns && !replied; ++i) io.run_one_for(milliseconds(50));
    transport.reset();
    io.restart();
    while (io.poll() != 0) io.restart();
    auto made = platform::make_https_transport(io, settings);
    ASSERT_TRUE(made);
    transport = std::move(*made);
  }
}

}  // namespace
}  // namespace taxgate::platform_test
