// Taxpayers share the queue. Virtual time: each taxpayer has keys that take their time for one submission after
// another.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "daemon/queue/queue.h"

namespace taxgate::queue {
namespace {

const LegalTime kToday{1'795'300'000'000};

store::OpenEntry queued(const std::string& taxpayer, std::int64_t seq) {
  const std::string id = taxpayer + "-" + std::to_string(seq);
  return {.id = id, .lane = id, .taxpayer = taxpayer, .seq = seq, .state = State::queued, .deadline = {}};
}

/// Works the queue off in virtual milliseconds; each taxpayer's keys sign one at a time each, and take `sign_ms`.
class Works {
 public:
  struct Keys {
    int number = 1;
    SteadyMs sign_ms = 20;
  };
  Works(Queue& queue, std::map<std::string, Keys> keys) : queue_(queue), keys_(std::move(keys)) {
    for (const auto& [taxpayer, its] : keys_) free_at_[taxpayer].assign(static_cast<std::size_t>(its.number), 0);
  }

  /// Runs until `taxpayer` has nothing left, or the time is up. returns when its last was signed
  SteadyMs until_done(const std::string& taxpayer, int submissions, SteadyMs limit) {
    while (done_[taxpayer] < submissions && now_ < limit) {
      while (const auto id = queue_.next(now_, kToday)) {
        const std::string whose = id->substr(0, id->find('-'));
        auto& free_at = free_at_[whose];
        const auto key = std::ranges::min_element(free_at);
        *key = std::max(*key, now_) + keys_.at(whose).sign_ms;
        ends_.emplace(*key, *id);
      }
      const auto due = queue_.next_due();
      if (due && (ends_.empty() || *due < ends_.begin()->first)) {
        now_ = *due;
        continue;
      }
      if (ends_.empty()) break;
      now_ = ends_.begin()->first;
      const std::string id = ends_.begin()->second;
      ends_.erase(ends_.begin());
      queue_.moved(id, State::issued, {});
      ++done_[id.substr(0, id.find('-'))];
    }
    return now_;
  }
  int done(const std::string& taxpayer) { return done_[taxpayer]; }

 private:
  Queue& queue_;
  SteadyMs now_ = 0;
  std::map<std::string, Keys> keys_;
  std::map<std::string, std::vector<SteadyMs>> free_at_;
  std::multimap<SteadyMs, std::string> ends_;
  std::map<std::string, int> done_;
};

TEST(QueueFairness, TenThousandOfOneTaxpayerDoNotDelayAnother) {
  Queue queue({.max_active = 64});
  std::int64_t seq = 0;
  for (int i = 0; i < 10'000; ++i) queue.add(queued("A", ++seq), 0);
  for (int i = 0; i < 100; ++i) queue.add(queued("B", ++seq), 0);
  Works works(queue, {{"A", {}}, {"B", {}}});
  // Alone B would need 100 × 20 ms.
  EXPECT_EQ(works.until_done("B", 100, 1'000'000), 2'000);
  EXPECT_NEAR(works.done("A"), 100, 1) << "and A signs on meanwhile";
}

TEST(QueueFairness, AKeyThatIsSilentForItsWholeDeadlineStopsItsOwnTaxpayerOnly) {
  Queue queue({.max_active = 64});
  std::int64_t seq = 0;
  for (int i = 0; i < 10'000; ++i) queue.add(queued("A", ++seq), 0);
  for (int i = 0; i < 100; ++i) queue.add(queued("B", ++seq), 5'000);  // when A has long taken all it can get
  Works works(queue, {{"A", {.number = 1, .sign_ms = 10'000}}, {"B", {}}});
  EXPECT_EQ(works.until_done("B", 100, 1'000'000), 7'000);
}

TEST(QueueFairness, OneTaxpayerAloneKeepsAllItsKeysBusy) {
  for (const int keys : {1, 2, 4}) {
    Queue queue({.max_active = 64});
    for (int i = 0; i < 1'000; ++i) queue.add(queued("A", i), 0);
    Works works(queue, {{"A", {.number = keys}}});
    EXPECT_EQ(works.until_done("A", 1'000, 1'000'000), 1'000 / keys * 20) << keys << " keys";
  }
}

TEST(QueueFairness, ManyTaxpayersTakeTurns) {
  Queue queue({.max_active = 8});
  std::int64_t seq = 0;
  for (int i = 0; i < 1'000; ++i) queue.add(queued("A", ++seq), 0);
  for (const char* taxpayer : {"B", "C", "D"})
    for (int i = 0; i < 10; ++i) queue.add(queued(taxpayer, ++seq), 0);
  std::map<char, int> picked;
  while (const auto id = queue.next(0, kToday)) ++picked[id->front()];
  EXPECT_EQ(picked, (std::map<char, int>{{'A', 2}, {'B', 2}, {'C', 2}, {'D', 2}}));
}

TEST(QueueFairness, ANearDeadlineGoesBeforeEverybodysCalmWorkAndAnEqualOneKeepsTheOrder) {
  Queue queue({.max_active = 64});
  std::int64_t seq = 0;
  for (int i = 0; i < 100; ++i) queue.add(queued("A", ++seq), 0);
  for (const char* taxpayer : {"B", "C"}) queue.add(queued(taxpayer, ++seq), 0);
  auto urgent = queued("A", ++seq);
  urgent.deadline = kToday.plus_ms(LegalTime::kHourMs);
  queue.add(urgent, 0);
  EXPECT_EQ(queue.next(0, kToday), urgent.id);
  EXPECT_EQ(queue.next(0, kToday)->front(), 'B') << "A had its turn";
  auto first = queued("C", ++seq), second = queued("C", ++seq);
  first.deadline = second.deadline = urgent.deadline;
  queue.add(first, 0);
  queue.add(second, 1);
  EXPECT_EQ(queue.next(0, kToday), first.id);
  EXPECT_EQ(queue.next(1, kToday.plus_ms(1)), second.id);
}

TEST(QueueFairness, AHeldTaxpayersBacklogIsInNobodysWay) {
  Queue queue({.max_active = 64});
  std::int64_t seq = 0;
  queue.hold("A");
  for (int i = 0; i < 10'000; ++i) queue.add(queued("A", ++seq), 0);
  queue.add(queued("B", ++seq), 0);
  EXPECT_EQ(queue.next(0, kToday)->front(), 'B');
  EXPECT_FALSE(queue.next(0, kToday));
  queue.release("A", 0);
  int picked = 0;
  while (queue.next(0, kToday)) ++picked;
  EXPECT_EQ(picked, 48) << "a quarter of the active set is left for others";
}

}  // namespace
}  // namespace taxgate::queue
