#pragma once
// Copies the WAL into the database beside the writer, on a thread and a connection of its own: the writer goes on
// committing meanwhile. Private to this room.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/store/sql.h"

namespace taxgate::store {

class Checkpointer {
 public:
  /// nullptr: it could not be opened, and the writer does without. errors  are logged
  static std::unique_ptr<Checkpointer> open(const std::string& path, const std::string& vfs);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// Begins a passive checkpoint of what is committed by now. Writer thread.
  void start();
  bool under_way() const { return under_way_; }
  /// A copy failed: the writer's own will meet what is wrong, and says so.
  bool failed() const { return failed_; }

 private:
  Checkpointer() = default;
  void loop();

  Connection db_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::atomic<bool> under_way_{false}, failed_{false};
  std::thread thread_;
};

}  // namespace taxgate::store
