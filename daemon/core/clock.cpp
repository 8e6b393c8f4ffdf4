#include "daemon/core/clock.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "daemon/core/files.h"
#include "daemon/core/limits.h"

namespace taxgate {
namespace {

constexpr std::size_t kFileSize = 8;
static_assert(std::endian::native == std::endian::little, "the offset file is read in place");

std::int64_t wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t bounded(std::int64_t offset) {
  return offset < -limits::kClockOffsetMs || offset > limits::kClockOffsetMs ? 0 : offset;
}

// The writer is another process: plain loads would be a data race the compiler may exploit.
std::int64_t load(const std::int64_t* p) { return bounded(__atomic_load_n(p, __ATOMIC_RELAXED)); }

Result<void*> map(const std::string& path, int flags, int protection) {
  const UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return fail(Errc::invalid_input, "clock.file", path, std::strerror(errno), "a file of 8 bytes");
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return fail(Errc::invalid_input, "clock.file", path, std::strerror(errno));
  if ((flags & O_CREAT) != 0 && st.st_size == 0) {
    if (::ftruncate(fd.get(), kFileSize) != 0)
      return fail(Errc::invalid_input, "clock.file", path, std::strerror(errno));
    st.st_size = kFileSize;
  }
  if (!S_ISREG(st.st_mode) || st.st_size != static_cast<off_t>(kFileSize))
    return fail(Errc::invalid_input, "clock.file", path, std::to_string(st.st_size) + " bytes", "a file of 8 bytes");
  void* p = ::mmap(nullptr, kFileSize, protection, MAP_SHARED, fd.get(), 0);
  if (p == MAP_FAILED) return fail(Errc::invalid_input, "clock.file", path, std::strerror(errno));
  return p;
}

}  // namespace

LegalTime SystemLegalClock::now() const { return {wall_ms()}; }

Result<std::unique_ptr<FileOffsetClock>> FileOffsetClock::open(const std::string& path) {
  const auto p = map(path, O_RDONLY, PROT_READ);
  if (!p) return std::unexpected(p.error());
  return std::unique_ptr<FileOffsetClock>(new FileOffsetClock(static_cast<const std::int64_t*>(*p)));
}
FileOffsetClock::~FileOffsetClock() { ::munmap(const_cast<std::int64_t*>(offset_), kFileSize); }
LegalTime FileOffsetClock::now() const { return {wall_ms() + load(offset_)}; }

Result<std::unique_ptr<ClockFile>> ClockFile::create(const std::string& path) {
  const auto p = map(path, O_RDWR | O_CREAT, PROT_READ | PROT_WRITE);
  if (!p) return std::unexpected(p.error());
  return std::unique_ptr<ClockFile>(new ClockFile(static_cast<std::int64_t*>(*p)));
}
ClockFile::~ClockFile() { ::munmap(offset_, kFileSize); }
LegalTime ClockFile::now() const { return {wall_ms() + offset_ms()}; }
std::int64_t ClockFile::offset_ms() const { return load(offset_); }
void ClockFile::set_offset_ms(std::int64_t ms) { __atomic_store_n(offset_, bounded(ms), __ATOMIC_RELAXED); }
void ClockFile::advance_ms(std::int64_t ms) { __atomic_fetch_add(offset_, ms, __ATOMIC_RELAXED); }

}  // namespace taxgate
