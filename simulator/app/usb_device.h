#pragma once
// One virtual key as a USB device, as the command line names it; for `taxgate-sim usb` and `taxgate-sim attach`.
#include <memory>

#include "protocol/legal_time.h"
#include "simulator/app/arguments.h"
#include "simulator/app/key_file.h"
#include "simulator/device/card_target.h"
#include "simulator/device/ccid_function.h"

namespace taxgate::simulator::app {

struct UsbDevice {
  /// Of --dir, --serial, --taxpayer, --name, --disk and --as storage|reader; the key as it was left, or made now.
  /// errors  invalid_input sim.arguments; those of open_key and open_disk
  static Result<std::unique_ptr<UsbDevice>> open(const Arguments& arguments);

  const ScenarioKey told;
  const std::unique_ptr<LegalClock> clock;  // a tax disk's
  const OpenedKey key;
  CardTarget target;
  BotFunction storage;
  CcidFunction reader;
  VirtualUsb usb;  // last: uses one of the two above

 private:
  UsbDevice(ScenarioKey of, std::unique_ptr<LegalClock> time, OpenedKey opened, bool as_reader);
};

}  // namespace taxgate::simulator::app
