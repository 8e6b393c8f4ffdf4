// What a monitoring system reads: form, escapes, and that the door asks for a caller.
#include "daemon/api/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "protocol/states.h"
#include "tests/unit/daemon/api/api_fixture.h"

namespace taxgate::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Status status() {
  v1::Status s;
  s.set_version("0.1.0");
  s.set_channel("simulator");
  s.set_health("attention");
  s.set_legal_time("2026-11-22T10:00:00.000+08:00");
  s.set_next_deadline("2026-11-23T10:00:00.000+08:00");
  s.set_key_host_connected(true);
  auto& queued = *s.add_states();
  queued.set_state("queued");
  queued.set_count(17);
  auto& key = *s.add_keys();
  key.set_serial("TG\"1\\\n");
  key.set_taxpayer("91310115TGDM00011U");
  key.set_state("ready");
  key.set_pin_tries_left(3);
  key.set_signed_count(4711);
  key.set_valid_until("2027-01-01T00:00:00.000+08:00");
  auto& type = *key.mutable_disk()->add_types();
  type.set_type("007");
  type.set_lock_date("2026-12-16T00:00:00.000+08:00");
  type.set_numbers_left("19");
  for (const auto& [code, at] : {std::pair{"disk.end_report_window", "2026-11-22T11:00:00.000+08:00"},
                                 std::pair{"disk.end_numbers", "2026-11-22T13:10:00.000+08:00"},
                                 std::pair{"disk.end_lock_date", "2026-12-16T00:00:00.000+08:00"}}) {
    auto& end = *type.add_forecasts();
    end.set_code(code);
    end.set_at(at);
  }
  s.add_holds()->set_taxpayer("91310115TGDM00011U");
  s.add_troubles()->set_code("key.none");
  return s;
}

TEST(Metrics, TellTheStatusWithStableNames) {
  const std::string text = metrics_text(status(), nullptr);
  for (const char* line :
       {"taxgate_info{version=\"0.1.0\",channel=\"simulator\"} 1\n", "taxgate_health{health=\"attention\"} 1\n",
        "taxgate_health{health=\"well\"} 0\n", "taxgate_submissions{state=\"queued\"} 17\n",
        "taxgate_next_deadline_seconds 1795399200\n", "taxgate_holds 1\n",
        "taxgate_taxpayer_held{taxpayer=\"91310115TGDM00011U\"} 1\n", "taxgate_key_host_connected 1\n",
        "taxgate_key_pin_tries_left{serial=\"TG\\\"1\\\\\\n\",taxpayer=\"91310115TGDM00011U\"} 3\n",
        "taxgate_troubles{code=\"key.none\"} 1\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("oldest_queued"))) << "nothing is queued";
}

TEST(Metrics, TellWhenATaxDiskStopsIssuing) {
  v1::Status told = status();
  told.mutable_keys(0)->set_serial("K1");
  const std::string text = metrics_text(told, nullptr);
  const std::string labels = R"({serial="K1",taxpayer="91310115TGDM00011U",type="007"} )";
  EXPECT_THAT(text, HasSubstr("taxgate_disk_issuing_stops_seconds" + labels + "1795324200\n"));
  EXPECT_THAT(text, HasSubstr("taxgate_disk_lock_date_seconds" + labels + "1797350400\n"));
  EXPECT_THAT(text, HasSubstr("taxgate_disk_numbers_left" + labels + "19\n"));
}

TEST(Metrics, EveryStateHasItsSeriesBeforeItIsEverSeen) {
  const std::string text = metrics_text({}, nullptr);
  for (const StateFacts& facts : states())
    EXPECT_THAT(text, HasSubstr("taxgate_submissions{state=\"" + std::string(facts.name) + "\"} 0\n"));
}

TEST(Metrics, EachLineHasTheFormAndEachFamilyStandsOnce) {
  const std::regex sample(
      R"re(taxgate_[a-z_]+(\{[a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*\})? -?[0-9]+)re");
  std::set<std::string> families;
  std::string family;
  std::istringstream in(metrics_text(status(), nullptr));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family;
    } else if (!line.starts_with("# TYPE " + family)) {
      EXPECT_TRUE(std::regex_match(line, sample)) << line;
      EXPECT_TRUE(line.starts_with(family)) << line;
    }
  }
  EXPECT_GT(families.size(), 10U);
}

TEST(Metrics, TellTheLastNightAndTheNext) {
  v1::SyncStatus sync;
  sync.set_next_at("2026-11-23T10:00:00.000+08:00");
  EXPECT_THAT(metrics_text({}, &sync), Not(HasSubstr("sync_state"))) << "there was none yet";
  v1::SyncRun& run = *sync.mutable_run();
  run.set_state("attention");
  run.set_exit_code(1);
  run.set_records(1'000'000);
  for (const std::uint64_t changed : {40, 2}) run.add_taxpayers()->set_changed(changed);
  const std::string text = metrics_text({}, &sync);
  for (const char* line :
       {"taxgate_sync_active 0\n", "taxgate_sync_next_seconds 1795399200\n", "taxgate_sync_exit_code 1\n",
        "taxgate_sync_state{state=\"attention\"} 1\n", "taxgate_sync_state{state=\"right\"} 0\n",
        "taxgate_sync_records 1000000\n", "taxgate_sync_changed 42\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("sync_finished"))) << "it has no end yet";
}

class MetricsRoute : public ApiTest {
 protected:
  void SetUp() override { start(); }
};

TEST_F(MetricsRoute, AnswersAReaderInPrometheusForm) {
  const auto answer = local().request("GET", "/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("# TYPE taxgate_health gauge\n"));
  EXPECT_THAT(answer.body, HasSubstr("taxgate_sync_state{state=\"right\"} 1\n"));
}

}  // namespace
}  // namespace taxgate::api
