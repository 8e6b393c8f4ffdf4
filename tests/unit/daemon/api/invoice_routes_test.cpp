// The ledger's listing, and a submission's papers: queries and bodies reach the gateway as they were given.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

class InvoiceRoutes : public ApiTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(InvoiceRoutes, TheListingTakesItsFiltersAndGivesAPage) {
  auto client = local();
  const auto answer = client.request(
      "GET",
      "/v1/invoices?seller=S&buyer=%E7%A4%BA&product=109&from=2026-11-01&to=2026-11-30&status=reversible&limit=7");
  EXPECT_EQ(answer.status, 200);
  const InvoiceQuery asked = on_io([this] { return gateway_.last_invoices; });
  EXPECT_EQ(asked.seller, "S");
  EXPECT_EQ(asked.buyer, "示");
  EXPECT_EQ(asked.product, "109");
  EXPECT_EQ(asked.from, "2026-11-01");
  EXPECT_EQ(asked.to, "2026-11-30");
  EXPECT_EQ(asked.status, "reversible");
  EXPECT_EQ(asked.limit, 7);
  const auto body = boost::json::parse(answer.body);
  EXPECT_EQ(body.at("invoices").at(0).at("number").as_string(), "26990000000000000001");
  EXPECT_EQ(body.at("next").as_string(), "n1");
  EXPECT_EQ(client.request("GET", "/v1/invoices?after=n1").status, 200);
  EXPECT_EQ(on_io([this] { return gateway_.last_invoices.after; }), "n1");
  EXPECT_EQ(client.request("GET", "/v1/invoices?limit=501").status, 400);
  EXPECT_EQ(client.request("GET", "/v1/invoices?org_unit=x").status, 400);
  EXPECT_EQ(client.request("POST", "/v1/invoices", "{}").status, 405);
}

TEST_F(InvoiceRoutes, PapersAndCircumstancesReachTheGatewayAndUnknownOnesAreRefused) {
  auto client = local();
  const auto send = [&](const std::string& more) {
    return client.request("POST", "/v1/check", R"({"seller":"S","blue_number":"1","reason":"02",)" + more + "}").status;
  };
  EXPECT_EQ(
      send(R"("evidence":[{"kind":"return_slip","hash":"00","name":"slip.pdf"}],"circumstances":{"deducted":"yes"})"),
      200);
  on_io([this] {
    EXPECT_EQ(gateway_.last_request.evidence(0).name(), "slip.pdf");
    EXPECT_EQ(gateway_.last_request.circumstances().deducted(), "yes");
    return 0;
  });
  EXPECT_EQ(send(R"("evidence":[{"kind":"return_slip","bytes":"00"}])"), 400);
  EXPECT_EQ(send(R"("circumstances":{"deducted":true})"), 400);
}

}  // namespace
}  // namespace taxgate::api
