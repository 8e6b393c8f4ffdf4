#pragma once
// The call budget: so many calls in any second and in any 24 hours, shared by day work and the night's sync. Sliding,
// so that a midnight or a full second does not double it. The platform's real limits are not published; these are ours.
// Pure; time is an argument (steady milliseconds, never running backwards). Thread: the owner's.
#include <array>
#include <cstdint>
#include <deque>

namespace taxgate::platform {

class Budget {
 public:
  Budget(int per_second, std::int64_t per_day) : per_second_(per_second), per_day_(per_day) {}

  struct Decision {
    bool granted = false;
    bool day_spent = false;    // nothing for a long time: shed the call instead of keeping it waiting
    std::int64_t wait_ms = 0;  // until the next try makes sense, when not granted
  };
  /// Takes one call when both windows have room.
  Decision take(std::int64_t now_ms);
  std::int64_t left_today(std::int64_t now_ms);
  /// Other bounds from now on; calls already taken count against them.
  void limit(int per_second, std::int64_t per_day) {
    per_second_ = per_second;
    per_day_ = per_day;
  }

 private:
  // Ten-minute buckets: a call weighs for 24 h at least and ten minutes more at most, for 145 numbers instead of
  // 100,000.
  static constexpr std::int64_t kBucketMs = 10 * 60 * 1000;
  static constexpr std::int64_t kBuckets = 145;
  static constexpr std::int64_t kSecondMs = 1000;

  void forget(std::int64_t now_ms);

  int per_second_;
  std::int64_t per_day_;
  std::deque<std::int64_t> last_second_;
  std::array<std::int64_t, kBuckets> buckets_{};
  std::int64_t newest_ = -1;  // number of the newest bucket
  std::int64_t today_ = 0;
};

}  // namespace taxgate::platform
