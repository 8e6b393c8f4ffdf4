#pragma once
// The few file operations the key host needs, with their durability spelled out.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace taxgate::keyd {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

/// Ledger records and issuer certificates are far below.
inline constexpr std::size_t kMaxSmallFile = std::size_t{64} * 1024;
/// The whole of a file of at most `most` bytes. error: errno (EFBIG when longer).
std::expected<std::string, int> read_small_file(const std::string& path, std::size_t most = kMaxSmallFile);
/// Writes beside, syncs, renames over and syncs the directory: after a power loss the old or the new content is there.
/// returns 0 or errno
int replace_file_durably(const std::string& path, std::string_view content);
int sync_directory(const std::string& path);  // returns 0 or errno
/// Creates the directory (0700) when missing, parents too. returns 0 or errno
int make_private_directory(const std::string& path);

}  // namespace taxgate::keyd
