#pragma once
// Random tests print their seed; TAXGATE_TEST_SEED=N repeats a run.
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace taxgate::test {

inline std::mt19937_64 seeded() {
  const char* fixed = std::getenv("TAXGATE_TEST_SEED");
  const std::uint64_t seed = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device{}();
  std::cout << "seed " << seed << "\n";
  return std::mt19937_64(seed);
}

inline std::size_t below(std::mt19937_64& random, std::size_t bound) { return random() % bound; }

/// Between 0 and `longest` random bytes.
inline std::string random_bytes(std::mt19937_64& random, std::size_t longest) {
  std::string out(below(random, longest + 1), '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

/// A copy with a few bytes changed, inserted, doubled or cut: near misses find more than noise does.
inline std::string damaged(std::mt19937_64& random, std::string text) {
  for (std::size_t n = 1 + below(random, 3); n > 0 && !text.empty(); --n) {
    const std::size_t at = below(random, text.size());
    switch (below(random, 5)) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << below(random, 8)));
        break;
      case 2:
        text.insert(at, 1, static_cast<char>(random()));
        break;
      case 3:
        text.erase(at, 1 + below(random, 4));
        break;
      default:
        text.insert(at, text.substr(at, below(random, 24)));
        break;
    }
  }
  return text;
}

}  // namespace taxgate::test
