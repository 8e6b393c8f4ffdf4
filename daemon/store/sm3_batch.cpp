#include "daemon/store/sm3_batch.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace taxgate::store {
namespace {

void one_by_one(std::span<const Sm3Job> jobs) {
  for (const auto& job : jobs)
    *job.digest = sm3_of({as_bytes(job.parts[0]), as_bytes(job.parts[1]), as_bytes(job.parts[2])});
}

#if defined(__x86_64__)
// "Changes the ABI": no vector crosses a call, because everything is inlined.
#pragma GCC diagnostic ignored "-Wpsabi"
// Written once, compiled for two kinds of processors: everything below is inlined into the two functions at the end.
#define TAXGATE_INLINE __attribute__((always_inline)) inline

constexpr std::size_t kLanes = 8, kBlock = 64, kWords = 16, kLengthBytes = 8;
using Vector = std::uint32_t __attribute__((vector_size(32)));
constexpr std::array<std::uint32_t, 8> kStart{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                              0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};

// T of round j, already rotated (GB/T 32905, 4.3 and 5.3.3).
constexpr auto kRound = [] {
  std::array<std::uint32_t, 64> t{};
  for (int j = 0; j < 64; ++j) t[static_cast<std::size_t>(j)] = std::rotl(j < 16 ? 0x79cc4519U : 0x7a879d8aU, j % 32);
  return t;
}();

/// Yields one message's blocks, padding included.
class Blocks {
 public:
  void start(const Sm3Job& job) {
    job_ = &job;
    part_ = at_ = 0;
    bytes_ = 0;
    marked_ = false;
    for (const auto part : job.parts) bytes_ += part.size();
    left_ = (bytes_ + 1 + kLengthBytes + kBlock - 1) / kBlock;
  }
  bool active() const { return job_ != nullptr; }
  const Sm3Job& job() const { return *job_; }
  void stop() { job_ = nullptr; }
  /// Fills one block; true when it was the last.
  bool next(std::uint8_t* block) {
    std::size_t filled = 0;
    while (filled < kBlock && part_ < job_->parts.size()) {
      const auto part = job_->parts[part_];
      const auto n = std::min(kBlock - filled, part.size() - at_);
      if (n > 0) std::memcpy(block + filled, part.data() + at_, n);
      filled += n;
      at_ += n;
      if (at_ == part.size()) {
        ++part_;
        at_ = 0;
      }
    }
    if (filled < kBlock) {
      std::memset(block + filled, 0, kBlock - filled);
      if (!marked_) block[filled] = 0x80;
      marked_ = true;
    }
    if (--left_ != 0) return false;
    const std::uint64_t bits = static_cast<std::uint64_t>(bytes_) * 8;
    for (std::size_t i = 0; i < kLengthBytes; ++i)
      block[kBlock - kLengthBytes + i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
    return true;
  }

 private:
  const Sm3Job* job_ = nullptr;
  std::size_t part_ = 0, at_ = 0, bytes_ = 0, left_ = 0;
  bool marked_ = false;
};

template <int N>
TAXGATE_INLINE Vector rotate(const Vector& v) {
  return (v << N) | (v >> (32 - N));
}
TAXGATE_INLINE Vector p0(const Vector& x) { return x ^ rotate<9>(x) ^ rotate<17>(x); }
TAXGATE_INLINE Vector p1(const Vector& x) { return x ^ rotate<15>(x) ^ rotate<23>(x); }

/// One block of each lane. state: word by word, lane by lane.
TAXGATE_INLINE void compress(std::array<Vector, 8>& state,
                             const std::array<std::array<std::uint8_t, kBlock>, kLanes>& blocks) {
  std::array<Vector, 68> w;
  alignas(32) std::array<std::array<std::uint32_t, kLanes>, kWords> words;
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    for (std::size_t i = 0; i < kWords; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, blocks[lane].data() + 4 * i, 4);
      words[i][lane] = __builtin_bswap32(word);
    }
  for (std::size_t i = 0; i < kWords; ++i) std::memcpy(&w[i], words[i].data(), sizeof(Vector));
  for (std::size_t j = 16; j < 68; ++j)
    w[j] = p1(w[j - 16] ^ w[j - 9] ^ rotate<15>(w[j - 3])) ^ rotate<7>(w[j - 13]) ^ w[j - 6];

  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t j = 0; j < 64; ++j) {
    const Vector a12 = rotate<12>(a);
    const Vector ss1 = rotate<7>(a12 + e + kRound[j]);
    const Vector ff = j < 16 ? a ^ b ^ c : (a & b) | ((a | b) & c);
    const Vector gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g);
    const Vector tt1 = ff + d + (ss1 ^ a12) + (w[j] ^ w[j + 4]);
    const Vector tt2 = gg + h + ss1 + w[j];
    d = c;
    c = rotate<9>(b);
    b = a;
    a = tt1;
    h = g;
    g = rotate<19>(f);
    f = e;
    e = p0(tt2);
  }
  const std::array<Vector, 8> next{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] ^= next[i];
}

struct Lanes {
  std::span<const Sm3Job> jobs;
  std::size_t next = 0, busy = 0;
  std::array<Blocks, kLanes> messages;
  std::array<Vector, 8> state{};

  TAXGATE_INLINE void start(std::size_t lane) {
    messages[lane].stop();
    if (next == jobs.size()) return;
    messages[lane].start(jobs[next++]);
    ++busy;
    for (std::size_t i = 0; i < 8; ++i) state[i][lane] = kStart[i];
  }
  TAXGATE_INLINE void finish(std::size_t lane) {
    for (std::size_t i = 0; i < 8; ++i) {
      const std::uint32_t word = __builtin_bswap32(state[i][lane]);
      std::memcpy(messages[lane].job().digest->data() + 4 * i, &word, 4);
    }
    --busy;
  }
};

TAXGATE_INLINE void side_by_side(std::span<const Sm3Job> jobs) {
  Lanes lanes{.jobs = jobs, .messages = {}};
  std::array<std::array<std::uint8_t, kBlock>, kLanes> blocks{};
  for (std::size_t lane = 0; lane < kLanes; ++lane) lanes.start(lane);
  while (lanes.busy > 0) {
    std::array<bool, kLanes> last{};
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      if (lanes.messages[lane].active()) last[lane] = lanes.messages[lane].next(blocks[lane].data());
    compress(lanes.state, blocks);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (!last[lane]) continue;
      lanes.finish(lane);
      lanes.start(lane);  // the freed lane takes the next message at once: lengths may differ
    }
  }
}

__attribute__((target("avx2"))) void with_avx2(std::span<const Sm3Job> jobs) { side_by_side(jobs); }
// Rotation is one instruction here instead of three.
__attribute__((target("avx2,avx512f,avx512vl"))) void with_avx512(std::span<const Sm3Job> jobs) { side_by_side(jobs); }
#endif

}  // namespace

void sm3_batch(std::span<const Sm3Job> jobs) {
#if defined(__x86_64__)
  // Two messages fill a quarter of a register and already pay.
  if (jobs.size() > 1 && __builtin_cpu_supports("avx512vl")) return with_avx512(jobs);
  if (jobs.size() > 1 && __builtin_cpu_supports("avx2")) return with_avx2(jobs);
#endif
  one_by_one(jobs);
}

}  // namespace taxgate::store
