// The whole night: the real taxgated in a process of its own against the virtual platform over TLS, in the platform's
// wire form (HTTPS, Base64, SM4-ECB, JSON with the platform's field names), from the first byte to the applied status.
// What is measured is the processor time of the gateway's process. After each night every status in its database is
// compared with what the platform showed, before a time is printed. Beside it, against the same platform, the script a
// system administrator would write (night_rival.py). With --submissions R billing servers submit meanwhile.
//
//   bench_night [--records N] [--rounds R] [--concurrency C] [--no-rivals] [--json]
//               [--submissions PER_SECOND [--alone SECONDS]]
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
#include "tests/bench/program.h"

namespace taxgate::bench {
namespace {

using simulator::Population;
using simulator::Stand;

constexpr const char* kDeeds = R"("deduct","book","abnormal","lock")";
const std::vector<simulator::Deed> kDeedList{simulator::Deed::deduct, simulator::Deed::book, simulator::Deed::abnormal,
                                             simulator::Deed::lock};
constexpr double kPercent = 1;
constexpr std::uint64_t kPopulationSeed = 11;
constexpr int kLongestAlone = 60;  // the invoices for submissions last for five minutes altogether
// How long we and the script wait before asking again whether a package is ready. A small run would wait most of its
// time.
int poll_ms(std::uint64_t records) { return records >= 100'000 ? 100 : 10; }
constexpr std::uint64_t kPlainRecords = 20'000;  // half a minute of the script with SM4 in Python

struct Wish {
  std::uint64_t records = 1'000'000;
  int rounds = 3, concurrency = 4;
  int submissions = 0;  // a second
  int alone = 5;        // seconds of submissions without a night
  bool json = false, no_rivals = false;
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

/// A database somebody else writes, read only.
class Database {
 public:
  explicit Database(const std::string& path) {
    if (::sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK)
      throw std::runtime_error(path + " cannot be read");
  }
  ~Database() { ::sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  template <class EachRow>
  void each(const char* query, EachRow row) const {
    sqlite3_stmt* s = nullptr;
    if (::sqlite3_prepare_v2(db_, query, -1, &s, nullptr) != SQLITE_OK) throw std::runtime_error(::sqlite3_errmsg(db_));
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> end(s, ::sqlite3_finalize);
    int step = 0;
    while ((step = ::sqlite3_step(s)) == SQLITE_ROW) row(s);
    if (step != SQLITE_DONE) throw std::runtime_error(::sqlite3_errmsg(db_));
  }
  static std::string text(sqlite3_stmt* s, int column) {
    const auto* t = ::sqlite3_column_text(s, column);
    return t == nullptr ? std::string() : reinterpret_cast<const char*>(t);
  }

 private:
  sqlite3* db_ = nullptr;
};

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
    options.sync = fmt::format("at = \"off\"\npoll_ms = {}\ndeep_months = 3\nconcurrency = {}\n", poll_ms(wish.records),
                               wish.concurrency);
    stand_ = take(Stand::build(options), "stand");
    take(make_private_directory(options.directory + "/state"), "state directory");
    if (wish_.submissions > 0) fill();
    // The month before: of the current one the platform only has what lies before today.
    const LegalTime today = stand_->legal_now();
    month_ = today.plus_ms(-today.day() * 24 * LegalTime::kHourMs).platform_text().substr(0, 7);
    populate();
    take(stand_->start_taxgated(), "taxgated");
    if (wish_.submissions > 0) hold();
  }

  /// returns  CPU seconds a million of a night with changes
  double run() {
    if (!wish_.no_rivals) expect_cryptography();
    row("first load", {night()}, 0);
    std::vector<Night> later, quiet;
    for (int round = 1; round <= wish_.rounds; ++round) {
      change(round);
      later.push_back(night());
      quiet.push_back(night());
    }
    row("1 % changed", later, 0);
    row("nothing changed", quiet, 0);
    if (!wish_.no_rivals) rival(later);
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
      if (n.cpu <= 0) throw std::runtime_error("too few records to tell the script's night from its start");
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
    const Database db(stand_->database());
    std::map<std::uint32_t, std::string> ids;
    db.each("SELECT no, id FROM taxpayer", [&](sqlite3_stmt* s) {
      ids[static_cast<std::uint32_t>(::sqlite3_column_int(s, 0))] = Database::text(s, 1);
    });
    db.each("SELECT (SELECT max(seq) FROM change) - (SELECT value FROM meta WHERE name = 'applied_seq')",
            [](sqlite3_stmt* s) {
              if (::sqlite3_column_int64(s, 0) != 0) throw std::runtime_error("not everything is applied");
            });
    Tally tally("the gateway", wish_.records);
    db.each("SELECT partition, rest, bits FROM status", [&](sqlite3_stmt* s) {
      const InvoiceKey key{static_cast<std::uint32_t>(::sqlite3_column_int64(s, 0)),
                           static_cast<std::uint64_t>(::sqlite3_column_int64(s, 1))};
      judge(tally, ids[key.taxpayer()], invoice_number(key), static_cast<std::uint64_t>(::sqlite3_column_int64(s, 2)));
    });
    tally.whole();
  }

  /// One status that somebody has, against what the platform shows.
  void judge(Tally& tally, const std::string& taxpayer, const std::string& number, std::uint64_t bits) const {
    const auto place = shown_.find(number);
    if (!place) return tally.saw(UINT64_MAX, false);
    std::uint64_t index = place->i;
    for (std::size_t i = 0; i < place->lot; ++i) index += shown_.lots()[i].status.size();
    const auto& lot = shown_.lots()[place->lot];
    tally.saw(index, lot.taxpayer.id == taxpayer && lot.status[place->i].bits == bits);
  }

  // ---- the script

  /// Before minutes are spent on our own nights.
  static void expect_cryptography() {
    if (std::system("/usr/bin/python3 -c 'import cryptography' 2>/dev/null") != 0)
      throw std::runtime_error(
          "python3-cryptography is not installed: ./run bench night does, --no-rivals goes without the script");
  }

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
    for (const auto& one :
         {fmt::format("https://127.0.0.1:{}", stand_->platform().port()), stand_->platform().ca_path(),
          hex(stand_->platform().sm4_key()), std::to_string(poll_ms(wish_.records)), script_database(), month_})
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
    const Database db(script_database());
    Tally tally("the script", wish_.records);
    db.each("SELECT taxpayer, number, fpzt, hzsdbs, fpyt, rzzt, ycpzzt FROM invoice", [&](sqlite3_stmt* s) {
      PlatformStatus status;
      int column = 2;
      for (const auto field :
           {StatusField::state, StatusField::lock, StatusField::use, StatusField::booking, StatusField::abnormal})
        status.set(field, status_code(Database::text(s, column++)).value_or(0));
      judge(tally, Database::text(s, 0), Database::text(s, 1), status.bits);
    });
    out.records = tally.whole();
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
    // It is under way, and knows what SIGTERM means, once something of it is stored.
    for (const auto until = Clock::now() + std::chrono::seconds(20); stored() == answered_before_;
         std::this_thread::sleep_for(std::chrono::milliseconds(5)))
      if (Clock::now() > until) throw std::runtime_error("no submission arrives");
  }
  LoadResult loaded(simulator::Child& child, const std::string& file) {
    if (!child.wait(std::chrono::seconds(kLoadSeconds))) throw std::runtime_error("the load client hangs");
    LoadResult result;
    std::ifstream in(file, std::ios::binary);
    if (!in.read(reinterpret_cast<char*>(&result), sizeof result)) throw std::runtime_error("no result of the client");
    if (result.unexpected != 0) throw std::runtime_error(std::string("a submission failed: ") + result.trouble.data());
    next_ = result.next;
    expect_count("submissions answered", next_, result.answered + answered_before_);
    answered_before_ += result.answered;
    // What was answered is in the database, not more and not less.
    expect_count("submissions stored", answered_before_, stored());
    return result;
  }
  std::uint64_t stored() const {
    std::uint64_t rows = 0;
    const Database db(stand_->database());
    db.each("SELECT count(*) FROM submission",
            [&](sqlite3_stmt* s) { rows = static_cast<std::uint64_t>(::sqlite3_column_int64(s, 0)); });
    return rows;
  }

  void under_load() {
    const std::string file = directory_.path() + "/load";
    {
      simulator::Child client;
      load(wish_.alone * 1000, client, file);
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
      Row row{.bench = "night", .variant = variant, .unit = "ms"};
      row.parameters = fmt::format("{{\"records\":{},\"asked_per_second\":{}}}", wish_.records, wish_.submissions);
      row.of_rounds = {r.p99_us / 1000.0};
      row.seconds = r.seconds;
      row.per_second = static_cast<double>(r.answered) / r.seconds;
      row.checked = r.answered;
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
    Row r{.bench = "night", .variant = variant, .unit = "CPU seconds a million"};
    std::vector<double> wall;
    for (const auto& n : nights) {
      r.of_rounds.push_back(per_million(n));
      wall.push_back(n.wall);
      r.seconds += n.wall;
      r.cpu_seconds += n.cpu;
      r.rss_mb = std::max(r.rss_mb, n.rss);
      r.checked += wish_.records;  // or its verification had thrown
    }
    if (wish_.json) {
      r.parameters = fmt::format("{{\"records\":{},\"bytes_per_record\":{},\"concurrency\":{},\"poll_ms\":{}}}",
                                 wish_.records, record_bytes_, wish_.concurrency, poll_ms(wish_.records));
      r.per_second = static_cast<double>(wish_.records) / median(wall);
      r.more = fmt::format(",\"cpu_seconds_per_million\":{:.3f}", r.middle());
      if (ours > 0) r.more += fmt::format(",\"over_ours\":{:.1f}", r.middle() / ours);
      r.print_json();
      return;
    }
    if (!headed_) {
      headed_ = true;
      fmt::print("{} records of {} bytes JSON, every status compared after each night\n", wish_.records, record_bytes_);
      fmt::print("{:<30} {:>14} {:>17} {:>9} {:>8}\n", "night", "CPU s/million", "(min-max)", "wall s", "RSS MB");
    }
    fmt::print("{:<30} {:>14.3f} {:>17} {:>9.2f} {:>8.0f}{}\n", variant, r.middle(),
               fmt::format("({:.3f}-{:.3f})", r.least(), r.most()), median(wall), r.rss_mb,
               ours > 0 ? fmt::format("  {:.0f} x ours", r.middle() / ours) : "");
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
  std::uint64_t blues_ = 0, next_ = 0, answered_before_ = 0;
  mutable bool headed_ = false;
};

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--client" && argc > 3) {
    LoadClient({.socket = argv[2],
                .target = "/v1/submissions",
                .result_file = argv[3],
                .seed = 20260101,
                .first = static_cast<std::uint64_t>(own_argument(argc, argv, "--first", 0)),
                .most = static_cast<std::uint64_t>(own_argument(argc, argv, "--most", 1)),
                .milliseconds = static_cast<int>(own_argument(argc, argv, "--milliseconds", 1000)),
                .per_second = static_cast<int>(own_argument(argc, argv, "--per-second", 500))})
        .run();
    return 0;
  }
  Wish wish;
  Program program("night", "whole nights of the real gateway over TLS, beside the script a sysadmin would write");
  program.number("--records", wish.records, 100, 1'000'000'000, "invoices the platform shows")
      .number("--rounds", wish.rounds, 1, 1000, "nights of each kind")
      .number("--concurrency", wish.concurrency, 1, 64, "windows at once")
      .number("--submissions", wish.submissions, 0, 10'000, "a second while nights run; 0: none")
      .number("--alone", wish.alone, 1, kLongestAlone, "seconds of submissions without a night before")
      .flag("--no-rivals", wish.no_rivals, "without the script");
  return program.run(argc, argv, [&](bool json) {
    wish.json = json;
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    const double ours = NightBench(self, wish).run();
    if (wish.no_rivals) return;
    wish.records = std::min(wish.records, kPlainRecords);
    wish.submissions = 0;
    NightBench(self, wish).run_plain_script(ours);
  });
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return taxgate::bench::run(argc, argv);
  } catch (const std::exception& problem) {  // of the load client
    fmt::print(stderr, "bench night: {}\n", problem.what());
    return 1;
  }
}
