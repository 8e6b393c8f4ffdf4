#pragma once
// What a listing of the platform is asked for: one taxpayer, one direction, one invoice type, one month. A listing must
// not cross a month, and one call serves one type (rules.md C). Pure values.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/legal_time.h"

namespace taxgate::sync {

enum class Direction : std::uint8_t { issued, received };  // 销项 / 进项
constexpr std::string_view name(Direction d) { return d == Direction::issued ? "issued" : "received"; }

/// A civil month in +08:00: year × 12 + month − 1.
struct Month {
  std::int32_t index = 0;
  static Month of(LegalTime t) { return {t.year() * 12 + t.month() - 1}; }
  int year() const { return index / 12; }
  int month() const { return index % 12 + 1; }
  std::string text() const;  // "2026-11"
  friend auto operator<=>(const Month&, const Month&) = default;
};

struct Window {
  std::string taxpayer;
  Direction direction = Direction::issued;
  std::string type;  // fplx
  Month month;
  std::string text() const;  // "91310000… issued 81 2026-11"
  friend auto operator<=>(const Window&, const Window&) = default;
};

}  // namespace taxgate::sync
