#include "daemon/rules/calendar.h"

#include <algorithm>
#include <array>
#include <ranges>

namespace taxgate::rules {
namespace {

constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;

struct Span {
  std::string_view first, last;
  bool off;
  std::string_view name;
};
// 2026: notice of 2025-11 (国办发明电). 2027: only the 13 statutory days; bridges and make-up days come with its
// notice.
constexpr std::array kSpans{
    Span{"2026-01-01", "2026-01-03", true, "元旦"},        Span{"2026-01-04", "2026-01-04", false, "元旦调休"},
    Span{"2026-02-14", "2026-02-14", false, "春节调休"},   Span{"2026-02-15", "2026-02-23", true, "春节"},
    Span{"2026-02-28", "2026-02-28", false, "春节调休"},   Span{"2026-04-04", "2026-04-06", true, "清明节"},
    Span{"2026-05-01", "2026-05-05", true, "劳动节"},      Span{"2026-05-09", "2026-05-09", false, "劳动节调休"},
    Span{"2026-06-19", "2026-06-21", true, "端午节"},      Span{"2026-09-20", "2026-09-20", false, "国庆节调休"},
    Span{"2026-09-25", "2026-09-27", true, "中秋节"},      Span{"2026-10-01", "2026-10-07", true, "国庆节"},
    Span{"2026-10-10", "2026-10-10", false, "国庆节调休"}, Span{"2027-01-01", "2027-01-01", true, "元旦"},
    Span{"2027-02-05", "2027-02-08", true, "春节"},        Span{"2027-04-05", "2027-04-05", true, "清明节"},
    Span{"2027-05-01", "2027-05-02", true, "劳动节"},      Span{"2027-06-09", "2027-06-09", true, "端午节"},
    Span{"2027-09-15", "2027-09-15", true, "中秋节"},      Span{"2027-10-01", "2027-10-03", true, "国庆节"}};

std::vector<CalendarDay> compiled_in() {
  std::vector<CalendarDay> out;
  for (const Span& span : kSpans)
    for (CivilDay day = *CivilDay::parse(span.first), last = *CivilDay::parse(span.last); day <= last; day = day.next())
      out.push_back({day, span.off, std::string(span.name), false});
  return out;
}

}  // namespace

CivilDay CivilDay::of(LegalTime time) {
  const std::int64_t local = time.ms + LegalTime::kOffsetMs;
  return {static_cast<std::int32_t>(local >= 0 ? local / kDayMs : (local - kDayMs + 1) / kDayMs)};
}
Result<CivilDay> CivilDay::parse(std::string_view text, std::string_view field) {
  constexpr std::size_t kLength = 10;  // "yyyy-MM-dd": a time of day here is a mistake
  if (text.size() != kLength) return fail(Errc::invalid_input, "time.format", std::string(field), std::string(text));
  const auto time = LegalTime::parse(text, field);
  if (!time) return std::unexpected(time.error());
  return of(*time);
}
LegalTime CivilDay::begin() const { return {days * kDayMs - LegalTime::kOffsetMs}; }
std::string CivilDay::text() const { return begin().plus_ms(1).platform_text().substr(0, 10); }
int CivilDay::year() const { return begin().year(); }
bool CivilDay::weekend() const {
  constexpr int kWeek = 7, kThursday = 4;  // day 0, 1970-01-01, was a Thursday; Sunday counts as 0
  const int day = ((days + kThursday) % kWeek + kWeek) % kWeek;
  return day == 0 || day == kWeek - 1;
}

Calendar::Calendar(std::vector<CalendarDay> days, std::string source) : source_(std::move(source)) {
  for (auto& day : days) {
    const CivilDay key = day.day;
    days_.insert_or_assign(key, std::move(day));
  }
}

const Calendar& Calendar::defaults() {
  static const Calendar calendar(compiled_in(), "compiled in, unverified");
  return calendar;
}

Calendar Calendar::with(const std::vector<CalendarDay>& days, std::string source) const {
  Calendar out = *this;
  for (const auto& day : days) out.days_.insert_or_assign(day.day, day);
  out.source_ = std::move(source);
  return out;
}

const CalendarDay* Calendar::entry(CivilDay day) const {
  const auto at = days_.find(day);
  return at == days_.end() ? nullptr : &at->second;
}

DayKind Calendar::kind(CivilDay day) const {
  if (const auto* known = entry(day)) return known->off ? DayKind::holiday : DayKind::working;
  return day.weekend() ? DayKind::weekend : DayKind::working;
}

bool Calendar::covers(int year) const {
  return std::ranges::any_of(days_ | std::views::keys, [&](CivilDay day) { return day.year() == year; });
}

}  // namespace taxgate::rules
