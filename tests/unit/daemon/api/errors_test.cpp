// Every class of error as a status and a body, and the refusals of form.
#include "daemon/api/answers.h"
#include "daemon/api/limits.h"
#include "daemon/api/query.h"
#include "protocol/messages.h"
#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

class ApiErrors : public ApiTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(ApiErrors, EveryClassOfErrorHasItsStatus) {
  struct Row {
    Errc code;
    std::string id;
    int status;
  };
  auto client = local();
  for (const Row& row : std::vector<Row>{{Errc::invalid_input, "R2.tax_cap", 422},
                                         {Errc::invalid_input, "id.taxpayer_check", 422},
                                         {Errc::invalid_input, "submission.conflict", 409},
                                         {Errc::invalid_input, "submission.not_found", 404},
                                         {Errc::invalid_input, "store.transition", 409},
                                         {Errc::invalid_input, "events.cursor", 400},
                                         {Errc::invalid_input, "caller.taxpayer", 403},
                                         {Errc::retry_later, "platform.refused", 503},
                                         {Errc::retry_later, "store.stale", 409},
                                         {Errc::outcome_unknown, "outcome.unresolved", 504},
                                         {Errc::device_gone, "key.none", 503},
                                         {Errc::rejected, "platform.refused", 422},
                                         {Errc::corrupt, "store.corrupt", 500},
                                         {Errc::limit_reached, "queue.full", 429},
                                         {Errc::limit_reached, "store.busy", 503},
                                         {Errc::limit_reached, "store.full", 503}}) {
    on_io([&] { return gateway_.refuse_with = Findings{{row.code, row.id, "f", "w", "l", "secret detail"}}, 0; });
    const auto answer = client.request("POST", "/v1/submissions", kMinimal, {{"Idempotency-Key", "k"}});
    EXPECT_EQ(answer.status, row.status) << row.id;
    EXPECT_EQ(code(answer), row.id);
    EXPECT_EQ(answer.headers.contains("retry-after"), row.status == 429 || row.status == 503) << row.id;
    EXPECT_EQ(parsed(answer).at("channel").as_string(), "simulator");
    EXPECT_EQ(parsed(answer).at("wanted").as_string(), "w");
  }
}

TEST_F(ApiErrors, AllFindingsAreReportedInBothLanguagesWithARemedy) {
  on_io([this] {
    gateway_.refuse_with = Findings{{Errc::invalid_input, "api.idempotency_key", "idempotency_key", {}, "128", {}},
                                    {Errc::invalid_input, "api.query_range", "limit", "0", "1..500", {}}};
    return 0;
  });
  const auto answer = local().request("GET", "/v1/status");
  const auto body = parsed(answer);
  EXPECT_EQ(body.at("message").as_string(), "The idempotency key must be 1 to 128 printable ASCII characters.");
  EXPECT_EQ(body.at("message_zh").as_string(), "幂等键须为 1 至 128 个可见 ASCII 字符。");
  EXPECT_NE(body.at("remedy").as_string(), "");
  EXPECT_NE(body.at("remedy_zh").as_string(), "");
  EXPECT_EQ(body.at("more").at(0).at("code").as_string(), "api.query_range");
  EXPECT_EQ(body.at("more").at(0).at("message").as_string(), "limit must be 1..500; it is 0.");
}

TEST_F(ApiErrors, ANumberInAStringFieldIsRefusedByItsPath) {
  auto client = local();
  const auto answer =
      client.request("POST", "/v1/submissions", R"({"seller":"S","lines":[{"blue_line":1,"quantity":1.5}]})",
                     {{"Idempotency-Key", "k"}});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(code(answer), "json.number_in_string");
  EXPECT_EQ(parsed(answer).at("field").as_string(), "lines[0].quantity");
}

TEST_F(ApiErrors, AnUnknownFieldIsRefusedByItsPathInBothForms) {
  auto client = local();
  const auto json =
      client.request("POST", "/v1/submissions", R"({"blue":{"seller":{"idd":"X"}}})", {{"Idempotency-Key", "k"}});
  EXPECT_EQ(json.status, 400);
  EXPECT_EQ(code(json), "json.unknown_field");
  EXPECT_EQ(parsed(json).at("field").as_string(), "blue.seller.idd");
  v1::SubmissionRequest request;
  request.add_lines()->set_quantity("1");
  auto* line = request.mutable_lines(0);
  line->GetReflection()->MutableUnknownFields(line)->AddVarint(99, 1);
  const auto protobuf = client.request("POST", "/v1/submissions", request.SerializeAsString(),
                                       {{"Idempotency-Key", "k"}, {"Content-Type", "application/x-protobuf"}});
  EXPECT_EQ(protobuf.status, 400);
  EXPECT_EQ(code(protobuf), "api.unknown_field");
  EXPECT_EQ(parsed(protobuf).at("field").as_string(), "lines[0].#99");
}

TEST_F(ApiErrors, BodiesThatAreNotWhatTheySayAreRefused) {
  auto client = local();
  const auto post = [&](const std::string& body, const std::string& type) {
    std::vector<std::pair<std::string, std::string>> headers{{"Idempotency-Key", "k"}};
    if (!type.empty()) headers.emplace_back("Content-Type", type);
    return client.request("POST", "/v1/submissions", body, headers);
  };
  EXPECT_EQ(code(post("{", "application/json")), "json.syntax");
  EXPECT_EQ(code(post("\x0a\xff\xff", "application/x-protobuf")), "api.protobuf");
  EXPECT_EQ(code(post("", "")), "api.empty_body");
  const auto form = post("seller=S", "application/x-www-form-urlencoded");
  EXPECT_EQ(form.status, 415);
  EXPECT_EQ(code(form), "api.media_type");
  EXPECT_EQ(post("{}", "Application/JSON; charset=utf-8").status, 201);
  EXPECT_EQ(client.request("POST", "/v1/invoices:import", "\n\n", {{"Content-Type", "application/x-ndjson"}}).status,
            400);
}

TEST_F(ApiErrors, UnknownRoutesMethodsAndParametersAreNamed) {
  auto client = local();
  const auto route = client.request("GET", "/v2/status");
  EXPECT_EQ(route.status, 404);
  EXPECT_EQ(parsed(route).at("wanted").as_string(), "/v2/status");
  for (const char* path :
       {"/", "/v1", "/v1/", "/v1/submissions/", "/v1/submissions/x/", "/v1/submissions/x/fly", "/v1//status"})
    EXPECT_EQ(client.request("GET", path).status, 404) << path;
  const auto method = client.request("DELETE", "/v1/holds");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.at("allow"), "GET, POST");
  EXPECT_EQ(client.request("PATCH", "/v1/status").status, 405);
  const auto query = client.request("GET", "/v1/submissions?taxpayr=T1");
  EXPECT_EQ(query.status, 400);
  EXPECT_EQ(code(query), "api.unknown_query");
  EXPECT_EQ(parsed(query).at("field").as_string(), "taxpayr");
  EXPECT_EQ(client.request("GET", "/v1/status?verbose").status, 400);
}

TEST_F(ApiErrors, TheConnectionStaysAfterARefusal) {
  auto client = local();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.request("GET", "/v2/none").status, 404);
    EXPECT_EQ(client.request("POST", "/v1/submissions", "{").status, 400);
    EXPECT_EQ(client.request("GET", "/v1/status").status, 200);
  }
}

TEST(ApiQuery, DecodesStrictlyAndNamesWhatItDoesNotKnow) {
  const auto good = Query::parse("after=a%2Fb+c&&limit=%31%30", "after limit");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->text("after"), "a/b c");
  EXPECT_EQ(good->number("limit", 1, 50, 5).value(), 10);
  EXPECT_EQ(Query::parse("", "x")->number("limit", 1, 50, 5).value(), 5);
  for (const char* bad : {"after=%", "after=%4", "after=%zz", "after=a&after=b", "after=%00", "after=%ff",
                          "after=%ed%a0%80", "after=%c0%80"})
    EXPECT_EQ(Query::parse(bad, "after limit").error().id, "api.query") << bad;
  for (const char* unknown : {"=", "after%20limit=1", "AFTER=1", "x"})
    EXPECT_EQ(Query::parse(unknown, "after limit").error().id, "api.unknown_query") << unknown;
  for (const char* number :
       {"limit=", "limit=+1", "limit=1e3", "limit=0x1", "limit=51", "limit=99999999999999999999", "limit=1 "})
    EXPECT_EQ(Query::parse(number, "limit")->number("limit", 1, 50, 5).error().id, "api.query_range") << number;
  EXPECT_FALSE(Query::parse("after=" + std::string(kMaxQueryValue + 1, 'x'), "after"));
}

TEST(ApiForms, TheAcceptListDecidesTheForm) {
  EXPECT_EQ(accepted_form(""), Form::json);
  EXPECT_EQ(accepted_form("*/*"), Form::json);
  EXPECT_EQ(accepted_form("application/x-protobuf"), Form::protobuf);
  EXPECT_EQ(accepted_form("Application/X-Protobuf;q=0.9, application/json;q=0.1"), Form::protobuf);
  EXPECT_EQ(accepted_form("application/json, application/x-protobuf"), Form::json);
  EXPECT_EQ(accepted_form("text/html,application/protobuf"), Form::protobuf);
}

}  // namespace
}  // namespace taxgate::api
