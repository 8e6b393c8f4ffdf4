#pragma once
// USB devices by libusb: the list and its changes (from sysfs and udev; opens nothing), and the way to one device.
#include <memory>
#include <string>
#include <vector>

#include "drivers/usb/bulk_transport.h"
#include "drivers/usb/device_table.h"
#include "protocol/error.h"

namespace taxgate::usb {

/// Watches all USB devices by libusb's hot-plug callbacks. Blocking without a time limit: give it a process of its own.
class DeviceWatch {
 public:
  DeviceWatch();
  ~DeviceWatch();
  DeviceWatch(const DeviceWatch&) = delete;
  DeviceWatch& operator=(const DeviceWatch&) = delete;

  /// The first call answers at once; each further call blocks until a device came or went. Sorted by port.
  /// errors  retry_later usb.no_service: libusb cannot work here; call again later, the watch starts anew
  Result<std::vector<UsbFacts>> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The device at `port` at this moment, with what sysfs knows of it. errors  device_gone key.gone; usb.no_service
Result<UsbFacts> device_at(const std::string& port);

/// Opens the device at `port`, takes its Bulk-Only interface from the kernel's driver and claims it; the destructor
/// gives it back. Blocks no longer than the kernel does.
/// errors  device_gone key.gone (also when another device is there by now); retry_later key.reader_busy (another
/// program
///         holds it), usb.no_service; rejected usb.access (no permission), usb.no_interface
Result<std::unique_ptr<BulkTransport>> open_device(const UsbFacts& device);

}  // namespace taxgate::usb
