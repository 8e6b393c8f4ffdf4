#pragma once
// A virtual tax disk's content as a state file. Private to simulator/device.
#include <string>

#include "simulator/device/tax_disk.h"

namespace taxgate::simulator {

/// errors  corrupt sim.state_format, retry_later sim.state_io
Result<DiskContent> load_disk(const std::string& path);
Result<void> save_disk(const DiskContent& content, const std::string& path);

}  // namespace taxgate::simulator
