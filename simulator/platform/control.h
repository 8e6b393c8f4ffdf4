#pragma once
// The control interface's endpoints (docs/simulator.md), without the network: method, path and body in, JSON out.
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/platform/faults.h"
#include "simulator/platform/platform.h"
#include "simulator/platform/request_log.h"
#include "simulator/platform/world.h"

namespace taxgate::simulator {

/// Finds the handler of a request. `add` may be called from any thread; handlers run on the caller's of `route`.
class Router {
 public:
  void add(std::string method, std::string pattern, ControlHandler handler);
  /// 404 for an unknown path, 405 for a known one with another method.
  ControlReply route(std::string_view method, std::string_view target, std::string body) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    ControlHandler handler;
  };
  mutable std::mutex mutex_;
  std::vector<Route> routes_;
};

ControlReply control_error(int status, const Error& error);

/// What the endpoints work on. All outlive the router.
struct Laboratory {
  World& world;
  Faults& faults;
  RequestLog& log;
  LegalClockFile& clock;
  const std::map<std::string, std::uint64_t>& calls;  // requests seen, by service
};
void add_control_routes(Router& router, Laboratory laboratory);

}  // namespace taxgate::simulator
