#pragma once
// A small blocking HTTP/1.1 client for the tests, over TLS or plain, that reports exactly what came back, broken or
// not. Deliberately not built on the library the server uses.
#include <cstdint>
#include <memory>
#include <string>

namespace taxgate::simulator {

struct Answer {
  bool connected = false;  // TCP and, with TLS, the handshake
  bool timed_out = false;  // nothing more came within the deadline
  bool closed = false;     // the other side closed before the response was complete
  int status = 0;
  std::string raw, head, body;
};

class HttpsClient {
 public:
  /// Trusts exactly the CA in `ca_path`; empty: plain HTTP. `timeout_ms`: for each piece of an answer.
  HttpsClient(std::uint16_t port, std::string ca_path, int timeout_ms = 30'000);
  ~HttpsClient();
  HttpsClient(const HttpsClient&) = delete;
  HttpsClient& operator=(const HttpsClient&) = delete;

  /// Uses the open connection, or opens one.
  Answer send(const std::string& method, const std::string& target, const std::string& body,
              const std::string& headers = {});
  int connections() const { return connections_; }
  std::string peer_subject() const;
  void close();

 private:
  bool open();
  struct State;
  std::unique_ptr<State> state_;
  std::uint16_t port_;
  std::string ca_path_;
  int timeout_ms_;
  int connections_ = 0;
};

}  // namespace taxgate::simulator
