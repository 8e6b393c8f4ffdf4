#include <cstddef>
#include <string_view>

#include "simulator/device/usb_identity.h"

namespace taxgate::simulator {
namespace {

constexpr std::uint8_t kDeviceSize = 18, kDevice = 1, kConfiguration = 2, kString = 3;
constexpr std::uint8_t kAskDevice = 0x80, kAskInterface = 0x81, kAskEndpoint = 0x82;
constexpr std::uint8_t kGetStatus = 0, kGetDescriptor = 6, kGetConfiguration = 8, kGetInterface = 10;
constexpr std::size_t kMaxStringUnits = 126;  // 255 bytes in all, two of them the head

constexpr std::uint8_t byte(std::uint32_t value, unsigned i) { return static_cast<std::uint8_t>(value >> (8 * i)); }

void append(Bytes& to, std::initializer_list<std::uint8_t> bytes) { to.insert(to.end(), bytes); }
void append_u32(Bytes& to, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) to.push_back(byte(value, i));
}

/// CCID 1.1, 5.1. The reader does all that T=1 wants by itself: the host sees whole APDUs.
Bytes ccid_descriptor() {
  constexpr std::uint32_t kProtocolT1 = 2, kClockKhz = 3580, kBitsPerSecond = 115200, kIfsd = 254;
  // Parameters from the ATR, activation, voltage, clock, rate and PPS by itself; IFSD by itself; extended APDUs.
  constexpr std::uint32_t kFeatures = 0x0002 | 0x0004 | 0x0008 | 0x0010 | 0x0020 | 0x0080 | 0x0400 | 0x00040000;
  Bytes out{54, 0x21, 0x10, 0x01, 0, 0x07};
  append_u32(out, kProtocolT1);
  append_u32(out, kClockKhz);
  append_u32(out, kClockKhz);
  out.push_back(0);
  append_u32(out, kBitsPerSecond);
  append_u32(out, kBitsPerSecond);
  out.push_back(0);
  append_u32(out, kIfsd);
  append_u32(out, 0);  // synchronous protocols
  append_u32(out, 0);  // mechanics
  append_u32(out, kFeatures);
  append_u32(out, kMaxCcidMessage);
  append(out, {0xFF, 0xFF, 0, 0, 0, 1});  // GET RESPONSE and ENVELOPE as the command's class; no display, no keypad
  return out;
}

Bytes string_descriptor(std::string_view text) {
  text = text.substr(0, kMaxStringUnits);
  Bytes out{static_cast<std::uint8_t>(2 + 2 * text.size()), kString};
  for (const char c : text) append(out, {static_cast<std::uint8_t>(c), 0});
  return out;
}

std::optional<Bytes> descriptor(const UsbIdentity& identity, std::uint8_t type, std::uint8_t index) {
  const Bytes all = usb_descriptors(identity);
  switch (type) {
    case kDevice:
      return Bytes(all.begin(), all.begin() + kDeviceSize);
    case kConfiguration:
      return index == 0 ? std::optional(Bytes(all.begin() + kDeviceSize, all.end())) : std::nullopt;
    case kString: {
      if (!identity.strings_readable) return std::nullopt;
      if (index == 0) return Bytes{4, kString, 0x09, 0x04};  // one language: English (United States)
      const std::string* texts[] = {&identity.manufacturer, &identity.product_name, &identity.serial};
      return index <= std::size(texts) ? std::optional(string_descriptor(*texts[index - 1])) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

Bytes usb_descriptors(const UsbIdentity& identity) {
  const bool reader = identity.kind == UsbKind::card_reader;
  const auto index = [&](std::uint8_t i) { return identity.strings_readable ? i : std::uint8_t{0}; };
  // USB 2.0, class in the interface, 64 bytes on the default pipe, one configuration
  Bytes out{kDeviceSize, kDevice, 0x00, 0x02, 0, 0, 0, 64};
  append(out, {byte(identity.vendor, 0), byte(identity.vendor, 1), byte(identity.product, 0), byte(identity.product, 1),
               0x00, 0x01, index(1), index(2), index(3), 1});
  const Bytes of_class = reader ? ccid_descriptor() : Bytes{};
  const auto total = static_cast<std::uint32_t>(9 + 9 + of_class.size() + 7 + 7);
  // One interface, bus powered, 100 mA; then the interface: CCID, or mass storage, SCSI transparent, Bulk-Only
  append(out, {9, kConfiguration, byte(total, 0), byte(total, 1), 1, 1, 0, 0x80, 50});
  if (reader)
    append(out, {9, 4, 0, 0, 2, 0x0B, 0x00, 0x00, 0});
  else
    append(out, {9, 4, 0, 0, 2, 0x08, 0x06, 0x50, 0});
  out.insert(out.end(), of_class.begin(), of_class.end());
  for (const auto endpoint : {kBulkIn, kBulkOut})
    append(out, {7, 5, endpoint, 2, byte(kBulkPacket, 0), byte(kBulkPacket, 1), 0});
  return out;
}

std::optional<Bytes> usb_standard_answer(const UsbIdentity& identity, const std::array<std::uint8_t, 8>& setup) {
  const auto [type, request, low, high, index_low, index_high, length_low, length_high] = setup;
  const bool asks = type == kAskDevice || type == kAskInterface || type == kAskEndpoint;
  std::optional<Bytes> answer;
  if (asks && request == kGetStatus) answer = Bytes{0, 0};
  if (type == kAskDevice && request == kGetDescriptor) answer = descriptor(identity, high, low);
  if (type == kAskDevice && request == kGetConfiguration) answer = Bytes{1};
  if (type == kAskInterface && request == kGetInterface) answer = Bytes{0};
  const std::size_t room = length_low | static_cast<std::size_t>(length_high) << 8;
  if (answer && answer->size() > room) answer->resize(room);
  return answer;
}

}  // namespace taxgate::simulator
