#pragma once
// Who runs on this machine and what they hold, from /proc. What belongs to others is seen by root only.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace taxgate::proc {

struct Process {
  pid_t pid = 0;
  std::string name;  // /proc/PID/comm, or the program's file name where that is readable
};
std::string text(const Process& process);                 // "idle (pid 4711)"
std::string text(const std::vector<Process>& processes);  // the same, with commas

/// Processes that hold one of these files open. Symbolic links are followed; a file that does not exist has no holder.
std::vector<Process> holders_of(const std::string& file);
/// Processes that run code of a library whose file name begins with this (not those that only read the file).
std::vector<Process> users_of_library(std::string_view file_name_prefix);
std::vector<Process> named(std::string_view name);
/// A soft limit of a running process, "Max core file size"; nothing when it cannot be read, UINT64_MAX: unlimited.
std::optional<std::uint64_t> soft_limit(pid_t pid, std::string_view label);

/// First line of a file without its line break; empty when it cannot be read. For sysfs.
std::string line_of(const std::string& file);

}  // namespace taxgate::proc
