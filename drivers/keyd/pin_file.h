#pragma once
// Reads a PIN from its file, in the worker process only.
#include <string>

#include "drivers/keyd/pin_ledger.h"
#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::keyd {

struct PinSecret {
  SecretBytes pin;
  SecretIdentity identity;  // of exactly the file that was read
};

/// path           one line: the PIN; a line end at its end is not part of it
/// identity_name  empty: the file's own identity. Else the identity is this name alone: a systemd credential is a new
/// file
///                at every start of the service, and a restart must not look like a corrected PIN.
/// errors  rejected key.no_pin (no such file, empty, unreadable), key.pin_file_public (others may read or write it)
Result<PinSecret> read_pin_file(const std::string& path, const std::string& identity_name);

}  // namespace taxgate::keyd
