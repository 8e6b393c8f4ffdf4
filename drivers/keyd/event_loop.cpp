#include "drivers/keyd/event_loop.h"

#include <poll.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace taxgate::keyd {

void EventLoop::watch(int fd, short events, std::function<void(short)> ready) {
  watches_[fd] = {events, next_++, std::move(ready)};
}

void EventLoop::change(int fd, short events) {
  const auto found = watches_.find(fd);
  if (found != watches_.end()) found->second.events = events;
}

void EventLoop::forget(int fd) { watches_.erase(fd); }

EventLoop::TimerId EventLoop::at(Time when, std::function<void()> run) {
  const TimerId id{when, next_++};
  timers_.emplace(id, std::move(run));
  return id;
}

void EventLoop::cancel(const TimerId& id) { timers_.erase(id); }

void EventLoop::run_timers() {
  const Time now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto run = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    run();
  }
}

void EventLoop::run_deferred() {
  while (!deferred_.empty()) {
    auto work = std::exchange(deferred_, {});
    for (auto& one : work) one();
  }
}

void EventLoop::run() {
  struct Ready {
    int fd;
    short revents;
    std::uint64_t generation;
  };
  std::vector<pollfd> fds;
  std::vector<Ready> ready;
  while (!stopping_) {
    run_timers();
    run_deferred();
    if (stopping_) return;
    fds.clear();
    for (const auto& [fd, watch] : watches_) fds.push_back({fd, watch.events, 0});
    timespec wait{};
    const bool timed = !timers_.empty();
    if (timed) {
      auto left = timers_.begin()->first.first - Clock::now();
      if (left < Clock::duration::zero()) left = Clock::duration::zero();
      const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
      wait = {ns / 1'000'000'000, ns % 1'000'000'000};
    }
    const int n = ::ppoll(fds.data(), fds.size(), timed ? &wait : nullptr, nullptr);
    if (n < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "ppoll");
    if (n <= 0) continue;
    ready.clear();
    for (const pollfd& entry : fds)
      if (entry.revents != 0) ready.push_back({entry.fd, entry.revents, watches_.at(entry.fd).generation});
    for (const Ready& one : ready) {
      const auto found = watches_.find(one.fd);
      if (found == watches_.end() || found->second.generation != one.generation) continue;
      // A copy: the callback may forget its own descriptor.
      const auto callback = found->second.ready;
      callback(one.revents);
    }
  }
}

}  // namespace taxgate::keyd
