// Doing nothing, and starting. Idle: memory and wake-ups of each process of a running gateway with its default
// intervals (no laboratory mode, nothing accepted). Start: from exec to api.json with 100,000 open submissions in the
// database.
//
//   bench_idle [--json] [--rounds N] [--open N] [--seconds N]
#include <condition_variable>
#include <csignal>
#include <future>
#include <mutex>
#include <thread>

#include "daemon/core/clock.h"
#include "daemon/core/files.h"
#include "simulator/stand/stand.h"
#include "tests/bench/measure.h"
#include "tests/bench/red_input.h"

namespace taxgate::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kSettle = 5s;  // after the start, before anything is counted

std::unique_ptr<simulator::Stand> make_stand(const std::string& directory, bool with_keys) {
  std::filesystem::create_directory(directory);
  simulator::StandOptions options;
  options.directory = directory;
  options.programs = TAXGATE_BIN_DIR;
  options.with_keys = with_keys;
  options.keys = 1;
  // The daemon's own defaults (docs/config.md): the stand's are for hurried tests.
  options.retry_first_ms = 1'000;
  options.retry_max_ms = 300'000;
  options.poll_form_ms = 60'000;
  options.poll_upload_ms = 5'000;
  options.poll_inbox_ms = 300'000;
  return take(simulator::Stand::build(options), "stand");
}

/// taxgated without --lab, as in production. Returns the seconds from exec to its api.json.
double start_taxgated(simulator::Stand& stand, simulator::Child& daemon) {
  const std::string ready = stand.directory() + "/state/api.json";
  std::filesystem::remove(ready);
  const auto begin = Clock::now();
  take(daemon.start({std::string(TAXGATE_BIN_DIR) + "/taxgated", "--config", stand.taxgated_config()}, {},
                    stand.taxgated_log()),
       "taxgated");
  while (!std::filesystem::exists(ready)) {
    if (!daemon.running() || seconds_since(begin) > 60)
      throw std::runtime_error("taxgated does not start; see its log");
    std::this_thread::sleep_for(1ms);
  }
  return seconds_since(begin);
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    std::ifstream status(pid > 0 ? entry.path() / "status" : std::filesystem::path());
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("PPid:") && std::atoi(line.c_str() + 5) == parent) out.push_back(pid);
  }
  return out;
}

void print_idle(bool json, const std::string& name, pid_t pid, double cpu, long woken, int seconds) {
  const double rss = rss_mb(pid);
  if (json)
    Row{.bench = "idle",
        .variant = name,
        .parameters = fmt::format(R"({{"settle_seconds":5,"seconds":{}}})", seconds),
        .seconds = static_cast<double>(seconds),
        .cpu_seconds = cpu,
        .min = static_cast<double>(woken),
        .max = static_cast<double>(woken),
        .rounds = 1,
        .per_second = static_cast<double>(woken) / seconds,
        .rss_mb = rss,
        .verified = rss > 0 ? 1U : 0U,
        .more = fmt::format(R"(,"wake_ups":{})", woken)}
        .print_json();
  else
    fmt::print("{:<16} {:>8.1f} {:>10} {:>12.3f}\n", name, rss, woken, cpu);
}

void idle(bool json, int seconds) {
  DiskDirectory directory;
  auto stand = make_stand(directory.path() + "/s", true);
  take(stand->start_keyd(), "taxgate-keyd");
  simulator::Child taxgated;
  start_taxgated(*stand, taxgated);
  std::this_thread::sleep_for(kSettle);
  struct Process {
    std::string name;
    pid_t pid;
    double cpu = 0;
    long woken = 0;
  };
  std::vector<Process> processes{{"taxgated", taxgated.pid()}, {"taxgate-keyd", stand->keyd().pid()}};
  for (const pid_t pid : children_of(stand->keyd().pid())) {
    processes.push_back({fmt::format("keyd's child {}", processes.size() - 1), pid});
  }
  for (auto& p : processes) p.cpu = cpu_seconds(p.pid), p.woken = wake_ups(p.pid);
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  for (auto& p : processes) p.cpu = cpu_seconds(p.pid) - p.cpu, p.woken = wake_ups(p.pid) - p.woken;
  if (!json) fmt::print("{:<16} {:>8} {:>10} {:>12}\n", "idle", "RSS MB", fmt::format("wakes/{}s", seconds), "CPU s");
  for (const auto& p : processes) print_idle(json, p.name, p.pid, p.cpu, p.woken, seconds);
  if (!json) fmt::print("goal: at most 30 MB a process, no wake-ups\n\n");
  taxgated.stop();
}

/// `count` submissions, each on its own blue invoice, through the store as the daemon would.
void fill(const std::string& path, std::uint64_t count, const std::vector<sample::SampleTaxpayer>& sellers) {
  SystemLegalClock clock;
  store::Options options;
  options.path = path;
  options.clock = &clock;
  auto store = take(store::Store::open(std::move(options)), "store");
  const LegalTime issued_at = clock.now().plus_ms(-48 * LegalTime::kHourMs);
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t waiting = 0, failed = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Invoice blue = blue_invoice(i, sellers, issued_at);
    auto sub = accepted_form(blue, random_key(1, i));
    sub.deadline = clock.now().next_month();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting < 4096; });
    ++waiting;
    lock.unlock();
    store->accept(std::move(sub), {"bench", {"submitter"}, {}}, {blue}, [&](Result<store::Accepted> done) {
      const std::lock_guard guard(mutex);
      --waiting;
      if (!done || done->outcome != store::AcceptOutcome::created) ++failed;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return waiting == 0; });
  if (failed != 0) throw std::runtime_error(fmt::format("{} submissions were not stored", failed));
}

void start(bool json, int rounds, std::uint64_t count) {
  DiskDirectory directory;
  auto stand = make_stand(directory.path() + "/s", false);
  take(make_private_directory(stand->directory() + "/state"), "state directory");
  fill(stand->database(), count, stand->options().taxpayers);
  std::vector<double> times;
  double cpu = 0, total = 0, rss = 0;
  std::uint64_t counted = 0;
  for (int round = 0; round < rounds; ++round) {
    simulator::Child taxgated;
    times.push_back(start_taxgated(*stand, taxgated));
    total += times.back();
    cpu += cpu_seconds(taxgated.pid());
    rss = std::max(rss, rss_mb(taxgated.pid()));
    if (round + 1 == rounds) {  // every one of them is there
      const auto status = take(stand->call<api::v1::Status>("GET", "/v1/status"), "status");
      for (const auto& state : status.states()) counted += state.count();
      if (counted != count)
        throw std::runtime_error(fmt::format("{} submissions stored, {} seen after the start", count, counted));
    }
    if (!taxgated.stop(20s)) throw std::runtime_error("taxgated does not stop");
  }
  const auto [min, max] = std::minmax_element(times.begin(), times.end());
  if (json) {
    Row{.bench = "start",
        .variant = "open submissions",
        .parameters = fmt::format(R"({{"open":{}}})", count),
        .seconds = total,
        .cpu_seconds = cpu,
        .min = *min,
        .max = *max,
        .rounds = times.size(),
        .per_second = static_cast<double>(count) / median(times),
        .rss_mb = rss,
        .verified = counted,
        .more = fmt::format(R"(,"median_seconds":{:.3f})", median(times))}
        .print_json();
    return;
  }
  fmt::print("start with {} open submissions: median {:.2f} s, {:.2f} to {:.2f} s in {} rounds, {:.0f} MB then\n",
             count, median(times), *min, *max, times.size(), rss);
  fmt::print("goal: at most 1 s from exec to api.json\n");
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  using namespace taxgate::bench;
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const bool json = has_flag(argc, argv, "--json");
    idle(json, static_cast<int>(std::max(1L, number_option(argc, argv, "--seconds", 10))));
    start(json, static_cast<int>(std::max(1L, number_option(argc, argv, "--rounds", 5))),
          static_cast<std::uint64_t>(std::max(1L, number_option(argc, argv, "--open", 100'000))));
    return 0;
  } catch (const std::exception& problem) {
    fmt::print(stderr, "bench idle: {}\n", problem.what());
    return 1;
  }
}
