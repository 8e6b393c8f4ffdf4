#pragma once
// Values found by a text that they carry themselves: open addressing, 64 bits of the text's hash and the value a slot,
// so that a look costs one place of memory where a tree or a list of nodes costs several. It answers with candidates
// and the caller's comparison decides, so a collision costs a comparison and is never wrong. Not thread-safe.
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace taxgate {

/// V: moves cheaply; a V{} stands for a free slot and cannot be kept.
template <class V>
class TextIndex {
 public:
  /// seed: random per process, so that nobody outside can aim at one slot
  explicit TextIndex(std::uint64_t seed) : seed_(seed), slots_(kFirstSlots) {}

  /// Several values may have the same text.
  V& add(std::string_view text, V value) {
    if ((used_ + 1) * 10 > slots_.size() * 7) grow();  // linear probing degrades quickly past 70 %
    ++used_;
    return insert(hash(text), std::move(value));
  }
  /// The first candidate for which is(value); nullptr: none. Good until the next add() or take().
  template <class Is>
  V* find(std::string_view text, Is is) {
    const std::size_t at = place(text, is);
    return at == kNone ? nullptr : &slots_[at].value;
  }
  template <class Is>
  const V* find(std::string_view text, Is is) const {
    const std::size_t at = place(text, is);
    return at == kNone ? nullptr : &slots_[at].value;
  }
  /// Removes the first candidate for which is(value), and hands it over; V{}: none.
  template <class Is>
  V take(std::string_view text, Is is) {
    std::size_t gap = place(text, is);
    if (gap == kNone) return {};
    V taken = std::move(slots_[gap].value);
    // Close the gap: whoever probed past this slot must still be found.
    for (std::size_t j = next(gap); used(slots_[j]); j = next(j)) {
      const std::size_t home = slots_[j].hash & mask();
      if (((j - home) & mask()) < ((j - gap) & mask())) continue;
      slots_[gap] = std::move(slots_[j]);
      gap = j;
    }
    slots_[gap] = {};
    --used_;
    return taken;
  }
  /// Every value, in no order; see(value) may not add or take.
  template <class See>
  void all(See see) const {
    for (const Slot& slot : slots_)
      if (used(slot)) see(slot.value);
  }
  std::size_t size() const { return used_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    V value{};
  };
  static constexpr std::size_t kFirstSlots = 1024, kNone = SIZE_MAX;

  static bool used(const Slot& slot) { return !(slot.value == V{}); }
  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t next(std::size_t at) const { return (at + 1) & mask(); }

  template <class Is>
  std::size_t place(std::string_view text, Is& is) const {
    const std::uint64_t wanted = hash(text);
    for (std::size_t i = wanted & mask(); used(slots_[i]); i = next(i))
      if (slots_[i].hash == wanted && is(slots_[i].value)) return i;
    return kNone;
  }
  V& insert(std::uint64_t hash, V value) {
    std::size_t i = hash & mask();
    while (used(slots_[i])) i = next(i);
    slots_[i] = {hash, std::move(value)};
    return slots_[i].value;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old)
      if (used(slot)) insert(slot.hash, std::move(slot.value));
  }

  // 128-bit multiply and fold: two instructions that spread every input bit over the result.
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  }
  std::uint64_t hash(std::string_view text) const {
    constexpr std::uint64_t kOdd1 = 0x9E3779B97F4A7C15ULL, kOdd2 = 0xD6E8FEB86659FD93ULL;
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

  std::uint64_t seed_;
  std::vector<Slot> slots_;  // a power of two
  std::size_t used_ = 0;
};

}  // namespace taxgate
