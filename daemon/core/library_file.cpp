#include "daemon/core/library_file.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "daemon/core/files.h"

namespace taxgate {
namespace {

/// The part of an ELF header that is the same for 32 and 64 bits.
struct ElfHead {
  std::array<unsigned char, EI_NIDENT> ident;
  std::uint16_t type, machine;
};

std::optional<ElfHead> elf_head(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  ElfHead head{};
  if (!fd || ::read(fd.get(), &head, sizeof head) != static_cast<ssize_t>(sizeof head)) return std::nullopt;
  if (std::memcmp(head.ident.data(), ELFMAG, SELFMAG) != 0) return std::nullopt;
  return head;
}

/// What is wrong with the file as a library for this program; empty: nothing.
std::string unfit(const std::string& path) {
  static constexpr const char* kSelf = "/proc/self/exe";
  const auto head = elf_head(path.c_str()), self = elf_head(kSelf);
  if (!head) return "no ELF file";
  const auto bits = [](const ElfHead& one) { return one.ident[EI_CLASS] == ELFCLASS32 ? 32 : 64; };
  if (self && bits(*head) != bits(*self)) return fmt::format("{} bits, not {}", bits(*head), bits(*self));
  if (self && (head->ident[EI_DATA] != self->ident[EI_DATA] || head->machine != self->machine))
    return fmt::format("ELF machine {}, not {}", head->machine, self->machine);
  if (head->type != ET_DYN) return "no shared library";
  return {};
}

}  // namespace

Result<std::string> check_library_file(const std::string& path) {
  if (path.empty() || path.front() != '/') return fail(Errc::invalid_input, "skf.path", "library", path);
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  struct stat program{}, st{};
  if (!real || ::stat(real.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail(Errc::invalid_input, "skf.missing", "library", path, real ? "no regular file" : std::strerror(errno));
  const uid_t owner = ::stat("/proc/self/exe", &program) == 0 ? program.st_uid : 0;
  for (std::filesystem::path part = real.get();; part = part.parent_path()) {
    if (::stat(part.c_str(), &st) != 0)
      return fail(Errc::invalid_input, "skf.missing", "library", path, std::strerror(errno));
    const bool sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
    if ((st.st_uid != 0 && st.st_uid != owner) || ((st.st_mode & 0022) != 0 && !sticky))
      return fail(Errc::invalid_input, "skf.writable", "library", path, part.string());
    if (part == part.root_path()) break;
  }
  if (auto why = unfit(real.get()); !why.empty())
    return fail(Errc::invalid_input, "skf.elf", "library", path, std::move(why));
  return std::string(real.get());
}

}  // namespace taxgate
