#pragma once
// The way to one Bulk-Only device: two bulk pipes and the few control requests its recovery needs. libusb implements
// it; tests script it; decorators (traces, faults) wrap it.
#include <chrono>
#include <cstdint>
#include <span>

#include "protocol/sm.h"

namespace taxgate::usb {

enum class Pipe : std::uint8_t { in, out };

enum class Moved : std::uint8_t {
  done,      // everything asked for, or (in) a short packet
  stalled,   // the endpoint is halted: clear_halt() before the next transfer
  timeout,   // cancelled by us; `bytes` had moved
  overflow,  // the device sent more than was asked for
  gone,      // unplugged: nothing will ever move again
  failed,    // any other fault of the bus
};

struct Transfer {
  Moved end = Moved::done;
  std::size_t bytes = 0;  // that moved before the end
};

/// Blocking, each call bounded by its timeout. thread  one caller at a time
class BulkTransport {
 public:
  using Milliseconds = std::chrono::milliseconds;

  virtual ~BulkTransport() = default;
  virtual Transfer out(ByteView data, Milliseconds timeout) = 0;
  virtual Transfer in(std::span<std::uint8_t> into, Milliseconds timeout) = 0;
  virtual Moved clear_halt(Pipe pipe) = 0;
  /// Bulk-Only Mass Storage Reset (21 FF).
  virtual Moved class_reset(Milliseconds timeout) = 0;
  /// Get Max LUN (A1 FE); stalled: the device has one LUN.
  virtual Moved max_lun(std::uint8_t& lun, Milliseconds timeout) = 0;
  /// Resets the device's port. gone: it came back as another device, which is found by enumeration.
  virtual Moved reset_device() = 0;
};

}  // namespace taxgate::usb
