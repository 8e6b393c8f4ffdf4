// The smaller writes: ledger import, holds, callers, inbox, request numbers, cursors and notes.
#include "daemon/store/operations.h"

#include "daemon/core/limits.h"
#include "daemon/store/bulk_slice.h"
#include "daemon/store/codec.h"
#include "daemon/store/rows.h"
#include "protocol/journal_text.h"

namespace taxgate::store {
namespace {

constexpr std::int64_t kSecond = 1000;

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& n : names) out += (out.empty() ? "" : ",") + n;
  return out;
}

void append_event(Session& session, JournalEvent event, std::string taxpayer, std::string principal, std::string detail,
                  std::string reference) {
  JournalRow row;
  row.event = event.word();
  row.taxpayer = std::move(taxpayer);
  row.principal = std::move(principal);
  row.detail = std::move(detail);
  row.reference = std::move(reference);
  session.append(row, 0);
}

/// True when one of the links is new.
bool link_reds(Session& session, const std::string& blue, const std::vector<std::string>& reds) {
  bool added = false;
  for (const auto& red : reds) {
    auto q = session.db().query("INSERT INTO red_of(blue, red) VALUES(?, ?) ON CONFLICT DO NOTHING RETURNING red");
    q.bind(blue).bind(red);
    if (!q.row()) continue;
    added = true;
    q.run();  // to the end, which completes the statement
  }
  return added;
}

}  // namespace

Upsert upsert_invoice(Session& session, const Invoice& invoice) {
  const std::string record = encode_invoice(invoice);
  std::optional<Invoice> old;
  {
    auto q = session.db().query("SELECT record FROM invoice WHERE number = ?");
    q.bind(invoice.number);
    if (q.row()) {
      if (q.view(0) == record) return Upsert::unchanged;
      auto read = decode_invoice(q.view(0));
      if (!read) q.damaged("an invoice cannot be read");
      old = read ? *std::move(read) : Invoice{};
    }
  }
  if (old)
    session.db().query("UPDATE invoice SET record = ? WHERE number = ?").bind_bytes(record).bind(invoice.number).run();
  else
    session.db()
        .query("INSERT INTO invoice(number, record) VALUES(?, ?)")
        .bind(invoice.number)
        .bind_bytes(record)
        .run();
  index_issued(session, old ? &*old : nullptr, invoice);
  return old ? Upsert::updated : Upsert::added;
}

std::size_t import_slice(Session& session, const std::vector<Invoice>& invoices, const Store::RedNumbers& reds,
                         std::size_t from, const Principal& principal, Store::ImportCounts& counts) {
  constexpr std::size_t kLook = 16;  // rows: each writes a whole record and its links, some 50 µs
  BulkSlice slice(session, limits::kBulkRows, kLook);
  const Store::ImportCounts before = counts;
  std::size_t at = from;
  while (at < invoices.size() && !session.db().failure() && slice.more()) {
    const Invoice& invoice = invoices[at++];
    auto done = upsert_invoice(session, invoice);
    if (const auto of = reds.find(invoice.number);
        of != reds.end() && link_reds(session, invoice.number, of->second) && done == Upsert::unchanged)
      done = Upsert::updated;
    switch (done) {
      case Upsert::added:
        ++counts.added;
        break;
      case Upsert::updated:
        ++counts.updated;
        break;
      case Upsert::unchanged:
        ++counts.unchanged;
        break;
    }
  }
  const auto added = counts.added - before.added, updated = counts.updated - before.updated;
  if (added + updated > 0)
    append_event(session, "ledger", {}, principal.name,
                 said("journal.imported", std::to_string(added), std::to_string(updated)).english(), {});
  return at;
}

Result<std::string> allocate_request_number(Session& session, const std::string& tax_device) {
  std::int64_t second = session.now().ms / kSecond;
  {
    auto q = session.db().query("SELECT last_second FROM request_number WHERE device = ?");
    q.bind(tax_device);
    // Never the same second twice, also when the clock was set back: then the numbers run ahead of it.
    if (q.row()) second = std::max(second, q.integer(0) + 1);
  }
  session.db()
      .query(
          "INSERT INTO request_number(device, last_second) VALUES(?, ?) "
          "ON CONFLICT(device) DO UPDATE SET last_second = excluded.last_second")
      .bind(tax_device)
      .bind(second)
      .run();
  return tax_device + LegalTime{second * kSecond}.compact();
}

Result<void> set_hold(Session& session, const Hold& hold) {
  bool known = false;
  {
    auto q = session.db().query("SELECT 1 FROM hold WHERE taxpayer = ? AND reason = ?");
    q.bind(hold.taxpayer).bind(hold.reason);
    known = q.row();
  }
  const LegalTime since = hold.since.is_set() ? hold.since : session.now();
  session.db()
      .query(
          "INSERT INTO hold(taxpayer, reason, release_by, cause, since, principal) VALUES(?,?,?,?,?,?) "
          "ON CONFLICT(taxpayer, reason) DO UPDATE SET release_by = excluded.release_by, cause = excluded.cause, "
          "principal = excluded.principal")
      .bind(hold.taxpayer)
      .bind(hold.reason)
      .bind(hold.release_by)
      .bind(hold.cause)
      .bind(since.ms)
      .bind(hold.principal)
      .run();
  if (!known) append_event(session, "hold", hold.taxpayer, hold.principal, hold.cause, hold.reason);
  return {};
}

Result<void> release_hold(Session& session, const std::string& taxpayer, const std::string& reason,
                          const Principal& principal) {
  {
    auto q = session.db().query("SELECT 1 FROM hold WHERE taxpayer = ? AND reason = ?");
    q.bind(taxpayer).bind(reason);
    if (!q.row()) return {};
  }
  session.db().query("DELETE FROM hold WHERE taxpayer = ? AND reason = ?").bind(taxpayer).bind(reason).run();
  append_event(session, "release", taxpayer, principal.name, {}, reason);
  return {};
}

Result<void> put_caller(Session& session, const Caller& caller, const Principal& principal) {
  const std::string roles = encode_names(caller.roles), taxpayers = encode_names(caller.taxpayers);
  session.db()
      .query(
          "INSERT OR REPLACE INTO caller(name, roles, taxpayers, token_sha256, certificate_sha256, uid) "
          "VALUES(?,?,?,?,?,?)")
      .bind(caller.name)
      .bind_bytes(roles)
      .bind_bytes(taxpayers)
      .bind(caller.token_sha256)
      .bind(caller.certificate_sha256)
      .bind(caller.uid)
      .run();
  append_event(session, "caller", {}, principal.name, said("journal.caller_set", joined(caller.roles)).english(),
               caller.name);
  return {};
}

Result<void> remove_caller(Session& session, const std::string& name, const Principal& principal) {
  {
    auto q = session.db().query("SELECT 1 FROM caller WHERE name = ?");
    q.bind(name);
    if (!q.row()) return fail(Errc::invalid_input, "store.no_caller", "name", name);
  }
  session.db().query("DELETE FROM caller WHERE name = ?").bind(name).run();
  append_event(session, "caller", {}, principal.name, said("journal.caller_removed").english(), name);
  return {};
}

Result<void> put_inbox_form(Session& session, const InboxForm& form) {
  InboxForm f = form;
  bool changed = true;
  {
    auto q = session.db().query("SELECT " TAXGATE_INBOX_COLUMNS "FROM inbox WHERE uuid = ?");
    q.bind(f.uuid);
    if (q.row()) {
      const InboxForm old = read_inbox_form(q);
      changed = old.state != f.state;
      f.seen_at = old.seen_at;
      if (f.submission.empty()) f.submission = old.submission;
    }
  }
  if (!f.seen_at.is_set()) f.seen_at = session.now();
  auto q = session.db().query(
      "INSERT OR REPLACE INTO inbox(uuid, number, taxpayer, state, blue_number, counterparty, reason, role, amount, "
      "tax, "
      "entered_at, seen_at, submission, open) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  q.bind(f.uuid).bind(f.number).bind(f.taxpayer).bind(f.state).bind(f.blue_number).bind(f.counterparty).bind(f.reason);
  q.bind(static_cast<int>(f.role)).bind(f.amount.value).bind(f.tax.value).bind(f.entered_at.ms).bind(f.seen_at.ms);
  q.bind(f.submission).bind(f.open ? 1 : 0);
  q.run();
  if (!changed) return {};
  JournalRow row;
  row.event = JournalEvent("inbox").word();
  row.taxpayer = f.taxpayer;
  row.blue_number = f.blue_number;
  row.principal = "platform";
  row.state = f.state;
  row.reference = f.uuid;
  row.detail = f.number;
  session.append(row, 0);
  return {};
}

Result<void> set_cursor(Session& session, const std::string& name, std::int64_t value) {
  session.db()
      .query("INSERT INTO cursor(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value")
      .bind(name)
      .bind(value)
      .run();
  return {};
}

Result<void> note(Session& session, const JournalRow& wanted) {
  JournalRow row = wanted;
  // Only accept() may claim an acceptance: its rows carry what was accepted.
  if (row.event == "accepted") return fail(Errc::invalid_input, "store.transition", "event", row.event, "note");
  std::int64_t seq = 0, previous = 0;
  if (!row.submission.empty()) {
    auto q = session.db().query("SELECT seq, last_journal, state FROM submission WHERE seq = ?");
    q.bind(seq_of(session.db(), session.shared().ids, row.submission));
    if (!q.row()) return fail(Errc::invalid_input, "store.no_submission", {}, row.submission);
    seq = q.integer(0);
    previous = q.integer(1);
    const auto state = static_cast<State>(q.integer(2));
    // Who notes it may have looked before its last step: a row after that must not tell a state that is past.
    if (is_final(state)) return {};
    row.state = name(state);
  }
  const auto last = session.append(row, previous);
  if (seq != 0) session.db().query("UPDATE submission SET last_journal = ? WHERE seq = ?").bind(last).bind(seq).run();
  return {};
}

}  // namespace taxgate::store
