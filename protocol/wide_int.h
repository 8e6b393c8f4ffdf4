#pragma once
// 256-bit unsigned helper of decimal.cpp: products of two 24-digit numbers and the powers of ten that align them do not
// fit 128 bits. Private to protocol; not a general big integer.
#include <array>
#include <bit>
#include <cstdint>

namespace taxgate::wide {

using U128 = unsigned __int128;

/// Four 64-bit limbs, least significant first. Arithmetic wraps; callers stay below 10^76 (checked by their own
/// bounds).
struct U256 {
  std::array<std::uint64_t, 4> limb{};

  constexpr U256() = default;
  constexpr explicit U256(U128 v) : limb{static_cast<std::uint64_t>(v), static_cast<std::uint64_t>(v >> 64), 0, 0} {}

  constexpr bool fits_128() const { return limb[2] == 0 && limb[3] == 0; }
  constexpr U128 low() const { return (static_cast<U128>(limb[1]) << 64) | limb[0]; }
  constexpr int bit_width() const {
    for (int i = 3; i >= 0; --i)
      if (limb[i] != 0) return i * 64 + static_cast<int>(std::bit_width(limb[i]));
    return 0;
  }
  friend constexpr bool operator==(const U256&, const U256&) = default;
};

constexpr bool less(const U256& a, const U256& b) {
  for (int i = 3; i >= 0; --i)
    if (a.limb[i] != b.limb[i]) return a.limb[i] < b.limb[i];
  return false;
}

constexpr U256 subtract(const U256& a, const U256& b) {
  U256 out;
  std::uint64_t borrow = 0;
  for (int i = 0; i < 4; ++i) {
    const U128 d = static_cast<U128>(a.limb[i]) - b.limb[i] - borrow;
    out.limb[i] = static_cast<std::uint64_t>(d);
    borrow = static_cast<std::uint64_t>(d >> 64) & 1;
  }
  return out;
}

constexpr U256 add(const U256& a, const U256& b) {
  U256 out;
  std::uint64_t carry = 0;
  for (int i = 0; i < 4; ++i) {
    const U128 s = static_cast<U128>(a.limb[i]) + b.limb[i] + carry;
    out.limb[i] = static_cast<std::uint64_t>(s);
    carry = static_cast<std::uint64_t>(s >> 64);
  }
  return out;
}

constexpr U256 multiply(const U256& a, std::uint64_t m) {
  U256 out;
  std::uint64_t carry = 0;
  for (int i = 0; i < 4; ++i) {
    const U128 p = static_cast<U128>(a.limb[i]) * m + carry;
    out.limb[i] = static_cast<std::uint64_t>(p);
    carry = static_cast<std::uint64_t>(p >> 64);
  }
  return out;
}

constexpr U256 shifted_left(const U256& a, int bits) {
  U256 out;
  const int words = bits / 64, rest = bits % 64;
  for (int i = 3; i >= words; --i) {
    out.limb[i] = a.limb[i - words] << rest;
    if (rest != 0 && i - words >= 1) out.limb[i] |= a.limb[i - words - 1] >> (64 - rest);
  }
  return out;
}

constexpr U256 multiply(U128 a, U128 b) {
  const U256 low = multiply(U256(a), static_cast<std::uint64_t>(b));
  const U256 high = multiply(U256(a), static_cast<std::uint64_t>(b >> 64));
  return add(low, shifted_left(high, 64));
}

/// a × 10^power
constexpr U256 times_pow10(U256 a, int power) {
  constexpr std::uint64_t kTen19 = 10'000'000'000'000'000'000ULL;  // the largest power of ten in 64 bits
  for (; power >= 19; power -= 19) a = multiply(a, kTen19);
  std::uint64_t m = 1;
  for (; power > 0; --power) m *= 10;
  return multiply(a, m);
}

struct Quotient {
  U256 value, rest;
};
/// Precondition: divisor is not zero. Shift and subtract; the common case, both in 128 bits, uses the hardware's
/// division.
constexpr Quotient divide(U256 a, const U256& divisor) {
  if (a.fits_128() && divisor.fits_128()) return {U256(a.low() / divisor.low()), U256(a.low() % divisor.low())};
  Quotient out{{}, a};
  const int top = a.bit_width() - divisor.bit_width();
  for (int shift = top; shift >= 0; --shift) {
    const U256 part = shifted_left(divisor, shift);
    if (less(out.rest, part)) continue;
    out.rest = subtract(out.rest, part);
    out.value.limb[shift / 64] |= std::uint64_t{1} << (shift % 64);
  }
  return out;
}

/// a / divisor rounded half up (on magnitudes: half away from zero).
constexpr U256 divide_rounded(const U256& a, const U256& divisor) {
  const Quotient q = divide(a, divisor);
  // rest >= divisor - rest, written so that it cannot overflow
  return less(q.rest, subtract(divisor, q.rest)) ? q.value : add(q.value, U256(1));
}

}  // namespace taxgate::wide
