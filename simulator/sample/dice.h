#pragma once
// Reproducible randomness for the generator: the standard's distributions may differ between libraries, this does not.
#include <cstdint>
#include <utility>
#include <vector>

namespace taxgate::sample {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {  // SplitMix64
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// low ≤ result ≤ high
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(from.size()) - 1))];
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(i) - 1))]);
  }

 private:
  std::uint64_t state_;
};

/// Deals `count` cards in proportion to `shares`, rounded so that they add up, then shuffled.
template <class T>
std::vector<T> deal(Dice& dice, int count, const std::vector<std::pair<T, int>>& shares) {
  std::vector<T> cards;
  int whole = 0, seen = 0, dealt = 0;
  for (const auto& [card, share] : shares) whole += share;
  for (const auto& [card, share] : shares) {
    seen += share;
    for (; dealt < (count * seen + whole / 2) / whole; ++dealt) cards.push_back(card);
  }
  dice.shuffle(cards);
  return cards;
}

}  // namespace taxgate::sample
