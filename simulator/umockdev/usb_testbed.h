#pragma once
// A USB bus in software under the unmodified libusb: umockdev shows programs a sysfs, device nodes and uevents of its
// own, and hands us their ioctls. For tests; needs no hardware, no kernel module and no root.
//
// Known deviations from a kernel: one open of a device at a time counts (a second one takes over); POLLERR is never
// delivered, an unplugged device shows in its transfers; no udev rules are applied.
// Thread: all members from any thread.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/error.h"
#include "simulator/device/virtual_usb.h"

namespace taxgate::simulator {

class UsbTestbed {
 public:
  static constexpr unsigned kMaxPorts = 40;  // umockdev has room for 50 descriptors in a program

  struct PortCounters {
    std::uint64_t opens = 0;  // programs that opened the device
    std::uint64_t transfers = 0;
    bool kernel_driver = true;  // bound to the interface, as usb-storage would be
  };

  /// For main(), before anything else: libumockdev-preload must come before libc in this process too. Starts the
  /// program anew with it when it is missing; returns when it is there. errors: prints and ends the process
  static void ensure_preloaded(char** argv);

  /// errors  retry_later sim.umockdev (not preloaded, or no room)
  static Result<std::unique_ptr<UsbTestbed>> create();
  ~UsbTestbed();
  UsbTestbed(const UsbTestbed&) = delete;
  UsbTestbed& operator=(const UsbTestbed&) = delete;

  /// Puts `device` into port 1..kMaxPorts of bus 1. It must outlive the testbed or be unplugged first. When a Pull of
  /// the device fires, it leaves the bus by itself and, if the Pull says so, comes back.
  /// errors  invalid_input sim.usb_port (taken, out of range); retry_later sim.umockdev
  Result<void> plug(unsigned port, VirtualUsb& device);
  /// When it returns no transfer is under way and the programs were told.
  void unplug(unsigned port);
  bool plugged(unsigned port) const;
  PortCounters counters(unsigned port) const;

  /// Programs that wait for uevents now go on getting them, whatever others start later. Call when the one that
  /// matters waits, and before it starts more: the preloaded library has one name for all programs' listeners.
  /// returns the number of such listeners
  unsigned keep_listeners();

  static std::string port_name(unsigned port);  // "1-7", as sysfs and libusb name it
  /// What a program needs in its environment to live on this bus: "NAME=value".
  std::vector<std::string> environment() const;

 private:
  struct State;
  explicit UsbTestbed(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace taxgate::simulator
