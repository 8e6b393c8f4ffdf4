// The whole night: the real taxgated in a process of its own against the virtual platform over TLS, in the platform's
// wire form (HTTPS, Base64, SM4-ECB, JSON with the platform's field names), from the first byte to the applied status.
// What is measured is the processor time of the gateway's process. After each night every status in its database is
// compared with what the platform showed, before a time is printed. Beside it, against the same platform, the script a
// system administrator would write (night_rival.py). With --submissions R billing servers submit meanwhile.
//
//   bench_night [--records N] [--rounds R] [--concurrency C] [--no-rivals] [--submissions PER_SECOND]
//               [--json]
#include <sqlite3.h>
#include <sys/resource.h>
#include <time.h>

#include <csignal>
#include <future>
#include <map>
#include <thread>

#include "daemon/core/files.h"
#include "protocol/invoice_key.h"
#include "protocol/sync.pb.h"
#include "simulator/platform/population.h"
#include "simulator/stand/stand.h"
#include "tests/bench/blue_ledger.h"
#include "tests/bench/load_client.h"

namespace taxgate::bench {
namespace {

using simulator::Population;
using simulator::Stand;

constexpr const char* kDeeds = R"("deduct","book","abnormal","lock")";
const std::vector<simulator::Deed> kDeedList{simulator::Deed::deduct, simulator::Deed::book, simulator::Deed::abnormal,
                                             simulator::Deed::lock};
constexpr double kPercent = 1;
constexpr std::uint64_t kPopulationSeed = 11;
constexpr std::uint64_t kPlainRecords = 20'000;  // half a minute of the script with SM4 in Python

struct Wish {
  std::uint64_t records = 1'000'000;
  int rounds = 3, concurrency = 4;
  int submissions = 0;  // a second
  bool json = false, python = true;
};

struct Night {
  double wall = 0, cpu = 0, rss = 0;
  std::uint64_t records = 0;
};

/// Processor seconds of another process, all threads, to the nanosecond.
double process_cpu(pid_t pid) {
  clockid_t clock{};
  timespec t{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &t) != 0) return 0;
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

class NightBench {
 public:
  NightBench(std::string self, Wish wish) : self_(std::move(self)), wish_(wish) {
    simulator::StandOptions options;
    options.directory = directory_.path() + "/stand";
    std::filesystem::create_directory(options.directory);
    options.programs = TAXGATE_BIN_DIR;
    options.with_keys = false;
    options.answer_ms = 60'000;  // a page is megabytes, and the machine may be shared
    options.connect_ms = 10'000;
    options.poll_inbox_ms = 3'600'000;
    options.sync = fmt::format("at = \"off\"\npoll_ms = 100\ndeep_months = 3\nconcurrency = {}\n", wish.concurrency);
    stand_ = take(Stand::build(options), "stand");
    take(make_private_directory(options.directory + "/state"), "state directory");
    if (wish_.submissions > 0) fill();
    // The month before: of the current one the platform only has what lies before today.
    month_ = stand_->legal_now().plus_ms(-31LL * 24 * LegalTime::kHourMs).platform_text().substr(0, 7);
    populate();
    take(stand_->start_taxgated(), "taxgated");
    if (wish_.submissions > 0) hold();
  }

  /// returns  CPU seconds a million of a night with changes
  double run() {
    row("first load", {night()}, 0);
    std::vector<Night> later, quiet;
    for (int round = 1; round <= wish_.rounds; ++round) {
      change(round);
      later.push_back(night());
      quiet.push_back(night());
    }
    row("1 % changed", later, 0);
    row("nothing changed", quiet, 0);
    if (wish_.python) rival(later);
    if (wish_.submissions > 0) under_load();
    return median_per_million(later);
  }

  /// ours  as run() returned it, perhaps of more records
  void run_plain_script(double ours) {
    const double start = script({"--plain-sm4"}, {}).cpu;
    const auto night = [&] {
      Night n = script({"--plain-sm4"}, taxpayers());
      verify_script(n);
      n.cpu -= start;
      n.rss = 0;  // told of the largest child so far, which was another one
      return n;
    };
    row("script, SM4 in Python: first", {night()}, 0);
    change(1);
    row("script, SM4 in Python: 1 %", {night()}, ours);
  }

 private:
  // ---- the platform, and what it must have shown

  void populate() {
    std::string taxpayers;
    Population::Order order;
    order.seed = kPopulationSeed;
    order.directions = {leqi::Direction::issued, leqi::Direction::received};
    order.types = {"81", "82"};
    order.first_month = order.last_month = *LegalTime::parse(month_ + "-01");
    order.count = wish_.records;
    order.until = stand_->legal_now();
    for (const auto& t : stand_->options().taxpayers) {
      taxpayers +=
          fmt::format(R"({}{{"id":"{}","name":"{}"}})", taxpayers.empty() ? "" : ",", t.party.id, t.party.name);
      order.taxpayers.push_back(t.party);
    }
    control("/population", fmt::format(R"({{"seed":{},"taxpayers":[{}],"from":"{}","to":"{}","count":{}}})",
                                       kPopulationSeed, taxpayers, month_, month_, wish_.records));
    shown_.add(order);  // the same by construction: everything follows from the order
    std::string page;
    simulator::LotWriter writer(listing::Form::json, shown_.lots().front());
    constexpr std::uint64_t kSample = 1000;
    const auto sample = std::min<std::uint64_t>(kSample, shown_.lots().front().status.size());
    for (std::uint64_t i = 0; i < sample; ++i) writer.append(page, i);
    record_bytes_ = page.size() / std::max<std::uint64_t>(sample, 1);
  }

  void change(int seed) {
    control("/population/change", fmt::format(R"({{"seed":{},"percent":{},"what":[{}]}})", seed, kPercent, kDeeds));
    shown_.change({.seed = static_cast<std::uint64_t>(seed), .percent = kPercent, .deeds = kDeedList, .taxpayer = {}});
  }

  void control(const std::string& path, const std::string& body) { take(stand_->control("POST", path, body), path); }

  // ---- one night

  Night night() {
    const Night out = unverified_night();
    verify();
    return out;
  }

  Night unverified_night() {
    const pid_t pid = stand_->taxgated().pid();
    Night out;
    const double cpu = process_cpu(pid);
    const auto start = Clock::now();
    const api::v1::SyncRequest request;
    take(stand_->call<api::v1::SyncStatus>("POST", "/v1/sync", &request), "sync");
    api::v1::SyncStatus status;
    for (;;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(wish_.records >= 1'000'000 ? 100 : 20));
      status = take(stand_->call<api::v1::SyncStatus>("GET", "/v1/sync"), "status");
      if (!status.active() && status.has_run()) break;
    }
    out.wall = seconds_since(start);
    out.cpu = process_cpu(pid) - cpu;
    out.rss = rss_mb(pid);
    out.records = status.run().records();
    if (status.run().state() != "right") throw std::runtime_error("the night is not right: " + status.DebugString());
    return out;
  }

  void verify() const {
    sqlite3* db = nullptr;
    if (::sqlite3_open_v2(stand_->database().c_str(), &db, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK)
      throw std::runtime_error("the database cannot be read");
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> close(db, ::sqlite3_close);
    std::map<std::uint32_t, std::string> ids;
    each(db, "SELECT no, id FROM taxpayer",
         [&](sqlite3_stmt* s) { ids[static_cast<std::uint32_t>(::sqlite3_column_int(s, 0))] = text(s, 1); });
    each(db, "SELECT (SELECT max(seq) FROM change) - (SELECT value FROM meta WHERE name = 'applied_seq')",
         [](sqlite3_stmt* s) {
           if (::sqlite3_column_int64(s, 0) != 0) throw std::runtime_error("not everything is applied");
         });
    std::uint64_t right = 0, rows = 0;
    each(db, "SELECT partition, rest, bits FROM status", [&](sqlite3_stmt* s) {
      const InvoiceKey key{static_cast<std::uint32_t>(::sqlite3_column_int64(s, 0)),
                           static_cast<std::uint64_t>(::sqlite3_column_int64(s, 1))};
      ++rows;
      if (is_right(ids[key.taxpayer()], invoice_number(key), static_cast<std::uint64_t>(::sqlite3_column_int64(s, 2))))
        ++right;
    });
    expect_all("the gateway", rows, right);
  }

  bool is_right(const std::string& taxpayer, const std::string& number, std::uint64_t bits) const {
    const auto place = shown_.find(number);
    if (!place) return false;
    const auto& lot = shown_.lots()[place->lot];
    return lot.taxpayer.id == taxpayer && lot.status[place->i].bits == bits;
  }
  void expect_all(const char* who, std::uint64_t rows, std::uint64_t right) const {
    if (rows != wish_.records || right != rows)
      throw std::runtime_error(fmt::format("{}: {} rows, {} right, {} expected", who, rows, right, wish_.records));
  }

  template <class Row>
  static void each(sqlite3* db, const char* query, Row row) {
    sqlite3_stmt* s = nullptr;
    if (::sqlite3_prepare_v2(db, query, -1, &s, nullptr) != SQLITE_OK) throw std::runtime_error(::sqlite3_errmsg(db));
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> end(s, ::sqlite3_finalize);
    int step = 0;
    while ((step = ::sqlite3_step(s)) == SQLITE_ROW) row(s);
    if (step != SQLITE_DONE) throw std::runtime_error(::sqlite3_errmsg(db));
  }
  static std::string text(sqlite3_stmt* s, int column) {
    const auto* t = ::sqlite3_column_text(s, column);
    return t == nullptr ? std::string() : reinterpret_cast<const char*>(t);
  }

  // ---- the script

  void rival(const std::vector<Night>& ours) {
    std::vector<Night> nights;
    const auto night = [&] {
      nights.push_back(script({}, taxpayers()));
      verify_script(nights.back());
    };
    night();
    row("script, SM4 in C: first load", nights, 0);
    nights.clear();
    constexpr int kSeeds = 1000;  // other changes than the gateway's rounds had
    for (int round = 1; round <= std::max(1, wish_.rounds / 2); ++round) {
      change(kSeeds + round);
      night();
    }
    row("script, SM4 in C: 1 % changed", nights, median_per_million(ours));
  }

  std::vector<std::string> taxpayers() const {
    std::vector<std::string> ids;
    for (const auto& t : stand_->options().taxpayers) ids.push_back(t.party.id);
    return ids;
  }
  std::string script_database() const { return directory_.path() + "/script.db"; }

  Night script(const std::vector<std::string>& options, const std::vector<std::string>& taxpayers) {
    const std::string log = directory_.path() + "/script.log";
    std::vector<std::string> arguments{"/usr/bin/python3",
                                       std::string(TAXGATE_SOURCE_DIR) + "/tests/bench/night_rival.py"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    for (const auto& one : {fmt::format("https://127.0.0.1:{}", stand_->platform().port()),
                            stand_->platform().ca_path(), hex(stand_->platform().sm4_key()), script_database(), month_})
      arguments.push_back(one);
    arguments.insert(arguments.end(), taxpayers.begin(), taxpayers.end());
    rusage before{}, after{};
    ::getrusage(RUSAGE_CHILDREN, &before);
    const auto start = Clock::now();
    simulator::Child child;
    take(child.start(arguments, {}, log), "script");
    constexpr auto kLongest = std::chrono::hours(2);
    if (!child.wait(kLongest) || child.exit_status() != 0)
      throw std::runtime_error("the script failed: " + last_of(log));
    Night out;
    out.wall = seconds_since(start);
    ::getrusage(RUSAGE_CHILDREN, &after);
    out.cpu = seconds(after) - seconds(before);
    out.rss = static_cast<double>(after.ru_maxrss) / 1024;
    return out;
  }

  void verify_script(Night& out) const {
    sqlite3* db = nullptr;
    if (::sqlite3_open_v2(script_database().c_str(), &db, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK)
      throw std::runtime_error("the script's database cannot be read");
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> close(db, ::sqlite3_close);
    std::uint64_t right = 0;
    each(db, "SELECT taxpayer, number, fpzt, hzsdbs, fpyt, rzzt, ycpzzt FROM invoice", [&](sqlite3_stmt* s) {
      PlatformStatus status;
      int column = 2;
      for (const auto field :
           {StatusField::state, StatusField::lock, StatusField::use, StatusField::booking, StatusField::abnormal})
        status.set(field, status_code(text(s, column++)).value_or(0));
      ++out.records;
      if (is_right(text(s, 0), text(s, 1), status.bits)) ++right;
    });
    expect_all("the script", out.records, right);
  }
  static double seconds(const rusage& u) {
    return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
  }
  static std::string last_of(const std::string& file) {
    constexpr std::size_t kShown = 600;
    const std::string all = read_file(file, std::size_t{1} << 20U).value_or("");
    return all.substr(all.size() - std::min(all.size(), kShown));
  }

  // ---- day work meanwhile

  void fill() {
    SystemLegalClock clock;
    store::Options options;
    options.path = stand_->database();
    options.clock = &clock;
    auto store = take(store::Store::open(std::move(options)), "database");
    blues_ = static_cast<std::uint64_t>(wish_.submissions) * kLoadSeconds;
    fill_ledger(*store, blues_, stand_->options().taxpayers, clock.now());
  }
  void hold() {  // accepted work only waits: signing and sending are measured elsewhere
    for (const auto& taxpayer : stand_->options().taxpayers) {
      api::v1::HoldRequest hold;
      hold.set_taxpayer(taxpayer.party.id);
      hold.set_reason("operator");
      take(stand_->call<api::v1::HoldList>("POST", "/v1/holds", &hold), "hold");
    }
  }

  void load(int milliseconds, simulator::Child& child, const std::string& file) {
    std::filesystem::remove(file);
    take(child.start({self_, "--client", stand_->api_socket(), file, "--first", std::to_string(next_), "--most",
                      std::to_string(blues_ - next_), "--milliseconds", std::to_string(milliseconds), "--per-second",
                      std::to_string(wish_.submissions)},
                     {}, directory_.path() + "/client.log"),
         "client");
  }
  LoadResult loaded(simulator::Child& child, const std::string& file) {
    if (!child.wait(std::chrono::seconds(kLoadSeconds))) throw std::runtime_error("the load client hangs");
    LoadResult result;
    std::ifstream in(file, std::ios::binary);
    if (!in.read(reinterpret_cast<char*>(&result), sizeof result)) throw std::runtime_error("no result of the client");
    if (result.unexpected != 0) throw std::runtime_error(std::string("a submission failed: ") + result.trouble.data());
    next_ = result.next;
    return result;
  }

  void under_load() {
    constexpr int kAloneMs = 5'000;
    const std::string file = directory_.path() + "/load";
    {
      simulator::Child client;
      load(kAloneMs, client, file);
      print_load("submissions alone", loaded(client, file), 0);
    }
    std::vector<double> p99;
    for (int round = 1; round <= wish_.rounds; ++round) {
      constexpr int kSeeds = 2000;
      change(kSeeds + round);
      simulator::Child client;
      load(kLoadSeconds * 1000, client, file);  // ended by us when the night is over
      const Night n = unverified_night();
      client.signal(SIGTERM);
      const auto result = loaded(client, file);
      verify();
      print_load("submissions while a night runs", result, n.wall);
      p99.push_back(result.p99_us / 1000.0);
    }
    if (!wish_.json) fmt::print("p99 in the night: median {:.1f} ms (goal: at most 20)\n", median(p99));
  }

  void print_load(const std::string& variant, const LoadResult& r, double night_wall) const {
    if (wish_.json) {
      Row row;
      row.bench = "night";
      row.variant = variant;
      row.parameters = fmt::format("{{\"records\":{},\"asked_per_second\":{}}}", wish_.records, wish_.submissions);
      row.seconds = r.seconds;
      row.rounds = 1;
      row.per_second = static_cast<double>(r.answered) / r.seconds;
      row.verified = r.answered;
      row.more = fmt::format(R"(,"p50_ms":{:.2f},"p99_ms":{:.2f},"max_ms":{:.2f},"night_seconds":{:.2f})",
                             r.p50_us / 1000.0, r.p99_us / 1000.0, r.max_us / 1000.0, night_wall);
      row.print_json();
      return;
    }
    fmt::print("{:<34} {:>6} answered, {:>5.0f}/s  p50 {:>6.2f} ms  p99 {:>6.2f} ms  longest {:>7.1f} ms{}\n", variant,
               r.answered, static_cast<double>(r.answered) / r.seconds, r.p50_us / 1000.0, r.p99_us / 1000.0,
               r.max_us / 1000.0, night_wall > 0 ? fmt::format("  night {:.1f} s", night_wall) : "");
    std::fflush(stdout);
  }

  // ---- output

  static double per_million(const Night& n) { return n.cpu / static_cast<double>(n.records) * 1e6; }
  static double median_per_million(const std::vector<Night>& nights) {
    std::vector<double> all;
    for (const auto& n : nights) all.push_back(per_million(n));
    return median(all);
  }

  void row(const std::string& variant, const std::vector<Night>& nights, double ours) const {
    std::vector<double> wall, per_million;
    double cpu = 0, rss = 0;
    for (const auto& n : nights) {
      wall.push_back(n.wall);
      per_million.push_back(NightBench::per_million(n));
      cpu += n.cpu;
      rss = std::max(rss, n.rss);
    }
    const auto [low, high] = std::ranges::minmax_element(per_million);
    if (wish_.json) {
      Row r;
      r.bench = "night";
      r.variant = variant;
      r.parameters = fmt::format("{{\"records\":{},\"bytes_per_record\":{},\"concurrency\":{}}}", wish_.records,
                                 record_bytes_, wish_.concurrency);
      r.seconds = median(wall);
      r.cpu_seconds = cpu;
      r.min = *low;
      r.max = *high;
      r.rounds = nights.size();
      r.per_second = static_cast<double>(wish_.records) / median(wall);
      r.rss_mb = rss;
      r.verified = wish_.records;
      r.more = fmt::format(",\"cpu_seconds_per_million\":{:.3f}", median(per_million));
      if (ours > 0) r.more += fmt::format(",\"over_ours\":{:.1f}", median_per_million(nights) / ours);
      r.print_json();
      return;
    }
    if (!headed_) {
      headed_ = true;
      fmt::print("{} records of {} bytes JSON, every status compared after each night\n", wish_.records, record_bytes_);
      fmt::print("{:<30} {:>14} {:>17} {:>9} {:>8}\n", "night", "CPU s/million", "(min-max)", "wall s", "RSS MB");
    }
    fmt::print("{:<30} {:>14.3f} {:>17} {:>9.2f} {:>8.0f}{}\n", variant, median(per_million),
               fmt::format("({:.3f}-{:.3f})", *low, *high), median(wall), rss,
               ours > 0 ? fmt::format("  {:.0f} x ours", median_per_million(nights) / ours) : "");
    std::fflush(stdout);
  }

  static constexpr int kLoadSeconds = 300;

  const std::string self_;
  const Wish wish_;
  DiskDirectory directory_;
  std::unique_ptr<Stand> stand_;
  Population shown_;  // what the platform holds, made a second time
  std::string month_;
  std::size_t record_bytes_ = 0;
  std::uint64_t blues_ = 0, next_ = 0;
  mutable bool headed_ = false;
};

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--client" && argc > 3) {
    LoadClient({.socket = argv[2],
                .target = "/v1/submissions",
                .result_file = argv[3],
                .seed = 20260101,
                .first = static_cast<std::uint64_t>(number_option(argc, argv, "--first", 0)),
                .most = static_cast<std::uint64_t>(number_option(argc, argv, "--most", 1)),
                .milliseconds = static_cast<int>(number_option(argc, argv, "--milliseconds", 1000)),
                .per_second = static_cast<int>(number_option(argc, argv, "--per-second", 500))})
        .run();
    return 0;
  }
  Wish wish;
  wish.records = static_cast<std::uint64_t>(std::max(100L, number_option(argc, argv, "--records", 1'000'000)));
  wish.rounds = static_cast<int>(std::max(1L, number_option(argc, argv, "--rounds", 3)));
  wish.concurrency = static_cast<int>(std::max(1L, number_option(argc, argv, "--concurrency", 4)));
  wish.submissions = static_cast<int>(number_option(argc, argv, "--submissions", 0));
  wish.json = has_flag(argc, argv, "--json");
  wish.python = !has_flag(argc, argv, "--no-rivals");
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const double ours = NightBench(self, wish).run();
  if (!wish.python) return 0;
  wish.records = std::min(wish.records, kPlainRecords);
  wish.submissions = 0;
  NightBench(self, wish).run_plain_script(ours);
  return 0;
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return taxgate::bench::run(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "bench night: {}\n", problem.what());
    return 1;
  }
}
