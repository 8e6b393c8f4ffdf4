#pragma once
// In memory only: which submissions may carry a given text (idempotency key, lane). It answers with candidates; the
// caller reads the row and compares, so a collision costs a read and is never wrong. It exists because a unique b-tree
// in the order of random keys costs SQLite half its commit rate (performance.md); 16 bytes an entry, rebuilt at start.
// One thread changes it, any thread may look; never holds its lock while SQL runs.
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <vector>

namespace taxgate::store {

class SeqIndex {
 public:
  /// seed: random per process, so that nobody outside can aim at one slot
  explicit SeqIndex(std::uint64_t seed) : seed_(seed), slots_(kFirstSlots) {}

  void add(std::string_view text, std::int64_t seq);
  /// Takes back one add() of a transaction that failed.
  void remove(std::string_view text, std::int64_t seq);
  /// Ascending seqs whose text may be `text`.
  std::vector<std::int64_t> find(std::string_view text) const;
  std::size_t size() const;

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::int64_t seq = 0;  // 0: free
  };
  static constexpr std::size_t kFirstSlots = 1024;

  std::uint64_t hash(std::string_view text) const;
  void insert(Slot slot);
  void grow();

  const std::uint64_t seed_;
  mutable std::shared_mutex mutex_;
  std::vector<Slot> slots_;  // a power of two
  std::size_t used_ = 0;
};

}  // namespace taxgate::store
