#include "daemon/queue/queue.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace taxgate::queue {
namespace {

const LegalTime kNow{1'795'300'000'000};

store::OpenEntry entry(const std::string& id, std::int64_t seq, const std::string& lane, State state = State::queued,
                       const std::string& taxpayer = "T") {
  return {.id = id, .lane = lane, .taxpayer = taxpayer, .seq = seq, .state = state, .deadline = {}};
}

TEST(QueueOrder, FirstInFirstOutOnOneBlueInvoiceAndOthersAreNotBlocked) {
  Queue queue({});
  queue.add(entry("a1", 1, "A"), 0);
  queue.add(entry("a2", 2, "A"), 0);
  queue.add(entry("b1", 3, "B"), 0);
  EXPECT_EQ(queue.next(0, kNow), "a1");
  EXPECT_EQ(queue.next(0, kNow), "b1");
  EXPECT_EQ(queue.next(0, kNow), std::nullopt);  // a2 waits for a1
  queue.moved("a1", State::attention, {});       // stuck: still blocks its own invoice only
  queue.finish("a1", 0, false);
  EXPECT_EQ(queue.next(0, kNow), std::nullopt);
  queue.moved("a1", State::refused, {});
  EXPECT_EQ(queue.next(0, kNow), "a2");
}

TEST(QueueOrder, WhoLeavesFromTheMiddleOrComesLateLeavesTheOthersInOrder) {
  Queue queue({});
  queue.add(entry("a2", 2, "A"), 0);
  queue.add(entry("a4", 4, "A"), 0);
  queue.add(entry("a3", 3, "A"), 0);  // between two
  queue.add(entry("a1", 1, "A"), 0);  // before all, while a2 was due already
  queue.moved("a3", State::refused, {});
  std::vector<std::string> order;
  while (const auto id = queue.next(0, kNow)) {
    order.push_back(*id);
    queue.moved(*id, State::issued, {});
    queue.finish(*id, 0, false);
  }
  EXPECT_EQ(order, (std::vector<std::string>{"a1", "a2", "a4"}));
  EXPECT_FALSE(queue.lane_busy("A"));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(QueueOrder, ABacklogOfRetriesAndPollsDoesNotStarveFreshWork) {
  Queue queue({.max_active = 1'000'000});
  for (int i = 0; i < 10'000; ++i)
    queue.add(entry("w" + std::to_string(i), i, "W" + std::to_string(i), State::waiting_counterparty), 0);
  for (int i = 0; i < 100; ++i) queue.add(entry("f" + std::to_string(i), 20'000 + i, "F" + std::to_string(i)), 0);
  int fresh = 0;
  for (int i = 0; i < 300; ++i) {
    const auto id = queue.next(0, kNow);
    ASSERT_TRUE(id);
    fresh += (*id)[0] == 'f' ? 1 : 0;
  }
  EXPECT_EQ(fresh, 100);
}

TEST(QueueOrder, AndFreshWorkDoesNotStarveWhatWaits) {
  Queue queue({.max_active = 1'000'000});
  for (int i = 0; i < 10'000; ++i) queue.add(entry("f" + std::to_string(i), i, "F" + std::to_string(i)), 0);
  queue.add(entry("w", 20'000, "W", State::waiting_counterparty), 0);
  for (int i = 0; i < 7; ++i)
    if (queue.next(0, kNow) == "w") return;
  FAIL() << "one of seven picks belongs to what waits";
}

TEST(QueueOrder, LeastSlackGoesFirstAmongTheUrgent) {
  Queue queue({});
  auto calm = entry("calm", 1, "A");
  auto soon = entry("soon", 2, "B");
  auto sooner = entry("sooner", 3, "C");
  soon.deadline = kNow.plus_ms(2 * LegalTime::kHourMs);
  sooner.deadline = kNow.plus_ms(LegalTime::kHourMs);
  queue.add(calm, 0);
  queue.add(soon, 0);
  queue.add(sooner, 0);
  EXPECT_EQ(queue.next(0, kNow), "sooner");
  EXPECT_EQ(queue.next(0, kNow), "soon");
  EXPECT_EQ(queue.next(0, kNow), "calm");
}

TEST(QueueOrder, TheActiveSetIsBounded) {
  Queue queue({.max_active = 2});
  for (int i = 0; i < 5; ++i) queue.add(entry(std::to_string(i), i, std::to_string(i)), 0);
  EXPECT_TRUE(queue.next(0, kNow));
  EXPECT_TRUE(queue.next(0, kNow));
  EXPECT_FALSE(queue.next(0, kNow));
  queue.finish("0", 100, true);
  EXPECT_TRUE(queue.next(0, kNow));
}

TEST(QueueOrder, BackOffIsWaitedFor) {
  Queue queue({});
  queue.add(entry("a", 1, "A"), 0);
  ASSERT_TRUE(queue.next(0, kNow));
  queue.finish("a", 500, true);
  EXPECT_FALSE(queue.next(499, kNow));
  EXPECT_EQ(queue.next_due(), 500);
  EXPECT_TRUE(queue.next(500, kNow));
}

TEST(QueueHolds, ActsWaitQuestionsGoOnAndReleaseWakesThem) {
  Queue queue({});
  queue.add(entry("act", 1, "A", State::queued, "T"), 0);
  queue.add(entry("ask", 2, "B", State::outcome_unknown, "T"), 0);
  queue.add(entry("other", 3, "C", State::queued, "U"), 0);
  queue.hold("T");
  std::vector<std::string> picked;
  while (auto id = queue.next(0, kNow)) picked.push_back(*id);
  std::ranges::sort(picked);
  EXPECT_EQ(picked, (std::vector<std::string>{"ask", "other"}));
  EXPECT_FALSE(queue.next(1'000'000, kNow));
  queue.release("T", 5);
  EXPECT_EQ(queue.next(5, kNow), "act");
}

TEST(QueueDeadlines, AreAnnouncedOnceBeforeTheyPassAndAgainWhenTheyMove) {
  Queue queue({});
  auto item = entry("a", 1, "A", State::waiting_counterparty);
  item.deadline = kNow.plus_ms(72 * LegalTime::kHourMs);
  queue.add(item, 0);
  EXPECT_TRUE(queue.to_announce(kNow.plus_ms(24 * LegalTime::kHourMs)).empty());
  EXPECT_EQ(queue.to_announce(kNow.plus_ms(73 * LegalTime::kHourMs)), std::vector<std::string>{"a"});
  EXPECT_TRUE(queue.to_announce(kNow.plus_ms(73 * LegalTime::kHourMs)).empty());
  queue.moved("a", State::waiting_counterparty, kNow.plus_ms(70 * LegalTime::kHourMs));
  EXPECT_EQ(queue.to_announce(kNow.plus_ms(73 * LegalTime::kHourMs)).size(), 1u);
  queue.moved("a", State::void_, {});
  EXPECT_FALSE(queue.next_deadline());
  EXPECT_EQ(queue.size(), 0u);
}

TEST(StateTable, FinalStatesLeadNowhereAndUnknownOutcomesComeOnlyFromSending) {
  for (const auto& from : states()) {
    EXPECT_EQ(from.final, from.next.empty()) << from.name;
    for (const auto& to : states()) {
      if (from.final) EXPECT_FALSE(allowed(from.state, to.state));
      if (to.state == State::sending && allowed(from.state, to.state)) EXPECT_EQ(from.state, State::ready);
    }
  }
  for (const auto& state : states()) EXPECT_EQ(state_named(state.name), state.state);
}

/// `count` submissions of taxpayer T that no key signed; each is due again in an hour.
void add_unsigned(Queue& queue, int count) {
  constexpr SteadyMs kHour = 3'600'000;
  for (int i = 0; i < count; ++i) {
    const std::string id = "s" + std::to_string(i);
    queue.add(entry(id, i + 1, id, State::signing), 0);
  }
  std::vector<std::string> claimed;
  while (auto id = queue.next(0, kNow)) claimed.push_back(*id);
  for (const auto& id : claimed) queue.finish(id, kHour, true);
}

TEST(QueueKeys, AKeyThatSignsAgainWakesWhatNoKeySignedAndNothingElse) {
  Queue queue({});
  add_unsigned(queue, 3);
  constexpr SteadyMs kLater = 3'600'000;
  queue.add(entry("form", 10, "form", State::waiting_counterparty), kLater);
  queue.add(entry("platform", 11, "platform", State::ready), kLater);
  queue.add(entry("other", 12, "other", State::signing, "U"), 0);
  EXPECT_EQ(queue.next(0, kNow), "other");
  queue.finish("other", kLater, true);
  EXPECT_EQ(queue.next(1, kNow), std::nullopt);
  queue.key_ready("T");
  for (const char* id : {"s0", "s1", "s2"}) EXPECT_EQ(queue.next(1, kNow), id);
  EXPECT_EQ(queue.next(1, kNow), std::nullopt) << "a form, the platform's own pause and another taxpayer wait on";
  queue.finish("s1", kLater, true);
  EXPECT_EQ(queue.next(1, kNow), std::nullopt) << "tried once for each time a key comes";
  queue.key_ready("T");
  EXPECT_EQ(queue.next(1, kNow), "s1");
}

TEST(QueueKeys, ALongBacklogIsTriedAFewAtATimeInOrderAndEachOnce) {
  Queue queue({.max_active = 1'000'000});
  constexpr int kMany = 5'000;
  add_unsigned(queue, kMany);
  queue.key_ready("T");
  const auto first = queue.next(1, kNow);
  ASSERT_EQ(first, "s0");
  queue.finish(*first, 3'600'000, true);
  queue.key_gone("T");
  int more = 0;
  std::vector<std::string> claimed;
  while (auto id = queue.next(1, kNow)) claimed.push_back(*id), ++more;
  EXPECT_LT(more, 200) << "one that comes and goes must not move all";
  EXPECT_GT(more, 10);
  for (const auto& id : claimed) queue.finish(id, 3'600'000, true);

  queue.key_ready("T");
  for (int i = 0; i < kMany; ++i) {
    const auto id = queue.next(1, kNow);
    ASSERT_EQ(id, "s" + std::to_string(i));
    queue.finish(*id, 3'600'000, true);
  }
  EXPECT_EQ(queue.next(1, kNow), std::nullopt);
}

}  // namespace
}  // namespace taxgate::queue
