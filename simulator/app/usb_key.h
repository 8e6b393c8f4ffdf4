#pragma once
// `taxgate-sim usb`: one virtual key as a USB device of a virtual machine.
#include "simulator/app/arguments.h"

namespace taxgate::simulator::app {

/// Runs until SIGTERM or SIGINT. The device is plugged in while it runs and a guest is on its socket; killing it pulls
/// the device. returns the exit code
int run_usb(const Arguments& arguments);

}  // namespace taxgate::simulator::app
