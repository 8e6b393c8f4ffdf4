#include "daemon/store/rows.h"

#include <algorithm>

namespace taxgate::store {
namespace {

template <class E>
E enum_of(const Query& q, int column, int count) {
  const auto v = q.integer(column);
  if (v >= 0 && v < count) return static_cast<E>(v);
  q.damaged("a row holds a number that has no meaning");  // read as "queued" it might be sent again
  return static_cast<E>(0);
}
LegalTime time_of(const Query& q, int column) { return {q.integer(column)}; }
Fen fen_of(const Query& q, int column) { return {q.integer(column)}; }
Bytes bytes_of(const Query& q, int column) {
  const auto v = as_bytes(q.view(column));
  return {v.begin(), v.end()};
}

}  // namespace

Submission read_submission(const Query& q) {
  Submission s;
  int c = 0;
  s.seq = q.integer(c++);
  s.id = q.text(c++);
  s.version = q.integer(c++);
  s.kind = enum_of<Kind>(q, c++, 4);
  s.state = enum_of<State>(q, c++, kStateCount);
  s.step = enum_of<Step>(q, c++, 3);
  s.taxpayer = q.text(c++);
  s.caller = q.text(c++);
  s.idempotency_key = q.text(c++);
  s.lane = q.text(c++);
  s.blue_number = q.text(c++);
  s.amount = fen_of(q, c++);
  s.tax = fen_of(q, c++);
  s.created_at = time_of(q, c++);
  s.updated_at = time_of(q, c++);
  s.intent_at = time_of(q, c++);
  s.attempts = static_cast<int>(q.integer(c++));
  s.entered_at = time_of(q, c++);
  s.deadline = time_of(q, c++);
  s.form_uuid = q.text(c++);
  s.form_number = q.text(c++);
  s.form_state = q.text(c++);
  s.red_number = q.text(c++);
  s.upload_serial = q.text(c++);
  s.receipt = q.text(c++);
  s.key_serial = q.text(c++);
  s.hold_reason = q.text(c++);
  s.hold_release_by = q.text(c++);
  s.error = q.text(c++);
  s.foreign = q.text(c++);
  s.request = q.text(c++);
  s.document = q.text(c++);
  s.body = q.text(c++);
  return s;
}

JournalRow read_journal_row(const Query& q) {
  JournalRow r;
  r.seq = q.integer(0);
  r.at = time_of(q, 1);
  r.submission = q.text(2);
  r.taxpayer = q.text(3);
  r.blue_number = q.text(4);
  r.event = q.text(5);
  r.state = q.text(6);
  r.step = q.text(7);
  r.principal = q.text(8);
  r.detail = q.text(9);
  r.reference = q.text(10);
  return r;
}

SignedEnvelope read_envelope_row(const Query& q) {
  SignedEnvelope e;
  e.bytes = bytes_of(q, 0);
  const auto signature = as_bytes(q.view(1));
  if (signature.size() == e.signature.size())
    std::copy(signature.begin(), signature.end(), e.signature.begin());
  else
    q.damaged("a stored signature is not 64 bytes");
  e.certificate = bytes_of(q, 2);
  e.signer_id = q.text(3);
  e.key_serial = q.text(4);
  return e;
}

InboxForm read_inbox_form(const Query& q) {
  InboxForm f;
  f.uuid = q.text(0);
  f.number = q.text(1);
  f.taxpayer = q.text(2);
  f.state = q.text(3);
  f.blue_number = q.text(4);
  f.counterparty = q.text(5);
  f.reason = q.text(6);
  f.role = enum_of<Side>(q, 7, 2);
  f.amount = fen_of(q, 8);
  f.tax = fen_of(q, 9);
  f.entered_at = time_of(q, 10);
  f.seen_at = time_of(q, 11);
  f.submission = q.text(12);
  f.open = q.integer(13) != 0;
  return f;
}

std::optional<Submission> load_submission(Connection& c, std::int64_t seq) {
  auto q = c.query("SELECT " TAXGATE_SUBMISSION_COLUMNS TAXGATE_SUBMISSION_FROM "WHERE s.seq = ?");
  q.bind(seq);
  if (!q.row()) return std::nullopt;
  auto found = read_submission(q);
  if (c.failure()) return std::nullopt;
  return found;
}

std::int64_t seq_of(Connection& c, const SeqIndex& ids, std::string_view id) {
  for (const auto seq : ids.find(id)) {
    auto q = c.query("SELECT id FROM submission WHERE seq = ?");
    q.bind(seq);
    if (q.row() && q.view(0) == id) return seq;
  }
  return 0;
}

}  // namespace taxgate::store
