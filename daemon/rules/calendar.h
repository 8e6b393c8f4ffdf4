#pragma once
// Public holidays and make-up working days (调休) as data, in civil days of +08:00. The 72 hours of a form run in
// natural hours (rules.md A.8, R1); the calendar only says whom to warn. Pure; thread-safe once built. Source of the
// compiled-in days: the State Council's yearly notices and 全国年节及纪念日放假办法, from memory: every day is marked
// unverified until an operator's file says otherwise.
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/legal_time.h"

namespace taxgate::rules {

/// A civil day in +08:00, counted from 1970-01-01.
struct CivilDay {
  std::int32_t days = 0;
  static CivilDay of(LegalTime time);
  /// "yyyy-MM-dd". errors  invalid_input time.format
  static Result<CivilDay> parse(std::string_view text, std::string_view field = {});
  LegalTime begin() const;
  std::string text() const;
  int year() const;
  bool weekend() const;  // Saturday, Sunday
  CivilDay next() const { return {days + 1}; }
  friend auto operator<=>(const CivilDay&, const CivilDay&) = default;
};

enum class DayKind : std::uint8_t { working, weekend, holiday };

struct CalendarDay {
  CivilDay day;
  bool off = true;        // false: a weekend day that is worked (调休)
  std::string name;       // "国庆节"
  bool verified = false;  // read in the notice itself
};

class Calendar {
 public:
  Calendar() = default;
  /// Later entries win over earlier ones on the same day.
  explicit Calendar(std::vector<CalendarDay> days, std::string source = {});
  /// 2026 as announced, 2027 the statutory days only (its notice was not out).
  static const Calendar& defaults();

  DayKind kind(CivilDay day) const;
  const CalendarDay* entry(CivilDay day) const;
  /// False: nothing is known of that year but its weekends.
  bool covers(int year) const;
  const std::string& source() const { return source_; }
  /// These days laid over ours.
  Calendar with(const std::vector<CalendarDay>& days, std::string source) const;

 private:
  std::map<CivilDay, CalendarDay> days_;
  std::string source_;
};

}  // namespace taxgate::rules
