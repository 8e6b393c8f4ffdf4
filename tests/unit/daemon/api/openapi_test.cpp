// docs/openapi.json and the server say the same: requests made from the document are understood, answers fit its
// schemas.
#include <fstream>
#include <iterator>

#include "daemon/api/routes.h"
#include "tests/sanitizer.h"
#include "tests/unit/daemon/api/api_fixture.h"
#include "tests/unit/daemon/api/schema_check.h"

namespace taxgate::api {
namespace {

namespace json = boost::json;

std::string upper(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    char escape[4];
    std::snprintf(escape, sizeof(escape), "%%%02X", static_cast<unsigned char>(c));
    out += std::isalnum(static_cast<unsigned char>(c)) ? std::string(1, c) : escape;
  }
  return out;
}

std::string as_text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

class OpenApi : public ApiTest {
 protected:
  void SetUp() override { start(); }

  struct Made {
    std::string method, target, body;
    std::vector<std::pair<std::string, std::string>> headers;
  };

  Made make(const std::string& path, const std::string& method, const json::object& operation, std::mt19937& r) {
    Made made{upper(method), path, {}, {}};
    std::string query;
    if (const auto* parameters = operation.if_contains("parameters")) {
      for (const auto& p : parameters->as_array()) {
        const auto& parameter = p.as_object();
        const std::string name(parameter.at("name").as_string()), in(parameter.at("in").as_string());
        const bool needed = parameter.at("required").as_bool() || name == "Idempotency-Key";
        if (!needed && r() % 2) continue;
        const std::string value = as_text(schemas_.random(parameter.at("schema").as_object(), r));
        if (in == "path")
          made.target.replace(made.target.find('{'), made.target.find('}') - made.target.find('{') + 1, encoded(value));
        else if (in == "query" && name != "wait")
          query += (query.empty() ? "?" : "&") + name + "=" + encoded(value);
        else if (in == "header")
          made.headers.emplace_back(name, value);
      }
    }
    made.target += query;
    if (const auto* body = operation.if_contains("requestBody")) {
      made.body =
          json::serialize(schemas_.random(body->at("content").at("application/json").at("schema").as_object(), r));
      made.headers.emplace_back("Content-Type", "application/json");
    }
    return made;
  }

  std::string check_answer(const Answer& answer, const json::object& operation) {
    const auto& responses = operation.at("responses").as_object();
    const auto* response = responses.if_contains(std::to_string(answer.status));
    if (!response) response = &responses.at("default");
    const auto& content = response->at("content").as_object();
    const auto* form = content.if_contains(answer.headers.at("content-type"));
    if (!form) return "undocumented content type " + answer.headers.at("content-type");
    const bool text = answer.headers.at("content-type").starts_with("text/plain");  // /metrics: a string as it stands
    return schemas_.check(text ? json::value(answer.body) : parsed(answer), form->at("schema").as_object());
  }

  template <class F>
  void each_operation(F f) {
    for (const auto& [path, methods] : document_.at("paths").as_object())
      for (const auto& [method, operation] : methods.as_object())
        f(std::string(path), std::string(method), operation.as_object());
  }

  json::value document_ = json::parse(openapi_document());
  Schemas schemas_{document_};
};

TEST_F(OpenApi, TheDocumentInTheTreeIsTheOneTheServerGives) {
  const std::string path = std::string(TAXGATE_SOURCE_DIR) + "/docs/openapi.json";
  const auto served = local().request("GET", "/v1/openapi.json");
  EXPECT_EQ(served.body, openapi_document());
  if (std::getenv("TAXGATE_UPDATE_DOCS")) std::ofstream(path, std::ios::trunc) << openapi_document();
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(text == openapi_document()) << "run this test with TAXGATE_UPDATE_DOCS=1 and commit docs/openapi.json";
}

TEST_F(OpenApi, EveryRouteIsInTheDocumentAndNothingElse) {
  std::set<std::string> documented, served;
  each_operation([&](const std::string& path, const std::string& method, const json::object&) {
    documented.insert(upper(method) + " " + path);
  });
  for (const Route& route : routes()) served.insert(std::string(name(route.method)) + " " + std::string(route.path));
  EXPECT_EQ(documented, served);
}

TEST_F(OpenApi, RequestsMadeFromItAreUnderstoodAndAnswersFitIt) {
  const auto seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 r(seed);
  auto client = local();
  int sent = 0;
  each_operation([&](const std::string& path, const std::string& method, const json::object& operation) {
    for (int i = 0; i < tests::rounds(40); ++i) {
      const Made made = make(path, method, operation, r);
      on_io([this] { return gateway_.accepted.clear(), 0; });
      const auto answer = client.request(made.method, made.target, made.body, made.headers);
      ++sent;
      // A caller without any credential fits the schema and is refused by a rule.
      const bool understood =
          answer.status == 200 || answer.status == 201 || (answer.status == 422 && code(answer) == "caller.credential");
      EXPECT_TRUE(understood) << answer.status << " " << made.method << " " << made.target << "\n"
                              << made.body << "\n"
                              << answer.body;
      EXPECT_EQ(check_answer(answer, operation), "") << made.method << " " << made.target << "\n" << answer.body;
    }
  });
  std::printf("%d requests from the document\n", sent);
}

TEST_F(OpenApi, ErrorsFitItToo) {
  std::mt19937 r(1);
  auto client = local();
  on_io([this] {
    gateway_.refuse_with = Findings{{Errc::invalid_input, "R2.tax_cap", "lines[0].tax", "13.01", "13.00", {}},
                                    {Errc::limit_reached, "store.busy", {}, {}, {}, {}}};
    return 0;
  });
  each_operation([&](const std::string& path, const std::string& method, const json::object& operation) {
    const Made made = make(path, method, operation, r);
    const auto answer = client.request(made.method, made.target, made.body, made.headers);
    EXPECT_EQ(check_answer(answer, operation), "") << made.method << " " << made.target << "\n" << answer.body;
  });
}

TEST_F(OpenApi, WhatTheDocumentForbidsTheServerRefuses) {
  std::mt19937 r(2);
  auto client = local();
  each_operation([&](const std::string& path, const std::string& method, const json::object& operation) {
    const Made made = make(path, method, operation, r);
    const auto unknown =
        client.request(made.method, made.target + (made.target.find('?') == std::string::npos ? "?" : "&") + "zzz=1",
                       made.body, made.headers);
    EXPECT_EQ(unknown.status, 400) << made.target;
    if (made.body.empty()) return;
    json::object body = json::parse(made.body).as_object();
    body["zzz"] = "1";
    EXPECT_EQ(client.request(made.method, made.target, json::serialize(body), made.headers).status, 400) << made.target;
    const auto& schema = operation.at("requestBody").at("content").at("application/json").at("schema").as_object();
    EXPECT_NE(schemas_.check(body, schema), "");
  });
}

TEST_F(OpenApi, TheCheckerItselfFindsWhatIsWrong) {
  const auto& error = document_.at("components").at("schemas").at("ErrorBody").as_object();
  EXPECT_EQ(schemas_.check(json::parse(R"({"code":"a","message":"b","channel":"c"})"), error), "");
  EXPECT_EQ(schemas_.check(json::parse(R"({"code":"a","message":"b"})"), error), "$: lacks channel");
  EXPECT_EQ(schemas_.check(json::parse(R"({"code":1,"message":"b","channel":"c"})"), error), "$.code: no string");
  EXPECT_EQ(schemas_.check(json::parse(R"({"code":"a","message":"b","channel":"c","more":[{"x":1}]})"), error),
            "$.more[0]: lacks code");
  const auto& line = document_.at("components").at("schemas").at("WantedLine").as_object();
  EXPECT_EQ(schemas_.check(json::parse(R"({"amount":"1e3"})"), line), "$.amount: does not match the pattern");
}

}  // namespace
}  // namespace taxgate::api
