#include <fmt/format.h>

#include <algorithm>

#include "daemon/ledger/ledger.h"
#include "daemon/pipeline/context.h"
#include "daemon/queue/deadlines.h"
#include "protocol/api.pb.h"
#include "protocol/messages.h"
#include "protocol/records.h"

namespace taxgate::pipeline {

bool on_platform(const Submission& sub) {
  if (sub.step == Step::upload) return true;
  if (sub.kind == Kind::red) return !sub.form_uuid.empty() || !sub.form_number.empty();
  // An answer bears its form's uuid from the beginning. Sent, and not ready to be sent (again): it was taken.
  return sub.attempts > 0 && sub.state != State::ready;
}

State after_hold(const Submission& sub) { return on_platform(sub) ? State::confirmed : State::queued; }

const TaxpayerSettings* find_taxpayer(const Settings& settings, std::string_view id) {
  const auto it = settings.taxpayers.find(id);
  return it == settings.taxpayers.end() ? nullptr : &it->second;
}

LegalTime Context::period_deadline(const Submission& sub) const {
  if (sub.kind != Kind::red) return {};
  return queue::period_deadline(sub.created_at, std::max(clock.now(), sub.created_at), settings->filing_day);
}

LegalTime Context::deadline_when_confirmed(const Submission& sub) const {
  if (sub.kind != Kind::red) return {};
  if (sub.state != State::waiting_counterparty && sub.deadline.is_set()) return sub.deadline;
  return sub.created_at.next_month();
}

std::string error_bytes(const Error& error, const std::string& channel) {
  api::v1::ErrorBody body;
  show_error(error, body);
  body.set_channel(channel);
  return body.SerializeAsString();
}

JournalRow row(JournalEvent event, Said detail, std::string reference, std::string principal) {
  JournalRow r;
  r.event = event.word();
  r.detail = detail.english();
  r.reference = std::move(reference);
  r.principal = std::move(principal);
  return r;
}

asio::awaitable<Result<void>> Context::advance(Submission& sub, State to, JournalRow journal,
                                               std::vector<SignedEnvelope> evidence, std::vector<Invoice> ledger,
                                               std::string red_of) {
  store::Advance move;
  move.next = sub;
  move.next.state = to;
  journal.state = std::string(name(to));
  if (sub.state != to) {  // billing servers subscribe to states; what led there stays readable in the detail
    journal.detail = journal.detail.empty() ? journal.event : journal.event + ": " + journal.detail;
    journal.event = "state";
  }
  journal.step = std::string(name(move.next.step));
  move.rows.push_back(std::move(journal));
  move.evidence = std::move(evidence);
  move.ledger = std::move(ledger);
  move.red_of = std::move(red_of);
  auto stored = co_await answered<Submission>(
      executor, [this, m = std::move(move)](auto done) mutable { store.advance(std::move(m), std::move(done)); });
  if (!stored) co_return std::unexpected(stored.error());
  sub = std::move(*stored);
  queue.moved(sub.id, sub.state, sub.deadline);
  if (is_final(sub.state)) memory.erase(sub.id);
  if (on_moved) on_moved(sub);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Context::hold_taxpayer(std::string taxpayer, std::string reason, std::string release_by,
                                                     Said cause, std::string principal) {
  queue.hold(taxpayer);
  store::Hold hold{.taxpayer = taxpayer,
                   .reason = std::move(reason),
                   .release_by = std::move(release_by),
                   .cause = cause.english(),
                   .since = clock.now(),
                   .principal = std::move(principal)};
  auto stored = co_await answered<void>(
      executor, [this, h = std::move(hold)](auto done) mutable { store.set_hold(std::move(h), std::move(done)); });
  if (stored) {
    queue.hold(taxpayer);  // one that could not be stored meanwhile may have taken ours along
  } else if (auto standing = co_await read<std::vector<store::Hold>>([](store::Reader& r) { return r.holds(); });
             standing && std::ranges::find(*standing, taxpayer, &store::Hold::taxpayer) == standing->end()) {
    queue.release(taxpayer, steady_ms());  // a hold that nobody can see nobody would release
  }
  co_return stored;
}

Next after_failed_advance(Context& c, const Submission& sub, const Error& error) {
  if (error.id == "store.stale") return Next::retry(0);
  log::error("pipeline.store", "{}: {} {}", sub.id, error.id, error.detail);
  return Next::retry(c.back_off(sub.id));
}

Said about(const Error& why) { return verbatim(why.id + (why.detail.empty() ? "" : ": " + why.detail)); }

asio::awaitable<Next> to_attention(Context& c, Submission& sub, Error why, std::string foreign) {
  sub.error = error_bytes(why, c.settings->channel);
  sub.foreign = std::move(foreign);
  auto moved = co_await c.advance(sub, State::attention, row("attention", about(why)));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::rest();
}

asio::awaitable<Next> to_refused(Context& c, Submission& sub, Error why) {
  sub.error = error_bytes(why, c.settings->channel);
  auto moved = co_await c.advance(sub, State::refused, row("refused", verbatim(why.detail), why.id));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::rest();
}

asio::awaitable<Next> take_issued(Context& c, Submission& sub, std::string red_number, LegalTime issued_at,
                                  JournalEvent event) {
  std::vector<Invoice> rows;
  std::string red_of;
  if (!sub.document.empty() && !red_number.empty()) {
    auto red = red_from_stored(sub.document);
    auto blue = co_await c.read<std::optional<ledger::Blue>>(
        [number = sub.blue_number, seq = sub.seq](store::Reader& r) { return ledger::blue(r, number, seq); });
    if (!blue) co_return after_failed_advance(c, sub, blue.error());
    if (red && *blue) {
      rows = ledger::booked(**blue, *red, red_number, issued_at);
      red_of = sub.blue_number;
    }
  }
  sub.red_number = red_number;
  sub.deadline = {};
  auto moved = co_await c.advance(sub, State::issued, row(event, said("journal.red_issued"), red_number, "platform"),
                                  {}, std::move(rows), std::move(red_of));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::rest();
}

FormSeen seen_of(const Submission& sub, const leqi::Form& form) {
  rules::FormLife life;
  // Another form than the one we followed (a person adopted it) begins its life here.
  if (sub.form_uuid.empty() || form.uuid.empty() || form.uuid == sub.form_uuid) {
    life.shown = sub.form_state;
    if (leqi::form_state(sub.form_state) != nullptr) {
      life.state = sub.form_state;
    } else if (sub.state == State::confirmed) {
      life.state = "04";  // the code shown now is unknown; that it was confirmed is not
    }
    life.issued = sub.state == State::issued && !sub.red_number.empty();
    life.red_number = sub.red_number;
  }
  FormSeen out;
  out.looked = rules::take(life, rules::look_at(form));
  out.to = life.issued ? State::issued : queue::state_for_code(life.state);
  return out;
}

asio::awaitable<Next> take_form(Context& c, Submission& sub, leqi::Form form, JournalEvent event) {
  const FormSeen seen = seen_of(sub, form);
  if (seen.looked == rules::Looked::contradiction)
    co_return co_await to_attention(
        c, sub, {Errc::outcome_unknown, "form.contradiction", {}, form.state, sub.form_state, form.red_number}, {});
  if (seen.looked == rules::Looked::stale) {  // an older answer: what we know came after it
    c.well(sub.id);
    co_return Next::later(c.settings->poll_form_ms);
  }
  if (!form.uuid.empty()) sub.form_uuid = form.uuid;
  if (!form.number.empty()) sub.form_number = form.number;
  const bool news = sub.form_state != form.state;
  sub.form_state = form.state;
  if (form.entered_at.is_set()) sub.entered_at = form.entered_at;
  const State to = seen.to;
  if (to == State::issued) co_return co_await take_issued(c, sub, form.red_number, form.red_issued_at, event);

  // Until the platform's own entry time is known, ours stands in: earlier or equal, so never a deadline too late.
  const LegalTime confirmed_by = c.deadline_when_confirmed(sub);
  const LegalTime entered = sub.entered_at.is_set() ? sub.entered_at : sub.intent_at;
  sub.deadline = to == State::waiting_counterparty ? rules::confirmation_deadline(entered) : LegalTime{};
  if (to == State::confirmed) sub.deadline = confirmed_by;
  if (to == State::void_) {
    const auto* known = leqi::form_state(form.state);
    sub.error = error_bytes({Errc::rejected, "form.void", {}, form.state, {}, std::string(known ? known->english : "")},
                            c.settings->channel);
  }
  c.well(sub.id);
  if (!news && to == sub.state)
    co_return Next::later(to == State::confirmed ? c.settings->poll_issue_ms : c.settings->poll_form_ms);
  auto moved = co_await c.advance(
      sub, to, row(event, said("journal.form_state", form.number, form.state), form.number, "platform"));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return is_final(to) ? Next::rest() : Next::again();
}

asio::awaitable<Next> take_table(Context& c, Submission& sub, table::Row found, JournalEvent event) {
  if (!found.number.empty()) sub.form_number = found.number;
  const bool news = sub.form_state != found.status;
  sub.form_state = found.status;
  State to = State::waiting_counterparty;
  switch (table::table_class(found.status)) {
    case table::TableClass::approved:
      to = State::confirmed;
      break;
    case table::TableClass::written_off:
      co_return co_await take_issued(c, sub, {}, {}, event);
    case table::TableClass::cancelled:
      to = State::void_;
      break;
    case table::TableClass::failed:
    case table::TableClass::exceeds_blue:
      co_return co_await to_refused(c, sub, {Errc::rejected, "table.refused", {}, found.status, {}, found.status_text});
    default:
      break;  // pending, or a code we do not know: not issued; keep watching
  }
  sub.deadline = to == State::confirmed ? c.deadline_when_confirmed(sub) : LegalTime{};
  c.well(sub.id);
  if (!news && to == sub.state) co_return Next::later(c.settings->poll_form_ms);
  auto moved = co_await c.advance(
      sub, to, row(event, said("journal.table_state", found.number, found.status), found.number, "platform"));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return is_final(to) ? Next::rest() : Next::again();
}

}  // namespace taxgate::pipeline
