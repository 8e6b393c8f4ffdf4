#include "daemon/core/random.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>

#include "daemon/core/log.h"

namespace taxgate {

std::uint64_t Random::next64() {
  std::array<std::uint8_t, 8> b{};
  fill(b);
  std::uint64_t v = 0;
  std::memcpy(&v, b.data(), sizeof v);
  return v;
}

void SystemRandom::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const auto n = std::min<std::size_t>(out.size(), 1U << 20U);
    if (RAND_bytes(out.data(), static_cast<int>(n)) != 1) {
      log::write(log::Level::critical, "random.failed", "the system delivers no random bytes");
      std::abort();
    }
    out = out.subspan(n);
  }
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    z ^= z >> 31U;
    const auto n = std::min<std::size_t>(out.size(), sizeof z);
    std::memcpy(out.data(), &z, n);
    out = out.subspan(n);
  }
}

std::string UuidSource::next(std::int64_t unix_ms) {
  constexpr unsigned kCounterEnd = 1U << 12U;
  std::array<std::uint8_t, 16> u{};
  {
    const std::lock_guard lock(mutex_);
    if (used_ + 8 > pool_.size()) {
      random_.fill(pool_);
      used_ = 0;
    }
    std::memcpy(u.data() + 8, pool_.data() + used_, 8);
    used_ += 8;
    if (unix_ms > last_ms_) {
      last_ms_ = unix_ms;
      counter_ = 0;
    } else if (++counter_ == kCounterEnd) {
      ++last_ms_;  // runs ahead of the clock rather than out of order
      counter_ = 0;
    }
    for (int i = 0; i < 6; ++i) u[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(last_ms_ >> (40 - 8 * i));
    u[6] = static_cast<std::uint8_t>(0x70U | (counter_ >> 8U));
    u[7] = static_cast<std::uint8_t>(counter_ & 0xFFU);
  }
  u[8] = static_cast<std::uint8_t>(0x80U | (u[8] & 0x3FU));
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < u.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[u[i] >> 4U];
    text += kHex[u[i] & 15U];
  }
  return text;
}

void UuidSource::start_after(std::int64_t unix_ms) {
  const std::lock_guard lock(mutex_);
  if (unix_ms < last_ms_) return;
  last_ms_ = unix_ms + 1;
  counter_ = 0;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
  }
  return true;
}

}  // namespace taxgate
