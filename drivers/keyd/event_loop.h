#pragma once
// One thread, ppoll(2), file descriptors and deadlines: all the key host needs. Idle means asleep: no periodic tick.
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace taxgate::keyd {

class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  using TimerId = std::pair<Time, std::uint64_t>;

  /// `ready` gets poll's revents. Callbacks may watch, forget and set timers as they like.
  void watch(int fd, short events, std::function<void(short)> ready);
  void change(int fd, short events);
  /// Call before closing the descriptor. No callback of this fd runs afterwards.
  void forget(int fd);

  TimerId at(Time when, std::function<void()> run);
  TimerId after(Clock::duration delay, std::function<void()> run) { return at(Clock::now() + delay, std::move(run)); }
  void cancel(const TimerId& id);

  /// Runs `work` once, after the callbacks of this round: for gathering several events into one action.
  void defer(std::function<void()> work) { deferred_.push_back(std::move(work)); }

  void run();
  void stop() { stopping_ = true; }

 private:
  struct Watch {
    short events = 0;
    std::uint64_t generation = 0;  // a descriptor number may be reused within one round
    std::function<void(short)> ready;
  };
  void run_timers();
  void run_deferred();

  std::map<int, Watch> watches_;
  std::map<TimerId, std::function<void()>> timers_;
  std::vector<std::function<void()>> deferred_;
  std::uint64_t next_ = 0;
  bool stopping_ = false;
};

}  // namespace taxgate::keyd
