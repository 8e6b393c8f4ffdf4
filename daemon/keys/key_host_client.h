#pragma once
// KeyHost over taxgate-keyd's Unix socket.
#include <chrono>
#include <memory>
#include <string>

#include "daemon/core/lanes.h"
#include "daemon/keys/key_host.h"

namespace boost::asio {
class io_context;
}

namespace taxgate::keys {

struct KeyHostOptions {
  std::string socket;                                  // path of keyd's socket
  std::string program = "taxgated 0.1.0";              // named in the hello, for keyd's log
  std::chrono::milliseconds default_deadline{10'000};  // of an order that names none; equal to keyd's own default
};

/// Connects by itself, now and again after every loss; either side may start first.
///
/// Failures of a signature on its way: connection lost, deadline passed, key unplugged before or after the command left
/// are all retry_later. A signature is no act: until we hold it nothing was sent to anybody, and the same bytes may be
/// signed again by this key or another one.
///
/// verify_lane  where signatures are verified, each posted to `io` afterwards: it must outlive `io`'s last run and be
///              stopped before `io` is destroyed (declare it after `io`).
/// Orders still open when the object is destroyed are dropped without an answer: its user is being destroyed as well.
std::unique_ptr<KeyHost> connect_key_host(boost::asio::io_context& io, Lane& verify_lane, KeyHostOptions options);

}  // namespace taxgate::keys
