#pragma once
// Every write the store offers, as a function over one Session. Each checks everything before it writes anything, so
// that a refusal leaves nothing behind; SQL failures are sticky in the connection and end the whole transaction.
// Each may run twice (a group that failed is repeated one by one), so arguments are kept. Private to this room.
#include <span>

#include "daemon/store/session.h"
#include "daemon/store/store.h"

namespace taxgate::store {

/// On `created`, `submission` is completed in place and the result's own copy is left empty: the caller has it.
/// content  content_of_acceptance(request, document), made in one batch for the whole group
Result<Accepted> accept(Session& session, Submission& submission, const Principal& principal,
                        const std::vector<Invoice>& inline_invoices, const Digest& content, const std::string& detail);
Result<Submission> advance(Session& session, const Advance& wanted);
Result<std::string> allocate_request_number(Session& session, const std::string& tax_device);
Result<void> set_hold(Session& session, const Hold& hold);
Result<void> release_hold(Session& session, const std::string& taxpayer, const std::string& reason,
                          const Principal& principal);
Result<void> put_caller(Session& session, const Caller& caller, const Principal& principal);
Result<void> remove_caller(Session& session, const std::string& name, const Principal& principal);
Result<void> put_inbox_form(Session& session, const InboxForm& form);
Result<CreditRecord> record_credit(Session& session, const CreditRecord& wanted);
Result<void> set_cursor(Session& session, const std::string& name, std::int64_t value);
Result<void> note(Session& session, const JournalRow& row);

// ---- what sellers issued, by month (issued.cpp)
/// The narrow row by which a month's credit line is added up, and its part of the month's total. `old`: what the ledger
/// had, if anything.
void index_issued(Session& session, const Invoice* old, const Invoice& invoice);
/// As above for many that are new, numbers growing where it can be.
void index_new_issued(Session& session, std::span<const Invoice* const> invoices);
/// The row alone: for migrations, to whose tables there are no totals yet.
void index_issued(Connection& db, const Invoice* old, const Invoice& invoice);
/// Makes the totals of a seller who has none, from every row.
void add_up_issued(Connection& db, std::string_view seller);

enum class Upsert { added, updated, unchanged };
Upsert upsert_invoice(Session& session, const Invoice& invoice);

/// Imports invoices[from..] until the slice's bounds are met; adds to `counts`; returns where the next slice begins.
std::size_t import_slice(Session& session, const std::vector<Invoice>& invoices, const Store::RedNumbers& reds,
                         std::size_t from, const Principal& principal, Store::ImportCounts& counts);

}  // namespace taxgate::store
