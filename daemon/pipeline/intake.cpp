#include "daemon/pipeline/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/core/limits.h"
#include "daemon/ledger/ledger.h"
#include "daemon/pipeline/bureau_codes.h"
#include "daemon/pipeline/circumstances.h"
#include "daemon/pipeline/engine.h"
#include "daemon/pipeline/present.h"
#include "daemon/pipeline/proposals.h"
#include "daemon/queue/deadlines.h"

namespace taxgate::pipeline {
namespace {

Findings refuse(std::string id, std::string field, std::string wanted = {}, std::string left = {}) {
  return {Error{Errc::invalid_input, std::move(id), std::move(field), std::move(wanted), std::move(left), {}}};
}

/// Wanted lines of the request as the rules take them.
Findings read_wish(const api::v1::SubmissionRequest& request, rules::Wish& wish) {
  Findings findings;
  for (int i = 0; i < request.lines_size(); ++i) {
    const auto& line = request.lines(i);
    const std::string at = fmt::format("lines[{}].", i);
    rules::LineWish out{.blue_line = line.blue_line(), .quantity = {}, .amount = {}, .total = {}};
    const auto note = [&](auto parsed, auto& into) {
      if (parsed)
        into = *parsed;
      else
        findings.push_back(parsed.error());
    };
    if (!line.quantity().empty()) note(Decimal::parse(line.quantity(), at + "quantity"), out.quantity);
    if (!line.amount().empty()) note(Fen::parse(line.amount(), at + "amount"), out.amount);
    if (!line.total().empty()) note(Fen::parse(line.total(), at + "total"), out.total);
    wish.lines.push_back(out);
  }
  return findings;
}

}  // namespace

Intake::Known& Intake::place_of(const std::string& number) {
  return known_[std::hash<std::string>{}(number) % kRemembered];
}

Result<const Intake::Known*> Intake::known(store::Reader& reader, const std::string& number) {
  Known& place = place_of(number);
  if (place.invoice.number == number) return &place;
  auto stored = reader.invoice(number);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return nullptr;
  place = {
      .invoice = std::move((*stored)->invoice), .platform = (*stored)->platform, .has_reds = !(*stored)->reds.empty()};
  return &place;
}

void Intake::forget_all() {
  for (Known& place : known_) place = {};
}

void Intake::forget(const std::string& number) {
  if (Known& place = place_of(number); place.invoice.number == number) place = {};
}

Findings Intake::weigh(store::Reader& reader, const Settings& settings,
                       const std::vector<std::string>& caller_taxpayers, api::v1::SubmissionRequest& request,
                       bool lane_busy, bool menu, Weighed& out) {
  if (auto findings = to_bureau_codes(request, settings.channels); !findings.empty()) return findings;
  const bool invented = settings.channel == "simulator";
  const bool as_buyer = request.initiator() == "buyer";
  if (!as_buyer && !request.initiator().empty() && request.initiator() != "seller")
    return refuse("submission.initiator", "initiator", request.initiator(), "seller, buyer");
  if (request.seller().empty()) return refuse("submission.missing", "seller");
  if (request.blue_number().empty()) return refuse("submission.missing", "blue_number");
  if (auto ok = check_taxpayer_id(request.seller(), "seller", invented); !ok) return {ok.error()};

  // The blue invoice: the ledger's word goes before the caller's.
  if (auto ok = check_canonical_number(request.blue_number(), "blue_number"); !ok) return {ok.error()};
  auto cached = known(reader, request.blue_number());
  if (!cached) return {cached.error()};
  const Invoice* blue = nullptr;
  bool has_reds = lane_busy;
  if (*cached) {
    blue = &(*cached)->invoice;
    has_reds = has_reds || (*cached)->has_reds;
  } else {
    if (!request.has_blue()) return refuse("ledger.unknown_blue", "blue_number", request.blue_number());
    Findings findings;
    Invoice inline_blue = read_record(request.blue(), "blue.", invented, findings);
    if (findings.empty() && inline_blue.number != request.blue_number())
      findings.push_back({Errc::invalid_input,
                          "submission.blue_mismatch",
                          "blue.number",
                          inline_blue.number,
                          request.blue_number(),
                          {}});
    if (findings.empty()) std::ranges::move(rules::check_blue(inline_blue), std::back_inserter(findings));
    if (!findings.empty()) return findings;
    out.inline_invoices.push_back(std::move(inline_blue));
    blue = &out.inline_invoices.front();
  }
  if (blue->seller.id != request.seller())
    return refuse("submission.seller_mismatch", "seller", request.seller(), blue->seller.id);

  out.taxpayer = as_buyer ? blue->buyer.id : blue->seller.id;
  const TaxpayerSettings* taxpayer = find_taxpayer(settings, out.taxpayer);
  if (!taxpayer) return refuse("taxpayer.unknown", as_buyer ? "blue.buyer" : "seller", out.taxpayer);
  if (!caller_taxpayers.empty() && std::ranges::find(caller_taxpayers, out.taxpayer) == caller_taxpayers.end())
    return refuse("caller.taxpayer", "seller", out.taxpayer);

  std::optional<ledger::Blue> with_reds;
  if (has_reds) {
    auto fresh = ledger::blue(reader, request.blue_number(), 0);
    if (!fresh) return {fresh.error()};
    with_reds = std::move(*fresh);
  }
  rules::BlueState state = with_reds ? with_reds->state() : rules::BlueState{.blue = blue, .reds = {}};
  auto known = known_of(request,
                        {.invoice = state.blue,
                         .platform = *cached ? (*cached)->platform : PlatformStatus{},
                         .in_ledger = *cached != nullptr,
                         .has_reds = !state.reds.empty()},
                        *taxpayer, clock_.now(), settings.codes);
  if (!known) return std::move(known.error());
  if (known->blue) state.blue = &*known->blue;
  const rules::Circumstances& circumstances = known->circumstances;
  if (menu) {
    for (const auto& left : rules::left(state)) out.left.push_back(present(left, *state.blue));
    std::ranges::copy(rules::reason_menu(state, circumstances, settings.codes), std::back_inserter(out.reasons));
  }

  if (request.has_platform_form()) {
    auto red = document_of(*request.mutable_platform_form(), *state.blue, invented);
    if (!red) return std::move(red.error());
    if (red->seller.id != request.seller() || red->blue_number != request.blue_number())
      return refuse("submission.form_mismatch", "platform_form", red->blue_number, request.blue_number());
    out.verdict = rules::judge(state, *red, circumstances, settings.codes);
    out.red = std::move(*red);
  } else {
    rules::Wish wish;
    wish.initiator = as_buyer ? Side::buyer : Side::seller;
    wish.seller_kind = circumstances.seller_kind;
    wish.tax_device = request.tax_device().empty() ? taxpayer->tax_device : request.tax_device();
    if (auto findings = read_wish(request, wish); !findings.empty()) return findings;
    if (wants_several(request)) {
      auto plan = read_plan(request, wish);
      if (!plan) return std::move(plan.error());
      const auto proposals = rules::propose(state, *plan, circumstances, settings.codes);
      out.verdict = together(proposals);
      for (const auto& proposal : proposals) out.proposals.push_back(present(proposal, request));
      add(std::move(known->differences), out.verdict);
      return {};
    }
    auto reason = parse_reason(request.reason(), "reason");
    // What happened, in the operator's words (R19, X22). A code or an official name is taken as it is, never turned
    // round.
    if (!reason) reason = rules::reason_for(request.reason(), *state.blue, settings.codes);
    if (!reason) return {reason.error()};
    wish.reason = *reason;
    // Of a service partly performed "all that is left" is what was not performed (R21, R30).
    if (wish.reason == Reason::service_stopped && wish.lines.empty() && circumstances.performed &&
        !circumstances.performed->is_zero()) {
      auto rest = rules::unperformed(state, *circumstances.performed, Decimal::from_int(1));
      if (!rest) return {rest.error()};
      wish.lines = std::move(rest->lines);
    }
    auto decision = rules::decide(state, wish, circumstances, settings.codes);
    out.red = std::move(decision.red);
    out.verdict = std::move(decision.verdict);
  }
  add(std::move(known->differences), out.verdict);
  if (out.verdict.refused()) out.red.reset();
  return {};
}

std::expected<Admitted, Findings> Intake::admit(store::Reader& reader, const Settings& settings,
                                                const std::string& caller,
                                                const std::vector<std::string>& caller_taxpayers,
                                                api::SubmissionBody body, bool lane_busy) {
  Admitted out;
  api::v1::SubmissionRequest& request = *body;
  store::Submission& sub = out.submission;
  sub.caller = caller;
  sub.idempotency_key = std::move(*request.mutable_idempotency_key());
  request.clear_idempotency_key();  // the key identifies the request; it is not part of it
  sub.request = request.SerializeAsString();

  // A repeat is answered from what was promised before, whatever the rules would say now.
  auto before = reader.by_idempotency_key(caller, sub.idempotency_key);
  if (!before) return std::unexpected(Findings{before.error()});
  if (*before) {
    sub.kind = (*before)->kind;
    sub.taxpayer = (*before)->taxpayer;
    return out;  // Store::accept compares the bytes and answers same or conflict
  }

  Weighed weighed;
  if (auto findings = weigh(reader, settings, caller_taxpayers, request, lane_busy, false, weighed); !findings.empty())
    return std::unexpected(std::move(findings));
  if (!weighed.proposals.empty()) return std::unexpected(refuse("R29.documents", "lines"));
  if (!weighed.red) return std::unexpected(weighed.verdict.refusals());
  RedDocument& red = *weighed.red;

  sub.kind = Kind::red;
  sub.step = Step::apply;
  sub.taxpayer = std::move(weighed.taxpayer);
  sub.lane = sub.blue_number = request.blue_number();
  sub.amount = red.amount;
  sub.tax = red.tax;
  sub.document = to_stored(red);
  // A red books in the month it is issued (rules.md F4): whoever waits past the month end changes the return.
  const LegalTime now = clock_.now();
  sub.deadline = queue::period_deadline(now, now, settings.filing_day);
  sub.state = weighed.verdict.answer == rules::Answer::needs_approval ? State::waiting_approval : State::queued;
  out.inline_invoices = std::move(weighed.inline_invoices);
  out.red = std::move(red);
  out.detail = accepted_detail(weighed.verdict, request);
  if (request.has_context() || request.evidence_size() > 0 || request.has_circumstances()) out.shown = std::move(body);
  return out;
}

Result<api::v1::CheckReply> Intake::check(store::Reader& reader, const Settings& settings, const std::string& caller,
                                          const std::vector<std::string>& caller_taxpayers,
                                          api::v1::SubmissionRequest request, bool lane_busy, bool menu) {
  api::v1::CheckReply reply;
  reply.set_channel(settings.channel);
  reply.set_channel_zh(channel_zh(settings.channel));
  reply.set_blue_number(request.blue_number());
  if (!request.idempotency_key().empty()) {
    auto before = reader.by_idempotency_key(caller, request.idempotency_key());
    if (!before) return std::unexpected(before.error());
    if (*before) reply.set_accepted_as((*before)->id);
  }
  Weighed weighed;
  const auto findings = weigh(reader, settings, caller_taxpayers, request, lane_busy, menu, weighed);
  for (const Error& error : findings) {
    // A request that is wrong is an answer; a store that cannot be read is none.
    if (error.code != Errc::invalid_input && error.code != Errc::rejected) return std::unexpected(error);
    weighed.verdict.answer = rules::Answer::refused;
    weighed.verdict.findings.push_back({error, rules::Severity::refuse});
  }
  present(weighed.verdict, weighed.red ? &*weighed.red : nullptr, reply);
  reply.set_taxpayer(weighed.taxpayer);
  if (reply.reason().empty()) reply.set_reason(request.reason());  // as given: the rules made no document of it
  for (auto& left : weighed.left) *reply.add_left() = std::move(left);
  for (const auto& option : weighed.reasons) *reply.add_reasons() = present(option);
  for (auto& proposal : weighed.proposals) *reply.add_proposals() = std::move(proposal);
  return reply;
}

namespace {
/// The first row of a new submission's time line, as the store wrote it.
store::JournalRow accepted_row(const store::Submission& sub, const std::string& detail) {
  store::JournalRow row;
  row.seq = sub.seq;
  row.at = sub.created_at;
  row.event = "accepted";
  row.state = name(sub.state);
  row.step = name(sub.step);
  row.principal = sub.caller;
  row.detail = detail;
  return row;
}

/// Takes up to `most` from the front.
template <class T>
std::vector<T> first_of(std::deque<T>& waiting, std::size_t most) {
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(waiting.size(), most));
  std::vector<T> out(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
  waiting.erase(waiting.begin(), end);
  return out;
}
}  // namespace

// ---- the engine's side
// ------------------------------------------------------------------------------------------------

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
  if (created && !shown.noted.empty()) timeline.push_back(accepted_row(sub, shown.noted));
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
    std::expected<store::Accepted, Findings> done(std::move(*outcome));
    accepted(done, *reply, {});
  } else {
    (*reply)(std::unexpected(Findings{std::move(outcome.error())}));
  }
  pump();
}

}  // namespace taxgate::pipeline
