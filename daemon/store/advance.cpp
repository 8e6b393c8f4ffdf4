// One compare-and-swap step of a submission: state, journal rows, evidence and ledger in one commit.
#include "daemon/core/limits.h"
#include "daemon/store/codec.h"
#include "daemon/store/night_rows.h"
#include "daemon/store/operations.h"
#include "daemon/store/rows.h"

namespace taxgate::store {
namespace {

struct Current {
  std::int64_t seq, version, last_journal;
  State state;
};

// Takes over what never changes after acceptance, so that no caller can change it by mistake.
std::optional<Current> load_fixed(Session& session, Submission& next) {
  auto q = session.db().query(
      "SELECT seq, version, last_journal, state, kind, taxpayer, caller, idempotency_key, lane, blue_number, "
      "created_at "
      "FROM submission WHERE seq = ?");
  q.bind(seq_of(session.db(), session.shared().ids, next.id));
  if (!q.row()) return std::nullopt;
  const auto state = q.integer(3), kind = q.integer(4);
  if (state < 0 || state >= kStateCount || kind < 0 || kind > static_cast<int>(Kind::revoke)) {
    q.damaged("a submission has an unknown state");
    return std::nullopt;
  }
  next.seq = q.integer(0);
  next.kind = static_cast<Kind>(kind);
  next.taxpayer = q.text(5);
  next.caller = q.text(6);
  next.idempotency_key = q.text(7);
  next.lane = q.text(8);
  next.blue_number = q.text(9);
  next.created_at = {q.integer(10)};
  return Current{q.integer(0), q.integer(1), q.integer(2), static_cast<State>(state)};
}

Result<void> check(const Advance& wanted, const Current& current) {
  const auto& next = wanted.next;
  if (next.version != current.version)
    return fail(Errc::retry_later, "store.stale", next.id, std::to_string(next.version),
                std::to_string(current.version));
  if (next.state != current.state && !allowed(current.state, next.state))
    return fail(Errc::invalid_input, "store.transition", next.id, std::string(name(next.state)),
                std::string(facts(current.state).next), std::string(name(current.state)));
  if (wanted.rows.empty()) return fail(Errc::invalid_input, "store.no_journal_row", next.id);
  for (const auto& row : wanted.rows)  // only accept() may claim an acceptance: its row carries what was accepted
    if (row.event == "accepted") return fail(Errc::invalid_input, "store.no_journal_row", next.id, row.event);
  for (const std::string* text : {&next.document, &next.body, &next.error, &next.foreign})
    if (text->size() > limits::kStoredText)
      return fail(Errc::limit_reached, "store.too_big", {}, std::to_string(text->size()),
                  std::to_string(limits::kStoredText));
  return {};
}

void update_row(Session& session, const Submission& s, std::int64_t last_journal) {
  auto q = session.db().query(
      "UPDATE submission SET version=?, state=?, step=?, last_journal=?, amount=?, tax=?, updated_at=?, intent_at=?, "
      "attempts=?, "
      "entered_at=?, deadline=?, form_uuid=?, form_number=?, form_state=?, red_number=?, upload_serial=?, receipt=?, "
      "key_serial=?, hold_reason=?, hold_release_by=?, error=?, foreign_form=? WHERE seq=?");
  q.bind(s.version)
      .bind(static_cast<int>(s.state))
      .bind(static_cast<int>(s.step))
      .bind(last_journal)
      .bind(s.amount.value);
  q.bind(s.tax.value)
      .bind(s.updated_at.ms)
      .bind(s.intent_at.ms)
      .bind(s.attempts)
      .bind(s.entered_at.ms)
      .bind(s.deadline.ms);
  q.bind(s.form_uuid).bind(s.form_number).bind(s.form_state).bind(s.red_number).bind(s.upload_serial).bind(s.receipt);
  q.bind(s.key_serial)
      .bind(s.hold_reason)
      .bind(s.hold_release_by)
      .bind_bytes(s.error)
      .bind_bytes(s.foreign)
      .bind(s.seq);
  q.run();
}

// Written only when it changed: most steps change neither the body nor the document.
void put_part(Session& session, std::int64_t id, std::string_view bytes) {
  session.db()
      .query(
          "INSERT INTO part(id, bytes) VALUES(?, ?) ON CONFLICT(id) DO UPDATE SET bytes = excluded.bytes "
          "WHERE bytes <> excluded.bytes")
      .bind(id)
      .bind_bytes(bytes)
      .run();
}

void put_parts(Session& session, const Submission& s) {
  if (s.body.empty())
    session.db().query("DELETE FROM part WHERE id = ?").bind(body_part(s.seq, s.step)).run();
  else
    put_part(session, body_part(s.seq, s.step), s.body);
  bool as_accepted = false;
  {
    auto q = session.db().query(
        "SELECT (SELECT document FROM journal WHERE seq = ?1) = ?2 AND NOT EXISTS(SELECT 1 FROM part WHERE id = ?3)");
    q.bind(s.seq).bind_bytes(s.document).bind(document_part(s.seq));
    as_accepted = q.row() && q.integer(0) != 0;
  }
  if (!as_accepted) put_part(session, document_part(s.seq), s.document);
}

}  // namespace

Result<Submission> advance(Session& session, const Advance& wanted) {
  Submission next = wanted.next;
  const auto current = load_fixed(session, next);
  if (!current) return fail(Errc::invalid_input, "store.no_submission", {}, next.id);
  if (auto checked = check(wanted, *current); !checked) return std::unexpected(checked.error());
  next.version = current->version + 1;
  next.updated_at = session.now();

  std::int64_t last_journal = current->last_journal;
  std::int64_t first_journal = 0;
  std::string content;
  if (!wanted.evidence.empty()) content = as_text(content_of_evidence(wanted.evidence));
  for (JournalRow row : wanted.rows) {
    if (row.submission.empty()) row.submission = next.id;
    if (row.taxpayer.empty()) row.taxpayer = next.taxpayer;
    if (row.blue_number.empty()) row.blue_number = next.blue_number;
    if (row.state.empty()) row.state = name(next.state);
    if (row.step.empty()) row.step = name(next.step);
    if (!row.at.is_set()) row.at = next.updated_at;
    last_journal = session.append(row, last_journal, first_journal == 0 ? content : std::string_view{});
    if (first_journal == 0) first_journal = last_journal;
  }
  for (const auto& e : wanted.evidence) {
    auto q = session.db().query(
        "INSERT INTO envelope(submission, step, journal, bytes, signature, certificate, signer_id, key_serial) "
        "VALUES(?,?,?,?,?,?,?,?)");
    q.bind(next.seq).bind(static_cast<int>(next.step)).bind(first_journal).bind_bytes(e.bytes).bind_bytes(e.signature);
    q.bind_bytes(e.certificate).bind(e.signer_id).bind(e.key_serial);
    q.run();
  }
  update_row(session, next, last_journal);
  put_parts(session, next);
  for (const auto& invoice : wanted.ledger) {
    upsert_invoice(session, invoice);
    observe_by_day(session, invoice);
    if (invoice.is_red && !wanted.red_of.empty())
      session.db()
          .query("INSERT OR IGNORE INTO red_of(blue, red) VALUES(?, ?)")
          .bind(wanted.red_of)
          .bind(invoice.number)
          .run();
  }
  session.moved(current->seq, current->state, next.state);
  return next;
}

}  // namespace taxgate::store
