// Server-sent events: cursors, resuming, slow readers.
#include "daemon/api/limits.h"
#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

class ApiStream : public ApiTest {
 protected:
  ApiStream() {
    settings_.stream_wait_ms = 50;
    settings_.write_deadline = std::chrono::milliseconds(300);
  }
  void add(int n, const std::string& detail = {}) {
    on_io([&] {
      for (int i = 0; i < n; ++i) gateway_.add_event("submission.signed", detail);
      return 0;
    });
  }
  TestClient subscribed(const std::string& query = {}, const std::string& header = {}) {
    auto client = local();
    client.send("GET /v1/events" + query + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n" + header + "\r\n");
    return client;
  }
};

TEST_F(ApiStream, SendsWhatThereIsAndThenWhatHappens) {
  start();
  add(2);
  auto client = subscribed();
  ASSERT_TRUE(client.wait_for("id: c2\nevent: submission.signed\ndata: {\"cursor\":\"c2\",\"id\":\"2\""));
  EXPECT_NE(client.received().find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_NE(client.received().find("Taxgate-Channel: simulator"), std::string::npos);
  add(1);
  ASSERT_TRUE(client.wait_for("id: c3\n"));
  EXPECT_EQ(client.received().find("id: c1\n"), client.received().rfind("id: c1\n"));  // each once
}

TEST_F(ApiStream, ResumesAfterTheLastEventIdOrTheCursor) {
  start();
  add(5);
  auto by_header = subscribed("?after=c1", "Last-Event-ID: c3\r\n");
  ASSERT_TRUE(by_header.wait_for("id: c5\n"));
  EXPECT_EQ(by_header.received().find("id: c3\n"), std::string::npos);
  EXPECT_NE(by_header.received().find("id: c4\n"), std::string::npos);
  auto by_query = subscribed("?after=c4");
  ASSERT_TRUE(by_query.wait_for("id: c5\n"));
  EXPECT_EQ(by_query.received().find("id: c4\n"), std::string::npos);
}

TEST_F(ApiStream, ABadCursorIsAnOrdinaryError) {
  start();
  auto client = subscribed("?after=bad");
  const auto answer = client.answer();
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(code(answer), "events.cursor");
}

TEST_F(ApiStream, AQuietStreamCarriesCommentsSoThatBothEndsKnow) {
  start();
  auto client = subscribed();
  ASSERT_TRUE(client.wait_for(":\n\n"));
  // The fake leaves the waiting call open; its answer without events is what a quiet journal gives.
  ASSERT_TRUE(eventually([this] { return gateway_.event_waiters.size() == 1; }));
  on_io([this] {
    EXPECT_EQ(gateway_.event_waiters.front().first.wait_ms, 50);
    auto waiters = std::exchange(gateway_.event_waiters, {});
    v1::EventList none;
    none.set_next("c0");
    waiters.front().second(std::move(none));
    return 0;
  });
  ASSERT_TRUE(client.wait_for(":\n\n:\n\n"));
}

TEST_F(ApiStream, ASlowReaderIsCutHoldsOneBatchAndDelaysNoOther) {
  start();
  add(3000, std::string(5000, 'd'));  // 15 MB
  auto slow = subscribed("?limit=1000");
  auto quick = subscribed("?after=c2999&limit=1000");
  ASSERT_TRUE(quick.wait_for("id: c3000\n"));
  ASSERT_TRUE(eventually([this] { return server_->connections() == 1; }));  // the slow one is gone
  const auto pulled = on_io([this] { return std::ranges::count(gateway_.calls, "events"); });
  EXPECT_LT(pulled, 10);  // it was not read ahead for
  EXPECT_EQ(on_io([this] { return gateway_.last_events.limit; }), kStreamBatch);
  add(1);
  EXPECT_TRUE(quick.wait_for("id: c3001\n"));
}

TEST_F(ApiStream, ACallerThatIsRemovedLosesItsStream) {
  start();
  const std::string token = "a-token-of-some-length";
  on_io([&] { return directory_.tokens[sha256_hex(token)] = Caller{"erp", {"auditor"}, {}}; });
  auto client = tcp();
  client.send("GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer " + token +
              "\r\n\r\n");
  ASSERT_TRUE(client.wait_for(":\n\n"));
  ASSERT_TRUE(eventually([this] { return gateway_.event_waiters.size() == 1; }));
  on_io([this] { return directory_.tokens.clear(), 0; });
  add(1);
  EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace taxgate::api
