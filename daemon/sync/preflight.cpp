#include "daemon/sync/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "protocol/http_date.h"

namespace taxgate::sync {
namespace {

using Findings = std::vector<PreflightFinding>;

void judge_platform(const PreflightInput& in, Findings& out) {
  for (const PreflightTaxpayer& t : in.taxpayers)
    if (t.refused) {
      const std::string why = t.refused->detail.empty() ? t.refused->id : t.refused->id + ": " + t.refused->detail;
      out.push_back({true, {Errc::retry_later, "preflight.platform", t.id, why, {}, {}}});
    }
}

void judge_clock(const PreflightInput& in, Findings& out) {
  if (!in.clock_ahead_s || std::abs(*in.clock_ahead_s) <= kClockToleratedS) return;
  out.push_back({true,
                 {Errc::rejected,
                  "preflight.clock",
                  {},
                  fmt::format("{:+} s", *in.clock_ahead_s),
                  fmt::format("{} s", kClockToleratedS),
                  {}}});
}

void judge_plan(const PreflightInput& in, Findings& out) {
  if (static_cast<std::int64_t>(in.plan.calls) > in.calls_left)
    out.push_back({true,
                   {Errc::limit_reached,
                    "preflight.budget",
                    {},
                    std::to_string(in.plan.calls),
                    std::to_string(std::max<std::int64_t>(in.calls_left, 0)),
                    {}}});
  if (in.plan.finish > in.window_end)
    out.push_back({false,
                   {Errc::limit_reached,
                    "preflight.late",
                    {},
                    in.plan.finish.platform_text(),
                    in.window_end.platform_text(),
                    {}}});
}

void judge_keys(const PreflightInput& in, Findings& out) {
  if (!in.key_host_connected) {
    out.push_back({true, {Errc::retry_later, "key.host_gone", {}, {}, {}, {}}});
    return;  // it says nothing of keys then
  }
  for (const PreflightTaxpayer& t : in.taxpayers) {
    const bool ready =
        std::ranges::any_of(in.keys, [&](const PreflightKey& k) { return k.taxpayer == t.id && k.ready; });
    if (!ready) out.push_back({false, {Errc::retry_later, "key.none", "taxpayer", t.id, {}, {}}});
  }
  for (const PreflightKey& k : in.keys)
    if (k.pin_tries_left == 1 || k.state == "locked" || k.state == "pin_wrong" || k.state == "pin_last_try")
      out.push_back({true, {Errc::rejected, "preflight.pin", k.serial, k.state, {}, {}}});
  for (const PreflightKey& k : in.keys)
    if (k.valid_until.is_set() && k.valid_until <= in.window_end)
      out.push_back({true,
                     {Errc::rejected,
                      "preflight.certificate",
                      k.serial,
                      k.valid_until.platform_text(),
                      in.window_end.platform_text(),
                      {}}});
}

void judge_room(const PreflightInput& in, Findings& out) {
  if (!in.free_bytes) return;
  const std::uint64_t wanted = kLowSpace + in.plan.expected_records * kBytesOfNewRecord;
  if (*in.free_bytes >= wanted) return;
  out.push_back({*in.free_bytes < kNoSpace,
                 {Errc::limit_reached,
                  "preflight.room",
                  in.state_dir,
                  fmt::format("{} MiB", *in.free_bytes >> 20),
                  fmt::format("{} MiB", wanted >> 20),
                  {}}});
}

}  // namespace

std::vector<PreflightFinding> judge(const PreflightInput& input) {
  Findings found, out;
  judge_platform(input, found);
  judge_clock(input, found);
  judge_plan(input, found);
  judge_keys(input, found);
  judge_room(input, found);
  for (const bool failing : {true, false})
    std::ranges::copy_if(found, std::back_inserter(out),
                         [=](const PreflightFinding& f) { return f.failing == failing; });
  return out;
}

}  // namespace taxgate::sync
