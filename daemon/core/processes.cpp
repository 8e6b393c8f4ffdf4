#include "daemon/core/processes.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>

namespace taxgate::proc {
namespace {

namespace fs = std::filesystem;

std::string name_of(const fs::path& directory) {
  std::error_code ignored;
  // comm is cut at 15 characters; the program's own name is better where we may see it.
  auto program = fs::read_symlink(directory / "exe", ignored).filename().string();
  if (const auto cut = program.find(" (deleted)"); cut != std::string::npos) program.resize(cut);
  return program.empty() ? line_of((directory / "comm").string()) : program;
}

std::vector<Process> those_that(const std::function<bool(const fs::path&)>& fits) {
  std::vector<Process> found;
  std::error_code ignored;
  for (fs::directory_iterator entry("/proc", ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    const std::string base = entry->path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(base.data(), base.data() + base.size(), pid).ec != std::errc{} || pid <= 0) continue;
    if (fits(entry->path())) found.push_back({pid, name_of(entry->path())});
  }
  return found;
}

}  // namespace

std::string text(const Process& process) { return fmt::format("{} (pid {})", process.name, process.pid); }
std::string text(const std::vector<Process>& processes) {
  std::string out;
  for (const auto& one : processes) out += (out.empty() ? "" : ", ") + text(one);
  return out;
}

std::vector<Process> holders_of(const std::string& file) {
  struct stat wanted{};
  if (::stat(file.c_str(), &wanted) != 0) return {};
  return those_that([&](const fs::path& process) {
    std::error_code ignored;
    for (fs::directory_iterator fd(process / "fd", ignored), end; !ignored && fd != end; fd.increment(ignored)) {
      struct stat held{};
      if (::stat(fd->path().c_str(), &held) == 0 && held.st_dev == wanted.st_dev && held.st_ino == wanted.st_ino)
        return true;
    }
    return false;
  });
}

std::vector<Process> users_of_library(std::string_view prefix) {
  const std::string wanted = "/" + std::string(prefix);
  return those_that([&](const fs::path& process) {
    std::ifstream maps(process / "maps");
    // "7f…-7f… r-xp … /usr/lib/….so": a linker or a virus scanner maps it as well, but not to run it.
    for (std::string line; std::getline(maps, line);)
      if (const auto rights = line.find(' '); rights != std::string::npos && line.compare(rights + 3, 1, "x") == 0 &&
                                              line.find(wanted) != std::string::npos)
        return true;
    return false;
  });
}

std::vector<Process> named(std::string_view name) {
  return those_that([&](const fs::path& process) { return name_of(process) == name; });
}

std::optional<std::uint64_t> soft_limit(pid_t pid, std::string_view label) {
  std::ifstream limits(fmt::format("/proc/{}/limits", pid));
  for (std::string line; std::getline(limits, line);) {
    if (!line.starts_with(label)) continue;
    const auto at = line.find_first_not_of(' ', label.size());
    if (at == std::string::npos) return std::nullopt;
    if (line.compare(at, 9, "unlimited") == 0) return std::numeric_limits<std::uint64_t>::max();
    std::uint64_t value = 0;
    if (std::from_chars(line.data() + at, line.data() + line.size(), value).ec != std::errc{}) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::string line_of(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace taxgate::proc
