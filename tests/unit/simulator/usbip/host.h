#pragma once
// A USB/IP host for tests, with a wire reader of its own: asks on a stream socket as Linux does, and keeps the answers.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "protocol/bot.h"
#include "simulator/device/bot_function.h"

namespace taxgate::simulator {

/// A Bulk-Only device that knows INQUIRY and nothing else.
class PlainTarget final : public ScsiTarget {
 public:
  bool takes_data(ByteView) const override { return false; }
  Reply command(ByteView, ByteView) override { return {bot::Sense{5, 0x20, 0}, {}}; }
  bot::Inquiry inquiry() const override { return {"TAXGATE", "KEY", "1.0"}; }
  void reset() override { ++resets; }
  void power(bool on) override { powered = on; }
  std::atomic<unsigned> resets = 0;
  std::atomic<bool> powered = false;
};

inline Bytes inquiry_block() {
  const auto bytes = bot::encode(bot::CommandBlock{7, 36, true, 0, {bot::kInquiry, 0, 0, 0, 36, 0}});
  return Bytes(bytes.begin(), bytes.end());
}

class UsbIpHost {
 public:
  struct Answer {
    std::uint32_t command = 0;
    std::int32_t status = 1;
    Bytes data;
    std::uint32_t moved = 0;
  };
  using Setup = std::array<std::uint8_t, 8>;

  explicit UsbIpHost(int fd) : fd_(fd) {}
  ~UsbIpHost() { ::close(fd_); }
  UsbIpHost(const UsbIpHost&) = delete;
  UsbIpHost& operator=(const UsbIpHost&) = delete;

  std::uint32_t out(std::uint32_t endpoint, const Bytes& data, Setup setup = {}) {
    return submit(endpoint, false, static_cast<std::uint32_t>(data.size()), setup, data);
  }
  std::uint32_t in(std::uint32_t endpoint, std::uint32_t length, Setup setup = {}) {
    return submit(endpoint, true, length, setup, {});
  }
  std::uint32_t unlink(std::uint32_t victim) {
    Bytes head = numbers({2, ++sequence_, 0x10001, 0, 0, victim});
    head.resize(48);
    send(head);
    return sequence_;
  }
  void send(const Bytes& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto sent = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  }
  /// Reads answers until this one is there. False: the device hung up, or is broken.
  bool ended(std::uint32_t sequence) {
    return until([&] { return answers.contains(sequence); });
  }
  bool until_hung_up() {
    return until([this] { return hung_up_; });
  }
  static Bytes numbers(std::initializer_list<std::uint32_t> values) {
    Bytes out;
    for (const auto value : values)
      for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(value >> shift));
    return out;
  }

  std::map<std::uint32_t, Answer> answers;
  unsigned twice = 0;  // answers to what had been answered

 private:
  std::uint32_t submit(std::uint32_t endpoint, bool in, std::uint32_t length, Setup setup, const Bytes& data) {
    Bytes message = numbers({1, ++sequence_, 0x10001, in ? 1U : 0U, endpoint, 0x200, length, 0, 0, 0});
    message.insert(message.end(), setup.begin(), setup.end());
    message.insert(message.end(), data.begin(), data.end());
    asked_in_[sequence_] = in;
    send(message);
    return sequence_;
  }
  bool until(const std::function<bool()>& holds) {
    constexpr int kWaitMs = 30'000;  // only a broken device takes long
    while (!holds()) {
      pollfd wait{fd_, POLLIN, 0};
      if (hung_up_ || ::poll(&wait, 1, kWaitMs) <= 0) return holds();
      std::array<std::uint8_t, 4096> part{};
      const auto got = ::recv(fd_, part.data(), part.size(), 0);
      hung_up_ = got <= 0;
      if (got > 0) taken_.insert(taken_.end(), part.begin(), part.begin() + got);
      while (cut()) {
      }
    }
    return true;
  }
  std::uint32_t number(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | taken_[at + i];
    return value;
  }
  bool cut() {
    if (taken_.size() < 48) return false;
    Answer answer{number(0), static_cast<std::int32_t>(number(20)), {}, 0};
    const std::uint32_t sequence = number(4);
    if (answer.command == 3) answer.moved = number(24);
    const std::size_t data = asked_in_[sequence] ? answer.moved : 0;
    if (taken_.size() < 48 + data) return false;
    const auto begin = taken_.begin() + 48;
    answer.data.assign(begin, begin + static_cast<std::ptrdiff_t>(data));
    taken_.erase(taken_.begin(), begin + static_cast<std::ptrdiff_t>(data));
    if (!answers.emplace(sequence, std::move(answer)).second) ++twice;
    return true;
  }

  const int fd_;
  std::uint32_t sequence_ = 0;
  std::map<std::uint32_t, bool> asked_in_;
  Bytes taken_;
  bool hung_up_ = false;
};

}  // namespace taxgate::simulator
