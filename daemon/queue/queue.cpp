#include "daemon/queue/queue.h"

#include <algorithm>

namespace taxgate::queue {

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

void Queue::limit(Limits limits) {
  limits_ = limits;
  for (auto& [id, taxpayer] : taxpayers_) seat(taxpayer);
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

bool Queue::head(const Item& item) const {
  const auto lane = lanes_.find(item.entry.lane);
  return lane != lanes_.end() && lane->second.begin()->second == item.entry.id;
}

void Queue::schedule(Item& item) {
  if (item.active || item.queued || work_of(item.entry.state) == Work::none || !head(item)) return;
  item.queued = true;
  waiting_.emplace(item.due, item.entry.id);
}

void Queue::unschedule(Item& item) {
  if (!item.queued) return;
  waiting_.erase({item.due, item.entry.id});
  if (item.taxpayer->ready[item.cls].erase({item.rank, item.entry.seq}) != 0) seat(*item.taxpayer, item.cls);
  item.queued = false;
}

void Queue::add(store::OpenEntry entry, SteadyMs due) {
  const std::string id = entry.id;
  auto [it, fresh] = items_.try_emplace(id);
  if (!fresh) return;
  it->second.entry = std::move(entry);
  it->second.taxpayer = &taxpayers_[it->second.entry.taxpayer];
  it->second.due = due;
  lanes_[it->second.entry.lane].emplace(it->second.entry.seq, id);
  if (it->second.entry.deadline.is_set()) {
    deadlines_.emplace(it->second.entry.deadline.ms, id);
    unannounced_.emplace(it->second.entry.deadline.ms, id);
  }
  schedule(it->second);
}

void Queue::moved(std::string_view id, State state, LegalTime deadline) {
  const auto it = items_.find(std::string(id));
  if (it == items_.end()) return;
  Item& item = it->second;
  unschedule(item);
  if (item.entry.deadline != deadline) {
    deadlines_.erase({item.entry.deadline.ms, item.entry.id});
    unannounced_.erase({item.entry.deadline.ms, item.entry.id});
    if (deadline.is_set()) {
      deadlines_.emplace(deadline.ms, item.entry.id);
      unannounced_.emplace(deadline.ms, item.entry.id);
    }
    item.entry.deadline = deadline;
  }
  item.entry.state = state;
  if (!is_final(state)) {
    schedule(item);
    return;
  }
  deadlines_.erase({deadline.ms, item.entry.id});
  unannounced_.erase({deadline.ms, item.entry.id});
  if (item.active) activate(item, -1);
  const auto lane = lanes_.find(item.entry.lane);
  lane->second.erase(item.entry.seq);
  std::string next;
  if (lane->second.empty())
    lanes_.erase(lane);
  else
    next = lane->second.begin()->second;
  items_.erase(it);
  if (!next.empty()) schedule(items_.at(next));
}

void Queue::finish(std::string_view id, SteadyMs due, bool failed) {
  const auto it = items_.find(std::string(id));
  if (it == items_.end() || !it->second.active) return;
  activate(it->second, -1);
  it->second.due = due;
  it->second.failed = failed;
  schedule(it->second);
}

void Queue::wake(std::string_view id, SteadyMs now) {
  const auto it = items_.find(std::string(id));
  if (it == items_.end() || it->second.active) return;
  unschedule(it->second);
  it->second.due = now;
  schedule(it->second);
}

void Queue::wake_all(SteadyMs now) {
  for (auto& [id, item] : items_)
    if (!item.active) {
      unschedule(item);
      item.due = now;
      schedule(item);
    }
}

std::size_t Queue::wake_taxpayer(std::string_view taxpayer, SteadyMs now) {
  std::size_t woken = 0;
  for (auto& [id, item] : items_)
    if (!item.active && item.entry.taxpayer == taxpayer) {
      unschedule(item);
      item.due = now;
      schedule(item);
      ++woken;
    }
  return woken;
}

void Queue::promote(SteadyMs now, LegalTime legal_now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const std::string id = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    Item& item = items_.at(id);
    item.cls = work_of(item.entry.state) == Work::watch ? 2 : item.failed ? 1 : 0;
    // Least slack first among the urgent; everything else keeps the order of acceptance.
    const LegalTime deadline = item.entry.deadline;
    item.rank = deadline.is_set() && deadline.ms - legal_now.ms < limits_.urgent_ms ? deadline.ms : kCalm;
    auto& ready = item.taxpayer->ready[item.cls];
    const auto at = ready.emplace(Key{item.rank, item.entry.seq}, id).first;
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
      Item& item = items_.at(head_of_line->second);
      taxpayer.ready[cls].erase(head_of_line);
      item.queued = false;
      if (work_of(item.entry.state) == Work::act && held(item.entry.taxpayer)) {
        seat(taxpayer,
             cls);  // the item is parked outside every order until release(), so that a long hold costs no scan
        continue;
      }
      activate(item, +1);
      return item.entry.id;
    }
  }
  return std::nullopt;
}

std::optional<SteadyMs> Queue::next_due() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

void Queue::hold(std::string taxpayer) { holds_.insert(std::move(taxpayer)); }

void Queue::release(std::string_view taxpayer, SteadyMs now) {
  if (holds_.erase(std::string(taxpayer)) != 0) wake_taxpayer(taxpayer, now);
}

std::optional<LegalTime> Queue::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return LegalTime{deadlines_.begin()->first};
}

std::optional<store::OpenEntry> Queue::entry(std::string_view id) const {
  const auto it = items_.find(std::string(id));
  if (it == items_.end()) return std::nullopt;
  return it->second.entry;
}

std::optional<LegalTime> Queue::next_announcement() const {
  if (unannounced_.empty()) return std::nullopt;
  return LegalTime{unannounced_.begin()->first};
}

std::optional<std::string> Queue::claim_passed(LegalTime now) {
  if (active_ >= limits_.max_active) return std::nullopt;
  for (const auto& [at, id] : deadlines_) {
    if (at > now.ms) break;
    Item& item = items_.at(id);
    if (item.active || work_of(item.entry.state) == Work::watch) continue;
    unschedule(item);
    activate(item, +1);
    return id;
  }
  return std::nullopt;
}

std::vector<std::string> Queue::to_announce(LegalTime until) {
  std::vector<std::string> found;
  while (!unannounced_.empty() && unannounced_.begin()->first < until.ms) {
    found.push_back(unannounced_.begin()->second);
    unannounced_.erase(unannounced_.begin());
  }
  return found;
}

}  // namespace taxgate::queue
