#pragma once
// Randomness and identifiers. Random is a seam: tests pass a seeded one, so that a run can be repeated.
#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "protocol/sm.h"

namespace taxgate {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
  std::uint64_t next64();
  /// 0 <= result < bound, bound > 0; for jitter, not for keys (the bias is below 2^-32 for small bounds).
  std::uint64_t below(std::uint64_t bound) { return next64() % bound; }
};

/// OpenSSL's generator. Thread-safe. A generator that cannot deliver ends the process: there is no safe way on.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// For tests and the simulator: the same seed, the same bytes (splitmix64). Not thread-safe, not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_;
};

/// UUIDv7 (RFC 9562, method 1: a 12-bit counter behind the millisecond), so that later ids of one source sort after
/// earlier ones even when the clock steps back. Thread-safe.
class UuidSource {
 public:
  explicit UuidSource(Random& random) : random_(random) {}  // outlives this
  /// unix_ms: the time to encode; the text form, 36 characters, lower case.
  std::string next(std::int64_t unix_ms);
  /// Ids from now on sort after every id of that millisecond, whatever the clock says (after a restart).
  void start_after(std::int64_t unix_ms);

 private:
  std::mutex mutex_;
  Random& random_;
  std::int64_t last_ms_ = 0;
  unsigned counter_ = 0;
  std::array<std::uint8_t, 4096> pool_{};  // one generator call for many ids: it costs more than the rest together
  std::size_t used_ = sizeof(pool_);
};

/// True for the text form of any UUID, lower or upper case.
bool is_uuid(std::string_view text);

}  // namespace taxgate
