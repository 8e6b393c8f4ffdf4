#pragma once
// What a card in a virtual reader is to the reader: commands in, answers out. A virtual key, or a recorded one.
#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::simulator {

/// Thread: any; one command runs at a time, as on a card.
class CardDevice {
 public:
  virtual ~CardDevice() = default;
  /// One command APDU in, one response APDU out (status word last), total on hostile bytes. Empty: no answer comes; the
  /// card is off the line for a moment.
  virtual Bytes process(ByteView apdu) = 0;
  /// This command is never answered: it takes it and is silent until it is pulled. Asked before process().
  virtual bool hangs_on(ByteView) { return false; }
  virtual void power_on() = 0;
  virtual void power_off() = 0;
  virtual void reset() = 0;

  // Faults of the card itself; a recorded card has those that were recorded.
  virtual void corrupt_next_signatures(unsigned) {}
  virtual Result<void> set_tries_left(unsigned) { return {}; }
};

}  // namespace taxgate::simulator
