#pragma once
// One HTTP(S) POST, asynchronous, on an io_context of the caller's. No Boost in this header; Beast in the .cpp only.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/error.h"

namespace boost::asio {
class io_context;
}
namespace taxgate {
class NameLookup;
}

namespace taxgate::events {

struct Url {
  bool tls = false;
  std::string host, port, target;  // host without brackets; target begins with '/'
};
/// http://host[:port][/path][?query] or https://…; no user part, no fragment, no blanks or controls.
/// errors  invalid_input events.webhook_url
Result<Url> read_url(std::string_view text, std::string_view field);

/// Certificates a receiver is checked against, loaded once per webhook.
class TlsTrust {
 public:
  /// ca_file empty: the system's. errors  invalid_input events.webhook_tls
  static Result<std::shared_ptr<TlsTrust>> load(const std::string& ca_file, std::string_view field);
  ~TlsTrust();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

struct PostOptions {
  std::chrono::milliseconds connect_deadline{5'000}, answer_deadline{15'000};
};
struct PostResult {
  bool answered = false;
  int status = 0;       // when answered
  std::string trouble;  // when not: one line
};

/// A POST under way. cancel() (or destruction) ends it; `done` is then not called. Otherwise it is called exactly once,
/// within connect_deadline + answer_deadline.
class Post {
 public:
  virtual ~Post() = default;
  virtual void cancel() = 0;
};
std::shared_ptr<Post> start_post(boost::asio::io_context& io, NameLookup& names, Url url,
                                 std::shared_ptr<TlsTrust> trust,
                                 std::vector<std::pair<std::string, std::string>> headers, std::string body,
                                 PostOptions options, std::move_only_function<void(PostResult)> done);

}  // namespace taxgate::events
