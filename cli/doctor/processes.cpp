// The running daemons: one of each on one state directory, memory that can be locked, no core dumps.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "cli/doctor/finding.h"
#include "daemon/core/processes.h"

namespace taxgate::doctor {

using namespace proc;
namespace {

// Two pages a secret (protocol/sm.h SecretBytes) and some dozens of secrets.
constexpr std::uint64_t kMemlock = std::uint64_t{1} << 20;

std::vector<Process> daemons() {
  auto all = named("taxgated");
  const auto keyd = named("taxgate-keyd");
  all.insert(all.end(), keyd.begin(), keyd.end());
  return all;
}

bool swap_is_used() {
  std::ifstream swaps("/proc/swaps");
  std::string line;
  std::getline(swaps, line);  // the heading
  return static_cast<bool>(std::getline(swaps, line));
}

}  // namespace

void check_privilege(const Scene&, Findings& out) {
  if (::geteuid() != 0) out.push_back({Severity::note, {Errc::rejected, "doctor.not_root", {}, {}, {}, {}}});
}

void check_two_daemons(const Scene& scene, Findings& out) {
  std::vector<std::string> files;
  if (scene.config) files.push_back(scene.config->state_dir + "/taxgate.db");
  if (scene.keyd) files.push_back(scene.keyd->state_directory + "/signing.log");
  for (const auto& file : files) {
    const auto holders = holders_of(file);
    if (holders.size() > 1)
      out.push_back({Severity::failing, {Errc::rejected, "doctor.two_daemons", file, text(holders), {}, {}}});
  }
}

void check_memory_locks(const Scene&, Findings& out) {
  for (const auto& daemon : daemons()) {
    const auto limit = soft_limit(daemon.pid, "Max locked memory");
    if (!limit || *limit >= kMemlock) continue;
    // Without swap nothing of it can reach a disk.
    out.push_back({swap_is_used() ? Severity::attention : Severity::note,
                   {Errc::limit_reached,
                    "doctor.memlock",
                    text(daemon),
                    fmt::format("{} KiB", *limit >> 10),
                    fmt::format("{} KiB", kMemlock >> 10),
                    {}}});
  }
}

void check_core_dumps(const Scene&, Findings& out) {
  for (const auto& daemon : daemons())
    if (const auto limit = soft_limit(daemon.pid, "Max core file size"); limit && *limit > 0)
      out.push_back({Severity::attention, {Errc::invalid_input, "doctor.core_dumps", text(daemon), {}, "0", {}}});
}

}  // namespace taxgate::doctor
