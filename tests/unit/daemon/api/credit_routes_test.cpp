// The credit line's routes: queries and bodies reach the gateway, roles are asked for.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

class CreditRoutes : public ApiTest {
 protected:
  void SetUp() override { start(); }
  std::string last_call() {
    return on_io([this] { return gateway_.calls.empty() ? std::string("-") : gateway_.calls.back(); });
  }
};

TEST_F(CreditRoutes, AStatementIsAskedForByTaxpayerMonthAndAPlannedAmount) {
  auto client = local();
  const auto answer = client.request("GET", "/v1/credit?taxpayer=T1&month=2026-05&amount=2500000&type=10&platform=no");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(last_call(), "credit:T1:2026-05");
  on_io([this] {
    EXPECT_EQ(gateway_.last_credit.amount, "2500000");
    EXPECT_EQ(gateway_.last_credit.type, "10");
    EXPECT_FALSE(gateway_.last_credit.ask_platform);
    return 0;
  });
  const auto body = boost::json::parse(answer.body);
  EXPECT_EQ(body.at("limit").as_string(), "7500000.00");
  EXPECT_EQ(body.at("movements").at(0).at("used").as_string(), "-500000.00");
  EXPECT_EQ(client.request("GET", "/v1/credit").status, 200);
  EXPECT_TRUE(on_io([this] { return gateway_.last_credit.ask_platform; }));
  EXPECT_EQ(client.request("GET", "/v1/credit?platform=perhaps").status, 400);
  EXPECT_EQ(client.request("GET", "/v1/credit?year=2026").status, 400);
}

TEST_F(CreditRoutes, AFilingAndAnAdjustmentReachTheGatewayAndUnknownFieldsAreRefused) {
  auto client = local();
  EXPECT_EQ(client.request("POST", "/v1/credit/filed", R"({"taxpayer":"T1","period":"2026-04"})").status, 200);
  EXPECT_EQ(last_call(), "filed:T1:2026-04");
  EXPECT_EQ(client.request("POST", "/v1/credit/adjust", R"({"taxpayer":"T1","limit":"7500000.00"})").status, 200);
  EXPECT_EQ(last_call(), "adjust:T1:7500000.00");
  EXPECT_EQ(client.request("POST", "/v1/credit/adjust", R"({"limit":7500000})").status, 400);
  EXPECT_EQ(client.request("POST", "/v1/credit/filed", R"({"month":"2026-04"})").status, 400);
  EXPECT_EQ(client.request("POST", "/v1/credit", "{}").status, 405);
}

}  // namespace
}  // namespace taxgate::api
