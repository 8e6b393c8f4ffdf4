// The counter's keystream and the hash of 16 blocks are worked on side by side, so that one waits for the other
// nowhere. The hash multiplies in GF(2^128) with the bits of each block reversed, as the standard writes them: that is
// a multiplication of the bytes reversed by H·x, and 16 products share one reduction by x^128 + x^127 + x^126 + x^121
// + 1.
#include "daemon/platform/gcm_open.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "protocol/wire_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define TAXGATE_GCM __attribute__((target("avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,pclmul,aes")))
#define TAXGATE_GCM_INLINE \
  __attribute__((target("avx512f,avx512bw,avx512vl,vaes,vpclmulqdq,pclmul,aes"), always_inline)) inline
#endif

namespace taxgate::platform {

void GcmOpener::wipe() {
  ::OPENSSL_cleanse(powers_, sizeof powers_);
  ::OPENSSL_cleanse(rounds_, sizeof rounds_);
}

#if defined(__x86_64__)
namespace {

constexpr std::size_t kGcmBlock = 16, kGcmStride = 16 * kGcmBlock;
constexpr int kGcmRounds = 10;
constexpr long long kGcmPolynomial = static_cast<long long>(0xC200000000000000);  // its upper half, reversed

TAXGATE_GCM_INLINE __m128i load(const std::uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
TAXGATE_GCM_INLINE void store(std::uint8_t* p, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
TAXGATE_GCM_INLINE __m128i reversed(__m128i v) {
  return _mm_shuffle_epi8(v, _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}
TAXGATE_GCM_INLINE __m128i product(__m128i a, __m128i b) {
  const __m128i polynomial = _mm_set_epi64x(kGcmPolynomial, 1);
  const __m128i low = _mm_clmulepi64_si128(a, b, 0x00), high = _mm_clmulepi64_si128(a, b, 0x11);
  __m128i middle = _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10));
  middle =
      _mm_xor_si128(_mm_xor_si128(middle, _mm_shuffle_epi32(low, 0x4E)), _mm_clmulepi64_si128(polynomial, low, 0x01));
  return _mm_xor_si128(_mm_xor_si128(high, _mm_shuffle_epi32(middle, 0x4E)),
                       _mm_clmulepi64_si128(polynomial, middle, 0x01));
}
TAXGATE_GCM_INLINE __m128i encrypted(const std::uint8_t* rounds, __m128i block) {
  block = _mm_xor_si128(block, load(rounds));
  for (int r = 1; r < kGcmRounds; ++r) block = _mm_aesenc_si128(block, load(rounds + kGcmBlock * r));
  return _mm_aesenclast_si128(block, load(rounds + kGcmBlock * kGcmRounds));
}
template <int Constant>
TAXGATE_GCM_INLINE __m128i next_round_key(__m128i key) {
  const __m128i mixed = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, Constant), 0xFF);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, mixed);
}

/// The hash of what came so far, and of this; a last block that is not whole is filled up with zeros.
TAXGATE_GCM_INLINE __m128i hashed(__m128i so_far, const std::uint8_t* data, std::size_t size, __m128i h) {
  for (std::size_t at = 0; at < size; at += kGcmBlock) {
    std::uint8_t block[kGcmBlock] = {};
    std::memcpy(block, data + at, std::min(kGcmBlock, size - at));
    so_far = product(_mm_xor_si128(so_far, reversed(load(block))), h);
  }
  return so_far;
}

/// Whole strides. counter  of the first block, as a number in the lowest word; returns the hash
TAXGATE_GCM __m128i open_strides(const std::uint8_t* powers, const std::uint8_t* rounds, __m128i counter, __m128i hash,
                                 const std::uint8_t* in, std::uint8_t* out, std::size_t strides) {
  const __m512i polynomial = _mm512_broadcast_i32x4(_mm_set_epi64x(kGcmPolynomial, 1));
  const __m512i reverse = _mm512_broadcast_i32x4(_mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  const __m512i four = _mm512_broadcast_i32x4(_mm_setr_epi32(4, 0, 0, 0));
  __m512i counters = _mm512_add_epi32(_mm512_broadcast_i32x4(counter),
                                      _mm512_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0));
  __m512i keys[kGcmRounds + 1], h[4];
#pragma clang loop unroll(full)
  for (int r = 0; r <= kGcmRounds; ++r) keys[r] = _mm512_broadcast_i32x4(load(rounds + kGcmBlock * r));
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) h[i] = _mm512_load_si512(powers + 64 * i);
  for (; strides != 0; --strides, in += kGcmStride, out += kGcmStride) {
    __m512i cipher[4], stream[4];
    __m512i low = _mm512_setzero_si512(), middle = low, high = low;
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i) {
      cipher[i] = _mm512_loadu_si512(in + 64 * i);
      stream[i] = _mm512_xor_si512(_mm512_shuffle_epi8(counters, reverse), keys[0]);
      counters = _mm512_add_epi32(counters, four);
      __m512i x = _mm512_shuffle_epi8(cipher[i], reverse);
      if (i == 0) x = _mm512_xor_si512(x, _mm512_zextsi128_si512(hash));
      low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128(x, h[i], 0x00));
      high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128(x, h[i], 0x11));
      middle = _mm512_ternarylogic_epi64(middle, _mm512_clmulepi64_epi128(x, h[i], 0x01),
                                         _mm512_clmulepi64_epi128(x, h[i], 0x10), 0x96);
    }
#pragma clang loop unroll(full)
    for (int r = 1; r < kGcmRounds; ++r)
#pragma clang loop unroll(full)
      for (int i = 0; i < 4; ++i) stream[i] = _mm512_aesenc_epi128(stream[i], keys[r]);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; ++i)
      _mm512_storeu_si512(out + 64 * i,
                          _mm512_xor_si512(cipher[i], _mm512_aesenclast_epi128(stream[i], keys[kGcmRounds])));
    middle = _mm512_ternarylogic_epi64(middle, _mm512_shuffle_epi32(low, static_cast<_MM_PERM_ENUM>(0x4E)),
                                       _mm512_clmulepi64_epi128(polynomial, low, 0x01), 0x96);
    high = _mm512_ternarylogic_epi64(high, _mm512_shuffle_epi32(middle, static_cast<_MM_PERM_ENUM>(0x4E)),
                                     _mm512_clmulepi64_epi128(polynomial, middle, 0x01), 0x96);
    const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(high), _mm512_extracti64x4_epi64(high, 1));
    hash = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  }
  return hash;
}

TAXGATE_GCM void schedule_gcm(const std::uint8_t* key, std::uint8_t* rounds, std::uint8_t* powers) {
  __m128i k[kGcmRounds + 1];
  k[0] = load(key);
  k[1] = next_round_key<0x01>(k[0]);
  k[2] = next_round_key<0x02>(k[1]);
  k[3] = next_round_key<0x04>(k[2]);
  k[4] = next_round_key<0x08>(k[3]);
  k[5] = next_round_key<0x10>(k[4]);
  k[6] = next_round_key<0x20>(k[5]);
  k[7] = next_round_key<0x40>(k[6]);
  k[8] = next_round_key<0x80>(k[7]);
  k[9] = next_round_key<0x1B>(k[8]);
  k[10] = next_round_key<0x36>(k[9]);
  for (int r = 0; r <= kGcmRounds; ++r) store(rounds + kGcmBlock * r, k[r]);
  // H·x: all bits one place up, and what falls out is the polynomial once, or not.
  const __m128i h = reversed(encrypted(rounds, _mm_setzero_si128()));
  auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(h));
  auto high = static_cast<std::uint64_t>(_mm_extract_epi64(h, 1));
  const std::uint64_t out = std::uint64_t{0} - (high >> 63U);
  high = (high << 1U | low >> 63U) ^ (out & static_cast<std::uint64_t>(kGcmPolynomial));
  low = (low << 1U) ^ (out & 1U);
  const __m128i first = _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
  __m128i power = first;
  for (int i = 15; i >= 0; --i) {
    store(powers + kGcmBlock * i, power);
    power = product(power, first);
  }
}

TAXGATE_GCM bool open_message(const std::uint8_t* powers, const std::uint8_t* rounds, const std::uint8_t* nonce,
                              std::span<const std::uint8_t> about, const std::uint8_t* in, std::uint8_t* out,
                              std::size_t size, const std::uint8_t* tag) {
  alignas(16) std::uint8_t block[kGcmBlock] = {};
  std::memcpy(block, nonce, 12);
  block[15] = 1;
  const __m128i first = load(block);
  const __m128i h = load(powers + 15 * kGcmBlock), one = _mm_setr_epi32(1, 0, 0, 0);
  __m128i counter = _mm_add_epi32(reversed(first), one);
  __m128i hash = hashed(_mm_setzero_si128(), about.data(), about.size(), h);
  const std::size_t strides = size / kGcmStride, wide = strides * kGcmStride;
  hash = open_strides(powers, rounds, counter, hash, in, out, strides);
  counter = _mm_add_epi32(counter, _mm_setr_epi32(static_cast<int>(16 * strides), 0, 0, 0));
  hash = hashed(hash, in + wide, size - wide, h);
  for (std::size_t at = wide; at < size; at += kGcmBlock) {
    const std::size_t n = std::min(kGcmBlock, size - at);
    std::memcpy(block, in + at, n);
    store(block, _mm_xor_si128(load(block), encrypted(rounds, reversed(counter))));
    std::memcpy(out + at, block, n);
    counter = _mm_add_epi32(counter, one);
  }
  const auto bits = [](std::size_t bytes) { return static_cast<long long>(bytes * 8); };
  hash = product(_mm_xor_si128(hash, _mm_set_epi64x(bits(about.size()), bits(size))), h);
  const __m128i differs = _mm_xor_si128(_mm_xor_si128(encrypted(rounds, first), reversed(hash)), load(tag));
  return _mm_testz_si128(differs, differs) != 0;
}

}  // namespace

bool GcmOpener::supported() {
  static const bool found = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                            __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("vaes") != 0 &&
                            __builtin_cpu_supports("vpclmulqdq") != 0 && __builtin_cpu_supports("aes") != 0 &&
                            __builtin_cpu_supports("pclmul") != 0;
  return found && wire::level() == wire::Level::avx512_gfni;
}

void GcmOpener::set_key(std::span<const std::uint8_t, 16> key) { schedule_gcm(key.data(), rounds_, powers_); }

bool GcmOpener::open(std::span<const std::uint8_t, 12> nonce, std::span<const std::uint8_t> about,
                     const std::uint8_t* in, std::uint8_t* out, std::size_t size,
                     std::span<const std::uint8_t, 16> tag) const {
  const bool small = size <= kMostBytes && about.size() <= kMostBytes;
  if (small && open_message(powers_, rounds_, nonce.data(), about, in, out, size, tag.data())) return true;
  std::fill_n(out, size, std::uint8_t{0});
  return false;
}

#else

bool GcmOpener::supported() { return false; }
void GcmOpener::set_key(std::span<const std::uint8_t, 16>) {}
bool GcmOpener::open(std::span<const std::uint8_t, 12>, std::span<const std::uint8_t>, const std::uint8_t*,
                     std::uint8_t*, std::size_t, std::span<const std::uint8_t, 16>) const {
  return false;
}

#endif

}  // namespace taxgate::platform
