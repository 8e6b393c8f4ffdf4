#pragma once
// One thread with an event loop that serves HTTP and HTTPS and can misbehave on purpose: answer late, break off, never
// answer. The .cpp is the simulator's only file that knows the network library.
//
// Thread: handlers and posted functions run on the loop's thread, one at a time. Everything else here may be called
// from any thread.
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/error.h"
#include "simulator/platform/tls_identity.h"

namespace taxgate::simulator {

struct HttpRequest {
  std::string method, target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct HttpReply {
  enum class Fate : std::uint8_t {
    send,
    close,  // break the connection without an answer
    hold,   // never answer; the connection stays until the client leaves
  };
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Fate fate = Fate::send;
  std::optional<std::size_t> truncate_at;  // send that many bytes of the response, header included, then break off
};

/// Answers one request: call once, on the loop's thread, now or later. Never calling it holds the connection for ever.
using Responder = std::function<void(HttpReply)>;
using HttpHandler = std::function<void(HttpRequest, Responder)>;

class HttpLoop {
 public:
  HttpLoop();
  ~HttpLoop();  // stops and joins
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  /// Listens and serves from the moment `run` is called; port 0 takes a free one. With an identity: TLS 1.2 or 1.3
  /// only. returns  the port. errors  invalid_input sim.listen, sim.tls
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port, const TlsIdentity* identity,
                               HttpHandler handler);
  void run();   // starts the thread
  void stop();  // no handler runs after it returns; pending timers are dropped
  void post(std::function<void()> work);
  /// Machine time.
  void after(std::chrono::milliseconds delay, std::function<void()> work);

  static constexpr std::size_t kMaxBody = 16 * 1024 * 1024;  // seeding ten thousand invoices at once
  static constexpr std::size_t kMaxHeader = 60 * 1024;       // beyond 64 KiB the parser throws on one long field
  static constexpr std::chrono::seconds kIdle{300};          // a silent keep-alive connection is closed

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taxgate::simulator
