#pragma once
// Between SQL rows and records. Private to this room.
#include <map>
#include <string>
#include <vector>

#include "daemon/store/records.h"
#include "daemon/store/seq_index.h"
#include "daemon/store/sql.h"

namespace taxgate::store {

// Numbers of the columns below follow this text; read_submission relies on the order.
#define TAXGATE_SUBMISSION_COLUMNS                                                                                    \
  "s.seq, s.id, s.version, s.kind, s.state, s.step, s.taxpayer, s.caller, s.idempotency_key, s.lane, s.blue_number, " \
  "s.amount, s.tax, s.created_at, s.updated_at, s.intent_at, s.attempts, s.entered_at, s.deadline, s.form_uuid, "     \
  "s.form_number, s.form_state, s.red_number, s.upload_serial, s.receipt, s.key_serial, s.hold_reason, "              \
  "s.hold_release_by, s.error, s.foreign_form, j.request, coalesce(d.bytes, j.document), b.bytes "
// A submission is one narrow changing row, its immutable "accepted" journal row, and up to one part per step.
#define TAXGATE_SUBMISSION_FROM                                                                 \
  "FROM submission s JOIN journal j ON j.seq = s.seq LEFT JOIN part d ON d.id = s.seq * 8 + 3 " \
  "LEFT JOIN part b ON b.id = s.seq * 8 + s.step "
#define TAXGATE_JOURNAL_COLUMNS \
  "seq, at, submission, taxpayer, blue_number, event, state, step, principal, detail, reference "

inline constexpr std::int64_t kPartsPerSubmission = 8;
inline constexpr std::int64_t kDocumentPart = 3;  // 0..2: the body of that step
inline std::int64_t body_part(std::int64_t seq, Step step) {
  return seq * kPartsPerSubmission + static_cast<std::int64_t>(step);
}
inline std::int64_t document_part(std::int64_t seq) { return seq * kPartsPerSubmission + kDocumentPart; }

Submission read_submission(const Query& q);
JournalRow read_journal_row(const Query& q);
SignedEnvelope read_envelope_row(const Query& q);  // bytes, signature, certificate, signer_id, key_serial
InboxForm read_inbox_form(const Query& q);

/// The whole submission; nothing when there is no such row (or the connection failed).
std::optional<Submission> load_submission(Connection& c, std::int64_t seq);
/// The row with this id; 0: none.
std::int64_t seq_of(Connection& c, const SeqIndex& ids, std::string_view id);

/// Of the column `month` of `issued`, in +08:00.
inline std::int64_t month_of(LegalTime time) {
  constexpr std::int64_t kMonths = 12;
  return time.year() * kMonths + time.month() - 1;
}

/// Days since 1970 in +08:00.
inline std::int64_t day_of(LegalTime time) {
  constexpr std::int64_t kDay = 24 * LegalTime::kHourMs;
  return (time.ms + LegalTime::kOffsetMs) / kDay;
}

// listing.cpp
Result<InvoicePage> list_invoices(Connection& c, const InvoiceFilter& filter);

// credit.cpp
std::vector<CreditRecord> load_credit_records(Connection& c, std::string_view taxpayer);

// issued.cpp
std::vector<IssuedRow> load_issued(Connection& c, std::string_view seller, std::int64_t first, std::int64_t last);
std::vector<IssuedRow> load_issued_reds(Connection& c, std::string_view seller, std::int64_t first, std::int64_t last);
std::map<std::string, IssuedTotal> load_issued_totals(Connection& c, std::string_view seller, std::int64_t month);

#define TAXGATE_INBOX_COLUMNS                                                                                  \
  "uuid, number, taxpayer, state, blue_number, counterparty, reason, role, amount, tax, entered_at, seen_at, " \
  "submission, "                                                                                               \
  "open "

}  // namespace taxgate::store
