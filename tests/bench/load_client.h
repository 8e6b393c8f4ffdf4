#pragma once
// The billing servers of a benchmark: N keep-alive connections over one Unix socket, each with one request under way at
// a time, in a process of its own. It does as little as it can, because it shares the processors with what it measures.
// Either each connection asks again as soon as it is answered, or requests fall due at a fixed rate whatever the
// answers do; then a request's time counts from when it was due, so that a stalled server is not asked less often.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>

#include "tests/bench/measure.h"
#include "tests/bench/red_input.h"

namespace taxgate::bench {

struct LoadOptions {
  std::string socket, target, result_file;
  std::uint64_t seed = 1, first = 0, most = 0;  // request indices first .. first + most - 1
  int milliseconds = 1000, connections = 64;
  int per_second = 0;  // 0: as fast as answers come. Otherwise SIGTERM ends the load early.
};

/// What a load round hands back, written to result_file as plain bytes (same program on both sides).
struct LoadResult {
  std::uint64_t answered = 0, unexpected = 0, next = 0;  // next: the first index that was not used
  double seconds = 0;
  std::uint32_t p50_us = 0, p99_us = 0, max_us = 0;
  std::uint32_t body_bytes = 0;
  std::array<char, 400> trouble{};
};

/// A connection to a Unix socket. -1: nobody takes it (errno)
inline int connected(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

class LoadClient {
 public:
  explicit LoadClient(LoadOptions options) : options_(std::move(options)) {
    const auto sellers = sample::three_taxpayers();
    for (std::size_t i = 0; i < sellers.size(); ++i) {
      const Invoice blue = blue_invoice(options_.first + i, sellers, LegalTime{1'790'000'000'000});
      const std::string body = to_json(full_form(blue));
      auto& t = templates_[(options_.first + i) % sellers.size()];
      t.text = fmt::format(
          "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
          "Idempotency-Key: {}\r\n\r\n{}",
          options_.target, body.size(), random_key(0, 0), body);
      result_.body_bytes = static_cast<std::uint32_t>(body.size());
      t.key = t.text.find(random_key(0, 0));
      for (auto at = t.text.find(blue.number); at != std::string::npos; at = t.text.find(blue.number, at + 1))
        t.numbers.push_back(at);
    }
  }

  /// Answered indices follow the LoadResult in the file, one bit each from `first`.
  void run() {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    next_ = options_.first;
    answered_.assign(options_.most, false);
    for (int i = 0; i < options_.connections; ++i) connect();
    const auto start = Clock::now();
    end_ = start + std::chrono::milliseconds(options_.milliseconds);
    start_ = start;
    if (options_.per_second > 0) {
      stop_asked() = false;
      ::signal(SIGTERM, [](int) { stop_asked() = true; });
      for (auto& c : connections_) idle_.push_back(&c);
    } else {
      for (auto& c : connections_) send_next(c);
    }
    std::array<epoll_event, 64> events{};
    while (open_ > 0) {
      const int wait_ms = options_.per_second > 0 ? send_due() : kPatienceMs;
      if (wait_ms < 0) break;
      const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
      if (n == 0 && wait_ms == kPatienceMs) {
        trouble("no answer for 10 s");
        ++result_.unexpected;
        break;
      }
      for (int i = 0; i < n; ++i) read(connections_[events[static_cast<std::size_t>(i)].data.u32]);
    }
    result_.seconds = std::chrono::duration<double>(last_answer_ - start).count();
    result_.next = next_;
    std::sort(latencies_.begin(), latencies_.end());
    if (!latencies_.empty()) {
      result_.p50_us = latencies_[latencies_.size() / 2];
      result_.p99_us = latencies_[latencies_.size() * 99 / 100];
      result_.max_us = latencies_.back();
    }
    std::ofstream out(options_.result_file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(&result_), sizeof result_);
    for (std::uint64_t i = 0; i < next_ - options_.first; ++i) out.put(answered_[i] ? '1' : '0');
  }

 private:
  struct Template {
    std::string text;
    std::size_t key = 0;
    std::vector<std::size_t> numbers;
  };
  struct Connection {
    int fd = -1;
    std::uint64_t index = 0;
    Clock::time_point sent;
    std::string in;
  };

  void trouble(std::string_view text) {
    if (result_.trouble[0] == 0) text.copy(result_.trouble.data(), result_.trouble.size() - 1);
  }

  void connect() {
    Connection c;
    c.fd = connected(options_.socket);
    if (c.fd < 0) throw std::runtime_error("connect " + options_.socket + ": " + std::strerror(errno));
    epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(connections_.size())}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    connections_.push_back(std::move(c));
    ++open_;
  }

  void close(Connection& c) {
    ::close(c.fd);
    c.fd = -1;
    --open_;
  }

  static constexpr int kPatienceMs = 10'000;
  static volatile std::sig_atomic_t& stop_asked() {
    static volatile std::sig_atomic_t asked = 0;
    return asked;
  }
  Clock::time_point due(std::uint64_t index) const {
    return start_ + std::chrono::microseconds((index - options_.first) * 1'000'000 /
                                              static_cast<std::uint64_t>(options_.per_second));
  }
  /// Sends what is due as far as connections are free. returns  ms until the next look; -1: all sent and answered
  int send_due() {
    for (;;) {
      const bool over = stop_asked() != 0 || next_ >= options_.first + options_.most || due(next_) >= end_;
      if (over) return idle_.size() == connections_.size() ? -1 : kPatienceMs;
      if (idle_.empty()) return kPatienceMs;
      const auto left = due(next_) - Clock::now();
      if (left > Clock::duration::zero())
        return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
      Connection& c = *idle_.back();
      idle_.pop_back();
      const auto when = due(next_);
      send_next(c);
      c.sent = when;
    }
  }

  void send_next(Connection& c) {
    const bool begun = c.sent != Clock::time_point{};  // one request of each at least, however short the time
    if (next_ >= options_.first + options_.most || (begun && Clock::now() >= end_)) return close(c);
    c.index = next_++;
    Template& t = templates_[c.index % templates_.size()];
    random_key(options_.seed, c.index).copy(t.text.data() + t.key, 32);
    const std::string number = blue_number(c.index);
    for (const auto at : t.numbers) number.copy(t.text.data() + at, number.size());
    c.sent = Clock::now();
    // 2 KB always fit into an empty socket buffer.
    if (::send(c.fd, t.text.data(), t.text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(t.text.size())) close(c);
  }

  void read(Connection& c) {
    std::array<char, 16384> buffer;  // NOLINT: filled by recv
    const ssize_t n = ::recv(c.fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return close(c);  // the kill at the end of a run arrives here
    c.in.append(buffer.data(), static_cast<std::size_t>(n));
    const auto head = c.in.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const auto length_at = c.in.find("Content-Length: ");
    std::size_t length = 0;
    if (length_at < head) std::from_chars(c.in.data() + length_at + 16, c.in.data() + head, length);
    if (c.in.size() < head + 4 + length) return;
    last_answer_ = Clock::now();
    const bool good = c.in.compare(9, 3, "201") == 0 || c.in.compare(9, 3, "200") == 0;
    if (good) {
      ++result_.answered;
      answered_[c.index - options_.first] = true;
      latencies_.push_back(static_cast<std::uint32_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(last_answer_ - c.sent).count()));
    } else {
      ++result_.unexpected;
      trouble(c.in);
    }
    c.in.clear();
    if (options_.per_second > 0)
      idle_.push_back(&c);
    else
      send_next(c);
  }

  LoadOptions options_;
  LoadResult result_;
  std::array<Template, 3> templates_;
  std::deque<Connection> connections_;
  std::vector<Connection*> idle_;
  Clock::time_point start_;
  int epoll_ = -1, open_ = 0;
  std::uint64_t next_ = 0;
  Clock::time_point end_, last_answer_ = Clock::now();
  std::vector<bool> answered_;
  std::vector<std::uint32_t> latencies_;
};

}  // namespace taxgate::bench
