#pragma once
// The subcommands of taxgate-sim that talk to a running simulator. Each returns the exit status: 0 done, 1 the answer
// is no (an assertion failed), 2 could not be asked.
#include "simulator/app/arguments.h"

namespace taxgate::simulator::app {

int run_key(const Arguments& arguments);     // key list | plug S [--slot N] | unplug S | fault S … | clear-faults S | …
int run_disk(const Arguments& arguments);    // disk show S | disk set|issue|upload|report|clear|buy S --type 007 …
int run_clock(const Arguments& arguments);   // clock show | clock advance 72h
int run_seed(const Arguments& arguments);    // seed FILE
int run_fault(const Arguments& arguments);   // fault FILE | fault clear
int run_assert(const Arguments& arguments);  // assert --promises FILE --lost N --doubled N --junit F

/// "72h", "30m", "45s", "2d", "500ms" or a bare number of milliseconds; a leading "-" steps back.
Result<std::int64_t> read_duration_ms(std::string_view text);

/// Prints the error's sentence and remedy to stderr and returns 2.
int complain(const Error& error);

}  // namespace taxgate::simulator::app
