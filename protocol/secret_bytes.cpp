// SecretBytes of protocol/sm.h.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "protocol/sm.h"

namespace taxgate {

SecretBytes::SecretBytes(std::size_t size) {
  if (size == 0) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t mapped = (size + page - 1) / page * page;
  void* const at = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "memory for a secret");
  // A secret that might reach the swap or a core file is refused, not kept with less protection.
  if (::mlock(at, mapped) != 0 || ::madvise(at, mapped, MADV_DONTDUMP) != 0) {
    const int error = errno;
    ::munmap(at, mapped);
    throw std::system_error(error, std::generic_category(), "locking memory for a secret (raise LimitMEMLOCK)");
  }
  data_ = static_cast<std::uint8_t*>(at);
  size_ = size;
  mapped_ = mapped;
}

SecretBytes::~SecretBytes() {
  if (data_ == nullptr) return;
  ::explicit_bzero(data_, mapped_);
  ::munmap(data_, mapped_);  // also unlocks
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  SecretBytes taken(std::move(other));  // what we held is wiped by taken's destructor
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  std::swap(mapped_, taken.mapped_);
  return *this;
}

void SecretBytes::shrink(std::size_t size) {
  if (size >= size_) return;
  ::explicit_bzero(data_ + size, size_ - size);
  size_ = size;
}

}  // namespace taxgate
