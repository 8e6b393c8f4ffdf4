#pragma once
// A virtual USB device given to a virtual machine: the host's side of the usbredir protocol on a stream socket, as
// QEMU's `-device usb-redir` speaks it. In the guest it is a device of the real kernel, with udev, libusb and drivers.
//
// The guest hangs up: the device was pulled. This side hangs up (the simulator ends or dies): the guest sees it pulled.
// Source  usbredir protocol 0.7; framing by libusbredirparser.
#include <memory>
#include <string>

#include "protocol/error.h"
#include "simulator/device/virtual_usb.h"

namespace taxgate::simulator {

/// Plugs `device` into the guest behind the connected stream socket `fd` (borrowed, made non-blocking) and serves it.
/// Returns when the guest hung up, spoke nonsense, or `stop` became readable; the device is then unplugged.
/// thread  blocks the caller's; all of the device's completions must come from it
void serve_usb_redir(int fd, int stop, VirtualUsb& device);

/// A socket in the file system on which guests ask for one device, one after another.
class UsbRedirSocket {
 public:
  /// An old socket file is replaced. errors  invalid_input sim.usb_socket (too long), retry_later sim.usb_socket
  static Result<std::unique_ptr<UsbRedirSocket>> listen(const std::string& path);
  ~UsbRedirSocket();  // removes the file
  UsbRedirSocket(const UsbRedirSocket&) = delete;
  UsbRedirSocket& operator=(const UsbRedirSocket&) = delete;

  /// Serves guest after guest until `stop` becomes readable.
  void serve(int stop, VirtualUsb& device);

 private:
  UsbRedirSocket(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  const std::string path_;
  const int fd_;
};

}  // namespace taxgate::simulator
