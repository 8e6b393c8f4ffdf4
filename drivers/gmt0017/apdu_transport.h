#pragma once
// The way to one card: command bytes in, response bytes out. Decorators (traces, faults) wrap it.
#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate {

/// One connection to one card. Blocking and without a time limit of its own: a silent card blocks its caller for ever,
/// so only a process that may be killed calls it. errors  device_gone      the card was gone before the command left:
/// the card has not seen it
///         retry_later      key.reset: the card was reset by somebody else before the command left; login and selection
///         are lost outcome_unknown  key.interrupted: the command left and no answer came
/// thread  one caller at a time
class ApduTransport {
 public:
  virtual ~ApduTransport() = default;
  /// command   a whole command APDU
  /// returns   the whole response APDU, at least the two status bytes
  virtual Result<Bytes> transmit(ByteView command) = 0;
  /// Takes the connection up again after key.reset. errors device_gone, outcome_unknown
  virtual Result<void> reconnect() = 0;
};

}  // namespace taxgate
