// Acceptance: requests a second of the real daemon, each one fully parsed, checked by the rules, looked up by a random
// idempotency key and durable before its answer. Beside it in the same run, round by round: the floor (the same API
// room in this binary, body read, fixed answer), the rival (the same API room, one SQLite commit a request, no
// rules) and the bound (the same API room, the parsed request appended to a preallocated file, one flush for all who
// wait; no rules, no index, no answer of its own). At the end the daemon is killed under load, and every answered key
// must be in the database; the rivals' files must hold what they answered, too, before a rate is printed.
//
//   bench_accept [--json] [--rounds N] [--milliseconds N]
#include <sqlite3.h>

#include <fcntl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "daemon/api/server.h"
#include "daemon/core/clock.h"
#include "daemon/core/files.h"
#include "simulator/stand/stand.h"
#include "tests/bench/blue_ledger.h"
#include "tests/bench/load_client.h"
#include "tests/bench/plain_gateway.h"
#include "tests/bench/program.h"

namespace taxgate::bench {
namespace {

constexpr int kConnections = 64;
// The largest rate the design could reach, so that no round runs out of invoices.
constexpr std::uint64_t kMostPerSecond = 60'000;

// ---- the yardsticks: this program started again
// ----------------------------------------------------------------------

class Sql {
 public:
  explicit Sql(const std::string& path, bool read_only = false) {
    const int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (::sqlite3_open_v2(path.c_str(), &db_, flags, nullptr) != SQLITE_OK) throw std::runtime_error("open " + path);
  }
  ~Sql() { ::sqlite3_close(db_); }
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;
  void run(const char* text) {
    if (::sqlite3_exec(db_, text, nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(::sqlite3_errmsg(db_));
  }
  std::int64_t number(const char* text) {
    sqlite3_stmt* s = prepare(text);
    const std::int64_t out = ::sqlite3_step(s) == SQLITE_ROW ? ::sqlite3_column_int64(s, 0) : -1;
    ::sqlite3_finalize(s);
    return out;
  }
  sqlite3_stmt* prepare(const char* text) {
    sqlite3_stmt* s = nullptr;
    if (::sqlite3_prepare_v2(db_, text, -1, &s, nullptr) != SQLITE_OK) throw std::runtime_error(::sqlite3_errmsg(db_));
    return s;
  }

 private:
  sqlite3* db_ = nullptr;
};

/// What a billing developer writes first: insert with a unique key and a journal row, commit, answer.
class OneCommitEach final : public PlainGateway {
 public:
  explicit OneCommitEach(const std::string& path) : db_(path) {
    db_.run(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE submission(id INTEGER PRIMARY KEY, key TEXT UNIQUE, body BLOB);"
        "CREATE TABLE journal(id INTEGER PRIMARY KEY, submission INTEGER, event TEXT);");
    insert_ = db_.prepare("INSERT INTO submission(key, body) VALUES(?, ?)");
    journal_ = db_.prepare("INSERT INTO journal(submission, event) VALUES(last_insert_rowid(), 'accepted')");
  }
  ~OneCommitEach() override {
    ::sqlite3_finalize(insert_);
    ::sqlite3_finalize(journal_);
  }
  void submit(api::Caller, api::SubmissionBody request, api::Form, api::Reply<api::Submitted> reply) override {
    const std::string body = request->SerializeAsString();
    db_.run("BEGIN IMMEDIATE");
    ::sqlite3_bind_text(insert_, 1, request->idempotency_key().c_str(), -1, SQLITE_STATIC);
    ::sqlite3_bind_blob(insert_, 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
    const bool stored = ::sqlite3_step(insert_) == SQLITE_DONE && ::sqlite3_step(journal_) == SQLITE_DONE;
    ::sqlite3_reset(insert_);
    ::sqlite3_reset(journal_);
    if (!stored) throw std::runtime_error("the rival's insert failed");
    db_.run("COMMIT");
    api::Submitted out{.submission = {}, .created = true};
    out.submission.set_id(request->idempotency_key());
    out.submission.set_kind("red");
    out.submission.set_state("queued");
    reply(std::move(out));
  }

 private:
  Sql db_;
  sqlite3_stmt *insert_ = nullptr, *journal_ = nullptr;
};

/// The least that can be called durable: the parsed request appended to a preallocated file, one flush for whoever
/// waits. No rules, no ledger, no key looked up, no row, a fixed answer: the most that any store behind this API could
/// reach.
class JournalAlone final : public PlainGateway {
 public:
  JournalAlone(const std::string& path, boost::asio::io_context& io)
      : io_(io), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    const std::string zeros(1 << 20, '\0');
    for (off_t at = 0; at < kFile; at += static_cast<off_t>(zeros.size()))
      if (::pwrite(file_.get(), zeros.data(), zeros.size(), at) != static_cast<ssize_t>(zeros.size()))
        throw std::runtime_error("cannot preallocate " + path);
    if (::fsync(file_.get()) != 0) throw std::runtime_error("fsync " + path);
    writer_ = std::jthread([this](const std::stop_token& stop) { write_on(stop); });
  }
  void submit(api::Caller, api::SubmissionBody request, api::Form, api::Reply<api::Submitted> reply) override {
    Waiting one{.bytes = request->SerializeAsString(), .reply = std::move(reply), .answer = {}};
    one.answer.created = true;
    one.answer.submission.set_id(request->idempotency_key());
    one.answer.submission.set_kind("red");
    one.answer.submission.set_state("queued");
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(one));
    if (waiting_.size() == 1) wake_.notify_one();
  }

 private:
  struct Waiting {
    std::string bytes;
    api::Reply<api::Submitted> reply;
    api::Submitted answer;
  };
  static constexpr off_t kFile = 64 << 20;  // begun anew when it is full

  void write_on(const std::stop_token& stop) {
    std::string bytes;
    off_t at = 0;
    while (!stop.stop_requested()) {
      std::vector<Waiting> group;
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
        group.swap(waiting_);
      }
      bytes.clear();
      for (const auto& one : group) bytes += one.bytes;
      if (at + static_cast<off_t>(bytes.size()) > kFile) at = 0;
      if (::pwrite(file_.get(), bytes.data(), bytes.size(), at) != static_cast<ssize_t>(bytes.size()) ||
          ::fdatasync(file_.get()) != 0)
        std::abort();
      at += static_cast<off_t>(bytes.size());
      boost::asio::post(io_, [group = std::move(group)]() mutable {
        for (auto& one : group) one.reply(std::move(one.answer));
      });
    }
  }

  boost::asio::io_context& io_;
  const UniqueFd file_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Waiting> waiting_;
  std::jthread writer_;  // last: ends before what it uses
};

int serve(PlainGateway& gateway, const std::string& socket, boost::asio::io_context& io) {
  boost::asio::signal_set signals(io, SIGTERM);
  signals.async_wait([&](auto, auto) { io.stop(); });
  api::Settings settings;
  settings.socket_path = socket;
  settings.floor = true;
  api::Server server(io, settings, gateway, gateway);
  take(server.start(), "yardstick");
  io.run();
  server.stop();
  return 0;
}

// ---- the measuring side
// ----------------------------------------------------------------------------------------------

struct Contestant {
  std::string name, socket, target;
  pid_t pid = 0;
  std::uint64_t next = 0, answered = 0, measured = 0;  // measured: answered in rounds, without the warm-up
  Row row{};                                           // of_rounds: requests a second
  std::vector<double> p50{}, p99{};
};

class AcceptBench {
 public:
  AcceptBench(std::string self, int rounds, int milliseconds)
      : self_(std::move(self)), rounds_(rounds), milliseconds_(milliseconds) {
    simulator::StandOptions options;
    options.directory = directory_.path() + "/stand";
    std::filesystem::create_directory(options.directory);
    options.programs = TAXGATE_BIN_DIR;
    options.with_keys = false;
    options.poll_inbox_ms = 3'600'000;
    stand_ = take(simulator::Stand::build(options), "stand");
    take(make_private_directory(options.directory + "/state"), "state directory");
    fill();
    take(stand_->start_taxgated(), "taxgated");
    // Accepted work only waits: signing and sending are measured elsewhere.
    for (const auto& taxpayer : stand_->options().taxpayers) {
      api::v1::HoldRequest hold;
      hold.set_taxpayer(taxpayer.party.id);
      hold.set_reason("operator");
      take(stand_->call<api::v1::HoldList>("POST", "/v1/holds", &hold), "hold");
    }
    contestants_.push_back({.name = "floor", .socket = directory_.path() + "/floor", .target = "/bench/floor"});
    contestants_.push_back({.name = "accept", .socket = stand_->api_socket(), .target = "/v1/submissions"});
    contestants_.push_back(
        {.name = "one commit a request", .socket = directory_.path() + "/rival", .target = "/v1/submissions"});
    contestants_.push_back(
        {.name = "a journal alone", .socket = directory_.path() + "/journal", .target = "/v1/submissions"});
    start(floor_, {"--floor-server", contestants_[0].socket});
    start(journal_, {"--journal-server", contestants_[3].socket, directory_.path() + "/journal.bytes"});
    start(rival_, {"--rival-server", contestants_[2].socket, directory_.path() + "/rival.db"});
    contestants_[0].pid = floor_.pid();
    contestants_[1].pid = stand_->taxgated().pid();
    contestants_[2].pid = rival_.pid();
    contestants_[3].pid = journal_.pid();
    for (const auto& c : contestants_) wait_for(c.socket);
    Sql db(stand_->database(), true);
    commits_before_ = db.number("SELECT count(*) FROM chain");
  }

  void run() {
    for (auto& c : contestants_) load(c, milliseconds_ / 2, false);  // warms caches, allocators and the file's tail
    for (int round = 0; round < rounds_; ++round)
      for (auto& c : contestants_) load(c, milliseconds_, true);
    check_rival();
    check_journal();
    kill_and_recount();
    contestants_[0].row.checked = contestants_[0].answered;  // a fixed answer: that it came is all there is
  }

  void print(bool json) {
    const double floor = contestants_[0].row.middle(), rival = contestants_[2].row.middle();
    if (!json)
      fmt::print("{:<22} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>7}\n", "accept (req/s)", "median", "min", "max",
                 "% floor", "p50 ms", "p99 ms", "µs CPU", "RSS MB");
    for (auto& c : contestants_) {
      Row& row = c.row;
      row.bench = "accept";
      row.variant = c.name;
      row.parameters = fmt::format(R"({{"connections":{},"body_bytes":{},"keys":"random","door":"unix"}})",
                                   kConnections, body_bytes_);
      row.unit = "requests a second";
      row.per_second = row.middle();
      row.more = fmt::format(R"(,"p50_ms":{:.2f},"p99_ms":{:.2f},"percent_of_floor":{:.1f})", median(c.p50),
                             median(c.p99), 100 * row.middle() / floor);
      if (c.name == "accept")
        row.more += fmt::format(R"(,"over_rival":{:.1f},"answered":{},"commits":{})", row.middle() / rival,
                                all_answered_, commits_);
      if (json)
        row.print_json();
      else
        fmt::print("{:<22} {:>9.0f} {:>9.0f} {:>9.0f} {:>8.1f} {:>8.2f} {:>8.2f} {:>9.1f} {:>7.1f}\n", c.name,
                   row.middle(), row.least(), row.most(), 100 * row.middle() / floor, median(c.p50), median(c.p99),
                   1e6 * row.cpu_seconds / static_cast<double>(c.measured), row.rss_mb);
    }
    if (json) return;
    const double accept = contestants_[1].row.middle(), bound = contestants_[3].row.middle();
    fmt::print(
        "goal: at least 40 % of the floor, p99 at most 10 ms, 6 times one commit a request; here {:.0f} %, {:.1f} ms, "
        "{:.1f} times\n",
        100 * accept / floor, median(contestants_[1].p99), accept / rival);
    fmt::print(
        "a journal alone, without rules, index and answers, reaches {:.0f} % of the floor: {:.0f} % of that here\n",
        100 * bound / floor, 100 * accept / bound);
    fmt::print(
        "killed under load and reopened: {} answered, {} of them found, {} found that were never answered (in flight "
        "at the kill)\n",
        all_answered_, recounted_, in_flight_);
    fmt::print(
        "{} commits, each one fdatasync of the WAL (counted by their digests in the file): {:.0f} requests a flush\n",
        commits_, static_cast<double>(all_answered_) / static_cast<double>(std::max<std::int64_t>(commits_, 1)));
  }

 private:
  void start(simulator::Child& child, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), self_);
    take(child.start(arguments, {}, directory_.path() + "/yardsticks.log"), "yardstick");
  }

  /// Until somebody takes connections there: the file is there a moment before.
  static void wait_for(const std::string& socket) {
    for (const auto until = Clock::now() + std::chrono::seconds(20); Clock::now() < until;
         std::this_thread::sleep_for(std::chrono::milliseconds(5)))
      if (UniqueFd(connected(socket)).get() >= 0) return;
    throw std::runtime_error("no answer at " + socket);
  }
  std::string said() const {
    const std::string all = read_file(directory_.path() + "/yardsticks.log", std::size_t{1} << 20U).value_or("");
    constexpr std::size_t kShown = 400;
    return all.substr(all.size() - std::min(all.size(), kShown));
  }

  std::unique_ptr<store::Store> open_store(const LegalClock& clock) const {
    store::Options options;
    options.path = stand_->database();
    options.clock = &clock;
    return take(store::Store::open(std::move(options)), "database");
  }

  /// The ledger's blue invoices, one for each request, straight into the file.
  void fill() {
    SystemLegalClock clock;
    auto store = open_store(clock);
    // Warm-up, rounds, and the one that ends in the kill.
    const auto wanted =
        static_cast<std::uint64_t>(rounds_ + 2) * kMostPerSecond * static_cast<std::uint64_t>(milliseconds_) / 1000;
    fill_ledger(*store, wanted, stand_->options().taxpayers, clock.now());
    invoices_ = wanted;
  }

  std::int64_t last_journal_row() const {
    return Sql(stand_->database(), true).number("SELECT max(last_seq) FROM chain");
  }

  /// kill_after_ms  0: not at all; otherwise so long after the first request was stored
  LoadResult client(const Contestant& c, int milliseconds, std::vector<bool>& answered, int kill_after_ms = 0) {
    const std::string file = directory_.path() + "/round";
    std::filesystem::remove(file);
    simulator::Child child;
    const std::int64_t journal_row = last_journal_row();
    const std::uint64_t most = c.name == "accept" ? invoices_ - c.next : kMostPerSecond * 4;
    start(child,
          {"--client", c.socket, c.target, file, "--seed", std::to_string(seed_), "--first", std::to_string(c.next),
           "--most", std::to_string(most), "--milliseconds", std::to_string(milliseconds)});
    if (kill_after_ms > 0) {
      for (const auto until = Clock::now() + std::chrono::seconds(20); last_journal_row() == journal_row;
           std::this_thread::sleep_for(std::chrono::milliseconds(2)))
        if (Clock::now() > until) throw std::runtime_error("no request arrives");
      std::this_thread::sleep_for(std::chrono::milliseconds(kill_after_ms));
      stand_->taxgated().kill();
    }
    if (!child.wait(std::chrono::milliseconds(milliseconds) + std::chrono::seconds(30)))
      throw std::runtime_error("the load client hangs");
    LoadResult result;
    std::ifstream in(file, std::ios::binary);
    if (!in.read(reinterpret_cast<char*>(&result), sizeof result))
      throw std::runtime_error("no result of the load client: " + said());
    for (char mark = 0; in.get(mark);) answered.push_back(mark == '1');
    if (result.unexpected > 0)
      throw std::runtime_error(
          fmt::format("{}: {} requests failed: {}", c.name, result.unexpected, result.trouble.data()));
    return result;
  }

  void load(Contestant& c, int milliseconds, bool counts) {
    const double cpu = cpu_seconds(c.pid);
    std::vector<bool> answered;
    const auto result = client(c, milliseconds, answered);
    if (result.answered == 0) throw std::runtime_error(c.name + ": nothing was answered " + result.trouble.data());
    if (c.name == "accept") remember(c.next, answered);
    c.next = result.next;
    body_bytes_ = result.body_bytes;
    c.answered += result.answered;
    if (!counts) return;
    c.measured += result.answered;
    c.row.cpu_seconds += cpu_seconds(c.pid) - cpu;
    c.row.seconds += result.seconds;
    c.row.rss_mb = rss_mb(c.pid);
    c.row.of_rounds.push_back(static_cast<double>(result.answered) / result.seconds);
    c.p50.push_back(result.p50_us / 1000.0);
    c.p99.push_back(result.p99_us / 1000.0);
  }

  void remember(std::uint64_t first, const std::vector<bool>& answered) {
    for (std::size_t i = 0; i < answered.size(); ++i)
      if (answered[i]) promised_.push_back(first + i);
  }

  void check_rival() {
    Sql db(directory_.path() + "/rival.db", true);
    auto& rival = contestants_[2];
    for (const char* query : {"SELECT count(*) FROM journal", "SELECT count(*) FROM submission"})
      rival.row.checked =
          expect_count("the rival's rows", rival.answered, static_cast<std::uint64_t>(db.number(query)));
  }

  /// The file is begun anew when it is full, so the last requests that certainly fit are looked for, each by its key.
  void check_journal() {
    auto& journal = contestants_[3];
    std::ifstream file(directory_.path() + "/journal.bytes", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::unordered_set<std::string_view> keys;
    constexpr std::size_t kKey = 32;  // hexadecimal digits after the length byte, which is none
    for (std::size_t at = 0; at < bytes.size();) {
      const auto end = std::min(bytes.find_first_not_of("0123456789abcdef", at), bytes.size());
      if (end - at >= kKey) keys.insert(std::string_view(bytes).substr(at, kKey));
      at = end + 1;
    }
    constexpr std::uint64_t kLast = 10'000;
    const std::uint64_t from = journal.next - std::min(journal.next, kLast);
    Tally tally("a journal alone", journal.next - from);
    for (std::uint64_t i = from; i < journal.next; ++i)
      if (keys.contains(random_key(seed_, i))) tally.saw(i - from, true);
    tally.whole();
    journal.row.checked = journal.next - from;
  }

  void kill_and_recount() {
    auto& accept = contestants_[1];
    std::vector<bool> answered;
    constexpr int kUntilTheKill = 20'000;  // the load ends because nobody answers any more
    client(accept, kUntilTheKill, answered, milliseconds_ / 2);
    remember(accept.next, answered);
    all_answered_ = promised_.size();
    SystemLegalClock clock;
    auto store = open_store(clock);
    take(store->verify_chain(), "the chain after the kill");
    auto reader = take(store->reader(), "reader");
    std::unordered_set<std::string> found;
    std::size_t rows = 0;
    for (std::int64_t after = 0;;) {
      store::SubmissionFilter filter;
      filter.after_seq = after;
      filter.limit = 1000;
      const auto page = take(reader->submissions(filter), "recount");
      for (const auto& sub : page) {
        after = std::max(after, sub.seq);
        found.insert(sub.idempotency_key);
      }
      rows += page.size();
      if (page.size() < 1000) break;
    }
    if (found.size() != rows) throw std::runtime_error("a key was accepted twice");
    for (const auto index : promised_) recounted_ += found.count(random_key(seed_, index));
    in_flight_ = rows - recounted_;
    accept.row.checked = expect_count("LOST: answered, and in the database after the kill", all_answered_, recounted_);
    if (in_flight_ > kConnections) throw std::runtime_error("more rows than requests");
    Sql db(stand_->database(), true);
    commits_ = db.number("SELECT count(*) FROM chain") - commits_before_;
  }

  const std::string self_;
  const int rounds_, milliseconds_;
  const std::uint64_t seed_ = 20260101;
  DiskDirectory directory_;
  std::unique_ptr<simulator::Stand> stand_;
  simulator::Child floor_, rival_, journal_;
  std::vector<Contestant> contestants_;
  std::vector<std::uint64_t> promised_;
  std::uint64_t invoices_ = 0, all_answered_ = 0, recounted_ = 0, in_flight_ = 0;
  std::int64_t commits_before_ = 0, commits_ = 0;
  std::uint32_t body_bytes_ = 0;
};

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  boost::asio::io_context io{1};
  if (mode == "--floor-server" && argc > 2) {
    PlainGateway gateway;
    return serve(gateway, argv[2], io);
  }
  if (mode == "--rival-server" && argc > 3) {
    OneCommitEach gateway(argv[3]);
    return serve(gateway, argv[2], io);
  }
  if (mode == "--journal-server" && argc > 3) {
    JournalAlone gateway(argv[3], io);
    return serve(gateway, argv[2], io);
  }
  if (mode == "--client" && argc > 4) {
    LoadClient({.socket = argv[2],
                .target = argv[3],
                .result_file = argv[4],
                .seed = static_cast<std::uint64_t>(own_argument(argc, argv, "--seed", 1)),
                .first = static_cast<std::uint64_t>(own_argument(argc, argv, "--first", 0)),
                .most = static_cast<std::uint64_t>(own_argument(argc, argv, "--most", 1)),
                .milliseconds = static_cast<int>(own_argument(argc, argv, "--milliseconds", 1000)),
                .connections = kConnections})
        .run();
    return 0;
  }
  int rounds = 5, milliseconds = 1000;
  Program program("accept", "requests a second that are durable before their answer, beside floor, rival and bound");
  program.number("--rounds", rounds, 1, 1000, "rounds of each")
      .number("--milliseconds", milliseconds, 100, 60'000, "of one round");
  return program.run(argc, argv, [&](bool json) {
    AcceptBench bench(std::filesystem::read_symlink("/proc/self/exe").string(), rounds, milliseconds);
    bench.run();
    bench.print(json);
  });
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return taxgate::bench::run(argc, argv);
  } catch (const std::exception& problem) {  // of a yardstick or the client
    fmt::print(stderr, "bench accept: {}\n", problem.what());
    return 1;
  }
}
