// The order of work: lanes, shares, deadlines, holds. Times are plain numbers; nothing waits.
#include "daemon/queue/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace taxgate::queue {
namespace {

using testing::ElementsAre;

const LegalTime kLegal = *LegalTime::parse("2026-11-22 10:00:00");

store::OpenEntry entry(std::int64_t seq, const std::string& lane, State state = State::queued,
                       LegalTime deadline = {}) {
  return {"s" + std::to_string(seq), lane, "T" + lane.substr(0, 1), seq, state, deadline};
}

struct QueueTest : testing::Test {
  Queue queue{Limits{.max_active = 1000}};
  std::vector<std::string> drain(SteadyMs now = 0) {
    std::vector<std::string> order;
    while (auto id = queue.next(now, kLegal)) order.push_back(*id);
    return order;
  }
};

TEST_F(QueueTest, OneBlueInvoiceIsWorkedOnInOrderOfAcceptanceOneAtATime) {
  queue.add(entry(1, "a"), 0);
  queue.add(entry(2, "a"), 0);
  queue.add(entry(3, "a"), 0);
  EXPECT_THAT(drain(), ElementsAre("s1"));
  queue.moved("s1", State::waiting_counterparty, {});
  queue.finish("s1", 100, false);
  EXPECT_THAT(drain(50), ElementsAre()) << "the first waits for its counterparty, so the second waits too";
  queue.moved("s1", State::issued, {});
  EXPECT_THAT(drain(50), ElementsAre("s2"));
  queue.moved("s2", State::refused, {});
  EXPECT_THAT(drain(50), ElementsAre("s3"));
}

TEST_F(QueueTest, AStuckSubmissionBlocksItsOwnInvoiceOnly) {
  queue.add(entry(1, "a", State::attention), 0);
  queue.add(entry(2, "a"), 0);
  queue.add(entry(3, "b"), 0);
  EXPECT_THAT(drain(), ElementsAre("s3"));
  queue.moved("s1", State::cancelled, {});
  EXPECT_THAT(drain(), ElementsAre("s2"));
}

TEST_F(QueueTest, CancellingOneInTheMiddleOfALaneFreesNobodyElse) {
  for (int i = 1; i <= 3; ++i) queue.add(entry(i, "a"), 0);
  EXPECT_THAT(drain(), ElementsAre("s1"));
  queue.moved("s2", State::cancelled, {});
  EXPECT_THAT(drain(), ElementsAre());
  queue.moved("s1", State::issued, {});
  EXPECT_THAT(drain(), ElementsAre("s3"));
}

TEST_F(QueueTest, ABacklogOfPollsAndRetriesLeavesFreshWorkItsShare) {
  int seq = 0;
  for (int i = 0; i < 200; ++i) queue.add(entry(++seq, "r" + std::to_string(i)), 0);
  for (const auto& id : drain()) queue.finish(id, 10, true);
  for (int i = 0; i < 200; ++i) queue.add(entry(++seq, "w" + std::to_string(i), State::waiting_counterparty), 10);
  for (int i = 0; i < 70; ++i) queue.add(entry(++seq, "f" + std::to_string(i)), 10);
  int fresh = 0;
  for (int i = 0; i < 70; ++i) {
    const auto id = queue.next(10, kLegal);
    ASSERT_TRUE(id);
    if (queue.entry(*id)->lane.starts_with('f')) ++fresh;
  }
  EXPECT_EQ(fresh, 40) << "four of seven";
  EXPECT_EQ(drain(10).size(), static_cast<std::size_t>(seq) - 70) << "and nothing is forgotten";
}

TEST_F(QueueTest, TheActiveSetIsBounded) {
  Queue small{Limits{.max_active = 3}};
  for (int i = 1; i <= 10; ++i) small.add(entry(i, "l" + std::to_string(i)), 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(small.next(0, kLegal));
  EXPECT_FALSE(small.next(0, kLegal));
  small.finish("s1", 1000, false);
  EXPECT_EQ(small.next(0, kLegal), "s4");
  EXPECT_EQ(small.active(), 3);
}

TEST_F(QueueTest, WhatFailedComesBackAtItsTimeAndNotBefore) {
  queue.add(entry(1, "a"), 0);
  EXPECT_THAT(drain(), ElementsAre("s1"));
  queue.finish("s1", 500, true);
  EXPECT_THAT(drain(499), ElementsAre());
  EXPECT_EQ(queue.next_due(), 500);
  EXPECT_THAT(drain(500), ElementsAre("s1"));
  queue.finish("s1", 9999, true);
  queue.wake("s1", 600);
  EXPECT_THAT(drain(600), ElementsAre("s1")) << "somebody asked";
}

TEST_F(QueueTest, ANearDeadlineGoesFirstAndAFarOneKeepsTheOrderOfAcceptance) {
  queue.add(entry(1, "a"), 0);
  queue.add(entry(2, "b", State::queued, kLegal.plus_ms(20 * LegalTime::kHourMs)), 0);
  queue.add(entry(3, "c", State::queued, kLegal.plus_ms(2 * LegalTime::kHourMs)), 0);
  queue.add(entry(4, "d", State::queued, kLegal.plus_ms(48 * LegalTime::kHourMs)), 0);
  EXPECT_THAT(drain(), ElementsAre("s3", "s2", "s1", "s4"));
}

TEST_F(QueueTest, DeadlinesAreAnnouncedOnceAndAgainWhenTheyMove) {
  queue.add(entry(1, "a", State::waiting_counterparty, kLegal.plus_ms(1000)), 0);
  queue.add(entry(2, "b", State::waiting_counterparty, kLegal.plus_ms(5000)), 0);
  EXPECT_EQ(queue.next_deadline(), kLegal.plus_ms(1000));
  EXPECT_THAT(queue.to_announce(kLegal.plus_ms(1001)), ElementsAre("s1"));
  EXPECT_THAT(queue.to_announce(kLegal.plus_ms(1001)), ElementsAre());
  queue.moved("s1", State::waiting_counterparty, kLegal.plus_ms(500));
  EXPECT_THAT(queue.to_announce(kLegal.plus_ms(1001)), ElementsAre("s1"));
  queue.moved("s1", State::issued, {});
  EXPECT_EQ(queue.next_deadline(), kLegal.plus_ms(5000));
}

TEST_F(QueueTest, AHoldStopsActsOfItsTaxpayerOnlyAndQuestionsGoOn) {
  queue.add(entry(1, "a1"), 0);
  queue.add(entry(2, "a2", State::outcome_unknown), 0);
  queue.add(entry(3, "a3", State::waiting_counterparty), 0);
  queue.add(entry(4, "b1"), 0);
  queue.hold("Ta");
  EXPECT_THAT(drain(), testing::UnorderedElementsAre("s2", "s3", "s4"));
  queue.wake("s1", 5);
  EXPECT_THAT(drain(5), ElementsAre()) << "waking does not lift a hold";
  queue.release("Ta", 10);
  EXPECT_THAT(drain(10), ElementsAre("s1"));
}

TEST_F(QueueTest, WorkAcceptedUnderAHoldWaitsForTheRelease) {
  queue.hold("Ta");
  queue.add(entry(1, "a"), 0);
  EXPECT_THAT(drain(), ElementsAre());
  queue.release("Ta", 0);
  EXPECT_THAT(drain(), ElementsAre("s1"));
}

// The obvious twin: at every step the queue may only hand out heads of lanes that are due, not active, not held, and
// whose state wants work; and when it hands out nothing, there must be none.
TEST_F(QueueTest, AgreesWithAnObviousTwinOnRandomDays) {
  struct Twin { store::OpenEntry entry; SteadyMs due; bool active; };
  for (unsigned seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    Queue q{Limits{.max_active = 4}};
    std::map<std::int64_t, Twin> twin;
    std::set<std::string> held;
    std::int64_t seq = 0;
    const auto may = [&](const Twin& t, SteadyMs now) {
      for (const auto& [s, other] : twin)
        if (other.entry.lane == t.entry.lane && s < t.entry.seq) return false;
      const auto work = work_of(t.entry.state);
      return !t.active && t.due <= now && work != Work::none && !(work == Work::act && held.contains(t.entry.taxpayer));
    };
    for (SteadyMs now = 0; now < 1000; ++now) {
      switch (below(6)) {
        case 0: {
          auto e = entry(++seq, std::string(1, static_cast<char>('a' + below(3))) + std::to_string(below(3)));
          twin[seq] = {e, now + below(5), false};
          q.add(e, twin[seq].due);
          break;
        }
        case 1: {
          const std::string who(1, static_cast<char>('a' + below(3)));
          if (held.erase("T" + who) != 0) {
            q.release("T" + who, now);
            for (auto& [s, t] : twin)
              if (!t.active && t.entry.taxpayer == "T" + who) t.due = now;
          } else {
            held.insert("T" + who);
            q.hold("T" + who);
          }
          break;
        }
        default: {
          const auto active = std::ranges::count_if(twin, [](const auto& t) { return t.second.active; });
          const bool any = std::ranges::any_of(twin, [&](const auto& t) { return may(t.second, now); });
          const auto id = q.next(now, kLegal);
          ASSERT_EQ(id.has_value(), any && active < 4);
          if (id) {
            auto& t = twin.at(std::stoll(id->substr(1)));
            ASSERT_TRUE(may(t, now)) << *id;
            t.active = true;
          }
          for (auto it = twin.begin(); it != twin.end(); ++it) {
            if (!it->second.active || below(3) != 0) continue;
            static constexpr State kNext[] = {State::signing, State::outcome_unknown, State::waiting_counterparty, State::attention,
                                              State::held, State::issued};
            auto& t = it->second;
            t.entry.state = kNext[below(6)];
            q.moved(t.entry.id, t.entry.state, {});
            if (is_final(t.entry.state)) {
              twin.erase(it);
              break;
            }
            t.due = now + below(20);
            t.active = false;
            q.finish(t.entry.id, t.due, below(2) == 0);
          }
        }
      }
      ASSERT_EQ(q.size(), twin.size());
    }
  }
}

}  // namespace
}  // namespace taxgate::queue
