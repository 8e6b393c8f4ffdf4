// The engine's side of acceptance: requests go to the intake lane in batches, from there to the store, and their
// answers come back together (engine.h). The rules' side is intake.cpp.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/core/limits.h"
#include "daemon/pipeline/engine.h"
#include "daemon/pipeline/intake.h"
#include "daemon/pipeline/present.h"

namespace taxgate::pipeline {
namespace {
/// Takes up to `most` from the front.
template <class T>
std::vector<T> first_of(std::deque<T>& waiting, std::size_t most) {
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(waiting.size(), most));
  std::vector<T> out(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
  waiting.erase(waiting.begin(), end);
  return out;
}
}  // namespace

void Engine::submit(api::Caller caller, api::SubmissionBody request, api::Form form, api::Reply<api::Submitted> reply) {
  const bool busy = context_.queue.lane_busy(request->blue_number());
  // Not at once: the other requests that are already here shall come along, up to a batch, so that the rules work on
  // these while the io thread reads the next.
  std::size_t waiting = 0;
  {
    const std::lock_guard lock(arrivals_mutex_);
    arrivals_.push_back({std::move(caller), std::move(request), std::move(reply), form, busy, context_.settings});
    if (!admitting_) waiting = arrivals_.size();
  }
  if (waiting == 1) asio::post(context_.executor, [this] { begin_admitting(); });
  if (waiting >= limits::kIntakeBatch) begin_admitting();
}

void Engine::check(api::Caller caller, api::v1::SubmissionRequest request, bool menu,
                   api::Reply<api::v1::CheckReply> reply) {
  const bool busy = context_.queue.lane_busy(request.blue_number());
  // The lane of real submissions, so that both see the same ledger through the same cache.
  auto shared = std::make_shared<api::Reply<api::v1::CheckReply>>(std::move(reply));
  auto posted = intake_lane_.post([this, shared, settings = context_.settings, caller = std::move(caller),
                                   request = std::move(request), busy, menu]() mutable {
    intake_reader_->begin_snapshot();
    auto answer =
        intake_->check(*intake_reader_, *settings, caller.name, caller.taxpayers, std::move(request), busy, menu);
    intake_reader_->end_snapshot();
    asio::post(context_.executor, [shared, answer = std::move(answer)]() mutable {
      if (answer)
        (*shared)(std::move(*answer));
      else
        (*shared)(std::unexpected(Findings{std::move(answer.error())}));
    });
  });
  if (!posted) (*shared)(std::unexpected(Findings{posted.error()}));
}

void Engine::begin_admitting() {
  {
    const std::lock_guard lock(arrivals_mutex_);
    if (admitting_ || stopping_ || arrivals_.empty()) return;
    admitting_ = true;
  }
  admit_next();
}

void Engine::admit_next() {
  auto posted = intake_lane_.post([this] { admit_arrivals(); });
  if (posted) return;
  std::deque<Arrival> refused;
  {
    const std::lock_guard lock(arrivals_mutex_);
    admitting_ = false;
    refused.swap(arrivals_);
  }
  for (auto& arrival : refused) answered(std::unexpected(Findings{posted.error()}), std::move(arrival.reply), {});
}

void Engine::admit_arrivals() {
  std::vector<Arrival> batch;
  {
    const std::lock_guard lock(arrivals_mutex_);
    batch = first_of(arrivals_, limits::kIntakeBatch);
    admitting_ = !batch.empty();
  }
  if (batch.empty()) return;
  parts_.store->accept(admit(std::move(batch)));
  // What came meanwhile, without asking the io thread, which is busy with answers just now. At the lane's end, so that
  // a stream of submissions keeps no check waiting.
  admit_next();
}

std::vector<store::Acceptance> Engine::admit(std::vector<Arrival> batch) {
  std::vector<store::Acceptance> acceptances;
  acceptances.reserve(batch.size());
  intake_reader_->begin_snapshot();
  for (auto& arrival : batch) {
    api::Caller& caller = arrival.caller;
    auto admitted = intake_->admit(*intake_reader_, *arrival.settings, caller.name, caller.taxpayers,
                                   std::move(arrival.request), arrival.lane_busy);
    if (!admitted) {
      answered(std::unexpected(std::move(admitted.error())), std::move(arrival.reply), {});
      continue;
    }
    // What a created submission will be shown as is at hand here; reading it back from its stored bytes would cost the
    // io thread more than the whole of HTTP.
    auto shown =
        std::make_unique<Shown>(std::move(admitted->red), std::move(admitted->shown), admitted->detail, arrival.form);
    acceptances.emplace_back(
        std::move(admitted->submission),
        store::Principal{std::move(caller.name), std::move(caller.roles), std::move(caller.taxpayers)},
        std::move(admitted->inline_invoices),
        [this, reply = std::move(arrival.reply), shown = std::move(shown)](Result<store::Accepted> outcome) mutable {
          if (outcome)
            answered(std::move(*outcome), std::move(reply), std::move(shown));
          else
            answered(std::unexpected(Findings{std::move(outcome.error())}), std::move(reply), {});
        },
        std::move(admitted->detail));
  }
  intake_reader_->end_snapshot();
  return acceptances;
}

void Engine::answered(std::expected<store::Accepted, Findings> outcome, api::Reply<api::Submitted> reply,
                      std::unique_ptr<Shown> shown) {
  bool first = false;
  {
    const std::lock_guard lock(answers_mutex_);
    first = answers_.empty();
    answers_.emplace_back(std::move(outcome), std::move(reply), std::move(shown));
  }
  if (first) asio::post(context_.executor, [this] { deliver_answers(); });
}

void Engine::deliver_answers() {
  // One call is under way for what is left of those taken, and one for those that wait since: none is forgotten.
  if (delivered_until_ == delivered_.size()) {
    delivered_.clear();
    delivered_until_ = 0;
    const std::lock_guard lock(answers_mutex_);
    delivered_.swap(answers_);
  }
  static const Shown nothing;
  const std::size_t until = std::min(delivered_.size(), delivered_until_ + limits::kAnswersAtOnce);
  if (until < delivered_.size()) asio::post(context_.executor, [this] { deliver_answers(); });
  for (; delivered_until_ < until; ++delivered_until_) {
    auto& [outcome, reply, shown] = delivered_[delivered_until_];
    accepted(outcome, reply, shown ? *shown : nothing);
    shown.reset();
  }
  pump();
}

void Engine::accepted(std::expected<store::Accepted, Findings>& outcome, api::Reply<api::Submitted>& reply,
                      const Shown& shown) {
  if (!outcome) {
    reply(std::unexpected(std::move(outcome.error())));
    return;
  }
  const store::Submission& sub = outcome->submission;
  if (outcome->outcome == store::AcceptOutcome::conflict) {
    reply(std::unexpected(
        Findings{{Errc::invalid_input, "submission.conflict", "idempotency_key", sub.idempotency_key, sub.id, {}}}));
    return;
  }
  const bool created = outcome->outcome == store::AcceptOutcome::created;
  if (created && !stopping_) {
    context_.queue.add({.id = sub.id,
                        .lane = sub.lane,
                        .taxpayer = sub.taxpayer,
                        .seq = sub.seq,
                        .state = sub.state,
                        .deadline = sub.deadline},
                       steady_ms());
  }
  const auto& channel = context_.settings->channel;
  // What the rules noted is said with the promise; who lost the answer finds it in the time line.
  std::vector<store::JournalRow> timeline;
  if (created && !shown.noted.empty()) timeline.push_back(store::accepted_row(sub, sub.caller, shown.noted));
  const RedDocument* red = created && shown.red ? &*shown.red : nullptr;
  const auto* request = shown.request ? &**shown.request : nullptr;
  api::Submitted answer{.submission = {}, .created = created};
  if (red != nullptr && shown.form == api::Form::json) {
    answer.submission.set_id(sub.id);
    answer.json = present_json(sub, channel, red, request, timeline);
  } else {
    answer.submission = red != nullptr ? present(sub, channel, red, request) : present(sub, channel);
    add_timeline(answer.submission, timeline);
  }
  reply(std::move(answer));
}

void Engine::answer_form(api::Caller caller, std::string uuid, std::string answer_name, api::v1::ActionRequest request,
                         api::Reply<api::Submitted> reply) {
  auto shared = std::make_shared<api::Reply<api::Submitted>>(std::move(reply));
  const auto kind = kind_named(answer_name);
  if (!kind || *kind == Kind::red) {
    (*shared)(std::unexpected(
        Findings{{Errc::invalid_input, "inbox.answer", "answer", answer_name, "confirm, deny, revoke", {}}}));
    return;
  }
  asio::co_spawn(context_.executor, answer(std::move(caller), std::move(uuid), *kind, std::move(request), shared),
                 asio::detached);
}

asio::awaitable<void> Engine::answer(api::Caller caller, std::string uuid, Kind kind, api::v1::ActionRequest request,
                                     Shared<api::Submitted> reply) {
  auto form =
      co_await context_.read<std::optional<store::InboxForm>>([uuid](store::Reader& r) { return r.inbox_form(uuid); });
  auto owner =
      co_await context_.read<std::optional<Submission>>([uuid](store::Reader& r) { return r.owner_of_form(uuid); });
  if (!form || !owner) {
    (*reply)(std::unexpected(Findings{!form ? form.error() : owner.error()}));
    co_return;
  }
  Submission sub;
  sub.kind = kind;
  sub.step = Step::answer;
  sub.state = State::queued;
  sub.caller = caller.name;
  sub.idempotency_key = request.idempotency_key();
  request.clear_idempotency_key();
  // The key of who gave none (handlers.cpp): then the act is the form and the answer, whatever reason is told with it.
  const bool key_is_act = sub.idempotency_key == std::string(name(kind)) + ":" + uuid;
  sub.lane = "form:" + uuid;
  sub.form_uuid = uuid;
  if (*form && kind != Kind::revoke) {
    sub.taxpayer = (*form)->taxpayer;
    sub.blue_number = (*form)->blue_number;
    sub.form_number = (*form)->number;
    sub.amount = (*form)->amount;
    sub.tax = (*form)->tax;
    sub.deadline = (*form)->entered_at.plus_ms(LegalTime::kConfirmationMs);
  } else if (*owner && kind == Kind::revoke) {  // only what we raised ourselves can be revoked
    sub.taxpayer = (*owner)->taxpayer;
    sub.blue_number = (*owner)->blue_number;
    sub.form_number = (*owner)->form_number;
    sub.amount = (*owner)->amount;
    sub.tax = (*owner)->tax;
  } else {
    (*reply)(std::unexpected(Findings{{Errc::invalid_input, "inbox.not_found", "uuid", uuid, {}, {}}}));
    co_return;
  }
  if (!may_see(caller, sub.taxpayer)) {
    (*reply)(std::unexpected(Findings{{Errc::invalid_input, "inbox.not_found", "uuid", uuid, {}, {}}}));
    co_return;
  }
  // The form and the answer belong to the request: the same key for another form is a conflict, not a repeat.
  request.set_form_uuid(uuid);
  request.set_outcome(std::string(name(kind)));
  sub.request = request.SerializeAsString();
  auto outcome = co_await pipeline::answered<store::Accepted>(context_.executor, [&](auto done) {
    parts_.store->accept(std::move(sub), {caller.name, caller.roles, caller.taxpayers}, {}, std::move(done));
  });
  if (outcome) {
    if (key_is_act && outcome->outcome == store::AcceptOutcome::conflict) outcome->outcome = store::AcceptOutcome::same;
    std::expected<store::Accepted, Findings> done(std::move(*outcome));
    accepted(done, *reply, {});
  } else {
    (*reply)(std::unexpected(Findings{std::move(outcome.error())}));
  }
  pump();
}

}  // namespace taxgate::pipeline
