#include "daemon/store/night_store.h"

#include <algorithm>
#include <limits>

#include "daemon/core/limits.h"
#include "daemon/store/night_rows.h"

namespace taxgate::store {
namespace {

class NumberWork final : public Work {
 public:
  NumberWork(std::string taxpayer, Done<std::uint32_t> done)
      : Work("taxpayer"), taxpayer_(std::move(taxpayer)), done_(std::move(done)) {}
  void run(Session& session) override { result_ = number_taxpayer(session, taxpayer_); }
  void finish(const Error* failed) override {
    failed != nullptr ? done_(std::unexpected(*failed)) : done_(std::move(result_));
  }

 private:
  const std::string taxpayer_;
  Done<std::uint32_t> done_;
  Result<std::uint32_t> result_;
};

class RunWork final : public Work {
 public:
  RunWork(NightRun run, Done<std::int64_t> done) : Work("run"), run_(std::move(run)), done_(std::move(done)) {}
  void run(Session& session) override { result_ = put_run(session, run_); }
  void finish(const Error* failed) override {
    failed != nullptr ? done_(std::unexpected(*failed)) : done_(std::move(result_));
  }

 private:
  const NightRun run_;
  Done<std::int64_t> done_;
  Result<std::int64_t> result_;
};

class CommitWork final : public Work {
 public:
  CommitWork(NightBatch batch, Done<NightCommitted> done)
      : Work("night"), batch_(std::move(batch)), done_(std::move(done)) {}
  void run(Session& session) override {
    // From what is committed, so that a repeated slice does the same again.
    counts_ = committed_counts_;
    at_ = commit_slice(session, batch_, committed_, counts_);
  }
  bool unfinished() const override {
    committed_ = at_;
    committed_counts_ = counts_;
    return !at_.cursor;
  }
  void finish(const Error* failed) override { failed != nullptr ? done_(std::unexpected(*failed)) : done_(counts_); }

 private:
  const NightBatch batch_;
  Done<NightCommitted> done_;
  NightPosition at_;
  NightCommitted counts_;
  mutable NightPosition committed_;  // asked only after a commit, as in ImportWork
  mutable NightCommitted committed_counts_;
};

class ApplyWork final : public Work {
 public:
  ApplyWork(ApplyPlan plan, Done<std::int64_t> done) : Work("apply"), plan_(std::move(plan)), done_(std::move(done)) {}
  void run(Session& session) override { at_ = apply_slice(session, plan_, committed_); }
  bool unfinished() const override {
    if (!at_) return false;
    committed_ = *at_;
    return committed_ < plan_.rows.size();
  }
  void finish(const Error* failed) override {
    if (failed != nullptr) return done_(std::unexpected(*failed));
    if (!at_) return done_(std::unexpected(at_.error()));
    done_(plan_.upto);
  }

 private:
  const ApplyPlan plan_;
  Done<std::int64_t> done_;
  Result<std::size_t> at_;
  mutable std::size_t committed_ = 0;
};

class SqliteNightReader final : public NightReader {
 public:
  Result<void> open(const std::string& path, const std::string& vfs) {
    if (auto opened = db_.open(path, vfs, Connection::Mode::read_only); !opened) return opened;
    db_.execute("PRAGMA query_only=ON; PRAGMA cache_size=-" + std::to_string(limits::kStoreCacheKiB / 4));
    if (db_.failure()) return std::unexpected(*db_.failure());
    return {};
  }

  Result<Progress> progress() override {
    Progress p;
    auto q = db_.query(
        "SELECT (SELECT coalesce(max(seq), 0) FROM change), (SELECT value FROM meta WHERE name = 'applied_seq')");
    if (q.row()) p = {q.integer(0), q.integer(1)};
    return answer(p);
  }

  Result<std::int64_t> each_status(
      const std::function<void(const InvoiceKey&, PlatformStatus, std::uint64_t)>& each) override {
    db_.execute("BEGIN");
    const auto now = progress();
    {
      auto q = db_.query("SELECT partition, rest, bits, hash FROM status ORDER BY partition, rest");
      while (q.row()) give(q, each);
    }
    {
      auto q = db_.query("SELECT partition, rest, after, hash FROM change WHERE seq > ? ORDER BY seq");
      q.bind(now ? now->applied_seq : 0);
      while (q.row()) give(q, each);
    }
    const auto failure = db_.failure();
    db_.clear_failure();
    db_.execute("COMMIT");
    db_.shrink();
    if (!now) return std::unexpected(now.error());
    if (failure) return std::unexpected(*failure);
    return now->last_change;
  }

  Result<std::optional<PlatformStatus>> status_of(const InvoiceKey& key) override {
    const auto found = current_status(db_, key);
    return answer(found ? std::optional(found->after) : std::nullopt);
  }

  Result<std::vector<StatusChange>> changes_after(std::int64_t seq, int limit) override {
    std::vector<StatusChange> out;
    auto q = db_.query(
        "SELECT seq, run, partition, rest, before, after, at, hash FROM change WHERE seq > ? ORDER BY seq LIMIT ?");
    q.bind(seq).bind(limit);
    while (q.row()) out.push_back(read_change(q));
    return answer(std::move(out));
  }

  Result<std::vector<QuarantinedRecord>> quarantined_after(std::int64_t id, int limit) override {
    std::vector<QuarantinedRecord> out;
    auto q = db_.query(
        "SELECT id, run, times, at, taxpayer, number, reason, field, before, after, hash, evidence FROM quarantine "
        "WHERE id > ? ORDER BY id LIMIT ?");
    q.bind(id).bind(std::min(limit, limits::kListPage));
    while (q.row()) {
      QuarantinedRecord r;
      r.id = q.integer(0);
      r.run = q.integer(1);
      r.times = q.integer(2);
      r.at = {q.integer(3)};
      r.taxpayer = q.text(4);
      r.number = q.text(5);
      r.reason = q.text(6);
      r.field = q.text(7);
      r.before = {static_cast<std::uint64_t>(q.integer(8))};
      r.after = {static_cast<std::uint64_t>(q.integer(9))};
      r.hash = static_cast<std::uint64_t>(q.integer(10));
      r.evidence = q.text(11);
      out.push_back(std::move(r));
    }
    return answer(std::move(out));
  }

  Result<std::uint32_t> taxpayer_number(std::string_view taxpayer) override {
    return answer(known_taxpayer(db_, taxpayer));
  }

  Result<std::vector<NightRun>> runs(std::int64_t before, int limit) override {
    std::vector<NightRun> out;
    auto q = db_.query(
        "SELECT run, started_at, finished_at, state, first_change, summary FROM night WHERE run < ? ORDER BY run DESC "
        "LIMIT ?");
    q.bind(before == 0 ? std::numeric_limits<std::int64_t>::max() : before).bind(std::min(limit, limits::kListPage));
    while (q.row()) out.push_back(read_run(q));
    return answer(std::move(out));
  }

  Result<std::optional<NightRun>> run(std::int64_t number) override {
    std::optional<NightRun> out;
    auto q = db_.query("SELECT run, started_at, finished_at, state, first_change, summary FROM night WHERE run = ?");
    q.bind(number);
    if (q.row()) out = read_run(q);
    return answer(std::move(out));
  }

  Result<std::vector<WindowMark>> marks(std::int64_t run) override {
    std::vector<WindowMark> out;
    auto q = db_.query("SELECT position, mark FROM night_window WHERE run = ? ORDER BY position");
    q.bind(run);
    while (q.row()) out.push_back({q.integer(0), q.text(1)});
    return answer(std::move(out));
  }

  Result<bool> knows_any(std::uint32_t taxpayer) override {
    auto q = db_.query("SELECT 1 FROM status WHERE partition BETWEEN ? AND ? LIMIT 1");
    q.bind(std::int64_t{InvoiceKey::first_partition(taxpayer)})
        .bind(std::int64_t{InvoiceKey::last_partition(taxpayer)});
    return answer(q.row());
  }

  Result<ApplyPlan> plan(std::int64_t limit) override {
    ApplyPlan plan;
    const auto now = progress();
    if (!now) return std::unexpected(now.error());
    plan.from = plan.upto = now->applied_seq;
    {
      auto q = db_.query(
          "SELECT seq, run, partition, rest, before, after, at, hash FROM change WHERE seq > ? AND seq <= ? "
          "ORDER BY seq");
      q.bind(plan.from).bind(plan.from + limit);
      plan.rows.reserve(static_cast<std::size_t>(std::min(limit, now->last_change - plan.from)));
      while (q.row()) plan.rows.push_back(read_change(q));
    }
    if (db_.failure()) return answer(std::move(plan));
    if (!plan.rows.empty()) plan.upto = plan.rows.back().seq;
    // In key order, so that each page of `status` is written once; of one key the last word only.
    std::ranges::sort(plan.rows, [](const StatusChange& a, const StatusChange& b) {
      return a.key != b.key ? a.key < b.key : a.seq > b.seq;
    });
    const auto rest = std::ranges::unique(plan.rows, {}, &StatusChange::key);
    plan.rows.erase(rest.begin(), rest.end());
    return plan;
  }

 private:
  static NightRun read_run(const Query& q) {
    return {.run = q.integer(0),
            .started_at = {q.integer(1)},
            .finished_at = {q.integer(2)},
            .state = q.text(3),
            .first_change = q.integer(4),
            .summary = q.text(5)};
  }
  static void give(const Query& q, const std::function<void(const InvoiceKey&, PlatformStatus, std::uint64_t)>& each) {
    const PlatformStatus status{static_cast<std::uint64_t>(q.integer(2))};
    if (!status.sound()) return q.damaged("a status that no platform can have given");
    each({static_cast<std::uint32_t>(q.integer(0)), static_cast<std::uint64_t>(q.integer(1))}, status,
         static_cast<std::uint64_t>(q.integer(3)));
  }
  template <class T>
  Result<T> answer(T value) {
    if (!db_.failure()) return value;
    Error error = *db_.failure();
    db_.clear_failure();
    return std::unexpected(std::move(error));
  }
  Connection db_;
};

}  // namespace

void SqliteNight::taxpayer_number(std::string taxpayer, Done<std::uint32_t> done) {
  writer_.post(Writer::Lane::normal, std::make_unique<NumberWork>(std::move(taxpayer), std::move(done)));
}
void SqliteNight::commit(NightBatch batch, Done<NightCommitted> done) {
  writer_.post(Writer::Lane::bulk, std::make_unique<CommitWork>(std::move(batch), std::move(done)));
}
void SqliteNight::put_run(NightRun run, Done<std::int64_t> done) {
  writer_.post(Writer::Lane::normal, std::make_unique<RunWork>(std::move(run), std::move(done)));
}
void SqliteNight::apply(ApplyPlan plan, Done<std::int64_t> done) {
  writer_.post(Writer::Lane::bulk, std::make_unique<ApplyWork>(std::move(plan), std::move(done)));
}
Result<std::unique_ptr<NightReader>> SqliteNight::reader() {
  auto reader = std::make_unique<SqliteNightReader>();
  if (auto opened = reader->open(path_, vfs_); !opened) return std::unexpected(opened.error());
  return reader;
}

}  // namespace taxgate::store
