// What the local API may ask: submissions, events, inbox, invoices, keys, status. Nothing here changes anything.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>

#include "daemon/core/certificate_files.h"
#include "daemon/events/event_page.h"
#include "daemon/pipeline/engine.h"
#include "daemon/pipeline/present.h"
#include "daemon/pipeline/replies.h"
#include "protocol/messages.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

constexpr int kEventPage = 1000;     // journal rows read at once
constexpr int kEventPagesMax = 200;  // a caller of few taxpayers may have to skip many rows of others

Error not_found(const std::string& id) { return {Errc::invalid_input, "submission.not_found", "id", id, {}, {}}; }

}  // namespace

bool Engine::may_see(const api::Caller& caller, std::string_view taxpayer) const {
  return caller.taxpayers.empty() || std::ranges::find(caller.taxpayers, taxpayer) != caller.taxpayers.end();
}

// ---- one submission, perhaps waiting for it to move
// --------------------------------------------------------------------

asio::awaitable<void> Engine::show(api::Caller caller, std::string id, Shared<api::v1::Submission> reply) {
  auto sub = co_await context_.read<std::optional<Submission>>([id](store::Reader& r) { return r.submission(id); });
  if (!sub) co_return reply_error(reply, sub.error());
  if (!*sub || !may_see(caller, (*sub)->taxpayer)) co_return reply_error(reply, not_found(id));
  auto rows = co_await context_.read<std::vector<JournalRow>>([id](store::Reader& r) { return r.journal_of(id); });
  if (!rows) co_return reply_error(reply, rows.error());
  auto out = present(**sub, context_.settings->channel);
  add_holiday_warning(out, **sub, context_.settings->calendar);
  add_timeline(out, *rows);
  (*reply)(std::move(out));
}

asio::awaitable<void> Engine::wait_for(Waiter waiter) {
  auto sub = co_await context_.read<std::optional<Submission>>(
      [id = waiter.id](store::Reader& r) { return r.submission(id); });
  if (!sub || !*sub || !may_see(waiter.caller, (*sub)->taxpayer)) {
    waiter.reply(std::unexpected(api::Findings{sub ? not_found(waiter.id) : sub.error()}));
    co_return;
  }
  const std::string_view now = name((*sub)->state);
  if (waiter.seen_state.empty()) waiter.seen_state = now;
  if (now != waiter.seen_state || is_final((*sub)->state) || stopping_) {
    co_await show(std::move(waiter.caller), waiter.id,
                  std::make_shared<api::Reply<api::v1::Submission>>(std::move(waiter.reply)));
    co_return;
  }
  waiters_.emplace(waiter.id, std::move(waiter));
  arm();
}

void Engine::get(api::Caller caller, std::string id, int wait_ms, std::string seen_state,
                 api::Reply<api::v1::Submission> reply) {
  if (wait_ms <= 0) {
    auto shared = std::make_shared<api::Reply<api::v1::Submission>>(std::move(reply));
    asio::co_spawn(context_.executor, show(std::move(caller), std::move(id), shared), asio::detached);
    return;
  }
  asio::co_spawn(context_.executor,
                 wait_for({.id = std::move(id),
                           .seen_state = std::move(seen_state),
                           .caller = std::move(caller),
                           .reply = std::move(reply),
                           .until_ms = steady_ms() + wait_ms}),
                 asio::detached);
}

void Engine::moved(const Submission& sub) {
  for (auto it = waiters_.find(sub.id); it != waiters_.end(); it = waiters_.find(sub.id)) {
    if (name(sub.state) == it->second.seen_state) break;
    Waiter waiter = std::move(it->second);
    waiters_.erase(it);
    asio::co_spawn(context_.executor,
                   show(std::move(waiter.caller), waiter.id,
                        std::make_shared<api::Reply<api::v1::Submission>>(std::move(waiter.reply))),
                   asio::detached);
  }
  if (sub.state == State::issued) {  // the ledger row changed with it
    (void)intake_lane_.post([intake = intake_, number = sub.blue_number] { intake->forget(number); });
  }
}

void Engine::sweep_waiters() {
  const std::int64_t now = steady_ms();
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    if (it->second.until_ms > now) {
      ++it;
      continue;
    }
    Waiter waiter = std::move(it->second);
    it = waiters_.erase(it);
    asio::co_spawn(context_.executor,
                   show(std::move(waiter.caller), waiter.id,
                        std::make_shared<api::Reply<api::v1::Submission>>(std::move(waiter.reply))),
                   asio::detached);
  }
  std::vector<EventWaiter> rest;
  for (auto& waiter : std::exchange(event_waiters_, {})) {
    if (waiter.until_ms > now) {
      rest.push_back(std::move(waiter));
      continue;
    }
    api::v1::EventList none;
    none.set_channel(context_.settings->channel);
    none.set_next(waiter.query.after.empty() ? events::cursor_text(0) : waiter.query.after);
    waiter.reply(std::move(none));
  }
  std::ranges::move(rest, std::back_inserter(event_waiters_));
}

void Engine::signatures(api::Caller caller, std::string id, api::Reply<api::v1::SignatureList> reply) {
  auto shared = std::make_shared<api::Reply<api::v1::SignatureList>>(std::move(reply));
  asio::co_spawn(
      context_.executor,
      [](Engine* self, api::Caller who, std::string wanted,
         Shared<api::v1::SignatureList> answer) -> asio::awaitable<void> {
        auto sub = co_await self->context_.read<std::optional<Submission>>(
            [wanted](store::Reader& r) { return r.submission(wanted); });
        if (!sub) co_return reply_error(answer, sub.error());
        if (!*sub || !self->may_see(who, (*sub)->taxpayer)) co_return reply_error(answer, not_found(wanted));
        // Verified on the lane as well: each costs as much as a few reads.
        auto out = co_await self->context_.read<api::v1::SignatureList>(
            [wanted, taxpayer = (*sub)->taxpayer,
             channel = self->context_.settings->channel](store::Reader& r) -> Result<api::v1::SignatureList> {
              auto kept = r.signatures(wanted);
              if (!kept) return std::unexpected(kept.error());
              api::v1::SignatureList list;
              list.set_submission(wanted);
              list.set_channel(channel);
              for (const auto& one : *kept) *list.add_signatures() = present(one, taxpayer);
              return list;
            });
        if (!out) co_return reply_error(answer, out.error());
        (*answer)(*std::move(out));
      }(this, std::move(caller), std::move(id), shared),
      asio::detached);
}

// ---- lists
// -----------------------------------------------------------------------------------------------------------

void Engine::list(api::Caller caller, api::ListQuery query, api::Reply<api::v1::SubmissionList> reply) {
  store::SubmissionFilter filter{.taxpayer = query.taxpayer,
                                 .state = query.state,
                                 .blue_number = query.blue_number,
                                 .idempotency_key = query.idempotency_key,
                                 .taxpayers = caller.taxpayers,
                                 .limit = query.limit};
  const auto* end = query.after.data() + query.after.size();
  const auto read = std::from_chars(query.after.data(), end, filter.after_seq);
  if (!query.after.empty() && (read.ptr != end || read.ec != std::errc{} || filter.after_seq < 0)) {
    reply(std::unexpected(api::Findings{{Errc::invalid_input, "events.cursor", "after", query.after, {}, {}}}));
    return;
  }
  auto shared = std::make_shared<api::Reply<api::v1::SubmissionList>>(std::move(reply));
  asio::co_spawn(
      context_.executor,
      [](Engine* self, store::SubmissionFilter wanted,
         Shared<api::v1::SubmissionList> answer) -> asio::awaitable<void> {
        auto found = co_await self->context_.read<std::vector<Submission>>(
            [wanted](store::Reader& r) { return r.submissions(wanted); });
        if (!found) co_return reply_error(answer, found.error());
        api::v1::SubmissionList out;
        out.set_channel(self->context_.settings->channel);
        for (const auto& sub : *found) *out.add_submissions() = present(sub, self->context_.settings->channel);
        if (static_cast<int>(found->size()) >= wanted.limit && !found->empty())
          out.set_next(std::to_string(found->back().seq));
        (*answer)(std::move(out));
      }(this, std::move(filter), shared),
      asio::detached);
}

void Engine::inbox(api::Caller caller, std::string taxpayer, api::Reply<api::v1::Inbox> reply) {
  auto shared = std::make_shared<api::Reply<api::v1::Inbox>>(std::move(reply));
  asio::co_spawn(
      context_.executor,
      [](Engine* self, api::Caller who, std::string wanted, Shared<api::v1::Inbox> answer) -> asio::awaitable<void> {
        auto found = co_await self->context_.read<std::vector<store::InboxForm>>(
            [wanted](store::Reader& r) { return r.inbox(wanted, true); });
        if (!found) co_return reply_error(answer, found.error());
        api::v1::Inbox out;
        out.set_channel(self->context_.settings->channel);
        std::ranges::sort(*found, {}, [](const store::InboxForm& f) { return f.entered_at; });  // least time left first
        for (const auto& form : *found)
          if (self->may_see(who, form.taxpayer)) {
            auto& shown = *out.add_forms();
            shown = present(form, self->context_.clock.now());
            add_holiday_warning(shown, form, self->context_.settings->calendar);
          }
        (*answer)(std::move(out));
      }(this, std::move(caller), std::move(taxpayer), shared),
      asio::detached);
}

void Engine::invoice(api::Caller caller, std::string number, api::Reply<api::v1::Invoice> reply) {
  auto shared = std::make_shared<api::Reply<api::v1::Invoice>>(std::move(reply));
  asio::co_spawn(
      context_.executor,
      [](Engine* self, api::Caller who, std::string wanted, Shared<api::v1::Invoice> answer) -> asio::awaitable<void> {
        auto found = co_await self->context_.read<std::optional<store::StoredInvoice>>(
            [wanted](store::Reader& r) { return r.invoice(wanted); });
        if (!found) co_return reply_error(answer, found.error());
        if (!*found ||
            !(self->may_see(who, (*found)->invoice.seller.id) || self->may_see(who, (*found)->invoice.buyer.id)))
          co_return reply_error(answer, {Errc::invalid_input, "ledger.unknown_blue", "number", wanted, {}, {}});
        auto out = to_record((*found)->invoice);
        for (const auto& red : (*found)->reds) out.add_reds(red);
        out.set_channel(self->context_.settings->channel);
        (*answer)(std::move(out));
      }(this, std::move(caller), std::move(number), shared),
      asio::detached);
}

void Engine::invoices(api::Caller caller, api::InvoiceQuery query, api::Reply<api::v1::InvoiceList> reply) {
  const auto day = [](const std::string& text, const char* field, std::int64_t more_ms) -> Result<LegalTime> {
    if (text.empty()) return LegalTime{};
    if (text.size() != std::string_view("yyyy-MM-dd").size())
      return fail(Errc::invalid_input, "time.format", field, text);
    auto time = LegalTime::parse(text, field);
    if (time) time = time->plus_ms(more_ms);
    return time;
  };
  const auto from = day(query.from, "from", 0), until = day(query.to, "to", 24 * LegalTime::kHourMs);
  if (!from || !until) return reply(std::unexpected(api::Findings{!from ? from.error() : until.error()}));
  store::InvoiceFilter filter{.seller = std::move(query.seller),
                              .buyer = std::move(query.buyer),
                              .product = std::move(query.product),
                              .from = *from,
                              .until = *until,
                              .taxpayers = caller.taxpayers,
                              .after = std::move(query.after),
                              .limit = query.limit};
  if (query.status == "reversible") {
    const rules::CodeTables& codes = context_.settings->codes;
    for (const auto* list : {&codes.void_status, &codes.fully_red_status, &codes.abnormal_status})
      filter.without_status.insert(filter.without_status.end(), list->begin(), list->end());
  } else {
    filter.status = std::move(query.status);
  }
  auto shared = std::make_shared<api::Reply<api::v1::InvoiceList>>(std::move(reply));
  asio::co_spawn(
      context_.executor,
      [](Engine* self, store::InvoiceFilter wanted, Shared<api::v1::InvoiceList> answer) -> asio::awaitable<void> {
        auto found =
            co_await self->context_.read<store::InvoicePage>([wanted](store::Reader& r) { return r.invoices(wanted); });
        if (!found) co_return reply_error(answer, found.error());
        api::v1::InvoiceList out;
        for (auto& invoice : found->invoices) {
          invoice.lines.clear();  // a page of long invoices would be larger than an answer may be
          *out.add_invoices() = to_record(invoice);
        }
        out.set_next(std::move(found->next));
        out.set_channel(self->context_.settings->channel);
        (*answer)(std::move(out));
      }(this, std::move(filter), shared),
      asio::detached);
}

// ---- events
// ------------------------------------------------------------------------------------------------------------

void Engine::events(api::Caller caller, api::EventQuery query, api::Reply<api::v1::EventList> reply) {
  const std::int64_t until = steady_ms() + query.wait_ms;
  asio::co_spawn(
      context_.executor,
      read_events(
          {.caller = std::move(caller), .query = std::move(query), .reply = std::move(reply), .until_ms = until}),
      asio::detached);
}

asio::awaitable<void> Engine::read_events(EventWaiter waiter) {
  auto cursor = events::read_place(waiter.query.after);
  if (!cursor) {
    waiter.reply(std::unexpected(api::Findings{cursor.error()}));
    co_return;
  }
  api::v1::EventList out;
  events::Place at = *cursor;
  const auto ours = [taxpayers = waiter.caller.taxpayers, submission = waiter.query.submission](const JournalRow& r) {
    if (!submission.empty() && submission != r.submission) return false;
    return taxpayers.empty() || std::ranges::find(taxpayers, r.taxpayer) != taxpayers.end();
  };
  for (int page = 0; page < kEventPagesMax && out.events_size() < waiter.query.limit; ++page) {
    auto read =
        co_await context_.read<events::EventPage>([this, at, ours, channel = context_.settings->channel,
                                                   limit = waiter.query.limit - out.events_size()](store::Reader& r) {
          return events::read_page(r, *event_reader_, at,
                                   {.row = ours, .type = {}, .limit = limit, .rows = kEventPage, .channel = channel});
        });
    if (!read) {
      waiter.reply(std::unexpected(api::Findings{read.error()}));
      co_return;
    }
    at = read->next;
    for (auto& event : *read->events.mutable_events()) *out.add_events() = std::move(event);
    if (read->end) break;
  }
  waiter.query.after = events::place_text(at);
  if (out.events_size() == 0 && steady_ms() < waiter.until_ms && !stopping_) {
    if (at.seq < last_seq_) co_return co_await read_events(std::move(waiter));  // more was committed while we read
    event_waiters_.push_back(std::move(waiter));
    arm();
    co_return;
  }
  out.set_next(waiter.query.after);
  out.set_channel(context_.settings->channel);
  waiter.reply(std::move(out));
}

// ---- status
// ------------------------------------------------------------------------------------------------------------

void Engine::status(api::Caller caller, api::Reply<api::v1::Status> reply) {
  asio::co_spawn(context_.executor,
                 read_status(std::move(caller), std::make_shared<api::Reply<api::v1::Status>>(std::move(reply))),
                 asio::detached);
}

asio::awaitable<void> Engine::read_status(api::Caller caller, Shared<api::v1::Status> reply) {
  auto counts =
      co_await context_.read<std::vector<std::pair<State, std::int64_t>>>([](store::Reader& r) { return r.counts(); });
  if (!counts) co_return reply_error(reply, counts.error());
  auto holds = co_await context_.read<std::vector<store::Hold>>([](store::Reader& r) { return r.holds(); });
  if (!holds) co_return reply_error(reply, holds.error());
  const auto certificates = co_await context_.read<std::vector<CertificateFinding>>(
      [files = context_.settings->certificate_files](store::Reader&) -> Result<std::vector<CertificateFinding>> {
        return judge_certificate_files(files, std::chrono::system_clock::now());
      });
  if (!certificates) co_return reply_error(reply, certificates.error());
  const Settings& settings = *context_.settings;
  api::v1::Status out;
  out.set_channel(settings.channel);
  out.set_channel_zh(channel_zh(settings.channel));
  out.set_version(TAXGATE_VERSION);
  out.set_legal_time(context_.clock.now().rfc3339());
  out.set_started_at(started_at_.rfc3339());
  out.set_key_host_connected(parts_.keys->connected());
  out.set_platform(parts_.platform->state_line(Language::english));
  out.set_platform_zh(parts_.platform->state_line(Language::chinese));
  if (const auto deadline = context_.queue.next_deadline()) out.set_next_deadline(deadline->rfc3339());
  std::erase_if(*holds, [&](const store::Hold& hold) { return !may_see(caller, hold.taxpayer); });
  bool attention = !holds->empty();
  for (const auto& [state, count] : *counts) {
    auto& c = *out.add_states();
    c.set_state(std::string(name(state)));
    c.set_count(static_cast<std::uint64_t>(count));
    attention = attention || (count > 0 && (state == State::attention || state == State::held));
  }
  for (const auto& hold : *holds) *out.add_holds() = present(hold);
  bool failing = !out.key_host_connected();
  const auto trouble = [&](Error error) { out.add_troubles()->ParseFromString(error_bytes(error, settings.channel)); };
  if (!out.key_host_connected()) trouble({Errc::retry_later, "key.host_gone", {}, {}, {}, {}});
  const auto keys = co_await keys_now();
  for (const auto& key : keys) {
    if (!may_see(caller, key.taxpayer)) continue;
    auto& info = *out.add_keys() = shown(key);
    attention = attention || key.state != "ready";
    for (const auto& type : info.disk().types())
      attention =
          attention || std::ranges::any_of(type.forecasts(), [](const auto& end) { return !end.level().empty(); });
  }
  for (const auto& [id, taxpayer] : settings.taxpayers) {
    if (!may_see(caller, id)) continue;
    const bool ready = std::ranges::any_of(keys, [&](const auto& k) { return k.taxpayer == id && k.state == "ready"; });
    if (!ready && out.key_host_connected()) {
      trouble({Errc::retry_later, "key.none", "taxpayer", masked_id(id), {}, {}});
      attention = true;
    }
  }
  for (const CertificateFinding& finding : *certificates) {
    trouble(finding.error);
    (finding.failing ? failing : attention) = true;
  }
  out.set_health(failing ? "failing" : attention ? "attention" : "well");
  (*reply)(std::move(out));
}

}  // namespace taxgate::pipeline
