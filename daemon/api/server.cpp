// Sockets and TLS: the only Asio file of this room. Plain callbacks, because a request is one read and one write and
// the handlers' memory is recycled by Asio; the conversation itself is in session.cpp.
#include "daemon/api/server.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_set>
#include <vector>

#include "daemon/api/answers.h"
#include "daemon/api/session.h"
#include "daemon/core/log.h"

namespace taxgate::api {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using PlainSocket = asio::generic::stream_protocol::socket;  // TCP and Unix alike
using TlsSocket = asio::ssl::stream<asio::ip::tcp::socket>;

std::unexpected<Error> listen_error(std::string where, const std::string& why) {
  return fail(Errc::invalid_input, "api.listen", std::move(where), why);
}

std::array<asio::const_buffer, 2> both(std::string_view head, std::string_view body) {
  return {asio::const_buffer(head.data(), head.size()), asio::const_buffer(body.data(), body.size())};
}

/// True when the peer closed: readable and nothing there.
bool at_end(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace

// ---- shared state -------------------------------------------------------------------------------------------------

struct Server::Core final : SessionHost, std::enable_shared_from_this<Server::Core> {
  Core(asio::io_context& i, Settings s, Gateway& g, CallerDirectory& d)
      : SessionHost(std::move(s), g, d), io(i), sweep_timer(i), pause_timer(i) {}

  std::int64_t now_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  // One timer for all connections, armed for the earliest deadline only: no connection, no wake-up.
  void deadline_set(std::int64_t at_ms) override {
    if (at_ms < armed_ms) arm(at_ms);
  }
  void arm(std::int64_t at_ms) {
    armed_ms = at_ms;
    const std::int64_t wait = std::max(at_ms - now_ms(), std::int64_t{0}) + settings.sweep.count();
    sweep_timer.expires_after(std::chrono::milliseconds(wait));
    sweep_timer.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec) self->sweep();
    });
  }
  void sweep() {
    armed_ms = kNever;
    const std::int64_t now = now_ms();
    std::vector<std::shared_ptr<Session>> late;
    std::int64_t next = kNever;
    for (Session* session : sessions) {
      const std::int64_t at = session->deadline_ms();
      if (at == 0) continue;
      if (at <= now)
        late.push_back(session->shared_from_this());
      else
        next = std::min(next, at);
    }
    for (const auto& session : late) session->cut();
    if (next < armed_ms) arm(next);
  }

  /// A closed session lives until the gateway's reply to its last request came (at most the wait it asked for). It
  /// counts, so that peers who connect, ask and leave in a loop cannot pile up memory.
  bool full() const { return sessions.size() >= settings.max_connections; }

  /// Says why in one packet, best effort, and closes.
  template <class Socket>
  void turn_away(Socket& socket) {
    const Error error{Errc::limit_reached, "api.connections", {}, {}, std::to_string(settings.max_connections), {}};
    const HttpResponse response = error_answer(error, settings.channel, Form::json);
    const std::string text = fmt::format(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {}\r\nContent-Length: {}\r\nTaxgate-Channel: {}\r\n"
        "Retry-After: {}\r\nConnection: close\r\n\r\n{}",
        response.content_type, response.body.size(), settings.channel, response.retry_after_seconds, response.body);
    (void)::send(socket.native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    error_code ignored;
    socket.shutdown(asio::socket_base::shutdown_send, ignored);
    socket.close(ignored);
  }

  void accept_unix();
  void accept_tcp();
  void accept_tls();
  /// After a failed accept (descriptors used up): the listener stays, a little later it tries again.
  template <class F>
  void accept_later(F again) {
    log::warning("api.accept", "no connection can be accepted now");
    pause_timer.expires_after(kAcceptPause);
    pause_timer.async_wait([self = shared_from_this(), again](error_code ec) {
      if (!ec) (self.get()->*again)();
    });
  }

  Result<void> listen_unix();
  Result<void> listen_tcp();
  Result<void> listen_tls();
  void stop();

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  asio::io_context& io;
  asio::steady_timer sweep_timer, pause_timer;
  std::int64_t armed_ms = kNever;
  std::unordered_set<Session*> sessions;
  std::optional<asio::local::stream_protocol::acceptor> unix_acceptor;
  std::optional<asio::ip::tcp::acceptor> tcp_acceptor, tls_acceptor;
  std::optional<asio::ssl::context> tls_context;
  ino_t socket_inode = 0;
  bool stopped = false;
};

namespace {

// ---- connections --------------------------------------------------------------------------------------------------

/// Enters and leaves the server's set of sessions.
class Member {
 public:
  Member(std::unordered_set<Session*>& set, Session* session) : set_(set), session_(session) { set_.insert(session_); }
  ~Member() { set_.erase(session_); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

 private:
  std::unordered_set<Session*>& set_;
  Session* session_;
};

class PlainConnection final : public Session {
 public:
  PlainConnection(std::shared_ptr<SessionHost> host, std::unordered_set<Session*>& set, PlainSocket socket,
                  Credential credential)
      : Session(std::move(host), std::move(credential)), socket_(std::move(socket)), member_(set, this) {}

 private:
  void start_read(char* into, std::size_t size) override {
    socket_.async_read_some(asio::buffer(into, size),
                            [self = shared_from_this()](error_code ec, std::size_t n) { self->on_read(!ec, n); });
  }
  void start_write(std::string_view head, std::string_view body) override {
    if (body.size() <= kJoined) {
      joined_.assign(head).append(body);
      asio::async_write(socket_, asio::buffer(joined_),
                        [self = shared_from_this()](error_code ec, std::size_t) { self->on_written(!ec); });
      return;
    }
    asio::async_write(socket_, both(head, body),
                      [self = shared_from_this()](error_code ec, std::size_t) { self->on_written(!ec); });
  }
  void start_watch() override {
    if (watching_) return;
    watching_ = true;
    socket_.async_wait(PlainSocket::wait_read, [self = shared_from_this(), this](error_code ec) {
      watching_ = false;
      if (!ec && at_end(socket_.native_handle())) on_peer_left();
    });
  }
  void shutdown_send() override {
    error_code ignored;
    socket_.shutdown(PlainSocket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

  // Up to here copying is cheaper than a system call with two parts.
  static constexpr std::size_t kJoined = 8192;
  PlainSocket socket_;
  std::string joined_;
  bool watching_ = false;
  Member member_;
};

class TlsConnection final : public Session {
 public:
  TlsConnection(std::shared_ptr<SessionHost> host, std::unordered_set<Session*>& set, asio::ip::tcp::socket socket,
                asio::ssl::context& context)
      : Session(std::move(host), {.door = Credential::Door::certificate, .uid = -1, .certificate_sha256 = {}}),
        stream_(std::move(socket), context),
        member_(set, this) {}

  void handshake() {
    set_deadline(host().settings.handshake_deadline);
    stream_.async_handshake(TlsSocket::server, [self = shared_from_this(), this](error_code ec) {
      if (ec) {
        log::info("api.tls_refused", "TLS handshake refused: {}", ec.message());
        return stop();
      }
      set_credential({.door = Credential::Door::certificate, .uid = -1, .certificate_sha256 = peer_sha256()});
      begin();
    });
  }

 private:
  std::string peer_sha256() {
    X509* certificate = SSL_get1_peer_certificate(stream_.native_handle());
    if (certificate == nullptr) return {};
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    std::string hash =
        size > 0 ? sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)}) : std::string();
    OPENSSL_free(der);
    X509_free(certificate);
    return hash;
  }
  void start_read(char* into, std::size_t size) override {
    stream_.async_read_some(asio::buffer(into, size),
                            [self = shared_from_this()](error_code ec, std::size_t n) { self->on_read(!ec, n); });
  }
  void start_write(std::string_view head, std::string_view body) override {
    // One record: TLS would otherwise send header and body in two.
    joined_.assign(head).append(body);
    asio::async_write(stream_, asio::buffer(joined_),
                      [self = shared_from_this()](error_code ec, std::size_t) { self->on_written(!ec); });
  }
  void start_watch() override {
    if (watching_) return;
    watching_ = true;
    stream_.lowest_layer().async_wait(asio::ip::tcp::socket::wait_read,
                                      [self = shared_from_this(), this](error_code ec) {
                                        watching_ = false;
                                        if (!ec && at_end(stream_.lowest_layer().native_handle())) on_peer_left();
                                      });
  }
  void shutdown_send() override {
    error_code ignored;
    stream_.lowest_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

  TlsSocket stream_;
  std::string joined_;
  bool watching_ = false;
  Member member_;
};

}  // namespace

// ---- listeners ----------------------------------------------------------------------------------------------------

void Server::Core::accept_unix() {
  unix_acceptor->async_accept([self = shared_from_this()](error_code ec, asio::local::stream_protocol::socket socket) {
    if (self->stopped || ec == asio::error::operation_aborted) return;
    if (ec) return self->accept_later(&Core::accept_unix);
    ucred peer{};
    socklen_t size = sizeof(peer);
    if (self->full()) {
      self->turn_away(socket);
    } else if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
      std::make_shared<PlainConnection>(
          self, self->sessions, PlainSocket(std::move(socket)),
          Credential{.door = Credential::Door::unix_socket, .uid = peer.uid, .certificate_sha256 = {}})
          ->begin();
    }
    self->accept_unix();
  });
}

void Server::Core::accept_tcp() {
  tcp_acceptor->async_accept([self = shared_from_this()](error_code ec, asio::ip::tcp::socket socket) {
    if (self->stopped || ec == asio::error::operation_aborted) return;
    if (ec) return self->accept_later(&Core::accept_tcp);
    if (self->full()) {
      self->turn_away(socket);
    } else {
      error_code ignored;
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      std::make_shared<PlainConnection>(self, self->sessions, PlainSocket(std::move(socket)), Credential{})->begin();
    }
    self->accept_tcp();
  });
}

void Server::Core::accept_tls() {
  tls_acceptor->async_accept([self = shared_from_this()](error_code ec, asio::ip::tcp::socket socket) {
    if (self->stopped || ec == asio::error::operation_aborted) return;
    if (ec) return self->accept_later(&Core::accept_tls);
    error_code ignored;
    if (self->full()) {
      socket.close(ignored);  // a sentence could not be read before the handshake
    } else {
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      std::make_shared<TlsConnection>(self, self->sessions, std::move(socket), *self->tls_context)->handshake();
    }
    self->accept_tls();
  });
}

Result<void> Server::Core::listen_unix() {
  const std::string& path = settings.socket_path;
  if (path.empty()) return {};
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return listen_error(path, "path longer than 107 characters");
  struct stat st{};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) return listen_error(path, "a file that is not a socket is there");
    asio::local::stream_protocol::socket probe(io);
    error_code ec;
    probe.connect(asio::local::stream_protocol::endpoint(path), ec);
    if (!ec) return fail(Errc::invalid_input, "api.socket_in_use", path);
    ::unlink(path.c_str());  // left by a daemon that is gone
  }
  error_code ec;
  unix_acceptor.emplace(io);
  unix_acceptor->open(asio::local::stream_protocol(), ec);
  if (!ec) unix_acceptor->bind(asio::local::stream_protocol::endpoint(path), ec);
  if (!ec && ::chmod(path.c_str(), settings.socket_mode) != 0) ec.assign(errno, boost::system::system_category());
  if (!ec) unix_acceptor->listen(kListenBacklog, ec);
  if (ec) return listen_error(path, ec.message());
  if (::stat(path.c_str(), &st) == 0) socket_inode = st.st_ino;
  return {};
}

namespace {

Result<void> open_tcp(asio::io_context& io, std::optional<asio::ip::tcp::acceptor>& acceptor,
                      const std::string& address, std::uint16_t port, bool loopback_only, std::string_view field) {
  error_code ec;
  const auto ip = asio::ip::make_address(address, ec);
  if (ec) return listen_error(address, ec.message());
  // A bearer token over a network that others can read is no proof of who calls.
  if (loopback_only && !ip.is_loopback())
    return fail(Errc::invalid_input, "api.not_loopback", std::string(field), address);
  const asio::ip::tcp::endpoint endpoint(ip, port);
  acceptor.emplace(io);
  acceptor->open(endpoint.protocol(), ec);
  if (!ec) acceptor->set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor->bind(endpoint, ec);
  if (!ec) acceptor->listen(kListenBacklog, ec);
  if (ec) return listen_error(fmt::format("{}:{}", address, port), ec.message());
  return {};
}

}  // namespace

Result<void> Server::Core::listen_tcp() {
  if (!settings.tcp) return {};
  return open_tcp(io, tcp_acceptor, settings.tcp_address, settings.tcp_port, true, "tcp_address");
}

Result<void> Server::Core::listen_tls() {
  if (!settings.tls) return {};
  tls_context.emplace(asio::ssl::context::tls_server);
  asio::ssl::context& c = *tls_context;
  c.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 |
                asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  const auto bad = [](const std::string& file, const error_code& ec) {
    return fail(Errc::invalid_input, "api.tls_files", file, ec.message());
  };
  error_code ec;
  if (c.use_certificate_chain_file(settings.tls_certificate, ec); ec) return bad(settings.tls_certificate, ec);
  if (c.use_private_key_file(settings.tls_key, asio::ssl::context::pem, ec); ec) return bad(settings.tls_key, ec);
  if (SSL_CTX_check_private_key(c.native_handle()) != 1)
    return fail(Errc::invalid_input, "api.tls_files", settings.tls_key, "key and certificate do not belong together");
  if (c.load_verify_file(settings.tls_client_ca, ec); ec) return bad(settings.tls_client_ca, ec);
  c.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  // Every connection proves its certificate anew: no resumed session outlives a withdrawn client CA.
  SSL_CTX_set_session_cache_mode(c.native_handle(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(c.native_handle(), SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(c.native_handle(), 0);
  return open_tcp(io, tls_acceptor, settings.tls_address, settings.tls_port, false, "tls_address");
}

void Server::Core::stop() {
  if (std::exchange(stopped, true)) return;
  error_code ignored;
  if (unix_acceptor) {
    unix_acceptor->close(ignored);
    struct stat st{};  // only our own file: a successor may already have put its own there
    if (socket_inode != 0 && ::stat(settings.socket_path.c_str(), &st) == 0 && st.st_ino == socket_inode)
      ::unlink(settings.socket_path.c_str());
  }
  if (tcp_acceptor) tcp_acceptor->close(ignored);
  if (tls_acceptor) tls_acceptor->close(ignored);
  sweep_timer.cancel();
  pause_timer.cancel();
  std::vector<std::shared_ptr<Session>> all;
  all.reserve(sessions.size());
  for (Session* session : sessions) all.push_back(session->shared_from_this());
  for (const auto& session : all) session->stop();
}

// ---- face ---------------------------------------------------------------------------------------------------------

Server::Server(asio::io_context& io, Settings settings, Gateway& gateway, CallerDirectory& callers)
    : core_(std::make_shared<Core>(io, std::move(settings), gateway, callers)) {}

Server::~Server() { stop(); }

Result<void> Server::start() {
  for (auto listen : {&Core::listen_unix, &Core::listen_tcp, &Core::listen_tls}) {
    if (auto listening = (core_.get()->*listen)(); !listening) {
      core_->stop();
      return listening;
    }
  }
  if (core_->unix_acceptor) core_->accept_unix();
  if (core_->tcp_acceptor) core_->accept_tcp();
  if (core_->tls_acceptor) core_->accept_tls();
  return {};
}

void Server::stop() { core_->stop(); }

void Server::limit(std::size_t max_body, std::size_t max_connections) {
  core_->settings.max_body = max_body;
  core_->settings.max_connections = max_connections;
}

std::uint16_t Server::tcp_port() const {
  return core_->tcp_acceptor ? core_->tcp_acceptor->local_endpoint().port() : std::uint16_t{0};
}
std::uint16_t Server::tls_port() const {
  return core_->tls_acceptor ? core_->tls_acceptor->local_endpoint().port() : std::uint16_t{0};
}
std::size_t Server::connections() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(core_->sessions, [](const Session* s) { return !s->closed(); }));
}
std::uint64_t Server::requests() const { return core_->requests; }

}  // namespace taxgate::api
