#pragma once
// The legal deadlines of a red submission besides the 72 hours of a form. Pure; times are legal (+08:00).
//
// Month end    a red books in the month it is issued (rules.md F4): it must exist before the month of its acceptance
//              ends to change that month's return.
// Filing day   who missed the month end reads the return of that month without the red: the filing day (申报期最后一日)
//              of the month after is told as well. The law moves it over holidays; here it is the configured day, and
//              nothing moves it (unverified: no machine-readable calendar of filing days is published).
#include <string_view>

#include "protocol/legal_time.h"

namespace taxgate::queue {

/// The deadline of a red accepted at `accepted` and not yet issued at `now` (>= accepted): the end of the month while
/// it is still the month of acceptance, afterwards whichever comes first, the end of this month's filing day or the end
/// of the month. Always later than `now`. filing_day  1..28, of the month.
LegalTime period_deadline(LegalTime accepted, LegalTime now, int filing_day);

/// What passes at a deadline that period_deadline gave: "month_end" or "filing_day".
std::string_view period_name(LegalTime deadline);

}  // namespace taxgate::queue
