#pragma once
// A virtual USB device given to this machine's own kernel: the server's side of USB/IP on a stream socket whose other
// end the kernel holds (vhci.h), or a machine that imported the device. There it is a device of the real kernel, with
// udev, drivers and libusb.
//
// Either side hangs up: the device was pulled. USB/IP does not carry a port's reset; the SET_CONFIGURATION that Linux
// sends after one does its work here.
#include <cstddef>
#include <functional>
#include <map>

#include "protocol/error.h"
#include "simulator/device/virtual_usb.h"
#include "simulator/usbip/wire.h"

namespace taxgate::simulator {

/// The conversation without the socket: requests in, answers out. The device is plugged as long as this lives.
/// thread  one; all of the device's completions must come from it
class UsbIpLink {
 public:
  /// Transfers under way at a time, and bytes of them that wait to be taken: far more than drivers have, so that only a
  /// host gone mad meets it.
  static constexpr std::size_t kMaxUnderWay = 1024, kMaxHeld = 2 * std::size_t{usbip::kMaxOut};

  /// `send` takes whole answers, in order. `device` outlives this and must not be plugged elsewhere.
  UsbIpLink(VirtualUsb& device, std::function<void(Bytes)> send);
  ~UsbIpLink();
  UsbIpLink(const UsbIpLink&) = delete;
  UsbIpLink& operator=(const UsbIpLink&) = delete;

  /// Bytes from the host, cut anywhere. errors  corrupt sim.usbip_format, limit_reached sim.usbip_limit: hang up
  Result<void> take(ByteView bytes);
  bool pulled() const { return over_; }  // by the device's own fault script: hang up

 private:
  struct Waiting {
    bool in = false;
    std::size_t held = 0;
  };
  Result<void> submit(usbip::Submit request);
  void unlink(const usbip::Unlink& request);
  void standard(const usbip::Submit& request);
  void complete(UsbCompletion completion);

  VirtualUsb& device_;
  const std::function<void(Bytes)> send_;
  usbip::Reader reader_;
  std::map<std::uint64_t, Waiting> under_way_;  // by the host's sequence number
  std::size_t held_ = 0;
  bool over_ = false;
};

enum class UsbIpEnd : std::uint8_t {
  stopped,  // asked by `stop`
  hung_up,  // the host let go
  pulled,   // by the device's own fault script
  refused,  // the host's bytes make no sense, or are too many; said on stderr
};

/// Serves `device` on the connected stream socket `fd` (borrowed, made non-blocking) until one of the ends above or
/// `stop` is readable; the device is then unplugged. thread  blocks the caller's
UsbIpEnd serve_usb_ip(int fd, int stop, VirtualUsb& device);

}  // namespace taxgate::simulator
