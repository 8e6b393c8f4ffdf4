#include "tests/unit/simulator/platform/https_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace taxgate::simulator {
namespace {

constexpr int kHandshakeMs = 30'000;  // of a busy machine; only the answer may be late

void set_patience(int fd, int ms) {
  const timeval timeout{ms / 1000, (ms % 1000) * 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

}  // namespace

struct HttpsClient::State {
  int fd = -1;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
};

HttpsClient::HttpsClient(std::uint16_t port, std::string ca_path, int timeout_ms)
    : state_(std::make_unique<State>()), port_(port), ca_path_(std::move(ca_path)), timeout_ms_(timeout_ms) {
  std::signal(SIGPIPE, SIG_IGN);
  if (!ca_path_.empty()) {
    state_->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_load_verify_locations(state_->context, ca_path_.c_str(), nullptr);
    SSL_CTX_set_verify(state_->context, SSL_VERIFY_PEER, nullptr);
  }
}

HttpsClient::~HttpsClient() {
  close();
  SSL_CTX_free(state_->context);
}

void HttpsClient::close() {
  SSL_free(state_->ssl);
  state_->ssl = nullptr;
  if (state_->fd >= 0) ::close(state_->fd);
  state_->fd = -1;
}

bool HttpsClient::open() {
  close();
  ++connections_;
  state_->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  set_patience(state_->fd, kHandshakeMs);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port_);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(state_->fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return false;
  if (state_->context == nullptr) {
    set_patience(state_->fd, timeout_ms_);
    return true;
  }
  state_->ssl = SSL_new(state_->context);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(state_->ssl), "127.0.0.1");
  SSL_set_fd(state_->ssl, state_->fd);
  const bool greeted = SSL_connect(state_->ssl) == 1;
  set_patience(state_->fd, timeout_ms_);
  return greeted;
}

std::string HttpsClient::peer_subject() const {
  X509* peer = state_->ssl == nullptr ? nullptr : SSL_get1_peer_certificate(state_->ssl);
  if (peer == nullptr) return {};
  char text[256] = {};
  X509_NAME_oneline(X509_get_subject_name(peer), text, sizeof text);
  X509_free(peer);
  return text;
}

Answer HttpsClient::send(const std::string& method, const std::string& target, const std::string& body,
                         const std::string& headers) {
  Answer answer;
  if (state_->fd < 0 && !open()) {
    close();
    return answer;
  }
  answer.connected = true;
  const std::string request = method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers +
                              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  const auto write = [this](const char* data, std::size_t size) {
    return state_->ssl != nullptr ? SSL_write(state_->ssl, data, static_cast<int>(size))
                                  : static_cast<int>(::send(state_->fd, data, size, MSG_NOSIGNAL));
  };
  for (std::size_t sent = 0; sent < request.size();) {
    const int n = write(request.data() + sent, request.size() - sent);
    if (n <= 0) {
      answer.closed = true;
      close();
      return answer;
    }
    sent += static_cast<std::size_t>(n);
  }
  char buffer[16384];
  for (;;) {
    const std::size_t end = answer.raw.find("\r\n\r\n");
    if (end != std::string::npos) {
      answer.head = answer.raw.substr(0, end + 2);
      answer.body = answer.raw.substr(end + 4);
      const std::size_t length = answer.head.find("Content-Length: ");
      const std::size_t wanted =
          length == std::string::npos ? 0 : std::strtoul(answer.head.c_str() + length + 16, nullptr, 10);
      if (answer.body.size() >= wanted) {
        answer.status = std::atoi(answer.head.c_str() + sizeof("HTTP/1.1"));
        return answer;
      }
    }
    errno = 0;
    const int n = state_->ssl != nullptr ? SSL_read(state_->ssl, buffer, sizeof buffer)
                                         : static_cast<int>(::recv(state_->fd, buffer, sizeof buffer, 0));
    if (n <= 0) {
      answer.timed_out = errno == EAGAIN || errno == EWOULDBLOCK;
      answer.closed = !answer.timed_out;
      close();
      return answer;
    }
    answer.raw.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace taxgate::simulator
