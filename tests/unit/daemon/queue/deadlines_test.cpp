#include "daemon/queue/deadlines.h"

#include <gtest/gtest.h>

#include "daemon/queue/queue.h"

namespace taxgate::queue {
namespace {

LegalTime at(const char* text) { return *LegalTime::parse(text); }

TEST(PeriodDeadline, IsTheEndOfTheMonthOfAcceptanceWhileItLasts) {
  const LegalTime accepted = at("2026-11-22 10:00:00");
  EXPECT_EQ(period_deadline(accepted, accepted, 15).platform_text(), "2026-12-01 00:00:00");
  EXPECT_EQ(period_deadline(accepted, at("2026-11-30 23:59:59"), 15).platform_text(), "2026-12-01 00:00:00");
  EXPECT_EQ(period_deadline(at("2026-11-02 10:00:00"), at("2026-11-02 10:00:00"), 15).platform_text(),
            "2026-12-01 00:00:00")
      << "the filing day of the month of acceptance is about another return";
  EXPECT_EQ(period_deadline(at("2026-12-31 23:59:59"), at("2026-12-31 23:59:59"), 15).platform_text(),
            "2027-01-01 00:00:00");
  EXPECT_EQ(period_name(at("2026-12-01 00:00:00")), "month_end");
}

TEST(PeriodDeadline, IsTheFilingDayOnceTheMonthWasMissedAndThenTheNextMonthEnd) {
  const LegalTime accepted = at("2026-11-22 10:00:00");
  EXPECT_EQ(period_deadline(accepted, at("2026-12-01 00:00:00"), 15).platform_text(), "2026-12-16 00:00:00")
      << "the filing day itself counts";
  EXPECT_EQ(period_deadline(accepted, at("2026-12-15 23:59:59"), 15).platform_text(), "2026-12-16 00:00:00");
  EXPECT_EQ(period_deadline(accepted, at("2026-12-16 00:00:00"), 15).platform_text(), "2027-01-01 00:00:00");
  EXPECT_EQ(period_deadline(accepted, at("2027-01-01 00:00:00"), 15).platform_text(), "2027-01-16 00:00:00");
  EXPECT_EQ(period_deadline(accepted, at("2026-12-01 00:00:00"), 1).platform_text(), "2026-12-02 00:00:00");
  EXPECT_EQ(period_deadline(at("2027-01-31 10:00:00"), at("2027-02-28 12:00:00"), 28).platform_text(),
            "2027-03-01 00:00:00");
  EXPECT_EQ(period_name(at("2026-12-16 00:00:00")), "filing_day");
}

store::OpenEntry entry(const std::string& id, std::int64_t seq, State state, LegalTime deadline) {
  return {.id = id, .lane = id, .taxpayer = "T", .seq = seq, .state = state, .deadline = deadline};
}

TEST(QueueDeadlines, ThatPassedAreClaimedOnceButNotWhileTheFormsEndIsThePlatforms) {
  const LegalTime now = at("2026-12-01 00:00:00");
  Queue queue({.max_active = 2});
  queue.add(entry("waits for the counterparty", 1, State::waiting_counterparty, now.plus_ms(-5)), 0);
  queue.add(entry("late", 2, State::confirmed, now), 0);
  queue.add(entry("for a person", 3, State::attention, now), 0);
  queue.add(entry("later", 4, State::queued, now.plus_ms(1)), 0);
  EXPECT_EQ(queue.claim_passed(now.plus_ms(-1)), std::nullopt);
  const auto first = queue.claim_passed(now), second = queue.claim_passed(now);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_NE(*first, "waits for the counterparty");
  EXPECT_NE(*second, "waits for the counterparty");
  EXPECT_EQ(queue.claim_passed(now.plus_ms(1)), std::nullopt) << "the active set is full";
  queue.moved("late", State::confirmed, now.plus_ms(1000));
  queue.finish("late", 0, false);
  EXPECT_EQ(queue.claim_passed(now), std::nullopt) << "its deadline has moved, and nobody else's has passed";
  EXPECT_EQ(queue.to_announce(now.plus_ms(2000)).size(), 4U) << "the new deadline is announced like any other";
}

TEST(QueueDeadlines, TheNextAnnouncementIsThatOfTheFirstNotYetTold) {
  const LegalTime now = at("2026-11-22 10:00:00");
  Queue queue({});
  EXPECT_EQ(queue.next_announcement(), std::nullopt);
  queue.add(entry("soon", 1, State::queued, now.plus_ms(1)), 0);
  queue.add(entry("later", 2, State::queued, now.plus_ms(1000)), 0);
  EXPECT_EQ(queue.next_announcement(), now.plus_ms(1));
  EXPECT_EQ(queue.to_announce(now.plus_ms(10)).size(), 1U);
  EXPECT_EQ(queue.next_announcement(), now.plus_ms(1000)) << "one that was told must not hide the next";
}

}  // namespace
}  // namespace taxgate::queue
