#pragma once
// One SQLite database file: queue, ledger, journal and cursors, so that one commit covers them (docs/store.md).
//
// Writes are asynchronous: they queue to the one writer thread, which commits them in groups (acceptances first) with
// synchronous=FULL, and calls `done` on the writer thread only after the commit is durable. Reads are blocking, use a
// read-only connection of their own and may be called from any one thread at a time per Reader.
//
// errors  corrupt store.corrupt (refuse to start; nothing was overwritten)   limit_reached store.full (disk full:
// nothing was half-done)
//         invalid_input store.newer_schema, store.in_use (another daemon), retry_later store.stale (version moved on)
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/night.h"
#include "daemon/store/records.h"
#include "protocol/error.h"
#include "protocol/legal_time.h"

struct sqlite3_vfs;

namespace taxgate::store {

/// A seam for tests: called with a name and a running number before and after each durable step
/// ("accept.before_commit"). The kill tests count calls, then kill the process at the k-th.
using StepProbe = std::function<void(std::string_view step)>;

struct Options {
  std::string path;
  const LegalClock* clock = nullptr;  // required; outlives the store
  std::string vfs;                    // name of a registered SQLite VFS; empty: the default (power-loss tests set it)
  StepProbe probe;                    // optional
  std::size_t max_pending = 8192;  // acceptances waiting for a commit; beyond it limit_reached store.busy, answered on
                                   // the calling thread (the one exception to "done on the writer thread")
  /// WAL pages before a checkpoint, all of them the writer's own; 0: limits::kCheckpointPages, and beside the writer
  /// while more comes (crash tests make it small and count the writer's steps)
  int checkpoint_pages = 0;
  bool bulk_yields = false;  // bulk work makes transactions as small as if somebody always waited (crash tests)
};

class Reader {
 public:
  virtual ~Reader() = default;
  /// Until end_snapshot() every answer shows the database as it is now, and costs no lock of its own. Short: while it
  /// stands the WAL cannot be reused.
  virtual void begin_snapshot() = 0;
  virtual void end_snapshot() = 0;
  virtual Result<std::optional<Submission>> submission(std::string_view id) = 0;
  virtual Result<std::optional<Submission>> by_idempotency_key(std::string_view caller, std::string_view key) = 0;
  virtual Result<std::vector<Submission>> submissions(const SubmissionFilter& filter) = 0;
  virtual Result<std::vector<Submission>> open_on_lane(std::string_view lane) = 0;  // FIFO order, non-final
  virtual Result<std::vector<OpenEntry>> open_entries(std::int64_t after_seq, int limit) = 0;
  virtual Result<std::vector<JournalRow>> journal_after(std::int64_t seq, int limit) = 0;
  virtual Result<std::vector<JournalRow>> journal_of(std::string_view submission) = 0;
  virtual Result<std::vector<SignedEnvelope>> envelopes(std::string_view submission, Step step) = 0;
  /// Of all steps, in the order in which they were made.
  /// With them whether the digest chain holds over the commits of all the submission's rows.
  virtual Result<std::vector<KeptSignature>> signatures(std::string_view submission) = 0;
  virtual Result<std::optional<StoredInvoice>> invoice(std::string_view number) = 0;
  /// Looks at no more than limits::kInvoiceScan invoices. errors  invalid_input events.cursor (filter.after)
  virtual Result<InvoicePage> invoices(const InvoiceFilter& filter) = 0;
  /// Documents (to_stored) and final states of every submission on this blue that is issued or still open, in order.
  virtual Result<std::vector<Submission>> reds_on(std::string_view blue_number) = 0;
  virtual Result<std::vector<Hold>> holds() = 0;
  virtual Result<std::vector<Caller>> callers() = 0;
  virtual Result<std::vector<InboxForm>> inbox(std::string_view taxpayer, bool only_open) = 0;
  virtual Result<std::optional<InboxForm>> inbox_form(std::string_view uuid) = 0;
  virtual Result<std::optional<Submission>> owner_of_form(
      std::string_view form_uuid) = 0;  // a red submission that adopted it
  virtual Result<std::vector<std::pair<State, std::int64_t>>> counts() = 0;
  /// Every credit record of a taxpayer, oldest first.
  virtual Result<std::vector<CreditRecord>> credit_records(std::string_view taxpayer) = 0;
  /// What the ledger says the seller issued in the months [first, last] (year × 12 + month − 1, +08:00): blues by day
  /// and type, each red by itself.
  virtual Result<std::vector<IssuedRow>> issued_by(std::string_view seller, std::int64_t first, std::int64_t last) = 0;
  /// The reds of issued_by() alone, without reading the blues.
  virtual Result<std::vector<IssuedRow>> issued_reds(std::string_view seller, std::int64_t first,
                                                     std::int64_t last) = 0;
  /// What the month's rows of issued_by() amount to, by type, reds taken away; types without a row may be missing.
  /// Kept with each row for taxpayers that have a number (NightStore::taxpayer_number), of others nothing is known.
  virtual Result<std::map<std::string, IssuedTotal>> issued_totals(std::string_view seller, std::int64_t month) = 0;
  virtual Result<std::int64_t> cursor(std::string_view name) = 0;  // 0 when unknown
  virtual Result<std::int64_t> last_seq() = 0;
};

/// One submission to be made durable.
struct Acceptance {
  Submission submission;
  Principal principal;
  std::vector<Invoice> inline_invoices;  // enter the ledger in the same commit
  Done<Accepted> done;
  std::string detail{};  // of the "accepted" journal row: one line, English, no payload
};

class Store {
 public:
  virtual ~Store() = default;
  /// Opens or creates, migrates, checks, reads back the pragmas (synchronous=FULL, WAL) and takes the lock file.
  static Result<std::unique_ptr<Store>> open(Options options);

  /// id, seq, created_at, updated_at and version are assigned here. Same (caller, key) and same `request` bytes: the
  /// original (outcome same); other bytes: conflict. Also writes the "accepted" journal row, and `inbox_uuid`'s link.
  /// Each is answered for itself; those that come together are committed together.
  virtual void accept(std::vector<Acceptance> batch) = 0;
  void accept(Submission submission, Principal principal, std::vector<Invoice> inline_invoices, Done<Accepted> done);
  /// errors  retry_later store.stale, invalid_input store.transition (not in the table)
  virtual void advance(Advance advance, Done<Submission> done) = 0;
  /// Unique for ever: device number + second of max(now, last used + 1 s). Durable before `done`.
  virtual void allocate_request_number(std::string tax_device, Done<std::string> done) = 0;
  using RedNumbers = std::map<std::string, std::vector<std::string>, std::less<>>;
  struct ImportCounts {
    std::uint32_t added = 0, updated = 0, unchanged = 0;
  };
  /// reds  by number of an imported blue: numbers of its reds that were issued elsewhere; each counts against the blue
  ///       once it is in the ledger itself. A link that is new makes its blue "updated".
  virtual void import_invoices(std::vector<Invoice> invoices, RedNumbers reds, Principal principal,
                               Done<ImportCounts> done) = 0;
  void import_invoices(std::vector<Invoice> invoices, Principal principal, Done<ImportCounts> done) {
    import_invoices(std::move(invoices), RedNumbers{}, std::move(principal), std::move(done));
  }
  virtual void set_hold(Hold hold, Done<void> done) = 0;  // one per (taxpayer, reason); repeats keep `since`
  virtual void release_hold(std::string taxpayer, std::string reason, Principal principal, Done<void> done) = 0;
  virtual void put_caller(Caller caller, Principal principal, Done<void> done) = 0;
  virtual void remove_caller(std::string name, Principal principal, Done<void> done) = 0;
  virtual void put_inbox_form(InboxForm form,
                              Done<void> done) = 0;  // upsert by uuid; a journal row when new or its state changed
  /// Adds one record and its journal row. A filing of a period that has one, and a record with the reference of an
  /// equal one, change nothing: `done` gets the first. errors  invalid_input store.credit_conflict (same reference,
  /// other content), credit.initial_once
  virtual void record_credit(CreditRecord record, Done<CreditRecord> done) = 0;
  virtual void set_cursor(std::string name, std::int64_t value, Done<void> done) = 0;
  /// A journal row of its own. Of a submission: with the state that it has by then, and none once it is over.
  virtual void note(JournalRow row, Done<void> done) = 0;

  /// The night sync's part: status, changes, quarantine. As long-lived as the store.
  virtual NightStore& night() = 0;
  /// A new read-only connection.
  virtual Result<std::unique_ptr<Reader>> reader() = 0;
  /// Called on the writer thread after each commit with the highest journal seq (wakes event readers). Set once, before
  /// use.
  virtual void on_commit(std::function<void(std::int64_t last_seq)> callback) = 0;
  /// Verifies the SM3 chain over the journal. errors corrupt store.chain
  virtual Result<void> verify_chain() = 0;
};

}  // namespace taxgate::store
