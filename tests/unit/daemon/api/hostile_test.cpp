// Peers that are slow, greedy or broken: each is cut or refused by a bound, and the others are still served.
#include <random>

#include "daemon/api/http_parser.h"
#include "daemon/api/limits.h"
#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

using std::chrono::milliseconds;

class ApiHostile : public ApiTest {
 protected:
  /// Deadlines short enough to wait for. Other tests keep the daemon's: on a loaded machine even an honest client is
  /// slower than these now and then.
  void soon_cut() {
    settings_.header_deadline = milliseconds(300);
    settings_.body_deadline = milliseconds(400);
    settings_.write_deadline = milliseconds(1000);
  }
  void expect_served() {
    Answer answer;
    for (int attempt = 0; attempt < 20 && answer.status != 200; ++attempt)  // again when it was too slow for soon_cut()
      answer = local().request("GET", "/v1/healthz");
    EXPECT_EQ(answer.status, 200);
  }
};

TEST_F(ApiHostile, ABodyLargerThanTheBoundIsRefusedBeforeItIsSent) {
  start();
  auto client = local();
  ASSERT_TRUE(client.send("POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"));
  const auto answer = client.answer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(code(answer), "api.body_size");
  EXPECT_EQ(parsed(answer).at("left").as_string(), "1048576");
  EXPECT_EQ(answer.headers.at("connection"), "close");
}

TEST_F(ApiHostile, ASenderThatIsRefusedStillSeesTheAnswer) {
  start();
  auto client = tcp();
  ASSERT_TRUE(client.send("POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" +
                          std::string(100'000, 'x')));
  ASSERT_TRUE(client.receive());  // the answer is there, and it keeps sending, as clients do that read only at the end
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.send(std::string(100'000, 'x')));
  EXPECT_EQ(client.answer().status, 413);
}

TEST_F(ApiHostile, AChunkedBodyIsBoundedToo) {
  start();
  auto client = local();
  ASSERT_TRUE(client.send("POST /v1/submissions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int i = 0; i < 20; ++i) client.send(chunk);
  EXPECT_EQ(client.answer().status, 413);
  auto other = local();
  ASSERT_TRUE(
      other.send("POST /v1/submissions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"));
  EXPECT_EQ(other.answer().status, 413);
}

TEST_F(ApiHostile, HeadersAreBoundedInBytesAndInNumber) {
  start();
  const auto status = [this](const std::string& fields) {
    auto client = local();
    client.send("GET /v1/healthz HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
    return client.answer().status;
  };
  EXPECT_EQ(status("Cookie: " + std::string(kMaxHeaderBytes, 'c') + "\r\n"), 431);
  std::string many;
  for (std::size_t i = 0; i <= kMaxHeaderFields; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  EXPECT_EQ(status(many), 431);
  std::string sum;
  for (int i = 0; i < 40; ++i) sum += "X-" + std::to_string(i) + ": " + std::string(250, 'v') + "\r\n";
  EXPECT_EQ(status(sum), 431);
  EXPECT_EQ(status("X: " + std::string(4000, 'v') + "\r\n"), 200);
  auto client = local();
  client.send("GET /" + std::string(kReadBuffer, 'p') + " HTTP/1.1\r\n");
  EXPECT_EQ(client.answer().status, 431);
}

TEST_F(ApiHostile, MalformedRequestsAreRefusedAndClosed) {
  start();
  for (const std::string& bytes : std::vector<std::string>{
           "hello\r\n\r\n", "GET\r\n\r\n", "GET /v1/healthz HTTP/2.0\r\n\r\n", "GET /v1/healthz HTTP/1.1\nHost: x\n\n",
           "POST /v1/holds HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
           "POST /v1/holds HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
           "POST /v1/holds HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
           "POST /v1/holds HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           "POST /v1/holds HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
           "POST /v1/holds HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
           "POST /v1/holds HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
           "GET /v1/healthz HTTP/1.1\r\nBad Name: x\r\n\r\n",
           "POST /v1/submissions HTTP/1.1\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 2\r\n\r\n{}",
           std::string("GET /v1/healthz HTTP/1.1\r\nX: a\0b\r\n\r\n", 36)}) {
    auto client = local();
    client.send(bytes);
    const auto answer = client.answer();
    EXPECT_EQ(answer.status, 400) << bytes;
    if (answer.status == 400) EXPECT_EQ(code(answer), "api.http") << bytes;
    client.half_close();
    EXPECT_TRUE(client.closed()) << bytes;
  }
  expect_served();
}

TEST_F(ApiHostile, ASlowHeaderAndASlowBodyAreCutWithASentence) {
  soon_cut();
  start();
  auto header = local(), body = local();
  const auto begin = std::chrono::steady_clock::now();
  header.send("GET /v1/hea");
  body.send("POST /v1/holds HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  const auto header_answer = header.answer(), body_answer = body.answer();
  EXPECT_EQ(header_answer.status, 408);
  EXPECT_EQ(code(header_answer), "api.slow_request");
  EXPECT_EQ(body_answer.status, 408);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, settings_.header_deadline);
  expect_served();
}

TEST_F(ApiHostile, DrippingBytesDoesNotExtendTheDeadline) {
  soon_cut();
  start();
  auto client = local();
  constexpr int kDrops = 2000;  // twenty seconds, and fewer bytes than a header may have
  int drops = 0;
  client.send("GET /v1/healthz HTTP/1.1\r\nX: ");  // not taken when even this came too late
  while (drops < kDrops && client.received().empty() && client.send("y")) ++drops, client.receive(10);
  EXPECT_EQ(client.answer().status, 408);
  EXPECT_LT(drops, kDrops) << "it was let drip to the end";
}

TEST_F(ApiHostile, AReaderThatTakesNothingIsCutAndOthersAreServed) {
  settings_.write_deadline = milliseconds(1000);  // alone: it must not be cut for a slow header
  start();
  on_io([this] {
    for (int i = 0; i < 500; ++i) gateway_.add_event("submission.state", std::string(20'000, 'd'));
    return 0;
  });
  auto greedy = local();
  greedy.send("GET /v1/events?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n");  // 10 MB it never reads
  ASSERT_TRUE(eventually([this] { return server_->connections() == 1; }));
  expect_served();
  EXPECT_TRUE(eventually([this] { return server_->connections() == 0; }));
}

TEST_F(ApiHostile, AnIdleConnectionIsClosedAtItsDeadline) {
  settings_.idle_deadline = milliseconds(100);
  start();
  auto client = local();
  EXPECT_EQ(client.request("GET", "/v1/healthz").status, 200);
  EXPECT_TRUE(client.closed());
}

TEST_F(ApiHostile, BeyondTheConnectionBoundANewPeerIsTurnedAwayWithASentence) {
  settings_.max_connections = 3;
  start();
  std::vector<TestClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(local());
    EXPECT_EQ(clients.back().request("GET", "/v1/healthz").status, 200);
  }
  auto extra = local();
  const auto answer = extra.answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(code(answer), "api.connections");
  EXPECT_TRUE(answer.headers.contains("retry-after"));
  clients.pop_back();
  ASSERT_TRUE(eventually([this] { return server_->connections() == 2; }));
  EXPECT_EQ(local().request("GET", "/v1/healthz").status, 200);
}

TEST_F(ApiHostile, APeerThatLeavesWhileItWaitsIsForgotten) {
  start();
  {
    auto client = local();
    client.send("GET /v1/events?wait=60 HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(eventually([this] { return gateway_.event_waiters.size() == 1; }));
  }
  EXPECT_TRUE(eventually([this] { return server_->connections() == 0; }));
  on_io([this] { return gateway_.add_event("submission.issued"), 0; });  // the late reply goes nowhere
  expect_served();
}

TEST_F(ApiHostile, RepliesAfterTheServersEndAreDropped) {
  start();
  on_io([this] { return gateway_.silent = true; });
  auto client = local();
  client.send("POST /v1/submissions HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n\r\n{}");
  ASSERT_TRUE(eventually([this] { return gateway_.kept.size() == 1; }));
  on_io([this] {
    server_.reset();
    gateway_.kept.front()(Submitted{});
    gateway_.kept.clear();
    return 0;
  });
  EXPECT_TRUE(client.closed());
}

TEST_F(ApiHostile, RandomBytesNeverStopTheServer) {
  start();
  const auto seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::string good =
      "POST /v1/submissions?x=%41 HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: "
      "15\r\n\r\n{\"seller\":\"S1\"}";
  for (int i = 0; i < 200; ++i) {
    std::string bytes = good + good;
    for (unsigned n = random() % 8; n > 0; --n) {
      const auto at = random() % bytes.size();
      if (random() % 2)
        bytes[at] = static_cast<char>(random());
      else
        bytes.erase(at, random() % 10);
    }
    auto client = local();
    client.send(bytes);
    client.half_close();
    client.closed(100);
  }
  expect_served();
}

TEST(HttpParserSplits, ARequestReadsTheSameWhereverItIsCut) {
  const std::string bytes =
      "POST /v1/submissions?wait=1 HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\nIdempotency-Key: k1\r\nAccept: "
      "c/d\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    HttpParser parser([](Method, std::string_view) { return std::size_t{100}; });
    std::string buffer = bytes.substr(0, cut);
    auto fed = parser.feed(buffer.data(), buffer.size());
    ASSERT_EQ(fed.progress, HttpParser::Progress::need_more) << cut;
    buffer = buffer.substr(fed.consumed) + bytes.substr(cut);
    fed = parser.feed(buffer.data(), buffer.size());
    ASSERT_EQ(fed.progress, HttpParser::Progress::complete) << cut;
    EXPECT_EQ(fed.consumed, buffer.size());
    EXPECT_EQ(parser.request().body, "hello world");
    EXPECT_EQ(parser.request().idempotency_key, "k1");
    EXPECT_EQ(parser.request().accept, "a/b,c/d");
    EXPECT_EQ(parser.request().path, "/v1/submissions");
    EXPECT_EQ(parser.request().query, "wait=1");
    parser.reset();
    EXPECT_FALSE(parser.started());
  }
}

TEST(HttpParserSplits, DamagedEndsOfAChunkedBodyAreTakenByteByByte) {
  // Beast asserts on some of these when it is asked again with fewer than five bytes.
  for (const std::string tail : {"0\r\n{x", "0\r\n\r", "0;a=b\r\nX: y\r\n\r\n", "2\r\n{}\r\n0\r\n{\r\n\r\n",
                                 "2\r\n{}\r\n0\r\n\r\n", "2\r\n{}0\r\n\r\n"}) {
    HttpParser parser([](Method, std::string_view) { return std::size_t{100}; });
    const std::string bytes = "POST /v1/holds HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + tail;
    std::string buffer;
    auto progress = HttpParser::Progress::need_more;
    for (std::size_t i = 0; i < bytes.size() && progress == HttpParser::Progress::need_more; ++i) {
      buffer += bytes[i];
      const auto fed = parser.feed(buffer.data(), buffer.size());
      buffer.erase(0, fed.consumed);
      progress = fed.progress;
    }
    const bool whole = tail.starts_with("2\r\n{}\r\n0\r\n\r\n") || tail.starts_with("0;a=b");
    EXPECT_EQ(progress == HttpParser::Progress::complete, whole) << tail;
  }
}

}  // namespace
}  // namespace taxgate::api
