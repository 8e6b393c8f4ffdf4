#include "daemon/queue/deadlines.h"

#include <algorithm>

namespace taxgate::queue {
namespace {

constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;

LegalTime month_begin(LegalTime t) {
  const std::int64_t local = t.ms + LegalTime::kOffsetMs;
  const std::int64_t midnight = local - (local % kDayMs + kDayMs) % kDayMs;
  return LegalTime{midnight - LegalTime::kOffsetMs}.plus_ms(-(t.day() - 1) * kDayMs);
}

}  // namespace

LegalTime period_deadline(LegalTime accepted, LegalTime now, int filing_day) {
  const LegalTime month_end = now.next_month();
  if (now < accepted.next_month()) return month_end;
  const LegalTime filed = month_begin(now).plus_ms(filing_day * kDayMs);  // the filing day counts to its midnight
  return now < filed ? std::min(filed, month_end) : month_end;
}

std::string_view period_name(LegalTime deadline) { return deadline.day() == 1 ? "month_end" : "filing_day"; }

}  // namespace taxgate::queue
