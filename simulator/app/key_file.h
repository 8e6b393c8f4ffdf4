#pragma once
// A scenario's key on disk: state in keys/SERIAL.key, PIN in pins/SERIAL.pin (0600), below the simulator's directory.
#include <memory>
#include <string>

#include "simulator/app/scenario.h"
#include "simulator/device/virtual_key.h"

namespace taxgate::simulator::app {

struct OpenedKey {
  std::unique_ptr<VirtualKey> device;
  std::string pin_file;
};

/// The key as it was left, or personalised now when it is not there yet. A PIN that the scenario does not name is kept
/// from an earlier run or drawn. keys/ and pins/ must exist.
/// errors  those of VirtualKey::open; retry_later sim.state_io
Result<OpenedKey> open_key(const std::string& directory, const ScenarioKey& told, const KeyAuthority& issuer,
                           std::int64_t now_ms);

/// The tax disk of a key that is one (`told.disk`), as it was left in keys/SERIAL.disk, or an ordinary one made now.
/// errors  those of TaxDisk::open
Result<TaxDisk> open_disk(const std::string& directory, const ScenarioKey& told, std::int64_t now_ms);

}  // namespace taxgate::simulator::app
