#pragma once
// A blocking HTTP client over a file descriptor (or a TLS session on it) that sends exactly the bytes it is given.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace taxgate::api {

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body;
};

class TestClient {
 public:
  static TestClient unix_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    return TestClient(connected(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  }
  static TestClient tcp(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return TestClient(connected(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  }
  ~TestClient() {
    if (tls_) SSL_free(tls_);
    if (fd_ >= 0) ::close(fd_);
  }
  TestClient(TestClient&& o) noexcept
      : fd_(std::exchange(o.fd_, -1)), tls_(std::exchange(o.tls_, nullptr)), rest_(std::move(o.rest_)) {}

  /// Client side of TLS on this connection; false when the handshake fails.
  bool start_tls(SSL_CTX* context) {
    tls_ = SSL_new(context);
    SSL_set_fd(tls_, fd_);
    return SSL_connect(tls_) == 1;
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = tls_ ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                          : static_cast<int>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// More bytes into the buffer; false at the end of the stream or after the deadline.
  bool receive(int deadline_ms = 20'000) {
    char buffer[16384];
    if (tls_) {
      if (SSL_pending(tls_) == 0 && !readable(deadline_ms)) return false;
      const int n = SSL_read(tls_, buffer, sizeof(buffer));
      if (n <= 0) return false;
      rest_.append(buffer, static_cast<std::size_t>(n));
      return true;
    }
    if (!readable(deadline_ms)) return false;
    const auto n = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) return false;
    rest_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  /// True when the peer closes within the deadline (bytes before that are kept).
  bool closed(int deadline_ms = 20'000) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
    while (std::chrono::steady_clock::now() < end) {
      if (!readable(deadline_ms)) return false;
      if (!receive(deadline_ms)) return true;
    }
    return false;
  }
  bool wait_for(std::string_view text, int deadline_ms = 20'000) {
    while (rest_.find(text) == std::string::npos)
      if (!receive(deadline_ms)) return false;
    return true;
  }
  std::string& received() { return rest_; }

  /// Status 0: no whole answer came.
  Answer answer(int deadline_ms = 20'000) {
    Answer a;
    std::size_t end;
    while ((end = rest_.find("\r\n\r\n")) == std::string::npos)
      if (!receive(deadline_ms)) return a;
    const std::string head = rest_.substr(0, end + 2);
    std::size_t line = head.find("\r\n") + 2;
    for (std::size_t next; line < head.size(); line = next + 2) {
      next = head.find("\r\n", line);
      const std::size_t colon = head.find(": ", line);
      std::string name = head.substr(line, colon - line);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      a.headers[name] = head.substr(colon + 2, next - colon - 2);
    }
    const std::size_t length = a.headers.contains("content-length") ? std::stoul(a.headers["content-length"]) : 0;
    while (rest_.size() < end + 4 + length)
      if (!receive(deadline_ms)) return a;
    a.body = rest_.substr(end + 4, length);
    rest_.erase(0, end + 4 + length);
    a.status = std::stoi(head.substr(9, 3));
    return a;
  }

  Answer request(std::string_view method, std::string_view target, std::string_view body = {},
                 const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    if (!body.empty() || method == "POST") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    text += "\r\n";
    text += body;
    if (!send(text)) return {};
    return answer();
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  int fd() const { return fd_; }

 private:
  explicit TestClient(int fd) : fd_(fd) {}
  static int connected(int family, const sockaddr* address, socklen_t size) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::connect(fd, address, size) != 0) throw std::runtime_error("test client cannot connect");
    return fd;
  }
  bool readable(int deadline_ms) const {
    pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&p, 1, deadline_ms) == 1;
  }

  int fd_ = -1;
  SSL* tls_ = nullptr;
  std::string rest_;
};

}  // namespace taxgate::api
