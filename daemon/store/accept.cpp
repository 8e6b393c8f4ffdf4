// Acceptance: the promise to the billing server. Two row inserts, no b-tree in the order of random keys.
#include "daemon/core/limits.h"
#include "daemon/store/codec.h"
#include "daemon/store/operations.h"
#include "daemon/store/rows.h"
#include "protocol/journal_text.h"

namespace taxgate::store {
namespace {

std::optional<std::int64_t> find_key(Session& session, const Submission& s) {
  for (const auto seq : session.shared().keys.find(s.idempotency_key)) {
    auto q = session.db().query("SELECT caller, idempotency_key FROM submission WHERE seq = ?");
    q.bind(seq);
    if (q.row() && q.view(0) == s.caller && q.view(1) == s.idempotency_key) return seq;
  }
  return std::nullopt;
}

Result<void> check(const Submission& s) {
  if (s.idempotency_key.empty() || s.idempotency_key.size() > limits::kIdempotencyKey)
    return fail(Errc::invalid_input, "store.idempotency_key", "idempotency_key",
                std::to_string(s.idempotency_key.size()), std::to_string(limits::kIdempotencyKey));
  // Work begins at the beginning: anything else would claim something about the platform that no journal row shows.
  if (s.state != State::queued && s.state != State::waiting_approval && s.state != State::held)
    return fail(Errc::invalid_input, "store.transition", "state", std::string(name(s.state)),
                "queued, waiting_approval, held");
  for (const std::string* text : {&s.request, &s.document, &s.body})
    if (text->size() > limits::kStoredText)
      return fail(Errc::limit_reached, "store.too_big", {}, std::to_string(text->size()),
                  std::to_string(limits::kStoredText));
  return {};
}

void insert_row(Session& session, const Submission& s) {
  auto q = session.db().query(
      "INSERT INTO submission VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  q.bind(s.seq).bind(s.id).bind(s.version).bind(static_cast<int>(s.kind)).bind(static_cast<int>(s.state));
  q.bind(static_cast<int>(s.step)).bind(s.seq).bind(s.taxpayer).bind(s.caller).bind(s.idempotency_key).bind(s.lane);
  q.bind(s.blue_number).bind(s.amount.value).bind(s.tax.value).bind(s.created_at.ms).bind(s.updated_at.ms);
  q.bind(s.intent_at.ms).bind(s.attempts).bind(s.entered_at.ms).bind(s.deadline.ms);
  q.bind(s.form_uuid).bind(s.form_number).bind(s.form_state).bind(s.red_number).bind(s.upload_serial).bind(s.receipt);
  q.bind(s.key_serial).bind(s.hold_reason).bind(s.hold_release_by).bind_bytes(s.error).bind_bytes(s.foreign);
  q.run();
}

}  // namespace

JournalRow accepted_row(const Submission& s, const std::string& principal, const std::string& detail) {
  JournalRow row;
  row.seq = s.seq;
  row.at = s.created_at;
  row.submission = s.id;
  row.taxpayer = s.taxpayer;
  row.blue_number = s.blue_number;
  row.event = JournalEvent("accepted").word();
  row.state = name(s.state);
  row.step = name(s.step);
  row.principal = principal;
  row.detail = detail;
  return row;
}

Result<Accepted> accept(Session& session, Submission& s, const Principal& principal,
                        const std::vector<Invoice>& inline_invoices, const Digest& content, const std::string& detail) {
  if (auto checked = check(s); !checked) return std::unexpected(checked.error());
  if (const auto seq = find_key(session, s)) {
    auto original = load_submission(session.db(), *seq);
    if (!original) return fail(Errc::corrupt, "store.corrupt", {}, "a submission without its journal row");
    const auto outcome = original->request == s.request ? AcceptOutcome::same : AcceptOutcome::conflict;
    return Accepted{outcome, std::move(*original)};
  }
  s.id = session.new_id();
  s.seq = session.next_seq();  // the number of its "accepted" journal row
  s.version = 1;
  s.created_at = s.updated_at = session.now();
  JournalRow row = accepted_row(s, principal.name, detail);
  session.append(row, 0, as_text(content), s.request, s.document);
  insert_row(session, s);
  if (!s.body.empty())
    session.db()
        .query("INSERT INTO part(id, bytes) VALUES(?, ?)")
        .bind(body_part(s.seq, s.step))
        .bind_bytes(s.body)
        .run();
  for (const auto& invoice : inline_invoices) {
    // What a caller says about an invoice never replaces what is already known of it.
    const std::string record = encode_invoice(invoice);
    bool added = false;
    {
      auto q = session.db().query(
          "INSERT INTO invoice(number, record) VALUES(?, ?) ON CONFLICT DO NOTHING RETURNING number");
      q.bind(invoice.number).bind_bytes(record);
      added = q.row();
      if (added) q.run();  // to the end, which completes the statement
    }
    if (added) index_issued(session, nullptr, invoice);
  }
  if (s.kind != Kind::red && !s.form_uuid.empty())
    session.db().query("UPDATE inbox SET submission = ? WHERE uuid = ?").bind(s.id).bind(s.form_uuid).run();
  session.added(s);
  return Accepted{AcceptOutcome::created, {}};
}

}  // namespace taxgate::store
