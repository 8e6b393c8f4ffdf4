#include "daemon/store/seq_index.h"

#include <algorithm>
#include <cstring>

namespace taxgate::store {
namespace {

// 128-bit multiply and fold: two instructions that spread every input bit over the result.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

constexpr std::uint64_t kOdd1 = 0x9E3779B97F4A7C15ULL, kOdd2 = 0xD6E8FEB86659FD93ULL;

}  // namespace

std::uint64_t SeqIndex::hash(std::string_view text) const {
  std::uint64_t h = seed_ ^ mix(text.size() + kOdd1, kOdd2);
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    h = mix(h ^ word, kOdd1);
    text.remove_prefix(8);
  }
  std::uint64_t tail = 0;
  if (!text.empty()) std::memcpy(&tail, text.data(), text.size());
  return mix(h ^ tail, kOdd2);
}

void SeqIndex::insert(Slot slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = slot.hash & mask;
  while (slots_[i].seq != 0) i = (i + 1) & mask;
  slots_[i] = slot;
}

void SeqIndex::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.seq != 0) insert(slot);
}

void SeqIndex::add(std::string_view text, std::int64_t seq) {
  const std::lock_guard lock(mutex_);
  if ((used_ + 1) * 10 > slots_.size() * 7) grow();  // linear probing degrades quickly past 70 %
  insert({hash(text), seq});
  ++used_;
}

void SeqIndex::remove(std::string_view text, std::int64_t seq) {
  const std::lock_guard lock(mutex_);
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t h = hash(text);
  std::size_t i = h & mask;
  while (slots_[i].seq != 0 && !(slots_[i].hash == h && slots_[i].seq == seq)) i = (i + 1) & mask;
  if (slots_[i].seq == 0) return;
  // Close the gap: whoever probed past this slot must still be found.
  std::size_t gap = i;
  for (std::size_t j = (i + 1) & mask; slots_[j].seq != 0; j = (j + 1) & mask) {
    const std::size_t home = slots_[j].hash & mask;
    if (((j - home) & mask) >= ((j - gap) & mask)) {
      slots_[gap] = slots_[j];
      gap = j;
    }
  }
  slots_[gap] = {};
  --used_;
}

std::vector<std::int64_t> SeqIndex::find(std::string_view text) const {
  std::vector<std::int64_t> out;
  const std::shared_lock lock(mutex_);
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t h = hash(text);
  for (std::size_t i = h & mask; slots_[i].seq != 0; i = (i + 1) & mask)
    if (slots_[i].hash == h) out.push_back(slots_[i].seq);
  std::sort(out.begin(), out.end());
  return out;
}

std::size_t SeqIndex::size() const {
  const std::shared_lock lock(mutex_);
  return used_;
}

}  // namespace taxgate::store
