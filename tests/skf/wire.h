#pragma once
// Between the SKF library of the tests and the virtual device behind it (skf_device.h): one Unix stream socket a
// device, one connection a DEVHANDLE. Request: operation (1 byte), length (4, little-endian), bytes. Answer: SAR code
// (4), length (4), bytes. The socket DIR/devices/NAME stands for the device NAME of the library DIR/libskf.so.
#include <cstdint>

namespace taxgate::tests::skf_wire {

enum class Op : std::uint8_t {
  info = 1,          // → manufacturer NUL issuer NUL label NUL serial
  applications,      // → names, each with a NUL
  open_application,  // name → 2 bytes
  containers,        // application → names
  open_container,    // application ‖ name → 2 bytes
  certificate,       // application ‖ container → DER
  public_key,        // application ‖ container → X ‖ Y
  pin_info,          // application → most, left (one byte each)
  verify_pin,        // application ‖ PIN → left, on success and on failure
  sign,              // application ‖ container ‖ 32 bytes → r ‖ s
};

}  // namespace taxgate::tests::skf_wire
