#pragma once
// A TLS client connection for Beast and Asio without Asio's stream in between: OpenSSL reads and writes the
// non-blocking socket itself, Asio only waits for it. So bytes are copied once instead of three times and one call of
// the kernel brings several TLS records; a night's pages are gigabytes. Private to this room.
//
// Models Beast's AsyncReadStream and AsyncWriteStream; at most one read and one write at a time.
// errors    beast::error::timeout         the deadline has passed; the connection is closed
//           asio::error::eof              the other side said that it will send no more
//           ssl::error::stream_truncated  it ended without a word
//           operation_aborted             close(), or the stream is gone
// Thread: that of `io`. Lifetime: `io` outlives it; what is under way ends, and touches no buffer, once it is gone.
// The process ignores SIGPIPE (daemon/app): OpenSSL cannot ask for less.
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace taxgate::platform {

/// What all connections of a context share: cipher preference and the size of a read. Once per context.
void prepare_tls(SSL_CTX* context);

class TlsStream {
  struct Core;

 public:
  using Socket = boost::asio::ip::tcp::socket;
  using executor_type = Socket::executor_type;
  using Steady = std::chrono::steady_clock;
  using error_code = boost::system::error_code;

  TlsStream(boost::asio::io_context& io, boost::asio::ssl::context& tls);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  executor_type get_executor() { return core_->socket.get_executor(); }
  Socket& socket() { return core_->socket; }
  SSL* native_handle() { return core_->ssl.get(); }
  /// For everything from now on, instead of the deadline before. Steady::time_point::max(): none.
  void expires_at(Steady::time_point deadline);
  void close();
  /// `failed`, or the deadline when that was the reason: for operations on socket() itself.
  error_code explained(error_code failed) const { return reason(*core_, failed); }
  /// Nothing is there to be read: no byte, no alert, no end.
  bool quiet();
  /// So many bytes, decrypted, are still to come for certain: while they are, a read waits until many of them are there
  /// instead of waking for each TLS record. An end or an error of the connection is told at once as before, an alert
  /// that is not followed by one at the deadline. 0: no such promise. Valid until told otherwise.
  void expect(std::size_t bytes);

  /// Of a client, on a connected socket. Completes with (error_code, 0).
  template <class Token>
  auto async_handshake(Token&& token) {
    return start([](Core& core) { return handshake(core); }, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    boost::asio::mutable_buffer into;
    for (auto at = boost::asio::buffer_sequence_begin(buffers);
         into.size() == 0 && at != boost::asio::buffer_sequence_end(buffers); ++at)
      into = *at;
    return start([into](Core& core) { return read(core, into); }, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    // A head comes in many small pieces: one TLS record of them.
    auto& record = core_->record;
    record.resize(std::min(kRecord, boost::asio::buffer_size(buffers)));
    boost::asio::buffer_copy(boost::asio::buffer(record), buffers);
    return start([](Core& core) { return write(core); }, std::forward<Token>(token));
  }

 private:
  static constexpr std::size_t kRecord = 16 * 1024;  // the most one TLS record holds

  struct Core {
    Core(boost::asio::io_context& io, SSL_CTX* context) : socket(io), timer(io), ssl(::SSL_new(context), &::SSL_free) {}
    Socket socket;
    boost::asio::steady_timer timer;
    std::unique_ptr<SSL, void (*)(SSL*)> ssl;
    Steady::time_point deadline = Steady::time_point::max();
    std::string record;        // being written
    std::size_t expected = 0;  // bytes still to come, by expect()
    int low_water = 1;         // of the socket
    bool timed_out = false, closed = false;
    bool drained = false;  // the last read took what was there: the next one need not try before it waits
  };
  /// One try of an operation: it is done, or the socket must be waited for.
  struct Step {
    enum class Want { nothing, read, write } want = Want::nothing;
    error_code error{};
    std::size_t bytes = 0;
  };
  static Step handshake(Core& core);
  static Step read(Core& core, boost::asio::mutable_buffer into);
  static Step write(Core& core);
  static void wait_for_many(Core& core);
  static Step judged(Core& core, int result);
  static error_code reason(const Core& core, error_code failed);

  template <class Try>
  struct Operation {
    std::shared_ptr<Core> core;
    Try attempt;
    Step step{};
    enum class At { begin, waited, done } at = At::begin;

    template <class Self>
    void operator()(Self& self, error_code failed = {}) {
      if (at == At::done) return self.complete(step.error, step.bytes);
      if (core->closed && !failed) failed = boost::asio::error::operation_aborted;
      step = failed ? Step{Step::Want::nothing, reason(*core, failed), 0} : attempt(*core);
      if (step.want != Step::Want::nothing) {
        at = At::waited;
        const auto what = step.want == Step::Want::read ? Socket::wait_read : Socket::wait_write;
        core->socket.async_wait(what, std::move(self));
      } else if (at == At::begin) {
        at = At::done;  // never from inside the function that began it, and others have their turn
        auto& socket = core->socket;
        boost::asio::post(socket.get_executor(), std::move(self));
      } else {
        self.complete(step.error, step.bytes);
      }
    }
  };
  template <class Try, class Token>
  auto start(Try attempt, Token&& token) {
    return boost::asio::async_compose<Token, void(error_code, std::size_t)>(Operation<Try>{core_, std::move(attempt)},
                                                                            token, core_->socket);
  }

  const std::shared_ptr<Core> core_;
};

}  // namespace taxgate::platform
