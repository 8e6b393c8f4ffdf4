#include "simulator/device/ccid_function.h"

#include <algorithm>
#include <array>
#include <utility>

namespace taxgate::simulator {
namespace {

constexpr std::size_t kHeader = 10;
constexpr std::size_t kSlotAt = 5, kSequenceAt = 6, kSpecificAt = 7;

// Bulk-OUT messages, and the answers they get.
constexpr std::uint8_t kSetParameters = 0x61, kPowerOn = 0x62, kPowerOff = 0x63, kGetSlotStatus = 0x65,
                       kGetParameters = 0x6C, kResetParameters = 0x6D, kTransfer = 0x6F, kAbort = 0x72;
constexpr std::uint8_t kDataBlock = 0x80, kSlotStatus = 0x81, kParameters = 0x82;

// bStatus: state of the card, and whether the command failed; bError then says why.
constexpr std::uint8_t kCardActive = 0, kCardInactive = 1, kNoCard = 2, kFailed = 0x40;
constexpr std::uint8_t kNoError = 0x7F;  // ours: bError 0 means "command not supported"
constexpr std::uint8_t kNotSupported = 0, kBadLength = 1, kBadSlot = 5, kBadLevel = 8, kCardMute = 0xFE;
constexpr std::uint8_t kProtocolT1 = 1;
// 6.2.3: Fi/Di 1/1, LRC, no extra guard time, waiting integers 4 and 13, clock not stopped, IFSC 254, NAD 0.
constexpr std::array<std::uint8_t, 7> kT1{0x11, 0x10, 0x00, 0x4D, 0x00, 0xFE, 0x00};

std::uint32_t length_of(ByteView message) {
  std::uint32_t length = 0;
  for (unsigned i = 0; i < 4; ++i) length |= static_cast<std::uint32_t>(message[1 + i]) << (8 * i);
  return length;
}

std::uint8_t answer_type(std::uint8_t command) {
  switch (command) {
    case kPowerOn:
    case kTransfer:
      return kDataBlock;
    case kGetParameters:
    case kSetParameters:
    case kResetParameters:
      return kParameters;
    default:
      return kSlotStatus;
  }
}

}  // namespace

struct CcidFunction::Command {
  std::uint8_t type = 0, slot = 0, sequence = 0;
  ByteView specific;  // three bytes
  ByteView data;
};

UsbFunction::Take CcidFunction::out(ByteView data) {
  taken_.insert(taken_.end(), data.begin(), data.end());
  const bool whole = taken_.size() >= kHeader && taken_.size() == kHeader + length_of(taken_);
  if (!whole) {
    // More is to come after full packets only, and no more than the descriptor allows: else the pipe is halted (6.1).
    const bool too_long = taken_.size() >= kHeader && (length_of(taken_) > kMaxCcidMessage - kHeader ||
                                                       taken_.size() > kHeader + length_of(taken_));
    if (!too_long && data.size() % kBulkPacket == 0) return Take::taken;
    taken_.clear();
    return Take::stall;
  }
  const Bytes message = std::exchange(taken_, {});
  const ByteView view(message);
  run({message[0], message[kSlotAt], message[kSequenceAt], view.subspan(kSpecificAt, 3), view.subspan(kHeader)});
  return Take::taken;
}

void CcidFunction::run(const Command& command) {
  const std::uint8_t type = answer_type(command.type);
  if (command.slot != 0) return answer(command, type, kBadSlot, 0, {});
  switch (command.type) {
    case kPowerOn:
      key_.power_on();
      active_ = true;
      return answer(command, type, kNoError, 0, VirtualKey::atr());
    case kPowerOff:
      key_.power_off();
      active_ = false;
      return answer(command, type, kNoError, 1, {});  // clock stopped low
    case kGetSlotStatus:
    case kAbort:
      return answer(command, type, kNoError, active_ ? 0 : 1, {});
    case kGetParameters:
    case kResetParameters:
      return answer(command, type, kNoError, kProtocolT1, kT1);
    case kSetParameters:
      if (command.specific[0] != kProtocolT1) return answer(command, type, kSpecificAt, kProtocolT1, kT1);
      return answer(command, type, kNoError, kProtocolT1, kT1);
    case kTransfer: {
      if (!active_) return answer(command, type, kCardMute, 0, {});
      if (command.specific[1] != 0 || command.specific[2] != 0) return answer(command, type, kBadLevel, 0, {});
      if (command.data.empty()) return answer(command, type, kBadLength, 0, {});
      return answer(command, type, kNoError, 0, key_.process(command.data));
    }
    default:
      return answer(command, type, kNotSupported, 0, {});
  }
}

void CcidFunction::answer(const Command& command, std::uint8_t type, std::uint8_t error, std::uint8_t last,
                          ByteView data) {
  const bool good = error == kNoError;
  const std::uint8_t card = command.slot != 0 ? kNoCard : active_ ? kCardActive : kCardInactive;
  Bytes out{type};
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(data.size() >> (8 * i)));
  const std::uint8_t status = good ? card : static_cast<std::uint8_t>(card | kFailed);
  for (const std::uint8_t byte : {command.slot, command.sequence, status, good ? std::uint8_t{0} : error, last})
    out.push_back(byte);
  out.insert(out.end(), data.begin(), data.end());
  ready_.push_back(std::move(out));
}

std::optional<UsbFunction::Packet> CcidFunction::in(std::size_t length) {
  if (ready_.empty()) return std::nullopt;
  Bytes& first = ready_.front();
  const auto size = static_cast<std::ptrdiff_t>(std::min(length, first.size()));
  Packet packet{false, Bytes(first.begin(), first.begin() + size)};
  first.erase(first.begin(), first.begin() + size);
  if (first.empty()) ready_.pop_front();
  return packet;
}

/// 5.3.1 Abort: what was under way is dropped. Clock frequencies and data rates are not listed: stalled.
bool CcidFunction::control(const std::array<std::uint8_t, 8>& setup, Bytes&) {
  constexpr std::uint8_t kClassOut = 0x21, kAbortRequest = 0x01;
  if (setup[0] != kClassOut || setup[1] != kAbortRequest) return false;
  taken_.clear();
  ready_.clear();
  return true;
}

void CcidFunction::halt_cleared(std::uint8_t) {}

void CcidFunction::forget() {
  taken_.clear();
  ready_.clear();
  active_ = false;
}

void CcidFunction::bus_reset() {
  forget();
  key_.power_off();
}

void CcidFunction::power(bool) {
  forget();
  key_.power_off();  // the host gives power by its first message
}

}  // namespace taxgate::simulator
