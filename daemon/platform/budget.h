#pragma once
// The call budget: so many calls in any second, minute, hour and 24 hours, shared by day work and the night's sync.
// Sliding, so that a midnight or a full second does not double it. The platform's real limits are not published; these
// are ours. Pure; time is an argument (steady milliseconds, never running backwards). Thread: the owner's.
#include <cstdint>
#include <deque>
#include <vector>

namespace taxgate::platform {

class Budget {
 public:
  struct Bounds {
    int per_second = 1;
    std::int64_t per_day = 1;
    std::int64_t per_minute = 0, per_hour = 0;  // 0: no such bound
    int reserve_percent = 0;                    // of each bound: not for calls that can wait
  };
  Budget(int per_second, std::int64_t per_day) : Budget(Bounds{per_second, per_day}) {}
  explicit Budget(Bounds bounds) : bounds_(bounds) {}

  struct Decision {
    bool granted = false;
    bool day_spent = false;    // nothing for a long time: shed the call instead of keeping it waiting
    std::int64_t wait_ms = 0;  // until the next try makes sense, when not granted
  };
  /// Takes one call when all windows have room. can_wait: leaves the reserve alone.
  Decision take(std::int64_t now_ms, bool can_wait = false);
  std::int64_t left_today(std::int64_t now_ms);
  /// Other bounds from now on; calls already taken count against them.
  void limit(const Bounds& bounds) { bounds_ = bounds; }

 private:
  /// Calls of the last `buckets` × `bucket_ms`, one bucket more at most: few numbers instead of one a call.
  class Sliding {
   public:
    Sliding(std::int64_t bucket_ms, std::size_t buckets) : bucket_ms_(bucket_ms), buckets_(buckets) {}
    void forget(std::int64_t now_ms);
    void add() { ++sum_, ++buckets_[static_cast<std::size_t>(newest_) % buckets_.size()]; }
    std::int64_t sum() const { return sum_; }
    std::int64_t until_next(std::int64_t now_ms) const { return bucket_ms_ - now_ms % bucket_ms_; }

   private:
    std::int64_t bucket_ms_, newest_ = -1, sum_ = 0;
    std::vector<std::int64_t> buckets_;
  };
  static constexpr std::int64_t kSecondMs = 1000, kMinuteMs = 60 * kSecondMs;
  std::int64_t for_caller(std::int64_t bound, bool can_wait) const;
  void forget(std::int64_t now_ms);

  Bounds bounds_;
  std::deque<std::int64_t> last_second_;
  Sliding minute_{kSecondMs, 61}, hour_{kMinuteMs, 61}, day_{10 * kMinuteMs, 145};
};

}  // namespace taxgate::platform
