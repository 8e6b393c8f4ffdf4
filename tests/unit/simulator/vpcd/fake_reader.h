#pragma once
// A stand-in for vpcd: listens, takes the card's call, speaks the 2-byte frames.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "protocol/sm.h"

namespace taxgate::test {

inline constexpr int kCallWithinMs = 10'000;  // a card redials every 20 ms; the rest is a busy machine

class FakeReader {
 public:
  FakeReader() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
  }
  ~FakeReader() {
    hang_up();
    ::close(listener_);
  }
  FakeReader(const FakeReader&) = delete;
  FakeReader& operator=(const FakeReader&) = delete;

  std::uint16_t port() const { return port_; }
  /// Whether a card dials in within this time.
  bool take_call(int within_ms = kCallWithinMs) {
    hang_up();
    pollfd ready{listener_, POLLIN, 0};
    if (::poll(&ready, 1, within_ms) != 1) return false;
    fd_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    return fd_ >= 0;
  }
  void hang_up() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void send(ByteView payload) {
    Bytes frame{static_cast<std::uint8_t>(payload.size() >> 8), static_cast<std::uint8_t>(payload.size())};
    frame.insert(frame.end(), payload.begin(), payload.end());
    EXPECT_EQ(::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL), static_cast<ssize_t>(frame.size()));
  }
  void control(std::uint8_t code) { send(Bytes{code}); }
  /// One whole frame; nullopt when the card hung up before it was complete.
  std::optional<Bytes> receive() {
    const Bytes length = take(2);
    if (length.size() < 2) return std::nullopt;
    const std::size_t size = static_cast<std::size_t>(length[0] << 8 | length[1]);
    Bytes payload = take(size);
    if (payload.size() < size) return std::nullopt;
    return payload;
  }
  std::optional<Bytes> exchange(ByteView apdu) {
    send(apdu);
    return receive();
  }
  /// Everything until the card hangs up.
  Bytes rest() { return take(1 << 20); }
  bool silent(int for_ms) {
    pollfd ready{fd_, POLLIN, 0};
    return ::poll(&ready, 1, for_ms) == 0;
  }

 private:
  Bytes take(std::size_t size) {
    Bytes out;
    while (out.size() < size) {
      Bytes part(size - out.size());
      const auto n = ::recv(fd_, part.data(), part.size(), 0);
      if (n <= 0) break;
      out.insert(out.end(), part.begin(), part.begin() + n);
    }
    return out;
  }
  int listener_, fd_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace taxgate::test
