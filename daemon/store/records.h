#pragma once
// What the store keeps, as plain values. No SQL, rowid or transaction leaves the store.
#include <optional>
#include <string>
#include <vector>

#include "protocol/envelope.h"
#include "protocol/invoice.h"
#include "protocol/platform_status.h"
#include "protocol/states.h"

namespace taxgate::store {

/// Who did it. Every journal row names one; every API operation has one.
struct Principal {
  std::string name;                    // "erp", "local:root", "taxgated", "platform", "counterparty"
  std::vector<std::string> roles;      // submitter, approver, operator, auditor, admin
  std::vector<std::string> taxpayers;  // empty: all
};

struct Submission {
  std::string id;            // UUIDv7, text form
  std::int64_t seq = 0;      // order of acceptance; FIFO per lane
  std::int64_t version = 0;  // +1 at each advance; compare-and-swap
  Kind kind = Kind::red;
  State state = State::queued;
  Step step = Step::apply;
  std::string taxpayer;  // our side
  std::string caller;    // principal that submitted it
  std::string idempotency_key;
  std::string lane;  // FIFO key: blue number for reds, "form:"+uuid for answers
  std::string blue_number;
  std::string request;   // the caller's api::v1::SubmissionRequest (or ActionRequest), protobuf bytes, verbatim
  std::string document;  // to_stored(RedDocument): what we want; empty for answers
  std::string body;      // plain platform body (JSON or GBK XML) of the current step, made once, resent verbatim
  Fen amount, tax;       // of the document, negative
  LegalTime created_at, updated_at;
  LegalTime intent_at;  // legal time of the first "sending" of the current step
  int attempts = 0;     // sends of the current step
  std::string form_uuid, form_number, form_state;
  LegalTime entered_at;  // platform's lrrq
  LegalTime deadline;    // entered_at + 72 h while waiting
  std::string red_number;
  std::string upload_serial, receipt;  // ywlsh, sllsh
  std::string key_serial;              // of the last signature
  std::string hold_reason, hold_release_by;
  std::string error;    // api::v1::ErrorBody bytes of the last refusal or trouble, or empty
  std::string foreign;  // attention: what the platform showed instead (JSON), or empty
};

/// One journal row = one entry of the time line = one event.
struct JournalRow {
  std::int64_t seq = 0;
  LegalTime at;
  std::string submission, taxpayer, blue_number;  // may be empty (holds, imports, callers)
  std::string event;        // "accepted", "state", "signed", "sent", "queried", "note", "hold", "release", "ledger"
  std::string state, step;  // after the event
  std::string principal;
  std::string detail;     // one line, English, no payload
  std::string reference;  // form number, key serial, platform code
};

/// The first row of a new submission's time line, as the store writes it.
JournalRow accepted_row(const Submission& submission, const std::string& principal, const std::string& detail);

/// A signature of a submission with the journal row that vouches for it.
struct KeptSignature {
  Step step = Step::apply;
  std::int64_t seq = 0;  // of that row
  LegalTime at;          // of that row
  SignedEnvelope evidence;
  std::optional<Error> broken{};  // the digest chain does not hold over the submission's rows
};

/// Answer of an acceptance.
enum class AcceptOutcome : std::uint8_t { created, same, conflict };
struct Accepted {
  AcceptOutcome outcome = AcceptOutcome::created;
  Submission submission;
};

/// One compare-and-swap step of a submission's life, made durable as a whole, in one commit.
struct Advance {
  Submission next;  // full new value; `version` is the version it was read at
  std::vector<JournalRow>
      rows;  // at least one; seq, at, submission, taxpayer, blue_number are filled in by the store when empty
  std::vector<SignedEnvelope> evidence;  // stored for (id, step)
  std::vector<Invoice> ledger;           // invoices to upsert in the same commit (blue status, the issued red)
  std::string red_of;                    // when `ledger` carries the issued red: number of its blue
};

struct Hold {
  std::string taxpayer;
  std::string reason;      // stable: "red_alert", "quota_exhausted", "session_needed", "key_locked", "operator", ...
  std::string release_by;  // role that may release: "operator", "auto"
  std::string cause;       // one line
  LegalTime since;
  std::string principal;
};

struct Caller {
  std::string name;
  std::vector<std::string> roles, taxpayers;
  std::string token_sha256;        // hex; empty when not by token
  std::string certificate_sha256;  // mutual TLS
  std::int64_t uid = -1;           // Unix socket peer
};

/// A form raised by a counterparty (or seen on the platform) that waits for our answer.
struct InboxForm {
  std::string uuid, number, taxpayer, state, blue_number, counterparty, reason;
  Side role = Side::buyer;  // our side
  Fen amount, tax;
  LegalTime entered_at, seen_at;
  std::string submission;  // our confirm/deny, when there is one
  bool open = true;
};

/// A paper that lay beside an application, by its digest.
struct CreditPaper {
  std::string kind, hash, name;  // name: as people know it; may be empty
  friend bool operator==(const CreditPaper&, const CreditPaper&) = default;
};

/// What moved a taxpayer's credit line (发票总额度) beside the invoices themselves, which the ledger has. Never
/// changed.
struct CreditRecord {
  std::int64_t id = 0;  // order of recording
  std::string taxpayer;
  std::string kind;         // "initial", "limit", "pickup", "application", "rejection", "filing"
  LegalTime at;             // in force from, picked up, filed at
  LegalTime until;          // first instant after a short-term limit; not set: for good
  std::int64_t period = 0;  // filing: month filed, year × 12 + month − 1
  Fen amount;               // initial, limit, application, rejection: the total; pickup: sheets × per-sheet limit
  std::optional<Fen> per_invoice;
  std::optional<std::int64_t> monthly_count;
  std::int64_t sheets = 0;
  std::string reference;  // number of the application or pick-up: the same twice is one record
  std::string note;
  std::string principal;
  std::string short_term_type;      // application
  std::vector<CreditPaper> papers;  // application
};

/// Blue invoices of one seller, day and type, added up; or one red invoice.
struct IssuedRow {
  std::string number;  // of the red; empty for blues
  std::string type;    // fplx
  LegalTime at;        // of the last of them
  Fen amount;          // sum, without tax
  std::int64_t count = 1;
  std::string blue;  // of the red: its blue as linked; empty: unmatched
};

/// What a seller issued in one month of one type, reds taken away; at most what Fen holds.
struct IssuedTotal {
  Fen amount, tax;  // amount: without tax
  friend bool operator==(const IssuedTotal&, const IssuedTotal&) = default;
};

struct OpenEntry {  // light row of every non-final submission, for the queue's memory
  std::string id, lane, taxpayer;
  std::int64_t seq = 0;
  State state = State::queued;
  LegalTime deadline;
};

struct SubmissionFilter {
  std::string taxpayer, state, blue_number, idempotency_key;
  std::vector<std::string> taxpayers;  // of the caller; empty: all
  std::int64_t after_seq = 0;
  int limit = 50;
};

struct StoredInvoice {
  Invoice invoice;
  std::vector<std::string> reds;  // numbers of linked red invoices
  PlatformStatus platform;        // the platform's last word; `invoice` carries what it has a field for
};

/// Which blue invoices of the ledger. What is empty or not set asks for nothing.
struct InvoiceFilter {
  std::string seller{};                       // taxpayer id
  std::string buyer{};                        // taxpayer id, or a part of the name
  std::string product{};                      // prefix of a line's tax code, or a part of its name
  LegalTime from{}, until{};                  // issued in [from, until)
  std::string status{};                       // fpzt
  std::vector<std::string> without_status{};  // none of these
  std::vector<std::string> taxpayers{};       // of the caller: seller or buyer is one of them; empty: all
  std::string after{};                        // InvoicePage::next
  int limit = 50;
};
struct InvoicePage {
  std::vector<Invoice> invoices;  // in order of seller, month and number
  std::string next;               // empty: nothing follows. Otherwise ask again, also when `invoices` is empty
};

}  // namespace taxgate::store
