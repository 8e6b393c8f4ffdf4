#pragma once
// The one writer thread: it takes what waits, acceptances first, makes one transaction of it, flushes it once, and only
// then answers everybody. Private to this room.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "daemon/core/limits.h"
#include "daemon/store/checkpointer.h"
#include "daemon/store/session.h"
#include "daemon/store/sm3_batch.h"
#include "daemon/store/store.h"

namespace taxgate::store {

/// One queued write.
class Work {
 public:
  explicit Work(const char* name) : name_(name) {}
  virtual ~Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  const char* name() const { return name_; }  // "accept": the probe's prefix
  /// Before the transaction: digests this write needs, computed for the whole group at once.
  virtual void digests(std::vector<Sm3Job>&) {}
  /// Inside the transaction. May be called again when the group is repeated.
  virtual void run(Session& session) = 0;
  /// True when more slices must follow before finish() (bulk work).
  virtual bool unfinished() const { return false; }
  /// After the commit (failed == nullptr), or when nothing of it was kept.
  virtual void finish(const Error* failed) = 0;

 private:
  const char* name_;
};

class Writer {
 public:
  enum class Lane { accept, normal, bulk };

  /// Takes over an opened, prepared connection; Session::load() was called. All references outlive the writer.
  /// beside  copies the WAL while more comes; nullptr: the writer does all of it
  /// gather  a commit that follows a shared one waits this long for those who come back; another value: tests
  Writer(Connection& db, Session& session, StepProbe probe, std::size_t max_pending, int checkpoint_pages,
         bool bulk_yields, Checkpointer* beside, std::chrono::microseconds gather = limits::kGather);
  /// As stop().
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Any thread. A full queue answers at once, on the calling thread, with limit_reached store.busy.
  void post(Lane lane, std::unique_ptr<Work> work);
  /// All of them under one lock, so that the next commit takes them together.
  void post(Lane lane, std::vector<std::unique_ptr<Work>> works);
  void on_commit(std::function<void(std::int64_t)> callback);
  /// Finishes what waits (bulk work ends with retry_later lane.stopped), then ends the thread. Idempotent. False: the
  /// disk or the file failed under us meanwhile.
  bool stop();

 private:
  using Group = std::vector<std::unique_ptr<Work>>;

  void loop();
  bool wait_for_work(Group& accepts);
  void gather(std::unique_lock<std::mutex>& lock);
  void tell_who_waits();  // with the lock held
  std::unique_ptr<Work> next_other();
  std::unique_ptr<Work> next_bulk();
  /// Runs and commits; on failure nothing of it is kept and the error is returned.
  std::optional<Error> commit(const Group& group);
  void run_group(Group group);
  void finish(Group& group);
  void checkpoint_if_due();
  bool copied_beside(int pages);  // false: it is the writer's turn
  void probe(const char* work, const char* point);

  Connection& db_;
  Session& session_;
  const StepProbe probe_;
  const std::size_t max_pending_;
  const int checkpoint_pages_;
  const bool bulk_yields_;
  Checkpointer* const beside_;
  const std::chrono::microseconds gather_;
  int copied_ = 0;  // WAL pages when the last copy beside us began
  std::function<void(std::int64_t)> on_commit_;
  std::optional<Error> broken_;  // the disk failed under us: nothing more may be promised
  bool full_logged_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Work>> accepts_, others_, bulk_;
  bool stopping_ = false;
  std::size_t last_group_ = 0;                                         // acceptances that shared the last commit
  std::size_t wanted_ = 0;                                             // gathering until so many wait; 0: not gathering
  std::chrono::steady_clock::time_point last_accept_{}, last_bulk_{};  // the second: writer thread only
  std::thread thread_;
};

}  // namespace taxgate::store
