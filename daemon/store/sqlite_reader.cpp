// Reads: blocking, on a read-only connection of their own, each a short snapshot.
#include <algorithm>

#include "daemon/core/limits.h"
#include "daemon/store/codec.h"
#include "daemon/store/night_rows.h"
#include "daemon/store/rows.h"
#include "daemon/store/sqlite_store.h"

namespace taxgate::store {
namespace {

template <class T>
bool contains(const std::vector<T>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

class SqliteReader final : public Reader {
 public:
  explicit SqliteReader(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  Result<void> open(const std::string& path, const std::string& vfs) {
    if (auto opened = db_.open(path, vfs, Connection::Mode::read_only); !opened) return opened;
    db_.execute("PRAGMA query_only=ON; PRAGMA cache_size=-" + std::to_string(limits::kStoreCacheKiB / 4));
    if (db_.failure()) return std::unexpected(*db_.failure());
    return {};
  }

  void begin_snapshot() override { db_.query("BEGIN").run(); }
  void end_snapshot() override {
    db_.clear_failure();  // each answer has told its own; a snapshot that could not begin is only slower
    if (db_.in_transaction()) db_.query("COMMIT").run();
    db_.clear_failure();
  }

  Result<std::optional<Submission>> submission(std::string_view id) override {
    const auto seq = seq_of(db_, shared_->ids, id);
    return answer(seq != 0 ? load_submission(db_, seq) : std::nullopt);
  }

  Result<std::optional<Submission>> by_idempotency_key(std::string_view caller, std::string_view key) override {
    std::optional<Submission> found;
    for (const auto seq : shared_->keys.find(key)) {
      auto s = load_submission(db_, seq);
      if (s && s->caller == caller && s->idempotency_key == key) found = std::move(s);
    }
    return answer(std::move(found));
  }

  Result<std::vector<Submission>> submissions(const SubmissionFilter& f) override {
    std::optional<State> state;
    if (!f.state.empty()) {
      state = state_named(f.state);
      if (!state) return fail(Errc::invalid_input, "store.filter_state", "state", f.state);
    }
    const auto limit = static_cast<std::size_t>(std::clamp(f.limit, 0, limits::kListPage));
    std::vector<Submission> out;
    const auto consider = [&](std::int64_t seq) {
      auto s = load_submission(db_, seq);
      if (s && matches(f, state, *s)) out.push_back(*std::move(s));
    };
    if (!f.idempotency_key.empty() || !f.blue_number.empty()) {
      const auto seqs =
          f.idempotency_key.empty() ? shared_->lanes.find(f.blue_number) : shared_->keys.find(f.idempotency_key);
      for (const auto seq : seqs)
        if (seq > f.after_seq && out.size() < limit) consider(seq);
      return answer(std::move(out));
    }
    for (const auto seq : scan(f, state, limit)) consider(seq);
    return answer(std::move(out));
  }

  Result<std::vector<Submission>> open_on_lane(std::string_view lane) override {
    std::vector<Submission> out;
    for (const auto seq : shared_->lanes.find(lane)) {
      if (!narrow_match(seq, lane, {}, true)) continue;
      if (out.size() == static_cast<std::size_t>(limits::kLaneOpen)) break;
      if (auto s = load_submission(db_, seq)) out.push_back(*std::move(s));
    }
    return answer(std::move(out));
  }

  Result<std::vector<OpenEntry>> open_entries(std::int64_t after_seq, int limit) override {
    std::vector<OpenEntry> out;
    const auto most = static_cast<std::size_t>(std::max(limit, 0));
    // Row by row for as long as they are open, and over those that are not in one step.
    for (auto seq = shared_->open.next(after_seq); seq != 0 && out.size() < most; seq = shared_->open.next(seq)) {
      auto q = db_.query("SELECT id, lane, taxpayer, seq, state, deadline FROM submission WHERE seq >= ? ORDER BY seq");
      q.bind(seq);
      while (out.size() < most && q.row()) {
        seq = std::max(seq, q.integer(3));
        const auto state = q.integer(4);
        if (state < 0 || state >= kStateCount) {
          q.damaged("a submission has an unknown state");
          return answer(std::move(out));
        }
        if (is_final(static_cast<State>(state))) break;
        out.push_back({q.text(0), q.text(1), q.text(2), seq, static_cast<State>(state), LegalTime{q.integer(5)}});
      }
    }
    return answer(std::move(out));
  }

  Result<std::vector<JournalRow>> journal_after(std::int64_t seq, int limit) override {
    std::vector<JournalRow> out;
    auto q = db_.query("SELECT " TAXGATE_JOURNAL_COLUMNS "FROM journal WHERE seq > ? ORDER BY seq LIMIT ?");
    q.bind(seq).bind(std::min(limit, limits::kListPage));
    while (q.row()) out.push_back(read_journal_row(q));
    return answer(std::move(out));
  }

  Result<std::vector<JournalRow>> journal_of(std::string_view submission) override {
    std::vector<JournalRow> out;
    std::int64_t at = 0;
    {
      auto q = db_.query("SELECT last_journal FROM submission WHERE seq = ?");
      q.bind(seq_of(db_, shared_->ids, submission));
      if (q.row()) at = q.integer(0);
    }
    // Each row names the one before it: no index over the journal, which every commit would have to maintain.
    while (at != 0) {
      auto q = db_.query("SELECT " TAXGATE_JOURNAL_COLUMNS ", previous FROM journal WHERE seq = ?");
      q.bind(at);
      const bool there = q.row();
      if (!there || q.view(2) != submission || q.integer(11) >= at) {
        if (!db_.failure()) q.damaged("a submission's journal is broken");
        break;
      }
      out.push_back(read_journal_row(q));
      at = q.integer(11);
    }
    std::reverse(out.begin(), out.end());
    return answer(std::move(out));
  }

  Result<std::vector<SignedEnvelope>> envelopes(std::string_view submission, Step step) override {
    std::vector<SignedEnvelope> out;
    auto q = db_.query(
        "SELECT bytes, signature, certificate, signer_id, key_serial FROM envelope WHERE submission = ? AND step = ? "
        "ORDER BY id");
    q.bind(seq_of(db_, shared_->ids, submission)).bind(static_cast<int>(step));
    while (q.row()) out.push_back(read_envelope_row(q));
    return answer(std::move(out));
  }

  Result<std::vector<KeptSignature>> signatures(std::string_view submission) override {
    std::vector<KeptSignature> out;
    auto q = db_.query(
        "SELECT bytes, signature, certificate, signer_id, key_serial, step, journal, "
        "(SELECT at FROM journal WHERE seq = envelope.journal) FROM envelope WHERE submission = ? ORDER BY id");
    q.bind(seq_of(db_, shared_->ids, submission));
    while (q.row()) {
      const auto step = q.integer(5);
      const LegalTime at{q.integer(7)};
      if (step < 0 || step > static_cast<int>(Step::answer) || !at.is_set()) {
        q.damaged("a signature has an unknown step or no journal row");
        break;
      }
      out.push_back({static_cast<Step>(step), q.integer(6), at, read_envelope_row(q)});
    }
    if (out.empty() || db_.failure()) return answer(std::move(out));
    const auto rows = journal_of(submission);
    if (!rows) return std::unexpected(rows.error());
    std::vector<std::int64_t> numbers;
    for (const JournalRow& row : *rows) numbers.push_back(row.seq);
    if (const auto holds = verify_chain_around(db_, numbers); !holds)
      for (KeptSignature& kept : out) kept.broken = holds.error();
    return answer(std::move(out));
  }

  Result<std::optional<StoredInvoice>> invoice(std::string_view number) override {
    std::optional<StoredInvoice> out;
    {
      auto q = db_.query("SELECT record FROM invoice WHERE number = ?");
      q.bind(number);
      if (q.row()) {
        auto record = decode_invoice(q.view(0));
        if (!record) return std::unexpected(record.error());
        out.emplace(*std::move(record));
      }
    }
    if (out) {
      out->platform = overlay_status(db_, out->invoice);
      auto q = db_.query("SELECT red FROM red_of WHERE blue = ? ORDER BY red");
      q.bind(number);
      while (q.row()) out->reds.push_back(q.text(0));
    }
    return answer(std::move(out));
  }

  Result<InvoicePage> invoices(const InvoiceFilter& filter) override {
    auto page = list_invoices(db_, filter);
    if (!page) return page;
    return answer(std::move(*page));
  }

  Result<std::vector<Submission>> reds_on(std::string_view blue_number) override {
    std::vector<Submission> out;
    for (const auto seq : shared_->lanes.find(blue_number)) {
      if (!narrow_match(seq, {}, blue_number, false)) continue;
      if (auto s = load_submission(db_, seq)) out.push_back(*std::move(s));
    }
    return answer(std::move(out));
  }

  Result<std::vector<Hold>> holds() override {
    std::vector<Hold> out;
    auto q =
        db_.query("SELECT taxpayer, reason, release_by, cause, since, principal FROM hold ORDER BY taxpayer, reason");
    while (q.row()) out.push_back({q.text(0), q.text(1), q.text(2), q.text(3), LegalTime{q.integer(4)}, q.text(5)});
    return answer(std::move(out));
  }

  Result<std::vector<Caller>> callers() override {
    std::vector<Caller> out;
    auto q =
        db_.query("SELECT name, roles, taxpayers, token_sha256, certificate_sha256, uid FROM caller ORDER BY name");
    while (q.row()) {
      auto roles = decode_names(q.view(1));
      auto taxpayers = decode_names(q.view(2));
      if (!roles) return std::unexpected(roles.error());
      if (!taxpayers) return std::unexpected(taxpayers.error());
      out.push_back({q.text(0), *std::move(roles), *std::move(taxpayers), q.text(3), q.text(4), q.integer(5)});
    }
    return answer(std::move(out));
  }

  Result<std::vector<InboxForm>> inbox(std::string_view taxpayer, bool only_open) override {
    std::vector<InboxForm> out;
    auto q =
        db_.query("SELECT " TAXGATE_INBOX_COLUMNS
                  "FROM inbox WHERE (?1 = '' OR taxpayer = ?1) AND (open = 1 OR ?2 = 0) ORDER BY entered_at, uuid");
    q.bind(taxpayer).bind(only_open ? 1 : 0);
    while (q.row()) out.push_back(read_inbox_form(q));
    return answer(std::move(out));
  }

  Result<std::optional<InboxForm>> inbox_form(std::string_view uuid) override {
    std::optional<InboxForm> out;
    auto q = db_.query("SELECT " TAXGATE_INBOX_COLUMNS "FROM inbox WHERE uuid = ?");
    q.bind(uuid);
    if (q.row()) out = read_inbox_form(q);
    return answer(std::move(out));
  }

  Result<std::optional<Submission>> owner_of_form(std::string_view form_uuid) override {
    std::optional<std::int64_t> seq;
    if (!form_uuid.empty()) {
      auto q = db_.query(
          "SELECT seq FROM submission INDEXED BY submission_form WHERE form_uuid = ? AND form_uuid <> '' AND kind = 0");
      q.bind(form_uuid);
      if (q.row()) seq = q.integer(0);
    }
    return answer(seq ? load_submission(db_, *seq) : std::nullopt);
  }

  Result<std::vector<std::pair<State, std::int64_t>>> counts() override {
    std::vector<std::pair<State, std::int64_t>> out;
    for (std::size_t i = 0; i < shared_->counts.size(); ++i)
      if (const auto n = shared_->counts[i].load(std::memory_order_relaxed); n != 0)
        out.emplace_back(static_cast<State>(i), n);
    return out;
  }

  Result<std::vector<CreditRecord>> credit_records(std::string_view taxpayer) override {
    return answer(load_credit_records(db_, taxpayer));
  }
  Result<std::vector<IssuedRow>> issued_by(std::string_view seller, std::int64_t first, std::int64_t last) override {
    return answer(load_issued(db_, seller, first, last));
  }
  Result<std::vector<IssuedRow>> issued_reds(std::string_view seller, std::int64_t first, std::int64_t last) override {
    return answer(load_issued_reds(db_, seller, first, last));
  }
  Result<std::map<std::string, IssuedTotal>> issued_totals(std::string_view seller, std::int64_t month) override {
    return answer(load_issued_totals(db_, seller, month));
  }

  Result<std::int64_t> cursor(std::string_view name) override {
    std::int64_t value = 0;
    auto q = db_.query("SELECT value FROM cursor WHERE name = ?");
    q.bind(name);
    if (q.row()) value = q.integer(0);
    return answer(value);
  }

  Result<std::int64_t> last_seq() override { return shared_->last_seq.load(std::memory_order_acquire); }

 private:
  // A failed read answers with its error and leaves the connection usable for the next.
  template <class T>
  Result<T> answer(T value) {
    if (!db_.failure()) return value;
    Error error = *db_.failure();
    db_.clear_failure();
    return std::unexpected(std::move(error));
  }

  static bool matches(const SubmissionFilter& f, std::optional<State> state, const Submission& s) {
    return (f.taxpayer.empty() || s.taxpayer == f.taxpayer) && (!state || s.state == *state) &&
           (f.blue_number.empty() || s.blue_number == f.blue_number) &&
           (f.idempotency_key.empty() || s.idempotency_key == f.idempotency_key) &&
           (f.taxpayers.empty() || contains(f.taxpayers, s.taxpayer));
  }

  // Seqs of matching rows, looking at narrow rows only; for an open state at those of what is open.
  std::vector<std::int64_t> scan(const SubmissionFilter& f, std::optional<State> state, std::size_t limit) {
    std::vector<std::int64_t> out;
    const auto consider = [&](const Query& q) {
      if (state && q.integer(2) != static_cast<std::int64_t>(*state)) return;
      if (!f.taxpayer.empty() && q.view(1) != f.taxpayer) return;
      if (!f.taxpayers.empty() && !contains(f.taxpayers, q.view(1))) return;
      out.push_back(q.integer(0));
    };
    if (state && !is_final(*state)) {
      for (auto seq = shared_->open.next(f.after_seq); seq != 0 && out.size() < limit; seq = shared_->open.next(seq)) {
        auto q = db_.query("SELECT seq, taxpayer, state FROM submission WHERE seq = ?");
        q.bind(seq);
        if (q.row()) consider(q);
      }
      return out;
    }
    auto q = db_.query("SELECT seq, taxpayer, state FROM submission WHERE seq > ? ORDER BY seq");
    q.bind(f.after_seq);
    while (out.size() < limit && q.row()) consider(q);
    return out;
  }

  // open lane: non-final on this lane; otherwise: a red on this blue, issued or not final.
  bool narrow_match(std::int64_t seq, std::string_view lane, std::string_view blue, bool open_lane) {
    auto q = db_.query("SELECT lane, blue_number, kind, state FROM submission WHERE seq = ?");
    q.bind(seq);
    if (!q.row()) return false;  // not committed yet, or a candidate that was taken back
    const auto number = q.integer(3);
    if (number < 0 || number >= kStateCount) {
      q.damaged("a submission has an unknown state");
      return false;
    }
    const auto state = static_cast<State>(number);
    if (open_lane) return q.view(0) == lane && !is_final(state);
    return q.view(1) == blue && q.integer(2) == static_cast<std::int64_t>(Kind::red) &&
           (state == State::issued || !is_final(state));
  }

  std::shared_ptr<Shared> shared_;
  Connection db_;
};

}  // namespace

Result<std::unique_ptr<Reader>> make_reader(const std::string& path, const std::string& vfs,
                                            std::shared_ptr<Shared> shared) {
  auto reader = std::make_unique<SqliteReader>(std::move(shared));
  if (auto opened = reader->open(path, vfs); !opened) return std::unexpected(opened.error());
  return reader;
}

}  // namespace taxgate::store
