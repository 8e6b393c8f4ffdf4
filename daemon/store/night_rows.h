#pragma once
// The night's writes as functions over one Session, as in operations.h. Private to this room.
#include "daemon/store/night.h"
#include "daemon/store/session.h"

namespace taxgate::store {

Result<std::uint32_t> number_taxpayer(Session& session, const std::string& taxpayer);

Result<std::int64_t> put_run(Session& session, const NightRun& run);

/// Where a batch stands: rows already committed of each kind.
struct NightPosition {
  std::size_t changes = 0, invoices = 0, quarantined = 0;
  bool cursor = false;
};
/// Writes from `at` on until the slice's bounds are met; returns how far it came. The cursor goes last.
NightPosition commit_slice(Session& session, const NightBatch& batch, NightPosition at, NightCommitted& counts);
/// Enters plan.rows[from..] until the bounds are met; applied_seq with the last of them.
/// errors  retry_later store.stale
Result<std::size_t> apply_slice(Session& session, const ApplyPlan& plan, std::size_t from);

/// The platform showed this invoice by day: a change for each of our taxpayers on it whose night knows it, with the
/// hash set to unknown, so that the night reads the record again.
void observe_by_day(Session& session, const Invoice& invoice);

/// The last word on one invoice, pending changes included. nullopt: not known.
std::optional<StatusChange> current_status(Connection& db, const InvoiceKey& key);
std::uint32_t known_taxpayer(Connection& db, std::string_view taxpayer);  // 0: none
/// The platform's word laid over a ledger record: the buyer's view tells use and booking, the newer one the rest.
/// returns  the same word whole, with what a ledger record has no field for
PlatformStatus overlay_status(Connection& db, Invoice& invoice);

/// A row of "seq, run, partition, rest, before, after, at, hash".
StatusChange read_change(const Query& row);

/// What a "status" journal row vouches for: its rows of `change`, from its reference "first-last". Empty: none such.
std::string content_of_changes(Connection& db, std::string_view reference);

}  // namespace taxgate::store
