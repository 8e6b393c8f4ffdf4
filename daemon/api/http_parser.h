#pragma once
// HTTP/1.1 requests out of a byte stream, total on hostile bytes and without an allocation per request: text is copied
// into buffers that are kept. Boost.Beast does the grammar (RFC 9112), in the .cpp only.
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "daemon/api/http.h"

namespace taxgate::api {

class HttpParser {
 public:
  /// Asked once per request when its header is complete: how large its body may be.
  using BodyLimit = std::function<std::size_t(Method, std::string_view path)>;
  explicit HttpParser(BodyLimit limit);
  ~HttpParser();
  HttpParser(HttpParser&&) noexcept;

  enum class Progress : std::uint8_t {
    need_more,  // all that can be used was consumed; the rest must be offered again with more behind it
    continue_,  // the header is there and the sender waits for "100 Continue" before its body
    complete,   // request() is valid until reset()
    failed,     // error() says why; the connection cannot go on
  };
  struct Fed {
    std::size_t consumed = 0;
    Progress progress = Progress::need_more;
  };
  Fed feed(const char* data, std::size_t size);

  const HttpRequest& request() const;
  /// errors  invalid_input api.http, api.header_size, api.body_size
  const Error& error() const;
  bool started() const;  // at least one byte of the current request was seen
  bool header_done() const;
  bool keep_alive() const;  // of the complete request
  void reset();             // ready for the next request; large buffers are given back

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taxgate::api
