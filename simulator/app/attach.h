#pragma once
// `taxgate-sim attach`: one virtual key as a USB device of this machine's own kernel.
#include "simulator/app/arguments.h"

namespace taxgate::simulator::app {

/// Runs until SIGTERM, SIGINT or SIGHUP, or until the kernel lets go of the device. A line on standard input, or
/// SIGUSR1, pulls the device and puts it back in turns. Each change is a line on standard output. returns the exit code
int run_attach(const Arguments& arguments);

}  // namespace taxgate::simulator::app
