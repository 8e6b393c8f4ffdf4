#include "daemon/platform/tls_stream.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <cerrno>

namespace taxgate::platform {
namespace {

// Bytes of one read of the socket: some TLS records, and well within the second-level cache together with the page they
// are decrypted to.
constexpr std::size_t kReadAhead = 64 * 1024;

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
  ::ERR_clear_error();
  errno = 0;
  while (out.bytes < into.size()) {
    std::size_t got = 0;
    const int result =
        ::SSL_read_ex(core.ssl.get(), static_cast<char*>(into.data()) + out.bytes, into.size() - out.bytes, &got);
    if (result != 1) return out.bytes != 0 ? out : judged(core, result);
    out.bytes += got;
  }
  return out;
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
