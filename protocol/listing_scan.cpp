#include "protocol/listing_scan.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace taxgate::listing::detail {

const std::uint8_t* object_end_slow(const std::uint8_t* from, const std::uint8_t* end) {
  std::uint64_t depth = 0;
  bool in_string = false;
  for (const auto* p = from; p != end; ++p) {
    if (*p == '\\') {  // also outside of strings, where it is an error that decode() finds
      if (++p == end) return nullptr;
    } else if (in_string) {
      in_string = *p != '"';
    } else if (*p == '"') {
      in_string = true;
    } else if (*p == '{' || *p == '[') {
      ++depth;
    } else if ((*p == '}' || *p == ']') && --depth == 0) {
      return p + 1;
    }
  }
  return nullptr;
}

#if defined(__x86_64__)
namespace {

constexpr std::ptrdiff_t kBlock = 64;

struct Masks {
  std::uint64_t quote, backslash, open, close;
};

__attribute__((target("avx2"), always_inline)) inline std::uint64_t equal(__m256i a, __m256i b, char c) {
  const __m256i wanted = _mm256_set1_epi8(c);
  const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, wanted)));
  const auto high = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, wanted)));
  return low | std::uint64_t{high} << 32U;
}

__attribute__((target("avx2"), always_inline)) inline Masks masks_of(const std::uint8_t* p) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
  // '[' and '{', ']' and '}' differ in one bit.
  const __m256i bit = _mm256_set1_epi8(0x20);
  const __m256i fa = _mm256_or_si256(a, bit), fb = _mm256_or_si256(b, bit);
  return {equal(a, b, '"'), equal(a, b, '\\'), equal(fa, fb, '{'), equal(fa, fb, '}')};
}

// Bit i of the result: an odd number of bits at or below i.
std::uint64_t prefix_xor(std::uint64_t v) {
  for (unsigned shift = 1; shift < 64; shift <<= 1U) v ^= v << shift;
  return v;
}

__attribute__((target("avx2"))) const std::uint8_t* object_end_avx2(const std::uint8_t* from, const std::uint8_t* end) {
  std::uint64_t depth = 0, in_string = 0;
  bool escape = false;
  for (const auto* p = from; p < end; p += kBlock) {
    Masks m;
    if (end - p >= kBlock) {
      m = masks_of(p);
    } else {
      alignas(32) std::uint8_t tail[kBlock] = {};
      std::memcpy(tail, p, static_cast<std::size_t>(end - p));
      m = masks_of(tail);
    }
    if (m.backslash != 0 || escape) {
      std::uint64_t escaped = escape ? 1 : 0, rest = m.backslash & ~escaped;
      escape = false;
      while (rest != 0) {
        const auto i = static_cast<unsigned>(__builtin_ctzll(rest));
        if (i == 63) {
          escape = true;
          break;
        }
        escaped |= std::uint64_t{2} << i;
        rest &= ~(std::uint64_t{3} << i);
      }
      m.quote &= ~escaped;
      m.open &= ~escaped;
      m.close &= ~escaped;
    }
    const std::uint64_t inside = prefix_xor(m.quote) ^ in_string;
    in_string = static_cast<std::uint64_t>(static_cast<std::int64_t>(inside) >> 63);
    for (std::uint64_t marks = (m.open | m.close) & ~inside; marks != 0; marks &= marks - 1) {
      const std::uint64_t mark = marks & (~marks + 1);
      if ((m.open & mark) != 0)
        ++depth;
      else if (--depth == 0)
        return p + __builtin_ctzll(mark) + 1;
    }
  }
  return nullptr;
}

}  // namespace
#endif

ObjectEnd object_end_finder() {
#if defined(__x86_64__)
  static const bool wide = __builtin_cpu_supports("avx2") != 0;
  if (wide) return object_end_avx2;
#endif
  return object_end_slow;
}

}  // namespace taxgate::listing::detail
