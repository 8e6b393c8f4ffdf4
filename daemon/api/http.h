#pragma once
// One HTTP exchange as plain values: what the routes read and answer. No sockets, no Boost.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/error.h"

namespace taxgate::api {

enum class Method : std::uint8_t { get, post, delete_, other };
std::string_view name(Method method);

/// A whole request. The views point into the connection's buffers and are valid until the answer is given to the
/// Responder; what must live longer is copied by the handler.
struct HttpRequest {
  Method method = Method::other;
  std::string_view method_text;
  std::string_view path;   // before '?', still percent-encoded
  std::string_view query;  // after '?', still percent-encoded
  std::string_view content_type, accept, authorization, idempotency_key, last_event_id;
  std::string_view body;
};

struct HttpResponse {
  int status = 200;
  std::string_view content_type = "application/json";  // of static storage
  std::string body;
  int retry_after_seconds = 0;  // 0: no such header
  std::string location;         // 201
  std::string allow;            // 405
  bool close = false;           // this connection cannot go on
};

/// Where answers go: one per connection, implemented by the session (and by a fake in tests). `ticket` names the
/// request it answers; an answer to another one is dropped. io thread.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual void respond(std::uint64_t ticket, HttpResponse response) = 0;
  /// Sends a part of an endless answer; the first call also sends its header. `written(false)`: the peer is gone, or
  /// took nothing for the write deadline; nothing more may be sent then.
  virtual void stream(std::uint64_t ticket, std::string bytes, std::move_only_function<void(bool ok)> written) = 0;
  /// The answer will take up to this much longer than usual (long poll); the peer's leaving is watched for meanwhile.
  virtual void expect_wait(std::uint64_t ticket, int wait_ms) = 0;
  virtual bool open(std::uint64_t ticket) const = 0;
  /// open, and the caller is still registered: asked between the parts of an endless answer.
  virtual bool still_allowed(std::uint64_t ticket) const = 0;
  /// Ends an endless answer, or a request that gets none, by closing the connection.
  virtual void end(std::uint64_t ticket) = 0;
};

/// The right to answer one request, once. Keeps the connection's memory alive, not the connection.
class Responder {
 public:
  Responder(std::shared_ptr<Exchange> exchange, std::uint64_t ticket)
      : exchange_(std::move(exchange)), ticket_(ticket) {}
  void respond(HttpResponse response) { exchange_->respond(ticket_, std::move(response)); }
  void stream(std::string bytes, std::move_only_function<void(bool ok)> written) {
    exchange_->stream(ticket_, std::move(bytes), std::move(written));
  }
  void expect_wait(int wait_ms) { exchange_->expect_wait(ticket_, wait_ms); }
  bool open() const { return exchange_->open(ticket_); }
  bool still_allowed() const { return exchange_->still_allowed(ticket_); }
  void end() { exchange_->end(ticket_); }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::uint64_t ticket_;
};

}  // namespace taxgate::api
