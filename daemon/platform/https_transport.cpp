// The only Boost.Beast file of this room (it takes 10 s to compile).
//
// Where "certainly not sent" ends: the request's head and body are written separately, and `body_started` is set on the
// line before the first byte of the body is handed to the TLS stream. A head alone is no request. A kept-alive
// connection is looked at before it is used, so that one the platform has closed meanwhile is found dead before
// writing.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/core/http_request.h"
#include "daemon/core/name_lookup.h"
#include "daemon/platform/budget.h"
#include "daemon/platform/tls_stream.h"
#include "daemon/platform/transport.h"
#include "protocol/http_date.h"

namespace taxgate::platform {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;
using Steady = std::chrono::steady_clock;
using boost::system::error_code;

using HttpReply = std::move_only_function<void(Result<HttpAnswer>)>;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPiece = 256 * 1024;      // of a page, before others have their turn: some 0.1 ms of decryption
constexpr std::size_t kReadAtOnce = 16 * 1024;  // a TLS record; from an empty buffer Beast reads 512 bytes at a time

/// Asio's own condition asks for 64 KiB at a time.
std::size_t in_large_pieces(const error_code& e, std::size_t) { return e ? 0 : kPiece; }

struct Connection {
  Connection(asio::io_context& io, ssl::context& tls) : stream(io, tls) {}
  TlsStream stream;
  beast::flat_buffer buffer;
  Steady::time_point idle_since{};

  /// Nothing may be readable on a connection nobody has asked anything: a closed end, an alert or stray bytes.
  bool quiet() { return buffer.size() == 0 && stream.quiet(); }
};
using ConnectionPtr = std::unique_ptr<Connection>;

struct Waiting {
  HttpCall call;
  HttpReply reply;
  Steady::time_point deadline;
};

std::int64_t ms_of(Steady::time_point t) {
  return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count();
}

std::unexpected<Error> trouble(Errc code, const char* id, const error_code& why) {
  return fail(code, id, {}, {}, {}, why ? why.message() : std::string{});
}

bool is_timeout(const error_code& e) { return e == beast::error::timeout || e == asio::error::timed_out; }

/// One attempt's result, and what it says about a further one.
struct Attempt {
  Result<HttpAnswer> answer;
  bool body_started = false;  // some of the body may have been read
  bool reused = false;        // on a kept connection
  bool keep = false;          // the connection may serve another call
};

class State : public std::enable_shared_from_this<State> {
 public:
  State(asio::io_context& io, const PlatformSettings& settings, Address address, ssl::context tls)
      : io_(io),
        settings_(settings),
        address_(std::move(address)),
        tls_(std::move(tls)),
        timer_(io),
        names_(std::in_place, io),
        budget_(bounds(settings)) {}

  static Budget::Bounds bounds(const Limits& l) {
    return {.per_second = l.calls_per_second,
            .per_day = l.calls_per_day,
            .per_minute = l.calls_per_minute,
            .per_hour = l.calls_per_hour,
            .reserve_percent = l.reserve_percent};
  }

  void post(HttpCall call, HttpReply reply) {
    auto& queue = call.can_wait ? patient_ : waiting_;
    if (queue.size() >= kMaxWaiting) {
      refuse(std::move(reply), "platform.too_many");
      return;
    }
    queue.push_back({std::move(call), std::move(reply), Steady::now() + settings_.answer});
    asio::post(io_, [self = shared_from_this()] { self->pump(); });
  }

  void close() {
    closed_ = true;
    names_.reset();  // a look-up that is left behind must not meet an io_context that ends
    timer_.cancel();
    idle_.clear();
    for (Connection* c : busy_) c->stream.close();
    for (auto* queue : {&waiting_, &patient_})
      for (; !queue->empty(); queue->pop_front()) refuse(std::move(queue->front().reply), "platform.too_many");
  }

  void limit(const Limits& limits) {
    static_cast<Limits&>(settings_) = limits;
    budget_.limit(bounds(limits));
    asio::post(io_, [self = shared_from_this()] { self->pump(); });
  }

  std::int64_t left_today() { return budget_.left_today(ms_of(Steady::now())); }

 private:
  void refuse(HttpReply reply, const char* id) {
    asio::post(io_, [reply = std::move(reply), id]() mutable { reply(fail(Errc::limit_reached, id)); });
  }

  /// Starts what may start, day work first; sets the timer for what must wait.
  void pump() {
    if (closed_) return;
    const auto now = Steady::now();
    auto wake = Steady::time_point::max();
    start_from(waiting_, false, settings_.max_concurrent, now, wake);
    // What can wait starts only when nothing else does, and leaves connections free for what comes.
    const std::size_t reserved = settings_.max_concurrent * static_cast<std::size_t>(settings_.reserve_percent) / 100;
    if (waiting_.empty())
      start_from(patient_, true, std::max<std::size_t>(1, settings_.max_concurrent - reserved), now, wake);
    if (!patient_.empty()) wake = std::min(wake, patient_.front().deadline);
    if (wake != Steady::time_point::max()) wake_at(wake);
  }

  void start_from(std::deque<Waiting>& queue, bool can_wait, std::size_t connections, Steady::time_point now,
                  Steady::time_point& wake) {
    while (!queue.empty()) {
      if (queue.front().deadline <= now) {
        refuse(std::move(queue.front().reply), "platform.budget_wait");
        queue.pop_front();
        continue;
      }
      wake = std::min(wake, queue.front().deadline);
      if (active_ >= connections) return;
      const Budget::Decision decision = budget_.take(ms_of(now), can_wait);
      if (decision.day_spent) {
        refuse(std::move(queue.front().reply), "platform.budget_day");
        queue.pop_front();
        continue;
      }
      if (!decision.granted) {
        wake = std::min(wake, now + milliseconds(decision.wait_ms));
        return;
      }
      ++active_;
      Waiting next = std::move(queue.front());
      queue.pop_front();
      asio::co_spawn(io_, run(shared_from_this(), std::move(next.call), std::move(next.reply)), asio::detached);
    }
  }

  void wake_at(Steady::time_point at) {
    timer_.expires_at(at);
    timer_.async_wait([self = shared_from_this()](const error_code& e) {
      if (!e) self->pump();
    });
  }

  static asio::awaitable<void> run(std::shared_ptr<State> self, HttpCall call, HttpReply reply) {
    Attempt attempt = co_await self->attempt(call, true);
    if (!attempt.answer && !self->closed_ && attempt.reused && self->again_on_fresh(call, attempt))
      attempt = co_await self->attempt(call, false);
    --self->active_;
    reply(std::move(attempt.answer));
    self->pump();
  }

  /// A kept connection that died is no news of the platform. Repeating is safe when nothing of the body left, or when
  /// the call changes nothing; a time-out is not repeated, the deadline is spent.
  bool again_on_fresh(const HttpCall& call, const Attempt& attempt) {
    if (attempt.answer.error().id != "platform.connection_lost" && attempt.answer.error().id != "platform.not_sent")
      return false;
    if (attempt.body_started && !call.repeatable) return false;
    return budget_.take(ms_of(Steady::now()), call.can_wait).granted;
  }

  ConnectionPtr take_idle() {
    while (!idle_.empty()) {
      ConnectionPtr c = std::move(idle_.back());
      idle_.pop_back();
      if (Steady::now() - c->idle_since <= kMaxIdle && c->quiet()) return c;
    }
    return nullptr;
  }

  // The references below live in run()'s frame, which awaits these coroutines.
  asio::awaitable<Attempt> attempt(const HttpCall& call, bool may_reuse) {
    Attempt out{.answer = fail(Errc::retry_later, "platform.not_sent")};
    ConnectionPtr connection = may_reuse ? take_idle() : nullptr;
    out.reused = connection != nullptr;
    if (!connection) {
      auto fresh = co_await connect();
      if (!fresh) {
        out.answer = std::unexpected(fresh.error());
        co_return out;
      }
      connection = std::move(*fresh);
    }
    busy_.push_back(connection.get());
    co_await exchange(*connection, call, out);
    std::erase(busy_, connection.get());
    if (out.answer && out.keep && !closed_ && connection->buffer.size() == 0) {
      connection->idle_since = Steady::now();
      connection->stream.expires_at(Steady::time_point::max());
      idle_.push_back(std::move(connection));
    }
    co_return out;
  }

  asio::awaitable<Result<std::vector<tcp::endpoint>>> resolve(Steady::time_point deadline) {
    struct Box {
      explicit Box(asio::io_context& io) : timer(io) {}
      asio::steady_timer timer;
      FoundNames found;
      bool done = false;
    };
    auto box = std::make_shared<Box>(io_);
    box->timer.expires_at(deadline);
    if (names_)
      names_->start(address_.host, [box](FoundNames found) {
        box->found = std::move(found);
        box->done = true;
        box->timer.cancel();
      });
    while (!box->done) {
      auto [e] = co_await box->timer.async_wait(kAwait);
      if (!e) break;
    }
    if (!box->done) co_return trouble(Errc::retry_later, "platform.name", asio::error::timed_out);
    auto places = endpoints_of(box->found, address_.port);
    if (places.empty()) co_return fail(Errc::retry_later, "platform.name", {}, {}, {}, box->found.trouble);
    co_return places;
  }

  asio::awaitable<Result<ConnectionPtr>> connect() {
    const auto deadline = Steady::now() + settings_.connect;
    auto connection = std::make_unique<Connection>(io_, tls_);
    auto where = co_await resolve(deadline);
    if (!where) co_return std::unexpected(where.error());
    TlsStream& stream = connection->stream;
    stream.expires_at(deadline);
    auto [refused, endpoint] = co_await asio::async_connect(stream.socket(), *where, kAwait);
    if (refused) co_return trouble(Errc::retry_later, "platform.unreachable", stream.explained(refused));
    error_code ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);  // head and body leave in two writes

    error_code literal;
    asio::ip::make_address(address_.host, literal);
    if (literal) SSL_set_tlsext_host_name(stream.native_handle(), address_.host.c_str());  // names only
    auto [failed, nothing] = co_await stream.async_handshake(kAwait);
    if (failed) {
      const bool distrust = SSL_get_verify_result(stream.native_handle()) != X509_V_OK;
      co_return trouble(Errc::retry_later, distrust ? "platform.certificate" : "platform.tls", failed);
    }
    co_return connection;
  }

  asio::awaitable<void> exchange(Connection& connection, const HttpCall& call, Attempt& out) {
    connection.stream.expires_at(Steady::now() + settings_.answer);
    HttpFields fields{{"Host", address_.port == "443" ? address_.host : address_.host + ":" + address_.port},
                      {"Accept-Encoding", "gzip"}};
    fields.insert(fields.end(), call.headers.begin(), call.headers.end());
    const std::string request = http_request_head("POST", address_.prefix + call.target, fields, call.body.size());
    auto [head, head_bytes] = co_await asio::async_write(connection.stream, asio::buffer(request), kAwait);
    if (head) {
      out.answer = trouble(Errc::retry_later, is_timeout(head) ? "platform.unreachable" : "platform.not_sent", head);
      co_return;
    }
    out.body_started = true;
    auto [body, body_bytes] = co_await asio::async_write(connection.stream, asio::buffer(call.body), kAwait);
    if (body) {
      out.answer =
          trouble(Errc::outcome_unknown, is_timeout(body) ? "platform.no_answer" : "platform.connection_lost", body);
      co_return;
    }

    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxAnswer);
    connection.buffer.reserve(kReadAtOnce);
    auto [headless, head_read] = co_await http::async_read_header(connection.stream, connection.buffer, parser, kAwait);
    if (headless) {
      out.answer = trouble(Errc::outcome_unknown, read_trouble(headless, parser.got_some()), headless);
      co_return;
    }
    HttpAnswer answer;
    const auto length = parser.content_length();
    if (length && !parser.is_done() && !parser.chunked()) {
      // A page of the night is megabytes of known size: straight from the TLS stream to where it stays.
      auto& page = answer.body;
      const std::size_t size = static_cast<std::size_t>(*length), have = std::min(size, connection.buffer.size());
      page.resize_and_overwrite(size, [&](char* to, std::size_t n) {
        std::memcpy(to, connection.buffer.data().data(), have);
        return n;
      });
      connection.buffer.consume(have);
      connection.stream.expect(size - have);
      auto [cut, rest] = co_await asio::async_read(connection.stream, asio::buffer(page.data() + have, size - have),
                                                   in_large_pieces, kAwait);
      connection.stream.expect(0);
      if (cut) {
        out.answer = trouble(Errc::outcome_unknown, read_trouble(cut, true), cut);
        co_return;
      }
    } else {
      auto [read, rest] = co_await http::async_read(connection.stream, connection.buffer, parser, kAwait);
      if (read) {
        out.answer = trouble(Errc::outcome_unknown, read_trouble(read, parser.got_some()), read);
        co_return;
      }
      answer.body = std::move(parser.get().body());
    }
    const auto& message = parser.get();
    answer.status = static_cast<int>(message.result_int());
    answer.retry_after_s = retry_after(message[http::field::retry_after]);
    answer.date = read_http_date(std::string(message[http::field::date]));
    out.keep = message.keep_alive();
    out.answer = std::move(answer);
  }

  static const char* read_trouble(const error_code& e, bool got_some) {
    if (is_timeout(e)) return "platform.no_answer";
    if (e == http::error::partial_message || (got_some && e == ssl::error::stream_truncated))
      return "platform.answer_cut";
    if (e.category() == make_error_code(http::error::bad_version).category() && e != http::error::end_of_stream)
      return "platform.answer_unreadable";
    return got_some ? "platform.answer_cut" : "platform.connection_lost";
  }

  /// Seconds; the date form needs a clock that both sides share and is read as one minute.
  static std::optional<std::int64_t> retry_after(std::string_view text) {
    if (text.empty()) return std::nullopt;
    std::int64_t seconds = 0;
    const auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    constexpr std::int64_t kDateForm = 60;
    return e == std::errc{} && end == text.data() + text.size() && seconds >= 0 ? seconds : kDateForm;
  }

  asio::io_context& io_;
  PlatformSettings settings_;
  const Address address_;
  ssl::context tls_;
  asio::steady_timer timer_;
  std::optional<NameLookup> names_;  // until close()
  Budget budget_;
  std::deque<Waiting> waiting_, patient_;
  std::vector<ConnectionPtr> idle_;
  std::vector<Connection*> busy_;
  std::size_t active_ = 0;
  bool closed_ = false;
};

class HttpsTransport final : public PlatformTransport {
 public:
  explicit HttpsTransport(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~HttpsTransport() override { state_->close(); }
  void post(HttpCall call, HttpReply reply) override { state_->post(std::move(call), std::move(reply)); }
  std::int64_t calls_left_today() override { return state_->left_today(); }
  void limit(const Limits& limits) override { state_->limit(limits); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

Result<std::unique_ptr<PlatformTransport>> make_https_transport(asio::io_context& io,
                                                                const PlatformSettings& settings) {
  auto address = read_address(settings.base_url);
  if (!address) return std::unexpected(address.error());
  error_code e;
  ssl::context tls(ssl::context::tls_client);
  tls.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, e);
  if (settings.ca_file.empty())
    tls.set_default_verify_paths(e);
  else
    tls.load_verify_file(settings.ca_file, e);
  if (e) return fail(Errc::invalid_input, "platform.ca_file", "platform.ca_file", settings.ca_file, {}, e.message());
  tls.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, e);
  tls.set_verify_callback(ssl::host_name_verification(address->host), e);
  prepare_tls(tls.native_handle());
  return std::make_unique<HttpsTransport>(std::make_shared<State>(io, settings, std::move(*address), std::move(tls)));
}

}  // namespace taxgate::platform
