#pragma once
// The kernel's virtual USB host controller (module vhci_hcd) as its files in sysfs show it: which ports are free,
// giving a socket to one, and where the device stands then.
//
// Source  Linux, drivers/usb/usbip (since 4.13; Debian 12: eight controllers of 15 high-speed ports). Blocking; any
// thread; nothing is kept open.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/error.h"

namespace taxgate::simulator {

/// Where a device of the kernel stands.
struct UsbPlace {
  std::string port;  // as sysfs names it: "3-1"
  unsigned bus = 0, device = 0;
  std::string line;  // as lsusb writes it: "Bus 003 Device 002: ID 1209:0001 Taxgate simulator SIMULATED tax key"
};

class Vhci {
 public:
  struct Port {
    unsigned number = 0;  // of all ports of all controllers, as `attach` takes it
    bool free = false;
    std::string device;  // "3-1" when one has got its address; else empty
  };

  /// `sys`: where sysfs is mounted. errors  invalid_input sim.vhci_missing (the module is not loaded), rejected
  /// sim.vhci_rights (not root)
  static Result<Vhci> open(std::string sys = "/sys");

  /// The high-speed ports. errors  corrupt sim.vhci_status
  Result<std::vector<Port>> ports() const;
  /// Gives the socket `fd` to the first free port; the kernel begins to ask on it at once. returns the port's number.
  /// errors  limit_reached sim.vhci_full (none is free); retry_later sim.vhci_refused; corrupt sim.vhci_status
  Result<unsigned> attach(int fd) const;
  /// Where the port's device stands; nothing until the kernel has configured it.
  std::optional<UsbPlace> place(unsigned port) const;
  /// The device that stood there is gone: for udev, for libusb, for its driver. The port is free a little earlier.
  bool is_gone(const UsbPlace& place) const;

 private:
  explicit Vhci(std::string sys) : sys_(std::move(sys)) {}
  std::string directory() const { return sys_ + "/devices/platform/vhci_hcd.0"; }
  std::string device(const std::string& port) const { return sys_ + "/bus/usb/devices/" + port; }
  std::string sys_;
};

}  // namespace taxgate::simulator
