#include "daemon/queue/queue.h"

#include <algorithm>
#include <utility>

#include "daemon/core/random.h"

namespace taxgate::queue {
namespace {

// Signatures waited for at a time after a key came back: a few times what the keys of a taxpayer have under way.
constexpr std::size_t kTriedAtOnce = 64;

}  // namespace

Work work_of(State state) {
  switch (state) {
    case State::queued:
    case State::signing:
    case State::ready:
    case State::sending:
    case State::confirmed:
      return Work::act;
    case State::outcome_unknown:
    case State::processing:
      return Work::ask;
    case State::waiting_counterparty:
      return Work::watch;
    default:
      return Work::none;
  }
}

Queue::Queue(Limits limits) : limits_(limits), items_(SystemRandom().next64()), lanes_(SystemRandom().next64()) {}

void Queue::limit(Limits limits) {
  limits_ = limits;
  for (auto& [name, taxpayer] : taxpayers_) seat(*taxpayer);
}

Queue::Item* Queue::find(std::string_view id) const {
  const auto* found = items_.find(id, [id](const auto& item) { return item->id == id; });
  return found == nullptr ? nullptr : found->get();
}

Queue::Taxpayer& Queue::taxpayer(std::string_view name) {
  if (const auto it = taxpayers_.find(name); it != taxpayers_.end()) return *it->second;
  auto fresh = std::make_unique<Taxpayer>(name);
  const std::string_view key = fresh->name;
  return *taxpayers_.emplace(key, std::move(fresh)).first->second;
}

void Queue::seat(Taxpayer& taxpayer, int cls) {
  auto& place = taxpayer.seat[cls];
  if (place) seats_[cls].erase(*place);
  place.reset();
  if (taxpayer.ready[cls].empty() || taxpayer.active >= share()) return;
  const Key& first = taxpayer.ready[cls].begin()->first;
  place = Seat{first.first == kCalm, taxpayer.active, taxpayer.last_turn, first, &taxpayer};
  seats_[cls].insert(*place);
}

void Queue::seat(Taxpayer& taxpayer) {
  for (int cls = 0; cls < kClasses; ++cls) seat(taxpayer, cls);
}

void Queue::activate(Item& item, int by) {
  item.active = by > 0;
  active_ += by;
  item.taxpayer->active += by;
  if (by > 0) item.taxpayer->last_turn = ++turns_;
  seat(*item.taxpayer);
}

Queue::Item* const* Queue::head_of(std::string_view lane) const {
  return lanes_.find(lane, [lane](const Item* item) { return item->lane == lane; });
}

bool Queue::line_up(Item& item) {
  Item** lane = lanes_.find(item.lane, [&item](const Item* other) { return other->lane == item.lane; });
  if (lane == nullptr) {
    lanes_.add(item.lane, &item);
    return true;
  }
  Item* before = *lane;
  if (item.seq < before->seq) {
    item.behind = before;
    *lane = &item;
    return true;
  }
  while (before->behind && before->behind->seq < item.seq) before = before->behind;
  item.behind = before->behind;
  before->behind = &item;
  return false;
}

Queue::Item* Queue::leave_lane(Item& item) {
  Item** lane = lanes_.find(item.lane, [&item](const Item* other) { return other->lane == item.lane; });
  if (*lane == &item) {
    if (item.behind)
      *lane = item.behind;
    else
      lanes_.take(item.lane, [&item](const Item* other) { return other == &item; });
    return item.behind;
  }
  Item* before = *lane;
  while (before->behind != &item) before = before->behind;
  before->behind = item.behind;
  return nullptr;
}

bool Queue::head(const Item& item) const {
  Item* const* lane = head_of(item.lane);
  return lane != nullptr && *lane == &item;
}

void Queue::schedule(Item& item) {
  if (item.active || item.queued || work_of(item.state) == Work::none || !head(item)) return;
  wait_for_turn(item);
}

void Queue::wait_for_turn(Item& item) {
  item.queued = true;
  waiting_.emplace(item.due, item.seq, &item);
  if (item.failed && item.state == State::signing) item.taxpayer->unsigned_.emplace(item.seq, &item);
}

void Queue::unschedule(Item& item) {
  if (!item.queued) return;
  waiting_.erase({item.due, item.seq, &item});
  item.taxpayer->unsigned_.erase(item.seq);
  if (item.taxpayer->ready[item.cls].erase({item.rank, item.seq}) != 0) seat(*item.taxpayer, item.cls);
  item.queued = false;
}

void Queue::make_due(Item& item, SteadyMs due) {
  unschedule(item);
  item.due = due;
  schedule(item);
}

void Queue::set_deadline(Item& item, LegalTime deadline) {
  if (item.deadline.is_set()) {
    deadlines_.erase({item.deadline.ms, item.seq, &item});
    untold_.erase({item.deadline.ms, item.seq, &item});
  }
  item.deadline = deadline;
  if (!deadline.is_set()) return;
  // The newest is mostly the last: whoever is accepted in a month has its end.
  deadlines_.emplace_hint(deadlines_.end(), deadline.ms, item.seq, &item);
  if (deadline.ms < announced_until_) untold_.emplace(deadline.ms, item.seq, &item);
}

void Queue::add(store::OpenEntry entry, SteadyMs due) {
  // Every submission comes through here while its answer waits: each table is looked into once.
  if (find(entry.id) != nullptr) return;
  Item& item = *items_.add(entry.id, std::make_unique<Item>());
  item.id = std::move(entry.id);
  item.lane = std::move(entry.lane);
  item.taxpayer = &taxpayer(entry.taxpayer);
  item.seq = entry.seq;
  item.state = entry.state;
  item.due = due;
  const bool head = line_up(item);
  set_deadline(item, entry.deadline);
  if (head && work_of(item.state) != Work::none) wait_for_turn(item);
}

void Queue::moved(std::string_view id, State state, LegalTime deadline) {
  Item* item = find(id);
  if (!item) return;
  unschedule(*item);
  if (item->deadline != deadline) set_deadline(*item, deadline);
  item->state = state;
  if (!is_final(state)) return schedule(*item);
  set_deadline(*item, {});
  if (item->active) activate(*item, -1);
  Item* next = leave_lane(*item);
  const auto gone = items_.take(item->id, [item](const auto& other) { return other.get() == item; });
  if (next) schedule(*next);
}

void Queue::finish(std::string_view id, SteadyMs due, bool failed) {
  Item* item = find(id);
  if (!item || !item->active) return;
  activate(*item, -1);
  item->due = due;
  item->failed = failed;
  schedule(*item);
}

void Queue::wake(std::string_view id, SteadyMs now) {
  Item* item = find(id);
  if (item && !item->active) make_due(*item, now);
}

void Queue::wake_all(SteadyMs now) {
  items_.all([&](const auto& item) {
    if (!item->active) make_due(*item, now);
  });
}

std::size_t Queue::wake_taxpayer(std::string_view taxpayer, SteadyMs now) {
  std::size_t woken = 0;
  items_.all([&](const auto& item) {
    if (item->active || item->taxpayer->name != taxpayer) return;
    make_due(*item, now);
    ++woken;
  });
  return woken;
}

void Queue::key_ready(std::string_view name) {
  Taxpayer& one = taxpayer(name);
  one.trying_unsigned = INT64_MIN;
  trying_unsigned_.insert(&one);
}

void Queue::key_gone(std::string_view name) {
  Taxpayer& one = taxpayer(name);
  one.trying_unsigned.reset();
  trying_unsigned_.erase(&one);
}

void Queue::try_unsigned(SteadyMs now) {
  for (auto it = trying_unsigned_.begin(); it != trying_unsigned_.end();) {
    Taxpayer& one = **it;
    auto next = one.unsigned_.upper_bound(*one.trying_unsigned);
    for (std::size_t due = one.ready[1].size(); due < kTriedAtOnce && next != one.unsigned_.end(); ++due) {
      Item& item = *next->second;
      one.trying_unsigned = item.seq;
      make_due(item, now);
      next = one.unsigned_.upper_bound(item.seq);
    }
    if (next != one.unsigned_.end()) {
      ++it;
      continue;
    }
    one.trying_unsigned.reset();
    it = trying_unsigned_.erase(it);
  }
}

void Queue::promote(SteadyMs now, LegalTime legal_now) {
  try_unsigned(now);
  while (!waiting_.empty() && std::get<0>(*waiting_.begin()) <= now) {
    Item& item = *std::get<Item*>(*waiting_.begin());
    waiting_.erase(waiting_.begin());
    item.taxpayer->unsigned_.erase(item.seq);
    item.cls = work_of(item.state) == Work::watch ? 2 : item.failed ? 1 : 0;
    // Least slack first among the urgent; everything else keeps the order of acceptance.
    item.rank =
        item.deadline.is_set() && item.deadline.ms - legal_now.ms < limits_.urgent_ms ? item.deadline.ms : kCalm;
    auto& ready = item.taxpayer->ready[item.cls];
    const auto at = ready.emplace(Key{item.rank, item.seq}, &item).first;
    if (at == ready.begin()) seat(*item.taxpayer, item.cls);
  }
}

std::optional<std::string> Queue::next(SteadyMs now, LegalTime legal_now) {
  promote(now, legal_now);
  if (active_ >= limits_.max_active) return std::nullopt;
  static constexpr int kRound = kShares[0] + kShares[1] + kShares[2];
  const int slot = turn_ = (turn_ + 1) % kRound;
  const int first = slot < kShares[0] ? 0 : slot < kShares[0] + kShares[1] ? 1 : 2;
  for (int i = 0; i < kClasses; ++i) {
    const int cls = (first + i) % kClasses;
    while (!seats_[cls].empty()) {
      Taxpayer& taxpayer = *std::get<Taxpayer*>(*seats_[cls].begin());
      const auto head_of_line = taxpayer.ready[cls].begin();
      Item& item = *head_of_line->second;
      taxpayer.ready[cls].erase(head_of_line);
      item.queued = false;
      if (work_of(item.state) == Work::act && taxpayer.held) {
        // Parked outside every order until release(), so that a long hold costs no scan.
        seat(taxpayer, cls);
        continue;
      }
      activate(item, +1);
      return item.id;
    }
  }
  return std::nullopt;
}

std::optional<SteadyMs> Queue::next_due() const {
  if (waiting_.empty()) return std::nullopt;
  return std::get<0>(*waiting_.begin());
}

void Queue::hold(std::string_view name) { taxpayer(name).held = true; }

void Queue::release(std::string_view name, SteadyMs now) {
  if (std::exchange(taxpayer(name).held, false)) wake_taxpayer(name, now);
}

bool Queue::held(std::string_view name) const {
  const auto it = taxpayers_.find(name);
  return it != taxpayers_.end() && it->second->held;
}

std::optional<LegalTime> Queue::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return LegalTime{std::get<0>(*deadlines_.begin())};
}

std::optional<store::OpenEntry> Queue::entry(std::string_view id) const {
  const Item* item = find(id);
  if (!item) return std::nullopt;
  return store::OpenEntry{.id = item->id,
                          .lane = item->lane,
                          .taxpayer = item->taxpayer->name,
                          .seq = item->seq,
                          .state = item->state,
                          .deadline = item->deadline};
}

std::optional<LegalTime> Queue::next_announcement() const {
  // One that came later is before all others: its deadline lies below what was told.
  if (!untold_.empty()) return LegalTime{std::get<0>(*untold_.begin())};
  const auto next = deadlines_.lower_bound({announced_until_, INT64_MIN, nullptr});
  if (next == deadlines_.end()) return std::nullopt;
  return LegalTime{std::get<0>(*next)};
}

std::optional<std::string> Queue::claim_passed(LegalTime now) {
  if (active_ >= limits_.max_active) return std::nullopt;
  for (const auto& [at, seq, item] : deadlines_) {
    if (at > now.ms) break;
    if (item->active || work_of(item->state) == Work::watch) continue;
    unschedule(*item);
    activate(*item, +1);
    return item->id;
  }
  return std::nullopt;
}

std::vector<std::string> Queue::to_announce(LegalTime until) {
  std::vector<std::string> found;
  while (!untold_.empty() && std::get<0>(*untold_.begin()) < until.ms) {
    found.push_back(std::get<Item*>(*untold_.begin())->id);
    untold_.erase(untold_.begin());
  }
  for (auto next = deadlines_.lower_bound({announced_until_, INT64_MIN, nullptr});
       next != deadlines_.end() && std::get<0>(*next) < until.ms; ++next)
    found.push_back(std::get<Item*>(*next)->id);
  announced_until_ = std::max(announced_until_, until.ms);
  return found;
}

}  // namespace taxgate::queue
