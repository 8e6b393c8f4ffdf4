#pragma once
// The durable memory of PIN attempts: it survives kills of the worker and the host, restarts and reboots, so that a
// wrong PIN is never tried twice by the machine itself. Format: docs/keyd.md, "PIN ledger".
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/error.h"

namespace taxgate::keyd {

/// Which secret was tried: the identity of the file that holds it, and nothing derived from what it holds.
struct SecretIdentity {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0;
  std::string name;  // for a systemd credential, which is a new file at every start: its name, and the rest is zero
  friend bool operator==(const SecretIdentity&, const SecretIdentity&) = default;
};

struct PinAttempt {
  enum class Phase : std::uint8_t {
    attempting,  // VerifyPIN may or may not have reached the card
    failed,      // the card said wrong
  };
  Phase phase = Phase::attempting;
  SecretIdentity secret;
  int tries_before = -1;  // what the card showed before the attempt; -1 it did not say
  friend bool operator==(const PinAttempt&, const PinAttempt&) = default;
};

/// One file per card serial in one directory (0700). Thread: any, one process per serial at a time.
class PinLedger {
 public:
  explicit PinLedger(std::string directory) : directory_(std::move(directory)) {}

  /// Nothing: no attempt is open. errors  corrupt key.pin_ledger (unreadable: treat as "do not try")
  Result<std::optional<PinAttempt>> read(const std::string& serial) const;
  /// On the disk (file and directory synced) when it returns. errors  retry_later key.pin_ledger_write: do not try
  Result<void> write(const std::string& serial, const PinAttempt& attempt);
  /// After a success. A lost clear is harmless: the counter shows that no try was spent.
  Result<void> clear(const std::string& serial);

  /// The file of a serial: letters, digits, '-' kept, every other byte as %XX.
  std::string path_of(const std::string& serial) const;

 private:
  std::string directory_;
};

/// What to do about a login. Pure; the whole policy in one place.
/// previous    the ledger's record for this serial
/// secret      the identity of the secret at hand
/// tries_left  what the card shows now; -1 it does not say
/// returns     nothing: go ahead
/// errors      rejected key.locked / key.pin_last_try / key.pin_wrong
/// `spent` is set when the record shows an unanswered attempt that the card did count: mark it failed.
Result<void> may_try(const std::optional<PinAttempt>& previous, const SecretIdentity& secret, int tries_left,
                     bool& spent);

}  // namespace taxgate::keyd
