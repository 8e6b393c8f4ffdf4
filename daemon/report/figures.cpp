#include "daemon/report/figures.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace taxgate::report {

void Sums::add(const sync::TaxpayerNight& t) {
  windows += t.windows.size();
  windows_done += static_cast<std::uint64_t>(std::ranges::count_if(t.windows, &sync::WindowResult::done));
  windows_told_empty += static_cast<std::uint64_t>(std::ranges::count_if(t.windows, &sync::WindowResult::told_empty));
  known += t.known;
  records += t.records;
  unchanged += t.unchanged;
  added += t.added;
  changed += t.changed;
  quarantined += t.quarantined;
  repeated += t.repeated;
  settled_submissions += t.settled_submissions;
  forms_near += t.forms_near.count;
  now_abnormal += t.now_abnormal.count;
  now_locked += t.now_locked.count;
  no_longer_red += t.no_longer_red.count;
}

std::vector<Group> groups(const sync::NightSummary& night) {
  std::vector<const sync::TaxpayerNight*> all;
  for (const auto& taxpayer : night.taxpayers) all.push_back(&taxpayer);
  std::ranges::sort(all, {}, [](const sync::TaxpayerNight* t) {
    return std::tuple(t->org_unit.empty(), std::string_view(t->org_unit), std::string_view(t->id));
  });
  std::vector<Group> out;
  for (const auto* taxpayer : all) {
    if (out.empty() || out.back().org_unit != taxpayer->org_unit) out.push_back({taxpayer->org_unit, {}, {}});
    out.back().taxpayers.push_back(taxpayer);
    out.back().sums.add(*taxpayer);
  }
  return out;
}

Sums sums(const sync::NightSummary& night) {
  Sums all;
  for (const auto& taxpayer : night.taxpayers) all.add(taxpayer);
  return all;
}

std::vector<sync::TransitionCount> transitions(const sync::NightSummary& night) {
  std::map<std::tuple<StatusField, std::string, std::string>, std::uint64_t> counts;
  for (const auto& taxpayer : night.taxpayers)
    for (const auto& t : taxpayer.transitions) counts[{t.field, t.before, t.after}] += t.count;
  std::vector<sync::TransitionCount> out;
  for (const auto& [key, count] : counts) out.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), count});
  std::ranges::sort(out, [](const sync::TransitionCount& a, const sync::TransitionCount& b) {
    return std::tie(b.count, a.field, a.before, a.after) < std::tie(a.count, b.field, b.before, b.after);
  });
  return out;
}

std::string_view name(Limit limit) {
  switch (limit) {
    case Limit::platform:
      return "platform";
    case Limit::budget:
      return "budget";
    case Limit::pauses:
      return "pauses";
    case Limit::processor:
      return "processor";
    case Limit::disk:
      return "disk";
    case Limit::nothing:
      break;
  }
  return "nothing";
}

std::int64_t waited_ms(const sync::Spent& spent, Limit limit) {
  switch (limit) {
    case Limit::platform:
      return spent.platform_ms;
    case Limit::budget:
      return spent.budget_ms;
    case Limit::pauses:
      return spent.pause_ms;
    case Limit::processor:
      return spent.merge_ms;
    case Limit::disk:
      return spent.commit_ms;
    case Limit::nothing:
      break;
  }
  return 0;
}

Limit limited_by(const sync::Spent& spent) {
  Limit most = Limit::nothing;
  for (const Limit limit : {Limit::platform, Limit::budget, Limit::pauses, Limit::processor, Limit::disk})
    if (waited_ms(spent, limit) > waited_ms(spent, most)) most = limit;
  return most;
}

Left left_of(const sync::NightSummary& night) {
  Left left;
  left.windows = night.windows - std::min(night.windows, night.windows_done);
  if (left.windows > 0) left.records = night.expected_records - std::min(night.expected_records, night.records);
  return left;
}

std::vector<LookedAt> windows_to_look_at(const sync::NightSummary& night) {
  std::vector<LookedAt> out;
  for (const auto& taxpayer : night.taxpayers)
    for (const auto& window : taxpayer.windows)
      if (!window.trouble.empty()) out.push_back({&taxpayer, &window});
  return out;
}

}  // namespace taxgate::report
