#include "daemon/platform/tls_stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <cerrno>

namespace taxgate::platform {

namespace asio = boost::asio;

namespace {

// Bytes of one read of the socket: some TLS records, and well within the second-level cache together with the page they
// are decrypted to.
constexpr std::size_t kReadAhead = 64 * 1024;
constexpr std::size_t kRecordOverhead = 2048 + 5;  // most a record is longer than its content (RFC 5246 6.2.3)
// A wake-up costs as much as reading 16 KiB, and the sender's records come one by one. 8 ms of a line of 1 Gbit/s; 256
// KiB instead cost a tenth of an idle night's processor time more.
constexpr std::size_t kWakeFor = 1024 * 1024;

}  // namespace

void prepare_tls(SSL_CTX* context) {
  ::SSL_CTX_set_read_ahead(context, 1);
  ::SSL_CTX_set_default_read_buffer_len(context, kReadAhead);
  // As strong as anybody needs, and a third cheaper than the library's first choice: half of an idle night is this.
  ::SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
}

TlsStream::TlsStream(boost::asio::io_context& io, boost::asio::ssl::context& tls)
    : core_(std::make_shared<Core>(io, tls.native_handle())) {
  ::SSL_set_connect_state(core_->ssl.get());
  ::SSL_set_mode(core_->ssl.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

TlsStream::~TlsStream() { close(); }

void TlsStream::close() {
  core_->closed = true;
  core_->timer.cancel();
  error_code ignored;
  core_->socket.close(ignored);
}

void TlsStream::expires_at(Steady::time_point deadline) {
  core_->deadline = deadline;
  core_->timer.expires_at(deadline);
  if (deadline == Steady::time_point::max()) return;
  core_->timer.async_wait([weak = std::weak_ptr(core_)](const error_code& cancelled) {
    const auto core = weak.lock();
    // One that had run out already is called although the deadline was moved meanwhile.
    if (cancelled || !core || core->closed || Steady::now() < core->deadline) return;
    core->timed_out = true;
    error_code ignored;
    core->socket.close(ignored);
  });
}

TlsStream::error_code TlsStream::reason(const Core& core, error_code failed) {
  return failed && core.timed_out ? make_error_code(boost::beast::error::timeout) : failed;
}

bool TlsStream::quiet() {
  if (::SSL_has_pending(core_->ssl.get()) != 0) return false;
  char byte = 0;
  const auto got = ::recv(core_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

TlsStream::Step TlsStream::judged(Core& core, int result) {
  const int system = errno;
  switch (::SSL_get_error(core.ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Step::Want::read, {}, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Step::Want::write, {}, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {.error = boost::asio::error::eof};
    case SSL_ERROR_SYSCALL:
      if (system != 0) return {.error = error_code(system, boost::asio::error::get_system_category())};
      return {.error = boost::asio::ssl::error::stream_truncated};
    default:
      break;
  }
  const auto code = ::ERR_get_error();
  if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return {.error = boost::asio::ssl::error::stream_truncated};
  return {.error = error_code(static_cast<int>(code), boost::asio::error::get_ssl_category())};
}

TlsStream::Step TlsStream::handshake(Core& core) {
  error_code failed;
  core.socket.non_blocking(true, failed);
  if (failed) return {.error = failed};
  if (::SSL_get_fd(core.ssl.get()) < 0 && ::SSL_set_fd(core.ssl.get(), core.socket.native_handle()) != 1)
    return {.error = boost::asio::error::no_memory};
  ::ERR_clear_error();
  errno = 0;
  const int result = ::SSL_do_handshake(core.ssl.get());
  return result == 1 ? Step{} : judged(core, result);
}

TlsStream::Step TlsStream::read(Core& core, boost::asio::mutable_buffer into) {
  // Record after record, as long as they are there: what failed after some bytes fails again at the next call.
  Step out;
  if (core.drained && into.size() != 0) {
    core.drained = false;
    wait_for_many(core);
    out.want = Step::Want::read;
    return out;
  }
  ::ERR_clear_error();
  errno = 0;
  while (out.bytes < into.size()) {
    std::size_t got = 0;
    const int result =
        ::SSL_read_ex(core.ssl.get(), static_cast<char*>(into.data()) + out.bytes, into.size() - out.bytes, &got);
    if (result != 1) {
      const Step why = judged(core, result);
      core.drained = out.bytes != 0 && why.want == Step::Want::read;
      if (out.bytes != 0) return out;
      if (why.want == Step::Want::read) wait_for_many(core);
      return why;
    }
    out.bytes += got;
    core.expected -= std::min(core.expected, got);
  }
  return out;
}

void TlsStream::expect(std::size_t bytes) {
  core_->expected = bytes;
  if (bytes == 0) wait_for_many(*core_);
}

void TlsStream::wait_for_many(Core& core) {
  // A part of one record may be in the library's buffer already; what is still to come on the wire is larger than its
  // content, so this many bytes are certain. The system ends the wait by itself when it has no room for more.
  const std::size_t certain = core.expected > kRecord + kRecordOverhead ? core.expected - kRecord - kRecordOverhead : 1;
  const int wanted = static_cast<int>(std::min(certain, kWakeFor));
  if (wanted == core.low_water) return;
  error_code ignored;  // without it there are only more wake-ups
  core.socket.set_option(asio::socket_base::receive_low_watermark(wanted), ignored);
  core.low_water = wanted;
}

TlsStream::Step TlsStream::write(Core& core) {
  if (core.record.empty()) return {};
  ::ERR_clear_error();
  errno = 0;
  std::size_t put = 0;
  const int result = ::SSL_write_ex(core.ssl.get(), core.record.data(), core.record.size(), &put);
  if (result != 1) return judged(core, result);
  return {Step::Want::nothing, {}, put};
}

}  // namespace taxgate::platform
