#pragma once
// taxgate-sim replay FILE --dir DIR: a recorded card in a real reader (private pcscd), until SIGTERM or SIGINT.
#include "simulator/app/arguments.h"

namespace taxgate::simulator::app {

/// The stop signals must be blocked in every thread. Prints where the card is as one JSON line. returns the exit status
int run_replay(const Arguments& arguments);

/// Blocks SIGTERM, SIGINT and SIGHUP before any thread exists, so that wait_for_stop() is their only receiver.
void block_stop_signals();
void wait_for_stop();

}  // namespace taxgate::simulator::app
