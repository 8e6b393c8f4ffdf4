// ready → sending → …: the durable intent first, then exactly the signed bytes, then what the answer means.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/pipeline/context.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

/// The platform's answer, whatever the act: its business outcome and what it says about form, table or upload.
struct Answer {
  leqi::Outcome outcome;
  std::optional<leqi::Form> form;   // apply, answer
  std::optional<table::Row> table;  // table upload
  std::string receipt;              // upload
};

asio::awaitable<Result<Answer>> call_platform(Context& c, const Submission& sub, const SignedEnvelope& evidence) {
  const platform::SignedCall call{.taxpayer = sub.taxpayer, .body = sub.body, .evidence = &evidence};
  Answer answer;
  if (sub.step == Step::upload) {
    auto r =
        co_await answered<leqi::UploadReply>(c.executor, [&](auto done) { c.platform.upload(call, std::move(done)); });
    if (!r) co_return std::unexpected(r.error());
    answer.outcome = r->outcome;
    answer.receipt = r->receipt;
    co_return answer;
  }
  if (sub.step == Step::answer) {
    auto r =
        co_await answered<leqi::ConfirmReply>(c.executor, [&](auto done) { c.platform.answer(call, std::move(done)); });
    if (!r) co_return std::unexpected(r.error());
    answer.outcome = r->outcome;
    answer.form.emplace();
    answer.form->state = r->state;
    co_return answer;
  }
  if (sub.body.starts_with("{\"xml\"")) {
    auto r =
        co_await answered<table::Row>(c.executor, [&](auto done) { c.platform.upload_table(call, std::move(done)); });
    if (!r) co_return std::unexpected(r.error());
    answer.outcome.code = "00";
    answer.table = std::move(*r);
    co_return answer;
  }
  auto r = co_await answered<leqi::ApplyReply>(c.executor, [&](auto done) { c.platform.apply(call, std::move(done)); });
  if (!r) co_return std::unexpected(r.error());
  answer.outcome = r->outcome;
  answer.form.emplace();
  answer.form->uuid = r->uuid;
  answer.form->number = r->number;
  answer.form->state = r->state;
  co_return answer;
}

/// `no`: the platform's explicit refusal that made us ask; kept, because it decides what "nothing there" means.
asio::awaitable<Next> unknown(Context& c, Submission& sub, Said why, const Error* no = nullptr) {
  c.memory[sub.id].silence = {};
  sub.error = no != nullptr ? error_bytes(*no, c.settings->channel) : std::string();
  auto moved = co_await c.advance(sub, State::outcome_unknown, row("outcome_unknown", std::move(why)));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::later(c.settings->poll_unknown_ms);
}

asio::awaitable<Next> not_sent(Context& c, Submission& sub, const Error& error) {
  auto moved = co_await c.advance(sub, State::ready, row("not_sent", verbatim(error.detail), error.id));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::retry(c.back_off(sub.id));
}

/// Whether an earlier request of this step may have arrived after all: what became of one was not known. Also when the
/// journal cannot be read.
asio::awaitable<bool> was_unknown(Context& c, const Submission& sub) {
  const auto rows =
      co_await c.read<std::vector<JournalRow>>([id = sub.id](store::Reader& r) { return r.journal_of(id); });
  co_return !rows || std::ranges::any_of(*rows, [&](const JournalRow& row) {
    return row.state == name(State::outcome_unknown) && row.step == name(sub.step);
  });
}

asio::awaitable<Next> said_no(Context& c, Submission& sub, leqi::Outcome outcome) {
  const Error error{Errc::rejected, "platform.refused", {}, outcome.code, {}, outcome.message};
  if (const auto hold = c.settings->hold_codes.find(outcome.code); hold != c.settings->hold_codes.end()) {
    auto held = co_await c.hold_taxpayer(sub.taxpayer, hold->second, "operator",
                                         verbatim(outcome.code + " " + outcome.message));
    if (!held) co_return after_failed_advance(c, sub, held.error());
    co_return co_await not_sent(c, sub, error);
  }
  const bool busy = std::ranges::any_of(
      c.settings->busy_texts, [&](const std::string& text) { return outcome.message.find(text) != std::string::npos; });
  // "A form already stands": perhaps ours, from an attempt whose answer was lost. Ask, do not believe. And whatever the
  // words, a "no" to a repetition may only say that the first has arrived meanwhile.
  if (busy || sub.step != Step::apply || co_await was_unknown(c, sub))
    co_return co_await unknown(c, sub, said("journal.platform_said", outcome.code, outcome.message), &error);
  co_return co_await to_refused(c, sub, error);
}

}  // namespace

asio::awaitable<Next> step_send(Context& c, Submission& sub) {
  auto kept = co_await c.read<std::vector<SignedEnvelope>>(
      [id = sub.id, step = sub.step](store::Reader& r) { return r.envelopes(id, step); });
  if (!kept) co_return after_failed_advance(c, sub, kept.error());
  if (kept->empty())
    co_return co_await to_attention(c, sub,
                                    {Errc::corrupt, "store.no_evidence", {}, {}, {}, "signed bytes are missing"}, {});

  sub.attempts += 1;
  if (!sub.intent_at.is_set()) sub.intent_at = c.clock.now();
  if (c.discipline.intent_before_send()) {
    auto moved =
        co_await c.advance(sub, State::sending, row("sending", said("journal.attempt", std::to_string(sub.attempts))));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
  }
  c.reached("platform.call.before");
  auto answer = co_await call_platform(c, sub, kept->back());
  c.reached("platform.call.after");
  if (!c.discipline.intent_before_send()) {
    auto moved =
        co_await c.advance(sub, State::sending, row("sending", said("journal.attempt", std::to_string(sub.attempts))));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
  }
  if (!answer) {
    const Error& error = answer.error();
    if (error.code == Errc::retry_later || error.code == Errc::limit_reached)
      co_return co_await not_sent(c, sub, error);
    if (error.code == Errc::invalid_input)
      co_return co_await to_attention(c, sub, error, {});  // our own set-up; not sent
    if (error.code == Errc::rejected) co_return co_await said_no(c, sub, {error.wanted, error.detail});
    if (!c.discipline.ask_before_resend()) co_return co_await not_sent(c, sub, error);
    co_return co_await unknown(c, sub, about(error));
  }
  if (!answer->outcome.ok()) co_return co_await said_no(c, sub, answer->outcome);
  c.well(sub.id);

  if (sub.step == Step::upload) {
    sub.receipt = answer->receipt;
    auto moved = co_await c.advance(sub, State::processing,
                                    row("uploaded", said("journal.upload_taken"), answer->receipt, "platform"));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return Next::later(std::min<std::int64_t>(c.settings->poll_upload_ms, 200));
  }
  if (answer->table) {
    if (table::table_class(answer->table->status) == table::TableClass::duplicate)
      co_return co_await unknown(c, sub, said("journal.table_stands", answer->table->status));
    co_return co_await take_table(c, sub, std::move(*answer->table), "answered");
  }
  if (sub.step == Step::answer) {
    sub.form_state = answer->form->state;
    const auto red = red_from_stored(sub.document);
    // A form we confirmed as its seller is followed until its red exists: making it may be our duty.
    const bool follow = sub.kind == Kind::confirm && red && red->seller.id == sub.taxpayer;
    sub.deadline = {};
    auto moved =
        co_await c.advance(sub, follow ? State::confirmed : State::done,
                           row("answered", said("journal.answer_state", sub.form_state), sub.form_number, "platform"));
    if (!moved) co_return after_failed_advance(c, sub, moved.error());
    co_return follow ? Next::again() : Next::rest();
  }
  co_return co_await take_form(c, sub, std::move(*answer->form), "answered");
}

}  // namespace taxgate::pipeline
