#include "daemon/platform/budget.h"

#include <algorithm>

namespace taxgate::platform {

void Budget::forget(std::int64_t now_ms) {
  while (!last_second_.empty() && last_second_.front() + kSecondMs <= now_ms) last_second_.pop_front();
  const std::int64_t bucket = now_ms / kBucketMs;
  if (newest_ < 0) newest_ = bucket;
  const std::int64_t steps = std::min(bucket - newest_, kBuckets);
  for (std::int64_t i = 1; i <= steps; ++i) {
    auto& oldest = buckets_[static_cast<std::size_t>((newest_ + i) % kBuckets)];
    today_ -= oldest;
    oldest = 0;
  }
  newest_ = std::max(newest_, bucket);
}

Budget::Decision Budget::take(std::int64_t now_ms) {
  forget(now_ms);
  if (today_ >= per_day_) return {false, true, kBucketMs - now_ms % kBucketMs};
  if (static_cast<std::int64_t>(last_second_.size()) >= per_second_)
    return {false, false, last_second_.front() + kSecondMs - now_ms};
  last_second_.push_back(now_ms);
  ++buckets_[static_cast<std::size_t>(newest_ % kBuckets)];
  ++today_;
  return {true, false, 0};
}

std::int64_t Budget::left_today(std::int64_t now_ms) {
  forget(now_ms);
  return std::max<std::int64_t>(0, per_day_ - today_);
}

}  // namespace taxgate::platform
