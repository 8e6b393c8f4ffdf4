#pragma once
// A virtual USB device in a port of this machine's own kernel: from plugged to pulled.
#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "daemon/core/files.h"
#include "simulator/usbip/usb_ip.h"
#include "simulator/usbip/vhci.h"

namespace taxgate::simulator {

/// Pulled when this ends, however the process ends: the kernel sees the socket close.
class Attachment {
 public:
  /// Plugs `device` into a free port and returns when the kernel has configured it. `ended` is called once, on a thread
  /// of this object's own, when the device is out again without having been asked to (usbip detach, module removed, the
  /// device's own fault script). `device` outlives it.
  /// errors  those of Vhci::attach; retry_later sim.vhci_not_taken (not configured in time), sim.vhci_socket
  static Result<std::unique_ptr<Attachment>> plug(const Vhci& vhci, VirtualUsb& device,
                                                  std::function<void(UsbIpEnd)> ended);
  /// Pulls it; returns when it is gone for everybody, or after ten seconds.
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  const UsbPlace& place() const { return place_; }

 private:
  Attachment(const Vhci& vhci, VirtualUsb& device, std::function<void(UsbIpEnd)> ended)
      : vhci_(vhci), device_(device), ended_(std::move(ended)) {}
  Result<void> start();
  void serve();

  const Vhci vhci_;
  VirtualUsb& device_;
  const std::function<void(UsbIpEnd)> ended_;
  unsigned port_ = 0;
  std::atomic<bool> over_ = false;  // nobody serves it any more
  UsbPlace place_;
  UniqueFd ours_, kernels_, stop_;
  std::jthread server_;  // last: uses all of the above
};

}  // namespace taxgate::simulator
