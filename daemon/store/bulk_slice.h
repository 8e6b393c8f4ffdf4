#pragma once
// When a transaction of bulk work (an import, a night) must end. Writer thread only. Private to this room.
#include <algorithm>
#include <chrono>
#include <cstddef>

#include "daemon/core/limits.h"
#include "daemon/store/session.h"

namespace taxgate::store {

/// While somebody waits for an answer: after limits::kBulkSlice or `rows`. While nobody does, kAlone times as much, so
/// that a first load or a night is not mostly flushes; whoever arrives meanwhile waits for the rows until the next look
/// and for the commit of what is there, some tens of milliseconds, once.
class BulkSlice {
 public:
  /// rows  of one transaction.  look  rows between two looks at the clock, also the least a transaction does: on a
  /// starved machine 5 ms may pass within a few rows, and a flush for each of them would make it worse.
  BulkSlice(const Session& session, std::size_t rows, std::size_t look)
      : session_(session), rows_(rows), look_(std::min(look, rows)) {}

  /// Before each row: one more?
  bool more() {
    if (done_ == kAlone * rows_) return false;
    if (done_ != 0 && done_ % look_ == 0 && over()) return false;
    ++done_;
    return true;
  }
  /// Before several rows at once: how many of `wanted`, up to the next look. 0: no more.
  std::size_t take(std::size_t wanted) {
    std::size_t count = 0;
    while (count < wanted && count < look_ && more()) ++count;
    return count;
  }

 private:
  static constexpr int kAlone = 8;

  bool over() const {
    const auto passed = std::chrono::steady_clock::now() - begun_;
    if (session_.somebody_waits()) return done_ >= rows_ || passed >= limits::kBulkSlice;
    return passed >= kAlone * limits::kBulkSlice;
  }

  const Session& session_;
  const std::size_t rows_, look_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::size_t done_ = 0;
};

}  // namespace taxgate::store
