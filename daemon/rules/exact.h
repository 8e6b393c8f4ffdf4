#pragma once
// Arithmetic of the rules room on top of protocol/decimal.h: how far an amount lies from quantity × price or from
// amount × rate, finer than a fen, and sums that hostile numbers cannot overflow. Pure.
#include <cstdint>
#include <limits>

#include "protocol/decimal.h"

namespace taxgate::rules {

/// Thousandths of a fen: fine enough that the 0.01 and 0.06 of B.6 are judged without rounding first.
using MilliFen = __int128;
inline constexpr MilliFen kFen = 1000;

/// Saturating: (18,2) fields fit ten times into 64 bits, an invoice may have thousands of lines.
inline Fen plus(Fen a, Fen b) {
  std::int64_t out = 0;
  if (!__builtin_add_overflow(a.value, b.value, &out)) return {out};
  return {a.value < 0 ? std::numeric_limits<std::int64_t>::min() + 1 : std::numeric_limits<std::int64_t>::max()};
}
inline Fen minus(Fen a, Fen b) { return plus(a, -b); }

/// quantity × price. errors decimal.range
Result<MilliFen> product(const Decimal& quantity, const Decimal& price);
/// amount × rate. errors decimal.range
Result<MilliFen> taxed(Fen amount, const Decimal& rate);

inline MilliFen magnitude(MilliFen v) { return v < 0 ? -v : v; }
inline MilliFen milli(Fen v) { return static_cast<MilliFen>(v.value) * kFen; }

/// amount ÷ quantity with as many decimals as keep quantity × price within a fen of amount. errors decimal.range
Result<Decimal> unit_price(Fen amount, const Decimal& quantity);

/// part compared with share × whole, exact as long as both sides fit 128 bits; beyond that by the quotient to twenty
/// decimals.
std::strong_ordering against_share(const Decimal& part, const Decimal& share, const Decimal& whole);

}  // namespace taxgate::rules
