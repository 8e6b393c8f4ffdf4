#include "cli/client.h"

#include <charconv>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace taxgate::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;  // one instantiation for both address families

constexpr std::string_view kProtobuf = "application/x-protobuf";

}  // namespace

Result<Endpoint> parse_url(std::string_view url) {
  const auto wrong = [&] { return fail(Errc::invalid_input, "cli.url", "--url", std::string(url)); };
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return wrong();
  url.remove_prefix(scheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  const auto colon = url.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  Endpoint endpoint;
  endpoint.host = url.substr(0, colon);
  const auto digits = url.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || endpoint.port == 0) return wrong();
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

  error_code connect(const Endpoint& to) {
    using Address = asio::generic::stream_protocol::endpoint;
    Address address;
    if (to.host.empty()) {
      if (to.socket.size() >= sizeof(sockaddr_un::sun_path)) return asio::error::name_too_long;
      address = Address(asio::local::stream_protocol::endpoint(to.socket));
    } else {
      address = Address(asio::ip::tcp::endpoint(asio::ip::make_address(to.host), to.port));
    }
    buffer.clear();
    const auto error = run(kConnectTime, [&](auto done) { stream.async_connect(address, std::move(done)); });
    open = !error;
    return error;
  }

  void close() {
    stream.close();
    open = false;
  }

  error_code exchange(const http::request<http::string_body>& request, std::chrono::seconds limit,
                      http::response_parser<http::string_body>& parser, bool& sent) {
    sent = false;
    if (const auto error = run(kAnswerTime, [&](auto done) { http::async_write(stream, request, std::move(done)); }))
      return error;
    sent = true;
    return run(limit, [&](auto done) { http::async_read(stream, buffer, parser, std::move(done)); });
  }
};

Client::Client(Endpoint endpoint) : endpoint_(std::move(endpoint)), wire_(std::make_unique<Wire>()) {}
Client::~Client() = default;

Result<Response> Client::call(const Request& request) {
  http::request<http::string_body> message(http::string_to_verb(request.method), request.target, 11);
  message.set(http::field::host, "localhost");
  message.set(http::field::user_agent, "taxgate");
  message.set(http::field::accept, beast::string_view(kProtobuf.data(), kProtobuf.size()));
  if (!endpoint_.token.empty()) message.set(http::field::authorization, "Bearer " + endpoint_.token);
  if (!request.idempotency_key.empty()) message.set("Idempotency-Key", request.idempotency_key);
  if (!request.body.empty() || request.method == "POST") {
    message.set(http::field::content_type, request.content_type);
    message.body() = request.body;
  }
  message.prepare_payload();

  for (bool reused = wire_->open;; reused = false) {
    if (!wire_->open)
      if (const auto error = wire_->connect(endpoint_))
        return fail(Errc::retry_later, "cli.unreachable", {}, endpoint_.text(), {}, error.message());
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
    const bool closed = error == http::error::end_of_stream || error == asio::error::broken_pipe ||
                        error == asio::error::connection_reset;
    if (reused && closed) continue;
    if (!sent) return fail(Errc::retry_later, "cli.unreachable", {}, endpoint_.text(), {}, error.message());
    return fail(Errc::outcome_unknown, "cli.no_answer", {}, endpoint_.text(), {}, error.message());
  }
}

}  // namespace taxgate::cli
