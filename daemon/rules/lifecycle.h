#pragma once
// The life of a confirmation form (红字确认单) as the platform shows it, look by look. The 13 states and what may
// follow what are one table, leqi::form_states(); here is what a look means against what was known, and the 72 hours.
// Pure: no clock, no I/O. Thread-safe. Source: rules.md B.1, R1, A.7 X1, A.8.
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/rules/calendar.h"
#include "protocol/leqi.h"

namespace taxgate::rules {

/// What we hold to be true of one form.
struct FormLife {
  std::string state;       // last state of the table; "" before the first
  std::string shown;       // last code as given, also one we do not know
  bool issued = false;     // the platform said so and gave the red's number
  std::string red_number;  // of the issued red
};

/// What one look at the form says.
struct FormLook {
  std::string state;    // hzqrxxztDm, as given
  bool issued = false;  // ykjhzfpbz = Y
  std::string red_number;
};
FormLook look_at(const leqi::Form& form);

enum class Looked : std::uint8_t {
  same,           // nothing new
  forward,        // the table allows it, perhaps over states we did not see; `life` is moved on
  stale,          // an older answer: what we know came after it; `life` stays
  unknown_code,   // a code of no table: kept in `shown`, means "not issued"; `life.state` stays
  contradiction,  // neither can follow the other, or a final state changed: a person must look; `life` stays
};
/// Never moves `life` along a way the table does not have, and never sets `issued` without the platform's own flag and
/// the red's number. After `issued` nothing changes.
Looked take(FormLife& life, const FormLook& look);
std::string_view name(Looked looked);

// ---- the 72 hours (R1) --------------------------------------------------------------------------------------------

/// The first instant that is too late: entry + 72:00:00. Silence until then means void (07), never consent (X1).
inline LegalTime confirmation_deadline(LegalTime entered_at) { return entered_at.plus_ms(LegalTime::kConfirmationMs); }
/// True up to +71:59:59 (the platform's times have whole seconds).
inline bool confirmed_in_time(LegalTime entered_at, LegalTime answered_at) {
  return answered_at < confirmation_deadline(entered_at);
}
/// The state a pending form has after the other side agreed at that instant: "04", or "07" when it was too late.
std::string_view state_after_consent(LegalTime entered_at, LegalTime answered_at);

/// What the calendar says of the 72 hours.
struct WindowDays {
  int touched = 0, off = 0;   // civil days the window touches; of these not worked
  int holidays = 0;           // of these public holidays
  std::string first, last;    // name and last day of the holidays: "国庆节", "2026-10-07"
  bool deadline_off = false;  // the last instant lies on a day that is not worked
  bool unverified = false;    // some holiday of these was never checked against the notice
  bool unknown_year = false;  // the calendar says nothing of a year the window touches
  /// A person should be told. Without a public holiday a window of three days has a working day.
  bool warn() const { return holidays > 0; }
};
WindowDays window_days(LegalTime entered_at, const Calendar& calendar);
/// As a finding for the message catalogue: R1.holidays. Nothing when there is nothing to warn of.
std::optional<Error> holiday_warning(LegalTime entered_at, const Calendar& calendar);

}  // namespace taxgate::rules
