// Every route of /v1 through a real socket: what reaches the gateway and what comes back.
#include <google/protobuf/util/message_differencer.h>

#include "daemon/api/limits.h"
#include "daemon/api/routes.h"
#include "protocol/json_form.h"
#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

class ApiRoutes : public ApiTest {
 protected:
  void SetUp() override { start(); }
  std::string last_call() {
    return on_io([this] { return gateway_.calls.empty() ? std::string("-") : gateway_.calls.back(); });
  }
};

TEST_F(ApiRoutes, ANewSubmissionIsCreatedAndARepeatGivesTheOriginal) {
  auto client = local();
  const auto first = client.request("POST", "/v1/submissions", kMinimal, {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(first.headers.at("location"), "/v1/submissions/id-k1");
  EXPECT_EQ(first.headers.at("taxgate-channel"), "simulator");
  EXPECT_EQ(first.headers.at("content-type"), "application/json");
  EXPECT_EQ(parsed(first).at("state").as_string(), "queued");
  const auto again = client.request("POST", "/v1/submissions", kMinimal, {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(again.status, 200);
  EXPECT_FALSE(again.headers.contains("location"));
  EXPECT_EQ(parsed(again).at("id"), parsed(first).at("id"));
}

TEST_F(ApiRoutes, ADifferentBodyUnderTheSameKeyIsAConflict) {
  auto client = local();
  client.request("POST", "/v1/submissions", kMinimal, {{"Idempotency-Key", "k1"}});
  const auto other = client.request("POST", "/v1/submissions", R"({"seller":"X"})", {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(code(other), "submission.conflict");
}

TEST_F(ApiRoutes, TheKeyMayBeAFieldOrAHeaderButNotTwoDifferentOnes) {
  auto client = local();
  EXPECT_EQ(client.request("POST", "/v1/submissions", R"({"idempotency_key":"f1"})").status, 201);
  EXPECT_EQ(
      client.request("POST", "/v1/submissions", R"({"idempotency_key":"f2"})", {{"Idempotency-Key", "f2"}}).status,
      201);
  const auto both =
      client.request("POST", "/v1/submissions", R"({"idempotency_key":"f3"})", {{"Idempotency-Key", "h3"}});
  EXPECT_EQ(both.status, 400);
  EXPECT_EQ(code(both), "api.both_keys");
}

TEST_F(ApiRoutes, ASubmissionWithoutAKeyIsRefusedByName) {
  auto client = local();
  const auto answer = client.request("POST", "/v1/submissions", kMinimal);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(code(answer), "api.idempotency_key_missing");
  EXPECT_EQ(parsed(answer).at("field").as_string(), "idempotency_key");
  EXPECT_EQ(last_call(), "-");
}

TEST_F(ApiRoutes, AKeyOfBlanksOrOfExcessiveLengthIsRefused) {
  auto client = local();
  for (const std::string& key : {std::string("two words"), std::string(129, 'k'), std::string("schl\xC3\xBCssel")}) {
    const auto answer = client.request("POST", "/v1/submissions", kMinimal, {{"Idempotency-Key", key}});
    EXPECT_EQ(answer.status, 400) << key;
    EXPECT_EQ(code(answer), "api.idempotency_key") << key;
  }
  EXPECT_EQ(client.request("POST", "/v1/submissions", kMinimal, {{"Idempotency-Key", std::string(128, 'k')}}).status,
            201);
}

TEST_F(ApiRoutes, OneSubmissionIsReadWithWaitAndSeen) {
  auto client = local();
  EXPECT_EQ(client.request("GET", "/v1/submissions/abc").status, 200);
  EXPECT_EQ(last_call(), "get:abc");
  EXPECT_EQ(client.request("GET", "/v1/submissions/abc?wait=7&seen=issued").status, 200);
  on_io([this] {
    EXPECT_EQ(gateway_.last_wait_ms, 7000);
    EXPECT_EQ(gateway_.last_seen, "issued");
    return 0;
  });
  EXPECT_EQ(client.request("GET", "/v1/submissions/unknown").status, 404);
}

TEST_F(ApiRoutes, TheSignaturesOfASubmissionCarryTheirEvidenceAsBytes) {
  auto client = local();
  const auto answer = client.request("GET", "/v1/submissions/abc/signatures");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(last_call(), "signatures:abc");
  v1::SignatureList list;
  ASSERT_TRUE(from_json(answer.body, list)) << answer.body;
  ASSERT_EQ(list.signatures_size(), 1);
  EXPECT_EQ(list.signatures(0).envelope(), std::string("a\0\xFF", 3)) << "in base64: JSON has no bytes";
  const auto unknown = client.request("GET", "/v1/submissions/unknown/signatures");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code(unknown), "submission.not_found");
  EXPECT_EQ(client.request("POST", "/v1/submissions/abc/signatures", "{}").status, 405);
}

TEST_F(ApiRoutes, AWaitingReaderIsAnsweredWhenTheStateMoves) {
  auto client = local();
  ASSERT_TRUE(client.send("GET /v1/submissions/abc?wait=60&seen=queued HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(eventually([this] { return gateway_.get_waiters.size() == 1; }));
  on_io([this] {
    v1::Submission s;
    s.set_id("abc");
    s.set_state("issued");
    gateway_.get_waiters.front().second(std::move(s));
    return 0;
  });
  EXPECT_EQ(parsed(client.answer()).at("state").as_string(), "issued");
}

TEST_F(ApiRoutes, ListPassesEveryFilterAndTheCursor) {
  auto client = local();
  const auto answer = client.request("GET",
                                     "/v1/submissions?taxpayer=T1&state=issued&blue_number=26990000000000000001"
                                     "&idempotency_key=a%2Bb&after=n0&limit=7");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(parsed(answer).at("next").as_string(), "n1");
  on_io([this] {
    EXPECT_EQ(gateway_.last_list.taxpayer, "T1");
    EXPECT_EQ(gateway_.last_list.state, "issued");
    EXPECT_EQ(gateway_.last_list.blue_number, "26990000000000000001");
    EXPECT_EQ(gateway_.last_list.idempotency_key, "a+b");
    EXPECT_EQ(gateway_.last_list.after, "n0");
    EXPECT_EQ(gateway_.last_list.limit, 7);
    return 0;
  });
  EXPECT_EQ(client.request("GET", "/v1/submissions?limit=0").status, 400);
  EXPECT_EQ(client.request("GET", "/v1/submissions?limit=501").status, 400);
  EXPECT_EQ(client.request("GET", "/v1/submissions?limit=ten").status, 400);
}

TEST_F(ApiRoutes, EveryActionReachesTheGatewayUnderItsName) {
  auto client = local();
  for (const auto& [route, action] : std::vector<std::pair<std::string, std::string>>{{"cancel", "cancel"},
                                                                                      {"retry", "retry"},
                                                                                      {"resolve", "resolve"},
                                                                                      {"approve", "approve"},
                                                                                      {"deny", "deny_approval"},
                                                                                      {"hold", "hold"},
                                                                                      {"release", "release"}}) {
    const auto answer = client.request("POST", "/v1/submissions/s1/" + route, R"({"reason":"because"})");
    EXPECT_EQ(answer.status, 200) << route;
    EXPECT_EQ(last_call(), "act:" + action + ":s1");
    EXPECT_EQ(on_io([this] { return gateway_.last_action.reason(); }), "because");
  }
}

TEST_F(ApiRoutes, AnActionNeedsNoBody) {
  auto client = local();
  EXPECT_EQ(client.request("POST", "/v1/submissions/s1/retry").status, 200);
  ASSERT_TRUE(client.send("POST /v1/submissions/s1/cancel HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.answer().status, 200);
}

TEST_F(ApiRoutes, InboxAnswersCarryTheFormAndAKeyOfTheirOwn) {
  auto client = local();
  EXPECT_EQ(client.request("GET", "/v1/inbox?taxpayer=T1").status, 200);
  EXPECT_EQ(last_call(), "inbox:T1");
  for (const std::string answer : {"confirm", "deny", "revoke"}) {
    EXPECT_EQ(client.request("POST", "/v1/inbox/u1/" + answer).status, 201);
    EXPECT_EQ(last_call(), "answer:" + answer + ":u1");
    EXPECT_EQ(on_io([this] { return gateway_.last_action.idempotency_key(); }), answer + ":u1");
    EXPECT_EQ(client.request("POST", "/v1/inbox/u1/" + answer).status, 200);  // a repeat finds the first
  }
  EXPECT_EQ(client.request("POST", "/v1/inbox/u1/confirm", {}, {{"Idempotency-Key", "mine"}}).status, 201);
  EXPECT_EQ(on_io([this] { return gateway_.last_action.idempotency_key(); }), "mine");
}

TEST_F(ApiRoutes, EventsComeAfterTheCursor) {
  on_io([this] {
    gateway_.add_event("submission.accepted");
    gateway_.add_event("submission.issued");
    return 0;
  });
  auto client = local();
  const auto answer = client.request("GET", "/v1/events?after=c1&limit=5");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(parsed(answer).at("events").as_array().size(), 1U);
  EXPECT_EQ(parsed(answer).at("events").at(0).at("type").as_string(), "submission.issued");
  EXPECT_EQ(parsed(answer).at("next").as_string(), "c2");
  const auto bad = client.request("GET", "/v1/events?after=bad");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(code(bad), "events.cursor");
}

TEST_F(ApiRoutes, ALongPollIsAnsweredByTheNextEvent) {
  auto client = local();
  ASSERT_TRUE(client.send("GET /v1/events?wait=30&submission=s1 HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(eventually([this] { return gateway_.event_waiters.size() == 1; }));
  on_io([this] {
    EXPECT_EQ(gateway_.last_events.wait_ms, 30'000);
    EXPECT_EQ(gateway_.last_events.submission, "s1");
    gateway_.add_event("submission.signed");
    return 0;
  });
  EXPECT_EQ(parsed(client.answer()).at("events").at(0).at("type").as_string(), "submission.signed");
}

TEST_F(ApiRoutes, InvoicesAreImportedAsOneMessage) {
  auto client = local();
  const auto answer = client.request("POST", "/v1/invoices:import", R"({"invoices":[{"number":"1"},{"number":"2"}]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(parsed(answer).at("added").as_int64(), 2);
  EXPECT_EQ(client.request("POST", "/v1/invoices%3Aimport", R"({"invoices":[{"number":"1"}]})").status, 200);
}

TEST_F(ApiRoutes, InvoicesAreImportedLineByLineAndBadLinesAreListed) {
  auto client = local();
  const auto answer = client.request(
      "POST", "/v1/invoices:import",
      "{\"number\":\"1\"}\n{\"number\":2}\r\n\n{\"number\":\"3\",\"lines\":[{\"tax\":1}]}\n{\"number\":\"4\"}",
      {{"Content-Type", "application/x-ndjson"}});
  EXPECT_EQ(answer.status, 200);
  const auto body = parsed(answer);
  EXPECT_EQ(body.at("added").as_int64(), 2);
  ASSERT_EQ(body.at("refused").as_array().size(), 2U);
  EXPECT_EQ(body.at("refused").at(0).at("field").as_string(), "line 2: number");
  EXPECT_EQ(body.at("refused").at(1).at("field").as_string(), "line 4: lines[0].tax");
  EXPECT_EQ(on_io([this] { return gateway_.last_import.invoices(1).number(); }), "4");
}

TEST_F(ApiRoutes, WhatTheGatewayRefusesOfAnImportIsNamedByItsLineToo) {
  auto client = local();
  const auto answer =
      client.request("POST", "/v1/invoices:import", "{\"number\":2}\n\n{\"number\":\"3\"}\n{\"type\":\"refused\"}\n",
                     {{"Content-Type", "application/x-ndjson"}});
  const auto body = parsed(answer);
  ASSERT_EQ(body.at("refused").as_array().size(), 2U);
  EXPECT_EQ(body.at("refused").at(0).at("field").as_string(), "line 4: seller.id");
  EXPECT_EQ(body.at("refused").at(0).at("message").as_string(), "line 4: seller.id is missing.");
  EXPECT_EQ(body.at("refused").at(1).at("field").as_string(), "line 1: number");
}

TEST_F(ApiRoutes, AnImportMayBeLargerThanOtherBodies) {
  auto client = local();
  std::string lines;
  while (lines.size() < 2 * kMaxBody) lines += "{\"number\":\"" + std::to_string(lines.size()) + "\"}\n";
  EXPECT_EQ(client.request("POST", "/v1/invoices:import", lines, {{"Content-Type", "application/x-ndjson"}}).status,
            200);
}

TEST_F(ApiRoutes, TheReadOnlyRoutesAnswer) {
  auto client = local();
  EXPECT_EQ(parsed(client.request("GET", "/v1/invoices/26990000000000000001")).at("reds").at(0).as_string(),
            "26990000000000000099");
  EXPECT_EQ(parsed(client.request("GET", "/v1/keys")).at("keys").at(0).at("serial").as_string(), "K1");
  EXPECT_EQ(parsed(client.request("GET", "/v1/status")).at("health").as_string(), "well");
  EXPECT_EQ(client.request("GET", "/v1/holds").status, 200);
  EXPECT_EQ(parsed(client.request("GET", "/v1/healthz")).at("status").as_string(), "serving");
  EXPECT_EQ(client.request("GET", "/healthz").status, 200);
}

TEST_F(ApiRoutes, HoldsAreSetAndReleased) {
  auto client = local();
  EXPECT_EQ(client.request("POST", "/v1/holds", R"({"taxpayer":"T1","reason":"operator"})").status, 200);
  EXPECT_EQ(last_call(), "hold:T1:operator");
  EXPECT_EQ(client.request("POST", "/v1/holds/release", R"({"taxpayer":"T1","reason":"operator"})").status, 200);
  EXPECT_EQ(last_call(), "release:T1:operator");
}

TEST_F(ApiRoutes, CallersAreListedAddedAndRemovedByAnAdmin) {
  auto client = local();
  const std::string hash(64, 'a');
  EXPECT_EQ(
      client.request("POST", "/v1/callers", R"({"name":"erp","roles":["submitter"],"token_sha256":")" + hash + "\"}")
          .status,
      200);
  const auto list = client.request("GET", "/v1/callers");
  EXPECT_EQ(parsed(list).at("callers").at(0).at("name").as_string(), "erp");
  EXPECT_EQ(list.body.find(hash), std::string::npos);
  EXPECT_EQ(client.request("DELETE", "/v1/callers/erp").status, 200);
  EXPECT_EQ(on_io([this] { return directory_.removed; }), std::vector<std::string>{"erp"});
  EXPECT_EQ(client.request("DELETE", "/v1/callers/nobody").status, 404);
}

TEST_F(ApiRoutes, ACallerThatIsNotWellFormedIsRefusedWithAllFindings) {
  auto client = local();
  const auto answer =
      client.request("POST", "/v1/callers", R"({"name":"Big Name","roles":["king"],"token_sha256":"x"})");
  EXPECT_EQ(answer.status, 422);
  const auto body = parsed(answer);
  EXPECT_EQ(body.at("code").as_string(), "caller.name");
  EXPECT_EQ(body.at("more").at(0).at("field").as_string(), "roles[0]");
  EXPECT_EQ(body.at("more").at(1).at("code").as_string(), "caller.hash");
  EXPECT_EQ(code(client.request("POST", "/v1/callers", R"({"name":"erp","roles":[]})")), "caller.credential");
  EXPECT_TRUE(on_io([this] { return directory_.put.empty(); }));
}

TEST_F(ApiRoutes, TheProtobufFormEqualsTheJsonForm) {
  auto client = local();
  v1::SubmissionRequest request;
  ASSERT_TRUE(from_json(
      R"({"idempotency_key":"p1","seller":"S","lines":[{"blue_line":1,"quantity":"1.5"}],"context":{"order":"O"}})",
      request));
  const auto by_json = client.request("POST", "/v1/submissions", to_json(request));
  const auto seen_json = on_io([this] { return gateway_.last_request.SerializeAsString(); });
  const auto by_protobuf =
      client.request("POST", "/v1/submissions", request.SerializeAsString(),
                     {{"Content-Type", "application/x-protobuf"}, {"Accept", "application/x-protobuf"}});
  EXPECT_EQ(on_io([this] { return gateway_.last_request.SerializeAsString(); }), seen_json);
  EXPECT_EQ(by_json.status, 201);
  EXPECT_EQ(by_protobuf.status, 200);  // the same request
  EXPECT_EQ(by_protobuf.headers.at("content-type"), "application/x-protobuf");
  v1::Submission a, b;
  ASSERT_TRUE(from_json(by_json.body, a));
  ASSERT_TRUE(b.ParseFromString(by_protobuf.body));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(a, b));
}

TEST_F(ApiRoutes, ErrorsComeInTheFormThatWasAskedFor) {
  auto client = local();
  const auto answer = client.request("GET", "/v1/submissions/unknown", {}, {{"Accept", "application/x-protobuf"}});
  v1::ErrorBody error;
  ASSERT_TRUE(error.ParseFromString(answer.body));
  EXPECT_EQ(error.code(), "submission.not_found");
}

TEST_F(ApiRoutes, PipelinedRequestsAreAnsweredInOrder) {
  auto client = local();
  std::string many;
  for (int i = 0; i < 50; ++i) many += "GET /v1/submissions/s" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_TRUE(client.send(many));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(parsed(client.answer()).at("id").as_string(), "s" + std::to_string(i));
}

TEST_F(ApiRoutes, AChunkedBodyAndExpectContinueAreUnderstood) {
  auto client = local();
  ASSERT_TRUE(client.send(
      "POST /v1/submissions HTTP/1.1\r\nHost: x\r\nIdempotency-Key: c1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "9\r\n{\"seller\"\r\n6;x=y\r\n:\"S1\"}\r\n0\r\n\r\n"));
  EXPECT_EQ(client.answer().status, 201);
  EXPECT_EQ(on_io([this] { return gateway_.last_request.seller(); }), "S1");
  ASSERT_TRUE(
      client.send("POST /v1/submissions HTTP/1.1\r\nHost: x\r\nIdempotency-Key: c2\r\nContent-Length: 15\r\nExpect: "
                  "100-continue\r\n\r\n"));
  EXPECT_EQ(client.answer().status, 100);
  ASSERT_TRUE(client.send("{\"seller\":\"S2\"}"));
  EXPECT_EQ(client.answer().status, 201);
}

TEST_F(ApiRoutes, FieldsAfterAChunkedBodyMeanNothing) {
  auto client = local();
  ASSERT_TRUE(
      client.send("POST /v1/submissions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\n{}\r\n0\r\nIdempotency-Key: late\r\n\r\n"));
  EXPECT_EQ(code(client.answer()), "api.idempotency_key_missing");
}

TEST_F(ApiRoutes, ConnectionCloseAndHttp10EndAfterTheAnswer) {
  auto client = local();
  ASSERT_TRUE(client.send("GET /v1/healthz HTTP/1.0\r\n\r\n"));
  const auto answer = client.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(client.closed());
}

TEST_F(ApiRoutes, TheFloorIsServedOnlyWhereTheBenchAsksForIt) {
  auto client = local();
  EXPECT_EQ(client.request("POST", "/bench/floor", kMinimal).status, 404);
  stop();
  settings_.floor = true;
  start();
  auto bench = local();
  EXPECT_EQ(bench.request("POST", "/bench/floor", kMinimal).status, 201);
}

}  // namespace
}  // namespace taxgate::api
