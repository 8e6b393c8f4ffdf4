#pragma once
// Which USB devices are tax keys, and what is peculiar to each: the operator's matching file. Grammar: docs/usb.md,
// "Matching file". Pure: what is known of a device comes from sysfs, no device is opened for it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/usb/quirks.h"
#include "protocol/error.h"

namespace taxgate::usb {

/// What the kernel read from a device when it was plugged in.
struct UsbFacts {
  std::string port;  // as sysfs names it: "1-1.4", bus and the ports down to it
  std::uint8_t bus = 0, address = 0;
  std::uint16_t vendor = 0, product = 0;
  // Empty when the device did not give it. Two vendors put a stray byte first.
  std::string manufacturer, product_name, serial;

  friend bool operator==(const UsbFacts&, const UsbFacts&) = default;
};

struct DeviceRow {
  std::string name;  // for people
  std::optional<std::uint16_t> vendor, product;
  std::string manufacturer, product_name;  // to be found inside the device's strings; empty: any
  bool strings_required = false;           // a string that could not be read is then no match
  bool use = true;                         // false: known, and not ours to open
  Quirks quirks;
};

class DeviceTable {
 public:
  /// errors  invalid_input keyd.config_syntax, keyd.config_unknown, keyd.config_type, keyd.config_value,
  ///         keyd.config_missing; field is the key's path, `left` is "file:line"
  static Result<DeviceTable> parse(std::string_view toml, const std::string& file_name);
  /// errors  also invalid_input keyd.config_file
  static Result<DeviceTable> load(const std::string& file);

  /// The first row that fits, whether it is to be used or not. nullptr: no tax key.
  const DeviceRow* find(const UsbFacts& device) const;
  const std::vector<DeviceRow>& rows() const { return rows_; }

 private:
  std::vector<DeviceRow> rows_;
};

}  // namespace taxgate::usb
