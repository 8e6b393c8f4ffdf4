#include "simulator/vpcd/vpcd_card.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>

namespace taxgate::simulator {
namespace {

using namespace std::chrono_literals;

constexpr auto kRedial = 20ms;  // vpcd polls every 400 ms; dialling faster than this only burns CPU
constexpr std::size_t kMaxFrame = 65535;

enum class Control : std::uint8_t { off = 0, on = 1, reset = 2, atr = 4 };

int dial(const std::string& host, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::inet_pton(AF_INET, host.c_str(), &to.sin_addr) != 1 ||
      ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

ssize_t receive_some(int fd, std::uint8_t* into, std::size_t size, int flags) {
  for (;;) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);  // the kernel forgets it by itself
    const auto n = ::recv(fd, into, size, flags);
    if (n >= 0 || errno != EINTR) return n;
  }
}

bool receive(int fd, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const auto n = receive_some(fd, into.data(), into.size(), 0);
    if (n <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

/// Looks at the next bytes and leaves them where they are. A process that was stopped and goes on finds the look cut
/// short; so does one whose other end has hung up, and only that ends it.
bool peek(int fd, std::span<std::uint8_t> into) {
  for (;;) {
    const auto n = receive_some(fd, into.data(), into.size(), MSG_PEEK | MSG_WAITALL);
    if (n == static_cast<ssize_t>(into.size())) return true;
    pollfd hung_up{fd, POLLRDHUP, 0};
    if (n <= 0 || ::poll(&hung_up, 1, 0) != 0) return false;
  }
}

bool send(int fd, ByteView data) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data = data.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

void count(CardFaultScript::Position& at, std::size_t bytes, bool is_apdu) {
  at.link += bytes;
  if (is_apdu) at.apdus += bytes;
}

/// Takes and throws away until the other end hangs up or the card is pulled.
void swallow(int fd) {
  std::array<std::uint8_t, 256> waste;
  while (receive_some(fd, waste.data(), waste.size(), 0) > 0) {
  }
}

}  // namespace

VpcdCard::VpcdCard(CardDevice& key, std::string host, std::uint16_t port)
    : key_(key), host_(std::move(host)), port_(port), thread_([this](const std::stop_token& stop) { run(stop); }) {}

VpcdCard::~VpcdCard() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  thread_.request_stop();
  unplug();
}

void VpcdCard::plug() {
  const std::lock_guard lock(mutex_);
  if (plugged_) return;
  plugged_ = true;
  replug_ms_ = 0;
  bytes_ = {};
  changed_.notify_all();
}

void VpcdCard::unplug() {
  std::unique_lock lock(mutex_);
  plugged_ = false;
  replug_ms_ = 0;
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  changed_.notify_all();
  changed_.wait(lock, [this] { return fd_ < 0; });
}

void VpcdCard::move_to(std::uint16_t port) {
  unplug();
  const std::lock_guard lock(mutex_);
  port_ = port;
}

std::uint16_t VpcdCard::port() const {
  const std::lock_guard lock(mutex_);
  return port_;
}

bool VpcdCard::plugged() const {
  const std::lock_guard lock(mutex_);
  return plugged_;
}
bool VpcdCard::connected() const {
  const std::lock_guard lock(mutex_);
  return connected_;
}
VpcdCard::StreamBytes VpcdCard::stream_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}
void VpcdCard::add_fault(CardFault fault) {
  const std::lock_guard lock(mutex_);
  faults_.add(fault);
}
void VpcdCard::clear_faults() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
  ++clearings_;
  changed_.notify_all();
}
std::size_t VpcdCard::fault_count() const {
  const std::lock_guard lock(mutex_);
  return faults_.size();
}

void VpcdCard::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested() && !stopping_) {
    if (!plugged_) {
      if (replug_ms_ != 0) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(replug_ms_);
        if (!changed_.wait_until(lock, until, [this] { return stopping_ || plugged_ || replug_ms_ == 0; })) {
          plugged_ = true;
          replug_ms_ = 0;
          bytes_ = {};
        }
      } else {
        changed_.wait(lock, [this] { return stopping_ || plugged_ || replug_ms_ != 0; });
      }
      continue;
    }
    const std::uint16_t port = port_;
    lock.unlock();
    const int fd = dial(host_, port);
    lock.lock();
    if (fd < 0) {
      changed_.wait_for(lock, kRedial, [this] { return stopping_ || !plugged_; });
      continue;
    }
    if (stopping_ || !plugged_ || port != port_) {  // pulled or moved while dialling
      ::close(fd);
      continue;
    }
    fd_ = fd;
    connected_ = true;
    lock.unlock();
    const End end = serve(fd);
    key_.power_off();  // a card that was pulled has lost its session
    lock.lock();
    ::close(fd);
    fd_ = -1;
    connected_ = false;
    changed_.notify_all();
    // The reader hung up (pcscd restarting): do not storm it.
    if (end == End::link_lost) changed_.wait_for(lock, kRedial, [this] { return stopping_ || !plugged_; });
  }
}

VpcdCard::End VpcdCard::pull(std::uint32_t replug_ms) {
  const std::lock_guard lock(mutex_);
  plugged_ = false;
  replug_ms_ = replug_ms;
  return End::pulled;
}

void VpcdCard::note_bytes(CardFaultScript::Position in, CardFaultScript::Position out) {
  const std::lock_guard lock(mutex_);
  bytes_ = {in, out};
}

bool VpcdCard::delayed(std::uint32_t ms) {
  std::unique_lock lock(mutex_);
  const auto before = clearings_;
  changed_.wait_for(lock, std::chrono::milliseconds(ms),
                    [&] { return stopping_ || !plugged_ || clearings_ != before; });
  return !stopping_ && plugged_;
}

std::optional<CardFaultScript::Cut> VpcdCard::cut_of(const std::optional<CardFault>& command_fault,
                                                     CardFault::Direction direction, CardFaultScript::Position at,
                                                     std::uint64_t size, bool is_apdu) {
  if (command_fault && command_fault->kind == CardFault::Kind::unplug && command_fault->direction == direction)
    return CardFaultScript::Cut{std::min(command_fault->at_byte, size), *command_fault};
  const std::lock_guard lock(mutex_);
  return faults_.on_frame(direction, at, size, is_apdu);
}

bool VpcdCard::run_control(std::uint8_t code, Bytes& reply) {
  switch (static_cast<Control>(code)) {
    case Control::off:
      key_.power_off();
      return false;
    case Control::on:
      key_.power_on();
      return false;
    case Control::reset:
      key_.reset();
      return false;
    case Control::atr:
      reply = VirtualKey::atr();
      return true;
  }
  return false;
}

VpcdCard::End VpcdCard::serve(int fd) {
  using Kind = CardFault::Kind;
  using Direction = CardFault::Direction;
  CardFaultScript::Position in, out;
  Bytes frame, reply;
  for (;;) {
    // The frame is looked at before its first byte is taken: a fault bound to an instruction can then pull the card at
    // byte 0, and a fault set while the card lies idle applies to the very next command.
    std::array<std::uint8_t, 4> head{};
    if (!peek(fd, std::span(head).first(2))) return End::link_lost;
    const std::size_t size = static_cast<std::size_t>(head[0] << 8 | head[1]);
    const bool is_apdu = size >= 2;
    // Bytes that are looked at but not taken are not acknowledged, and vpcd sends the rest only 40 ms later (Nagle):
    // the instruction is peeked at only when a fault asks for it.
    bool by_instruction = false;
    {
      const std::lock_guard lock(mutex_);
      by_instruction = is_apdu && faults_.looks_at_commands();
    }
    if (by_instruction && !peek(fd, head)) return End::link_lost;
    std::optional<CardFault> fault;
    if (by_instruction) {
      const std::lock_guard lock(mutex_);
      fault = faults_.on_command(head[3]);
    }

    const auto cut_in = cut_of(fault, Direction::command, in, size + 2, is_apdu);
    frame.resize(cut_in ? static_cast<std::size_t>(cut_in->passes) : size + 2);
    if (!receive(fd, frame)) return End::link_lost;
    count(in, frame.size(), is_apdu);
    note_bytes(in, out);
    if (cut_in) return pull(cut_in->fault.replug_ms);

    const ByteView payload = ByteView(frame).subspan(2);
    if (is_apdu) {
      if ((fault && fault->kind == Kind::hang) || key_.hangs_on(payload)) {
        swallow(fd);
        return End::link_lost;
      }
      if (fault && fault->kind == Kind::delay && !delayed(fault->delay_ms)) return End::pulled;
      if (fault && fault->kind == Kind::wrong_signature) key_.corrupt_next_signatures(1);
      if (fault && fault->kind == Kind::pin_locked && !key_.set_tries_left(0)) return End::link_lost;
      reply = key_.process(payload);
      if (reply.empty() || (fault && fault->kind == Kind::drop)) return End::link_lost;
    } else if (payload.empty() || !run_control(payload[0], reply)) {
      continue;
    }

    if (reply.size() > kMaxFrame) reply = gmt0017::encode_response({}, gmt0017::sw::wrong_length);
    reply.insert(reply.begin(),
                 {static_cast<std::uint8_t>(reply.size() >> 8), static_cast<std::uint8_t>(reply.size())});
    const auto cut_out = cut_of(fault, Direction::response, out, reply.size(), is_apdu);
    if (cut_out) reply.resize(static_cast<std::size_t>(cut_out->passes));
    count(out, reply.size(), is_apdu);
    note_bytes(in, out);
    if (!send(fd, reply)) return End::link_lost;
    if (cut_out) return pull(cut_out->fault.replug_ms);
  }
}

}  // namespace taxgate::simulator
