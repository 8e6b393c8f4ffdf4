// POST /v1/check: a request like any submission's, an answer that is a verdict, in both forms.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

class CheckRoute : public ApiTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(CheckRoute, ARefusalIsAnAnswerWithEveryFindingAndItsRemedyInBothLanguages) {
  auto client = local();
  const auto answer = client.request("POST", "/v1/check", R"({"seller":"S","blue_number":"B","reason":"02"})");
  EXPECT_EQ(answer.status, 200) << "the question was answered; only the red is refused";
  const auto body = boost::json::parse(answer.body);
  EXPECT_EQ(body.at("answer").as_string(), "refused");
  EXPECT_EQ(body.at("findings").at(0).at("rule").as_string(), "R2");
  EXPECT_EQ(body.at("findings").at(0).at("severity").as_string(), "refuse");
  EXPECT_EQ(body.at("findings").at(0).at("remedy_zh").as_string(), "减少。");
  on_io([this] {
    EXPECT_EQ(gateway_.calls.back(), "check");
    EXPECT_EQ(gateway_.last_request.blue_number(), "B");
    EXPECT_FALSE(gateway_.last_menu);
    return 0;
  });
}

TEST_F(CheckRoute, NeedsNoKeyTakesTheMenuAndIsAsStrictAsASubmission) {
  auto client = local();
  EXPECT_EQ(client.request("POST", "/v1/check?menu=yes", R"({"seller":"S"})").status, 200);
  EXPECT_TRUE(on_io([this] { return gateway_.last_menu; }));
  EXPECT_EQ(client.request("POST", "/v1/check?menu=perhaps", R"({"seller":"S"})").status, 400);
  EXPECT_EQ(client.request("POST", "/v1/check", R"({"seler":"S"})").status, 400);
  EXPECT_EQ(client.request("POST", "/v1/check", R"({"lines":[{"quantity":3}]})").status, 400);
  EXPECT_EQ(client.request("GET", "/v1/check").status, 405);
}

}  // namespace
}  // namespace taxgate::api
