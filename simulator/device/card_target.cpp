#include "simulator/device/card_target.h"

#include <optional>
#include <utility>

namespace taxgate::simulator {
namespace {

constexpr bot::Sense kUnknownCommand{bot::kSenseIllegal, 0x20, 0x00}, kBadField{bot::kSenseIllegal, 0x24, 0x00},
    kNothingToGive{bot::kSenseIllegal, 0x2C, 0x00};  // command sequence error

bool is(ByteView cdb, std::uint8_t operation) {
  return cdb.size() >= 2 && cdb[0] == bot::kVendorCommand && cdb[1] == operation;
}

/// A tax disk says no in its sense data, 09 and the code, and not behind a passed command.
std::optional<bot::Sense> disk_refusal(ByteView answer) {
  constexpr std::uint8_t kDisk = 0xD1, kClock = 0xE1;
  if (answer.size() != 2 || (answer[0] != kDisk && answer[0] != kClock)) return std::nullopt;
  return bot::Sense{bot::kSenseVendor, answer[0], answer[1]};
}

}  // namespace

bool CardTarget::takes_data(ByteView cdb) const { return is(cdb, bot::kCardSend); }

ScsiTarget::Reply CardTarget::command(ByteView cdb, ByteView data) {
  if (is(cdb, bot::kCardSend)) {
    const auto apdu = bot::unwrap_apdu(data);
    if (!apdu) return {kBadField, {}};
    answer_ = key_.process(*apdu);
    if (const auto refused = disk_refusal(answer_)) {
      answer_.clear();
      return {refused, {}};
    }
    return {};
  }
  if (is(cdb, bot::kCardReceive)) {
    if (answer_.empty()) return {kNothingToGive, {}};
    return {{}, bot::wrap_apdu(std::exchange(answer_, {}))};
  }
  return {kUnknownCommand, {}};
}

void CardTarget::reset() {
  answer_.clear();
  key_.reset();
}

void CardTarget::power(bool on) {
  answer_.clear();
  if (on)
    key_.power_on();
  else
    key_.power_off();
}

}  // namespace taxgate::simulator
