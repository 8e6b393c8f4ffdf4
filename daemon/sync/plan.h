#pragma once
// The night before it begins: which windows are listed, in which order, how many calls that takes and when it would be
// over under the call budget. A function of its arguments: the dry run prints it, the run follows it.
// Pure; any thread.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "daemon/sync/night_summary.h"
#include "daemon/sync/window.h"

namespace taxgate::sync {

/// Calls the platform may see from us; 0: no such bound. `reserve_percent` of each is left to day work.
struct CallLimits {
  std::int64_t per_second = 0, per_minute = 0, per_hour = 0;
  std::int64_t left_today = 0;  // of the sliding day
  std::int64_t per_day = 0;     // the whole day's budget, which the reserve is a part of
  int reserve_percent = 0;
  /// What is the night's: the smallest of the three rates.
  double per_ms() const;
  std::int64_t tonight() const;  // calls of left_today the night may use; never below 0
};

struct TaxpayerScope {
  std::string id;
  bool first_time = false;  // nothing of it is known yet: the deep range is listed whole
};

struct PlanInput {
  std::vector<TaxpayerScope> taxpayers;
  std::vector<std::string> types;
  LegalTime now, window_end;
  int months = 3;                 // listed every night: this one and those before it
  int deep_months = 36;           // reach of a first night; afterwards one of the older ones a night, in turn
  std::vector<Window> left_over;  // of the night before: these come first of their taxpayer's
  std::map<Window, std::uint64_t> expected_records;  // what each held last time; absent: never asked
  std::map<Window, LegalTime> found_empty;           // of those that held nothing: when that was told
  std::uint64_t package_records = 10'000;            // in one package of the platform
  CallLimits limits;
  int concurrency = 4;
  std::int64_t answer_ms = 300;  // of one call, about
};

/// What earlier nights tell the coming one, given the newest first: what each window held and whether that was nothing,
/// and what is left over. A taxpayer's is what the newest night that it was part of left: an approved run, which is for
/// some taxpayers only, does not make us forget what the night before it left of the others.
class Recall {
 public:
  explicit Recall(PlanInput& into) : in_(into) {}
  void add(const NightSummary& night);

 private:
  PlanInput& in_;
  std::set<std::string> met_;
};

/// Runs that Recall has to be given: an older month comes round after deep_months - months nights, and what it held
/// then must still be known. Runs that were asked for or approved lie between, so twice as many.
constexpr int runs_recalled(int deep_months) { return std::max(30, 2 * deep_months); }

struct PlannedWindow {
  Window window;
  std::uint64_t expected_records = 0;
  std::uint64_t calls = 0;
};
enum class Bound : std::uint8_t { platform, rate, day };  // what the finish depends on
std::string_view name(Bound bound);

struct Plan {
  std::vector<PlannedWindow> windows;  // in the order of work: taxpayers take turns, the newest month first
  std::uint64_t calls = 0, expected_records = 0;
  std::uint64_t left_out = 0;  // windows not asked tonight: see settled_empty()
  std::int64_t duration_ms = 0;
  LegalTime finish;
  bool fits = true;  // over before window_end and within the day's calls
  Bound bound = Bound::platform;
};

/// The platform said that the window holds nothing, so long after its month that none can have come late; and it said
/// so some days ago at most. Then it is not asked tonight. Each such window is asked again within ten days, not all of
/// them in one night. What changes on an invoice of any month comes with the incremental listing too.
bool settled_empty(const PlanInput& input, const Window& window);
/// The window is listed whole although the totals say that it holds nothing: one in sixteen each night, each in its
/// turn, so that totals which lie are found out.
bool listed_though_empty(const Window& window, LegalTime now);

/// Calls one window takes: totals, apply, one look whether it is ready, its packages.
std::uint64_t calls_of(std::uint64_t records, std::uint64_t package_records);
/// Calls until `calls` are made, in milliseconds, under rates and concurrency.
std::int64_t duration_of(std::uint64_t calls, const PlanInput& input);
Plan make_plan(const PlanInput& input);

}  // namespace taxgate::sync
