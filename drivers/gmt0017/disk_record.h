#pragma once
// A tax disk's state as bytes of a card. No real disk's encoding is known: these are the simulated disk's (docs/usb.md,
// "Tax disk"); a make whose encoding becomes known gets a reader of its own beside this one.
#include "protocol/error.h"
#include "protocol/keyd.pb.h"
#include "protocol/sm.h"

namespace taxgate::gmt0017 {

/// Bytes of one record. The states of 24 disks must fit into one list of keys (keyd_frame.h).
inline constexpr std::size_t kMaxDiskRecord = 4096;

/// Total on hostile bytes. `trouble` is never set.
/// errors  corrupt key.disk_format (field names the part)
Result<keyd::v1::TaxDisk> read_disk_record(ByteView bytes);

}  // namespace taxgate::gmt0017
