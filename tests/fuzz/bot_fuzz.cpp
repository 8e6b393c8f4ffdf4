// Bulk-Only Transport from both ends on one input: as frames to every reader; as the answers of a hostile device to the
// host's session; and as transfers of a hostile host to a virtual device. The first byte chooses which.
#include <algorithm>
#include <cstdint>

#include "drivers/usb/usb_transport.h"
#include "protocol/bot.h"
#include "simulator/device/bot_function.h"

namespace {

using namespace taxgate;
using namespace taxgate::simulator;

void readers(ByteView bytes) {
  if (const auto block = bot::read_command_block(bytes); block && bot::read_command_block(bot::encode(*block)) != block)
    __builtin_trap();
  if (const auto block = bot::read_status_block(bytes); block && bot::read_status_block(bot::encode(*block)) != block)
    __builtin_trap();
  if (const auto apdu = bot::unwrap_apdu(bytes); apdu && apdu->size() + bot::kCardHead > bytes.size()) __builtin_trap();
  (void)bot::read_sense(bytes);
  (void)bot::read_inquiry(bytes);
}

/// Each transfer takes its end and its bytes from the input; a CSW with the right tag is offered now and then, so that
/// the session gets anywhere.
class HostileDevice final : public usb::BulkTransport {
 public:
  explicit HostileDevice(ByteView script) : script_(script) {}

  usb::Transfer out(ByteView data, Milliseconds) override {
    if (const auto block = bot::read_command_block(data)) tag_ = block->tag;
    const auto end = next_end();
    return {end, end == usb::Moved::done ? data.size() : std::min<std::size_t>(data.size(), take())};
  }
  usb::Transfer in(std::span<std::uint8_t> into, Milliseconds) override {
    const auto end = next_end();
    if ((take() & 1) != 0 && into.size() >= bot::kStatusBlock) {
      const auto status = bot::encode(bot::StatusBlock{tag_, take() & 3U, static_cast<bot::Status>(take() % 3)});
      std::ranges::copy(status, into.begin());
      return {end, status.size()};
    }
    const std::size_t size = std::min({into.size(), static_cast<std::size_t>(take()), script_.size()});
    std::ranges::copy(script_.first(size), into.begin());
    script_ = script_.subspan(size);
    return {end, size};
  }
  usb::Moved clear_halt(usb::Pipe) override { return next_end(); }
  usb::Moved class_reset(Milliseconds) override { return next_end(); }
  usb::Moved max_lun(std::uint8_t& lun, Milliseconds) override {
    lun = take();
    return next_end();
  }
  usb::Moved reset_device() override { return next_end(); }

 private:
  std::uint8_t take() {
    if (script_.empty()) return 0;
    const std::uint8_t value = script_[0];
    script_ = script_.subspan(1);
    return value;
  }
  usb::Moved next_end() {
    if (script_.empty()) return usb::Moved::gone;  // every input ends
    const std::uint8_t value = take();
    return value < 200 ? usb::Moved::done : static_cast<usb::Moved>(value % 6);
  }

  ByteView script_;
  std::uint32_t tag_ = 0;
};

void host_session(ByteView script) {
  auto transport = usb::apdu_over_bulk(std::make_unique<HostileDevice>(script), {.not_ready_retries = 3},
                                       [](std::chrono::milliseconds) {});
  if (!transport) return;
  const Bytes command{0x80, 0x50, 0, 0, 8};
  for (int i = 0; i < 8; ++i)
    if (const auto answer = (*transport)->transmit(command); answer && answer->size() < 2) __builtin_trap();
}

class Echo final : public ScsiTarget {
 public:
  bool takes_data(ByteView cdb) const override { return cdb[0] == 0xFE; }
  Reply command(ByteView, ByteView data) override { return {{}, Bytes(data.begin(), data.end())}; }
  bot::Inquiry inquiry() const override { return {}; }
  void reset() override {}
  void power(bool) override {}
};

void device(ByteView script) {
  Echo echo;
  BotFunction function(echo);
  VirtualUsb usb({}, function);
  std::uint64_t ended = 0, id = 0;
  usb.plug({.complete = [&](UsbCompletion) { ++ended; }, .pulled = {}});
  while (script.size() >= 2) {
    const std::uint8_t what = script[0];
    const std::size_t size = std::min<std::size_t>(script[1], script.size() - 2);
    const ByteView bytes = script.subspan(2, size);
    script = script.subspan(2 + size);
    switch (what % 8) {
      case 0:
        usb.clear_halt(kBulkIn);
        break;
      case 1:
        usb.clear_halt(kBulkOut);
        break;
      case 2:
        usb.reset();
        break;
      case 3:
        usb.submit({.id = ++id, .setup = {bot::kResetType, bot::kResetRequest}, .data = {}, .length = 0});
        break;
      case 4:
      case 5:
        usb.submit({.id = ++id, .endpoint = kBulkIn, .data = {}, .length = size * 8});
        break;
      default:
        usb.submit({.id = ++id, .endpoint = kBulkOut, .data = Bytes(bytes.begin(), bytes.end()), .length = 0});
    }
  }
  usb.unplug();
  if (ended != id) __builtin_trap();  // each transfer ends exactly once
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  if (bytes.empty()) return 0;
  const ByteView rest = bytes.subspan(1);
  switch (bytes[0] % 3) {
    case 0:
      readers(rest);
      break;
    case 1:
      host_session(rest);
      break;
    default:
      device(rest);
  }
  return 0;
}
