#pragma once
// What the night sync keeps: the platform's status of every invoice, and how it changed. Three plain tables beside the
// ledger's invoices: `change` is append-only, event feed and redo log at once; `status` is what it amounts to up to
// applied_seq; `quarantine` holds what was not believed (docs/sync.md). Reached through Store::night().
//
// Order of use: taxpayer_number() → NightReader::each_status() fills the mirror → commit() per batch, cursor included →
// plan() and apply() at latest every kNightPending changes and at the end. A crash between any two of them loses and
// doubles nothing: a batch that is listed again compares as unchanged, an apply is repeated.
//
// Writes behave as those of Store (bulk lane: slices of at most limits::kBulkSlice, acceptances first, `done` on the
// writer thread after the commit is durable). Readers: one thread at a time each.
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/records.h"
#include "protocol/error.h"
#include "protocol/invoice_key.h"
#include "protocol/platform_status.h"

namespace taxgate::store {

template <class T>
using Done = std::move_only_function<void(Result<T>)>;

/// One row of `change`. before == after: only the hash is new, which is no event.
struct StatusChange {
  std::int64_t seq = 0;  // assigned by the store
  std::int64_t run = 0;  // the night's number; 0: a daytime observation
  LegalTime at;          // assigned by the store
  InvoiceKey key;
  PlatformStatus before, after;
  std::uint64_t hash = 0;  // of the raw record; 0: unknown, compare again
  friend bool operator==(const StatusChange&, const StatusChange&) = default;
};

/// A record that was shown and not believed. The same (taxpayer, number, hash) again only counts.
struct QuarantinedRecord {
  std::int64_t id = 0, run = 0, times = 1;  // id, times, at: assigned by the store
  LegalTime at;                             // first seen
  std::string taxpayer, number;             // number may be empty
  std::string reason, field;                // "unreadable", "transition", "too_many_statuses"; the platform's field
  PlatformStatus before, after;
  std::uint64_t hash = 0;
  std::string evidence;  // the raw record
};

struct NightBatch {
  std::int64_t run = 0;
  std::string taxpayer;
  std::vector<StatusChange> changes;  // keys of this taxpayer; seq and at are ignored
  std::vector<Invoice> invoices;      // facts of new ones; what the ledger already has stays as it is
  std::vector<QuarantinedRecord> quarantined;
  std::string cursor;  // moved to cursor_value in the last transaction of the batch; empty: none
  std::int64_t cursor_value = 0;
  std::int64_t position = -1;  // of a window of the run, from 0: its mark is set in the same transaction; -1: none
  std::string mark;            // the driver's words on how far that window is
  /// What the comparison knew: changes up to this one. What was observed by day since then stays and is left out of the
  /// batch: it is newer than the list, and its hash has the next night read the invoice again.
  std::int64_t known_upto = std::numeric_limits<std::int64_t>::max();
};
struct NightCommitted {
  std::int64_t last_change = 0;
  std::uint32_t changes = 0, invoices_added = 0, quarantined = 0;
};

/// One night, for history and for going on after a stop. What it says is the driver's; the store only keeps it.
struct NightRun {
  std::int64_t run = 0;               // from 1; put_run with 0 makes a new one
  LegalTime started_at, finished_at;  // finished_at not set: to be gone on with
  std::string state;
  std::int64_t first_change = 0;  // its changes lie above this one
  std::string summary;            // bytes
};
/// How far one window of an unfinished run is.
struct WindowMark {
  std::int64_t position = 0;
  std::string mark;
};

/// Changes that are to enter `status`, in key order, the last one of each key only. Made by NightReader::plan().
struct ApplyPlan {
  std::int64_t from = 0, upto = 0;  // applied_seq before and after
  std::vector<StatusChange> rows;
};

class NightReader {
 public:
  virtual ~NightReader() = default;
  struct Progress {
    std::int64_t last_change = 0, applied_seq = 0;
  };
  virtual Result<Progress> progress() = 0;
  /// Every known status in one snapshot: `status` in key order, then the changes above applied_seq in order, which
  /// replace what came before. returns  the change up to which this is
  virtual Result<std::int64_t> each_status(
      const std::function<void(const InvoiceKey&, PlatformStatus, std::uint64_t hash)>& each) = 0;
  /// The platform's last word on one invoice, pending changes included.
  virtual Result<std::optional<PlatformStatus>> status_of(const InvoiceKey& key) = 0;
  /// The feed; touched-only rows included. At most `limit`.
  virtual Result<std::vector<StatusChange>> changes_after(std::int64_t seq, int limit) = 0;
  virtual Result<std::vector<QuarantinedRecord>> quarantined_after(std::int64_t id, int limit) = 0;
  /// Our number of a taxpayer; 0: none yet.
  virtual Result<std::uint32_t> taxpayer_number(std::string_view taxpayer) = 0;
  /// The newest first, below `before` (0: from the newest), at most `limit`.
  virtual Result<std::vector<NightRun>> runs(std::int64_t before, int limit) = 0;
  virtual Result<std::optional<NightRun>> run(std::int64_t number) = 0;
  virtual Result<std::vector<WindowMark>> marks(std::int64_t run) = 0;
  /// Whether any invoice of this taxpayer has a status.
  virtual Result<bool> knows_any(std::uint32_t taxpayer) = 0;
  /// The next at most `limit` changes to apply; an empty plan: nothing is pending.
  virtual Result<ApplyPlan> plan(std::int64_t limit) = 0;
};

class NightStore {
 public:
  virtual ~NightStore() = default;
  /// Numbers a taxpayer for good, from 1. errors  limit_reached store.taxpayers
  virtual void taxpayer_number(std::string taxpayer, Done<std::uint32_t> done) = 0;
  virtual void commit(NightBatch batch, Done<NightCommitted> done) = 0;
  /// Makes (run 0) or replaces one; a finished one loses its marks. returns  its number
  virtual void put_run(NightRun run, Done<std::int64_t> done) = 0;
  /// errors  retry_later store.stale (made from another applied_seq: make a new one)
  virtual void apply(ApplyPlan plan, Done<std::int64_t> done) = 0;
  virtual Result<std::unique_ptr<NightReader>> reader() = 0;
};

}  // namespace taxgate::store
