#include "daemon/store/writer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/core/lanes.h"
#include "daemon/core/limits.h"
#include "daemon/core/log.h"

namespace taxgate::store {

using std::chrono::steady_clock;

namespace {
constexpr std::chrono::milliseconds kLately{250};  // since an acceptance: more are to be expected
constexpr int kCopiedByTheWriter = 250;            // WAL pages: 2 MiB, some milliseconds with their flush
// From here on the writer copies the rest itself, however much it is, so that the WAL begins anew below its bound.
constexpr int kCopiedBeside = limits::kCheckpointBusyPages * 3 / 4;
}  // namespace

Writer::Writer(Connection& db, Session& session, StepProbe probe, std::size_t max_pending, int checkpoint_pages,
               bool bulk_yields, Checkpointer* beside, std::chrono::microseconds gather)
    : db_(db),
      session_(session),
      probe_(std::move(probe)),
      max_pending_(max_pending),
      checkpoint_pages_(checkpoint_pages > 0 ? checkpoint_pages : limits::kCheckpointPages),
      bulk_yields_(bulk_yields),
      beside_(beside),
      gather_(gather),
      thread_([this] { loop(); }) {}

Writer::~Writer() { stop(); }

bool Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  return !broken_;
}

void Writer::on_commit(std::function<void(std::int64_t)> callback) {
  const std::lock_guard lock(mutex_);
  on_commit_ = std::move(callback);
}

void Writer::post(Lane lane, std::unique_ptr<Work> work) {
  std::vector<std::unique_ptr<Work>> one;
  one.push_back(std::move(work));
  post(lane, std::move(one));
}

void Writer::post(Lane lane, std::vector<std::unique_ptr<Work>> works) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    auto& queue = lane == Lane::accept ? accepts_ : lane == Lane::normal ? others_ : bulk_;
    const std::size_t bound = lane == Lane::accept ? max_pending_ : limits::kStorePendingBulk;
    for (auto& work : works) {
      if (queue.size() >= bound) break;
      wake = wake || (accepts_.empty() && others_.empty() && bulk_.empty());
      queue.push_back(std::move(work));
    }
    if (wanted_ != 0) wake = lane != Lane::accept || accepts_.size() >= wanted_;
    if (lane == Lane::accept) last_accept_ = steady_clock::now();
    if (lane != Lane::bulk) session_.set_somebody_waits(true);
  }
  if (wake) wake_.notify_one();  // otherwise the writer is awake and looks again before it sleeps
  for (const auto& work : works) {
    if (!work) continue;
    const Error busy{Errc::limit_reached, "store.busy", {}, {}, std::to_string(max_pending_), work->name()};
    work->finish(&busy);
  }
}

bool Writer::wait_for_work(Group& accepts) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !accepts_.empty() || !others_.empty() || !bulk_.empty(); });
  gather(lock);
  while (!accepts_.empty() && accepts.size() < limits::kGroupCommit) {
    accepts.push_back(std::move(accepts_.front()));
    accepts_.pop_front();
  }
  if (!accepts.empty()) last_group_ = accepts.size();
  if (stopping_ && !bulk_.empty()) {
    // Minutes of import must not hold up a stop. What is committed stays; the rest is imported by repeating it.
    const Error stopped{Errc::retry_later, "lane.stopped", {}, {}, {}, "bulk work ended early"};
    const auto ended = std::exchange(bulk_, {});
    lock.unlock();
    for (const auto& work : ended) work->finish(&stopped);
    lock.lock();
  }
  tell_who_waits();
  return !accepts.empty() || !others_.empty() || !bulk_.empty();
}

void Writer::gather(std::unique_lock<std::mutex>& lock) {
  // Callers that were answered together come back together. Who comes just after the flush has begun waits for this one
  // and the next, so a moment is well spent; whoever comes alone is never kept.
  if (accepts_.empty() || last_group_ < limits::kGatherFrom) return;
  wanted_ = std::min(last_group_, limits::kGatherTo);
  wake_.wait_for(lock, gather_,
                 [this] { return stopping_ || !others_.empty() || !bulk_.empty() || accepts_.size() >= wanted_; });
  wanted_ = 0;
}

void Writer::tell_who_waits() {
  // Day work comes every few milliseconds and is answered in one: that nobody waits at this instant says little.
  const bool lately = steady_clock::now() - last_accept_ < kLately;
  session_.set_somebody_waits(bulk_yields_ || lately || !accepts_.empty() || !others_.empty());
}

std::unique_ptr<Work> Writer::next_other() {
  const std::lock_guard lock(mutex_);
  if (others_.empty()) return nullptr;
  auto work = std::move(others_.front());
  others_.pop_front();
  tell_who_waits();
  return work;
}

std::unique_ptr<Work> Writer::next_bulk() {
  const std::lock_guard lock(mutex_);
  if (bulk_.empty()) return nullptr;
  auto work = std::move(bulk_.front());
  bulk_.pop_front();
  return work;
}

void Writer::loop() {
  name_thread("store-writer");
  for (;;) {
    Group group;
    if (!wait_for_work(group)) return;
    run_group(std::move(group));
    checkpoint_if_due();
  }
}

void Writer::probe(const char* work, const char* point) {
  if (probe_) probe_(std::string(work) + "." + point);
}

std::optional<Error> Writer::commit(const Group& group) {
  for (const auto& work : group) probe(work->name(), "before_commit");
  if (session_.commit()) {
    for (const auto& work : group) probe(work->name(), "after_commit");
    return std::nullopt;
  }
  Error error = *db_.failure();
  session_.rollback();
  if (db_.disk_failed() || error.code == Errc::corrupt) broken_ = error;
  db_.clear_failure();
  return error;
}

void Writer::run_group(Group group) {
  if (broken_) {
    while (auto work = next_other()) group.push_back(std::move(work));
    while (auto work = next_bulk()) group.push_back(std::move(work));
    for (const auto& work : group) work->finish(&*broken_);
    return;
  }
  std::vector<Sm3Job> digests;
  for (const auto& work : group) work->digests(digests);
  sm3_batch(digests);
  session_.begin();
  for (const auto& work : group) work->run(session_);
  // The rest shares this flush for as long as it does not hold up the acceptances that arrive meanwhile.
  const auto until = steady_clock::now() + limits::kBulkSlice;
  while (!db_.failure() && group.size() < 2 * limits::kGroupCommit && steady_clock::now() < until) {
    auto work = next_other();
    if (!work) break;
    work->run(session_);
    group.push_back(std::move(work));
  }
  if (!db_.failure() && steady_clock::now() < until) {
    if (auto work = next_bulk()) {
      if (!group.empty()) session_.set_somebody_waits(true);  // for the flush that they share
      work->run(session_);
      last_bulk_ = steady_clock::now();
      group.push_back(std::move(work));
    }
  }
  auto failed = commit(group);
  if (!failed) {
    finish(group);
    return;
  }
  log::write(log::Level::error, *failed);
  const bool hopeless = broken_ || failed->code == Errc::limit_reached || group.size() == 1;
  for (auto& work : group) {
    if (!hopeless && !broken_) {
      // One bad row must not take its neighbours down: each once more, alone.
      session_.begin();
      work->run(session_);
      Group alone;
      alone.push_back(std::move(work));
      if (const auto again = commit(alone))
        alone.front()->finish(&*again);
      else
        finish(alone);
    } else {
      work->finish(broken_ ? &*broken_ : &*failed);
    }
  }
}

void Writer::finish(Group& group) {
  const std::int64_t last_seq = session_.next_seq() - 1;
  for (auto& work : group) {
    if (work->unfinished()) {
      const std::lock_guard lock(mutex_);
      bulk_.push_front(std::move(work));
    } else {
      work->finish(nullptr);
    }
  }
  if (on_commit_) on_commit_(last_seq);
}

bool Writer::copied_beside(int pages) {
  if (beside_ == nullptr || beside_->failed()) return false;
  if (beside_->under_way()) return true;
  if (pages - copied_ < kCopiedByTheWriter || pages >= kCopiedBeside) return false;
  copied_ = pages;
  beside_->start();
  return true;
}

void Writer::checkpoint_if_due() {
  const int pages = db_.wal_pages();
  if (pages < copied_) copied_ = 0;  // the WAL was begun anew
  if (pages < checkpoint_pages_ || broken_) return;
  bool lately = false;
  {
    const std::lock_guard lock(mutex_);
    // Somebody waits for an answer; the bound ends this.
    if (!accepts_.empty() && pages < limits::kCheckpointBusyPages) return;
    lately = steady_clock::now() - std::max(last_accept_, last_bulk_) < kLately;
  }
  // While more comes, another thread copies, and the writer only what little is left then: that ends the WAL.
  if (lately && copied_beside(pages)) return;
  probe("checkpoint", "before");
  db_.checkpoint();
  probe("checkpoint", "after");
  if (!db_.failure()) {
    full_logged_ = false;
    return;
  }
  // The commits are safe in the WAL; only the main file could not take them yet.
  if (!std::exchange(full_logged_, true)) log::write(log::Level::error, *db_.failure());
  if (db_.disk_failed()) broken_ = db_.failure();
  db_.clear_failure();
}

}  // namespace taxgate::store
