#include "daemon/sync/plan.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace taxgate::sync {
namespace {

constexpr double kSecondMs = 1000, kMinuteMs = 60 * kSecondMs, kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
constexpr std::uint64_t kFixedCalls = 3;   // totals, apply, one poll
constexpr std::uint64_t kTotalsAlone = 1;  // what held nothing last time will most likely hold nothing

// An invoice issued offline is uploaded within days, a disk that is not reported locks itself within the month: what is
// still empty a month after its end stays empty.
constexpr std::int64_t kLateDays = 31;
// Then it is asked again after 4 to 10 days, by the window's own turn.
constexpr std::int64_t kTrustedDays = 4, kTrustedSpread = 7;
constexpr std::uint64_t kEmptyTurns = 16;

std::int64_t day_of(LegalTime t) { return (t.ms + LegalTime::kOffsetMs) / kDayMs; }

/// The same for a window for ever, on every machine.
std::uint64_t turn_of(const Window& w) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : w.text()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash >> 17U;
}

/// Months of one taxpayer, the newest first. `turn` counts nights: each takes one of the older months.
std::vector<Month> months_of(const PlanInput& in, bool first_time) {
  const Month now = Month::of(in.now);
  std::vector<Month> out;
  const int reach = first_time ? std::max(in.deep_months, in.months) : in.months;
  for (int back = 0; back < reach; ++back) out.push_back({now.index - back});
  const int older = in.deep_months - in.months;
  if (!first_time && older > 0) {
    out.push_back({now.index - in.months - static_cast<std::int32_t>(day_of(in.now) % older)});
  }
  return out;
}

std::vector<Window> windows_of(const PlanInput& in, const TaxpayerScope& taxpayer) {
  std::vector<Window> out;
  for (const Month month : months_of(in, taxpayer.first_time))
    for (const auto& type : in.types)
      for (const Direction direction : {Direction::issued, Direction::received})
        out.push_back({taxpayer.id, direction, type, month});
  return out;
}

}  // namespace

std::string Month::text() const { return fmt::format("{:04d}-{:02d}", year(), month()); }
std::string Window::text() const { return fmt::format("{} {} {} {}", taxpayer, name(direction), type, month.text()); }

std::string_view name(Bound bound) {
  switch (bound) {
    case Bound::platform:
      return "platform";
    case Bound::rate:
      return "rate";
    case Bound::day:
      break;
  }
  return "day";
}

double CallLimits::per_ms() const {
  double rate = 0;
  const auto bound = [&](std::int64_t calls, double ms) {
    if (calls <= 0) return;
    const double r = static_cast<double>(calls) * (100 - reserve_percent) / 100 / ms;
    rate = rate == 0 ? r : std::min(rate, r);
  };
  bound(per_second, kSecondMs);
  bound(per_minute, kMinuteMs);
  bound(per_hour, kHourMs);
  return rate;
}

std::int64_t CallLimits::tonight() const {
  return std::max<std::int64_t>(0, left_today - per_day * reserve_percent / 100);
}

void Recall::add(const NightSummary& night) {
  for (const auto& taxpayer : night.taxpayers) {
    const bool newest = met_.insert(taxpayer.id).second;
    for (const auto& w : taxpayer.windows) {
      const bool held_nothing = w.records == 0 && w.platform_count == std::uint64_t{0};
      if (w.done && in_.expected_records.emplace(w.window, w.records).second && held_nothing)
        in_.found_empty.emplace(w.window, night.started_at);
      if (newest && !w.done && !w.window.type.empty()) in_.left_over.push_back(w.window);
    }
  }
}

std::uint64_t calls_of(std::uint64_t records, std::uint64_t package_records) {
  const std::uint64_t packages = package_records == 0 ? 1 : (records + package_records - 1) / package_records;
  return kFixedCalls + std::max<std::uint64_t>(packages, 1);
}

bool settled_empty(const PlanInput& in, const Window& window) {
  const auto told = in.found_empty.find(window);
  if (told == in.found_empty.end()) return false;
  const LegalTime over = *LegalTime::parse(Month{window.month.index + 1}.text() + "-01");
  const auto trusted = kTrustedDays + static_cast<std::int64_t>(turn_of(window) % kTrustedSpread);
  return told->second >= over.plus_ms(kLateDays * kDayMs) && in.now >= told->second &&
         day_of(in.now) - day_of(told->second) < trusted;
}

bool listed_though_empty(const Window& window, LegalTime now) {
  return (turn_of(window) + static_cast<std::uint64_t>(day_of(now))) % kEmptyTurns == 0;
}

std::int64_t duration_of(std::uint64_t calls, const PlanInput& in) {
  const double n = static_cast<double>(calls);
  const double answers = n * static_cast<double>(in.answer_ms) / std::max(in.concurrency, 1);
  const double rate = in.limits.per_ms();
  return static_cast<std::int64_t>(std::ceil(std::max(answers, rate > 0 ? n / rate : 0)));
}

Plan make_plan(const PlanInput& in) {
  Plan plan;
  std::set<Window> taken;
  const auto take = [&](const Window& window) {
    if (!taken.insert(window).second) return;
    const auto known = in.expected_records.find(window);
    PlannedWindow w{window, known == in.expected_records.end() ? 0 : known->second, 0};
    w.calls = known != in.expected_records.end() && known->second == 0
                  ? kTotalsAlone
                  : calls_of(w.expected_records, in.package_records);
    plan.calls += w.calls;
    plan.expected_records += w.expected_records;
    plan.windows.push_back(std::move(w));
  };
  // What the night before left of a taxpayer comes before the rest of it, and never before another taxpayer's turn: a
  // first load of several nights must not cost the others theirs.
  struct Row {
    std::vector<Window> windows;
    std::size_t left_over = 0;  // the first of them
  };
  std::vector<Row> rows;
  std::size_t longest = 0;
  for (const auto& taxpayer : in.taxpayers) {
    Row& row = rows.emplace_back();
    std::ranges::copy_if(in.left_over, std::back_inserter(row.windows),
                         [&](const Window& w) { return w.taxpayer == taxpayer.id; });
    row.left_over = row.windows.size();
    std::ranges::copy(windows_of(in, taxpayer), std::back_inserter(row.windows));
    longest = std::max(longest, row.windows.size());
  }
  for (std::size_t i = 0; i < longest; ++i)
    for (const auto& [windows, left_over] : rows)
      if (i < windows.size()) {
        if (i >= left_over && settled_empty(in, windows[i]) && !taken.contains(windows[i]))
          ++plan.left_out;
        else
          take(windows[i]);
      }

  plan.duration_ms = duration_of(plan.calls, in);
  plan.finish = in.now.plus_ms(plan.duration_ms);
  const double rate = in.limits.per_ms();
  const double answers =
      static_cast<double>(plan.calls) * static_cast<double>(in.answer_ms) / std::max(in.concurrency, 1);
  plan.bound = rate > 0 && static_cast<double>(plan.calls) / rate > answers ? Bound::rate : Bound::platform;
  const bool enough = in.limits.per_day == 0 || plan.calls <= static_cast<std::uint64_t>(in.limits.tonight());
  if (!enough) plan.bound = Bound::day;
  plan.fits = enough && (!in.window_end.is_set() || plan.finish <= in.window_end);
  return plan;
}

}  // namespace taxgate::sync
