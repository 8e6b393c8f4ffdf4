#include "daemon/platform/budget.h"

#include <algorithm>

namespace taxgate::platform {

void Budget::Sliding::forget(std::int64_t now_ms) {
  const std::int64_t bucket = now_ms / bucket_ms_;
  if (newest_ < 0) newest_ = bucket;
  const std::int64_t steps = std::min(bucket - newest_, static_cast<std::int64_t>(buckets_.size()));
  for (std::int64_t i = 1; i <= steps; ++i) {
    auto& oldest = buckets_[static_cast<std::size_t>(newest_ + i) % buckets_.size()];
    sum_ -= oldest;
    oldest = 0;
  }
  newest_ = std::max(newest_, bucket);
}

void Budget::forget(std::int64_t now_ms) {
  while (!last_second_.empty() && last_second_.front() + kSecondMs <= now_ms) last_second_.pop_front();
  minute_.forget(now_ms);
  hour_.forget(now_ms);
  day_.forget(now_ms);
}

std::int64_t Budget::for_caller(std::int64_t bound, bool can_wait) const {
  // At least one: a bound of one call must not keep the night away for ever.
  return can_wait ? std::max<std::int64_t>(1, bound * (100 - bounds_.reserve_percent) / 100) : bound;
}

Budget::Decision Budget::take(std::int64_t now_ms, bool can_wait) {
  forget(now_ms);
  if (day_.sum() >= for_caller(bounds_.per_day, can_wait)) return {false, true, day_.until_next(now_ms)};
  if (bounds_.per_hour > 0 && hour_.sum() >= for_caller(bounds_.per_hour, can_wait))
    return {false, false, hour_.until_next(now_ms)};
  if (bounds_.per_minute > 0 && minute_.sum() >= for_caller(bounds_.per_minute, can_wait))
    return {false, false, minute_.until_next(now_ms)};
  if (static_cast<std::int64_t>(last_second_.size()) >= for_caller(bounds_.per_second, can_wait))
    return {false, false, last_second_.front() + kSecondMs - now_ms};
  last_second_.push_back(now_ms);
  minute_.add();
  hour_.add();
  day_.add();
  return {true, false, 0};
}

std::int64_t Budget::left_today(std::int64_t now_ms) {
  forget(now_ms);
  return std::max<std::int64_t>(0, bounds_.per_day - day_.sum());
}

}  // namespace taxgate::platform
