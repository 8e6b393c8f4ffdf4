#pragma once
// The local API's HTTP/1.1 server: a Unix socket (callers by peer uid), loopback TCP (bearer token) and TCP with mutual
// TLS (callers by client certificate). Routes, statuses and error ids: docs/api.md; schema: docs/openapi.json.
//
// Thread    everything on the io_context's one thread, which is also where Gateway and CallerDirectory are called.
// Lifetime  io, gateway and callers outlive the server. Replies that come after the server's end are dropped; a reply
//           the gateway never gives is destroyed before io is.
// Bounds    daemon/api/limits.h; a slow or silent peer is cut without waiting on it.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/api/callers.h"
#include "daemon/api/gateway.h"
#include "daemon/api/limits.h"

namespace boost::asio {
class io_context;
}

namespace taxgate::api {

struct Settings {
  std::string channel = "simulator";  // shown in every answer (header Taxgate-Channel and the bodies)
  std::string version = "0.1.0";

  std::string socket_path;      // Unix socket; empty: none. A stale file of a dead daemon is replaced.
  unsigned socket_mode = 0666;  // who may connect; who may do something is decided by the caller's entry

  bool tcp = false;                       // loopback TCP
  std::string tcp_address = "127.0.0.1";  // must be a loopback address
  std::uint16_t tcp_port = 0;             // 0: any
  std::string token_sha256;               // of the token file (token_file_sha256); empty: only tokens of the directory
  Caller token_caller{"local:token", {"submitter", "approver", "operator"}, {}};  // who its bearer is

  bool tls = false;  // mutual TLS
  std::string tls_address = "0.0.0.0";
  std::uint16_t tls_port = 0;
  std::string tls_certificate, tls_key, tls_client_ca;  // PEM files

  std::size_t max_body = kMaxBody;
  std::size_t max_connections = kMaxConnections;
  // Deadlines as settings so that tests need not wait; never longer than the defaults in a daemon.
  std::chrono::milliseconds header_deadline = kHeaderDeadline, body_deadline = kBodyDeadline,
                            write_deadline = kWriteDeadline, idle_deadline = kIdleDeadline,
                            handshake_deadline = kHandshakeDeadline, sweep = kSweep;
  int stream_wait_ms = kStreamWaitMs;
  bool floor = false;  // serve POST /bench/floor: read the body, answer a fixed text (the bench's yardstick)
};

class Server {
 public:
  Server(boost::asio::io_context& io, Settings settings, Gateway& gateway, CallerDirectory& callers);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Opens every listener or none. errors  invalid_input api.listen / api.socket_in_use / api.not_loopback /
  /// api.tls_files
  Result<void> start();
  /// Closes the listeners and every connection; the socket file is removed. Idempotent.
  void stop();

  /// For requests and connections that come from now on.
  void limit(std::size_t max_body, std::size_t max_connections);

  std::uint16_t tcp_port() const;  // as bound; 0 when there is no such listener
  std::uint16_t tls_port() const;
  std::size_t connections() const;  // open now
  std::uint64_t requests() const;   // answered since start

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace taxgate::api
