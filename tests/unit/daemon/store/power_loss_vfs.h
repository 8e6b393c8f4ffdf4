#pragma once
// A SQLite file system whose power can be cut. The real file holds what has been flushed; everything newer is kept in
// memory, where all connections see it, until a flush carries it over. At the N-th write, flush, cut or delete the
// power goes: that call and all later ones fail, and what was not flushed is forgotten, or survives in random 512-byte
// pieces in any order. Afterwards the real files are exactly what a machine would find when it comes back.
//
// Fault model: a flush that returned is durable, with the file's name; a deletion without a flushed directory may be
// undone; bytes beside the written ones never change (SQLITE_IOCAP_POWERSAFE_OVERWRITE, as on every file system we
// support).
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace taxgate::store {

class PowerLossVfs {
 public:
  enum class Unflushed { forgotten, torn };
  struct Plan {
    long cut_at = 0;  // number of the event that does not happen any more; 0: never
    Unflushed unflushed = Unflushed::forgotten;
    std::uint64_t seed = 0;              // of `torn`
    bool ignore_flushes = false;         // what synchronous=OFF amounts to: SQLite asks for no flush
    bool without_shared_memory = false;  // a file system on which WAL cannot work
  };

  /// Registers the VFS under name(); one at a time.
  explicit PowerLossVfs(Plan plan);
  ~PowerLossVfs();
  PowerLossVfs(const PowerLossVfs&) = delete;
  PowerLossVfs& operator=(const PowerLossVfs&) = delete;

  static const char* name() { return "power-loss"; }
  long events() const;
  bool cut() const;

  // For the C callbacks only.
  struct Change {
    std::int64_t at;
    std::string bytes;
    bool truncate;
  };
  struct File {
    std::string path;
    std::string now;              // what connections see
    std::vector<Change> pending;  // not flushed
  };
  std::shared_ptr<File> file(const std::string& path);
  /// Counts one event. False: the power is, or just went, off.
  bool event();
  bool on() const { return !cut_; }
  void flush(File& file);
  void erase(const std::string& path, bool durable);
  bool known_deleted(const std::string& path) const;
  const Plan& plan() const { return plan_; }
  std::mutex& mutex() { return mutex_; }

 private:
  void power_off();

  const Plan plan_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::vector<std::string> deleted_;
  long events_ = 0;
  bool cut_ = false;
  std::mt19937_64 random_;
};

}  // namespace taxgate::store
