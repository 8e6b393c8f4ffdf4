// Legal deadlines on the whole daemon and virtual legal time: announced before they pass, and what comes after them.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "daemon/core/files.h"
#include "tests/system/whole_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;

std::vector<api::v1::Event> events_of(simulator::Stand& stand, const std::string& id, const std::string& type) {
  const auto list = stand.call<api::v1::EventList>("GET", "/v1/events?limit=1000&submission=" + id);
  std::vector<api::v1::Event> out;
  if (!list) return out;
  for (const auto& event : list->events())
    if (event.type() == type) out.push_back(event);
  return out;
}

bool announced(const api::v1::Event& event, const char* reference, const std::string& deadline) {
  return event.reference() == reference && event.detail().find(deadline) != std::string::npos;
}

// A red that nobody issues: its form stays confirmed for ever.
TEST(LegalDeadlines, MonthEndThenFilingDayThenMonthEndAreAnnouncedAndPassedAlsoAcrossARestart) {
  Whole whole({.upload = true});
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const Invoice blue = whole.blue();
  whole.fault(blue, "QDFPSC", R"("drop_before":true,"count":0)");
  const auto accepted = stand.submit(whole.full_red(blue));
  ASSERT_TRUE(accepted);
  const std::string id = accepted->id();
  ASSERT_TRUE(stand.wait_state(id, {"outcome_unknown"}, 60s));
  LegalTime month_end = stand.legal_now().next_month();
  EXPECT_EQ(accepted->deadline(), month_end.rfc3339());
  // 12 h before it passes it is announced; a person can still get the red into this month.
  ASSERT_TRUE(stand.advance_legal_ms(month_end.ms - stand.legal_now().ms - 11 * LegalTime::kHourMs));
  ASSERT_TRUE(eventually([&] { return events_of(stand, id, "submission.deadline_near").size() == 1; }));
  EXPECT_TRUE(announced(events_of(stand, id, "submission.deadline_near")[0], "month_end", month_end.platform_text()));
  EXPECT_TRUE(events_of(stand, id, "submission.deadline_passed").empty());

  // The month ends without the red: it goes on, in the next period, whose reader must know before he files.
  ASSERT_TRUE(stand.advance_legal_ms(12 * LegalTime::kHourMs));
  ASSERT_TRUE(eventually([&] { return events_of(stand, id, "submission.deadline_passed").size() == 1; }));
  EXPECT_EQ(events_of(stand, id, "submission.deadline_passed")[0].reference(), "month_end");
  const LegalTime filed = month_end.plus_ms(15 * 24 * LegalTime::kHourMs);
  EXPECT_EQ(stand.show(id)->deadline(), filed.rfc3339());
  EXPECT_FALSE(stand.show(id)->final());

  ASSERT_TRUE(stand.advance_legal_ms(filed.ms - stand.legal_now().ms - LegalTime::kHourMs));
  ASSERT_TRUE(eventually([&] { return events_of(stand, id, "submission.deadline_near").size() == 2; }));
  EXPECT_TRUE(announced(events_of(stand, id, "submission.deadline_near")[1], "filing_day", filed.platform_text()));

  // The filing day passes while the daemon is down.
  stand.taxgated().kill();
  ASSERT_TRUE(stand.advance_legal_ms(2 * LegalTime::kHourMs));
  ASSERT_TRUE(stand.start_taxgated());
  ASSERT_TRUE(eventually([&] { return events_of(stand, id, "submission.deadline_passed").size() == 2; }));
  EXPECT_EQ(events_of(stand, id, "submission.deadline_passed")[1].reference(), "filing_day");
  EXPECT_EQ(stand.show(id)->deadline(), stand.legal_now().next_month().rfc3339());

  // The platform takes uploads again: the red is issued and nothing is due any more.
  ASSERT_TRUE(stand.control("DELETE", "/faults"));
  const auto ended = stand.wait_state(id, {"attention"}, 60s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state(), "issued");
  EXPECT_EQ(ended->deadline(), "");
  EXPECT_EQ(whole.judge(id).lost + whole.judge(id).doubled, 0);
}

TEST(LegalDeadlines, TheConfiguredFilingDayCountsAndAReloadMovesIt) {
  Whole whole({.with_keys = false});
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const auto accepted = stand.submit(whole.full_red(whole.blue()));
  ASSERT_TRUE(accepted);
  auto config = read_file(stand.taxgated_config(), 1 << 20);
  ASSERT_TRUE(config);
  const std::string old = "poll_unknown_ms = 100\n";
  config->replace(config->find(old), old.size(), old + "filing_day = 20\n");
  ASSERT_TRUE(write_file_atomic(stand.taxgated_config(), *config));
  stand.taxgated().signal(SIGHUP);
  ASSERT_TRUE(eventually([&] {
    const auto log = read_file(stand.taxgated_log(), 1 << 24);
    return log && log->find("config.reloaded") != std::string::npos;
  }));
  const LegalTime month_end = stand.legal_now().next_month();
  ASSERT_TRUE(stand.advance_legal_ms(month_end.ms - stand.legal_now().ms + 1000));
  ASSERT_TRUE(eventually([&] { return !events_of(stand, accepted->id(), "submission.deadline_passed").empty(); }));
  EXPECT_EQ(stand.show(accepted->id())->deadline(), month_end.plus_ms(20 * 24 * LegalTime::kHourMs).rfc3339());
}

}  // namespace
}  // namespace taxgate::tests
