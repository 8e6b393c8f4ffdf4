#pragma once
// USB/IP between a host controller (Linux: vhci_hcd) and a device's server, after the import: requests to submit and to
// unlink a transfer come in, their answers go out. Bytes only; what they do is usb_ip.h.
//
// A message is a header of 48 bytes, all numbers big-endian, and data where the direction wants it:
//
//   both ways   0 command  4 sequence number  8 device  12 direction (1: in)  16 endpoint
//   SUBMIT 1    20 flags  24 length  28 start frame  32 packets  36 interval  40 setup[8]; data when out
//   UNLINK 2    20 sequence number of the transfer to cancel
//   answer 3    20 status  24 actual length  28 start frame  32 packets  36 errors  40 padding; data when in
//   answer 4    20 status
//
// Source  Linux, Documentation/usb/usbip_protocol.rst. Thread: any, one at a time.
#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::simulator::usbip {

inline constexpr std::size_t kHeader = 48;
/// Of one transfer to the device. usbfs gives all programs together this much (usbfs_memory_mb, 16 by default).
inline constexpr std::uint32_t kMaxOut = 16U << 20;

struct Submit {
  std::uint32_t sequence = 0;
  std::uint8_t endpoint = 0;  // as descriptors name it: 0x80 is from the device; 0 for the default pipe either way
  std::array<std::uint8_t, 8> setup{};
  std::uint32_t length = 0;  // in: how much the host takes
  bool in = false;
  Bytes data;  // out
};
struct Unlink {
  std::uint32_t sequence = 0, victim = 0;
};
using Request = std::variant<Submit, Unlink>;

/// Cuts requests out of a stream. Total on any bytes; holds at most one request.
class Reader {
 public:
  /// Takes bytes from the front of `bytes` until a request is whole or they are used up (then: nothing).
  /// errors  corrupt sim.usbip_format (field); the stream has no meaning from there on
  Result<std::optional<Request>> next(ByteView& bytes);

 private:
  std::size_t wanted() const;
  Bytes taken_;             // header and data of the request that is coming in
  std::uint32_t data_ = 0;  // how much data follows the header
};

/// Negative numbers of errno(3), as the kernel wants them.
enum class Status : std::int32_t { ok = 0, stalled = -32, cancelled = -104 };

/// `moved`: bytes in either direction. `data`: in, as long as `moved`; out, empty.
Bytes submit_answer(std::uint32_t sequence, Status status, std::uint32_t moved, ByteView data);
/// `cancelled`: the transfer ended by this, and gets no answer of its own. `ok`: it had ended before.
Bytes unlink_answer(std::uint32_t sequence, Status status);

}  // namespace taxgate::simulator::usbip
