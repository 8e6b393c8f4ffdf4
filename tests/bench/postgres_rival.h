#pragma once
// PostgreSQL as a rival of the night sync: COPY of the whole listing into a staging table, then one MERGE. A private
// cluster in a directory of its own, on a Unix socket only, never as root. Header only, for sync_bench.cpp. Thread:
// one.
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>

#include <glob.h>

#include "tests/bench/sync_rivals.h"

namespace taxgate::bench {

/// Directory of initdb, postgres and psql; empty: not installed.
inline std::string postgres_programs() {
  glob_t found{};
  std::string out;
  if (::glob("/usr/lib/postgresql/*/bin/postgres", 0, nullptr, &found) == 0)
    out = std::filesystem::path(found.gl_pathv[found.gl_pathc - 1]).parent_path();
  ::globfree(&found);
  return out;
}

class PostgresRival : public Rival {
 public:
  explicit PostgresRival(const std::string& programs) : programs_(programs) {
    path_ = bench_root() + "/taxgate-pg-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make " + path_);
    if (::geteuid() == 0) {
      const passwd* user = ::getpwnam("postgres");
      if (user == nullptr) throw std::runtime_error("no user postgres");
      if (::chown(path_.c_str(), user->pw_uid, user->pw_gid) != 0) throw std::runtime_error("chown " + path_);
      as_ = "setpriv --reuid=postgres --regid=postgres --clear-groups ";
    }
    run(as_ + programs_ + "/initdb -D " + path_ +
        "/data -A trust -U postgres --no-locale -E UTF8 --no-sync >/dev/null 2>&1");
    // Durable as it comes; only the memory and the log of a machine of some gigabytes.
    const std::string command = "exec " + as_ + programs_ + "/postgres -D " + path_ + "/data -k " + path_ +
                                " -c listen_addresses='' -c shared_buffers=1GB -c max_wal_size=4GB" +
                                " -c maintenance_work_mem=256MB -c work_mem=256MB >" + path_ + "/log 2>&1";
    server_ = ::fork();
    if (server_ == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    wait_until_ready();
    sql_now(
        "CREATE TABLE status(id bigint PRIMARY KEY, bits bigint NOT NULL, seen_at bigint NOT NULL);"
        "CREATE UNLOGGED TABLE shown(id bigint, bits bigint);"
        "CREATE TABLE change(id bigint, bits bigint)");
  }
  ~PostgresRival() override {
    if (server_ > 0) {
      ::kill(server_, SIGINT);  // fast shutdown
      ::waitpid(server_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PostgresRival(const PostgresRival&) = delete;
  PostgresRival& operator=(const PostgresRival&) = delete;

  const char* name() const override { return "PostgreSQL COPY + MERGE"; }
  void begin() override {
    in_ = ::popen(psql().c_str(), "w");
    if (in_ == nullptr) throw std::runtime_error("psql");
    say("BEGIN; TRUNCATE shown; COPY shown FROM STDIN;\n");
  }
  void record(const listing::Record& r) override {
    fmt::format_to(std::back_inserter(lines_), "{}\t{}\n", r.key.rest, r.status.bits);
    if (lines_.size() > kLines) flush();
  }
  void commit() override {}
  void end() override {
    flush();
    say("\\.\nCOMMIT; ANALYZE shown;\n"
        "MERGE INTO status s USING shown n ON s.id = n.id "
        "WHEN MATCHED AND s.bits <> n.bits THEN UPDATE SET bits = n.bits, seen_at = 1790000000000 "
        "WHEN NOT MATCHED THEN INSERT VALUES(n.id, n.bits, 1790000000000);\n");
    if (::pclose(std::exchange(in_, nullptr)) != 0) throw std::runtime_error("psql failed; see " + path_ + "/log");
  }
  void each(const std::function<void(std::uint64_t, std::uint64_t)>& each) override {
    FILE* out = ::popen((psql() + " -c 'COPY (SELECT id, bits FROM status ORDER BY id) TO STDOUT'").c_str(), "r");
    if (out == nullptr) throw std::runtime_error("psql");
    unsigned long id = 0, bits = 0;
    while (std::fscanf(out, "%lu %lu", &id, &bits) == 2) each(id, bits);
    if (::pclose(out) != 0) throw std::runtime_error("psql failed");
  }
  /// The server's processes, those that have ended among them.
  double other_cpu() const override {
    double sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0) continue;
      std::ifstream file(entry.path() / "stat");
      std::string text{std::istreambuf_iterator<char>(file), {}};
      const auto name_end = text.rfind(')');
      if (name_end == std::string::npos) continue;
      std::istringstream fields(text.substr(name_end + 2));
      std::string skip;
      pid_t parent = 0;
      fields >> skip >> parent;
      if (pid != server_ && parent != server_) continue;
      for (int field = 5; field < 14; ++field) fields >> skip;
      for (int field = 14; field < (pid == server_ ? 18 : 16); ++field) {  // the server's: of ended children too
        double ticks = 0;
        fields >> ticks;
        sum += ticks;
      }
    }
    return sum / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

 private:
  static constexpr std::size_t kLines = 1U << 20U;

  static void run(const std::string& command) {
    if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  }
  std::string psql() const {
    return programs_ + "/psql -X -q -v ON_ERROR_STOP=1 -h " + path_ + " -U postgres postgres";
  }
  void sql_now(const std::string& text) { run(psql() + " -c \"" + text + "\" >/dev/null"); }
  void wait_until_ready() {
    for (const auto until = Clock::now() + std::chrono::seconds(60); Clock::now() < until; ::usleep(100'000))
      if (std::system((psql() + " -c 'SELECT 1' >/dev/null 2>&1").c_str()) == 0) return;
    throw std::runtime_error("PostgreSQL does not start; see " + path_ + "/log");
  }
  void say(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), in_) != text.size()) throw std::runtime_error("psql went away");
  }
  void flush() {
    say(lines_);
    lines_.clear();
  }

  const std::string programs_;
  std::string path_, as_, lines_;
  pid_t server_ = -1;
  FILE* in_ = nullptr;
};

}  // namespace taxgate::bench
