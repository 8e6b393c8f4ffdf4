#pragma once
// The only way a PIN reaches a card: ledger first, counter first, one attempt.
#include <string>

#include "drivers/gmt0017/key_device.h"
#include "drivers/keyd/pin_ledger.h"

namespace taxgate::keyd {

struct PinSource {
  std::string file;           // path
  std::string identity_name;  // see read_pin_file
};

struct LoginOutcome {
  Result<void> result;
  int tries_left = -1;  // as last shown by the card; -1 unknown
};

/// Logs in unless the ledger or the counter forbids it. Spends at most one try, never the last, never one on a secret
/// that is known to be wrong. May be killed at any instruction: the next call on the same ledger still keeps all of
/// that. errors  rejected key.pin_wrong, key.pin_last_try, key.locked, key.no_pin, key.pin_file_public; corrupt
/// key.pin_ledger;
///         retry_later key.pin_ledger_write; invalid_input key.pin_length; those of KeyDevice
LoginOutcome guarded_login(KeyDevice& key, const std::string& serial, PinLedger& ledger, const PinSource& source);

}  // namespace taxgate::keyd
