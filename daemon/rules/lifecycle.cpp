#include "daemon/rules/lifecycle.h"

#include <array>

namespace taxgate::rules {

FormLook look_at(const leqi::Form& form) { return {form.state, form.issued, form.red_number}; }

std::string_view name(Looked looked) {
  static constexpr std::array<std::string_view, 5> kNames{"same", "forward", "stale", "unknown_code", "contradiction"};
  return kNames[static_cast<std::size_t>(looked)];
}

Looked take(FormLife& life, const FormLook& look) {
  const bool claims_red = look.issued && !look.red_number.empty();
  const bool known_code = leqi::form_state(look.state) != nullptr;
  if (life.issued) {
    // B.1: after ykjhzfpbz = Y nothing changes. A look without the red is an older one; another red is another truth.
    if (claims_red) return look.red_number == life.red_number ? Looked::same : Looked::contradiction;
    return leqi::form_class(look.state) == leqi::FormClass::void_ ? Looked::contradiction : Looked::stale;
  }
  if (claims_red) {
    // The flag is the platform's word for the red; the code beside it must not deny it.
    if (known_code && !leqi::form_may_follow(look.state, "issued")) return Looked::contradiction;
    if (known_code ? !leqi::form_reaches(life.state, look.state) : !leqi::form_reaches(life.state, "issued"))
      return Looked::contradiction;
    if (known_code) life.state = look.state;
    life.shown = look.state;
    life.issued = true;
    life.red_number = look.red_number;
    return Looked::forward;
  }
  if (!known_code) {
    if (look.state.empty()) return Looked::same;
    const bool news = life.shown != look.state;
    life.shown = look.state;
    return news ? Looked::unknown_code : Looked::same;
  }
  if (look.state == life.state) {
    const bool news = life.shown != look.state;
    life.shown = look.state;
    return news ? Looked::forward : Looked::same;
  }
  if (leqi::form_reaches(life.state, look.state)) {
    life.state = life.shown = look.state;
    return Looked::forward;
  }
  return leqi::form_reaches(look.state, life.state) ? Looked::stale : Looked::contradiction;
}

std::string_view state_after_consent(LegalTime entered_at, LegalTime answered_at) {
  return confirmed_in_time(entered_at, answered_at) ? "04" : "07";
}

WindowDays window_days(LegalTime entered_at, const Calendar& calendar) {
  WindowDays out;
  const CivilDay last = CivilDay::of(confirmation_deadline(entered_at).plus_ms(-1));
  for (CivilDay day = CivilDay::of(entered_at); day <= last; day = day.next()) {
    ++out.touched;
    out.unknown_year = out.unknown_year || !calendar.covers(day.year());
    const DayKind kind = calendar.kind(day);
    if (kind == DayKind::working) continue;
    ++out.off;
    if (kind != DayKind::holiday) continue;
    ++out.holidays;
    const CalendarDay& entry = *calendar.entry(day);
    if (out.first.empty()) out.first = entry.name;
    out.last = day.text();
    out.unverified = out.unverified || !entry.verified;
  }
  out.deadline_off = calendar.kind(last) != DayKind::working;
  return out;
}

std::optional<Error> holiday_warning(LegalTime entered_at, const Calendar& calendar) {
  if (!entered_at.is_set()) return std::nullopt;
  const WindowDays days = window_days(entered_at, calendar);
  if (!days.warn()) return std::nullopt;
  return Error{Errc::invalid_input,      days.unverified ? "R1.holidays_unverified" : "R1.holidays", days.first,
               std::to_string(days.off), confirmation_deadline(entered_at).platform_text(),          {}};
}

}  // namespace taxgate::rules
