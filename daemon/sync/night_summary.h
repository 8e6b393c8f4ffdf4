#pragma once
// What one night amounts to, as plain values: made by the driver from the store's run record, shown by the report, the
// API and the command line. A finished night's summary never changes; one under way is a look at it.
// Pure; lists of examples are cut at kMaxExamples, counts are whole.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/sync/audit.h"
#include "daemon/sync/window.h"
#include "protocol/decimal.h"
#include "protocol/legal_time.h"
#include "protocol/platform_status.h"

namespace taxgate::sync {

inline constexpr std::size_t kMaxExamples = 50;  // numbers named in a report, each kind; a page has no more room

/// Of a whole night, and of one taxpayer's part in it.
enum class NightState : std::uint8_t {
  running,
  paused,            // the platform asks to wait, the session is gone, or it cannot be reached: goes on by itself
  waiting_approval,  // an implausible share would change: a person decides (`taxgate sync approve`)
  right,             // everything listed, every check agrees
  attention,         // complete, but something is to be looked at: quarantine, totals that differ, refused pages
  incomplete,        // the window ended first: the rest comes next night
  failed,            // could not go on: see trouble
};
std::string_view name(NightState state);

/// An error's values as a summary keeps them beside its id: "field wanted / left: detail", what is empty left out.
std::string detail_of(const Error& error);
/// 0 right, 1 attention (also waiting_approval), 2 incomplete (also running, paused), 3 failed.
int exit_code(NightState state);

struct WindowResult {
  Window window;
  bool done = false;
  std::uint64_t expected = 0;                   // what it held last time; 0: nothing, or not known
  bool told_empty = false;                      // the totals said so in one light call; not listed
  std::uint64_t records = 0;                    // met; repeated ones count once
  std::uint64_t packages = 0, packages_of = 0;  // taken, of (0: not told yet)
  std::optional<std::uint64_t> platform_count;  // what the platform says lies in the window
  std::optional<Fen> platform_amount, platform_tax, our_amount, our_tax;
  std::string trouble;  // id of the message, empty: none
  std::string detail;   // its one line, English
};

struct TransitionCount {
  StatusField field = StatusField::state;
  std::string before, after;  // codes; before may be empty: not told until now
  std::uint64_t count = 0;
};

/// An invoice or a form that a person should see.
struct Example {
  std::string number;        // of the invoice, or the form
  std::string counterparty;  // a name as the platform gave it: hostile until escaped; may be empty
  std::string what;          // "abnormal 02", "locked", "deadline 2026-11-22 10:19:52"
};
struct Examples {
  std::uint64_t count = 0;
  std::vector<Example> shown;  // at most kMaxExamples
};

struct TaxpayerNight {
  std::string id, name, org_unit;  // org_unit empty: none known
  NightState state = NightState::running;
  std::uint64_t known = 0;  // invoices known before the night
  std::uint64_t records = 0, unchanged = 0, added = 0, changed = 0, touched = 0, quarantined = 0, repeated = 0;
  std::vector<TransitionCount> transitions;  // most frequent first
  std::vector<WindowResult> windows;
  Examples forms_near;     // open forms of either role about to pass their 72 hours
  Examples now_abnormal;   // an abnormal certificate (异常凭证) or suspected since this night, received or issued
  Examples now_locked;     // locked for a red-letter act since this night
  Examples in_quarantine;  // records that were not believed: "rzzt 01 > 03", "unreadable gmfmc"
  Examples no_longer_red;  // void or fully reversed since this night: nothing left to reverse
  std::uint64_t settled_submissions = 0;  // open submissions that were looked at because of what the night found
  std::string trouble, detail;
};

/// What the night waited for, in milliseconds of its wall time.
struct Spent {
  std::int64_t platform_ms = 0;  // answers, and lists the platform was still making
  std::int64_t budget_ms = 0;    // calls we may not make yet
  std::int64_t pause_ms = 0;     // 429, maintenance, session, network
  std::int64_t merge_ms = 0;     // decrypting and comparing
  std::int64_t commit_ms = 0;    // the disk
};

struct NightSummary {
  std::int64_t run = 0;
  NightState state = NightState::running;
  std::string cause;                              // "schedule", "asked", "catch_up", "resumed"
  std::string principal;                          // who asked
  std::string channel;                            // simulator, sandbox, production: shown on every page
  LegalTime started_at, updated_at, finished_at;  // finished_at not set: it is not over
  LegalTime window_end;                           // the night gives way to the day here
  LegalTime expected_finish;                      // while it runs
  std::uint64_t windows = 0, windows_done = 0;
  std::uint64_t windows_left_out = 0;               // empty when last asked, long after their month: not asked tonight
  std::uint64_t records = 0, expected_records = 0;  // expected: 0 when nothing is known
  std::uint64_t calls = 0, calls_planned = 0;
  std::uint64_t samples = 0, samples_differ = 0;    // invoices asked for one by one
  std::uint64_t rescanned = 0;                      // windows fetched a second time and compared
  std::uint64_t first_change = 0, last_change = 0;  // rows of `change` that are this run's; 0: none
  Spent spent;
  std::vector<TaxpayerNight> taxpayers;
  Audit audit;  // key host's log, journal and listing against each other, at the night's end
  std::string trouble, detail;
};

}  // namespace taxgate::sync
