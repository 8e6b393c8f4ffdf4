#pragma once
// In memory only: which submissions are not final, a bit a journal row. Start and the lists of open states read these
// rows and none of the others, without an index that every acceptance would have to write. Rebuilt at start by the same
// scan as the other indexes. One thread changes it, any thread may look; never holds its lock while SQL runs.
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace taxgate::store {

class OpenSet {
 public:
  void set(std::int64_t seq, bool open);
  /// The smallest open seq above `after`; 0: none. The row decides: what is read may be older or newer than this.
  std::int64_t next(std::int64_t after) const;

 private:
  mutable std::shared_mutex mutex_;
  std::vector<std::uint64_t> bits_;
};

}  // namespace taxgate::store
