#pragma once
// The time of day, for logs, certificates and what a person reads. Deadlines use the event loop's clock.
#include <chrono>
#include <cstdint>

namespace taxgate::keyd {

inline std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace taxgate::keyd
