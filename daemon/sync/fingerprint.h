#pragma once
// 47 bits that stand for the raw bytes of one listed record. Equal: the record is taken for unchanged and not read; two
// contents of one invoice meet by chance once in 1.4e14. Not a cryptographic digest: the platform, whose word the
// status is anyway, is the only one who could aim at it. Stored since schema 3: another function would only cost one
// night in which everything is read. Pure; any thread.
#include <bit>
#include <cstdint>
#include <cstring>

#include "protocol/sm.h"

namespace taxgate::sync {

inline constexpr unsigned kHashBits = 47;

namespace detail {
inline std::uint64_t word(const std::uint8_t* p) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, sizeof v);
  if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
  return v;
}
/// Both halves of the 128-bit product, folded.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}
}  // namespace detail

/// 1 .. 2^47 − 1; 0 is kept for "not known, read the record".
inline std::uint64_t fingerprint(ByteView record) {
  using detail::fold, detail::word;
  constexpr std::size_t kBlock = 32;
  // Odd constants with mixed bits (digits of √2, √3, √5, √7): any will do, but they are part of the stored value.
  constexpr std::uint64_t k1 = 0x6A09E667F3BCC909, k2 = 0xBB67AE8584CAA73B, k3 = 0x3C6EF372FE94F82B,
                          k4 = 0xA54FF53A5F1D36F1;
  const std::uint8_t* p = record.data();
  std::size_t left = record.size();
  std::uint64_t a = k3, b = k4;
  const auto block = [&](const std::uint8_t* q) {
    a = fold(word(q) ^ k1, word(q + 8) ^ a);
    b = fold(word(q + 16) ^ k2, word(q + 24) ^ b);
  };
  for (; left > kBlock; left -= kBlock, p += kBlock) block(p);
  if (record.size() > kBlock) {
    block(p + left - kBlock);  // the last 32 bytes, some of them again: no byte-wise tail
  } else {
    std::uint8_t padded[kBlock] = {};
    if (left != 0) std::memcpy(padded, p, left);
    block(padded);
  }
  const std::uint64_t hash = fold(a ^ k2, b ^ k1 ^ record.size()) >> (64 - kHashBits);
  return hash == 0 ? 1 : hash;
}

}  // namespace taxgate::sync
