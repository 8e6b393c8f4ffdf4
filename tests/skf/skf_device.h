#pragma once
// A virtual key as a device of the tests' SKF library: the far end of wire.h's socket. Thread: one owner; it serves its
// connections on threads of its own, which end before it does.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "drivers/gmt0017/card_session.h"
#include "simulator/device/virtual_key.h"
#include "tests/skf/wire.h"

namespace taxgate::tests {

class SkfDevice {
 public:
  /// The device `path` names ("DIR/devices/NAME"); pulled at first. `key` outlives it.
  SkfDevice(simulator::VirtualKey& key, std::string path) : key_(key), path_(std::move(path)) {}
  ~SkfDevice() { pull(); }
  SkfDevice(const SkfDevice&) = delete;
  SkfDevice& operator=(const SkfDevice&) = delete;

  void plug() {
    key_.power_on();
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 8) != 0)
      throw std::runtime_error("cannot listen on " + path_ + ": " + std::strerror(errno));
    pulled_ = false;
    acceptor_ = std::thread([this] { accept_all(); });
  }

  void pull() {
    if (listener_ < 0) return;
    ::unlink(path_.c_str());
    {
      const std::lock_guard lock(mutex_);
      pulled_ = true;
      for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
    }
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& one : servers_) one.join();
    servers_.clear();
    ::close(std::exchange(listener_, -1));
    key_.power_off();
  }

 private:
  using Op = skf_wire::Op;

  class Direct final : public ApduTransport {
   public:
    explicit Direct(simulator::VirtualKey& key) : key_(key) {}
    Result<Bytes> transmit(ByteView command) override { return key_.process(command); }
    Result<void> reconnect() override { return {}; }

   private:
    simulator::VirtualKey& key_;
  };

  void accept_all() {
    for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      const std::lock_guard lock(mutex_);
      if (pulled_) {
        ::close(fd);
        continue;
      }
      connections_.push_back(fd);
      servers_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    Direct transport(key_);
    gmt0017::CardSession session(transport);
    for (char op = 0; whole(fd, &op, 1);) {
      std::uint32_t size = 0;
      if (!whole(fd, &size, sizeof size)) break;
      std::string data(size, '\0');
      if (!whole(fd, data.data(), size)) break;
      std::string answer;
      const std::uint32_t head[] = {act(session, static_cast<Op>(op), data, answer),
                                    static_cast<std::uint32_t>(answer.size())};
      const std::string reply = std::string(reinterpret_cast<const char*>(head), sizeof head) + answer;
      if (::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(reply.size())) break;
    }
    const std::lock_guard lock(mutex_);
    std::erase(connections_, fd);
    ::close(fd);
  }

  static bool whole(int fd, void* into, std::size_t size) {
    return size == 0 || ::recv(fd, into, size, MSG_WAITALL) == static_cast<ssize_t>(size);
  }

  static std::uint32_t sar_of(const Error& error) {
    for (const auto& [id, sar] : {std::pair{"key.pin_wrong", 0x0A000024U},
                                  {"key.locked", 0x0A000025U},
                                  {"key.pin_length", 0x0A000027U},
                                  {"key.reset", 0x0A00002DU},
                                  {"key.no_application", 0x0A00002EU},
                                  {"key.no_container", 0x0A000031U},
                                  {"key.no_certificate", 0x0A00001CU}})
      if (error.id == id) return sar;
    return 0x0A000001;
  }

  template <class T>
  static std::uint32_t give(const Result<T>& result, std::string& answer) {
    if (!result) return sar_of(result.error());
    if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      for (const auto& name : *result) answer += name + '\0';
    } else if constexpr (std::is_integral_v<T>) {
      answer = {static_cast<char>(*result >> 8), static_cast<char>(*result & 0xFF)};
    } else {
      answer.assign(result->begin(), result->end());
    }
    return 0;
  }

  static std::uint32_t act(gmt0017::CardSession& session, Op op, const std::string& data, std::string& answer) {
    const auto id = [&](std::size_t at) {
      return data.size() < at + 2 ? std::uint16_t{0}
                                  : static_cast<std::uint16_t>(static_cast<unsigned char>(data[at]) << 8 |
                                                               static_cast<unsigned char>(data[at + 1]));
    };
    const auto rest = [&](std::size_t from) { return data.size() < from ? std::string() : data.substr(from); };
    switch (op) {
      case Op::info: {
        const auto info = session.device_info();
        if (!info) return sar_of(info.error());
        answer = info->manufacturer + '\0' + info->issuer + '\0' + info->label + '\0' + info->serial + '\0';
        return 0;
      }
      case Op::applications:
        return give(session.applications(), answer);
      case Op::open_application:
        return give(session.open_application(data), answer);
      case Op::containers:
        return give(session.containers(id(0)), answer);
      case Op::open_container:
        return give(session.open_container(id(0), rest(2)), answer);
      case Op::certificate:
        return give(session.certificate(id(0), id(2)), answer);
      case Op::public_key:
        return give(session.public_key(id(0), id(2)), answer);
      case Op::pin_info: {
        const auto info = session.pin_info(id(0));
        if (!info) return sar_of(info.error());
        answer = {static_cast<char>(info->max_tries), static_cast<char>(info->tries_left)};
        return 0;
      }
      case Op::verify_pin: {
        const std::string text = rest(2);
        SecretBytes pin(text.size());
        std::ranges::copy(text, pin.span().begin());
        const auto done = session.verify_pin(id(0), pin);
        if (const auto info = session.pin_info(id(0))) answer = {static_cast<char>(info->tries_left)};
        return done ? 0 : sar_of(done.error());
      }
      case Op::sign: {
        const std::string digest = rest(4);
        Digest e{};
        if (digest.size() != e.size()) return 0x0A000010;
        std::ranges::copy(digest, e.begin());
        return give(session.sign_digest(id(0), id(2), e), answer);
      }
    }
    return 0x0A000003;
  }

  simulator::VirtualKey& key_;
  const std::string path_;
  int listener_ = -1;
  std::thread acceptor_;
  std::mutex mutex_;
  bool pulled_ = true;
  std::vector<int> connections_;
  std::list<std::thread> servers_;
};

}  // namespace taxgate::tests
