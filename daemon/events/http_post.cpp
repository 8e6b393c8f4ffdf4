// Boost.Beast as a client: look up, connect, (handshake,) write, read the answer's header and leave its body unread.
// One connection a POST: a webhook sends a few batches a second at most, and a fresh connection has no stale state.
#include "daemon/events/http_post.h"

#include <openssl/ssl.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <optional>

#include "daemon/core/http_request.h"
#include "daemon/core/name_lookup.h"

namespace taxgate::events {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr std::uint32_t kMaxAnswerHeader = 8 * 1024;  // a receiver's answer is its status; the body is never read

}  // namespace

struct TlsTrust::Impl {
  asio::ssl::context context{asio::ssl::context::tls_client};
};
TlsTrust::~TlsTrust() = default;

Result<std::shared_ptr<TlsTrust>> TlsTrust::load(const std::string& ca_file, std::string_view field) {
  auto trust = std::make_shared<TlsTrust>();
  trust->impl = std::make_unique<Impl>();
  asio::ssl::context& c = trust->impl->context;
  SSL_CTX_set_min_proto_version(c.native_handle(), TLS1_2_VERSION);
  c.set_verify_mode(asio::ssl::verify_peer);
  error_code ec;
  if (ca_file.empty())
    c.set_default_verify_paths(ec);
  else
    c.load_verify_file(ca_file, ec);
  if (ec) return fail(Errc::invalid_input, "events.webhook_tls", std::string(field), ec.message());
  return trust;
}

namespace {

class BeastPost final : public Post, public std::enable_shared_from_this<BeastPost> {
 public:
  BeastPost(asio::io_context& io, Url url, std::shared_ptr<TlsTrust> trust, PostOptions options,
            std::move_only_function<void(PostResult)> done)
      : url_(std::move(url)), trust_(std::move(trust)), options_(options), done_(std::move(done)), timer_(io) {
    if (url_.tls)
      tls_.emplace(beast::tcp_stream(io), trust_->impl->context);
    else
      plain_.emplace(io);
    parser_.header_limit(kMaxAnswerHeader);
  }

  void start(NameLookup& names, const std::vector<std::pair<std::string, std::string>>& headers,
             const std::string& body) {
    const bool usual_port = url_.port == (url_.tls ? "443" : "80");
    const std::string host = url_.host.find(':') == std::string::npos ? url_.host : "[" + url_.host + "]";
    HttpFields fields{
        {"Host", usual_port ? host : host + ":" + url_.port}, {"User-Agent", "taxgate"}, {"Connection", "close"}};
    fields.insert(fields.end(), headers.begin(), headers.end());
    request_ = http_request_head("POST", url_.target, fields, body.size()) + body;
    // A look-up has no deadline of its own, so one timer guards everything up to the connection.
    timer_.expires_after(options_.connect_deadline);
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec) self->finish({.answered = false, .status = 0, .trouble = "no connection in time"});
    });
    names.start(url_.host, [self = shared_from_this()](const FoundNames& found) { self->found(found); });
  }

  void cancel() override {
    done_ = nullptr;
    shut();
  }

 private:
  friend beast::tcp_stream& lowest(BeastPost& p) { return p.tls_ ? beast::get_lowest_layer(*p.tls_) : *p.plain_; }

  void found(const FoundNames& names) {
    if (!done_) return;  // cancelled, or its time was over
    const auto places = endpoints_of(names, url_.port);
    if (places.empty()) return finish({.answered = false, .status = 0, .trouble = "resolve: " + names.trouble});
    lowest(*this).async_connect(places, [self = shared_from_this()](error_code e, const asio::ip::tcp::endpoint&) {
      if (e) return self->broken("connect", e);
      self->connected();
    });
  }

  void connected() {
    timer_.expires_after(options_.answer_deadline);
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec) self->finish({.answered = false, .status = 0, .trouble = "no answer in time"});
    });
    if (!tls_) return write();
    if (SSL_set_tlsext_host_name(tls_->native_handle(), url_.host.c_str()) != 1)
      return finish({.answered = false, .status = 0, .trouble = "TLS host name"});
    tls_->set_verify_callback(asio::ssl::host_name_verification(url_.host));
    tls_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](error_code ec) {
      if (ec) return self->broken("TLS handshake", ec);
      self->write();
    });
  }

  void write() {
    const auto wrote = [self = shared_from_this()](error_code ec, std::size_t) {
      // A receiver that refuses early may answer and close before it has read all: its answer still counts.
      if (ec && ec != asio::error::broken_pipe && ec != asio::error::connection_reset) return self->broken("write", ec);
      self->read();
    };
    if (tls_)
      asio::async_write(*tls_, asio::buffer(request_), wrote);
    else
      asio::async_write(*plain_, asio::buffer(request_), wrote);
  }

  void read() {
    const auto got = [self = shared_from_this()](error_code ec, std::size_t) {
      if (!self->parser_.is_header_done()) return self->broken("read", ec);
      // The status is all that counts; what follows it need not be well-formed.
      self->finish({.answered = true, .status = static_cast<int>(self->parser_.get().result_int()), .trouble = {}});
    };
    if (tls_)
      http::async_read_header(*tls_, buffer_, parser_, got);
    else
      http::async_read_header(*plain_, buffer_, parser_, got);
  }

  void broken(std::string_view where, const error_code& ec) {
    finish({.answered = false, .status = 0, .trouble = std::string(where) + ": " + ec.message()});
  }

  void finish(PostResult result) {
    const auto self = shared_from_this();
    shut();
    if (auto done = std::exchange(done_, nullptr)) done(std::move(result));
  }

  void shut() {
    timer_.cancel();
    lowest(*this).close();
  }

  Url url_;
  std::shared_ptr<TlsTrust> trust_;
  PostOptions options_;
  std::move_only_function<void(PostResult)> done_;
  asio::steady_timer timer_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> tls_;
  std::optional<beast::tcp_stream> plain_;
  std::string request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

}  // namespace

std::shared_ptr<Post> start_post(asio::io_context& io, NameLookup& names, Url url, std::shared_ptr<TlsTrust> trust,
                                 std::vector<std::pair<std::string, std::string>> headers, std::string body,
                                 PostOptions options, std::move_only_function<void(PostResult)> done) {
  auto post = std::make_shared<BeastPost>(io, std::move(url), std::move(trust), options, std::move(done));
  post->start(names, headers, body);
  return post;
}

}  // namespace taxgate::events
