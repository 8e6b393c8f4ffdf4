#include "simulator/platform/http_loop.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <thread>

namespace taxgate::simulator {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

using TlsStream = beast::ssl_stream<beast::tcp_stream>;

/// Where a handler's answer meets the session that waits for it. Whichever comes last destroys it.
struct Slot {
  explicit Slot(const asio::any_io_executor& executor) : ready(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer ready;  // cancelled when the reply is there
  std::optional<HttpReply> reply;
};

std::string wire_text(const HttpReply& reply, bool keep_alive) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " " +
                     std::string(http::obsolete_reason(static_cast<http::status>(reply.status))) + "\r\n";
  bool typed = false;
  for (const auto& [name, value] : reply.headers) {
    text += name + ": " + value + "\r\n";
    typed |= beast::iequals(name, "Content-Type");
  }
  if (!typed) text += "Content-Type: application/json;charset=UTF-8\r\n";
  text += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  text += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return text + reply.body;
}

HttpRequest taken(http::request<http::string_body>&& message) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message) {
    std::string name(field.name_string());
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[std::move(name)] = std::string(field.value());
  }
  request.body = std::move(message.body());
  return request;
}

/// Serves one connection until either side ends it. `tcp` is the stream's lowest layer.
template <class Stream>
asio::awaitable<void> serve(Stream& stream, beast::tcp_stream& lowest, const HttpHandler& handler) {
  error_code ec;
  beast::flat_buffer buffer;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(HttpLoop::kMaxBody);
    parser.header_limit(HttpLoop::kMaxHeader);
    lowest.expires_after(HttpLoop::kIdle);
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    lowest.expires_never();
    const bool keep_alive = parser.get().keep_alive();

    auto slot = std::make_shared<Slot>(lowest.get_executor());
    handler(taken(parser.release()), [slot](HttpReply reply) {
      slot->reply = std::move(reply);
      slot->ready.cancel();
    });
    // The handler may have answered already, before anybody waited.
    if (!slot->reply) co_await slot->ready.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (!slot->reply) co_return;
    const HttpReply reply = std::move(*slot->reply);

    if (reply.fate == HttpReply::Fate::close) co_return;
    if (reply.fate == HttpReply::Fate::hold) {
      // Readable means the client went away, or gave up waiting and sent something else: both end the connection.
      co_await lowest.socket().async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ec));
      co_return;
    }
    std::string text = wire_text(reply, keep_alive);
    if (reply.truncate_at) text.resize(std::min(text.size(), *reply.truncate_at));
    lowest.expires_after(HttpLoop::kIdle);
    co_await asio::async_write(stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, ec));
    if (ec || reply.truncate_at || !keep_alive) co_return;
  }
}

asio::awaitable<void> plain_session(tcp::socket socket, std::shared_ptr<HttpHandler> handler) {
  beast::tcp_stream stream(std::move(socket));
  co_await serve(stream, stream, *handler);
  error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
}

asio::awaitable<void> tls_session(tcp::socket socket, std::shared_ptr<asio::ssl::context> tls,
                                  std::shared_ptr<HttpHandler> handler) {
  TlsStream stream(beast::tcp_stream(std::move(socket)), *tls);
  beast::tcp_stream& lowest = stream.next_layer();
  lowest.expires_after(HttpLoop::kIdle);
  error_code ec;
  co_await stream.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, ec));
  if (ec) co_return;
  // Ends without close_notify: a connection that breaks off is what the client must be able to bear.
  co_await serve(stream, lowest, *handler);
  lowest.socket().shutdown(tcp::socket::shutdown_both, ec);
}

asio::awaitable<void> accept_loop(std::shared_ptr<tcp::acceptor> acceptor, std::shared_ptr<asio::ssl::context> tls,
                                  std::shared_ptr<HttpHandler> handler) {
  for (;;) {
    error_code ec;
    tcp::socket socket = co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, ec));
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) {
      // Out of descriptors, most likely: leave the others a moment to close theirs.
      asio::steady_timer pause(acceptor->get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
      continue;
    }
    socket.set_option(tcp::no_delay(true), ec);
    if (tls) {
      asio::co_spawn(acceptor->get_executor(), tls_session(std::move(socket), tls, handler), asio::detached);
    } else {
      asio::co_spawn(acceptor->get_executor(), plain_session(std::move(socket), handler), asio::detached);
    }
  }
}

Result<std::shared_ptr<asio::ssl::context>> tls_context(const TlsIdentity& identity) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code ec;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                           asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1,
                       ec);
  if (!ec) context->use_certificate_chain(asio::buffer(identity.chain_pem), ec);
  if (!ec) context->use_private_key(asio::buffer(identity.key_pem), asio::ssl::context::pem, ec);
  if (ec) return fail(Errc::invalid_input, "sim.tls", {}, {}, {}, ec.message());
  return context;
}

}  // namespace

struct HttpLoop::Impl {
  asio::io_context io{1};
  std::thread thread;
};

HttpLoop::HttpLoop() : impl_(std::make_unique<Impl>()) {}
HttpLoop::~HttpLoop() { stop(); }

Result<std::uint16_t> HttpLoop::listen(const std::string& address, std::uint16_t port, const TlsIdentity* identity,
                                       HttpHandler handler) {
  std::shared_ptr<asio::ssl::context> tls;
  if (identity != nullptr) {
    auto context = tls_context(*identity);
    if (!context) return std::unexpected(std::move(context.error()));
    tls = std::move(*context);
  }
  error_code ec;
  const auto ip = asio::ip::make_address(address, ec);
  auto acceptor = std::make_shared<tcp::acceptor>(impl_->io);
  const tcp::endpoint endpoint(ip, port);
  if (!ec) acceptor->open(endpoint.protocol(), ec);
  if (!ec) acceptor->set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor->bind(endpoint, ec);
  if (!ec) acceptor->listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return fail(Errc::invalid_input, "sim.listen", {}, address + ":" + std::to_string(port), {}, ec.message());
  const std::uint16_t bound = acceptor->local_endpoint(ec).port();
  asio::co_spawn(impl_->io, accept_loop(acceptor, tls, std::make_shared<HttpHandler>(std::move(handler))),
                 asio::detached);
  return bound;
}

void HttpLoop::run() {
  impl_->thread = std::thread([io = &impl_->io] { io->run(); });
}

void HttpLoop::stop() {
  impl_->io.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void HttpLoop::post(std::function<void()> work) { asio::post(impl_->io, std::move(work)); }

void HttpLoop::after(std::chrono::milliseconds delay, std::function<void()> work) {
  auto timer = std::make_shared<asio::steady_timer>(impl_->io, delay);
  timer->async_wait([timer, work = std::move(work)](const error_code& ec) {
    if (!ec) work();
  });
}

}  // namespace taxgate::simulator
