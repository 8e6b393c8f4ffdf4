#include "daemon/store/night_rows.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "daemon/core/limits.h"
#include "daemon/store/bulk_slice.h"
#include "daemon/store/codec.h"
#include "daemon/store/given.h"
#include "daemon/store/operations.h"
#include "protocol/journal_text.h"

namespace taxgate::store {
namespace {

// seq run partition rest before after at hash, 8 bytes each, big-endian (docs/sync.md).
void append_change(std::string& out, const StatusChange& c) {
  for (const std::uint64_t v :
       {static_cast<std::uint64_t>(c.seq), static_cast<std::uint64_t>(c.run), std::uint64_t{c.key.partition},
        c.key.rest, c.before.bits, c.after.bits, static_cast<std::uint64_t>(c.at.ms), c.hash})
    append_u64(out, v);
}

std::int64_t last_change(Connection& db) {
  auto q = db.query("SELECT coalesce(max(seq), 0) FROM change");
  return q.row() ? q.integer(0) : 0;
}
std::int64_t applied_seq(Connection& db) {
  auto q = db.query("SELECT value FROM meta WHERE name = 'applied_seq'");
  return q.row() ? q.integer(0) : 0;
}
void set_applied_seq(Connection& db, std::int64_t seq) {
  db.query("UPDATE meta SET value = ? WHERE name = 'applied_seq'").bind(seq).run();
}

void insert_changes(Connection& db, std::span<const StatusChange> changes) {
  Given rows(8, changes.size());
  for (const auto& c : changes)
    rows.add(c.seq)
        .add(c.run)
        .add(std::int64_t{c.key.partition})
        .add(static_cast<std::int64_t>(c.key.rest))
        .add(static_cast<std::int64_t>(c.before.bits))
        .add(static_cast<std::int64_t>(c.after.bits))
        .add(c.at.ms)
        .add(static_cast<std::int64_t>(c.hash));
  db.insert(
      "INSERT INTO change(seq, run, partition, rest, before, after, at, hash) "
      "SELECT c0, c1, c2, c3, c4, c5, c6, c7 FROM given",
      rows);
}

// Statuses in key order, none of which is known yet, nor any between them: they go side by side into one place.
void put_new_statuses(Connection& db, std::span<const StatusChange> changes) {
  constexpr std::size_t kAtOnce = 1024;  // rows of one statement: 200 KiB
  Given rows(5, std::min(kAtOnce, changes.size()));
  for (; !changes.empty(); changes = changes.subspan(std::min(kAtOnce, changes.size()))) {
    rows.clear();
    for (const auto& c : changes.first(std::min(kAtOnce, changes.size())))
      rows.add(std::int64_t{c.key.partition})
          .add(static_cast<std::int64_t>(c.key.rest))
          .add(static_cast<std::int64_t>(c.after.bits))
          .add(c.at.ms)
          .add(static_cast<std::int64_t>(c.hash));
    db.insert("INSERT INTO status(partition, rest, bits, seen_at, hash) SELECT c0, c1, c2, c3, c4 FROM given", rows);
  }
}

// In key order, each once, and nothing known from the first to the last.
bool all_new(Connection& db, std::span<const StatusChange> changes) {
  if (changes.empty()) return true;
  if (!std::ranges::is_sorted(changes, std::ranges::less_equal{}, &StatusChange::key)) return false;
  auto q = db.query("SELECT 1 FROM status WHERE (partition, rest) BETWEEN (?, ?) AND (?, ?) LIMIT 1");
  for (const auto* c : {&changes.front(), &changes.back()})
    q.bind(std::int64_t{c->key.partition}).bind(static_cast<std::int64_t>(c->key.rest));
  return !q.row();
}

// REPLACE on a table without further indexes is one search and one overwrite.
void put_status(Connection& db, const StatusChange& c) {
  db.query("INSERT OR REPLACE INTO status(partition, rest, bits, seen_at, hash) VALUES(?,?,?,?,?)")
      .bind(std::int64_t{c.key.partition})
      .bind(static_cast<std::int64_t>(c.key.rest))
      .bind(static_cast<std::int64_t>(c.after.bits))
      .bind(c.at.ms)
      .bind(static_cast<std::int64_t>(c.hash))
      .run();
}

// One journal row for the changes of one transaction: the chain covers them, readers of events find them by range.
void journal_changes(Session& session, std::int64_t first, std::int64_t last, std::size_t events, std::int64_t run,
                     const std::string& taxpayer, const std::string& blue, std::string_view canonical) {
  JournalRow row;
  row.event = JournalEvent("status").word();
  row.taxpayer = taxpayer;
  row.blue_number = blue;
  row.principal = "platform";
  const std::string changed = std::to_string(events), recorded = std::to_string(last - first + 1);
  row.detail =
      (run == 0
           ? said("journal.changed_by_day", changed, recorded)
           : said(Error{Errc::retry_later, "journal.changed_by_night", std::to_string(run), changed, recorded, {}}))
          .english();
  row.reference = std::to_string(first) + "-" + std::to_string(last);
  session.append(row, 0, as_text(sm3(as_bytes(canonical))));
}

// Facts of new invoices; the ledger's own record, which has the lines, stays. returns  how many were new
std::uint32_t add_listed(Session& session, std::span<const Invoice> invoices) {
  Connection& db = session.db();
  std::vector<std::string> records;
  records.reserve(invoices.size());
  Given rows(2, invoices.size());
  for (const auto& invoice : invoices)
    rows.add(invoice.number).add_bytes(records.emplace_back(encode_invoice(invoice)));
  std::int64_t before = 0;
  {
    auto q = db.query("SELECT coalesce(max(rowid), 0) FROM invoice");
    if (q.row()) before = q.integer(0);
  }
  db.insert("INSERT OR IGNORE INTO invoice(number, record) SELECT c0, c1 FROM given", rows);
  if (db.failure()) return 0;
  std::vector<const Invoice*> added;
  added.reserve(invoices.size());
  if (db.changed_rows() == static_cast<std::int64_t>(invoices.size())) {
    for (const auto& invoice : invoices) added.push_back(&invoice);
  } else {
    auto q = db.query("SELECT number FROM invoice WHERE rowid > ? ORDER BY rowid");
    q.bind(before);
    bool more = q.row();
    for (const auto& invoice : invoices) {
      if (!more || q.view(0) != invoice.number) continue;
      added.push_back(&invoice);
      more = q.row();
    }
  }
  index_new_issued(session, added);
  return static_cast<std::uint32_t>(added.size());
}

void quarantine(Session& session, const NightBatch& batch, const QuarantinedRecord& r) {
  session.db()
      .query(
          "INSERT INTO quarantine(run, at, taxpayer, number, reason, field, before, after, hash, evidence, times) "
          "VALUES(?,?,?,?,?,?,?,?,?,?,1) ON CONFLICT(taxpayer, number, hash) DO UPDATE SET times = times + 1")
      .bind(batch.run)
      .bind(session.now().ms)
      .bind(batch.taxpayer)
      .bind(r.number)
      .bind(r.reason)
      .bind(r.field)
      .bind(static_cast<std::int64_t>(r.before.bits))
      .bind(static_cast<std::int64_t>(r.after.bits))
      .bind(static_cast<std::int64_t>(r.hash))
      .bind_bytes(r.evidence)
      .run();
}

constexpr std::size_t kLook = 128;  // rows, about 0.2 ms

}  // namespace

StatusChange read_change(const Query& q) {
  StatusChange c;
  c.seq = q.integer(0);
  c.run = q.integer(1);
  c.key = {static_cast<std::uint32_t>(q.integer(2)), static_cast<std::uint64_t>(q.integer(3))};
  c.before = {static_cast<std::uint64_t>(q.integer(4))};
  c.after = {static_cast<std::uint64_t>(q.integer(5))};
  c.at = {q.integer(6)};
  c.hash = static_cast<std::uint64_t>(q.integer(7));
  if (!c.before.sound() || !c.after.sound()) q.damaged("a status that no platform can have given");
  return c;
}

Result<std::uint32_t> number_taxpayer(Session& session, const std::string& taxpayer) {
  if (const auto known = known_taxpayer(session.db(), taxpayer); known != 0) return known;
  std::int64_t number = 1;
  {
    auto q = session.db().query("SELECT coalesce(max(no), 0) + 1 FROM taxpayer");
    if (q.row()) number = q.integer(0);
  }
  if (number > std::int64_t{InvoiceKey::kMaxTaxpayer})
    return fail(Errc::limit_reached, "store.taxpayers", {}, std::to_string(number),
                std::to_string(InvoiceKey::kMaxTaxpayer));
  session.db().query("INSERT INTO taxpayer(no, id) VALUES(?, ?)").bind(number).bind(taxpayer).run();
  add_up_issued(session.db(), taxpayer);  // once in the taxpayer's life; kept with each row from now on
  session.now_numbered(taxpayer);
  return static_cast<std::uint32_t>(number);
}

Result<std::int64_t> put_run(Session& session, const NightRun& run) {
  Connection& db = session.db();
  std::int64_t number = run.run;
  if (number == 0) {
    auto q = db.query("SELECT coalesce(max(run), 0) + 1 FROM night");
    if (q.row()) number = q.integer(0);
  }
  db.query(
        "INSERT OR REPLACE INTO night(run, started_at, finished_at, state, first_change, summary) VALUES(?,?,?,?,?,?)")
      .bind(number)
      .bind(run.started_at.ms)
      .bind(run.finished_at.ms)
      .bind(run.state)
      .bind(run.first_change)
      .bind_bytes(run.summary)
      .run();
  if (run.finished_at.is_set()) db.query("DELETE FROM night_window WHERE run = ?").bind(number).run();
  return number;
}

NightPosition commit_slice(Session& session, const NightBatch& batch, NightPosition at, NightCommitted& counts) {
  Connection& db = session.db();
  BulkSlice slice(session, limits::kNightRows, kLook);
  const LegalTime now = session.now();
  const std::int64_t before = last_change(db);
  std::int64_t seq = before;
  std::size_t events = 0;
  std::string canonical;
  // Facts first: a change never stands without its invoice. What was not believed before the cursor that passes it.
  while (at.invoices < batch.invoices.size() && !db.failure()) {
    const auto count = slice.take(batch.invoices.size() - at.invoices);
    if (count == 0) break;
    counts.invoices_added += add_listed(session, std::span(batch.invoices).subspan(at.invoices, count));
    at.invoices += count;
  }
  std::vector<StatusChange> written;
  while (at.invoices == batch.invoices.size() && at.changes < batch.changes.size() && !db.failure()) {
    const auto count = slice.take(batch.changes.size() - at.changes);
    if (count == 0) break;
    const auto from = written.size();
    for (const auto& shown : std::span(batch.changes).subspan(at.changes, count)) {
      if (session.observed_after(shown.key, batch.known_upto)) continue;
      StatusChange& c = written.emplace_back(shown);
      c.seq = ++seq;
      c.run = batch.run;
      c.at = now;
      append_change(canonical, c);
      if (c.before != c.after) ++events;
    }
    at.changes += count;
    insert_changes(db, std::span(written).subspan(from));
  }
  counts.changes += static_cast<std::uint32_t>(written.size());
  // All at once, and so on pages side by side: those who read or rewrite `status` in key order depend on that.
  if (!written.empty() && applied_seq(db) == before && all_new(db, written)) {
    put_new_statuses(db, written);
    set_applied_seq(db, seq);
  }
  const bool changes_done = at.invoices == batch.invoices.size() && at.changes == batch.changes.size();
  while (changes_done && at.quarantined < batch.quarantined.size() && !db.failure() && slice.more()) {
    quarantine(session, batch, batch.quarantined[at.quarantined++]);
    ++counts.quarantined;
  }
  if (seq > before) journal_changes(session, before + 1, seq, events, batch.run, batch.taxpayer, {}, canonical);
  counts.last_change = seq;
  if (changes_done && at.quarantined == batch.quarantined.size()) {
    if (!batch.cursor.empty()) (void)set_cursor(session, batch.cursor, batch.cursor_value);
    if (batch.position >= 0)
      db.query("INSERT OR REPLACE INTO night_window(run, position, mark) VALUES(?,?,?)")
          .bind(batch.run)
          .bind(batch.position)
          .bind(batch.mark)
          .run();
    at.cursor = true;
  }
  return at;
}

Result<std::size_t> apply_slice(Session& session, const ApplyPlan& plan, std::size_t from) {
  Connection& db = session.db();
  if (const auto applied = applied_seq(db); applied != plan.from && !db.failure())
    return fail(Errc::retry_later, "store.stale", "applied_seq", std::to_string(plan.from), std::to_string(applied));
  BulkSlice slice(session, limits::kApplyRows, kLook);
  while (from < plan.rows.size() && !db.failure()) {
    const auto chunk = std::span(plan.rows).subspan(from, slice.take(plan.rows.size() - from));
    if (chunk.empty()) break;
    if (all_new(db, chunk))
      put_new_statuses(db, chunk);
    else
      for (const auto& c : chunk) put_status(db, c);
    from += chunk.size();
  }
  if (from == plan.rows.size()) set_applied_seq(db, plan.upto);
  return from;
}

std::uint32_t known_taxpayer(Connection& db, std::string_view taxpayer) {
  if (taxpayer.empty()) return 0;
  auto q = db.query("SELECT no FROM taxpayer WHERE id = ?");
  q.bind(taxpayer);
  return q.row() ? static_cast<std::uint32_t>(q.integer(0)) : 0;
}

std::optional<StatusChange> current_status(Connection& db, const InvoiceKey& key) {
  {
    // Above applied_seq there is at most a night's remainder, so no index in key order has to be kept for it.
    auto q = db.query(
        "SELECT seq, run, partition, rest, before, after, at, hash FROM change WHERE seq > "
        "(SELECT value FROM meta WHERE name = 'applied_seq') AND rest = ? AND partition = ? ORDER BY seq DESC LIMIT 1");
    q.bind(static_cast<std::int64_t>(key.rest)).bind(std::int64_t{key.partition});
    if (q.row()) return read_change(q);
  }
  auto q = db.query("SELECT bits, seen_at, hash FROM status WHERE partition = ? AND rest = ?");
  q.bind(std::int64_t{key.partition}).bind(static_cast<std::int64_t>(key.rest));
  if (!q.row()) return std::nullopt;
  StatusChange c;
  c.key = key;
  c.after = {static_cast<std::uint64_t>(q.integer(0))};
  c.at = {q.integer(1)};
  c.hash = static_cast<std::uint64_t>(q.integer(2));
  if (!c.after.sound()) q.damaged("a status that no platform can have given");
  return c;
}

void observe_by_day(Session& session, const Invoice& invoice) {
  Connection& db = session.db();
  PlatformStatus seen;
  const auto tell = [&](StatusField field, std::string_view code) {
    if (const auto known = status_code(code)) seen.set(field, *known);
  };
  tell(StatusField::state, invoice.status);
  tell(StatusField::use, invoice.use);
  tell(StatusField::booking, invoice.booking);
  tell(StatusField::lock, invoice.locked ? "Y" : "N");
  for (const std::string* taxpayer : {&invoice.seller.id, &invoice.buyer.id}) {
    const auto number = known_taxpayer(db, *taxpayer);
    const auto key = number != 0 ? invoice_key(number, invoice.number) : std::nullopt;
    const auto current = key ? current_status(db, *key) : std::nullopt;
    if (!current) continue;  // the night will meet it as a new one
    StatusChange c;
    c.seq = last_change(db) + 1;
    c.at = session.now();
    c.key = *key;
    c.before = current->after;
    c.after = c.before.updated_by(seen);
    if (c.before == c.after && current->hash == 0) continue;
    insert_changes(db, {&c, 1});
    session.observed_by_day(c.key, c.seq);
    std::string canonical;
    append_change(canonical, c);
    journal_changes(session, c.seq, c.seq, c.before == c.after ? 0 : 1, 0, *taxpayer, invoice.number, canonical);
    // Nothing else pending: no reason to leave this one to the night.
    if (applied_seq(db) + 1 == c.seq) {
      put_status(db, c);
      set_applied_seq(db, c.seq);
    }
  }
}

PlatformStatus overlay_status(Connection& db, Invoice& invoice) {
  std::optional<StatusChange> views[2];  // seller's, buyer's
  const std::string* taxpayers[2] = {&invoice.seller.id, &invoice.buyer.id};
  for (int i = 0; i < 2; ++i) {
    const auto number = known_taxpayer(db, *taxpayers[i]);
    const auto key = number != 0 ? invoice_key(number, invoice.number) : std::nullopt;
    if (key) views[i] = current_status(db, *key);
  }
  if (!views[0] && !views[1]) return {};
  const bool buyer_newer = views[1] && (!views[0] || views[1]->at >= views[0]->at);
  const PlatformStatus newer = buyer_newer ? views[1]->after : views[0]->after;
  const PlatformStatus older = !views[0] || !views[1] ? newer : buyer_newer ? views[0]->after : views[1]->after;
  const PlatformStatus told = older.updated_by(newer);
  const PlatformStatus used = views[1] ? told.updated_by(views[1]->after) : told;
  const auto lay = [](std::string& into, std::string text) {
    if (!text.empty()) into = std::move(text);
  };
  lay(invoice.status, told.text(StatusField::state));
  lay(invoice.use, used.text(StatusField::use));
  lay(invoice.booking, used.text(StatusField::booking));
  if (told.get(StatusField::lock) != 0) invoice.locked = told.text(StatusField::lock) == "Y";
  PlatformStatus whole = told;
  for (const auto field : {StatusField::use, StatusField::booking}) whole.set(field, used.get(field));
  return whole;
}

std::string content_of_changes(Connection& db, std::string_view reference) {
  std::int64_t first = 0, last = 0;
  const auto dash = reference.find('-');
  if (dash == std::string_view::npos) return {};
  std::from_chars(reference.data(), reference.data() + dash, first);
  std::from_chars(reference.data() + dash + 1, reference.data() + reference.size(), last);
  std::string canonical;
  auto q = db.query(
      "SELECT seq, run, partition, rest, before, after, at, hash FROM change WHERE seq BETWEEN ? AND ? ORDER BY seq");
  q.bind(first).bind(last);
  while (q.row()) append_change(canonical, read_change(q));
  return std::string(as_text(sm3(as_bytes(canonical))));
}

}  // namespace taxgate::store
