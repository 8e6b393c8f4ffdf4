#pragma once
// When a tax disk stops issuing, said before it does, and what its refusals mean. Pure: the disk's own figures in,
// findings out; no clock, no I/O, no device. Thread-safe. Source: what third-party programs report of real disks
// (unverified): issuing deadline, reporting window, limits since the last clearing, volumes, offline limits; codes
// 09D1xx.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/decimal.h"
#include "protocol/legal_time.h"

namespace taxgate::rules {

/// One figure that runs out. `used` since the disk began to count it, never negative; not set where a figure is
/// unknown.
struct DiskBudget {
  std::int64_t limit = 0, used = 0;
  std::int64_t left() const { return used >= limit ? 0 : limit - used; }
};

/// What a disk says of one invoice type. Times that are not set and figures that are empty are unknown: nothing is
/// said.
struct DiskState {
  std::string type;                    // the device's: "004" special, "007" ordinary, …
  LegalTime lock_date;                 // 开票截止日期: from then on it refuses, until reported and cleared
  LegalTime window_start, window_end;  // 抄报期
  bool reported = false;               // in this window
  LegalTime upload_deadline;           // of what was issued offline
  LegalTime offline_since;             // of the oldest invoice not uploaded; not set: none
  std::optional<std::int64_t> offline_hours;
  std::optional<std::int64_t> numbers_left;                      // of its volumes
  std::optional<DiskBudget> offline_count;                       // invoices
  std::optional<DiskBudget> offline_positive, offline_negative;  // fen
  std::optional<DiskBudget> positive, negative;                  // fen, since the last clearing
};

/// What was issued of the type in the last `span_ms`, for "at today's rate". Amounts in fen, not negative.
struct DiskRate {
  std::int64_t span_ms = 0, count = 0, positive = 0, negative = 0;
};

enum class DiskEnd : std::uint8_t {
  lock_date,
  report_window,
  upload_deadline,
  offline_hours,
  numbers,
  offline_count,
  offline_positive,
  offline_negative,
  positive,
  negative
};
struct DiskForecast {
  DiskEnd what = DiskEnd::lock_date;
  LegalTime at;          // issuing stops then; not after now: it has stopped. report_window: the report is due by then
  bool at_rate = false;  // reckoned from the rate; otherwise the disk's own date
  std::string left;      // what is left of the figure: "19", "1200.00"; empty for dates
};
/// Everything that will stop the type, the soonest first. A figure that nobody uses stops nothing.
std::vector<DiskForecast> forecast(const DiskState& state, const DiskRate& rate, LegalTime now);

/// Whether issuing has stopped, or stops within the time in which a person can still act: three days for lock date and
/// report (a weekend lies between people and the bureau), `lead_ms` for everything else. A report that is due stops
/// nothing by itself. `before`: what was said last; half as much again must lie ahead before it is taken back, so that
/// a figure that wavers is not told twice.
enum class DiskLevel : std::uint8_t { well, near, stopped };
DiskLevel level_of(const DiskForecast& forecast, std::int64_t lead_ms, LegalTime now,
                   DiskLevel before = DiskLevel::well);

/// For the message catalogue: disk.end_*, "007: 19 numbers are left; issuing stops in 3 h 10 min at today's rate". What
/// has ended says "0 s".
Error said(const DiskForecast& forecast, std::string_view type, LegalTime now);

/// A refusal that another try cannot change: the work is held, with a remedy.
struct DiskRefusal {
  std::string_view sense;       // "09D109", as bot::Sense::text() writes it
  std::string_view id;          // reason of the hold, and its row in the message catalogue
  std::string_view release_by;  // role that may release it; "auto": it ends by itself when disk_lets()
};
std::span<const DiskRefusal> disk_refusals();
/// nullptr: no refusal of a disk that is known; decided by its transport like any other failure.
const DiskRefusal* disk_refusal(std::string_view sense);
/// Whether the disk's state no longer shows what it refused for (`id` of a DiskRefusal). Nothing: the state does not
/// say.
std::optional<bool> disk_lets(const DiskState& state, std::string_view id, LegalTime now);

/// How much a disk had issued of a type at a moment: the sums of its monthly figures.
struct DiskUse {
  LegalTime at;  // not set: never seen
  std::int64_t count = 0, positive = 0, negative = 0;
  friend bool operator==(const DiskUse&, const DiskUse&) = default;
};
/// Two looks at a disk, half a day apart: what was issued since the older one is "today's rate", of 12 to 24 hours.
struct DiskMeter {
  DiskUse older, newer;
};
/// Takes a look at the disk into account. returns  whether the meter changed (and is to be kept)
bool look_at(DiskMeter& meter, const DiskUse& now);
/// The first minutes are not taken for a day: the span is an hour at least.
DiskRate rate_of(const DiskMeter& meter, const DiskUse& now);

}  // namespace taxgate::rules
