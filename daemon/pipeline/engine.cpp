#include "daemon/pipeline/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>

#include "daemon/queue/deadlines.h"

namespace taxgate::pipeline {
namespace {

constexpr std::size_t kLaneBound = 4096;      // one waiting read per connection of the API, four times over
constexpr int kLoadPage = 5000;               // open submissions read at once at start
constexpr std::int64_t kLabTickMs = 25;       // laboratory only: how soon a jump of the virtual clock is noticed
constexpr std::int64_t kClockJumpMs = 1'000;  // smaller differences are drift
constexpr std::int64_t kIdleMs = 3'600'000;   // nothing due: look once an hour all the same

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::start(Parts parts, Settings settings) {
  auto reads = parts.store->reader();
  if (!reads) return std::unexpected(reads.error());
  auto intake = parts.store->reader();
  if (!intake) return std::unexpected(intake.error());
  auto night = parts.store->night().reader();
  if (!night) return std::unexpected(night.error());
  auto events = parts.store->night().reader();
  if (!events) return std::unexpected(events.error());
  auto engine = std::make_unique<Engine>(std::move(parts), std::move(settings), std::move(*reads), std::move(*intake),
                                         std::move(*night), std::move(*events));
  if (auto loaded = engine->load(); !loaded) return std::unexpected(loaded.error());
  return engine;
}

Engine::Engine(Parts parts, Settings settings, std::unique_ptr<store::Reader> reads,
               std::unique_ptr<store::Reader> intake, std::unique_ptr<store::NightReader> night,
               std::unique_ptr<store::NightReader> events)
    : parts_(std::move(parts)),
      reads_reader_(std::move(reads)),
      intake_reader_(std::move(intake)),
      event_reader_(std::move(events)),
      context_{
          .executor = parts_.io->get_executor(),
          .store = *parts_.store,
          .reads = reads_lane_,
          .reader = *reads_reader_,
          .platform = *parts_.platform,
          .keys = *parts_.keys,
          .clock = *parts_.clock,
          .steady_ms = [this] { return steady_ms(); },
          .random_below =
              [this](std::uint32_t bound) { return static_cast<std::uint32_t>(random_.below(std::max(bound, 1U))); },
          .settings = std::make_shared<const Settings>(std::move(settings)),
          .discipline = parts_.discipline ? *parts_.discipline : real_discipline_,
          .probe = parts_.probe,
          .queue = queue::Queue({}),
          .memory = {},
          .on_moved = [this](const Submission& sub) { moved(sub); },
          .on_disk_hold = [this] { disks_.held(); }},
      disks_(context_,
             [this](const std::string& id) {
               context_.queue.wake(id, steady_ms());
               pump();
             }),
      timer_(*parts_.io),
      inbox_timer_(*parts_.io),
      clock_timer_(*parts_.io),
      intake_(std::make_shared<Intake>(*parts_.clock)),
      reads_lane_("reads", kLaneBound),
      intake_lane_("intake", kLaneBound) {
  context_.queue = queue::Queue({.max_active = context_.settings->max_active});
  started_at_ = context_.clock.now();
  night_ = std::make_unique<Night>(
      context_, std::move(night),
      Night::Hooks{.look_at_forms = [this](std::string taxpayer) { return look_at_both_inboxes(std::move(taxpayer)); },
                   .wake = [this](const std::string& taxpayer) { return wake_waiting(taxpayer); }});
}

Engine::~Engine() { stop(); }

std::int64_t Engine::steady_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Result<void> Engine::load() {
  store::Reader& reader = *reads_reader_;  // the lanes have no work yet
  auto holds = reader.holds();
  if (!holds) return std::unexpected(holds.error());
  for (auto& hold : *holds) context_.queue.hold(hold.taxpayer);
  auto callers = reader.callers();
  if (!callers) return std::unexpected(callers.error());
  callers_ = std::move(*callers);
  auto last = reader.last_seq();
  if (!last) return std::unexpected(last.error());
  last_seq_ = *last;

  const std::int64_t now = steady_ms();
  for (std::int64_t after = 0;;) {
    auto page = reader.open_entries(after, kLoadPage);
    if (!page) return std::unexpected(page.error());
    for (auto& entry : *page) {
      after = entry.seq;
      context_.queue.add(std::move(entry), now);
    }
    if (page->size() < static_cast<std::size_t>(kLoadPage)) break;
  }
  if (context_.queue.size() != 0) log::info("pipeline.loaded", "{} open submissions", context_.queue.size());
  parts_.keys->on_change([this] { keys_changed(); });
  last_legal_ms_ = context_.clock.now().ms;
  last_steady_ms_ = now;
  asio::co_spawn(context_.executor, watch_inbox(), asio::detached);
  if (context_.settings->lab) watch_clock();
  night_->start();
  pump();
  return {};
}

void Engine::reload(Settings settings) {
  context_.settings = std::make_shared<const Settings>(std::move(settings));
  context_.queue.limit({.max_active = context_.settings->max_active});
  context_.queue.wake_all(steady_ms());
  night_->reload();
  pump();
}

std::uint64_t Engine::wake_waiting(const std::string& taxpayer) {
  (void)intake_lane_.post([intake = intake_] { intake->forget_all(); });  // new submissions meet the new statuses
  const std::size_t woken = context_.queue.wake_taxpayer(taxpayer, steady_ms());
  pump();
  return woken;
}

void Engine::stop() {
  if (stopping_) return;
  stopping_ = true;
  timer_.cancel();
  inbox_timer_.cancel();
  clock_timer_.cancel();
  disks_.stop();
  waiters_.clear();
  event_waiters_.clear();
  night_->stop();
  intake_lane_.stop();
  reads_lane_.stop();
}

void Engine::pump() {
  if (stopping_) return;
  announce_deadlines();
  if (steady_ms() >= roll_at_ms_)
    while (auto id = context_.queue.claim_passed(context_.clock.now()))
      asio::co_spawn(context_.executor, roll_deadline(std::move(*id)), asio::detached);
  while (auto id = context_.queue.next(steady_ms(), context_.clock.now()))
    asio::co_spawn(context_.executor, work(std::move(*id)), asio::detached);
  arm();
}

void Engine::arm() {
  const std::int64_t now = steady_ms();
  std::int64_t at = now + kIdleMs;
  if (const auto due = context_.queue.next_due()) at = std::min(at, *due);
  for (const auto& [id, waiter] : waiters_) at = std::min(at, waiter.until_ms);
  for (const auto& waiter : event_waiters_) at = std::min(at, waiter.until_ms);
  if (const auto deadline = context_.queue.next_announcement()) {
    const std::int64_t warn_in = deadline->ms - context_.settings->warn_deadline_ms - context_.clock.now().ms;
    at = std::min(at, now + std::max<std::int64_t>(warn_in, 1));
  }
  if (const auto deadline = context_.queue.next_deadline()) {
    const std::int64_t passes_in = deadline->ms - context_.clock.now().ms;
    if (passes_in > 0) at = std::min(at, now + passes_in);
  }
  if (roll_at_ms_ > now) at = std::min(at, roll_at_ms_);
  if (timer_armed_ && timer_at_ == at) return;
  timer_armed_ = true;
  timer_at_ = at;
  timer_.expires_after(std::chrono::milliseconds(std::max<std::int64_t>(at - now, 0)));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopping_) return;
    timer_armed_ = false;
    sweep_waiters();
    pump();
  });
}

asio::awaitable<void> Engine::work(std::string id) {
  Next next = Next::again();
  auto read = co_await context_.read<std::optional<Submission>>([id](store::Reader& r) { return r.submission(id); });
  if (!read || !*read) {
    if (read) log::error("pipeline.missing", "{} is in the queue but not in the store", id);
    context_.queue.finish(id, steady_ms() + context_.back_off(id), true);
    pump();
    co_return;
  }
  Submission sub = std::move(**read);
  while (next.kind == Next::Kind::again && !stopping_) {
    if (queue::work_of(sub.state) == queue::Work::none) break;
    if (queue::work_of(sub.state) == queue::Work::act && context_.queue.held(sub.taxpayer)) {
      next = Next::later(0);  // parked by the queue until the hold is released
      break;
    }
    next = co_await step(sub);
  }
  if (!stopping_) {
    context_.queue.finish(id, steady_ms() + next.delay_ms, next.failed);
    pump();
  }
}

asio::awaitable<Next> Engine::step(Submission& sub) {
  switch (sub.state) {
    case State::queued:
      co_return co_await step_prepare(context_, sub);
    case State::signing:
      co_return co_await step_sign(context_, sub);
    case State::ready:
      co_return co_await step_send(context_, sub);
    case State::sending: {  // we were killed between intent and answer: it may have arrived
      auto moved =
          co_await context_.advance(sub, State::outcome_unknown, row("restarted", said("journal.stopped_sending")));
      if (!moved) co_return after_failed_advance(context_, sub, moved.error());
      co_return Next::again();
    }
    case State::outcome_unknown:
      co_return co_await step_ask(context_, sub);
    case State::waiting_counterparty:
    case State::confirmed:
      co_return co_await step_follow(context_, sub);
    case State::processing:
      co_return co_await step_upload_result(context_, sub);
    default:
      co_return Next::rest();
  }
}

void Engine::announce_deadlines() {
  const LegalTime until = context_.clock.now().plus_ms(context_.settings->warn_deadline_ms);
  for (const std::string& id : context_.queue.to_announce(until)) {
    const auto entry = context_.queue.entry(id);
    const bool form = entry->state == State::waiting_counterparty;
    JournalRow note = row("deadline_near", said("journal.deadline", entry->deadline.platform_text()),
                          form ? "confirmation" : std::string(queue::period_name(entry->deadline)));
    note.submission = id;
    note.taxpayer = entry->taxpayer;
    context_.store.note(std::move(note), [](Result<void> stored) {
      if (!stored) log::write(log::Level::error, stored.error());
    });
  }
}

asio::awaitable<void> Engine::roll_deadline(std::string id) {
  auto read = co_await context_.read<std::optional<Submission>>([id](store::Reader& r) { return r.submission(id); });
  bool stored = true;
  if (read && *read && !is_final((*read)->state)) {
    Submission sub = std::move(**read);
    const LegalTime passed = sub.deadline;
    sub.deadline = context_.period_deadline(sub);  // none for an answer to a form: its 72 hours are over
    Said what = !sub.deadline.is_set() ? said("journal.deadline_over")
                : queue::period_name(passed) == "filing_day"
                    ? said("journal.deadline_filing_day", sub.deadline.platform_text())
                    : said("journal.deadline_month", sub.deadline.platform_text());
    JournalRow note =
        row("deadline_passed", std::move(what), sub.deadline.is_set() ? std::string(queue::period_name(passed)) : "");
    auto moved = co_await context_.advance(sub, sub.state, std::move(note));
    stored = moved || moved.error().id == "store.stale";
    if (!stored) log::write(log::Level::error, moved.error());
  } else {
    stored = read.has_value();
  }
  if (stopping_) co_return;
  if (!stored) roll_at_ms_ = steady_ms() + context_.settings->retry_max_ms;  // a full disk must not make this spin
  context_.queue.finish(id, steady_ms(), false);
  pump();
}

void Engine::watch_clock() {
  clock_timer_.expires_after(std::chrono::milliseconds(kLabTickMs));
  clock_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopping_) return;
    const std::int64_t legal = context_.clock.now().ms, steady = steady_ms();
    const std::int64_t jump = (legal - last_legal_ms_) - (steady - last_steady_ms_);
    last_legal_ms_ = legal;
    last_steady_ms_ = steady;
    if (jump > kClockJumpMs || jump < -kClockJumpMs) {
      context_.queue.wake_all(steady);
      inbox_timer_.cancel();
      night_->reload();
      disks_.look();
      pump();
    }
    watch_clock();
  });
}

void Engine::keys_changed() {
  if (stopping_) return;
  std::map<std::string, std::string> ready;
  std::set<std::string> taxpayers;
  for (const auto& key : parts_.keys->keys()) {
    if (key.state != "ready") continue;
    ready.emplace(key.serial, key.taxpayer);
    taxpayers.insert(key.taxpayer);
  }
  // A tax disk's figures change with each signature, and a list that says what it said before wakes nobody.
  for (const auto& [serial, taxpayer] : ready)
    if (!ready_keys_.contains(serial)) context_.queue.key_ready(taxpayer);
  for (const auto& [serial, taxpayer] : ready_keys_)
    if (!taxpayers.contains(taxpayer)) context_.queue.key_gone(taxpayer);
  ready_keys_ = std::move(ready);
  disks_.look();
  pump();
}

void Engine::committed(std::int64_t last_seq) {
  asio::post(context_.executor, [this, last_seq] {
    if (stopping_) return;
    last_seq_ = std::max(last_seq_, last_seq);
    for (auto& waiter : std::exchange(event_waiters_, {}))
      asio::co_spawn(context_.executor, read_events(std::move(waiter)), asio::detached);
  });
}

}  // namespace taxgate::pipeline
