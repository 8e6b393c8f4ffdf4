#include "daemon/api/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "daemon/api/answers.h"
#include "daemon/api/limits.h"
#include "daemon/api/routes.h"

namespace taxgate::api {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
/// After the last answer the peer may still be sending (an early refusal): read on this long and this much, so that it
/// sees the answer instead of a reset.
constexpr std::chrono::milliseconds kDrainDeadline{1'000};
constexpr std::size_t kDrainBytes = 4UL * 1024 * 1024;

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Answer";
  }
}

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Error unauthorized(std::string wanted) {
  return {Errc::invalid_input, "api.unauthorized", {}, std::move(wanted), {}, {}};
}

}  // namespace

Result<Caller> authenticate(const SessionHost& host, const Credential& credential, std::string_view authorization) {
  switch (credential.door) {
    case Credential::Door::unix_socket: {
      if (auto caller = host.directory.by_uid(credential.uid)) return *std::move(caller);
      // Who can replace the daemon's files needs no entry; an explicit entry above may narrow even these.
      if (credential.uid == 0) return Caller{"local:root", {"admin"}, {}};
      if (credential.uid == static_cast<std::int64_t>(::geteuid())) return Caller{"local:daemon", {"admin"}, {}};
      return std::unexpected(unauthorized("uid " + std::to_string(credential.uid)));
    }
    case Credential::Door::certificate:
      if (auto caller = host.directory.by_certificate(credential.certificate_sha256)) return *std::move(caller);
      return std::unexpected(unauthorized("certificate " + credential.certificate_sha256.substr(0, 16)));
    case Credential::Door::token:
      break;
  }
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.empty()) return std::unexpected(unauthorized("no token"));
  if (authorization.size() <= kBearer.size() ||
      !std::ranges::equal(authorization.substr(0, kBearer.size()), kBearer, {}, ascii_lower, ascii_lower))
    return std::unexpected(unauthorized("no bearer token"));
  // Hashes are compared, so the time a comparison takes says nothing about the token.
  const std::string hash = sha256_hex(authorization.substr(kBearer.size()));
  if (!host.settings.token_sha256.empty() && hash == host.settings.token_sha256) return host.settings.token_caller;
  if (auto caller = host.directory.by_token(hash)) return *std::move(caller);
  return std::unexpected(unauthorized("token"));
}

Session::Session(std::shared_ptr<SessionHost> host, Credential credential)
    : host_(std::move(host)),
      credential_(std::move(credential)),
      parser_(
          [h = host_.get()](Method method, std::string_view path) { return body_limit(method, path, h->settings); }),
      buffer_(std::make_unique_for_overwrite<char[]>(kReadBuffer)) {}

void Session::begin() { await_bytes(); }

void Session::set_deadline(std::chrono::milliseconds from_now) {
  deadline_ms_ = host_->now_ms() + from_now.count();
  host_->deadline_set(deadline_ms_);
}

void Session::await_bytes() {
  // Deadlines count from the request's first byte and from its header's end: dripping bytes does not extend them.
  const Settings& s = host_->settings;
  if (!parser_.started()) {
    set_deadline(s.idle_deadline);
    started_ms_ = header_ms_ = 0;
  } else {
    std::int64_t& since = parser_.header_done() ? header_ms_ : started_ms_;
    if (since == 0) since = host_->now_ms();
    deadline_ms_ = since + (parser_.header_done() ? s.body_deadline : s.header_deadline).count();
    host_->deadline_set(deadline_ms_);
  }
  read(buffer_.get() + end_, kReadBuffer - end_);
}

void Session::read(char* into, std::size_t size) {
  read_pending_ = true;
  start_read(into, size);
}

void Session::on_read(bool ok, std::size_t n) {
  read_pending_ = false;
  if (state_ == State::closed) return;
  if (!ok || n == 0) return stop();
  if (state_ == State::reading) {
    end_ += n;
    return process();
  }
  // Otherwise the request was refused while it was still arriving: its bytes are dropped.
  drained_ += n;
  if (drained_ > kDrainBytes) return stop();
  if (state_ == State::draining) read(buffer_.get(), kReadBuffer);
}

void Session::process() {
  while (state_ == State::reading) {
    if (begin_ == end_) {
      begin_ = end_ = 0;
      return await_bytes();
    }
    const auto fed = parser_.feed(buffer_.get() + begin_, end_ - begin_);
    begin_ += fed.consumed;
    switch (fed.progress) {
      case HttpParser::Progress::complete:
        dispatch();
        break;
      case HttpParser::Progress::failed:
        return refuse(parser_.error(), true);
      case HttpParser::Progress::continue_:
        state_ = State::continuing;
        set_deadline(host_->settings.write_deadline);
        return start_write(kContinue, {});
      case HttpParser::Progress::need_more:
        if (begin_ > 0) {
          std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
          end_ -= begin_;
          begin_ = 0;
        }
        if (end_ == kReadBuffer)  // one line fills the buffer
          return refuse(
              {Errc::invalid_input, "api.header_size", {}, {}, std::to_string(kMaxHeaderBytes) + " bytes", {}}, true);
        return await_bytes();
    }
  }
}

void Session::dispatch() {
  ++ticket_;
  ++host_->requests;
  state_ = State::answering;
  set_deadline(kAnswerDeadline);
  const HttpRequest& request = parser_.request();
  auto match = match_route(request.method, request.path, host_->settings.floor);
  Caller caller;
  if (!(match && match->route && match->route->access == Access::anyone)) {
    auto known = authenticate(*host_, credential_, request.authorization);
    if (!known) return refuse(known.error(), false);  // before 404: a stranger learns nothing about what exists
    caller = *std::move(known);
  }
  if (!match) return refuse(match.error(), false);
  const Form form = accepted_form(request.accept);
  if (!match->route) {
    HttpResponse response = error_answer(
        Error{Errc::invalid_input, "api.method", {}, std::string(request.method_text.substr(0, 16)), match->allow, {}},
        host_->settings.channel, form);
    response.allow = std::move(match->allow);
    return respond(ticket_, std::move(response));
  }
  if (auto allowed = check_access(*match->route, caller); !allowed) return refuse(allowed.error(), false);
  auto query = Query::parse(request.query, match->route->query);
  if (!query) return refuse(query.error(), false);
  match->route->handler(Call{.route = *match->route,
                             .settings = host_->settings,
                             .gateway = host_->gateway,
                             .directory = host_->directory,
                             .request = request,
                             .caller = std::move(caller),
                             .path = std::move(match->path),
                             .query = *std::move(query),
                             .form = form,
                             .responder = Responder(shared_from_this(), ticket_)});
}

void Session::refuse(const Error& error, bool close) {
  const Form form = close ? Form::json : accepted_form(parser_.request().accept);
  HttpResponse response = error_answer(error, host_->settings.channel, form);
  response.close = close;
  if (close) {
    ++ticket_;
    ++host_->requests;
    state_ = State::answering;
  }
  respond(ticket_, std::move(response));
}

void Session::write_head(const HttpResponse& response, bool keep) {
  head_.clear();
  fmt::format_to(
      std::back_inserter(head_),
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nTaxgate-Channel: {}\r\nCache-Control: no-store\r\n",
      response.status, reason_phrase(response.status), response.content_type, response.body.size(),
      host_->settings.channel);
  if (response.retry_after_seconds > 0)
    fmt::format_to(std::back_inserter(head_), "Retry-After: {}\r\n", response.retry_after_seconds);
  if (!response.location.empty()) fmt::format_to(std::back_inserter(head_), "Location: {}\r\n", response.location);
  if (!response.allow.empty()) fmt::format_to(std::back_inserter(head_), "Allow: {}\r\n", response.allow);
  if (response.status == 401) head_ += "WWW-Authenticate: Bearer realm=\"taxgate\"\r\n";
  head_ += keep ? "\r\n" : "Connection: close\r\n\r\n";
}

void Session::respond(std::uint64_t ticket, HttpResponse response) {
  if (ticket != ticket_ || state_ != State::answering || stream_begun_) return;
  keep_ = !response.close && parser_.keep_alive();
  write_head(response, keep_);
  body_ = std::move(response.body);
  state_ = State::writing;
  set_deadline(host_->settings.write_deadline);
  start_write(head_, body_);
}

void Session::stream(std::uint64_t ticket, std::string bytes, std::move_only_function<void(bool ok)> written) {
  if (!open(ticket) || (state_ != State::answering)) return written(false);
  head_.clear();
  if (!stream_begun_) {
    stream_begun_ = true;
    keep_ = false;  // the stream ends with the connection
    fmt::format_to(std::back_inserter(head_),
                   "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTaxgate-Channel: {}\r\nCache-Control: "
                   "no-store\r\nConnection: close\r\n\r\n",
                   kEventStream, host_->settings.channel);
  }
  body_ = std::move(bytes);
  written_ = std::move(written);
  state_ = State::streaming;
  set_deadline(host_->settings.write_deadline);
  start_write(head_, body_);
}

void Session::expect_wait(std::uint64_t ticket, int wait_ms) {
  if (ticket != ticket_ || state_ != State::answering) return;
  set_deadline(kAnswerDeadline + std::chrono::milliseconds(wait_ms));
  start_watch();
}

bool Session::still_allowed(std::uint64_t ticket) const {
  return open(ticket) && authenticate(*host_, credential_, parser_.request().authorization).has_value();
}

void Session::on_written(bool ok) {
  if (state_ == State::closed) return;
  if (!ok) return stop();
  switch (state_) {
    case State::continuing:
      state_ = State::reading;
      return process();
    case State::streaming: {
      state_ = State::answering;
      set_deadline(kAnswerDeadline);
      auto written = std::exchange(written_, nullptr);
      return written(true);
    }
    case State::writing:
      break;
    default:
      return;
  }
  if (body_.capacity() > kKeptBody) body_ = {};
  if (!keep_) return drain();
  parser_.reset();
  state_ = State::reading;
  process();
}

void Session::drain() {
  state_ = State::draining;
  set_deadline(kDrainDeadline);
  shutdown_send();
  if (!read_pending_) read(buffer_.get(), kReadBuffer);
}

void Session::on_peer_left() {
  if (state_ == State::answering) stop();
}

void Session::cut() {
  switch (state_) {
    case State::reading:
      if (!parser_.started()) return stop();
      return refuse(
          {Errc::invalid_input,
           "api.slow_request",
           {},
           {},
           fmt::format(
               "{} ms",
               (parser_.header_done() ? host_->settings.body_deadline : host_->settings.header_deadline).count()),
           {}},
          true);
    case State::answering:
      if (stream_begun_) return stop();
      {
        HttpResponse response = error_answer(Error{Errc::outcome_unknown, "api.no_reply", {}, {}, {}, {}},
                                             host_->settings.channel, Form::json);
        response.close = true;
        return respond(ticket_, std::move(response));
      }
    default:
      return stop();
  }
}

void Session::stop() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  deadline_ms_ = 0;
  const auto self = shared_from_this();  // close() may drop the last other owner
  close();
  if (auto written = std::exchange(written_, nullptr)) written(false);
}

}  // namespace taxgate::api
