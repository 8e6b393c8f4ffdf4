#pragma once
// Small, careful file work: whole-file reads with a bound, atomic durable writes, secrets, locks, private directories.
// Blocking; any thread.
//
// errors  invalid_input file.missing, file.unreadable, file.too_big, file.unwritable, secret.mode, secret.owner,
//         secret.empty; limit_reached store.full when the disk is full
#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate {

/// Owns one file descriptor; closes it. -1: none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& o) noexcept {
    if (this != &o) reset(std::exchange(o.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The whole file. `max` in bytes.
Result<std::string> read_file(const std::string& path, std::size_t max);

/// Writes a temporary file beside `path`, flushes it, renames it over `path` and flushes the directory: after a crash
/// the old or the new content is there, whole.
Result<void> write_file_atomic(const std::string& path, std::string_view content, mode_t mode = 0600);

/// A secret from a file of ours (owner: this process's user or root; no access for group and others) into locked, wiped
/// memory; one trailing line break is cut. "credential:NAME" reads $CREDENTIALS_DIRECTORY/NAME, whose access systemd
/// guards. Content never appears in an error.
Result<SecretBytes> read_secret(const std::string& path, std::size_t max);
/// "credential:NAME" → the file's path; any other text unchanged. errors  invalid_input secret.no_credentials
Result<std::string> secret_path(const std::string& path);

/// Creates the directory (and missing parents) with mode 0700; an existing one must be ours.
Result<void> make_private_directory(const std::string& path);

/// An advisory lock that the kernel releases when the process ends, however it ends.
class FileLock {
 public:
  FileLock() = default;
  /// Creates `path` (0600) when missing; does not wait. errors  invalid_input lock.taken
  static Result<FileLock> take(const std::string& path);
  bool held() const { return static_cast<bool>(fd_); }

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace taxgate
