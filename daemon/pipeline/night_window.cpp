// One window: totals, apply, wait, packages; or one month of the incremental listing. Every page is either taken whole
// or fetched again.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "daemon/core/limits.h"
#include "daemon/pipeline/night.h"

namespace taxgate::pipeline {
namespace {

constexpr int kPageTries = 4;   // of a page that is not whole or not the one asked for
constexpr int kApplyTries = 3;  // the platform lost or could not make the list
// A list that is never made must neither hold one of few workers nor spend the day's calls on questions all night long.
constexpr std::int64_t kListMs = LegalTime::kHourMs;
constexpr int kRounds = 2;                         // listings of a window whose counts disagree
constexpr std::uint64_t kCommitRecords = 100'000;  // a commit costs a flush: not one a page of unchanged records
constexpr std::size_t kQuarantineKnown = 100'000;  // of a taxpayer: some megabytes; more are counted as often as shown
constexpr std::int64_t kPauseStepMs = 1'000;       // a pause looks this often whether the night is over

LegalTime first_day(sync::Month m) { return *LegalTime::parse(m.text() + "-01"); }

leqi::Window asked_window(const sync::Window& w, LegalTime now) {
  const LegalTime first = first_day(w.month);
  const LegalTime last = first_day({w.month.index + 1}).plus_ms(-kDayMs);
  const LegalTime today{(now.ms + LegalTime::kOffsetMs) / kDayMs * kDayMs - LegalTime::kOffsetMs};
  return {.taxpayer = w.taxpayer,
          .direction = w.direction == sync::Direction::issued ? leqi::Direction::issued : leqi::Direction::received,
          .type = w.type,
          .from = first,
          .to = std::max(first, std::min(last, today))};
}

std::unexpected<Error> refused(const leqi::Outcome& outcome) {
  return fail(Errc::rejected, "listing.refused", {}, outcome.code, {}, outcome.message);
}

/// Seconds the platform asked for; 0: none.
std::int64_t asked_pause_s(const Error& e) {
  std::int64_t s = 0;
  if (e.id == "platform.paused" || e.id == "platform.busy")
    std::from_chars(e.left.data(), e.left.data() + e.left.size(), s);
  return s;
}

std::string why_quarantined(const store::QuarantinedRecord& q) {
  for (std::size_t f = 0; f < kStatusFields; ++f)
    if (const auto field = static_cast<StatusField>(f); q.reason == "transition" && q.field == platform_name(field))
      return fmt::format("{} {} > {}", q.field, q.before.text(field), q.after.text(field));
  return q.field.empty() ? q.reason : q.reason + " " + q.field;
}

}  // namespace

std::string mark_of(const NightTask& t) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", t.receipt.empty() ? "-" : t.receipt, t.taken, t.packages, t.total,
                     t.records, t.repeated, t.rounds, t.over ? 1 : 0, t.quarantined);
}

void read_mark(const std::string& mark, NightTask& task) {
  NightTask t = task;
  int over = 0;
  std::istringstream in(mark);
  if (!(in >> t.receipt >> t.taken >> t.packages >> t.total >> t.records >> t.repeated >> t.rounds >> over)) return;
  if (t.receipt == "-") t.receipt.clear();
  t.over = over != 0;
  if (!(in >> t.quarantined)) t.quarantined = 0;  // a mark of an older program
  task = std::move(t);
}

void resume(NightTask& task, const std::string& mark, std::uint64_t expected) {
  const auto begin = [&task] {
    task.receipt.clear();
    task.taken = task.packages = task.total = task.records = task.repeated = task.quarantined = 0;
    task.over = task.before_stop = false;
  };
  begin();
  read_mark(mark, task);
  task.before_stop = task.taken != 0;
  if (task.before_stop && (task.over ? task.listed() : task.total) < expected) {
    begin();
    task.rounds = 0;
  }
}

std::int64_t Night::back_off_ms(int failures) const {
  return std::min(c_.settings->retry_max_ms, c_.settings->retry_first_ms << std::min(failures, 16));
}

/// True: the gateway refuses this taxpayer for now, so a worker that waited for it would keep the others' windows
/// waiting too.
bool Night::set_aside(NightRunning& run, NightTask& task, const Error& why) {
  if (why.id != "platform.gateway") return false;
  auto& own = run.taxpayers[task.taxpayer];
  own.turned_away = why;
  own.later_until = c_.steady_ms() + back_off_ms(own.times++);
  task.aside = true;
  return true;
}

asio::awaitable<void> Night::pause(Run run, Error why, int failures) {
  const std::int64_t asked = asked_pause_s(why) * 1000;
  const std::int64_t ms = asked > 0 ? asked : back_off_ms(failures);
  if (run->summary.state == sync::NightState::running)
    log::notice("sync.paused", "the night waits: {} {}", why.id, sync::detail_of(why));
  run->summary.state = sync::NightState::paused;
  run->summary.trouble = why.id;
  run->summary.detail = sync::detail_of(why);
  const std::int64_t began = c_.steady_ms();
  while (!must_end(*run) && c_.steady_ms() - began < ms)
    co_await sleep(std::clamp<std::int64_t>(ms - (c_.steady_ms() - began), 1, kPauseStepMs));
  (why.id == "platform.budget_wait" ? run->summary.spent.budget_ms : run->summary.spent.pause_ms) +=
      c_.steady_ms() - began;
  run->summary.state = sync::NightState::running;
  run->summary.trouble.clear();
  run->summary.detail.clear();
}

asio::awaitable<void> Night::work_on(Run run, NightTask& task) {
  task.busy = true;
  task.aside = false;
  auto done = co_await list(run, task);
  task.busy = false;
  auto& w = result(*run, task);
  w.packages = task.taken;
  w.packages_of = task.packages;
  w.records = task.listed();
  if (done) {
    task.over = w.done = true;
    run->taxpayers[task.taxpayer].turned_away.reset();
    run->taxpayers[task.taxpayer].times = 0;
    ++run->summary.windows_done;
    co_return;
  }
  if (run->ended || run->broken || task.aside) co_return;  // goes on later
  w.trouble = done.error().id;
  w.detail = sync::detail_of(done.error());
  task.over = true;
  if (w.trouble != "sync.held") log::write(log::Level::warning, done.error());
}

asio::awaitable<Result<void>> Night::list(Run run, NightTask& task) {
  auto& w = result(*run, task);
  if (w.window.type.empty()) co_return co_await take_changes(run, task);
  for (;;) {
    if (!w.platform_count)
      if (auto told = co_await ask_totals(run, task); !told) co_return told;
    // Most windows of a new taxpayer, and of rare types, hold nothing: one light call instead of a list, its polls and
    // a package. Not where something was before, and not when it is the window's turn to prove the totals right.
    w.told_empty = w.platform_count == std::uint64_t{0} && w.expected == 0 && task.rounds == 0 &&
                   !sync::listed_though_empty(w.window, c_.clock.now());
    if (w.told_empty) co_return Result<void>{};
    if (auto ready = co_await make_ready(run, task); !ready) co_return ready;
    if (auto taken = co_await take_packages(run, task); !taken) co_return taken;
    if (task.agrees(task.total) && (!w.platform_count || task.agrees(*w.platform_count))) co_return Result<void>{};
    if (task.rounds >= kRounds) {
      w.trouble = "sync.count_differs";
      w.detail =
          fmt::format("totals say {}, the list {}, listed {}",
                      w.platform_count ? std::to_string(*w.platform_count) : "nothing", task.total, task.listed());
      co_return Result<void>{};
    }
    // Invoices may have come in between: everything once more.
    ++run->summary.rescanned;
    task.receipt.clear();
    w.platform_count.reset();
  }
}

asio::awaitable<Result<void>> Night::ask_totals(Run run, NightTask& task) {
  auto& w = result(*run, task);
  auto told = co_await patiently<leqi::TotalsReply>(
      run, &task, [this, window = asked_window(w.window, c_.clock.now())](auto done) mutable {
        c_.platform.totals(window, std::move(done));
      });
  if (!told) co_return std::unexpected(told.error());
  if (!told->outcome.ok()) co_return refused(told->outcome);
  w.platform_count = told->count;
  w.platform_amount = told->amount;
  w.platform_tax = told->tax;
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Night::make_ready(Run run, NightTask& task) {
  const auto settings = c_.settings;
  const auto& w = result(*run, task);
  const LegalTime began_at = c_.clock.now();
  for (int tries = 0; tries < kApplyTries; ++tries) {
    if (task.receipt.empty()) {
      leqi::BulkApply ask{.window = asked_window(w.window, c_.clock.now()),
                          .form = settings->sync.form == "json" ? listing::Form::json : listing::Form::protobuf};
      auto applied = co_await patiently<leqi::BulkApplyReply>(
          run, &task, [this, ask](auto done) mutable { c_.platform.bulk_apply(ask, std::move(done)); });
      if (!applied) co_return std::unexpected(applied.error());
      if (!applied->outcome.ok()) co_return refused(applied->outcome);
      task.receipt = applied->receipt;
      task.taken = task.packages = task.total = task.records = task.repeated = 0;
      task.before_stop = false;
      ++task.rounds;
    }
    for (bool gone = false; !gone;) {
      leqi::BulkStateRequest ask{.taxpayer = w.window.taxpayer, .receipt = task.receipt};
      auto state = co_await patiently<leqi::BulkStateReply>(
          run, &task, [this, ask](auto done) mutable { c_.platform.bulk_state(ask, std::move(done)); });
      if (!state) co_return std::unexpected(state.error());
      if (!state->outcome.ok()) co_return refused(state->outcome);
      if (state->state == leqi::BulkState::ready) {
        task.packages = state->packages;
        task.total = state->total;
        co_return Result<void>{};
      }
      gone = state->state != leqi::BulkState::working;
      if (!gone && c_.clock.now() >= began_at.plus_ms(kListMs))
        co_return fail(Errc::rejected, "sync.no_list", {}, w.window.text());
      const std::int64_t began = c_.steady_ms();
      co_await sleep(settings->sync.poll_ms);
      run->summary.spent.platform_ms += c_.steady_ms() - began;
    }
    task.receipt.clear();
  }
  co_return fail(Errc::rejected, "sync.no_list", {}, w.window.text());
}

asio::awaitable<Result<void>> Night::take_packages(Run run, NightTask& task) {
  auto& w = result(*run, task);
  const auto& own = run->taxpayers[task.taxpayer];
  const auto form = c_.settings->sync.form == "json" ? listing::Form::json : listing::Form::protobuf;
  auto pages = std::make_shared<NightPages>();
  std::uint64_t uncommitted = 0;
  Result<void> outcome;
  while (outcome && task.taken < task.packages) {
    leqi::PackageRequest ask{
        .taxpayer = w.window.taxpayer, .receipt = task.receipt, .package = static_cast<std::uint32_t>(task.taken + 1)};
    Result<NightMerged> merged;
    for (int tries = 0, failures = 0;;) {
      auto sealed = co_await patiently<platform::SealedPage>(
          run, &task, [this, ask](auto done) mutable { c_.platform.package(ask, std::move(done)); });
      if (!sealed) {
        merged = std::unexpected(sealed.error());
        break;
      }
      auto page = std::make_shared<NightPage>(
          NightPage{.sealed = std::move(*sealed),
                    .key = own.key,
                    .form = form,
                    .taxpayer = own.number,
                    .asked = {.window = w.window, .number = ask.package, .count = task.packages, .total = task.total},
                    .allowed = allowed_now()});
      merged =
          co_await on_night_lane<NightMerged>([page, pages](NightLane& lane) { return lane.merge(*page, *pages); });
      if (merged || stopping_) break;
      if (set_aside(*run, task, merged.error())) break;
      if (merged.error().code == Errc::retry_later)
        co_await pause(run, merged.error(), failures++);
      else if (merged.error().code != Errc::corrupt || ++tries >= kPageTries)
        break;
    }
    if (stopping_) co_return fail(Errc::retry_later, "lane.stopped");
    if (!merged) {
      outcome = std::unexpected(merged.error());
      break;
    }
    ++task.taken;
    task.records += merged->records;
    task.repeated += merged->repeated;
    uncommitted += merged->records;
    run->summary.spent.merge_ms += merged->took_ms;
    w.packages = task.taken;
    w.packages_of = task.packages;
    w.records = task.listed();
    const bool last = task.taken == task.packages;
    if (!last && uncommitted < kCommitRecords && pages->batch.changes.size() < limits::kNightRows) continue;
    uncommitted = 0;
    // Durable with its last batch: a stop right after it does not list the window again.
    task.over = last && ((task.agrees(task.total) && (!w.platform_count || task.agrees(*w.platform_count))) ||
                         task.rounds >= kRounds);
    outcome = co_await store_batch(run, task, pages, {}, 0);
    task.over = false;
  }
  // Pages that were taken are good whatever came after them, and the mirror has them already.
  if (!outcome && !run->broken && outcome.error().id != "sync.held" && pages->batch.counts.records != 0)
    if (auto stored = co_await store_batch(run, task, pages, {}, 0); !stored) co_return stored;
  co_return outcome;
}

asio::awaitable<Result<void>> Night::take_changes(Run run, NightTask& task) {
  auto& w = result(*run, task);
  const auto& own = run->taxpayers[task.taxpayer];
  // One cursor for all months of a direction: beyond a month that was not read it would leave out what changed there.
  for (const NightTask& other : run->tasks) {
    const auto& earlier = result(*run, other);
    if (other.taxpayer == task.taxpayer && other.over && !earlier.done && earlier.window.type.empty() &&
        earlier.window.direction == w.window.direction && earlier.window.month < w.window.month)
      co_return fail(Errc::retry_later, "sync.changes_unread", {}, earlier.window.month.text());
  }
  const std::string cursor = fmt::format("night.changes/{}/{}", name(w.window.direction), w.window.taxpayer);
  auto at = co_await c_.read<std::int64_t>([cursor](store::Reader& r) { return r.cursor(cursor); });
  if (!at) co_return std::unexpected(at.error());
  auto pages = std::make_shared<NightPages>();
  leqi::ChangesRequest ask{.window = asked_window(w.window, c_.clock.now()), .cursor = *at, .limit = leqi::kMaxChanges};
  ask.limit = std::min<std::uint32_t>(ask.limit, 10'000);
  for (int tries = 0, failures = 0;;) {
    auto sealed = co_await patiently<platform::SealedPage>(
        run, &task, [this, ask](auto done) mutable { c_.platform.changes(ask, std::move(done)); });
    if (!sealed) co_return std::unexpected(sealed.error());
    auto page =
        std::make_shared<NightPage>(NightPage{.sealed = std::move(*sealed),
                                              .key = own.key,
                                              .form = listing::Form::json,
                                              .taxpayer = own.number,
                                              .asked = {.window = {w.window.taxpayer, w.window.direction, {}, {}}},
                                              .allowed = allowed_now(),
                                              .changes = true});
    auto merged =
        co_await on_night_lane<NightMerged>([page, pages](NightLane& lane) { return lane.merge(*page, *pages); });
    if (stopping_) co_return fail(Errc::retry_later, "lane.stopped");
    if (!merged) {
      if (set_aside(*run, task, merged.error())) co_return std::unexpected(merged.error());
      if (merged.error().code == Errc::retry_later)
        co_await pause(run, merged.error(), failures++);
      else if (merged.error().code != Errc::corrupt || ++tries >= kPageTries)
        co_return std::unexpected(merged.error());
      continue;
    }
    tries = failures = 0;
    ++task.taken;
    task.records += merged->records;
    task.repeated += merged->repeated;
    run->summary.spent.merge_ms += merged->took_ms;
    const auto& head = merged->head;
    if (head.first != ask.cursor) {
      // Another program took what lies between. It is not lost: the windows are listed whole.
      w.trouble = "sync.cursor_moved";
      w.detail = fmt::format("{} / {}", ask.cursor, head.first);
    }
    const bool more = head.more && head.next > ask.cursor;
    task.over = !more;
    auto stored = co_await store_batch(run, task, pages, cursor, head.next);
    task.over = false;
    if (!stored) co_return stored;
    if (!more) co_return Result<void>{};
    ask.cursor = head.next;
  }
}

asio::awaitable<Result<void>> Night::store_batch(Run run, NightTask& task, std::shared_ptr<NightPages> pages,
                                                 std::string cursor, std::int64_t cursor_value) {
  auto& taxpayer = run->taxpayers[task.taxpayer];
  auto& summary = part(*run, task);
  const LegalTime now = c_.clock.now();
  auto made = co_await on_night_lane<NightLane::Stored>(
      [pages, now](NightLane& lane) -> Result<NightLane::Stored> { return lane.stored(*pages, now); });
  if (!made) {
    run->broken = made.error();  // the mirror is ahead of the store
    co_return std::unexpected(made.error());
  }
  taxpayer.has_changed += made->implausible;
  if (!run->approved && taxpayer.has_changed > taxpayer.may_change) {
    taxpayer.held = true;
    summary.state = sync::NightState::waiting_approval;
    summary.trouble = "sync.held";
    summary.detail = fmt::format("{} / {}", taxpayer.has_changed, taxpayer.may_change);
    log::warning("sync.held", "{}: {}", summary.id, summary.detail);
    co_return fail(Errc::limit_reached, "sync.held", {}, std::to_string(taxpayer.has_changed),
                   std::to_string(taxpayer.may_change));
  }
  taxpayer.changed_tonight += made->changed;
  std::erase_if(made->batch.quarantined, [&](const store::QuarantinedRecord& q) {
    return taxpayer.quarantined.size() < kQuarantineKnown && !taxpayer.quarantined.insert(q.hash).second;
  });
  for (const auto& q : made->batch.quarantined)
    if (summary.in_quarantine.shown.size() < sync::kMaxExamples)
      summary.in_quarantine.shown.push_back({q.number, {}, why_quarantined(q)});
  task.quarantined += made->batch.quarantined.size();
  summary.quarantined += made->batch.quarantined.size();
  auto batch = std::make_shared<store::NightBatch>(std::move(made->batch));
  batch->run = run->summary.run;
  batch->taxpayer = summary.id;
  batch->cursor = std::move(cursor);
  batch->cursor_value = cursor_value;
  batch->position = task.position;
  batch->mark = mark_of(task);
  const auto rows = static_cast<std::int64_t>(batch->changes.size());
  const std::int64_t began = c_.steady_ms();
  auto committed = co_await answered<store::NightCommitted>(
      c_.executor, [this, batch](auto done) mutable { c_.store.night().commit(std::move(*batch), std::move(done)); });
  run->summary.spent.commit_ms += c_.steady_ms() - began;
  if (!committed) {
    run->broken = committed.error();
    co_return std::unexpected(committed.error());
  }
  c_.reached("night.committed");
  run->pending += rows;
  if (run->pending >= limits::kNightPending) co_await apply_pending(run);
  co_return Result<void>{};
}

}  // namespace taxgate::pipeline
