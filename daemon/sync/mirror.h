#pragma once
// What the night compares against: for each invoice its key, the hash of its last raw record and its last status, in 16
// bytes. A disposable copy of the store's `status` table with the changes up to one sequence number; lost or damaged,
// it is filled again. Ordered, so that a sorted listing walks through it, and built of small leaves, so that it never
// moves as a whole. One thread at a time; nothing here blocks or allocates on the path of an unchanged record.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "daemon/sync/fingerprint.h"
#include "protocol/invoice_key.h"
#include "protocol/platform_status.h"

namespace taxgate::sync {

class Mirror {
 public:
  /// Different statuses at one time. Seven known tables make 27,648; unknown codes come on top.
  static constexpr std::size_t kMaxStatuses = 0xFFFF;

  struct Known {
    std::uint64_t hash = 0;  // 0: unknown
    PlatformStatus status;
    bool seen = false;  // met since begin()
  };

  /// Adds or replaces. Ascending keys are appended without search. False: kMaxStatuses would be passed (nothing done).
  bool put(const InvoiceKey& key, PlatformStatus status, std::uint64_t hash);
  std::optional<Known> find(const InvoiceKey& key) const;
  std::size_t size() const { return size_; }
  /// Of a partition range.
  std::size_t size(std::uint32_t first_partition, std::uint32_t last_partition) const;
  std::size_t bytes() const;  // of memory, about
  void clear();

  /// A new night: nothing was met yet.
  void begin();
  /// Keys of a partition range that were not met since begin(), in order, until `each` says false.
  void unseen(std::uint32_t first_partition, std::uint32_t last_partition,
              const std::function<bool(const InvoiceKey&, PlatformStatus)>& each) const;
  /// Every entry in order.
  void each(const std::function<void(const InvoiceKey&, const Known&)>& each) const;

  /// The entries of a partition range at these places, counted from 0 in order. places  ascending; those behind the
  /// last entry are left out
  void pick(std::uint32_t first_partition, std::uint32_t last_partition, std::span<const std::uint64_t> places,
            const std::function<void(const InvoiceKey&, const Known&)>& each) const;

  /// The mirror as bytes, in pieces of a few kilobytes, for a file the driver keeps between nights (docs/sync.md has
  /// the format). stamp  the change up to which this is
  void save(std::int64_t stamp, const std::function<void(ByteView)>& sink) const;
  /// Replaces everything by what save() gave. source  fills the span, false: there is not that much. returns  the
  /// stamp; nullopt: damaged, or of another version, and the mirror is empty: fill it from the store.
  std::optional<std::int64_t> load(const std::function<bool(std::span<std::uint8_t>)>& source);

  // ---- for merge_page only: places are valid until a put() adds something
  struct Place {
    std::uint64_t* tag = nullptr;  // nullptr: not there
  };
  static std::uint64_t hash_of(std::uint64_t tag) { return tag >> (64 - kHashBits); }
  static bool seen(std::uint64_t tag) { return (tag & kSeen) != 0; }
  static void mark(std::uint64_t& tag) { tag |= kSeen; }
  PlatformStatus status_of(std::uint64_t tag) const { return statuses_[tag & 0xFFFF]; }
  /// A sorted caller's way: the entry after the last one found, if it has this key; else a search.
  Place locate(const InvoiceKey& key);
  bool follows(const InvoiceKey& key) const;  // locate() would need no search
  /// locate() for many keys at once, in any order: one memory's wait for all of them. places  one a key
  void locate_many(std::span<const InvoiceKey> keys, Place* places);

 private:
  static constexpr std::uint64_t kSeen = std::uint64_t{1} << 16U;
  static constexpr std::uint32_t kLeaf = 512;      // entries: 8 KiB, searched in nine steps
  static constexpr std::uint32_t kFirstLeaf = 16;  // most (taxpayer, year) pairs of a thousand taxpayers are small

  struct Leaf {
    std::uint32_t count = 0, capacity = 0;
    std::unique_ptr<std::uint64_t[]> words;  // rests, then tags
    std::uint64_t* rests() const { return words.get(); }
    std::uint64_t* tags() const { return words.get() + capacity; }
    void grow();
    void insert(std::uint32_t at, std::uint64_t rest, std::uint64_t tag);
  };
  struct Partition {
    std::uint32_t id = 0;
    std::vector<std::uint64_t> firsts;  // of each leaf; the first one stands for everything below
    std::vector<Leaf> leaves;
    std::size_t leaf_of(std::uint64_t rest) const;
  };

  struct Input;
  bool load_partitions(Input& in);
  bool load_leaf(Input& in, Partition& partition);
  const Partition* partition(std::uint32_t id) const;
  Partition& make_partition(std::uint32_t id);
  std::optional<std::uint16_t> intern(PlatformStatus status);
  static std::uint32_t position(const Leaf& leaf, std::uint64_t rest);

  std::vector<std::unique_ptr<Partition>> partitions_;  // by id
  mutable const Partition* last_partition_ = nullptr;
  const Partition* cursor_ = nullptr;  // the entry after the last one located
  std::size_t cursor_leaf_ = 0;
  std::uint32_t cursor_at_ = 0;
  std::size_t size_ = 0;
  std::vector<PlatformStatus> statuses_;
  std::unordered_map<std::uint64_t, std::uint16_t> status_index_;
};

}  // namespace taxgate::sync
