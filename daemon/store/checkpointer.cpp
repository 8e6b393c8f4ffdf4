#include "daemon/store/checkpointer.h"

#include "daemon/core/lanes.h"
#include "daemon/core/log.h"

namespace taxgate::store {

std::unique_ptr<Checkpointer> Checkpointer::open(const std::string& path, const std::string& vfs) {
  std::unique_ptr<Checkpointer> made(new Checkpointer);
  Connection& db = made->db_;
  (void)db.open(path, vfs, Connection::Mode::read_write);
  // As the writer's: what is copied is flushed before the WAL may be begun anew. The look at a row opens the WAL.
  db.execute("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0");
  db.value("SELECT value FROM meta");
  if (db.failure()) {
    log::write(log::Level::warning, *db.failure());
    return nullptr;
  }
  made->thread_ = std::thread([self = made.get()] { self->loop(); });
  return made;
}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::start() {
  {
    const std::lock_guard lock(mutex_);
    under_way_ = true;
  }
  wake_.notify_one();
}

void Checkpointer::loop() {
  name_thread("store-copy");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || under_way_; });
    if (stopping_) return;
    lock.unlock();
    db_.checkpoint();
    if (db_.failure()) failed_ = true;
    lock.lock();
    under_way_ = false;
  }
}

}  // namespace taxgate::store
