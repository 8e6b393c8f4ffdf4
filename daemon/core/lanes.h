#pragma once
// A lane: one named thread with a bounded queue, for work that blocks (fsync, SQL, signature checks). Values in, a
// value out: a task owns what it works on and hands its result back by posting to whoever waits.
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/core/limits.h"
#include "protocol/error.h"

namespace taxgate {

class Lane {
 public:
  using Task = std::move_only_function<void()>;

  /// name   shown by ps and gdb (the first 15 characters); also in errors
  /// bound  tasks that may wait
  explicit Lane(std::string name, std::size_t bound = limits::kLaneQueue);
  /// As stop().
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Runs `task` after all tasks posted before it. Any thread; never blocks. A task must not throw.
  /// errors  limit_reached lane.full; retry_later lane.stopped. The task is then destroyed without having run.
  Result<void> post(Task task);
  /// Refuses new tasks, runs those that wait, joins the thread. Idempotent; not from the lane itself.
  void stop();
  /// True on the lane's own thread (for assertions).
  bool on_lane() const { return std::this_thread::get_id() == thread_.get_id(); }
  std::size_t waiting() const;

 private:
  void run();

  const std::string name_;
  const std::size_t bound_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

/// Names the calling thread for ps and gdb (cut to the kernel's 15 characters).
void name_thread(const std::string& name);

}  // namespace taxgate
