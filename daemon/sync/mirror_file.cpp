// The mirror as bytes. Nothing read back is trusted: a flipped bit anywhere makes the whole file worthless, which costs
// a scan of the store's status table and nothing else.
#include <array>
#include <limits>

#include "daemon/sync/mirror.h"

namespace taxgate::sync {
namespace {

constexpr std::uint64_t kMagic = 0x3130'5252'494D'4754;  // "TGMIRR01", little-endian; the last two are the version
// Words are written as they lie: a file from a machine of the other byte order has another magic and is not taken.

/// What stands for everything written so far.
std::uint64_t sealed(std::uint64_t so_far, ByteView piece) {
  return detail::fold(so_far ^ 0x9E3779B97F4A7C15, (fingerprint(piece) << 1U) | 1U) + piece.size();
}

ByteView bytes_of(std::span<const std::uint64_t> words) {
  return {reinterpret_cast<const std::uint8_t*>(words.data()), words.size_bytes()};
}

}  // namespace

void Mirror::save(std::int64_t stamp, const std::function<void(ByteView)>& sink) const {
  std::uint64_t check = 0;
  const auto write = [&](std::span<const std::uint64_t> words) {
    if (words.empty()) return;
    check = sealed(check, bytes_of(words));
    sink(bytes_of(words));
  };
  const std::array<std::uint64_t, 5> head{kMagic, static_cast<std::uint64_t>(stamp), size_, statuses_.size(),
                                          partitions_.size()};
  write(head);
  for (const auto& status : statuses_) write(std::array{status.bits});
  for (const auto& p : partitions_) {
    write(std::array<std::uint64_t, 2>{p->id, p->leaves.size()});
    for (const auto& leaf : p->leaves) {
      write(std::array<std::uint64_t, 1>{leaf.count});
      write({leaf.rests(), leaf.count});
      write({leaf.tags(), leaf.count});
    }
  }
  const std::array<std::uint64_t, 1> end{check};
  sink(bytes_of(end));
}

struct Mirror::Input {
  const std::function<bool(std::span<std::uint8_t>)>& source;
  std::uint64_t check = 0;
  bool read(std::span<std::uint64_t> words) {
    if (words.empty()) return true;
    const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(words.data()), words.size_bytes());
    if (!source(bytes)) return false;
    check = sealed(check, bytes);
    return true;
  }
};

bool Mirror::load_leaf(Input& in, Partition& p) {
  std::array<std::uint64_t, 1> count{};
  if (!in.read(count) || count[0] == 0 || count[0] > kLeaf) return false;
  Leaf leaf;
  while (leaf.capacity < count[0]) leaf.grow();
  leaf.count = static_cast<std::uint32_t>(count[0]);
  if (!in.read({leaf.rests(), leaf.count}) || !in.read({leaf.tags(), leaf.count})) return false;
  const Leaf* before = p.leaves.empty() ? nullptr : &p.leaves.back();
  bool first = before == nullptr;
  std::uint64_t last = first ? 0 : before->rests()[before->count - 1];
  for (std::uint32_t i = 0; i < leaf.count; ++i) {
    if (!first && leaf.rests()[i] <= last) return false;
    first = false;
    last = leaf.rests()[i];
    if ((leaf.tags()[i] & 0xFFFF) >= statuses_.size()) return false;
  }
  p.firsts.push_back(p.leaves.empty() ? 0 : leaf.rests()[0]);
  size_ += leaf.count;
  p.leaves.push_back(std::move(leaf));
  return true;
}

bool Mirror::load_partitions(Input& in) {
  std::array<std::uint64_t, 2> head{};
  if (!in.read(head) || head[0] > std::numeric_limits<std::uint32_t>::max() || head[1] == 0) return false;
  if (!partitions_.empty() && head[0] <= partitions_.back()->id) return false;
  auto& p = *partitions_.emplace_back(std::make_unique<Partition>());
  p.id = static_cast<std::uint32_t>(head[0]);
  for (std::uint64_t i = 0; i < head[1]; ++i)
    if (!load_leaf(in, p)) return false;
  return true;
}

std::optional<std::int64_t> Mirror::load(const std::function<bool(std::span<std::uint8_t>)>& source) {
  clear();
  Input in{source};
  const auto whole = [&]() -> std::optional<std::int64_t> {
    std::array<std::uint64_t, 5> head{};
    if (!in.read(head) || head[0] != kMagic || head[3] > kMaxStatuses) return std::nullopt;
    for (std::uint64_t i = 0; i < head[3]; ++i) {
      std::array<std::uint64_t, 1> bits{};
      if (!in.read(bits) || !PlatformStatus{bits[0]}.sound() || intern({bits[0]}) != i) return std::nullopt;
    }
    for (std::uint64_t i = 0; i < head[4]; ++i)
      if (!load_partitions(in)) return std::nullopt;
    const std::uint64_t expected = in.check;
    std::array<std::uint64_t, 1> check{};
    std::array<std::uint8_t, 1> beyond{};
    if (!in.read(check) || check[0] != expected || size_ != head[2] || source(beyond)) return std::nullopt;
    return static_cast<std::int64_t>(head[1]);
  };
  const auto stamp = whole();
  if (!stamp) clear();
  return stamp;
}

}  // namespace taxgate::sync
