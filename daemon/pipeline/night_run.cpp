// One run: what is listed, by how many at once, what happens when the store fails or the window ends.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/core/limits.h"
#include "daemon/pipeline/night.h"
#include "daemon/report/night_record.h"

namespace taxgate::pipeline {

using report::from_record;
using report::to_record;
namespace {

constexpr std::int64_t kAskedMs = 12 * LegalTime::kHourMs;  // a run asked for by day gives up after this long
constexpr int kChangeMonths = 3;  // of the incremental listing: a longer gap is the bulk listing's matter
constexpr std::int64_t kWindowsOfOne = 100'000;  // positions of one taxpayer: 36 months × types × directions are fewer
constexpr int kRunsAtOnce = 10;                  // read for Recall: a summary of many taxpayers is some 100 kB

bool same_invoices(const sync::Window& a, const sync::Window& b) {
  if (a.taxpayer != b.taxpayer) return false;
  // The incremental listing's cursor is one, and what it lists may lie in any window; an invoice issued to oneself is
  // in both directions' windows.
  if (a.type.empty() && b.type.empty()) return a.direction == b.direction;
  if (a.type.empty() || b.type.empty()) return true;
  return a.type == b.type && a.month == b.month;
}

/// A taxpayer's incremental listing, which tells what changed on invoices older than the windows, follows its own last
/// window: at the end of all, a large taxpayer's windows would cost the others theirs when the night ends early.
std::vector<sync::Window> order_of_work(const sync::Plan& plan, const sync::PlanInput& input) {
  std::map<std::string, std::size_t> ahead;  // windows of each
  for (const auto& w : plan.windows) ++ahead[w.window.taxpayer];
  std::vector<sync::Window> order;
  const auto changes_of = [&](const sync::TaxpayerScope& taxpayer) {
    for (int back = kChangeMonths - 1; back >= 0; --back)
      for (const auto direction : {sync::Direction::issued, sync::Direction::received})
        if (back == 0 || !taxpayer.first_time)
          order.push_back({taxpayer.id, direction, {}, {sync::Month::of(input.now).index - back}});
  };
  for (const auto& taxpayer : input.taxpayers)
    if (!ahead.contains(taxpayer.id)) changes_of(taxpayer);
  for (const auto& w : plan.windows) {
    order.push_back(w.window);
    if (--ahead[w.window.taxpayer] == 0)
      changes_of(*std::ranges::find(input.taxpayers, w.window.taxpayer, &sync::TaxpayerScope::id));
  }
  return order;
}

}  // namespace

asio::awaitable<Result<sync::PlanInput>> Night::gather(std::set<std::string> only) {
  const auto settings = c_.settings;
  const auto& s = settings->sync;
  sync::PlanInput in;
  in.now = c_.clock.now();
  in.types = s.types;
  in.months = only.empty() ? s.months : 0;
  in.deep_months = only.empty() ? s.deep_months : 0;
  in.concurrency = s.concurrency;
  const auto& calls = settings->calls;
  in.limits = {.per_second = calls.calls_per_second,
               .per_minute = calls.calls_per_minute,
               .per_hour = calls.calls_per_hour,
               .left_today = c_.platform.calls_left_today(),
               .per_day = calls.calls_per_day,
               .reserve_percent = calls.reserve_percent};
  std::vector<std::string> ids;
  for (const auto& [id, taxpayer] : settings->taxpayers)
    if (only.empty() || only.contains(id)) ids.push_back(id);
  using Known = std::set<std::string>;  // taxpayers with invoices
  auto known = co_await on_night_lane<Known>([ids](NightLane& lane) -> Result<Known> {
    Known out;
    for (const auto& id : ids) {
      const auto number = lane.reader().taxpayer_number(id);
      if (!number) return std::unexpected(number.error());
      const auto any = lane.reader().knows_any(*number);
      if (!any) return std::unexpected(any.error());
      if (*any) out.insert(id);
    }
    return out;
  });
  if (!known) co_return std::unexpected(known.error());
  for (const auto& id : ids) in.taxpayers.push_back({id, !known->contains(id)});
  sync::Recall recall(in);
  const int most = sync::runs_recalled(s.deep_months);
  std::int64_t before = 0;
  for (int looked = 0; looked < most;) {
    auto runs = co_await on_night_lane<std::vector<store::NightRun>>(
        [before](NightLane& lane) { return lane.reader().runs(before, kRunsAtOnce); });
    if (!runs) co_return std::unexpected(runs.error());
    for (const auto& row : *runs)
      if (api::v1::SyncRun record; record.ParseFromString(row.summary)) recall.add(from_record(record));
    if (runs->size() < static_cast<std::size_t>(kRunsAtOnce)) break;
    looked += kRunsAtOnce;
    before = runs->back().run;
  }
  co_return in;
}

asio::awaitable<void> Night::begin(Wish wish) {
  const LegalTime now = c_.clock.now();
  last_began_ = now;
  beginning_ = true;  // until somebody can see the run itself
  auto input = co_await gather(wish.approved);
  if (!input) {
    log::write(log::Level::error, input.error());
    last_began_ = {};
    beginning_ = false;
    tell_begun(input.error());
    co_return;
  }
  const auto settings = c_.settings;
  const auto& s = settings->sync;
  const std::int64_t length = window_ms(s);
  const bool scheduled = wish.cause == "schedule";
  const LegalTime end = scheduled                  ? scheduled_before(now).plus_ms(length)
                        : wish.cause == "catch_up" ? now.plus_ms(length)
                                                   : now.plus_ms(kAskedMs);
  input->window_end = end;
  const sync::Plan plan = sync::make_plan(*input);
  auto run = std::make_shared<NightRunning>();
  run->approved = !wish.approved.empty();
  auto& sum = run->summary;
  sum.cause = wish.cause;
  sum.principal = wish.principal;
  sum.channel = settings->channel;
  sum.started_at = sum.updated_at = now;
  sum.window_end = end;
  sum.expected_finish = plan.finish;
  sum.expected_records = plan.expected_records;
  sum.calls_planned = plan.calls;
  sum.windows_left_out = plan.left_out;
  const std::vector<sync::Window> order = order_of_work(plan, *input);
  for (const auto& taxpayer : input->taxpayers) {
    auto& part = sum.taxpayers.emplace_back();
    part.id = taxpayer.id;
    const auto& known = settings->taxpayers.find(taxpayer.id)->second;
    part.name = known.name;
    part.org_unit = known.org_unit;
    for (const auto& w : order) {
      if (w.taxpayer != taxpayer.id) continue;
      auto& window = part.windows.emplace_back();
      window.window = w;
      if (const auto held = input->expected_records.find(w); held != input->expected_records.end())
        window.expected = held->second;
    }
  }
  make_tasks(*run, order);
  auto progress =
      co_await on_night_lane<store::NightReader::Progress>([](NightLane& lane) { return lane.reader().progress(); });
  if (!progress) {
    log::write(log::Level::error, progress.error());
    last_began_ = {};
    beginning_ = false;
    tell_begun(progress.error());
    co_return;
  }
  run->first_change = progress->last_change;
  running_ = run;
  beginning_ = false;
  co_await keep(run, false);
  if (!stopping_) tell_begun(std::nullopt);
  if (auto ready = co_await prepare(run); !ready) {
    log::write(log::Level::error, ready.error());
    sum.state = sync::NightState::failed;
    sum.trouble = ready.error().id;
    sum.detail = sync::detail_of(ready.error());
    co_await keep(run, true);
    running_ = nullptr;
    co_return;
  }
  note(*run, said("journal.night_planned", std::to_string(sum.windows), std::to_string(plan.calls)));
  log::notice("sync.began", "night {} ({}): {} windows, about {} calls", sum.run, sum.cause, sum.windows, plan.calls);
  co_await carry_out(run);
}

void Night::make_tasks(NightRunning& run, const std::vector<sync::Window>& order) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < run.summary.taxpayers.size(); ++i) index[run.summary.taxpayers[i].id] = i;
  std::vector<std::size_t> next(run.summary.taxpayers.size());
  for (const auto& window : order) {
    const std::size_t taxpayer = index.at(window.taxpayer);
    NightTask task;
    task.taxpayer = taxpayer;
    task.window = next[taxpayer]++;
    task.position = static_cast<std::int64_t>(taxpayer) * kWindowsOfOne + static_cast<std::int64_t>(task.window);
    run.tasks.push_back(task);
  }
  run.taxpayers.resize(run.summary.taxpayers.size());
  run.summary.windows = run.tasks.size();
}

asio::awaitable<Result<void>> Night::prepare(Run run) {
  for (std::size_t i = 0; i < run->taxpayers.size(); ++i) {
    auto& part = run->summary.taxpayers[i];
    auto number = co_await answered<std::uint32_t>(c_.executor, [this, id = part.id](auto done) mutable {
      c_.store.night().taxpayer_number(id, std::move(done));
    });
    if (!number) co_return std::unexpected(number.error());
    auto& own = run->taxpayers[i];
    own.number = *number;
    own.key = c_.platform.page_key(part.id);
    if (!own.key) co_return fail(Errc::invalid_input, "platform.unknown_taxpayer", "taxpayer", part.id);
  }
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Night::restore(Run run) {
  if (auto ready = co_await prepare(run); !ready) co_return ready;
  struct Left {
    std::vector<store::WindowMark> marks;
    NightTallies tallies;
  };
  const LegalTime now = c_.clock.now();
  auto left = co_await on_night_lane<Left>([run, now](NightLane& lane) -> Result<Left> {
    Left out;
    auto marks = lane.reader().marks(run->summary.run);
    if (!marks) return std::unexpected(marks.error());
    out.marks = std::move(*marks);
    auto tallies = lane.tally(run->summary.run, run->first_change, now);
    if (!tallies) return std::unexpected(tallies.error());
    out.tallies = std::move(*tallies);
    return out;
  });
  if (!left) co_return std::unexpected(left.error());
  for (std::size_t i = 0; i < run->taxpayers.size(); ++i) {
    const auto& tally = left->tallies.taxpayers[run->taxpayers[i].number];
    run->taxpayers[i].has_changed = tally.implausible;
    run->taxpayers[i].changed_tonight = tally.changed;
    run->taxpayers[i].turned_away.reset();
    run->taxpayers[i].quarantined.clear();  // what was not committed is met again
    run->summary.taxpayers[i].quarantined = 0;
    run->summary.taxpayers[i].in_quarantine.shown.clear();
  }
  run->summary.windows_done = 0;
  for (auto& task : run->tasks) {
    auto& quarantined = run->summary.taxpayers[task.taxpayer].quarantined;
    if (task.over && !result(*run, task).done) {  // left with its trouble
      quarantined += task.quarantined;
      continue;
    }
    const auto mark = std::ranges::find(left->marks, task.position, &store::WindowMark::position);
    auto& window = result(*run, task);
    resume(task, mark == left->marks.end() ? std::string() : mark->mark,
           window.window.type.empty() ? 0 : window.expected);
    quarantined += task.quarantined;
    window.records = task.listed();
    window.packages = task.taken;
    window.packages_of = task.packages;
    window.done = task.over;
    if (task.over) ++run->summary.windows_done;
  }
  co_return Result<void>{};
}

std::optional<Error> Night::must_end(const NightRunning& run) const {
  if (stopping_) return Error{Errc::retry_later, "lane.stopped", {}, {}, {}, {}};
  if (c_.clock.now() >= run.summary.window_end)
    return Error{Errc::retry_later, "sync.window_over", {}, run.summary.window_end.platform_text(), {}, {}};
  return std::nullopt;
}

NightTask* Night::next_task(NightRunning& run) {
  for (auto& task : run.tasks) {
    const auto& own = run.taxpayers[task.taxpayer];
    if (task.busy || task.over || own.held || (own.turned_away && c_.steady_ms() < own.later_until)) continue;
    const bool blocked = std::ranges::any_of(run.tasks, [&](const NightTask& other) {
      return other.busy && same_invoices(result(run, other).window, result(run, task).window);
    });
    if (!blocked) return &task;
  }
  return nullptr;
}

asio::awaitable<void> Night::worker(Run run) {
  while (!run->broken && !run->ended) {
    if (auto end = must_end(*run)) {
      run->ended = std::move(end);
      break;
    }
    if (NightTask* task = next_task(*run)) {
      co_await work_on(run, *task);
      continue;
    }
    // Nothing left but what others work on, or what the gateway turned away: that is waited for.
    const auto waits = std::ranges::find_if(run->tasks, [&](const NightTask& task) {
      const auto& own = run->taxpayers[task.taxpayer];
      return !task.busy && !task.over && !own.held && own.turned_away;
    });
    if (waits == run->tasks.end()) break;
    const auto& own = run->taxpayers[waits->taxpayer];
    co_await pause(run, *own.turned_away, std::max(own.times - 1, 0));
  }
}

asio::awaitable<Result<void>> Night::attempt(Run run) {
  // How many are known of each taxpayer is counted in the mirror: the store would have to read every row.
  auto known =
      co_await on_night_lane<std::vector<std::uint64_t>>([run](NightLane& lane) -> Result<std::vector<std::uint64_t>> {
        if (auto filled = lane.fill(); !filled) return std::unexpected(filled.error());
        std::vector<std::uint64_t> out;
        for (const auto& own : run->taxpayers)
          out.push_back(
              lane.mirror().size(InvoiceKey::first_partition(own.number), InvoiceKey::last_partition(own.number)));
        return out;
      });
  if (!known) co_return std::unexpected(known.error());
  const auto& s = c_.settings->sync;
  for (std::size_t i = 0; i < run->taxpayers.size(); ++i) {
    auto& part = run->summary.taxpayers[i];
    if (part.known == 0) part.known = (*known)[i];
    const std::uint64_t share = part.known * static_cast<std::uint64_t>(s.max_change_percent) / 100;
    run->taxpayers[i].may_change = std::max(share, static_cast<std::uint64_t>(s.max_change_floor));
  }
  const int workers = c_.settings->sync.concurrency;
  auto left = std::make_shared<int>(workers);
  auto all = std::make_shared<asio::steady_timer>(c_.executor, asio::steady_timer::time_point::max());
  for (int i = 0; i < workers; ++i)
    asio::co_spawn(c_.executor, worker(run), [left, all](const std::exception_ptr&) {
      if (--*left == 0) all->cancel();
    });
  boost::system::error_code done;
  if (*left > 0) co_await all->async_wait(asio::redirect_error(asio::use_awaitable, done));
  if (!run->broken && !stopping_) co_await apply_pending(run);
  if (run->broken) co_return std::unexpected(*run->broken);
  co_return Result<void>{};
}

asio::awaitable<void> Night::carry_out(Run run) {
  run->steady_began = c_.steady_ms();
  run->summary.state = sync::NightState::running;
  for (int failures = 0; !stopping_; ++failures) {
    run->broken.reset();
    // After a failure mirror and store may differ: everything is read again from the store, and nothing is lost. Not
    // before that has succeeded does a window go on: its pages that were not committed would be taken for done.
    auto done = failures == 0 ? Result<void>{} : co_await restore(run);
    if (done) done = co_await attempt(run);
    if (done || stopping_ || run->ended) break;
    log::write(log::Level::error, done.error());
    run->broken = done.error();  // for who asks meanwhile, and for what a night says that ends like this
    co_await pause(run, done.error(), failures);
    if (must_end(*run)) run->ended = done.error();
  }
  if (stopping_) co_return;  // goes on at the next start
  co_await verify(run);
  if (stopping_) co_return;
  // A night that was cut short lists the rest tomorrow: its audit comes then, from where the last one ended.
  std::optional<AuditMarks> marks;
  if (!run->ended) marks = co_await audit_run(run);
  if (stopping_) co_return;
  conclude(*run);
  co_await keep(run, true);
  if (stopping_) co_return;
  if (marks) co_await keep_audit(run, std::move(*marks));
  const auto& sum = run->summary;
  note(*run, said(Error{Errc::retry_later,
                        "journal.night_ended",
                        fmt::format("{} / {}", sum.windows_done, sum.windows),
                        std::to_string(sum.records),
                        std::to_string(sum.calls),
                        {}}));
  log::notice("sync.ended", "night {}: {}, {} of {} windows, {} records", sum.run, name(sum.state), sum.windows_done,
              sum.windows, sum.records);
  // A held batch was compared and not committed.
  const bool committed = !run->broken && std::ranges::none_of(run->taxpayers, &NightTaxpayer::held);
  co_await on_night_lane<void>([committed](NightLane& lane) -> Result<void> {
    if (committed) lane.keep();
    lane.drop();
    return {};
  });
  running_ = nullptr;
}

asio::awaitable<void> Night::apply_pending(Run run) {
  if (run->applying) co_return;
  run->applying = true;
  run->pending = 0;
  for (;;) {
    auto plan = co_await on_night_lane<store::ApplyPlan>(
        [](NightLane& lane) { return lane.reader().plan(limits::kNightPending); });
    if (!plan) {
      run->broken = plan.error();
      break;
    }
    if (plan->rows.empty()) break;
    auto shared = std::make_shared<store::ApplyPlan>(std::move(*plan));
    auto applied = co_await answered<std::int64_t>(c_.executor, [this, shared](auto done) mutable {
      c_.store.night().apply(std::move(*shared), std::move(done));
    });
    if (!applied && applied.error().id != "store.stale") {  // stale: a day's observation came between
      run->broken = applied.error();
      break;
    }
    c_.reached("night.applied");
  }
  run->applying = false;
}

asio::awaitable<void> Night::keep(Run run, bool finished) {
  auto& sum = run->summary;
  for (int failures = 0; !stopping_; ++failures) {
    sum.updated_at = c_.clock.now();
    if (finished) sum.finished_at = sum.updated_at;
    store::NightRun row{.run = sum.run,
                        .started_at = sum.started_at,
                        .finished_at = sum.finished_at,
                        .state = std::string(name(sum.state)),
                        .first_change = run->first_change,
                        .summary = to_record(sum).SerializeAsString()};
    auto kept = co_await answered<std::int64_t>(c_.executor, [this, row = std::move(row)](auto done) mutable {
      c_.store.night().put_run(std::move(row), std::move(done));
    });
    if (kept) {
      sum.run = *kept;
      co_return;
    }
    log::write(log::Level::error, kept.error());
    co_await sleep(std::min(c_.settings->retry_max_ms, c_.settings->retry_first_ms << std::min(failures, 16)));
  }
}

void Night::note(const NightRunning& run, Said detail) {
  JournalRow entry = row("night", std::move(detail), std::to_string(run.summary.run), run.summary.principal);
  entry.state = std::string(name(run.summary.state));
  c_.store.note(std::move(entry), [](Result<void> stored) {
    if (!stored) log::write(log::Level::error, stored.error());
  });
}

}  // namespace taxgate::pipeline
