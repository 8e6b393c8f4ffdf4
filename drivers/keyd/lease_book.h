#pragma once
// The leases of keys in a file, so that a host that starts anew neither takes a key from the program that has it nor
// forgets who answers for it. Form: docs/keyd.md, "Leases file".
//
// Thread: any, one at a time per file.
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::keyd {

/// A key that another program has for a while.
struct Lease {
  std::string serial;
  Bytes certificate;   // of the key: who it is, while nothing of ours may open it
  std::string reader;  // where it was when it was lent; empty: wherever it turns up
  std::string holder, reason;
  std::int64_t until_ms = 0;  // wall clock
  friend bool operator==(const Lease&, const Lease&) = default;
};

/// Wall clock of this machine's start, to a few seconds.
std::int64_t booted_ms();

/// Those that have not ended. No file: none. After another start of the machine a reader's name may be another key's:
/// then `reader` is empty. errors  corrupt key.lease_file (wanted: the path)
Result<std::vector<Lease>> read_leases(const std::string& file, std::int64_t now_ms, std::int64_t booted_ms);

/// Replaces the whole file, durably. errors  retry_later key.lease_file
Result<void> write_leases(const std::string& file, const std::vector<Lease>& leases, std::int64_t booted_ms);

}  // namespace taxgate::keyd
