#pragma once
// taxgated put together: construction order is lifetime order. The program is daemon/main/main.cpp; the seams exist for
// the sabotage and kill tests, which link this room with a discipline or a probe of their own.
#include "daemon/queue/resolve.h"

namespace taxgate::app {

struct Seams {
  const queue::Discipline* discipline = nullptr;  // nullptr: the real one
};

/// Runs until SIGTERM or SIGINT. exit codes  0 stopped as asked; 1 could not go on; 2 usage; 78 configuration refused
int run_daemon(int argc, char** argv, const Seams& seams);

}  // namespace taxgate::app
