#pragma once
// taxgated's command line.
#include <cstdint>
#include <string>

#include "protocol/error.h"

namespace taxgate::app {

struct Arguments {
  std::string config;
  bool check_only = false;  // --check-config FILE
  bool version = false, help = false;
  std::string lab_clock;         // --lab FILE: laboratory, with this virtual clock
  std::int64_t lab_kill_at = 0;  // --lab-kill-at N: SIGKILL ourselves at the N-th durable step (kill tests)
};

/// errors  invalid_input app.usage
Result<Arguments> read_arguments(int argc, char** argv);
extern const char* const kUsage;

}  // namespace taxgate::app
