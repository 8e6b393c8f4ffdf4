#include "daemon/keys/key_host_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
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
// Orders on their way at once; the pipeline's active set is smaller. keyd itself refuses more.
constexpr std::size_t kMaxOrders = 1024;
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
                 .pin_tries_left = key.pin_tries_left(),
                 .signed_count = key.signed_count(),
                 .trouble = {}};
  if (key.has_trouble()) facts.trouble = keyd::from_failure(key.trouble());
  return facts;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Done = std::move_only_function<void(Result<SignedEnvelope>)>;

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
    on_change_ = nullptr;
    error_code ignored;
    socket_.close(ignored);
    reconnect_.cancel();
  }

  void sign(SignOrder order, Done done) {
    if (!connected_) return answer(std::move(done), fail(Errc::retry_later, "key.host_absent", {}, options_.socket));
    if (orders_.size() >= kMaxOrders)
      return answer(std::move(done), fail(Errc::retry_later, "key.busy", {}, {}, std::to_string(kMaxOrders)));
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
    if (auto queued = send(frame); !queued) return answer(std::move(done), std::unexpected(queued.error()));
    auto [open, added] =
        orders_.emplace(number, Open{std::move(order), std::move(done), asio::steady_timer(io_, deadline)});
    open->second.timer.async_wait([weak = weak_from_this(), number](error_code ec) {
      const auto self = weak.lock();
      if (!ec && self) self->finish(number, fail(Errc::retry_later, "key.busy", {}, {}, {}, "deadline passed"));
    });
  }

  bool connected() const { return connected_; }
  std::vector<KeyFacts> keys() const { return keys_; }
  void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

 private:
  struct Open {
    SignOrder order;
    Done done;
    asio::steady_timer timer;
  };

  /// Never from inside the caller's own call.
  void answer(Done done, Result<SignedEnvelope> result) {
    asio::post(io_, [done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
  }

  void finish(std::uint64_t number, Result<SignedEnvelope> result) {
    auto node = orders_.extract(number);
    if (node.empty()) return;
    node.mapped().timer.cancel();
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
        pause_ = kFirstPause;
        keyd::v1::Frame subscribe;
        subscribe.mutable_subscribe();
        (void)send(subscribe);
        return ask_keys();
      }
      case keyd::v1::Frame::kKeyEvent:
        return ask_keys();
      case keyd::v1::Frame::kKeys:
        return took_keys(frame.keys());
      case keyd::v1::Frame::kSigned:
        return took_signature(std::move(*frame.mutable_signed_()));
      default:
        return;
    }
  }

  /// The list is asked for after every event: one way to learn a state, and never a wrong merge of two.
  void ask_keys() {
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
    keys_.clear();
    for (const auto& key : reply.keys()) keys_.push_back(facts_of(key));
    if (std::exchange(ask_keys_again_, false)) ask_keys();
    if (on_change_) on_change_();
  }

  void took_signature(keyd::v1::SignReply reply) {
    const auto found = orders_.find(reply.request());
    if (found == orders_.end()) return;  // answered by its deadline already
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
    while (!orders_.empty())
      finish(orders_.begin()->first, fail(Errc::retry_later, "key.host_absent", {}, options_.socket));
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
  std::map<std::uint64_t, Open> orders_;
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
