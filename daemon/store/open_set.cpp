#include "daemon/store/open_set.h"

#include <bit>

namespace taxgate::store {
namespace {
constexpr std::size_t kBits = 64;
}

void OpenSet::set(std::int64_t seq, bool open) {
  const auto at = static_cast<std::size_t>(seq);
  const std::lock_guard lock(mutex_);
  if (at / kBits >= bits_.size()) bits_.resize(at / kBits + 1);
  const std::uint64_t bit = std::uint64_t{1} << (at % kBits);
  if (open)
    bits_[at / kBits] |= bit;
  else
    bits_[at / kBits] &= ~bit;
}

std::int64_t OpenSet::next(std::int64_t after) const {
  const auto from = static_cast<std::size_t>(after < 0 ? 0 : after + 1);
  const std::shared_lock lock(mutex_);
  std::uint64_t mask = ~std::uint64_t{0} << (from % kBits);
  for (std::size_t i = from / kBits; i < bits_.size(); ++i, mask = ~std::uint64_t{0})
    if (const std::uint64_t found = bits_[i] & mask; found != 0)
      return static_cast<std::int64_t>(i * kBits + static_cast<std::size_t>(std::countr_zero(found)));
  return 0;
}

}  // namespace taxgate::store
