#pragma once
// How a virtual device introduces itself on USB: its numbers, its strings, its descriptors.
#include <cstdint>
#include <string>

#include "protocol/sm.h"

namespace taxgate::simulator {

// A number of the range that pid.codes keeps for tests; never a vendor's.
inline constexpr std::uint16_t kSimulatorVendor = 0x1209, kSimulatorProduct = 0x0001;
inline constexpr const char* kSimulatorManufacturer = "Taxgate simulator";
inline constexpr const char* kSimulatorKey = "SIMULATED tax key";

inline constexpr std::uint8_t kBulkIn = 0x81, kBulkOut = 0x02;
inline constexpr std::uint16_t kBulkPacket = 512;  // high speed

struct UsbIdentity {
  std::uint16_t vendor = kSimulatorVendor, product = kSimulatorProduct;
  std::string manufacturer = kSimulatorManufacturer, product_name = kSimulatorKey, serial;
  bool strings_readable = true;  // false: the kernel could read none of them
};

/// Device and configuration descriptors in one piece, as sysfs and usbfs give them: one Bulk-Only interface.
Bytes usb_descriptors(const UsbIdentity& identity);

}  // namespace taxgate::simulator
