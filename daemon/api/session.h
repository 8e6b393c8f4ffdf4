#pragma once
// One connection's conversation: bytes in, requests out to the handlers, answers back, deadlines. It knows no sockets;
// the connection (server.cpp) derives from it and moves the bytes. io thread.
//
// At any time either one read or one write is under way, so memory per connection is one read buffer, one body and one
// answer. A request is answered before the next one of the same connection is parsed.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/api/callers.h"
#include "daemon/api/gateway.h"
#include "daemon/api/http.h"
#include "daemon/api/http_parser.h"
#include "daemon/api/server.h"

namespace taxgate::api {

/// What all sessions of a server share. Kept alive by each of them.
class SessionHost {
 public:
  SessionHost(Settings s, Gateway& g, CallerDirectory& d) : settings(std::move(s)), gateway(g), directory(d) {}
  virtual ~SessionHost() = default;
  virtual std::int64_t now_ms() const = 0;            // steady
  virtual void deadline_set(std::int64_t at_ms) = 0;  // the sweep must look no later than this (plus Settings::sweep)

  Settings settings;  // bounds of bodies and connections may change, for what comes after
  Gateway& gateway;
  CallerDirectory& directory;
  std::uint64_t requests = 0;
};

/// How the peer of a connection proves who it is.
struct Credential {
  enum class Door : std::uint8_t { unix_socket, token, certificate } door = Door::token;
  std::int64_t uid = -1;
  std::string certificate_sha256;
};

/// The caller of one request, or why there is none. `authorization` counts only at the token door.
/// errors  invalid_input api.unauthorized
Result<Caller> authenticate(const SessionHost& host, const Credential& credential, std::string_view authorization);

class Session : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<SessionHost> host, Credential credential);

  void begin();  // the connection stands
  void on_read(bool ok, std::size_t n);
  void on_written(bool ok);
  void on_peer_left();                                       // seen while an answer was awaited
  void cut();                                                // the deadline passed
  void stop();                                               // close at once; idempotent
  std::int64_t deadline_ms() const { return deadline_ms_; }  // 0: none
  bool closed() const { return state_ == State::closed; }

  void respond(std::uint64_t ticket, HttpResponse response) override;
  void stream(std::uint64_t ticket, std::string bytes, std::move_only_function<void(bool ok)> written) override;
  void expect_wait(std::uint64_t ticket, int wait_ms) override;
  bool open(std::uint64_t ticket) const override { return ticket == ticket_ && state_ != State::closed; }
  bool still_allowed(std::uint64_t ticket) const override;
  void end(std::uint64_t ticket) override {
    if (open(ticket)) stop();
  }

 protected:
  // The connection's part. Each start_… ends in exactly one call of the matching on_…, never before it returned.
  virtual void start_read(char* into, std::size_t size) = 0;
  virtual void start_write(std::string_view head, std::string_view body) = 0;  // memory stays valid until on_written
  virtual void start_watch() = 0;  // call on_peer_left if the peer closes; may be forgotten when bytes arrive
  virtual void shutdown_send() = 0;
  virtual void close() = 0;

  SessionHost& host() { return *host_; }
  void set_credential(Credential credential) { credential_ = std::move(credential); }
  void set_deadline(std::chrono::milliseconds from_now);

 private:
  enum class State : std::uint8_t { reading, continuing, answering, writing, streaming, draining, closed };

  void process();
  void read(char* into, std::size_t size);
  void await_bytes();
  void dispatch();
  void refuse(const Error& error, bool close);
  void write_head(const HttpResponse& response, bool keep);
  void drain();

  std::shared_ptr<SessionHost> host_;
  Credential credential_;
  HttpParser parser_;
  State state_ = State::reading;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0, end_ = 0, drained_ = 0;
  std::uint64_t ticket_ = 0;
  std::int64_t deadline_ms_ = 0, started_ms_ = 0, header_ms_ = 0;
  bool keep_ = true, stream_begun_ = false, read_pending_ = false;
  std::string head_, body_;
  std::move_only_function<void(bool ok)> written_;
};

}  // namespace taxgate::api
