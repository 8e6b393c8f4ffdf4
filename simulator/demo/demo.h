#pragma once
// `./run demo`: a business day against the whole stack, with every fault this project exists for, judged by what the
// virtual platform booked and never by what the gateway believes.
#include <cstdint>
#include <string>

namespace taxgate::simulator {

struct DemoOptions {
  std::string programs;  // directory of taxgated and taxgate-keyd
  std::string taxgated = "taxgated";
  std::uint64_t seed = 20261122;
  int submissions = 64;
  bool json_only = false;  // no live lines
  bool keep = false;       // leave the directory for a look afterwards
};

/// exit code  0 only if nothing was lost and nothing doubled and every case ended as it must
int run_demo(const DemoOptions& options);

}  // namespace taxgate::simulator
