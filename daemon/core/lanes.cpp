#include "daemon/core/lanes.h"

#include <pthread.h>

#include <utility>

namespace taxgate {

void name_thread(const std::string& name) { ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str()); }

Lane::Lane(std::string name, std::size_t bound) : name_(std::move(name)), bound_(bound), thread_([this] { run(); }) {}

Lane::~Lane() { stop(); }

Result<void> Lane::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(Errc::retry_later, "lane.stopped", name_);
    if (tasks_.size() >= bound_)
      return fail(Errc::limit_reached, "lane.full", name_, std::to_string(tasks_.size()), std::to_string(bound_));
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
  return {};
}

void Lane::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::size_t Lane::waiting() const {
  const std::lock_guard lock(mutex_);
  return tasks_.size();
}

void Lane::run() {
  name_thread(name_);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what the task owns must not outlive it until the next one comes
    lock.lock();
  }
}

}  // namespace taxgate
