#pragma once
// One conversation with the API: a Unix socket, loopback TCP, or mutual TLS to another machine; HTTP/1.1, one request
// at a time, keep-alive.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocol/error.h"

namespace taxgate::cli {

/// Files, PEM. Read when the conversation begins.
struct ClientTls {
  std::string ca;           // whom the server's certificate must come from; empty: the system's authorities
  std::string certificate;  // ours, with its chain
  std::string private_key;
};

struct Endpoint {
  std::string socket;  // path; used when `host` is empty
  std::string host;    // "127.0.0.1"; a name only with tls
  std::uint16_t port = 0;
  std::string token = {};  // for TCP; sent as bearer, never shown
  std::optional<ClientTls> tls = {};
  std::string text() const { return host.empty() ? socket : host + ":" + std::to_string(port); }
};

/// "http://127.0.0.1:8470", this machine only; "https://billing.example:8471", any, `tls` then set and empty.
/// errors  invalid_input cli.url
Result<Endpoint> parse_url(std::string_view url);

struct Request {
  std::string method = "GET";
  std::string target;  // "/v1/status"
  std::string body;
  std::string content_type = "application/json";
  std::string idempotency_key;  // header, when not empty
  /// How long the daemon itself may take (a long poll), on top of kAnswerTime.
  std::chrono::seconds wait{0};
};

struct Response {
  int status = 0;
  std::string body;
  bool protobuf = false;  // form of the body
  std::string channel;    // header Taxgate-Channel, which every answer carries
};

inline constexpr std::chrono::seconds kConnectTime{5};  // a local daemon that listens answers at once
inline constexpr std::chrono::seconds kAnswerTime{30};  // disk under load; beyond it something is wrong
inline constexpr std::size_t kMaxAnswer = 64U << 20;    // the largest list page, with room

class Client {
 public:
  explicit Client(Endpoint endpoint);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Asks for protobuf. A kept connection that the daemon closed meanwhile is opened anew, once.
  /// errors  retry_later cli.unreachable (nothing was sent), outcome_unknown cli.no_answer (it was sent),
  ///         invalid_input cli.tls_file (field = path), invalid_input cli.tls (either side refused the other's
  ///         certificate)
  Result<Response> call(const Request& request);

 private:
  struct Wire;
  Endpoint endpoint_;
  std::unique_ptr<Wire> wire_;
};

}  // namespace taxgate::cli
