#include "drivers/keyd/pin_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/keyd/files.h"

namespace taxgate::keyd {
namespace {

// GM/T 0016 PINs have at most 16 characters; room for a line end, and one byte more to notice a file that is no PIN.
constexpr std::size_t kMaxPinFile = 64;

}  // namespace

Result<PinSecret> read_pin_file(const std::string& path, const std::string& identity_name) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return fail(Errc::rejected, "key.no_pin", {}, path, {}, std::strerror(errno));
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return fail(Errc::rejected, "key.no_pin", {}, path, {}, std::strerror(errno));
  if ((facts.st_mode & (S_IRWXO)) != 0) return fail(Errc::rejected, "key.pin_file_public", {}, path);

  PinSecret secret{SecretBytes(kMaxPinFile), {}};
  std::size_t size = 0;
  while (size < kMaxPinFile) {
    const ssize_t n = ::read(fd.get(), secret.pin.span().data() + size, kMaxPinFile - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Errc::rejected, "key.no_pin", {}, path, {}, std::strerror(errno));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size == kMaxPinFile) return fail(Errc::rejected, "key.no_pin", {}, path, {}, "longer than a PIN");
  const auto text = secret.pin.view();
  if (size > 0 && text[size - 1] == '\n') --size;
  if (size > 0 && text[size - 1] == '\r') --size;
  if (size == 0) return fail(Errc::rejected, "key.no_pin", {}, path, {}, "empty");
  secret.pin.shrink(size);

  if (!identity_name.empty()) {
    secret.identity.name = identity_name;
  } else {
    secret.identity.device = facts.st_dev;
    secret.identity.inode = facts.st_ino;
    secret.identity.size = static_cast<std::uint64_t>(facts.st_size);
    secret.identity.modified_ns = facts.st_mtim.tv_sec * 1'000'000'000LL + facts.st_mtim.tv_nsec;
  }
  return secret;
}

}  // namespace taxgate::keyd
