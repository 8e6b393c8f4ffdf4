#pragma once
// What every benchmark needs: medians, a process's own account of itself in /proc, a directory on a real disk, the
// comparison that goes before every time, and one form of output. Header only, because each benchmark is one program of
// one source file. Thread: one.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
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
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Holds what one contestant did against what it had to do: each of `wanted` results once, and right. No time of a
/// contestant is printed before its tally is whole.
class Tally {
 public:
  Tally(std::string who, std::uint64_t wanted) : who_(std::move(who)), seen_(wanted) {}
  /// index  which of the results 0 .. wanted - 1; any other is foreign
  void saw(std::uint64_t index, bool right) {
    if (index >= seen_.size()) {
      ++foreign_;
    } else if (seen_[index]) {
      ++doubled_;
    } else {
      seen_[index] = true;
      ++(right ? right_ : wrong_);
    }
  }
  /// How many results there are, all of them right; throws when one is missing, doubled, wrong or foreign.
  std::uint64_t whole() const {
    if (right_ == seen_.size() && right_ > 0 && doubled_ + foreign_ == 0) return right_;
    throw std::runtime_error(fmt::format("{}: of {} results {} are right, {} wrong, {} missing, {} doubled, {} foreign",
                                         who_, seen_.size(), right_, wrong_, seen_.size() - right_ - wrong_, doubled_,
                                         foreign_));
  }

 private:
  const std::string who_;
  std::vector<bool> seen_;
  std::uint64_t right_ = 0, wrong_ = 0, doubled_ = 0, foreign_ = 0;
};

/// The same where results only have a number: `found` of `wanted`, of which there is at least one.
inline std::uint64_t expect_count(const std::string& who, std::uint64_t wanted, std::uint64_t found) {
  if (found != wanted || wanted == 0) throw std::runtime_error(fmt::format("{}: {} of {} found", who, found, wanted));
  return found;
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

/// This process, all threads, to the nanosecond.
inline double own_cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    std::ifstream status(pid > 0 ? entry.path() / "status" : std::filesystem::path());
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("PPid:") && std::atoi(line.c_str() + 5) == parent) out.push_back(pid);
  }
  return out;
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

/// Where databases lie. Not below the tree: a Unix socket's path is at most 107 bytes.
inline std::string bench_root() {
  const char* wanted = std::getenv("TAXGATE_BENCH_DIR");
  return wanted != nullptr ? wanted : "/var/tmp";
}

/// A private directory on a disk, removed at the end. A memory file system would make every flush free.
class DiskDirectory {
 public:
  DiskDirectory() {
    path_ = bench_root() + "/taxgate-bench-XXXXXX";
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

/// "2 x AMD EPYC 9V74"; without quotes or backslashes.
inline std::string machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  std::erase_if(model, [](char c) { return c == '"' || c == '\\'; });
  return fmt::format("{} x {}", ::sysconf(_SC_NPROCESSORS_ONLN), model);
}

/// What was built, as `./run bench` says; a program started by itself cannot know.
inline std::string commit() {
  const char* known = std::getenv("TAXGATE_BENCH_COMMIT");
  return known != nullptr ? known : "unknown";
}

/// One result: a line of JSON with the fields every benchmark has, then its own.
struct Row {
  std::string bench{}, variant{}, parameters = "{}";  // parameters: a JSON object
  std::string unit{};                                 // of median, min and max
  std::vector<double> of_rounds{};                    // one figure a round
  double seconds = 0, cpu_seconds = 0;                // all rounds together
  double per_second = 0, rss_mb = 0;                  // rss_mb: 0 where nothing of its own stays in memory
  std::uint64_t checked = 0;  // results that were compared and found right, before this is printed
  std::string more{};         // further JSON members, each with a leading comma

  double middle() const { return median(of_rounds); }
  double least() const { return *std::ranges::min_element(of_rounds); }
  double most() const { return *std::ranges::max_element(of_rounds); }

  /// throws  when nothing was measured or compared, or a figure is no number: such a row says nothing
  std::string json() const {
    if (of_rounds.empty() || checked == 0) throw std::runtime_error(variant + ": nothing was measured or compared");
    for (const double figure : {middle(), least(), most(), seconds, cpu_seconds, per_second, rss_mb})
      if (!std::isfinite(figure)) throw std::runtime_error(variant + ": a figure is no number");
    return fmt::format(
        R"({{"bench":"{}","variant":"{}","parameters":{},"unit":"{}","median":{:.6g},"min":{:.6g},"max":{:.6g},)"
        R"("rounds":{},"seconds":{:.6g},"cpu_seconds":{:.6g},"per_second":{:.1f},"rss_mb":{:.1f},"verified":true,)"
        R"("checked":{},"machine":"{}","commit":"{}"{}}})",
        bench, variant, parameters, unit, middle(), least(), most(), of_rounds.size(), seconds, cpu_seconds, per_second,
        rss_mb, checked, machine(), commit(), more);
  }
  void print_json() const {
    fmt::print("{}\n", json());
    std::fflush(stdout);
  }
};

}  // namespace taxgate::bench
