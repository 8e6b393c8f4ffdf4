#include "cli/client.h"

#include <openssl/ssl.h>

#include <charconv>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "daemon/core/files.h"
#include "daemon/core/http_request.h"

namespace taxgate::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;  // one instantiation for both address families

constexpr std::size_t kMaxKeyFile = 64 * 1024;  // the largest RSA keys take a few KiB
constexpr std::string_view kProtobuf = "application/x-protobuf";

}  // namespace

Result<Endpoint> parse_url(std::string_view url) {
  const auto wrong = [&] { return fail(Errc::invalid_input, "cli.url", "--url", std::string(url)); };
  constexpr std::string_view plain = "http://", secure = "https://";
  const bool tls = url.starts_with(secure);
  if (!tls && !url.starts_with(plain)) return wrong();
  url.remove_prefix(tls ? secure.size() : plain.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  const auto colon = url.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  Endpoint endpoint;
  endpoint.host = url.substr(0, colon);
  const auto digits = url.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || endpoint.port == 0) return wrong();
  if (tls) {
    endpoint.tls.emplace();
    return endpoint;
  }
  if (endpoint.host == "localhost") endpoint.host = "127.0.0.1";
  error_code bad;
  asio::ip::make_address(endpoint.host, bad);  // an address, not a name: the token goes nowhere but this machine
  if (bad || !asio::ip::make_address(endpoint.host).is_loopback()) return wrong();
  return endpoint;
}

// Every wait is an asynchronous operation with a deadline, run to its end: plainly synchronous calls know no time-out.
struct Client::Wire {
  asio::io_context io;
  Stream stream{io};
  std::optional<asio::ssl::context> context;
  std::optional<asio::ssl::stream<Stream&>> secure;  // over `stream`, whose deadlines count for both
  beast::flat_buffer buffer;
  bool open = false;

  template <class Start>
  error_code run(std::chrono::seconds limit, Start start) {
    error_code result = asio::error::would_block;
    stream.expires_after(limit);
    start([&](error_code error, auto&&...) { result = error; });
    io.restart();
    io.run();
    return result;
  }

  Result<void> load(const ClientTls& files) {
    context.emplace(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    context->set_verify_mode(asio::ssl::verify_peer);
    error_code ec;
    const auto bad = [&](const std::string& file) {
      return fail(Errc::invalid_input, "cli.tls_file", file, ec.message());
    };
    if (files.ca.empty())
      context->set_default_verify_paths(ec);
    else
      context->load_verify_file(files.ca, ec);
    if (ec) return bad(files.ca);
    if (context->use_certificate_chain_file(files.certificate, ec); ec) return bad(files.certificate);
    auto key = read_secret(files.private_key, kMaxKeyFile);
    if (!key) return std::unexpected(key.error());
    context->use_private_key(asio::buffer(key->span().data(), key->size()), asio::ssl::context::pem, ec);
    if (ec) return bad(files.private_key);
    return {};
  }

  error_code connect(const Endpoint& to) {
    using Address = asio::generic::stream_protocol::endpoint;
    if (to.host.empty()) {
      if (to.socket.size() >= sizeof(sockaddr_un::sun_path)) return asio::error::name_too_long;
      return open_at(Address(asio::local::stream_protocol::endpoint(to.socket)));
    }
    if (!to.tls) return open_at(Address(asio::ip::tcp::endpoint(asio::ip::make_address(to.host), to.port)));
    error_code error;
    const auto found = asio::ip::tcp::resolver(io).resolve(to.host, std::to_string(to.port), error);
    for (const auto& entry : found) {
      stream.close();
      if (error = open_at(Address(entry.endpoint())); !error) break;
    }
    return error ? error : shake_hands(to.host);
  }

  error_code open_at(const asio::generic::stream_protocol::endpoint& address) {
    buffer.clear();
    const auto error = run(kConnectTime, [&](auto done) { stream.async_connect(address, std::move(done)); });
    open = !error;
    return error;
  }

  error_code shake_hands(const std::string& host) {
    secure.emplace(stream, *context);
    error_code ignored;
    asio::ip::make_address(host, ignored);
    if (ignored)
      SSL_set_tlsext_host_name(secure->native_handle(), host.c_str());  // a name: an address must not be sent
    secure->set_verify_callback(asio::ssl::host_name_verification(host));
    const auto error =
        run(kConnectTime, [&](auto done) { secure->async_handshake(asio::ssl::stream_base::client, std::move(done)); });
    open = !error;
    return error;
  }

  void close() {
    secure.reset();
    stream.close();
    open = false;
  }

  error_code exchange(const std::string& request, std::chrono::seconds limit,
                      http::response_parser<http::string_body>& parser, bool& sent) {
    sent = false;
    if (const auto error = run(kAnswerTime, [&](auto done) {
          if (secure)
            asio::async_write(*secure, asio::buffer(request), std::move(done));
          else
            asio::async_write(stream, asio::buffer(request), std::move(done));
        }))
      return error;
    sent = true;
    return run(limit, [&](auto done) {
      if (secure)
        http::async_read(*secure, buffer, parser, std::move(done));
      else
        http::async_read(stream, buffer, parser, std::move(done));
    });
  }
};

Client::Client(Endpoint endpoint) : endpoint_(std::move(endpoint)), wire_(std::make_unique<Wire>()) {}
Client::~Client() = default;

Result<Response> Client::call(const Request& request) {
  HttpFields fields{{"Host", endpoint_.tls ? endpoint_.text() : "localhost"},
                    {"User-Agent", "taxgate"},
                    {"Accept", std::string(kProtobuf)}};
  if (!endpoint_.token.empty()) fields.emplace_back("Authorization", "Bearer " + endpoint_.token);
  if (!request.idempotency_key.empty()) fields.emplace_back("Idempotency-Key", request.idempotency_key);
  if (!request.body.empty() || request.method == "POST") fields.emplace_back("Content-Type", request.content_type);
  const std::string message =
      http_request_head(request.method, request.target, fields, request.body.size()) + request.body;

  if (endpoint_.tls && !wire_->context)
    if (auto loaded = wire_->load(*endpoint_.tls); !loaded) return std::unexpected(loaded.error());
  const auto refused = [&](const error_code& error) {
    return fail(Errc::invalid_input, "cli.tls", {}, endpoint_.text(), error.message());
  };
  for (bool reused = wire_->open;; reused = false) {
    if (!wire_->open)
      if (const auto error = wire_->connect(endpoint_)) {
        wire_->close();
        if (error.category() == asio::error::get_ssl_category()) return refused(error);
        return fail(Errc::retry_later, "cli.unreachable", {}, endpoint_.text(), {}, error.message());
      }
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxAnswer);
    bool sent = false;
    const auto error = wire_->exchange(message, kAnswerTime + request.wait, parser, sent);
    if (!error) {
      auto answer = parser.release();
      if (!answer.keep_alive()) wire_->close();
      const auto form = answer[http::field::content_type];
      const auto channel = answer["Taxgate-Channel"];
      return Response{.status = static_cast<int>(answer.result_int()),
                      .body = std::move(answer.body()),
                      .protobuf = form.starts_with(beast::string_view(kProtobuf.data(), kProtobuf.size())),
                      .channel = std::string(channel.data(), channel.size())};
    }
    wire_->close();
    // Between two requests the daemon may have restarted; every write of this program carries a key, so that asking
    // again is safe.
    const bool closed = error == http::error::end_of_stream || error == asio::ssl::error::stream_truncated ||
                        error == asio::error::broken_pipe || error == asio::error::connection_reset;
    if (reused && closed) continue;
    // TLS 1.3 tells a client only at its first read that its certificate was refused; the server has read nothing then.
    if (error.category() == asio::error::get_ssl_category()) return refused(error);
    if (!sent) return fail(Errc::retry_later, "cli.unreachable", {}, endpoint_.text(), {}, error.message());
    return fail(Errc::outcome_unknown, "cli.no_answer", {}, endpoint_.text(), {}, error.message());
  }
}

}  // namespace taxgate::cli
