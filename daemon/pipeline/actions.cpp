// What people and billing servers may do to a submission, to a taxpayer's hold, to the ledger and to the list of
// callers. Every action is one durable compare-and-swap with its principal in the journal.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/pipeline/engine.h"
#include "daemon/pipeline/present.h"
#include "daemon/pipeline/replies.h"
#include "daemon/rules/rules.h"
#include "protocol/messages.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

Error not_now(const std::string& action, State state) {
  return {Errc::invalid_input, "submission.not_now", "action", action, std::string(name(state)), {}};
}

bool sent_something(State state) {
  return state == State::sending || state == State::outcome_unknown || state == State::waiting_counterparty ||
         state == State::confirmed || state == State::processing;
}

}  // namespace

void Engine::act(api::Caller caller, std::string id, std::string action, api::v1::ActionRequest request,
                 api::Reply<api::v1::Submission> reply) {
  asio::co_spawn(context_.executor,
                 perform(std::move(caller), std::move(id), std::move(action), std::move(request),
                         std::make_shared<api::Reply<api::v1::Submission>>(std::move(reply))),
                 asio::detached);
}

asio::awaitable<void> Engine::perform(api::Caller caller, std::string id, std::string action,
                                      api::v1::ActionRequest request, Shared<api::v1::Submission> reply) {
  // Our own work on the submission may move it under us: read, decide, swap; when the swap loses, look again.
  constexpr int kTries = 20;
  const auto done = JournalEvent::named(action);
  for (int attempt = 0; attempt < kTries; ++attempt) {
    auto read = co_await context_.read<std::optional<Submission>>([id](store::Reader& r) { return r.submission(id); });
    if (!read) co_return reply_error(reply, read.error());
    if (!*read || !may_see(caller, (*read)->taxpayer))
      co_return reply_error(reply, {Errc::invalid_input, "submission.not_found", "id", id, {}, {}});
    Submission sub = std::move(**read);
    const State from = sub.state;
    State to = from;  // NOLINT(clang-analyzer-deadcode.DeadStores): every branch below says it
    Said detail = verbatim(request.reason());
    if (action == "cancel") {
      if (from == State::cancelled) co_return co_await show(caller, id, reply);
      if (sent_something(from) || on_platform(sub) || (from == State::attention && sub.attempts > 0)) {
        if (sub.kind == Kind::red && !sub.form_uuid.empty())
          co_return reply_error(reply, {Errc::invalid_input, "submission.sent", "id", id, sub.form_uuid, {}});
        // An answer, or a form not yet found: there is nothing that could be revoked.
        co_return reply_error(reply, {Errc::invalid_input, "submission.perhaps_sent", "id", id, {}, {}});
      }
      to = State::cancelled;
    } else if (action == "retry") {
      if (!is_final(from) && from != State::attention && from != State::held && from != State::waiting_approval) {
        context_.queue.wake(id, steady_ms());
        context_.memory[id].failures = 0;
        pump();
        co_return co_await show(caller, id, reply);
      }
      // After something has left, only asking is safe; before, it may start over.
      if (from != State::attention) co_return reply_error(reply, not_now(action, from));
      to = sub.attempts > 0 ? State::outcome_unknown : after_hold(sub);
      // A form we know is followed, never looked for: what a list leaves out would be sent again.
      if (sub.kind == Kind::red && sub.step == Step::apply && on_platform(sub)) to = State::waiting_counterparty;
    } else if (action == "resolve") {
      if (from != State::attention) co_return reply_error(reply, not_now(action, from));
      const bool red = sub.kind == Kind::red;
      if (request.outcome() == "adopt" && red) {
        if (request.form_uuid().empty())
          co_return reply_error(reply, {Errc::invalid_input, "resolve.which_form", "form_uuid", {}, id, {}});
        auto owner = co_await context_.read<std::optional<Submission>>(
            [uuid = request.form_uuid()](store::Reader& r) { return r.owner_of_form(uuid); });
        if (!owner) co_return reply_error(reply, owner.error());
        if (*owner && (*owner)->id != sub.id)
          co_return reply_error(
              reply, {Errc::invalid_input, "resolve.owned", "form_uuid", request.form_uuid(), (*owner)->id, {}});
        auto form = co_await answered<leqi::DetailReply>(context_.executor, [&](auto done) {
          context_.platform.detail(sub.taxpayer, {.taxpayer = sub.taxpayer, .uuid = request.form_uuid(), .number = {}},
                                   std::move(done));
        });
        if (!form) co_return reply_error(reply, form.error());
        if (!form->outcome.ok() || form->form.blue_number != sub.blue_number)
          co_return reply_error(
              reply, {Errc::invalid_input, "resolve.form", "form_uuid", request.form_uuid(), sub.blue_number, {}});
        sub.form_uuid = form->form.uuid;
        sub.form_number = form->form.number;
        sub.form_state = form->form.state;
        sub.entered_at = form->form.entered_at;
        const State seen = queue::state_for_form(form->form);
        to = seen == State::issued ? State::confirmed : seen;  // the next look books an issued red with its number
        detail = said("journal.adopt", form->form.number) += detail;
      } else if (request.outcome() == "not_arrived") {
        if (sub.attempts == 0) co_return reply_error(reply, not_now(action, from));
        if (red && sub.step == Step::apply && on_platform(sub))
          co_return reply_error(reply, {Errc::invalid_input, "resolve.stands", "outcome", sub.form_number, id, {}});
        to = State::ready;  // the same signed bytes leave again
        sub.attempts = 0;
        detail = said("journal.not_arrived") += detail;
      } else if (request.outcome() == "close") {
        to = State::refused;
        detail = said("journal.closed") += detail;
      } else {
        co_return reply_error(reply, {Errc::invalid_input,
                                      "resolve.outcome",
                                      "outcome",
                                      request.outcome(),
                                      red ? "adopt, not_arrived, close" : "not_arrived, close",
                                      {}});
      }
    } else if (action == "approve" || action == "deny_approval") {
      if (from != State::waiting_approval) co_return reply_error(reply, not_now(action, from));
      if (caller.name == sub.caller)
        co_return reply_error(reply, {Errc::invalid_input, "approval.own", "id", id, caller.name, {}});
      to = action == "approve" ? State::queued : State::refused;
      if (to == State::refused)
        sub.error =
            error_bytes({Errc::rejected, "approval.denied", {}, request.reason(), {}, {}}, context_.settings->channel);
    } else if (action == "hold") {
      // Of a request that may be on its way nothing may be made anew, and release begins anew.
      if (sent_something(from) ? from != State::confirmed : from == State::ready && sub.attempts > 0)
        co_return reply_error(reply, {Errc::invalid_input, "hold.too_late", "id", id, sub.taxpayer, {}});
      if (!allowed(from, State::held)) co_return reply_error(reply, not_now(action, from));
      to = State::held;
      sub.hold_reason = request.reason().empty() ? "operator" : request.reason();
      sub.hold_release_by = "operator";
    } else if (action == "release") {
      if (from != State::held) co_return reply_error(reply, not_now(action, from));
      to = after_hold(sub);
      sub.hold_reason.clear();
      sub.hold_release_by.clear();
    } else {
      co_return reply_error(reply, {Errc::invalid_input, "submission.action", "action", action, {}, {}});
    }
    if (!allowed(from, to)) co_return reply_error(reply, not_now(action, from));
    // What made it stop is over; left standing, it would be read as the platform's "no" (step_ask.cpp).
    if (from == State::attention && !is_final(to)) {
      sub.error.clear();
      sub.foreign.clear();
    }
    auto moved = co_await context_.advance(sub, to, row(*done, std::move(detail), {}, caller.name));
    if (moved) {
      context_.queue.wake(id, steady_ms());
      context_.memory[id] = {};
      pump();
      co_return co_await show(std::move(caller), id, reply);
    }
    if (moved.error().id != "store.stale") co_return reply_error(reply, moved.error());
  }
  reply_error(reply, {Errc::retry_later, "store.stale", "id", id, {}, {}});
}

// ---- holds of a whole taxpayer
// -----------------------------------------------------------------------------------------

asio::awaitable<void> Engine::reply_holds(api::Caller caller, Shared<api::v1::HoldList> reply) {
  auto holds = co_await context_.read<std::vector<store::Hold>>([](store::Reader& r) { return r.holds(); });
  if (!holds) co_return reply_error(reply, holds.error());
  api::v1::HoldList out;
  out.set_channel(context_.settings->channel);
  for (const auto& hold : *holds)
    if (may_see(caller, hold.taxpayer)) *out.add_holds() = present(hold);
  (*reply)(std::move(out));
}

void Engine::holds(api::Caller caller, api::Reply<api::v1::HoldList> reply) {
  asio::co_spawn(context_.executor,
                 reply_holds(std::move(caller), std::make_shared<api::Reply<api::v1::HoldList>>(std::move(reply))),
                 asio::detached);
}

asio::awaitable<void> Engine::change_hold(api::Caller caller, api::v1::HoldRequest request, bool set,
                                          Shared<api::v1::HoldList> reply) {
  if (request.taxpayer().empty())
    co_return reply_error(reply, {Errc::invalid_input, "hold.whose", "taxpayer", {}, {}, {}});
  if (find_taxpayer(*context_.settings, request.taxpayer()) == nullptr || !may_see(caller, request.taxpayer()))
    co_return reply_error(reply, {Errc::invalid_input, "taxpayer.unknown", "taxpayer", request.taxpayer(), {}, {}});
  Result<void> changed;
  if (set) {
    changed = co_await context_.hold_taxpayer(request.taxpayer(), "operator", "operator", verbatim(request.reason()),
                                              caller.name);
    pump();
  } else {
    auto standing = co_await context_.read<std::vector<store::Hold>>([](store::Reader& r) { return r.holds(); });
    if (!standing) co_return reply_error(reply, standing.error());
    bool any = false;
    for (const auto& hold : *standing) {
      if (hold.taxpayer != request.taxpayer() || (!request.reason().empty() && hold.reason != request.reason()))
        continue;
      any = true;
      changed = co_await answered<void>(context_.executor, [&](auto done) {
        parts_.store->release_hold(hold.taxpayer, hold.reason, {caller.name, caller.roles, caller.taxpayers},
                                   std::move(done));
      });
      if (!changed) break;
    }
    if (!any) {
      // A look that failed after an earlier release may have left it held in memory only, where nobody sees it.
      if (std::ranges::find(*standing, request.taxpayer(), &store::Hold::taxpayer) == standing->end()) {
        context_.queue.release(request.taxpayer(), steady_ms());
        pump();
      }
      co_return reply_error(reply,
                            {Errc::invalid_input, "hold.none", "taxpayer", request.taxpayer(), request.reason(), {}});
    }
  }
  if (!changed) co_return reply_error(reply, changed.error());
  auto left = co_await context_.read<std::vector<store::Hold>>([](store::Reader& r) { return r.holds(); });
  if (!left) co_return reply_error(reply, left.error());
  if (std::ranges::none_of(*left, [&](const auto& h) { return h.taxpayer == request.taxpayer(); })) {
    context_.queue.release(request.taxpayer(), steady_ms());
    pump();
  }
  co_await reply_holds(std::move(caller), reply);
}

void Engine::hold(api::Caller caller, api::v1::HoldRequest request, api::Reply<api::v1::HoldList> reply) {
  asio::co_spawn(context_.executor,
                 change_hold(std::move(caller), std::move(request), true,
                             std::make_shared<api::Reply<api::v1::HoldList>>(std::move(reply))),
                 asio::detached);
}
void Engine::release(api::Caller caller, api::v1::HoldRequest request, api::Reply<api::v1::HoldList> reply) {
  asio::co_spawn(context_.executor,
                 change_hold(std::move(caller), std::move(request), false,
                             std::make_shared<api::Reply<api::v1::HoldList>>(std::move(reply))),
                 asio::detached);
}

// ---- ledger import
// -------------------------------------------------------------------------------------------------------

void Engine::import_invoices(api::Caller caller, api::v1::ImportRequest request,
                             api::Reply<api::v1::ImportReply> reply) {
  api::v1::ImportReply out;
  out.set_channel(context_.settings->channel);
  std::vector<Invoice> good;
  store::Store::RedNumbers reds;
  std::vector<std::string> numbers;
  for (int i = 0; i < request.invoices_size(); ++i) {
    Findings findings;
    Invoice invoice = read_record(request.invoices(i), fmt::format("invoices[{}].", i),
                                  context_.settings->channel == "simulator", findings);
    if (findings.empty() && !invoice.is_red) findings = rules::check_blue(invoice);
    for (int r = 0; r < request.invoices(i).reds_size(); ++r)
      if (auto ok = check_canonical_number(request.invoices(i).reds(r), fmt::format("invoices[{}].reds[{}]", i, r));
          !ok)
        findings.push_back(std::move(ok.error()));
    if (findings.empty() && !may_see(caller, invoice.seller.id) && !may_see(caller, invoice.buyer.id))
      findings.push_back(
          {Errc::invalid_input, "caller.taxpayer", fmt::format("invoices[{}].seller", i), invoice.seller.id, {}, {}});
    if (!findings.empty()) {
      if (!findings.front().field.starts_with("invoices["))
        findings.front().field.insert(0, fmt::format("invoices[{}].", i));
      out.add_refused()->ParseFromString(error_bytes(findings.front(), context_.settings->channel));
      continue;
    }
    numbers.push_back(invoice.number);
    if (const auto& of = request.invoices(i).reds(); !of.empty() && !invoice.is_red)
      reds[invoice.number].assign(of.begin(), of.end());
    good.push_back(std::move(invoice));
  }
  auto shared = std::make_shared<api::Reply<api::v1::ImportReply>>(std::move(reply));
  parts_.store->import_invoices(std::move(good), std::move(reds), {caller.name, caller.roles, caller.taxpayers},
                                [this, shared, out = std::move(out),
                                 numbers = std::move(numbers)](Result<store::Store::ImportCounts> counts) mutable {
                                  asio::post(context_.executor, [this, shared, out = std::move(out),
                                                                 numbers = std::move(numbers), counts]() mutable {
                                    if (!counts) return reply_error(shared, counts.error());
                                    (void)intake_lane_.post([intake = intake_, numbers = std::move(numbers)] {
                                      for (const auto& number : numbers) intake->forget(number);
                                    });
                                    out.set_added(counts->added);
                                    out.set_updated(counts->updated);
                                    out.set_unchanged(counts->unchanged);
                                    (*shared)(std::move(out));
                                  });
                                });
}

// ---- callers
// -------------------------------------------------------------------------------------------------------------

namespace {
template <class Match>
std::optional<api::Caller> find_caller(const std::vector<store::Caller>& callers, Match match) {
  const auto it = std::ranges::find_if(callers, match);
  if (it == callers.end()) return std::nullopt;
  return api::Caller{it->name, it->roles, it->taxpayers};
}
}  // namespace

std::optional<api::Caller> Engine::by_uid(std::int64_t uid) const {
  return find_caller(callers_, [uid](const store::Caller& c) { return c.uid >= 0 && c.uid == uid; });
}
std::optional<api::Caller> Engine::by_token(std::string_view sha256) const {
  return find_caller(callers_,
                     [sha256](const store::Caller& c) { return !c.token_sha256.empty() && c.token_sha256 == sha256; });
}
std::optional<api::Caller> Engine::by_certificate(std::string_view sha256) const {
  return find_caller(callers_, [sha256](const store::Caller& c) {
    return !c.certificate_sha256.empty() && c.certificate_sha256 == sha256;
  });
}

api::v1::CallerList Engine::caller_list() const {
  api::v1::CallerList out;
  out.set_channel(context_.settings->channel);
  for (const auto& caller : callers_) {
    auto& info = *out.add_callers();
    info.set_name(caller.name);
    for (const auto& r : caller.roles) info.add_roles(r);
    for (const auto& t : caller.taxpayers) info.add_taxpayers(t);
    if (caller.uid >= 0) info.set_uid(caller.uid);
    info.set_by_token(!caller.token_sha256.empty());
    info.set_certificate_sha256(caller.certificate_sha256);
  }
  return out;
}

asio::awaitable<Result<void>> Engine::reload_callers() {
  auto callers = co_await context_.read<std::vector<store::Caller>>([](store::Reader& r) { return r.callers(); });
  if (!callers) co_return std::unexpected(callers.error());
  callers_ = std::move(*callers);
  co_return Result<void>{};
}

asio::awaitable<void> Engine::change_caller(api::Caller by, std::optional<api::v1::CallerInfo> put, std::string remove,
                                            Shared<api::v1::CallerList> reply) {
  const store::Principal principal{by.name, by.roles, by.taxpayers};
  Result<void> changed;
  if (put) {
    if (auto findings = api::check_caller(*put); !findings.empty()) {
      (*reply)(std::unexpected(std::move(findings)));
      co_return;
    }
    store::Caller caller{.name = put->name(),
                         .roles = {put->roles().begin(), put->roles().end()},
                         .taxpayers = {put->taxpayers().begin(), put->taxpayers().end()},
                         .token_sha256 = put->token_sha256(),
                         .certificate_sha256 = put->certificate_sha256(),
                         .uid = put->has_uid() ? put->uid() : -1};
    changed = co_await answered<void>(
        context_.executor, [&](auto done) { parts_.store->put_caller(std::move(caller), principal, std::move(done)); });
  } else {
    if (std::ranges::none_of(callers_, [&](const auto& c) { return c.name == remove; }))
      co_return reply_error(reply, {Errc::invalid_input, "caller.not_found", "name", remove, {}, {}});
    changed = co_await answered<void>(
        context_.executor, [&](auto done) { parts_.store->remove_caller(remove, principal, std::move(done)); });
  }
  if (changed) changed = co_await reload_callers();
  if (!changed) co_return reply_error(reply, changed.error());
  (*reply)(caller_list());
}

void Engine::list_callers(api::Caller, api::Reply<api::v1::CallerList> reply) { reply(caller_list()); }
void Engine::put_caller(api::Caller by, api::v1::CallerInfo caller, api::Reply<api::v1::CallerList> reply) {
  asio::co_spawn(context_.executor,
                 change_caller(std::move(by), std::move(caller), {},
                               std::make_shared<api::Reply<api::v1::CallerList>>(std::move(reply))),
                 asio::detached);
}
void Engine::remove_caller(api::Caller by, std::string caller_name, api::Reply<api::v1::CallerList> reply) {
  asio::co_spawn(context_.executor,
                 change_caller(std::move(by), std::nullopt, std::move(caller_name),
                               std::make_shared<api::Reply<api::v1::CallerList>>(std::move(reply))),
                 asio::detached);
}

}  // namespace taxgate::pipeline
