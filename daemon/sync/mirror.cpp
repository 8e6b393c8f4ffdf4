#include "daemon/sync/mirror.h"

#include <algorithm>
#include <array>

namespace taxgate::sync {

void Mirror::Leaf::grow() {
  const std::uint32_t wider = std::min(kLeaf, std::max(kFirstLeaf, capacity * 4));
  auto words_now = std::make_unique_for_overwrite<std::uint64_t[]>(std::size_t{2} * wider);
  std::copy_n(rests(), count, words_now.get());
  if (count != 0) std::copy_n(tags(), count, words_now.get() + wider);
  words = std::move(words_now);
  capacity = wider;
}

void Mirror::Leaf::insert(std::uint32_t at, std::uint64_t rest, std::uint64_t tag) {
  if (count == capacity) grow();
  std::copy_backward(rests() + at, rests() + count, rests() + count + 1);
  std::copy_backward(tags() + at, tags() + count, tags() + count + 1);
  rests()[at] = rest;
  tags()[at] = tag;
  ++count;
}

std::size_t Mirror::Partition::leaf_of(std::uint64_t rest) const {
  // The first entry is 0, so there is always one that is not above. No branch on data, as in position().
  const std::uint64_t* base = firsts.data();
  for (std::size_t n = firsts.size(); n > 1;) {
    const std::size_t half = n / 2;
    base = base[half] <= rest ? base + half : base;
    n -= half;
  }
  return static_cast<std::size_t>(base - firsts.data());
}

std::uint32_t Mirror::position(const Leaf& leaf, std::uint64_t rest) {
  // No branch on data: the search of a random key would guess wrong at every second step.
  const std::uint64_t* base = leaf.rests();
  std::uint32_t n = leaf.count;
  while (n > 1) {
    const std::uint32_t half = n / 2;
    base = base[half - 1] < rest ? base + half : base;
    n -= half;
  }
  return static_cast<std::uint32_t>(base - leaf.rests()) + ((n == 1 && *base < rest) ? 1U : 0U);
}

const Mirror::Partition* Mirror::partition(std::uint32_t id) const {
  if (last_partition_ != nullptr && last_partition_->id == id) return last_partition_;
  const auto at = std::lower_bound(partitions_.begin(), partitions_.end(), id,
                                   [](const auto& p, std::uint32_t wanted) { return p->id < wanted; });
  if (at == partitions_.end() || (*at)->id != id) return nullptr;
  return last_partition_ = at->get();
}

Mirror::Partition& Mirror::make_partition(std::uint32_t id) {
  const auto at = std::lower_bound(partitions_.begin(), partitions_.end(), id,
                                   [](const auto& p, std::uint32_t wanted) { return p->id < wanted; });
  if (at != partitions_.end() && (*at)->id == id) return **at;
  auto made = std::make_unique<Partition>();
  made->id = id;
  made->firsts.push_back(0);
  made->leaves.emplace_back();
  return **partitions_.insert(at, std::move(made));
}

std::optional<std::uint16_t> Mirror::intern(PlatformStatus status) {
  const auto known = status_index_.find(status.bits);
  if (known != status_index_.end()) return known->second;
  if (statuses_.size() == kMaxStatuses) return std::nullopt;
  const auto index = static_cast<std::uint16_t>(statuses_.size());
  statuses_.push_back(status);
  status_index_.emplace(status.bits, index);
  return index;
}

bool Mirror::put(const InvoiceKey& key, PlatformStatus status, std::uint64_t hash) {
  const auto index = intern(status);
  if (!index) return false;
  const std::uint64_t tag = hash << (64 - kHashBits) | *index;
  Partition& p = make_partition(key.partition);
  std::size_t leaf = p.leaf_of(key.rest);
  std::uint32_t at = position(p.leaves[leaf], key.rest);
  if (at < p.leaves[leaf].count && p.leaves[leaf].rests()[at] == key.rest) {
    std::uint64_t& now = p.leaves[leaf].tags()[at];
    now = tag | (now & kSeen);
    return true;
  }
  if (p.leaves[leaf].count == kLeaf) {
    // Behind the last entry of all: a fresh leaf, so that a sorted load fills every leaf. Elsewhere: in halves.
    const bool last = leaf + 1 == p.leaves.size() && at == kLeaf;
    Leaf upper;
    while (upper.capacity < kLeaf) upper.grow();
    if (!last) {
      Leaf& lower = p.leaves[leaf];
      constexpr std::uint32_t kHalf = kLeaf / 2;
      std::copy_n(lower.rests() + kHalf, kHalf, upper.rests());
      std::copy_n(lower.tags() + kHalf, kHalf, upper.tags());
      lower.count = upper.count = kHalf;
    }
    const std::uint64_t first = last ? key.rest : upper.rests()[0];
    p.leaves.insert(p.leaves.begin() + static_cast<std::ptrdiff_t>(leaf) + 1, std::move(upper));
    p.firsts.insert(p.firsts.begin() + static_cast<std::ptrdiff_t>(leaf) + 1, first);
    if (key.rest >= first) ++leaf;
    at = position(p.leaves[leaf], key.rest);
  }
  p.leaves[leaf].insert(at, key.rest, tag);
  ++size_;
  // A listing in order goes on behind what it has just added.
  cursor_ = &p;
  cursor_leaf_ = leaf;
  cursor_at_ = at + 1;
  return true;
}

std::optional<Mirror::Known> Mirror::find(const InvoiceKey& key) const {
  const Partition* p = partition(key.partition);
  if (p == nullptr) return std::nullopt;
  const Leaf& leaf = p->leaves[p->leaf_of(key.rest)];
  const auto at = position(leaf, key.rest);
  if (at >= leaf.count || leaf.rests()[at] != key.rest) return std::nullopt;
  const std::uint64_t tag = leaf.tags()[at];
  return Known{hash_of(tag), status_of(tag), seen(tag)};
}

bool Mirror::follows(const InvoiceKey& key) const {
  if (cursor_ == nullptr || cursor_->id != key.partition) return false;
  if (cursor_at_ < cursor_->leaves[cursor_leaf_].count)
    return cursor_->leaves[cursor_leaf_].rests()[cursor_at_] == key.rest;
  return cursor_leaf_ + 1 < cursor_->leaves.size() && cursor_->firsts[cursor_leaf_ + 1] == key.rest;
}

Mirror::Place Mirror::locate(const InvoiceKey& key) {
  if (cursor_ != nullptr && cursor_->id == key.partition) {
    const Leaf* leaf = &cursor_->leaves[cursor_leaf_];
    if (cursor_at_ == leaf->count && cursor_leaf_ + 1 < cursor_->leaves.size()) {
      leaf = &cursor_->leaves[++cursor_leaf_];
      cursor_at_ = 0;
      // The walk goes on here: the next leaf is fetched while this one is compared.
      if (cursor_leaf_ + 1 < cursor_->leaves.size()) {
        const Leaf& next = cursor_->leaves[cursor_leaf_ + 1];
        __builtin_prefetch(next.rests());
        __builtin_prefetch(next.tags());
      }
    }
    if (cursor_at_ < leaf->count && leaf->rests()[cursor_at_] == key.rest) return {&leaf->tags()[cursor_at_++]};
  }
  const Partition* p = partition(key.partition);
  if (p == nullptr) return {};
  const std::size_t leaf = p->leaf_of(key.rest);
  const Leaf& l = p->leaves[leaf];
  const auto at = position(l, key.rest);
  if (at >= l.count || l.rests()[at] != key.rest) return {};
  cursor_ = p;
  cursor_leaf_ = leaf;
  cursor_at_ = at + 1;
  return {&l.tags()[at]};
}

void Mirror::locate_many(std::span<const InvoiceKey> keys, Place* places) {
  // Searches side by side, one step of each after another: the waits for memory overlap instead of adding up.
  constexpr std::size_t kGroup = 32;
  struct Search {
    const std::uint64_t* base;
    const Leaf* leaf;
    std::uint32_t left;
  };
  std::array<Search, kGroup> group;
  for (std::size_t from = 0; from < keys.size(); from += kGroup) {
    const std::size_t n = std::min(kGroup, keys.size() - from);
    for (std::size_t i = 0; i < n; ++i) {
      const Partition* p = partition(keys[from + i].partition);
      const Leaf* leaf = p == nullptr ? nullptr : &p->leaves[p->leaf_of(keys[from + i].rest)];
      group[i] = {nullptr, leaf, 0};
      if (leaf != nullptr) __builtin_prefetch(leaf);
    }
    std::uint32_t longest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      Search& s = group[i];
      if (s.leaf == nullptr) continue;
      s.base = s.leaf->rests();
      s.left = s.leaf->count;
      longest = std::max(longest, s.left);
      if (s.left > 1) __builtin_prefetch(s.base + s.left / 2 - 1);
    }
    for (; longest > 1; longest -= longest / 2)
      for (std::size_t i = 0; i < n; ++i) {
        Search& s = group[i];
        if (s.left <= 1) continue;
        const std::uint32_t half = s.left / 2;
        s.base = s.base[half - 1] < keys[from + i].rest ? s.base + half : s.base;
        s.left -= half;
        if (s.left > 1) __builtin_prefetch(s.base + s.left / 2 - 1);
      }
    for (std::size_t i = 0; i < n; ++i) {
      const Search& s = group[i];
      places[from + i] = {};
      if (s.leaf == nullptr || s.leaf->count == 0) continue;
      auto at = static_cast<std::size_t>(s.base - s.leaf->rests());
      if (*s.base < keys[from + i].rest) ++at;
      if (at >= s.leaf->count || s.leaf->rests()[at] != keys[from + i].rest) continue;
      places[from + i] = {&s.leaf->tags()[at]};
      __builtin_prefetch(places[from + i].tag, 1);
    }
  }
  if (!keys.empty()) locate(keys.back());  // a listing in order walks on from there
}

std::size_t Mirror::size(std::uint32_t first, std::uint32_t last) const {
  std::size_t sum = 0;
  for (const auto& p : partitions_) {
    if (p->id < first || p->id > last) continue;
    for (const auto& leaf : p->leaves) sum += leaf.count;
  }
  return sum;
}

std::size_t Mirror::bytes() const {
  std::size_t sum = statuses_.size() * 64;
  for (const auto& p : partitions_) {
    sum += sizeof(Partition) + p->firsts.capacity() * 8 + p->leaves.capacity() * sizeof(Leaf);
    for (const auto& leaf : p->leaves) sum += std::size_t{16} * leaf.capacity;
  }
  return sum;
}

void Mirror::clear() { *this = Mirror(); }

void Mirror::begin() {
  for (const auto& p : partitions_)
    for (const auto& leaf : p->leaves)
      for (std::uint32_t i = 0; i < leaf.count; ++i) leaf.tags()[i] &= ~kSeen;
  cursor_ = nullptr;
}

void Mirror::unseen(std::uint32_t first, std::uint32_t last,
                    const std::function<bool(const InvoiceKey&, PlatformStatus)>& each) const {
  for (const auto& p : partitions_) {
    if (p->id < first || p->id > last) continue;
    for (const auto& leaf : p->leaves)
      for (std::uint32_t i = 0; i < leaf.count; ++i)
        if (!seen(leaf.tags()[i]) && !each({p->id, leaf.rests()[i]}, status_of(leaf.tags()[i]))) return;
  }
}

void Mirror::each(const std::function<void(const InvoiceKey&, const Known&)>& each) const {
  for (const auto& p : partitions_)
    for (const auto& leaf : p->leaves)
      for (std::uint32_t i = 0; i < leaf.count; ++i) {
        const std::uint64_t tag = leaf.tags()[i];
        each({p->id, leaf.rests()[i]}, {hash_of(tag), status_of(tag), seen(tag)});
      }
}

void Mirror::pick(std::uint32_t first, std::uint32_t last, std::span<const std::uint64_t> places,
                  const std::function<void(const InvoiceKey&, const Known&)>& each) const {
  std::uint64_t before = 0;  // entries of the range in the leaves passed
  for (const auto& p : partitions_) {
    if (p->id < first || p->id > last) continue;
    for (const auto& leaf : p->leaves) {
      for (; !places.empty() && places.front() < before + leaf.count; places = places.subspan(1)) {
        const std::uint64_t tag = leaf.tags()[places.front() - before];
        each({p->id, leaf.rests()[places.front() - before]}, {hash_of(tag), status_of(tag), seen(tag)});
      }
      before += leaf.count;
    }
  }
}

}  // namespace taxgate::sync
