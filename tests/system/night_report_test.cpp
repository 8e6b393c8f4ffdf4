// What people see of a night, on the real programs: what is missing for it, its report, its figures for monitoring.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "protocol/leqi_night.h"
#include "protocol/sync.pb.h"
#include "tests/system/shell.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using simulator::Stand;
using testing::HasSubstr;
using testing::Not;

class NightReport : public testing::Test {
 protected:
  void build(const std::string& sync) {
    simulator::StandOptions options;
    options.programs = TAXGATE_BIN_DIR;
    options.with_keys = false;
    options.answer_ms = options.connect_ms = 5000;  // a sanitizer's platform is slow
    options.legal_ahead_ms = ahead_to_a_quiet_morning();
    options.sync = sync;
    auto built = Stand::build(options);
    ASSERT_TRUE(built) << built.error().id << " " << built.error().detail;
    stand_ = std::move(*built);
  }
  const std::string& us() const { return stand_->options().taxpayers.front().party.id; }
  std::string control(const std::string& method, const std::string& path, const std::string& body = {}) {
    auto answer = stand_->control(method, path, body);
    EXPECT_TRUE(answer) << path << (answer ? "" : " " + answer.error().detail);
    return answer.value_or("");
  }
  Ran taxgate(const std::string& arguments) {
    return run_in_shell(
        fmt::format("{}/taxgate --lang en --socket {} {}", TAXGATE_BIN_DIR, stand_->api_socket(), arguments));
  }
  std::unique_ptr<Stand> stand_;
};

constexpr const char* kOnlyWhenAsked = "at = \"off\"\nmonths = 1\ndeep_months = 1\npoll_ms = 20\nsample = 2\n";

TEST_F(NightReport, IsShownAsTextJsonAndAFileThatOpensOffline) {
  build(kOnlyWhenAsked);
  const std::string month = stand_->legal_now().platform_text().substr(0, 7);
  control("POST", "/population",
          fmt::format(R"({{"seed":3,"taxpayers":[{{"id":"{}","name":"{}"}}],"from":"{}","count":200}})", us(),
                      "泰格示例", month));
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_EQ(taxgate("sync run --follow").exit, 0);
  control("POST", "/population/change", R"({"percent":10,"what":["abnormal"]})");
  EXPECT_EQ(taxgate("sync run --follow").exit, 0);

  const Ran page = taxgate("sync show 2");
  EXPECT_EQ(page.exit, 0) << page.out;
  EXPECT_THAT(page.out, HasSubstr("Night 2: right (channel: simulator)"));
  EXPECT_THAT(page.out, HasSubstr("200 seen, 20 changed"));
  EXPECT_THAT(page.out, HasSubstr("irregular voucher: 01 normal → 02 irregular voucher"));
  EXPECT_THAT(page.out, Not(HasSubstr("\x1b"))) << "nothing steers the terminal";

  const std::string file = stand_->directory() + "/night.html";
  const Ran written = taxgate("sync show 2 --json --html " + file);
  const auto json = boost::json::parse(written.out);
  EXPECT_EQ(json.at("records"), 200);
  EXPECT_EQ(json.at("transitions").at(0).at("count"), 20);
  std::ifstream in(file);
  const std::string html(std::istreambuf_iterator<char>(in), {});
  EXPECT_TRUE(html.starts_with("<!doctype html>"));
  EXPECT_THAT(html, HasSubstr("20"));
  for (const char* bad : {"<script", "http://", "https://"}) EXPECT_THAT(html, Not(HasSubstr(bad)));
  EXPECT_EQ(taxgate("sync show 77").exit, 2);
}

TEST_F(NightReport, PreflightNamesWhatIsMissingAndWhoMustAct) {
  build(kOnlyWhenAsked);
  ASSERT_TRUE(stand_->start_taxgated());
  control("POST", "/faults",
          fmt::format(R"({{"service":"FPHZTJCX","taxpayer":"{}","count":0,"gateway_error":"SIM-401"}})", us()));
  const Ran missing = taxgate("sync preflight");
  EXPECT_EQ(missing.exit, 2) << missing.out;
  EXPECT_THAT(missing.out, HasSubstr("preflight.platform"));
  EXPECT_THAT(missing.out, HasSubstr(us()));
  EXPECT_THAT(missing.out, HasSubstr("Log in again"));
  EXPECT_THAT(missing.out, HasSubstr("key.host_gone"));
  control("DELETE", "/faults");
  control("POST", "/faults", R"({"service":"FPHZTJCX","count":0,"date_off_s":120})");
  const Ran slow = taxgate("sync preflight");
  EXPECT_THAT(slow.out, Not(HasSubstr("preflight.platform")));
  EXPECT_THAT(slow.out, HasSubstr("preflight.clock"));
  EXPECT_THAT(slow.out, HasSubstr("timedatectl set-ntp true"));
}

TEST_F(NightReport, PreflightIsMadeByItselfOnTheEveningBeforeAndRaisesAnEvent) {
  build("at = \"03:00\"\nmonths = 1\ndeep_months = 1\n");
  ASSERT_TRUE(stand_->start_taxgated());
  // To the next 16:59:59 and over it.
  const LegalTime now = stand_->legal_now();
  const LegalTime today = *LegalTime::parse(now.platform_text().substr(0, 10));
  std::int64_t ms = today.plus_ms(17 * LegalTime::kHourMs).ms - now.ms;
  if (ms <= 0) ms += 24 * LegalTime::kHourMs;
  const auto announced = [this](LegalTime since) {
    int found = 0;
    auto events = stand_->call<api::v1::EventList>("GET", "/v1/events?limit=1000");
    if (events)
      for (const auto& event : events->events())
        found += event.type() == "gateway.preflight" && event.at() >= since.rfc3339() ? 1 : 0;
    return found;
  };
  EXPECT_EQ(announced(now), 0);
  ASSERT_TRUE(stand_->advance_legal_ms(ms + 1000));
  EXPECT_TRUE(eventually([&] { return announced(now) > 0; })) << "the key host is not there, and nobody was told";

  // The next two are due while nobody runs: one is made as soon as somebody does.
  stand_->taxgated().stop();
  ASSERT_TRUE(stand_->advance_legal_ms(23 * LegalTime::kHourMs));
  const LegalTime back = stand_->legal_now();  // it may have been made before we can first ask
  ASSERT_TRUE(stand_->start_taxgated());
  EXPECT_TRUE(eventually([&] { return announced(back) > 0; })) << "an hour too late is better than never";
}

}  // namespace
}  // namespace taxgate::tests
