#pragma once
// A card reader with a virtual key fixed in its one slot, as USB tokens of class 0B are: CCID messages in and out.
//
// Fidelity: bulk messages at the level of whole APDUs, each in one piece (as announced in the descriptor); no interrupt
// pipe, so a host asks for the slot's state. Not there: escape, secure PIN entry, clock and mechanics; they are
// answered as commands the reader does not know. Source  CCID 1.1 (USB device class 0B), chapter 6.
#include <deque>

#include "simulator/device/virtual_key.h"
#include "simulator/device/virtual_usb.h"

namespace taxgate::simulator {

class CcidFunction final : public UsbFunction {
 public:
  /// `key` must outlive it.
  explicit CcidFunction(VirtualKey& key) : key_(key) {}

  Take out(ByteView data) override;
  std::optional<Packet> in(std::size_t length) override;
  bool control(const std::array<std::uint8_t, 8>& setup, Bytes& answer) override;
  void halt_cleared(std::uint8_t endpoint) override;
  void bus_reset() override;
  void power(bool on) override;

 private:
  struct Command;
  void run(const Command& command);
  void answer(const Command& command, std::uint8_t type, std::uint8_t error, std::uint8_t last, ByteView data);
  void forget();

  VirtualKey& key_;
  bool active_ = false;      // the card has power
  Bytes taken_;              // of the message that is coming in
  std::deque<Bytes> ready_;  // answers not yet fetched
};

}  // namespace taxgate::simulator
