// What callers ask of the night, and the Gateway's part of it.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>

#include "daemon/pipeline/engine.h"
#include "daemon/report/night_record.h"

namespace taxgate::pipeline {

using report::brief;
using report::to_record;
namespace {

constexpr int kListLimit = 100;  // runs in one answer: three months

template <class T>
void refuse_with(const std::shared_ptr<api::Reply<T>>& reply, Error error) {
  (*reply)(std::unexpected(api::Findings{std::move(error)}));
}
Error unknown_run(std::int64_t run) {
  return {Errc::invalid_input, "sync.unknown_run", "run", std::to_string(run), {}, {}};
}

/// A caller of some taxpayers sees theirs.
api::v1::SyncRun restricted(api::v1::SyncRun record, const api::Caller& caller) {
  if (caller.taxpayers.empty()) return record;
  auto& all = *record.mutable_taxpayers();
  for (int i = all.size() - 1; i >= 0; --i)
    if (std::ranges::find(caller.taxpayers, all.Get(i).id()) == caller.taxpayers.end()) all.DeleteSubrange(i, 1);
  return record;
}

template <class T, class Change>
api::Reply<T> changed(api::Reply<T> reply, Change change) {
  return [reply = std::move(reply), change = std::move(change)](std::expected<T, api::Findings> result) mutable {
    if (result) change(*result);
    reply(std::move(result));
  };
}

std::optional<std::int64_t> run_number(const std::string& text) {
  std::int64_t run = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, run);
  return error == std::errc{} && stop == end && run > 0 ? std::optional(run) : std::nullopt;
}

}  // namespace

api::v1::SyncRun Night::record_now(const NightRunning& run) const {
  sync::NightSummary s = run.summary;
  s.updated_at = c_.clock.now();
  s.records = 0;
  for (auto& t : s.taxpayers) {
    t.records = 0;
    for (const auto& w : t.windows)
      if (!w.window.type.empty()) t.records += w.records;
    s.records += t.records;
  }
  // Windows are what the platform makes us wait for: the share of them that is done tells the rest of the time.
  if (s.windows_done > 0) {
    const std::int64_t gone = c_.steady_ms() - run.steady_began;
    s.expected_finish = s.updated_at.plus_ms(gone * static_cast<std::int64_t>(s.windows - s.windows_done) /
                                             static_cast<std::int64_t>(s.windows_done));
  }
  return to_record(s);
}

void Night::plan(api::Reply<api::v1::SyncPlan> reply) {
  asio::co_spawn(
      c_.executor,
      [](Night* self, std::shared_ptr<api::Reply<api::v1::SyncPlan>> answer) -> asio::awaitable<void> {
        auto input = co_await self->gather({});
        if (!input) co_return refuse_with(answer, input.error());
        // Whether it fits is asked of the night, which is as long as its window, whenever the question comes.
        const auto& s = self->c_.settings->sync;
        if (s.at != Config::Sync::kNever) input->window_end = input->now.plus_ms(window_ms(s));
        (*answer)(to_record(sync::make_plan(*input), input->limits.tonight(), self->c_.settings->channel));
      }(this, std::make_shared<api::Reply<api::v1::SyncPlan>>(std::move(reply))),
      asio::detached);
}

void Night::run_now(api::Caller caller, api::Reply<api::v1::SyncStatus> reply) {
  // While we look whether the run that a stop left can go on, it is not the answer yet: it may end instead.
  if (running_ && running_->summary.run != 0 && !looking_) return status(std::move(reply));
  if ((!running_ || looking_) && !beginning_ && wishes_.empty())
    wishes_.push_back({.cause = "asked", .principal = caller.name, .approved = {}});
  // Answered once the run is durable: whoever was told "it begins" finds it after any crash.
  begun_.push_back([this, reply = std::move(reply)](std::optional<Error> trouble) mutable {
    if (trouble) return reply(std::unexpected(api::Findings{std::move(*trouble)}));
    status(std::move(reply));
  });
  wake();
}

void Night::tell_begun(const std::optional<Error>& trouble) {
  for (auto& told : std::exchange(begun_, {})) told(trouble);
}

void Night::audit(api::Reply<api::v1::SyncAudit> reply) {
  asio::co_spawn(
      c_.executor,
      [](Night* self, std::shared_ptr<api::Reply<api::v1::SyncAudit>> answer) -> asio::awaitable<void> {
        auto rows = co_await self->on_night_lane<std::vector<store::NightRun>>(
            [](NightLane& lane) { return lane.reader().runs(0, kListLimit); });
        if (!rows) co_return refuse_with(answer, rows.error());
        sync::NightSummary listing;
        for (const auto& row : *rows) {
          api::v1::SyncRun record;
          if (!row.finished_at.is_set() || !record.ParseFromString(row.summary)) continue;
          listing = report::from_record(record);
          break;
        }
        NightAudit made(self->c_, listing, {}, self->never_listed());
        auto audit = co_await made.whole();
        if (!audit) co_return refuse_with(answer, audit.error());
        (*answer)(to_record(*audit, self->c_.settings->channel));
      }(this, std::make_shared<api::Reply<api::v1::SyncAudit>>(std::move(reply))),
      asio::detached);
}

void Night::status(api::Reply<api::v1::SyncStatus> reply) {
  asio::co_spawn(
      c_.executor,
      [](Night* self, std::shared_ptr<api::Reply<api::v1::SyncStatus>> answer) -> asio::awaitable<void> {
        api::v1::SyncStatus out;
        out.set_channel(self->c_.settings->channel);
        out.set_next_at(self->scheduled_after(self->c_.clock.now()).rfc3339());
        if (self->since_) out.set_scheduled_since(self->since_->rfc3339());
        out.set_active(self->running_ || self->beginning_ || self->looking_ || !self->wishes_.empty());
        if (!self->running_) {
          auto last = co_await self->on_night_lane<std::vector<store::NightRun>>(
              [](NightLane& lane) { return lane.reader().runs(0, 1); });
          if (!last) co_return refuse_with(answer, last.error());
          if (!last->empty()) {
            if (!out.mutable_run()->ParseFromString(last->front().summary)) out.clear_run();
            out.mutable_run()->set_run(static_cast<std::uint64_t>(last->front().run));
          }
        }
        if (self->running_) *out.mutable_run() = self->record_now(*self->running_);
        (*answer)(std::move(out));
      }(this, std::make_shared<api::Reply<api::v1::SyncStatus>>(std::move(reply))),
      asio::detached);
}

void Night::runs(std::int64_t before, int limit, api::Reply<api::v1::SyncRunList> reply) {
  asio::co_spawn(
      c_.executor,
      [](Night* self, std::int64_t from, int most, std::shared_ptr<api::Reply<api::v1::SyncRunList>> answer)
          -> asio::awaitable<void> {
        auto rows = co_await self->on_night_lane<std::vector<store::NightRun>>(
            [from, most](NightLane& lane) { return lane.reader().runs(from, most); });
        if (!rows) co_return refuse_with(answer, rows.error());
        api::v1::SyncRunList out;
        out.set_channel(self->c_.settings->channel);
        for (const auto& row : *rows) {
          api::v1::SyncRun record;
          if (!record.ParseFromString(row.summary)) continue;
          record.set_run(static_cast<std::uint64_t>(row.run));
          *out.add_runs() = brief(std::move(record));
        }
        if (static_cast<int>(rows->size()) == most && !rows->empty()) out.set_next(std::to_string(rows->back().run));
        (*answer)(std::move(out));
      }(this, before, std::min(limit, kListLimit),
          std::make_shared<api::Reply<api::v1::SyncRunList>>(std::move(reply))),
      asio::detached);
}

void Night::show(std::int64_t run, api::Reply<api::v1::SyncRun> reply) {
  if (running_ && running_->summary.run == run) return reply(record_now(*running_));
  asio::co_spawn(
      c_.executor,
      [](Night* self, std::int64_t wanted,
         std::shared_ptr<api::Reply<api::v1::SyncRun>> answer) -> asio::awaitable<void> {
        auto row = co_await self->on_night_lane<std::optional<store::NightRun>>(
            [wanted](NightLane& lane) { return lane.reader().run(wanted); });
        if (!row) co_return refuse_with(answer, row.error());
        api::v1::SyncRun record;
        if (!*row || !record.ParseFromString((*row)->summary)) co_return refuse_with(answer, unknown_run(wanted));
        record.set_run(static_cast<std::uint64_t>(wanted));
        (*answer)(std::move(record));
      }(this, run, std::make_shared<api::Reply<api::v1::SyncRun>>(std::move(reply))),
      asio::detached);
}

void Night::approve(api::Caller caller, std::int64_t run, std::string reason, api::Reply<api::v1::SyncRun> reply) {
  asio::co_spawn(
      c_.executor,
      [](Night* self, api::Caller who, std::int64_t wanted, std::string why,
         std::shared_ptr<api::Reply<api::v1::SyncRun>> answer) -> asio::awaitable<void> {
        auto rows = co_await self->on_night_lane<std::vector<store::NightRun>>(
            [](NightLane& lane) { return lane.reader().runs(0, 1); });
        if (!rows) co_return refuse_with(answer, rows.error());
        if (self->running_ || self->beginning_ || self->looking_ || !self->wishes_.empty() || rows->empty() ||
            rows->front().run != wanted || !rows->front().finished_at.is_set())
          co_return refuse_with(
              answer, {Errc::invalid_input, "sync.nothing_to_approve", "run", std::to_string(wanted), {}, {}});
        api::v1::SyncRun record;
        if (!record.ParseFromString(rows->front().summary)) co_return refuse_with(answer, unknown_run(wanted));
        Wish wish{.cause = "approved", .principal = who.name, .approved = {}};
        for (auto& t : *record.mutable_taxpayers())
          if (t.state() == name(sync::NightState::waiting_approval)) {
            const bool allowed =
                who.taxpayers.empty() || std::ranges::find(who.taxpayers, t.id()) != who.taxpayers.end();
            if (allowed) wish.approved.insert(t.id());
          }
        if (wish.approved.empty())
          co_return refuse_with(
              answer, {Errc::invalid_input, "sync.nothing_to_approve", "run", std::to_string(wanted), {}, {}});
        JournalRow entry = row("night", said("journal.night_approved", why), std::to_string(wanted), who.name);
        entry.state = "approved";
        // Who said so is durable before anything follows from it.
        auto noted = co_await answered<void>(self->c_.executor, [self, entry](auto done) mutable {
          self->c_.store.note(std::move(entry), std::move(done));
        });
        if (!noted) co_return refuse_with(answer, noted.error());
        self->wishes_.push_back(std::move(wish));
        self->wake();
        (*answer)(std::move(record));
      }(this, std::move(caller), run, std::move(reason),
                                                               std::make_shared<api::Reply<api::v1::SyncRun>>(
                                                                   std::move(reply))),
      asio::detached);
}

// ---- the Gateway's part ---------------------------------------------------------------------------------------------

void Engine::sync_plan(api::Caller caller, api::Reply<api::v1::SyncPlan> reply) {
  night_->plan(changed<api::v1::SyncPlan>(std::move(reply), [caller](api::v1::SyncPlan& plan) {
    if (caller.taxpayers.empty()) return;
    auto& all = *plan.mutable_windows();
    for (int i = all.size() - 1; i >= 0; --i)
      if (std::ranges::find(caller.taxpayers, all.Get(i).taxpayer()) == caller.taxpayers.end())
        all.DeleteSubrange(i, 1);
  }));
}

void Engine::sync_preflight(api::Caller caller, api::Reply<api::v1::SyncPreflight> reply) {
  night_->preflight(changed<api::v1::SyncPreflight>(std::move(reply), [caller](api::v1::SyncPreflight& found) {
    if (caller.taxpayers.empty()) return;
    // What is not about another taxpayer: a finding names its taxpayer in its field or its text.
    auto& all = *found.mutable_findings();
    for (int i = all.size() - 1; i >= 0; --i) {
      const bool of_one = all.Get(i).code() == "preflight.platform" || all.Get(i).code() == "key.none";
      const std::string& whose = all.Get(i).code() == "key.none" ? all.Get(i).wanted() : all.Get(i).field();
      if (of_one && std::ranges::find(caller.taxpayers, whose) == caller.taxpayers.end()) all.DeleteSubrange(i, 1);
    }
  }));
}

void Engine::sync_audit(api::Caller caller, api::Reply<api::v1::SyncAudit> reply) {
  night_->audit(changed<api::v1::SyncAudit>(std::move(reply), [caller](api::v1::SyncAudit& audit) {
    if (caller.taxpayers.empty()) return;
    // Gaps of the log itself name no taxpayer and concern everybody.
    auto& all = *audit.mutable_named();
    for (int i = all.size() - 1; i >= 0; --i)
      if (const auto& whose = all.Get(i).field();
          !whose.empty() && std::ranges::find(caller.taxpayers, whose) == caller.taxpayers.end())
        all.DeleteSubrange(i, 1);
  }));
}

void Engine::sync_run(api::Caller caller, api::v1::SyncRequest, api::Reply<api::v1::SyncStatus> reply) {
  night_->run_now(caller, changed<api::v1::SyncStatus>(std::move(reply), [caller](api::v1::SyncStatus& status) {
                    if (status.has_run()) *status.mutable_run() = restricted(status.run(), caller);
                  }));
}

void Engine::sync_status(api::Caller caller, api::Reply<api::v1::SyncStatus> reply) {
  night_->status(changed<api::v1::SyncStatus>(std::move(reply), [caller](api::v1::SyncStatus& status) {
    if (status.has_run()) *status.mutable_run() = restricted(status.run(), caller);
  }));
}

void Engine::sync_runs(api::Caller caller, std::string after, int limit, api::Reply<api::v1::SyncRunList> reply) {
  const auto before = after.empty() ? std::optional<std::int64_t>(0) : run_number(after);
  if (!before)
    return reply(
        std::unexpected(api::Findings{{Errc::invalid_input, "events.cursor", "after", after.substr(0, 64), {}, {}}}));
  night_->runs(*before, limit, changed<api::v1::SyncRunList>(std::move(reply), [caller](api::v1::SyncRunList& list) {
    for (auto& run : *list.mutable_runs()) run = restricted(std::move(run), caller);
  }));
}

void Engine::sync_show(api::Caller caller, std::string run, api::Reply<api::v1::SyncRun> reply) {
  const auto number = run_number(run);
  if (!number)
    return reply(
        std::unexpected(api::Findings{{Errc::invalid_input, "sync.unknown_run", "run", run.substr(0, 64), {}, {}}}));
  night_->show(*number, changed<api::v1::SyncRun>(std::move(reply), [caller](api::v1::SyncRun& record) {
    record = restricted(std::move(record), caller);
  }));
}

void Engine::sync_approve(api::Caller caller, std::string run, api::v1::SyncRequest request,
                          api::Reply<api::v1::SyncRun> reply) {
  const auto number = run_number(run);
  if (!number)
    return reply(
        std::unexpected(api::Findings{{Errc::invalid_input, "sync.unknown_run", "run", run.substr(0, 64), {}, {}}}));
  night_->approve(caller, *number, request.reason(),
                  changed<api::v1::SyncRun>(std::move(reply), [caller](api::v1::SyncRun& record) {
                    record = restricted(std::move(record), caller);
                  }));
}

}  // namespace taxgate::pipeline
