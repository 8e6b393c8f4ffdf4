// A hostile USB/IP host: any bytes to the reader, and to a link with a device behind it; the first byte chooses which
// device. No transfer is answered twice, or after its unlinking was told, and answers are whole.
#include <cstdint>
#include <map>

#include "simulator/device/bot_function.h"
#include "simulator/usbip/usb_ip.h"

namespace {

using namespace taxgate;
using namespace taxgate::simulator;

class EchoTarget final : public ScsiTarget {
 public:
  bool takes_data(ByteView cdb) const override { return cdb[0] == 0xFE; }
  Reply command(ByteView, ByteView data) override { return {{}, Bytes(data.begin(), data.end())}; }
  bot::Inquiry inquiry() const override { return {}; }
  void reset() override {}
  void power(bool) override {}
};

/// What the host has asked, read by a second reader from the same bytes.
struct Asked {
  bool in = false;
  std::uint32_t length = 0;
};

void require(bool holds) {
  if (!holds) __builtin_trap();
}

std::uint32_t number_at(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at]) << 24 | static_cast<std::uint32_t>(bytes[at + 1]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView stream = ByteView(data, size).subspan(1);
  EchoTarget target;
  BotFunction function(target);
  UsbIdentity identity;
  if (data[0] & 1) identity.kind = UsbKind::card_reader;
  identity.strings_readable = (data[0] & 2) == 0;
  VirtualUsb device(identity, function);

  std::map<std::uint32_t, Asked> under_way;
  const auto answered = [&](const Bytes& answer) {
    require(answer.size() >= usbip::kHeader);
    if (number_at(answer, 0) == 4) return require(answer.size() == usbip::kHeader);
    require(number_at(answer, 0) == 3);
    const auto at = under_way.find(number_at(answer, 4));
    require(at != under_way.end());
    const std::uint32_t moved = number_at(answer, 24);
    require(moved <= at->second.length);
    require(answer.size() == usbip::kHeader + (at->second.in ? moved : 0));
    under_way.erase(at);
  };
  UsbIpLink link(device, answered);
  usbip::Reader reader;
  for (ByteView rest = stream;;) {
    const ByteView before = rest;
    auto next = reader.next(rest);
    if (!next || !*next) {
      require(link.take(before).has_value() == next.has_value());
      break;
    }
    if (const auto* submit = std::get_if<usbip::Submit>(&**next)) {
      require(submit->in ? submit->data.empty() : submit->data.size() == submit->length);
      under_way.try_emplace(submit->sequence, Asked{submit->in, submit->length});
    } else if (const auto* unlink = std::get_if<usbip::Unlink>(&**next)) {
      under_way.erase(unlink->victim);
    }
    if (!link.take(before.first(before.size() - rest.size()))) break;
  }
  return 0;
}
