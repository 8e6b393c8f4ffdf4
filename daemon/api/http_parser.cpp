// The one place that knows Beast's parser. basic_parser calls back with views into the caller's bytes that end with the
// call, so the few fields the API reads are copied into strings that keep their capacity from request to request.
#include "daemon/api/http_parser.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <string>

#include "daemon/api/limits.h"

namespace taxgate::api {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr std::size_t kShortestChunkedEnd = 5;

constexpr std::string_view std_view(string_view s) { return {s.data(), s.size()}; }

/// The strings behind HttpRequest's views.
struct Kept {
  std::string method, target, content_type, accept, authorization, idempotency_key, last_event_id, body;

  void clear() {
    for (std::string* s :
         {&method, &target, &content_type, &accept, &authorization, &idempotency_key, &last_event_id, &body})
      s->clear();
    if (body.capacity() > kKeptBody) body.shrink_to_fit();
  }
};

class Grammar final : public http::basic_parser<true> {
 public:
  Grammar(Kept& kept, const HttpParser::BodyLimit& limit) : kept_(kept), limit_(limit) {
    eager(true);
    header_limit(static_cast<std::uint32_t>(kMaxHeaderBytes));
    body_limit(boost::none);  // ours depends on the route and is checked below
  }

  bool expects_continue() const { return expects_continue_; }
  Method method() const { return method_; }
  std::string_view path() const { return std::string_view(kept_.target).substr(0, kept_.target.find('?')); }
  const std::optional<Error>& refusal() const { return refusal_; }

 private:
  void refuse(error_code& ec, std::string id, std::string wanted, std::string left = {}) {
    refusal_ = Error{Errc::invalid_input, std::move(id), {}, std::move(wanted), std::move(left), {}};
    ec = http::error::bad_field;
  }

  void on_request_impl(http::verb verb, string_view text, string_view target, int, error_code& ec) override {
    ec = {};
    method_ = verb == http::verb::get       ? Method::get
              : verb == http::verb::post    ? Method::post
              : verb == http::verb::delete_ ? Method::delete_
                                            : Method::other;
    kept_.method.assign(text.data(), text.size());
    kept_.target.assign(target.data(), target.size());
    header_bytes_ = text.size() + target.size();
  }

  void on_field_impl(http::field field, string_view name, string_view value, error_code& ec) override {
    ec = {};
    if (header_done_) return;                         // trailers of a chunked body mean nothing to us
    header_bytes_ += name.size() + value.size() + 4;  // ": " and the line's end
    if (++fields_ > kMaxHeaderFields)
      return refuse(ec, "api.header_size", {}, std::to_string(kMaxHeaderFields) + " fields");
    if (header_bytes_ > kMaxHeaderBytes)
      return refuse(ec, "api.header_size", {}, std::to_string(kMaxHeaderBytes) + " bytes");
    switch (field) {
      case http::field::content_type:
        return keep(kept_.content_type, name, value, ec);
      case http::field::authorization:
        return keep(kept_.authorization, name, value, ec);
      case http::field::accept:
        if (!kept_.accept.empty()) kept_.accept += ',';  // a list may be split over several fields
        kept_.accept.append(value.data(), value.size());
        return;
      case http::field::expect:
        expects_continue_ = boost::beast::iequals(value, "100-continue");
        return;
      case http::field::transfer_encoding:
        // Any other coding would leave body bytes to be read as the next request.
        if (!boost::beast::iequals(value, "chunked")) refuse(ec, "api.http", "transfer encoding");
        return;
      case http::field::unknown:
        if (boost::beast::iequals(name, "Idempotency-Key")) return keep(kept_.idempotency_key, name, value, ec);
        if (boost::beast::iequals(name, "Last-Event-ID")) return keep(kept_.last_event_id, name, value, ec);
        return;
      default:
        return;
    }
  }

  void keep(std::string& into, string_view name, string_view value, error_code& ec) {
    if (!into.empty()) return refuse(ec, "api.http", "field " + std::string(std_view(name)) + " twice");
    into.assign(value.data(), value.size());
  }

  void on_header_impl(error_code& ec) override {
    ec = {};
    header_done_ = true;
    limit_now_ = limit_(method_, path());
    const auto length = content_length();
    if (length && *length > limit_now_)
      return refuse(ec, "api.body_size", std::to_string(*length), std::to_string(limit_now_));
    if (!length && !chunked()) expects_continue_ = false;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& ec) override {
    ec = {};
    if (length) kept_.body.reserve(static_cast<std::size_t>(*length < kKeptBody ? *length : kKeptBody));
  }
  std::size_t on_body_impl(string_view bytes, error_code& ec) override {
    ec = {};
    if (bytes.size() > limit_now_ - kept_.body.size()) {
      refuse(ec, "api.body_size", {}, std::to_string(limit_now_));
      return 0;
    }
    kept_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code& ec) override {
    ec = {};
    if (size > limit_now_ - kept_.body.size()) refuse(ec, "api.body_size", {}, std::to_string(limit_now_));
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(error_code& ec) override { ec = {}; }
  void on_response_impl(int, string_view, int, error_code& ec) override { ec = http::error::bad_version; }

  Kept& kept_;
  const HttpParser::BodyLimit& limit_;
  Method method_ = Method::other;
  bool header_done_ = false, expects_continue_ = false;
  std::size_t header_bytes_ = 0, fields_ = 0, limit_now_ = 0;
  std::optional<Error> refusal_;
};

}  // namespace

struct HttpParser::Impl {
  explicit Impl(BodyLimit l) : limit(std::move(l)) { grammar.emplace(kept, limit); }
  BodyLimit limit;
  Kept kept;
  std::optional<Grammar> grammar;
  HttpRequest request;
  Error error;
  bool continue_asked = false, chunk_waits = false;
};

HttpParser::HttpParser(BodyLimit limit) : impl_(std::make_unique<Impl>(std::move(limit))) {}
HttpParser::~HttpParser() = default;
HttpParser::HttpParser(HttpParser&&) noexcept = default;

HttpParser::Fed HttpParser::feed(const char* data, std::size_t size) {
  Impl& p = *impl_;
  Fed fed;
  // Beast 1.81 asserts that it sees five bytes when it comes back to a chunk's header. Fewer can never be enough: the
  // shortest end of a chunked body is "0\r\n\r\n".
  if (p.chunk_waits && size < kShortestChunkedEnd) return fed;
  p.chunk_waits = false;
  while (fed.consumed < size) {
    error_code ec;
    const std::size_t n = p.grammar->put(boost::asio::const_buffer(data + fed.consumed, size - fed.consumed), ec);
    fed.consumed += n;
    if (p.grammar->is_done()) {
      const std::string_view target = p.kept.target;
      const auto mark = target.find('?');
      p.request = {.method = p.grammar->method(),
                   .method_text = p.kept.method,
                   .path = target.substr(0, mark),
                   .query = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1),
                   .content_type = p.kept.content_type,
                   .accept = p.kept.accept,
                   .authorization = p.kept.authorization,
                   .idempotency_key = p.kept.idempotency_key,
                   .last_event_id = p.kept.last_event_id,
                   .body = p.kept.body};
      fed.progress = Progress::complete;
      return fed;
    }
    if (ec == http::error::need_more || (!ec && n == 0)) {
      p.chunk_waits = p.grammar->is_header_done() && p.grammar->chunked();
      break;
    }
    if (ec) {
      p.error = p.grammar->refusal().value_or(
          ec == http::error::header_limit
              ? Error{Errc::invalid_input, "api.header_size", {}, {}, std::to_string(kMaxHeaderBytes) + " bytes", {}}
              : Error{Errc::invalid_input, "api.http", {}, ec.message(), {}, {}});
      fed.progress = Progress::failed;
      return fed;
    }
  }
  if (p.grammar->is_header_done() && p.grammar->expects_continue() && !p.continue_asked) {
    p.continue_asked = true;
    fed.progress = Progress::continue_;
  }
  return fed;
}

const HttpRequest& HttpParser::request() const { return impl_->request; }
const Error& HttpParser::error() const { return impl_->error; }
bool HttpParser::started() const { return impl_->grammar->got_some(); }
bool HttpParser::header_done() const { return impl_->grammar->is_header_done(); }
bool HttpParser::keep_alive() const { return impl_->grammar->keep_alive(); }

void HttpParser::reset() {
  impl_->kept.clear();
  impl_->grammar.emplace(impl_->kept, impl_->limit);
  impl_->continue_asked = impl_->chunk_waits = false;
}

}  // namespace taxgate::api
