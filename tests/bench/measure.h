#pragma once
// What every benchmark needs: medians, a process's own account of itself in /proc, a directory on a real disk, and one
// form of output. Header only, because each benchmark is one program of one source file. Thread: one.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/error.h"

namespace taxgate::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class T>
T take(Result<T> result, const std::string& what) {
  if (!result)
    throw std::runtime_error(
        fmt::format("{}: {} {} {}", what, result.error().id, result.error().field, result.error().detail));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// User and system seconds a process has used. 0 when it is gone. source  proc(5), stat fields 14 and 15
inline double cpu_seconds(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 2));
  std::string skip;
  for (int field = 3; field < 14; ++field) fields >> skip;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

inline double rss_mb(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024;
  return 0;
}

/// Times any thread of the process went to sleep and came back: one is one wake-up.
inline long wake_ups(pid_t pid) {
  long sum = 0;
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), ignored)) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("voluntary_ctxt_switches:")) sum += std::atol(line.c_str() + 24);
  }
  return sum;
}

/// A private directory on a disk, removed at the end. A memory file system would make every flush free.
class DiskDirectory {
 public:
  DiskDirectory() {
    const char* wanted = std::getenv("TAXGATE_BENCH_DIR");
    // Not below the tree: a Unix socket's path is at most 107 bytes.
    path_ = std::string(wanted != nullptr ? wanted : "/var/tmp") + "/taxgate-bench-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("cannot make " + path_ + "; set TAXGATE_BENCH_DIR");
    struct statfs facts{};
    constexpr long kTmpfs = 0x01021994, kRamfs = 0x858458f6;
    if (::statfs(path_.c_str(), &facts) == 0 && (facts.f_type == kTmpfs || facts.f_type == kRamfs)) {
      std::filesystem::remove(path_);
      throw std::runtime_error(path_ + " is in memory; set TAXGATE_BENCH_DIR to a directory on a disk");
    }
  }
  ~DiskDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  DiskDirectory(const DiskDirectory&) = delete;
  DiskDirectory& operator=(const DiskDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// One result: a line of JSON with the fields every benchmark has, then its own.
struct Row {
  std::string bench, variant, parameters = "{}";  // parameters: a JSON object
  double seconds = 0, cpu_seconds = 0;            // all rounds together
  double min = 0, max = 0;                        // of one round, in the benchmark's unit
  std::size_t rounds = 0;
  double per_second = 0, rss_mb = 0;
  std::uint64_t verified = 0;  // results that were checked and found right
  std::string more;            // further JSON members, each with a leading comma

  void print_json() const {
    fmt::print(
        "{{\"bench\":\"{}\",\"variant\":\"{}\",\"parameters\":{},\"seconds\":{:.4f},\"cpu_seconds\":{:.4f},\"min\":{:."
        "4f},"
        "\"max\":{:.4f},\"rounds\":{},\"per_second\":{:.1f},\"rss_mb\":{:.1f},\"verified\":{}{}}}\n",
        bench, variant, parameters, seconds, cpu_seconds, min, max, rounds, per_second, rss_mb, verified, more);
  }
};

inline bool has_flag(int argc, char** argv, std::string_view flag) {
  return std::any_of(argv + 1, argv + argc, [&](const char* a) { return flag == a; });
}
inline long number_option(int argc, char** argv, std::string_view flag, long when_absent) {
  for (int i = 1; i + 1 < argc; ++i)
    if (flag == argv[i]) return std::atol(argv[i + 1]);
  return when_absent;
}

}  // namespace taxgate::bench
