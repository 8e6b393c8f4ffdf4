#pragma once
// The driver of the night (docs/sync.md): plans, fetches, has pages compared on a lane of its own, commits, verifies
// and keeps the record. One run at a time; everything but the lane's work happens on the io thread. Private to
// daemon/pipeline, split over night.cpp (when), night_run.cpp (a run), night_window.cpp (one window), night_end.cpp
// (checks and the summary), night_lane.cpp (what blocks), night_copy.cpp (the mirror between nights), night_api.cpp
// (what callers ask).
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/api/gateway.h"
#include "daemon/pipeline/context.h"
#include "daemon/pipeline/night_audit.h"
#include "daemon/pipeline/night_lane.h"
#include "daemon/sync/night_summary.h"
#include "daemon/sync/plan.h"
#include "daemon/sync/preflight.h"

namespace taxgate::pipeline {

/// One window of a run under way, or (type empty) one month of the incremental listing.
struct NightTask {
  std::size_t taxpayer = 0;  // index into NightRunning::taxpayers and the summary's
  std::size_t window = 0;    // index there
  std::int64_t position = 0;
  bool busy = false, over = false;  // over: done, or left with its trouble
  bool aside = false;               // goes on later, as its taxpayer does
  std::string receipt;
  std::uint64_t taken = 0, packages = 0, total = 0;
  std::uint64_t records = 0, repeated = 0;  // of this listing, repeated ones among them
  std::uint64_t quarantined = 0;            // by this task first tonight
  bool before_stop = false;                 // in part or whole: the mirror of now has not met what it listed
  int rounds = 0;                           // listings begun

  /// Invoices the listing held. In a second one all were met by the first: there each counts.
  std::uint64_t listed() const { return rounds > 1 ? records : records - repeated; }
  /// The platform's count is what was listed. A page that came in the place of another one has its number of records
  /// and brings none: only invoices met for the first time count (and those issued to oneself, which both directions
  /// list), and a second listing settles what differs.
  bool agrees(std::uint64_t told) const { return told == listed(); }
};

/// How long a night is: from `at` to `until`, which may lie beyond midnight.
constexpr std::int64_t window_ms(const Config::Sync& s) {
  return (s.until - s.at + 24 * 60) % (24 * 60) * LegalTime::kHourMs / 60;
}

/// A task's progress as one line, and back: what stands beside its last batch in the store. A line that is none of ours
/// leaves the task at its beginning.
std::string mark_of(const NightTask& task);
void read_mark(const std::string& mark, NightTask& task);
/// After a stop: goes on from `mark` (empty: from the beginning). `expected`: what the window held last time. A listing
/// that holds fewer begins anew, because whose invoices are missing is only known of what is met in one go.
void resume(NightTask& task, const std::string& mark, std::uint64_t expected);

struct NightTaxpayer {
  std::uint32_t number = 0;
  std::shared_ptr<wire::Sm4Decryptor> key;
  std::uint64_t may_change = 0, has_changed = 0;  // implausible ones count
  bool held = false;
  /// The platform's gateway turns it away (a lost session, for one): none of its windows is begun before later_until,
  /// and workers go on with the others'.
  std::optional<Error> turned_away;
  int times = 0;                 // without a window done in between
  std::int64_t later_until = 0;  // steady ms
  std::uint64_t changed_tonight = 0;
  /// What is in quarantine since tonight's first sight of it, by hash: the incremental listing shows it once more.
  std::set<std::uint64_t> quarantined;
};

/// A run under way. Lives on the io thread; the summary is its truth.
struct NightRunning {
  sync::NightSummary summary;
  std::vector<NightTaxpayer> taxpayers;  // beside summary.taxpayers
  std::vector<NightTask> tasks;          // in the order of work
  bool approved = false;                 // a person has looked: no share holds it back
  std::int64_t first_change = 0;
  std::int64_t pending = 0;  // changes since the last apply
  bool applying = false;
  std::optional<Error> ended;   // budget spent, window over, stopped: the rest is left
  std::optional<Error> broken;  // the store failed: mirror and store may differ, begin again
  std::int64_t steady_began = 0;
  std::vector<std::string> unchecked;  // checks after the windows that could not be made; why the first could not
  std::string unchecked_why;
};

class Night {
 public:
  struct Hooks {
    std::function<asio::awaitable<Result<void>>(std::string taxpayer)> look_at_forms;  // both roles
    std::function<std::uint64_t(const std::string& taxpayer)> wake;                    // its open submissions; how many
  };
  /// `context` outlives it. reader: for the lane alone
  Night(Context& context, std::unique_ptr<store::NightReader> reader, Hooks hooks);
  ~Night() { stop(); }

  /// Goes on with what a stop left, then waits for the time of the night.
  void start();
  void stop();
  /// Settings changed: the time may have moved.
  void reload() { wake(); }

  // ---- asked by callers (night_api.cpp); replies on the io thread
  void plan(api::Reply<api::v1::SyncPlan> reply);
  void preflight(api::Reply<api::v1::SyncPreflight> reply);
  void run_now(api::Caller caller, api::Reply<api::v1::SyncStatus> reply);
  void status(api::Reply<api::v1::SyncStatus> reply);
  void runs(std::int64_t before, int limit, api::Reply<api::v1::SyncRunList> reply);
  void show(std::int64_t run, api::Reply<api::v1::SyncRun> reply);
  /// The whole audit, against the listing of the last finished night.
  void audit(api::Reply<api::v1::SyncAudit> reply);
  void approve(api::Caller caller, std::int64_t run, std::string reason, api::Reply<api::v1::SyncRun> reply);

 private:
  using Run = std::shared_ptr<NightRunning>;

  // night.cpp: when
  struct Wish {  // a run to begin
    std::string cause, principal;
    std::set<std::string> approved;  // only these taxpayers, of whom a person has looked at the share
  };
  asio::awaitable<void> main_loop();
  asio::awaitable<bool> go_on();                    // with an unfinished run; false: there was none
  LegalTime scheduled_before(LegalTime now) const;  // the last time a night should have begun; not set: never
  LegalTime scheduled_after(LegalTime now) const;
  asio::awaitable<void> sleep(std::int64_t ms);
  void wake();

  // night_run.cpp
  asio::awaitable<void> begin(Wish wish);
  asio::awaitable<Result<sync::PlanInput>> gather(std::set<std::string> only);
  asio::awaitable<Result<void>> prepare(Run run);  // numbers, keys
  asio::awaitable<void> carry_out(Run run);
  asio::awaitable<Result<void>> attempt(Run run);
  asio::awaitable<void> worker(Run run);
  NightTask* next_task(NightRunning& run);
  void make_tasks(NightRunning& run, const std::vector<sync::Window>& order);
  asio::awaitable<Result<void>> restore(Run run);  // marks and shares of what a stop left
  asio::awaitable<void> apply_pending(Run run);
  std::optional<Error> must_end(const NightRunning& run) const;
  asio::awaitable<void> keep(Run run, bool finished);
  void note(const NightRunning& run, Said detail);
  /// To everybody who asked for a night: it is durable, or why not.
  void tell_begun(const std::optional<Error>& trouble);

  asio::awaitable<void> note_schedule();

  // night_end.cpp, night_audit.cpp
  asio::awaitable<std::optional<AuditMarks>> audit_run(Run run);  // the marks to keep, unless nothing could be read
  asio::awaitable<void> keep_audit(Run run, AuditMarks marks);
  asio::awaitable<Result<AuditMarks>> audit_marks();
  NightAudit::Unlisted never_listed();
  /// Invoices of ours in windows that hold fewer than they did, or another sum: by number, into the run's audit.
  asio::awaitable<void> name_unlisted(Run run);

  // night_preflight.cpp
  asio::awaitable<Result<sync::PreflightInput>> facts();
  /// What the facts and the certificate files mean for the night, failing ones first.
  asio::awaitable<std::vector<sync::PreflightFinding>> judged(sync::PreflightInput facts);
  LegalTime preflight_after(LegalTime now) const;  // when it is looked without being asked; not set: never
  asio::awaitable<void> watch_preflight();
  asio::awaitable<void> announce_preflight();

  // night_window.cpp
  asio::awaitable<void> work_on(Run run, NightTask& task);
  asio::awaitable<Result<void>> list(Run run, NightTask& task);
  asio::awaitable<Result<void>> ask_totals(Run run, NightTask& task);
  asio::awaitable<Result<void>> make_ready(Run run, NightTask& task);
  asio::awaitable<Result<void>> take_packages(Run run, NightTask& task);
  asio::awaitable<Result<void>> take_changes(Run run, NightTask& task);
  asio::awaitable<Result<void>> store_batch(Run run, NightTask& task, std::shared_ptr<NightPages> pages,
                                            std::string cursor, std::int64_t cursor_value);
  template <class T, class Start>
  asio::awaitable<Result<T>> patiently(Run run, NightTask* task, Start start);
  bool set_aside(NightRunning& run, NightTask& task, const Error& why);
  std::int64_t back_off_ms(int failures) const;
  asio::awaitable<void> pause(Run run, Error why, int failures);
  std::shared_ptr<const sync::TransitionTable> allowed_now() const {  // a reload counts from the next page on
    const auto settings = c_.settings;
    return {settings, &settings->transitions};
  }

  // night_end.cpp
  asio::awaitable<void> verify(Run run);
  asio::awaitable<void> sample(Run run);
  asio::awaitable<void> sums(Run run);
  asio::awaitable<void> tally(Run run);
  asio::awaitable<void> name_examples(Run run);
  asio::awaitable<void> forms(Run run);
  void unchecked(NightRunning& run, std::string what, const Error& why) const;
  void conclude(NightRunning& run) const;

  template <class T, class Fn>
  asio::awaitable<Result<T>> on_night_lane(Fn fn) {
    return answered<T>(c_.executor, [this, fn = std::move(fn)](auto done) mutable {
      auto shared = std::make_shared<decltype(done)>(std::move(done));
      auto posted = lane_.post([this, fn = std::move(fn), shared]() mutable { (*shared)(Result<T>(fn(work_))); });
      if (!posted) (*shared)(Result<T>(std::unexpected(posted.error())));
    });
  }
  api::v1::SyncRun record_now(const NightRunning& run) const;
  static sync::TaxpayerNight& part(NightRunning& run, const NightTask& task) {
    return run.summary.taxpayers[task.taxpayer];
  }
  static sync::WindowResult& result(NightRunning& run, const NightTask& task) {
    return part(run, task).windows[task.window];
  }

  Context& c_;
  const Hooks hooks_;
  NightLane work_;  // only inside lane_
  Lane lane_;
  std::set<asio::steady_timer*> sleeping_;
  std::vector<Wish> wishes_;
  std::vector<std::move_only_function<void(std::optional<Error>)>>
      begun_;  // callers who wait for a night to be durable
  Run running_;
  bool beginning_ = false;          // planned, and not kept yet
  bool looking_ = true;             // at the start: whether a night was left
  LegalTime last_began_;            // of the newest run, or of this process when there is none
  std::optional<LegalTime> since_;  // nights are scheduled; read at the start. Not set: not told yet
  bool stopping_ = false;
};

/// Asks until there is an answer that is one: what means "later" is waited out, up to the end of the night. What
/// concerns the taxpayer alone sets the task aside, if there is one.
template <class T, class Start>
asio::awaitable<Result<T>> Night::patiently(Run run, NightTask* task, Start start) {
  for (int failures = 0;; ++failures) {
    if (run->broken) co_return std::unexpected(*run->broken);
    if (!run->ended) run->ended = must_end(*run);
    if (run->ended) co_return std::unexpected(*run->ended);
    const std::int64_t began = c_.steady_ms();
    ++run->summary.calls;
    Result<T> got = co_await answered<T>(c_.executor, start);
    run->summary.spent.platform_ms += c_.steady_ms() - began;
    if (got) co_return got;
    const Error error = got.error();
    if (error.id == "platform.budget_day") {
      run->ended = error;
      co_return got;
    }
    if (error.code != Errc::retry_later && error.code != Errc::limit_reached) co_return got;
    if (task != nullptr && set_aside(*run, *task, error)) co_return got;
    co_await pause(run, error, failures);
  }
}

}  // namespace taxgate::pipeline
