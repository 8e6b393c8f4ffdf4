#pragma once
#include <fstream>
#include <iterator>
#include <string>

#include "protocol/error.h"

namespace taxgate::simulator::app {

/// The whole file; for files a person or the simulator itself wrote. errors  retry_later sim.state_io (field = path)
inline Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::retry_later, "sim.state_io", path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace taxgate::simulator::app
