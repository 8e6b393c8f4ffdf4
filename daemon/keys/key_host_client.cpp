#include "daemon/keys/key_host_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "protocol/keyd_frame.h"

namespace taxgate::keys {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

// keyd restarts in some ten milliseconds; one that is switched off is asked for every two seconds.
constexpr milliseconds kFirstPause{50}, kLongestPause{2000};
// The host answers a little before we stop waiting, so that its reason reaches us instead of our own time-out.
constexpr milliseconds kAnswerMargin{200};
// Orders at the host and waiting here; the pipeline's active set is smaller unless its operator wants otherwise.
constexpr std::size_t kMaxOrders = 100'000;
// Given to the host for each key that is ready: one is signed, the others wait beside it, so that the key is never idle
// while an answer travels. The slowest keys known take 0.4 s: far less than a deadline.
constexpr std::size_t kAhead = 3;
// A list of keys is a round trip; a lease waits for the signature under way and the worker's end.
constexpr milliseconds kListPatience{1000}, kLeasePatience{10'000}, kLogPatience{5'000};
constexpr std::size_t kReadBlock = 16 * 1024;

/// See connect_key_host(): whatever happened to a signature that did not reach us, asking again is harmless.
Error for_signing(Error error) {
  if (error.code == Errc::device_gone || error.code == Errc::outcome_unknown) error.code = Errc::retry_later;
  return error;
}

KeyFacts facts_of(const keyd::v1::Key& key) {
  KeyFacts facts{.reader = key.reader(),
                 .serial = key.serial(),
                 .taxpayer = key.taxpayer(),
                 .state = key.state(),
                 .certificate_sha256 = key.certificate_sha256(),
                 .valid_until = key.valid_until(),
                 .subject = key.subject(),
                 .lease_holder = key.lease_holder(),
                 .lease_reason = key.lease_reason(),
                 .lease_until = key.lease_until(),
                 .pin_tries_left = key.pin_tries_left(),
                 .signed_count = key.signed_count(),
                 .trouble = {}};
  if (key.has_disk()) facts.disk = key.disk();
  if (key.has_trouble()) facts.trouble = keyd::from_failure(key.trouble());
  return facts;
}

std::vector<KeyFacts> facts_of(const keyd::v1::ListKeysReply& reply) {
  std::vector<KeyFacts> list;
  for (const auto& key : reply.keys()) list.push_back(facts_of(key));
  return list;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Done = std::move_only_function<void(Result<SignedEnvelope>)>;
  using Listed = std::move_only_function<void(std::vector<KeyFacts>)>;
  using Leased = std::move_only_function<void(Result<KeyFacts>)>;

  Connection(asio::io_context& io, Lane& lane, KeyHostOptions options)
      : io_(io), lane_(lane), options_(std::move(options)), socket_(io), reconnect_(io), pause_(kFirstPause) {}

  void connect() {
    if (stopped_) return;
    socket_ = asio::local::stream_protocol::socket(io_);
    cutter_ = {};
    const auto number = ++connection_;
    socket_.async_connect(asio::local::stream_protocol::endpoint(options_.socket),
                          [self = shared_from_this(), number](error_code ec) {
                            if (number != self->connection_ || self->stopped_) return;
                            if (ec) return self->lost();
                            self->hello();
                            self->read();
                          });
  }

  void stop() {
    stopped_ = true;
    orders_.clear();
    lines_.clear();
    questions_.clear();
    on_change_ = nullptr;
    error_code ignored;
    socket_.close(ignored);
    reconnect_.cancel();
  }

  void sign(SignOrder order, Done done) {
    if (!connected_) return answer(std::move(done), fail(Errc::retry_later, "key.host_absent", {}, options_.socket));
    if (waiting_ + orders_.size() >= kMaxOrders)
      return answer(std::move(done), fail(Errc::retry_later, "key.busy", {}, {}, std::to_string(kMaxOrders)));
    if (!order.serials.empty() && host_version_ < keyd::kVersionLease)
      return answer(std::move(done), fail(Errc::retry_later, "keyd.old", {}, "taxgate-keyd"));
    std::string name = line_of(order);
    Line& line = lines_[name];
    if (line.waiting.empty() && line.sent < room(order))
      return give(std::move(name), std::move(order), std::move(done));
    line.waiting.emplace_back(std::move(order), std::move(done));
    ++waiting_;
  }

  void ask_keys(Listed done) {
    if (!connected_)
      return asio::post(io_, [done = std::move(done), keys = keys_]() mutable { done(std::move(keys)); });
    const std::uint64_t number = ++last_order_;
    keyd::v1::Frame frame;
    frame.mutable_list_keys()->set_request(number);
    (void)send(frame);
    await(number, kListPatience,
          [weak = weak_from_this(), done = std::move(done)](const keyd::v1::Frame* reply) mutable {
            const auto self = weak.lock();
            if (!self) return;
            if (reply) self->keys_ = facts_of(reply->keys());
            done(self->keys_);
          });
  }

  void lease(Lease lease, Leased done) {
    const auto refuse = [&](std::string id, std::string wanted) {
      asio::post(io_, [done = std::move(done), error = fail(Errc::retry_later, std::move(id), {}, wanted)]() mutable {
        done(std::move(error));
      });
    };
    if (!connected_) return refuse("key.host_absent", options_.socket);
    if (host_version_ < keyd::kVersionLease) return refuse("keyd.old", "taxgate-keyd");
    const std::uint64_t number = ++last_order_;
    keyd::v1::Frame frame;
    frame.mutable_lease()->set_request(number);
    frame.mutable_lease()->set_serial(lease.serial);
    frame.mutable_lease()->set_holder(lease.holder);
    frame.mutable_lease()->set_reason(lease.reason);
    frame.mutable_lease()->set_seconds(lease.seconds);
    if (auto queued = send(frame); !queued) return refuse(queued.error().id, {});
    await(number, kLeasePatience,
          [done = std::move(done), serial = lease.serial](const keyd::v1::Frame* reply) mutable {
            if (!reply) return done(fail(Errc::retry_later, "key.busy", {}, serial, {}, "deadline passed"));
            if (reply->leased().has_failure())
              return done(std::unexpected(keyd::from_failure(reply->leased().failure())));
            done(facts_of(reply->leased().key()));
          });
  }

  void read_log(std::int64_t offset, std::move_only_function<void(Result<LogPage>)> done) {
    const auto refuse = [&](std::string id, std::string wanted) {
      asio::post(io_, [done = std::move(done), error = fail(Errc::retry_later, std::move(id), {}, wanted)]() mutable {
        done(std::move(error));
      });
    };
    if (!connected_) return refuse("key.host_absent", options_.socket);
    if (host_version_ < keyd::kVersionLog) return refuse("keyd.old", "taxgate-keyd");
    const std::uint64_t number = ++last_order_;
    keyd::v1::Frame frame;
    frame.mutable_log()->set_request(number);
    frame.mutable_log()->set_offset(offset);
    if (auto queued = send(frame); !queued) return refuse(queued.error().id, {});
    await(number, kLogPatience, [done = std::move(done)](const keyd::v1::Frame* reply) mutable {
      if (!reply) return done(fail(Errc::retry_later, "key.busy", {}, {}, {}, "no answer to a page of the log"));
      if (reply->log_lines().has_failure())
        return done(std::unexpected(keyd::from_failure(reply->log_lines().failure())));
      done(LogPage{.lines = reply->log_lines().lines(), .size = reply->log_lines().size()});
    });
  }

  bool connected() const { return connected_; }
  std::vector<KeyFacts> keys() const { return keys_; }
  void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

 private:
  struct Open {
    std::string line;
    SignOrder order;
    Done done;
    asio::steady_timer timer;
    bool at_host = true;  // takes room there; false: answered, and being verified
  };
  /// Orders that the same keys may sign: first come, first signed.
  struct Line {
    std::size_t sent = 0;
    std::deque<std::pair<SignOrder, Done>> waiting;
  };
  /// A question other than a signature; gets its answer, or null when none came.
  struct Question {
    std::move_only_function<void(const keyd::v1::Frame*)> done;
    asio::steady_timer timer;
  };

  static std::string line_of(const SignOrder& order) {
    std::string name = order.taxpayer;
    for (const auto& serial : order.serials) name += "\n" + serial;
    return name;
  }

  /// How many orders like this one the host is to have at a time. Never none: it knows best why no key signs.
  std::size_t room(const SignOrder& order) const {
    std::size_t ready = 0;
    for (const KeyFacts& key : keys_)
      if (key.state == "ready" && key.taxpayer == order.taxpayer &&
          (order.serials.empty() || std::ranges::find(order.serials, key.serial) != order.serials.end()))
        ++ready;
    return std::max<std::size_t>(ready * kAhead, 1);
  }

  void give(std::string line, SignOrder order, Done done) {
    const milliseconds deadline = order.deadline_ms > 0 ? milliseconds(order.deadline_ms) : options_.default_deadline;
    const std::uint64_t number = ++last_order_;
    keyd::v1::Frame frame;
    auto* request = frame.mutable_sign();
    request->set_request(number);
    request->set_request_id(order.request_id);
    request->set_taxpayer(order.taxpayer);
    request->set_purpose(order.purpose);
    request->set_message(order.envelope.data(), order.envelope.size());
    request->set_deadline_ms(static_cast<std::uint32_t>((deadline - std::min(kAnswerMargin, deadline / 4)).count()));
    for (const auto& serial : order.serials) request->add_serials(serial);
    if (auto queued = send(frame); !queued) return answer(std::move(done), std::unexpected(queued.error()));
    ++lines_[line].sent;
    auto [open, added] = orders_.emplace(
        number, Open{std::move(line), std::move(order), std::move(done), asio::steady_timer(io_, deadline)});
    open->second.timer.async_wait([weak = weak_from_this(), number](error_code ec) {
      const auto self = weak.lock();
      if (!ec && self) self->finish(number, fail(Errc::retry_later, "key.busy", {}, {}, {}, "deadline passed"));
    });
  }

  /// The order takes no room at the host any more: the next of its line goes there.
  void left_host(Open& open) {
    if (!std::exchange(open.at_host, false)) return;
    const auto found = lines_.find(open.line);
    --found->second.sent;
    fill(found->first);
  }

  void fill(const std::string& name) {
    const auto found = lines_.find(name);
    Line& line = found->second;
    while (!line.waiting.empty() && line.sent < room(line.waiting.front().first)) {
      auto [order, done] = std::move(line.waiting.front());
      line.waiting.pop_front();
      --waiting_;
      give(name, std::move(order), std::move(done));
    }
    if (line.sent == 0 && line.waiting.empty()) lines_.erase(found);
  }

  void fill_all() {
    std::vector<std::string> names;
    for (const auto& [name, line] : lines_) names.push_back(name);
    for (const auto& name : names) fill(name);
  }

  void await(std::uint64_t number, milliseconds patience, std::move_only_function<void(const keyd::v1::Frame*)> done) {
    auto [open, added] = questions_.emplace(number, Question{std::move(done), asio::steady_timer(io_, patience)});
    open->second.timer.async_wait([weak = weak_from_this(), number](error_code ec) {
      const auto self = weak.lock();
      if (!ec && self) self->answered(number, nullptr);
    });
  }

  bool answered(std::uint64_t number, const keyd::v1::Frame* reply) {
    auto node = questions_.extract(number);
    if (node.empty()) return false;
    node.mapped().timer.cancel();
    node.mapped().done(reply);
    return true;
  }

  /// Never from inside the caller's own call.
  void answer(Done done, Result<SignedEnvelope> result) {
    asio::post(io_, [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
  }

  void finish(std::uint64_t number, Result<SignedEnvelope> result) {
    auto node = orders_.extract(number);
    if (node.empty()) return;
    node.mapped().timer.cancel();
    left_host(node.mapped());
    node.mapped().done(std::move(result));
  }

  void hello() {
    keyd::v1::Frame frame;
    frame.mutable_hello()->set_version_min(keyd::kVersionMin);
    frame.mutable_hello()->set_version_max(keyd::kVersionMax);
    frame.mutable_hello()->set_program(options_.program);
    (void)send(frame);
  }

  Result<void> send(const keyd::v1::Frame& frame) {
    if (auto added = keyd::append_frame(frame, unsent_); !added) return added;
    if (!writing_) write();
    return {};
  }

  void write() {
    writing_ = true;
    sending_ = std::exchange(unsent_, {});
    asio::async_write(socket_, asio::buffer(sending_),
                      [self = shared_from_this(), number = connection_](error_code ec, std::size_t) {
                        if (number != self->connection_ || self->stopped_) return;
                        self->writing_ = false;
                        if (ec) return self->lost();
                        if (!self->unsent_.empty()) self->write();
                      });
  }

  void read() {
    socket_.async_read_some(asio::buffer(block_),
                            [self = shared_from_this(), number = connection_](error_code ec, std::size_t n) {
                              if (number != self->connection_ || self->stopped_) return;
                              if (ec) return self->lost();
                              self->cutter_.feed({self->block_.data(), n});
                              for (;;) {
                                auto frame = self->cutter_.next();
                                if (!frame) return self->lost();
                                if (!*frame) break;
                                self->received(**frame);
                                if (number != self->connection_ || self->stopped_) return;
                              }
                              self->read();
                            });
  }

  void received(keyd::v1::Frame& frame) {
    switch (frame.body_case()) {
      case keyd::v1::Frame::kHello: {
        if (!keyd::versions_overlap(frame.hello().version_min(), frame.hello().version_max())) return lost();
        connected_ = true;
        host_version_ = std::min(frame.hello().version_max(), keyd::kVersionMax);
        pause_ = kFirstPause;
        keyd::v1::Frame subscribe;
        subscribe.mutable_subscribe();
        (void)send(subscribe);
        return look_at_keys();
      }
      case keyd::v1::Frame::kKeyEvent:
        return look_at_keys();
      case keyd::v1::Frame::kKeys:
        if (answered(frame.keys().request(), &frame)) return fill_all();
        return took_keys(frame.keys());
      case keyd::v1::Frame::kLeased:
        (void)answered(frame.leased().request(), &frame);
        return;
      case keyd::v1::Frame::kLogLines:
        (void)answered(frame.log_lines().request(), &frame);
        return;
      case keyd::v1::Frame::kSigned:
        return took_signature(std::move(*frame.mutable_signed_()));
      default:
        return;
    }
  }

  /// The list is asked for after every event: one way to learn a state, and never a wrong merge of two.
  void look_at_keys() {
    if (std::exchange(asking_keys_, true)) {
      ask_keys_again_ = true;
      return;
    }
    keyd::v1::Frame frame;
    frame.mutable_list_keys()->set_request(++last_order_);
    (void)send(frame);
  }

  void took_keys(const keyd::v1::ListKeysReply& reply) {
    asking_keys_ = false;
    keys_ = facts_of(reply);
    if (std::exchange(ask_keys_again_, false)) look_at_keys();
    fill_all();
    if (on_change_) on_change_();
  }

  void took_signature(keyd::v1::SignReply reply) {
    const auto found = orders_.find(reply.request());
    if (found == orders_.end()) return;  // answered by its deadline already
    left_host(found->second);
    if (reply.has_failure())
      return finish(reply.request(), std::unexpected(for_signing(keyd::from_failure(reply.failure()))));
    SignedEnvelope result;
    if (reply.signature().size() != result.signature.size())
      return finish(reply.request(), fail(Errc::corrupt, "key.signature", {}, {}, {}, "size"));
    std::copy(reply.signature().begin(), reply.signature().end(), result.signature.begin());
    result.bytes = std::move(found->second.order.envelope);
    result.certificate.assign(reply.certificate().begin(), reply.certificate().end());
    result.signer_id = std::move(*reply.mutable_signer_id());
    result.key_serial = std::move(*reply.mutable_key_serial());
    verify(reply.request(), found->second.order.taxpayer, std::move(result));
  }

  /// 0.3 ms of arithmetic that the io thread has no time for.
  void verify(std::uint64_t number, std::string taxpayer, SignedEnvelope result) {
    auto posted = lane_.post([weak = weak_from_this(), &io = io_, number, taxpayer = std::move(taxpayer),
                              result = std::move(result)]() mutable {
      auto good = verify_envelope(result, taxpayer);
      asio::post(io, [weak = std::move(weak), number, good = std::move(good), result = std::move(result)]() mutable {
        const auto self = weak.lock();
        if (!self) return;
        if (good) return self->finish(number, std::move(result));
        self->finish(number, fail(Errc::corrupt, "key.signature", {}, result.key_serial, {}, good.error().id));
      });
    });
    if (!posted) finish(number, fail(Errc::retry_later, posted.error().id));
  }

  void lost() {
    const bool was = std::exchange(connected_, false);
    ++connection_;  // handlers of the old socket find a newer number
    error_code ignored;
    socket_.close(ignored);
    writing_ = asking_keys_ = ask_keys_again_ = false;
    unsent_.clear();
    keys_.clear();
    const Error absent{Errc::retry_later, "key.host_absent", {}, options_.socket, {}, {}};
    waiting_ = 0;
    for (auto& [name, line] : std::exchange(lines_, {})) {
      lines_[name].sent = line.sent;
      for (auto& [order, done] : line.waiting) answer(std::move(done), std::unexpected(absent));
    }
    while (!orders_.empty()) finish(orders_.begin()->first, std::unexpected(absent));
    while (!questions_.empty()) answered(questions_.begin()->first, nullptr);
    if (was && on_change_) on_change_();
    if (stopped_) return;
    reconnect_.expires_after(pause_);
    pause_ = std::min(pause_ * 2, kLongestPause);
    reconnect_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec) self->connect();
    });
  }

  asio::io_context& io_;
  Lane& lane_;
  const KeyHostOptions options_;
  asio::local::stream_protocol::socket socket_;
  asio::steady_timer reconnect_;
  milliseconds pause_;
  keyd::FrameCutter cutter_;
  std::array<char, kReadBlock> block_{};
  std::string unsent_, sending_;
  std::uint64_t connection_ = 0;
  std::uint64_t last_order_ = 0;
  bool connected_ = false, writing_ = false, stopped_ = false, asking_keys_ = false, ask_keys_again_ = false;
  std::uint32_t host_version_ = 0;
  std::map<std::uint64_t, Open> orders_;
  std::map<std::string, Line> lines_;
  std::size_t waiting_ = 0;  // in all lines
  std::map<std::uint64_t, Question> questions_;
  std::vector<KeyFacts> keys_;
  std::function<void()> on_change_;
};

class KeyHostClient final : public KeyHost {
 public:
  explicit KeyHostClient(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {
    connection_->connect();
  }
  KeyHostClient(const KeyHostClient&) = delete;
  KeyHostClient& operator=(const KeyHostClient&) = delete;
  ~KeyHostClient() override { connection_->stop(); }

  void sign(SignOrder order, std::move_only_function<void(Result<SignedEnvelope>)> done) override {
    connection_->sign(std::move(order), std::move(done));
  }
  void ask_keys(std::move_only_function<void(std::vector<KeyFacts>)> done) override {
    connection_->ask_keys(std::move(done));
  }
  void lease(Lease lease, std::move_only_function<void(Result<KeyFacts>)> done) override {
    connection_->lease(std::move(lease), std::move(done));
  }
  void read_log(std::int64_t offset, std::move_only_function<void(Result<LogPage>)> done) override {
    connection_->read_log(offset, std::move(done));
  }
  bool connected() const override { return connection_->connected(); }
  std::vector<KeyFacts> keys() const override { return connection_->keys(); }
  void on_change(std::function<void()> callback) override { connection_->on_change(std::move(callback)); }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<KeyHost> connect_key_host(asio::io_context& io, Lane& verify_lane, KeyHostOptions options) {
  return std::make_unique<KeyHostClient>(std::make_shared<Connection>(io, verify_lane, std::move(options)));
}

}  // namespace taxgate::keys
