#include "simulator/app/control_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

namespace taxgate::simulator::app {
namespace {

constexpr timeval kPatience{30, 0};  // a big seed takes the platform a second or two

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<ControlClient::Answer> ControlClient::call(const std::string& method, const std::string& path,
                                                  const std::string& body) const {
  const auto unreachable = [this] {
    return fail(Errc::retry_later, "sim.control", {}, fmt::to_string(port_), {}, std::strerror(errno));
  };
  const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port_);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (socket.fd() < 0 || ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    return unreachable();

  const std::string request = fmt::format(
      "{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      method, path, body.size(), body);
  for (std::string_view rest = request; !rest.empty();) {
    const auto n = ::send(socket.fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return unreachable();
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  std::string text;
  char part[16384];
  for (;;) {
    const auto n = ::recv(socket.fd(), part, sizeof part, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreachable();
    if (n == 0) break;
    text.append(part, static_cast<std::size_t>(n));
  }
  Answer out;
  const auto head = text.find("\r\n\r\n");
  const auto [end, bad] = text.size() > 12 ? std::from_chars(text.data() + 9, text.data() + 12, out.status)
                                           : std::from_chars_result{nullptr, std::errc::invalid_argument};
  if (head == std::string::npos || bad != std::errc() || !text.starts_with("HTTP/1."))
    return fail(Errc::corrupt, "sim.control_answer", {}, fmt::to_string(port_));
  out.body = text.substr(head + 4);
  return out;
}

}  // namespace taxgate::simulator::app
