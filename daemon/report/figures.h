#pragma once
// What the three forms of a report have in common: sums, groups, and what follows from the figures. Private to
// daemon/report. Views into the summary: it outlives them.
#include <string>
#include <string_view>
#include <vector>

#include "daemon/sync/night_summary.h"

namespace taxgate::report {

struct Sums {
  std::uint64_t windows = 0, windows_done = 0, windows_told_empty = 0;
  std::uint64_t known = 0, records = 0, unchanged = 0, added = 0, changed = 0, quarantined = 0, repeated = 0;
  std::uint64_t settled_submissions = 0;
  std::uint64_t forms_near = 0, now_abnormal = 0, now_locked = 0, no_longer_red = 0;
  void add(const sync::TaxpayerNight& taxpayer);
};

/// The taxpayers of one org unit, by id; groups by org unit, the one without a unit last.
struct Group {
  std::string_view org_unit;
  std::vector<const sync::TaxpayerNight*> taxpayers;
  Sums sums;
};
std::vector<Group> groups(const sync::NightSummary& night);
Sums sums(const sync::NightSummary& night);

/// Transitions of all taxpayers together, most frequent first.
std::vector<sync::TransitionCount> transitions(const sync::NightSummary& night);

/// What the night waited for most.
enum class Limit : std::uint8_t { nothing, platform, budget, pauses, processor, disk };
std::string_view name(Limit limit);  // "platform"
Limit limited_by(const sync::Spent& spent);
std::int64_t waited_ms(const sync::Spent& spent, Limit limit);

struct Left {
  std::uint64_t windows = 0;
  std::uint64_t records = 0;  // about: expected and not met
};
Left left_of(const sync::NightSummary& night);

/// Windows with a trouble. Whether counts agree is the driver's to say: what one listing shows twice, or another
/// listing of the same night has shown before, it counts once.
struct LookedAt {
  const sync::TaxpayerNight* taxpayer;
  const sync::WindowResult* window;
};
std::vector<LookedAt> windows_to_look_at(const sync::NightSummary& night);

/// The lists a person should see, in the order of urgency.
struct List {
  std::string_view name;  // "forms_near"
  sync::Examples sync::TaxpayerNight::* examples;
  std::string_view english, chinese;
};
inline constexpr List kLists[] = {
    {"in_quarantine", &sync::TaxpayerNight::in_quarantine, "In quarantine: shown by the platform, not believed",
     "隔离:平台返回但未采信的记录"},
    {"forms_near", &sync::TaxpayerNight::forms_near, "Confirmation forms about to pass 72 hours",
     "即将满72小时的红字确认单"},
    {"now_abnormal", &sync::TaxpayerNight::now_abnormal, "Invoices that are now irregular or suspicious vouchers",
     "本次变为异常凭证或疑似异常凭证的发票"},
    {"now_locked", &sync::TaxpayerNight::now_locked, "Invoices that are now locked", "本次变为红字锁定的发票"},
    {"no_longer_red", &sync::TaxpayerNight::no_longer_red, "Invoices of which nothing is left to reverse",
     "本次变为不可再红冲的发票"},
};

}  // namespace taxgate::report
