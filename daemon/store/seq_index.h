#pragma once
// In memory only: which submissions may carry a given text (id, idempotency key, lane). It answers with candidates; the
// caller reads the row and compares, so a collision costs a read and is never wrong. It exists because a unique b-tree
// in the order of random keys costs SQLite half its commit rate (performance.md); 16 bytes an entry, rebuilt at start.
// One thread changes it, any thread may look; never holds its lock while SQL runs.
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <vector>

#include "daemon/core/text_index.h"

namespace taxgate::store {

class SeqIndex {
 public:
  /// seed: random per process, so that nobody outside can aim at one slot
  explicit SeqIndex(std::uint64_t seed) : seqs_(seed) {}

  void add(std::string_view text, std::int64_t seq) {
    const std::lock_guard lock(mutex_);
    seqs_.add(text, seq);
  }
  /// Takes back one add() of a transaction that failed.
  void remove(std::string_view text, std::int64_t seq) {
    const std::lock_guard lock(mutex_);
    seqs_.take(text, [seq](std::int64_t other) { return other == seq; });
  }
  /// Ascending seqs whose text may be `text`.
  std::vector<std::int64_t> find(std::string_view text) const {
    std::vector<std::int64_t> out;
    {
      const std::shared_lock lock(mutex_);
      seqs_.find(text, [&out](std::int64_t seq) {
        out.push_back(seq);
        return false;  // and on: all of them
      });
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  std::size_t size() const {
    const std::shared_lock lock(mutex_);
    return seqs_.size();
  }

 private:
  mutable std::shared_mutex mutex_;
  TextIndex<std::int64_t> seqs_;
};

}  // namespace taxgate::store
