#pragma once
// One HTTP/1.1 exchange with the simulator's control interface on the loopback, blocking. No other HTTP is understood.
#include <cstdint>
#include <string>

#include "protocol/error.h"

namespace taxgate::simulator::app {

class ControlClient {
 public:
  struct Answer {
    int status = 0;
    std::string body;
  };
  explicit ControlClient(std::uint16_t port) : port_(port) {}
  /// errors  retry_later sim.control (nobody answers), corrupt sim.control_answer
  Result<Answer> call(const std::string& method, const std::string& path, const std::string& body = {}) const;

 private:
  std::uint16_t port_;
};

}  // namespace taxgate::simulator::app
