#pragma once
// What a rival of the night sync is to the benchmark, and the comparison its nights must pass. Header only. Thread:
// one.
#include <functional>

#include "tests/bench/listing_pages.h"
#include "tests/bench/measure.h"

namespace taxgate::bench {

inline constexpr std::uint64_t kCommit = 100'000;

class Rival {
 public:
  virtual ~Rival() = default;
  virtual const char* name() const = 0;
  virtual void begin() = 0;  // of a night
  virtual void record(const listing::Record& shown) = 0;
  virtual void commit() = 0;  // durable
  virtual void end() = 0;
  virtual void each(const std::function<void(std::uint64_t rest, std::uint64_t bits)>& each) = 0;
  virtual double other_cpu() const { return 0; }  // seconds of processes of its own, so far
};

/// Each record once, with the status the platform showed last. returns  how many; throws when one is not right
inline std::uint64_t check_rival(Rival& rival, const World& world, std::uint64_t even, std::uint64_t clustered) {
  Tally tally(rival.name(), world.records);
  rival.each([&](std::uint64_t rest, std::uint64_t bits) {
    const auto i = index_of(rest);
    tally.saw(i, world.shows(i, PlatformStatus{bits}, even, clustered));
  });
  return tally.whole();
}

}  // namespace taxgate::bench
