#pragma once
// How a virtual device introduces itself on USB: its numbers, its strings, its descriptors.
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/sm.h"

namespace taxgate::simulator {

// Numbers of the range that pid.codes keeps for tests; never a vendor's.
inline constexpr std::uint16_t kSimulatorVendor = 0x1209, kSimulatorProduct = 0x0001, kSimulatorReaderProduct = 0x0002;
inline constexpr const char* kSimulatorManufacturer = "Taxgate simulator";
inline constexpr const char* kSimulatorKey = "SIMULATED tax key";
inline constexpr const char* kSimulatorReader = "SIMULATED tax key in a card reader";

inline constexpr std::uint8_t kBulkIn = 0x81, kBulkOut = 0x02;
inline constexpr std::uint16_t kBulkPacket = 512;  // high speed

enum class UsbKind : std::uint8_t {
  bulk_only,    // mass storage, 08/06/50
  card_reader,  // CCID, 0B/00/00: one slot, whole APDUs, no interrupt pipe
};
// CCID 1.1, 5.1: the longest message either way. Header, the longest answer and its status word.
inline constexpr std::uint32_t kMaxCcidMessage = 10 + 65536 + 2;

struct UsbIdentity {
  UsbKind kind = UsbKind::bulk_only;
  std::uint16_t vendor = kSimulatorVendor, product = kSimulatorProduct;
  std::string manufacturer = kSimulatorManufacturer, product_name = kSimulatorKey, serial;
  bool strings_readable = true;  // false: the kernel could read none of them
};

/// Device and configuration descriptors in one piece, as sysfs and usbfs give them: one interface, one bulk pipe each
/// way.
Bytes usb_descriptors(const UsbIdentity& identity);

/// What the device answers on its default pipe to the standard requests that ask (USB 2.0, 9.4): descriptors, strings
/// (ASCII), status, configuration. Nothing: it stalls them. For front ends whose host does not know it already.
std::optional<Bytes> usb_standard_answer(const UsbIdentity& identity, const std::array<std::uint8_t, 8>& setup);

}  // namespace taxgate::simulator
