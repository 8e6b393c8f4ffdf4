#pragma once
// What must stand for the coming night, judged hours before it: will the platform let us in, may we make the calls,
// does it end in time, are keys and certificates good until its end, is there room. Findings are rows of the message
// catalogue. A function of facts; who collects them is the driver. Pure; any thread.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/sync/plan.h"
#include "protocol/error.h"

namespace taxgate::sync {

/// Below the first a night of many changes may not fit beside a checkpoint; below the second nothing is accepted soon.
inline constexpr std::uint64_t kLowSpace = std::uint64_t{1} << 30, kNoSpace = std::uint64_t{100} << 20;
/// What a record that is new takes in the database: facts, status, change and their indexes, measured at about 400
/// bytes and rounded up.
inline constexpr std::uint64_t kBytesOfNewRecord = 512;

struct PreflightTaxpayer {
  std::string id;
  bool asked = false;            // a light call of the night's kind was made
  std::optional<Error> refused;  // what it met
};

struct PreflightKey {
  std::string serial, taxpayer;
  bool ready = false;
  LegalTime valid_until;    // not set: unknown
  std::string state = {};   // the key host's word: "pin_wrong", "pin_last_try", "locked", …
  int pin_tries_left = -1;  // unknown; a key that never showed its counter has 0 without being locked
};

struct PreflightInput {
  LegalTime window_end;         // of the coming night
  Plan plan;                    // what it would do
  std::int64_t calls_left = 0;  // to the night, beside day work's reserve
  std::vector<PreflightTaxpayer> taxpayers;
  std::optional<std::int64_t> clock_ahead_s;  // ours before the platform's; not told: unknown
  bool key_host_connected = false;
  std::vector<PreflightKey> keys;
  std::string state_dir;
  std::optional<std::uint64_t> free_bytes;  // of the file system the ledger is on
};

struct PreflightFinding {
  bool failing = false;  // the night, or what it stands for, will not be right; else a person should look
  Error error;
};
/// Nothing found: everything stands. Failing ones first.
std::vector<PreflightFinding> judge(const PreflightInput& input);

}  // namespace taxgate::sync
