#include "tests/unit/daemon/store/power_loss_vfs.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>

namespace taxgate::store {
namespace {

constexpr std::size_t kSector = 512;

PowerLossVfs* g_vfs = nullptr;  // SQLite's callbacks carry no context of ours when a file is opened
sqlite3_vfs g_table;
sqlite3_vfs* real() { return static_cast<sqlite3_vfs*>(g_table.pAppData); }

/// SQLite allocates this and, behind it, the real VFS's own file.
struct OpenFile {
  sqlite3_file base;
  std::shared_ptr<PowerLossVfs::File>* content;  // nullptr: passed through (temporary files)
  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
OpenFile& as_open(sqlite3_file* f) { return *reinterpret_cast<OpenFile*>(f); }
sqlite3_file* below(sqlite3_file* f) { return as_open(f).below(); }

void write_real(const std::string& path, const PowerLossVfs::Change& c) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (c.truncate)
    (void)!::ftruncate(fd, c.at);
  else
    (void)!::pwrite(fd, c.bytes.data(), c.bytes.size(), c.at);
  ::close(fd);
}

int x_close(sqlite3_file* f) {
  auto& o = as_open(f);
  delete o.content;
  o.content = nullptr;
  return below(f)->pMethods->xClose(below(f));
}

int x_read(sqlite3_file* f, void* out, int n, sqlite3_int64 at) {
  const std::lock_guard lock(g_vfs->mutex());
  if (!g_vfs->on()) return SQLITE_IOERR_READ;
  const auto& now = (*as_open(f).content)->now;
  const auto size = static_cast<sqlite3_int64>(now.size());
  const auto got = static_cast<std::size_t>(std::clamp<sqlite3_int64>(size - at, 0, n));
  if (got > 0) std::memcpy(out, now.data() + at, got);
  if (got == static_cast<std::size_t>(n)) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + got, 0, static_cast<std::size_t>(n) - got);
  return SQLITE_IOERR_SHORT_READ;
}

int x_write(sqlite3_file* f, const void* in, int n, sqlite3_int64 at) {
  const std::lock_guard lock(g_vfs->mutex());
  auto& file = **as_open(f).content;
  const std::string bytes(static_cast<const char*>(in), static_cast<std::size_t>(n));
  // Noted before the power may go, so that a torn piece of the very last write can survive, too.
  if (g_vfs->on()) file.pending.push_back({at, bytes, false});
  if (!g_vfs->event()) return SQLITE_IOERR_WRITE;
  const auto end = static_cast<std::size_t>(at) + bytes.size();
  if (file.now.size() < end) file.now.resize(end, '\0');
  std::copy(bytes.begin(), bytes.end(), file.now.begin() + at);
  return SQLITE_OK;
}

int x_truncate(sqlite3_file* f, sqlite3_int64 size) {
  const std::lock_guard lock(g_vfs->mutex());
  if (!g_vfs->event()) return SQLITE_IOERR_TRUNCATE;
  auto& file = **as_open(f).content;
  file.now.resize(static_cast<std::size_t>(size), '\0');
  file.pending.push_back({size, {}, true});
  return SQLITE_OK;
}

int x_sync(sqlite3_file* f, int) {
  const std::lock_guard lock(g_vfs->mutex());
  if (g_vfs->plan().ignore_flushes) return g_vfs->on() ? SQLITE_OK : SQLITE_IOERR_FSYNC;
  if (!g_vfs->event()) return SQLITE_IOERR_FSYNC;
  g_vfs->flush(**as_open(f).content);
  return SQLITE_OK;
}

int x_size(sqlite3_file* f, sqlite3_int64* size) {
  const std::lock_guard lock(g_vfs->mutex());
  if (!g_vfs->on()) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>((*as_open(f).content)->now.size());
  return SQLITE_OK;
}

int x_lock(sqlite3_file* f, int level) { return below(f)->pMethods->xLock(below(f), level); }
int x_unlock(sqlite3_file* f, int level) { return below(f)->pMethods->xUnlock(below(f), level); }
int x_reserved(sqlite3_file* f, int* out) { return below(f)->pMethods->xCheckReservedLock(below(f), out); }
int x_control(sqlite3_file* f, int op, void* arg) {
  // Hints about the size would change the real file behind our back.
  if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
  return below(f)->pMethods->xFileControl(below(f), op, arg);
}
int x_sector(sqlite3_file*) { return 4096; }
int x_device(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
int x_shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return below(f)->pMethods->xShmMap(below(f), page, size, extend, out);
}
int x_shm_lock(sqlite3_file* f, int at, int n, int flags) {
  return below(f)->pMethods->xShmLock(below(f), at, n, flags);
}
void x_shm_barrier(sqlite3_file* f) { below(f)->pMethods->xShmBarrier(below(f)); }
int x_shm_unmap(sqlite3_file* f, int remove) { return below(f)->pMethods->xShmUnmap(below(f), remove); }

sqlite3_io_methods methods(int version) {
  sqlite3_io_methods m{};
  m.iVersion = version;
  m.xClose = x_close;
  m.xRead = x_read;
  m.xWrite = x_write;
  m.xTruncate = x_truncate;
  m.xSync = x_sync;
  m.xFileSize = x_size;
  m.xLock = x_lock;
  m.xUnlock = x_unlock;
  m.xCheckReservedLock = x_reserved;
  m.xFileControl = x_control;
  m.xSectorSize = x_sector;
  m.xDeviceCharacteristics = x_device;
  m.xShmMap = x_shm_map;
  m.xShmLock = x_shm_lock;
  m.xShmBarrier = x_shm_barrier;
  m.xShmUnmap = x_shm_unmap;
  return m;
}
const sqlite3_io_methods g_with_shm = methods(2), g_without_shm = methods(1);

int x_open(sqlite3_vfs*, const char* path, sqlite3_file* f, int flags, int* out) {
  auto& o = as_open(f);
  std::memset(&o, 0, sizeof(o));
  {
    const std::lock_guard lock(g_vfs->mutex());
    if (!g_vfs->on()) return SQLITE_CANTOPEN;
  }
  const int code = real()->xOpen(real(), path, o.below(), flags, out);
  if (code != SQLITE_OK) return code;
  const std::lock_guard lock(g_vfs->mutex());
  o.content = new std::shared_ptr<PowerLossVfs::File>(g_vfs->file(path == nullptr ? "" : path));
  o.base.pMethods = g_vfs->plan().without_shared_memory ? &g_without_shm : &g_with_shm;
  return SQLITE_OK;
}

int x_delete(sqlite3_vfs*, const char* path, int sync_directory) {
  const std::lock_guard lock(g_vfs->mutex());
  if (!g_vfs->event()) return SQLITE_IOERR_DELETE;
  g_vfs->erase(path, sync_directory != 0 && !g_vfs->plan().ignore_flushes);
  return SQLITE_OK;
}

int x_access(sqlite3_vfs*, const char* path, int flags, int* out) {
  const std::lock_guard lock(g_vfs->mutex());
  if (g_vfs->known_deleted(path)) {
    *out = 0;
    return SQLITE_OK;
  }
  return real()->xAccess(real(), path, flags, out);
}

int x_full(sqlite3_vfs*, const char* path, int n, char* out) { return real()->xFullPathname(real(), path, n, out); }

}  // namespace

PowerLossVfs::PowerLossVfs(Plan plan) : plan_(plan), random_(plan.seed) {
  g_vfs = this;
  sqlite3_vfs* below_vfs = sqlite3_vfs_find(nullptr);
  g_table = *below_vfs;  // time, randomness and the like
  g_table.iVersion = 2;
  g_table.szOsFile = static_cast<int>(sizeof(OpenFile)) + below_vfs->szOsFile;
  g_table.pNext = nullptr;
  g_table.zName = name();
  g_table.pAppData = below_vfs;
  g_table.xOpen = x_open;
  g_table.xDelete = x_delete;
  g_table.xAccess = x_access;
  g_table.xFullPathname = x_full;
  sqlite3_vfs_register(&g_table, 0);
}

PowerLossVfs::~PowerLossVfs() {
  sqlite3_vfs_unregister(&g_table);
  if (!cut_) {  // an orderly end: everything reaches the disk in time
    for (auto& [path, f] : files_) flush(*f);
    for (const auto& path : deleted_) ::unlink(path.c_str());
  }
  g_vfs = nullptr;
}

long PowerLossVfs::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}
bool PowerLossVfs::cut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}

std::shared_ptr<PowerLossVfs::File> PowerLossVfs::file(const std::string& path) {
  auto& f = files_[path];
  if (f) return f;
  f = std::make_shared<File>();
  f->path = path;
  if (std::erase(deleted_, path) != 0) {
    f->pending.push_back({0, {}, true});  // the old content is only gone once this is flushed
  } else {
    std::ifstream in(path, std::ios::binary);
    f->now.assign(std::istreambuf_iterator<char>(in), {});
  }
  return f;
}

bool PowerLossVfs::event() {
  if (cut_) return false;
  if (++events_ == plan_.cut_at) power_off();
  return !cut_;
}

void PowerLossVfs::flush(File& f) {
  for (const auto& c : f.pending) write_real(f.path, c);
  f.pending.clear();
}

void PowerLossVfs::erase(const std::string& path, bool durable) {
  files_.erase(path);
  if (durable)
    ::unlink(path.c_str());
  else
    deleted_.push_back(path);
}

bool PowerLossVfs::known_deleted(const std::string& path) const {
  return std::find(deleted_.begin(), deleted_.end(), path) != deleted_.end() && !files_.contains(path);
}

void PowerLossVfs::power_off() {
  cut_ = true;
  if (plan_.unflushed == Unflushed::forgotten) return;
  for (auto& [path, f] : files_) {
    std::vector<Change> pieces;
    for (const auto& c : f->pending) {
      if (c.truncate) {
        if (random_() % 2 == 0) pieces.push_back(c);
        continue;
      }
      for (std::size_t from = 0; from < c.bytes.size();) {
        // Pieces end at sector borders of the file, not of the write.
        const auto in_sector = (static_cast<std::size_t>(c.at) + from) % kSector;
        const auto n = std::min(kSector - in_sector, c.bytes.size() - from);
        if (random_() % 2 == 0)
          pieces.push_back({c.at + static_cast<std::int64_t>(from), c.bytes.substr(from, n), false});
        from += n;
      }
    }
    for (const auto& piece : pieces) write_real(path, piece);
  }
}

}  // namespace taxgate::store
