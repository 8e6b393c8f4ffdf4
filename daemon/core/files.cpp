#include "daemon/core/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "daemon/core/limits.h"

namespace taxgate {
namespace {

constexpr std::string_view kCredential = "credential:";

std::unexpected<Error> os_error(std::string id, const std::string& path, int error) {
  if (error == ENOSPC || error == EDQUOT)
    return fail(Errc::limit_reached, "store.full", path, {}, {}, std::strerror(error));
  return fail(Errc::invalid_input, std::move(id), path, {}, {}, std::strerror(error));
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_all(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return os_error("file.unwritable", path, n == 0 ? ENOSPC : errno);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<UniqueFd> open_to_read(const std::string& path) {
  // O_NONBLOCK: a FIFO in place of a file must be refused below, not waited for.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return os_error(errno == ENOENT ? "file.missing" : "file.unreadable", path, errno);
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return os_error("file.unreadable", path, errno);
  if (!S_ISREG(st.st_mode)) return fail(Errc::invalid_input, "file.unreadable", path, {}, {}, "not a regular file");
  return fd;
}

// Reads until the end or until `room` is full; returns the number of bytes.
Result<std::size_t> read_into(int fd, const std::string& path, std::uint8_t* at, std::size_t room) {
  std::size_t got = 0;
  while (got < room) {
    const ssize_t n = ::read(fd, at + got, room - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("file.unreadable", path, errno);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<std::string> read_file(const std::string& path, std::size_t max) {
  const auto fd = open_to_read(path);
  if (!fd) return std::unexpected(fd.error());
  struct stat st{};
  if (::fstat(fd->get(), &st) != 0) return os_error("file.unreadable", path, errno);
  if (static_cast<std::size_t>(st.st_size) > max)
    return fail(Errc::invalid_input, "file.too_big", path, std::to_string(st.st_size), std::to_string(max));
  std::string out;
  out.resize(static_cast<std::size_t>(st.st_size));
  const auto n = read_into(fd->get(), path, reinterpret_cast<std::uint8_t*>(out.data()), out.size());
  if (!n) return std::unexpected(n.error());
  out.resize(*n);
  return out;
}

Result<void> write_file_atomic(const std::string& path, std::string_view content, mode_t mode) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return os_error("file.unwritable", path, errno);
  auto written = write_all(fd.get(), path, content);
  if (written && ::fchmod(fd.get(), mode) != 0) written = os_error("file.unwritable", path, errno);
  if (written && ::fsync(fd.get()) != 0) written = os_error("file.unwritable", path, errno);
  fd.reset();
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = os_error("file.unwritable", path, errno);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  // Without this the rename itself may be lost with the power.
  const UniqueFd dir(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) return os_error("file.unwritable", path, errno);
  return {};
}

Result<std::string> secret_path(const std::string& path) {
  if (!path.starts_with(kCredential)) return path;
  const std::string name = path.substr(kCredential.size());
  const char* dir = std::getenv("CREDENTIALS_DIRECTORY");
  if (dir == nullptr || name.empty() || name.find('/') != std::string::npos || name.starts_with('.'))
    return fail(Errc::invalid_input, "secret.no_credentials", path);
  return std::string(dir) + "/" + name;
}

Result<SecretBytes> read_secret(const std::string& path, std::size_t max) {
  const auto file = secret_path(path);
  if (!file) return std::unexpected(file.error());
  const auto fd = open_to_read(*file);
  if (!fd) return std::unexpected(fd.error());
  struct stat st{};
  if (::fstat(fd->get(), &st) != 0) return os_error("file.unreadable", path, errno);
  const bool credential = path.starts_with(kCredential);
  if (!credential) {
    // systemd grants a credential by an access list whose mask shows up as group bits; our own files have no such
    // excuse.
    if ((st.st_mode & 077) != 0) {
      char mode[8];
      std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(st.st_mode & 07777));
      return fail(Errc::invalid_input, "secret.mode", path, mode, "0600");
    }
    if (st.st_uid != 0 && st.st_uid != ::geteuid())
      return fail(Errc::invalid_input, "secret.owner", path, std::to_string(st.st_uid), std::to_string(::geteuid()));
  }
  if (static_cast<std::size_t>(st.st_size) > max)
    return fail(Errc::invalid_input, "file.too_big", path, std::to_string(st.st_size), std::to_string(max));
  if (st.st_size == 0) return fail(Errc::invalid_input, "secret.empty", path);
  SecretBytes secret(static_cast<std::size_t>(st.st_size));
  const auto n = read_into(fd->get(), path, secret.span().data(), secret.size());
  if (!n) return std::unexpected(n.error());
  std::size_t size = *n;
  if (size > 0 && secret.span()[size - 1] == '\n') --size;
  if (size > 0 && secret.span()[size - 1] == '\r') --size;
  if (size == 0) return fail(Errc::invalid_input, "secret.empty", path);
  secret.shrink(size);
  return secret;
}

Result<void> make_private_directory(const std::string& path) {
  std::error_code ec;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, ec);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return os_error("file.unwritable", path, errno);
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return os_error("file.unreadable", path, errno);
  if (!S_ISDIR(st.st_mode)) return fail(Errc::invalid_input, "file.unwritable", path, {}, {}, "not a directory");
  if (st.st_uid != ::geteuid())
    return fail(Errc::invalid_input, "secret.owner", path, std::to_string(st.st_uid), std::to_string(::geteuid()));
  return {};
}

Result<FileLock> FileLock::take(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return os_error("file.unwritable", path, errno);
  // flock, not fcntl: the lock belongs to this descriptor, so a second open in the same process is refused as well.
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return fail(Errc::invalid_input, "lock.taken", path);
    return os_error("file.unwritable", path, errno);
  }
  return FileLock(std::move(fd));
}

}  // namespace taxgate
