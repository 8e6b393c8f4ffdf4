#pragma once
// The way to the platform below its messages: one HTTPS request, one answer. A seam: tests put a Fake here, the daemon
// the pooled client of https_transport.cpp.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/platform/settings.h"
#include "protocol/error.h"
#include "protocol/legal_time.h"

namespace boost::asio {
class io_context;
}

namespace taxgate::platform {

struct HttpCall {
  std::string target;  // "/access/v2/invoke/202007/QDHZQRDSQ/", below the base URL's prefix
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// The call changes nothing at the platform: a kept-alive connection that dies under it is replaced once, silently.
  bool repeatable = false;
  /// Nobody waits for it at a desk: it starts when no other call does, and never takes the reserve.
  bool can_wait = false;
};

struct HttpAnswer {
  int status = 0;
  std::string body;  // as received, maybe compressed
  std::optional<std::int64_t> retry_after_s;
  LegalTime date;  // the platform's clock, where it tells it
};

/// errors  retry_later      platform.name, platform.unreachable, platform.tls, platform.certificate, platform.not_sent:
///                          not one byte of the body was handed to the TLS stream
///         outcome_unknown  platform.no_answer (deadline), platform.connection_lost, platform.answer_cut,
///                          platform.answer_unreadable: some of the body may have been read
///         limit_reached    platform.budget_day, platform.budget_wait, platform.too_many: not sent
class PlatformTransport {
 public:
  virtual ~PlatformTransport() = default;
  /// `reply` is called once, on the io thread, never from inside post().
  virtual void post(HttpCall call, std::move_only_function<void(Result<HttpAnswer>)> reply) = 0;
  virtual std::int64_t calls_left_today() = 0;
  virtual void limit(const Limits&) {}  // a transport without time-outs of its own has nothing to change
};

/// TLS 1.2 or newer, server verified by authority and host name; keep-alive; at most `max_concurrent` connections.
/// Calls beyond that, or beyond the second's budget, wait in order for at most `answer`.
/// Lifetime: `io` outlives it. Destroying it cancels what is under way; those replies come with an error if `io` runs
/// on. errors  invalid_input platform.url, platform.ca_file
Result<std::unique_ptr<PlatformTransport>> make_https_transport(boost::asio::io_context& io,
                                                                const PlatformSettings& settings);

// Bounds.
inline constexpr std::size_t kMaxAnswer = 16 * 1024 * 1024;  // 50 forms of 2,000 lines, Base64'd, stay below
inline constexpr std::size_t kMaxWaiting = 4096;             // calls waiting for a connection: more than the active set
inline constexpr milliseconds kMaxIdle{30'000};  // a kept connection older than this is likely closed by the other side

}  // namespace taxgate::platform
