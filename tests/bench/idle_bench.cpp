// Doing nothing, and starting. Idle: memory and wake-ups of each process of a running gateway with its default
// intervals (no laboratory mode, nothing accepted). Start: from exec to api.json with 100,000 open submissions in the
// database.
//
//   bench_idle [--json] [--rounds N] [--open N] [--settle N] [--seconds N]
#include <condition_variable>
#include <csignal>
#include <future>
#include <mutex>
#include <thread>

#include "daemon/core/clock.h"
#include "daemon/core/files.h"
#include "simulator/stand/stand.h"
#include "tests/bench/program.h"
#include "tests/bench/red_input.h"

namespace taxgate::bench {
namespace {

using namespace std::chrono_literals;

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

std::uint64_t keys_ready(simulator::Stand& stand) {
  const auto list = take(stand.call<api::v1::KeyList>("GET", "/v1/keys"), "keys");
  return static_cast<std::uint64_t>(std::ranges::count(list.keys(), "ready", &api::v1::KeyInfo::state));
}

/// The gateway works and its key is ready: otherwise what was idle is nothing. returns  processes looked at
std::uint64_t check_idle(simulator::Stand& stand, simulator::Child& taxgated, const std::vector<Row>& rows) {
  if (!taxgated.running() || !stand.keyd().running()) throw std::runtime_error("a process ended while it was idle");
  expect_count("keys ready", 1, keys_ready(stand));
  return static_cast<std::uint64_t>(std::ranges::count_if(rows, [](const Row& r) { return r.rss_mb > 0; }));
}

void idle(bool json, int settle, int seconds) {
  DiskDirectory directory;
  auto stand = make_stand(directory.path() + "/s", true);
  take(stand->start_keyd(), "taxgate-keyd");
  simulator::Child taxgated;
  start_taxgated(*stand, taxgated);
  for (const auto until = Clock::now() + 20s; keys_ready(*stand) == 0 && Clock::now() < until;)
    std::this_thread::sleep_for(20ms);
  std::this_thread::sleep_for(std::chrono::seconds(settle));
  std::vector<pid_t> pids{taxgated.pid(), stand->keyd().pid()};
  std::vector<Row> rows{{.variant = "taxgated"}, {.variant = "taxgate-keyd"}};
  for (const pid_t pid : children_of(stand->keyd().pid())) {
    pids.push_back(pid);
    rows.push_back({.variant = fmt::format("keyd's child {}", rows.size() - 1)});
  }
  std::vector<long> woken;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].cpu_seconds = -cpu_seconds(pids[i]);
    woken.push_back(-wake_ups(pids[i]));
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    row.cpu_seconds += cpu_seconds(pids[i]);
    woken[i] += wake_ups(pids[i]);
    row.rss_mb = rss_mb(pids[i]);
    row.bench = "idle";
    row.parameters = fmt::format(R"({{"settle_seconds":{},"seconds":{}}})", settle, seconds);
    row.unit = "wake-ups";
    row.of_rounds = {static_cast<double>(woken[i])};
    row.seconds = seconds;
    row.per_second = row.of_rounds.front() / seconds;
  }
  const std::uint64_t alive = expect_count("processes alive", rows.size(), check_idle(*stand, taxgated, rows));
  if (!json) fmt::print("{:<16} {:>8} {:>10} {:>12}\n", "idle", "RSS MB", fmt::format("wakes/{}s", seconds), "CPU s");
  for (Row& row : rows) {
    row.checked = alive;
    if (json)
      row.print_json();
    else
      fmt::print("{:<16} {:>8.1f} {:>10.0f} {:>12.3f}\n", row.variant, row.rss_mb, row.middle(), row.cpu_seconds);
  }
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
  Row row{.bench = "idle",
          .variant = "start with open submissions",
          .parameters = fmt::format(R"({{"open":{}}})", count),
          .unit = "s"};
  for (int round = 0; round < rounds; ++round) {
    simulator::Child taxgated;
    row.of_rounds.push_back(start_taxgated(*stand, taxgated));
    row.seconds += row.of_rounds.back();
    row.cpu_seconds += cpu_seconds(taxgated.pid());
    row.rss_mb = std::max(row.rss_mb, rss_mb(taxgated.pid()));
    std::uint64_t counted = 0;  // every one of them is there
    const auto status = take(stand->call<api::v1::Status>("GET", "/v1/status"), "status");
    for (const auto& state : status.states()) counted += state.count();
    row.checked += expect_count("submissions seen after the start", count, counted);
    if (!taxgated.stop(20s)) throw std::runtime_error("taxgated does not stop");
  }
  row.per_second = static_cast<double>(count) / row.middle();
  if (json) return row.print_json();
  fmt::print("start with {} open submissions: median {:.2f} s, {:.2f} to {:.2f} s in {} rounds, {:.0f} MB then\n",
             count, row.middle(), row.least(), row.most(), rounds, row.rss_mb);
  fmt::print("goal: at most 1 s from exec to api.json\n");
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  int settle = 5, seconds = 10, rounds = 5;
  std::uint64_t open = 100'000;
  taxgate::bench::Program program("idle", "memory and wake-ups of a gateway with nothing to do; then its start");
  program.number("--settle", settle, 0, 3600, "seconds after the start before anything is counted")
      .number("--seconds", seconds, 1, 86'400, "of doing nothing")
      .number("--rounds", rounds, 1, 1000, "starts")
      .number("--open", open, 1, 10'000'000, "open submissions in the database at the start");
  return program.run(argc, argv, [&](bool json) {
    taxgate::bench::idle(json, settle, seconds);
    taxgate::bench::start(json, rounds, open);
  });
}
