#pragma once
// Legal time: what the law and the tax platform count in. Always China Standard Time, +08:00, no daylight saving.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate {

/// Milliseconds since the Unix epoch (UTC). 0 means "not set".
struct LegalTime {
  std::int64_t ms = 0;

  static constexpr std::int64_t kOffsetMs = 8 * 3600 * 1000;  // +08:00
  static constexpr std::int64_t kHourMs = 3600 * 1000;
  static constexpr std::int64_t kConfirmationMs = 72 * kHourMs;  // 公告2024年第11号: 72 小时

  bool is_set() const { return ms != 0; }
  LegalTime plus_ms(std::int64_t d) const { return {ms + d}; }
  friend auto operator<=>(const LegalTime&, const LegalTime&) = default;

  /// "yyyy-MM-dd HH:mm:ss" or "yyyy-MM-dd" (midnight), read as +08:00; or RFC 3339 with an offset.
  /// errors  invalid_input time.format
  static Result<LegalTime> parse(std::string_view text, std::string_view field = {});
  // The three texts below are empty when the time is not set.
  std::string platform_text() const;  // "2026-11-22 10:19:52" (+08:00), the platform's form
  std::string rfc3339() const;        // "2026-11-22T10:19:52.123+08:00", the local API's form
  std::string compact() const;        // "yyMMddHHmmss" (+08:00), for information-table request numbers
  int year() const;                   // civil fields in +08:00
  int month() const;                  // 1..12
  int day() const;                    // 1..31
  /// First millisecond of the next month in +08:00 (month-end deadlines).
  LegalTime next_month() const;
};

/// Wall time in +08:00. May be virtual (simulator, --lab). Thread-safe.
class LegalClock {
 public:
  virtual ~LegalClock() = default;
  virtual LegalTime now() const = 0;
};

}  // namespace taxgate
