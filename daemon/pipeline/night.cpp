// When a night begins: at its time, when asked, after a downtime; never two at once.
#include "daemon/pipeline/night.h"
#include "daemon/report/night_record.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

namespace taxgate::pipeline {

using report::from_record;
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kLookMs = 20'000;            // a stepped clock is noticed this soon
constexpr std::int64_t kLabLookMs = 50;             // laboratory: legal time jumps
constexpr std::string_view kSince = "night.since";  // cursor
constexpr std::int64_t kRetryMs = 60'000;           // the store could not be asked: again later

/// This minute of the day in which `t` lies.
LegalTime at_minute(LegalTime t, int minute) {
  const std::int64_t day = (t.ms + LegalTime::kOffsetMs) / kDayMs;
  return {day * kDayMs - LegalTime::kOffsetMs + minute * kMinuteMs};
}

}  // namespace

Night::Night(Context& context, std::unique_ptr<store::NightReader> reader, Hooks hooks)
    : c_(context),
      hooks_(std::move(hooks)),
      work_(std::move(reader), context.settings->state_dir + "/night.mirror"),
      lane_("night") {}

void Night::start() {
  last_began_ = c_.clock.now();  // a new ledger has missed no night
  asio::co_spawn(c_.executor, main_loop(), asio::detached);
  asio::co_spawn(c_.executor, watch_preflight(), asio::detached);
}

void Night::stop() {
  if (stopping_) return;
  stopping_ = true;
  begun_.clear();  // the callers' connections end with us
  for (auto* timer : sleeping_) timer->cancel();
  lane_.stop();
}

void Night::wake() {
  for (auto* timer : sleeping_) timer->cancel();
}

asio::awaitable<void> Night::sleep(std::int64_t ms) {
  auto timer = std::make_shared<asio::steady_timer>(c_.executor, std::chrono::milliseconds(ms));
  sleeping_.insert(timer.get());
  boost::system::error_code woken;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, woken));
  sleeping_.erase(timer.get());
}

LegalTime Night::scheduled_before(LegalTime now) const {
  const auto& s = c_.settings->sync;
  if (s.at == Config::Sync::kNever) return {};
  const LegalTime today = at_minute(now, s.at);
  return today <= now ? today : today.plus_ms(-kDayMs);
}

LegalTime Night::scheduled_after(LegalTime now) const {
  const LegalTime before = scheduled_before(now);
  return before.is_set() ? before.plus_ms(kDayMs) : LegalTime{};
}

asio::awaitable<bool> Night::go_on() {
  auto newest =
      co_await on_night_lane<std::vector<store::NightRun>>([](NightLane& lane) { return lane.reader().runs(0, 1); });
  if (!newest) {
    log::write(log::Level::error, newest.error());
    co_return false;
  }
  if (newest->empty()) co_return false;
  store::NightRun left = std::move(newest->front());
  last_began_ = left.started_at;
  api::v1::SyncRun record;
  if (left.finished_at.is_set() || !record.ParseFromString(left.summary)) co_return false;
  auto run = std::make_shared<NightRunning>();
  run->summary = from_record(record);
  run->summary.run = left.run;
  run->first_change = left.first_change;
  run->approved = run->summary.cause == "approved";
  std::vector<sync::Window> order;
  std::size_t longest = 0;
  for (const auto& t : run->summary.taxpayers) longest = std::max(longest, t.windows.size());
  for (std::size_t i = 0; i < longest; ++i)  // taxpayers take turns again
    for (const auto& t : run->summary.taxpayers)
      if (i < t.windows.size()) order.push_back(t.windows[i].window);
  make_tasks(*run, order);
  log::notice("sync.resumed", "night {} goes on after a stop", left.run);
  running_ = run;
  if (auto restored = co_await restore(run); !restored) {
    // A taxpayer of it is no longer configured, for one. It ends here, and today's night begins anew instead of never.
    log::write(log::Level::error, restored.error());
    if (stopping_) co_return false;
    run->summary.state = sync::NightState::failed;
    run->summary.trouble = restored.error().id;
    run->summary.detail = sync::detail_of(restored.error());
    co_await keep(run, true);
    running_ = nullptr;
    last_began_ = {};
    co_return false;
  }
  wishes_.clear();  // asked for while we looked: this is the night
  tell_begun(std::nullopt);
  looking_ = false;
  co_await carry_out(run);
  co_return true;
}

// Since when nights are due, so that who watches over them misses none of before: kept over restarts, begun anew when
// the schedule is switched on again. A ledger that made nights before this was kept has always been due.
asio::awaitable<void> Night::note_schedule() {
  LegalTime since = since_.value_or(LegalTime{});
  std::int64_t kept = since.ms;
  if (!since_) {
    auto read = co_await c_.read<std::int64_t>([](store::Reader& r) { return r.cursor(kSince); });
    auto runs =
        co_await on_night_lane<std::vector<store::NightRun>>([](NightLane& lane) { return lane.reader().runs(0, 1); });
    if (!read || !runs) co_return;  // at the next look
    kept = *read;
    since = {kept == 0 && !runs->empty() ? 1 : kept};
  }
  const LegalTime now = c_.clock.now();
  if (!scheduled_after(now).is_set())
    since = {};
  else if (!since.is_set() || since > now)
    since = now;
  if (since.ms != kept) {
    auto stored = co_await answered<void>(
        c_.executor, [this, since](auto done) { c_.store.set_cursor(std::string(kSince), since.ms, std::move(done)); });
    if (!stored) co_return log::write(log::Level::error, stored.error());
  }
  since_ = since;  // told only once it outlives a stop
}

asio::awaitable<void> Night::main_loop() {
  co_await note_schedule();
  co_await go_on();
  looking_ = false;
  while (!stopping_) {
    co_await note_schedule();
    const LegalTime now = c_.clock.now();
    if (!wishes_.empty()) {
      Wish wish = std::move(wishes_.front());
      wishes_.erase(wishes_.begin());
      co_await begin(std::move(wish));
      continue;
    }
    if (const LegalTime due = scheduled_before(now); due.is_set() && due > last_began_) {
      // A clock that was stepped back must not hold a night for ever; one that was stepped on runs one night, not many.
      const LegalTime end = at_minute(due, c_.settings->sync.until);
      const LegalTime until = end <= due ? end.plus_ms(kDayMs) : end;
      co_await begin({.cause = now < until ? "schedule" : "catch_up", .principal = "taxgated", .approved = {}});
      if (last_began_ < due && !stopping_) co_await sleep(kRetryMs);  // it could not even begin
      continue;
    }
    if (last_began_ > now) last_began_ = now;
    const LegalTime next = scheduled_after(now);
    const std::int64_t look = c_.settings->lab ? kLabLookMs : kLookMs;
    co_await sleep(next.is_set() ? std::clamp<std::int64_t>(next.ms - now.ms, 1, look) : look);
  }
}

}  // namespace taxgate::pipeline
