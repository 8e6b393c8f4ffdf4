#pragma once
// The credit line (发票总额度, formerly 授信额度): how much a taxpayer may still issue in a month, and the movements
// that made it so. Pure: movements in, a statement out; no clock, no I/O. Thread-safe. Amounts in fen, without tax. The
// platform's own figure always wins (C13, X8); ours explains it and shows when they differ. Source: rules.md A.2
// (C1-C15), K5, A.7 X8, X9, A.8; what is unverified stands in CreditTables.
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rules/circumstances.h"
#include "protocol/invoice.h"

namespace taxgate::rules {

/// A calendar month in +08:00.
struct Month {
  int index = 0;  // year × 12 + month − 1
  static Month of(LegalTime time) { return {time.year() * 12 + time.month() - 1}; }
  /// "2026-04". errors  invalid_input credit.month
  static Result<Month> parse(std::string_view text, std::string_view field = {});
  std::string text() const;
  LegalTime begin() const;
  LegalTime end() const { return next().begin(); }  // first millisecond after it
  Month next() const { return {index + 1}; }
  Month previous() const { return {index - 1}; }
  friend auto operator<=>(const Month&, const Month&) = default;
};

enum class MovementKind : std::uint8_t {
  issued,       // a blue invoice of the ledger
  red,          // a red invoice of the ledger
  pickup,       // paper invoices picked up: sheets × per-sheet limit (C5)
  limit,        // the total limit was set: initial grant, adjustment, or an approved application (C8-C10)
  application,  // an application: no effect until it is approved, which is a limit (C9)
  rejection     // of an application: no effect (C9)
};
std::string_view name(MovementKind kind);

/// One movement, or (issued) several of one day and type added up. Amounts positive.
struct Movement {
  MovementKind kind = MovementKind::issued;
  LegalTime at;        // issued, picked up, in force from
  std::string number;  // invoice number; reference of an adjustment or application
  Fen amount;          // issued, red: without tax; pickup: sheets × limit; limit, application: the new total
  std::string type;    // fplx of an invoice
  // red only
  std::optional<Reason> reason;  // unknown for a red we did not make
  LegalTime blue_issued_at;      // not set: no matching blue
  std::string blue_type;
  // limit, application only
  LegalTime until;                            // first instant after a short-term limit; not set: for good
  std::optional<Fen> per_invoice;             // C12: highest amount of one invoice
  std::optional<std::int64_t> monthly_count;  // C12: tax-device sheets a month
  std::int64_t count = 0;                     // invoices or sheets it stands for; 0: one
  std::string note;                           // why, by whom: shown, never judged
  std::string short_term_type;                // application: 授信额度短期调整类型
  std::vector<Evidence> attachments;          // application: what lay beside it
};

/// "Filed and matched" (申报并比对通过): the return of `period` (C3, C4).
struct Filing {
  Month period;
  LegalTime at;
};

/// The bureau's class of a new taxpayer and the limit it starts with (C6). Province may adjust.
struct Seed {
  std::string_view name;  // "I"
  Fen limit;
};
struct CreditTables {
  std::vector<std::string> pickup_types{"01", "02", "03",
                                        "04", "11", "15"};  // paper of the tax device; SDP: unverified
  Fen large_amount{50'000'000};                             // K5: 500,000 without tax
  int large_share_percent = 50;                             // K5: of the limit at the month's beginning
  Fen small_scale_review{10'000'000};                       // C10, trigger 6: an initial limit above 100,000
  std::vector<std::string> attachment_kinds{"contract", "asset_list", "other"};  // C9: 合同, 资产清单, 其他
};
const CreditTables& default_credit_tables();
std::span<const Seed> credit_seeds();
const Seed* credit_seed(std::string_view name);

/// What one movement does to the month, and by which rule.
struct CreditEntry {
  Movement movement;
  Fen used;  // added to (positive) or given back (negative)
  std::string
      rule;  // "C1.restored", "C2.cross_month", "C2.allowance", "C2.unmatched", "C2.unknown_reason",
             // "C5.at_pickup", "C11.issued", "C5.picked_up", "C9.limit", "C9.no_effect", "C9.rejected", "C2.paper"
};

struct CreditStatement {
  Month month;
  LegalTime at;                          // what was known and in force then
  std::optional<Fen> limit;              // 总额度 of the month
  std::optional<Fen> month_start_limit;  // K5's yardstick
  bool previous_filed = false;           // the return of the month before
  std::optional<Fen> carried;            // left of the month before while it is not filed
  Fen issued, picked_up, restored;       // of the month
  Fen used;                              // issued + picked_up − restored
  std::optional<Fen> usable;             // limit, or min(carried, limit) before filing (C3, C4)
  std::optional<Fen> remaining;          // usable − used
  std::optional<Fen> after_filing;       // limit − used
  std::optional<Fen> per_invoice;
  std::optional<std::int64_t> monthly_count, count_left;
  std::int64_t count_used = 0;       // tax-device sheets issued, reds too (X9)
  std::vector<CreditEntry> entries;  // of the month, in order of time
};

/// The total in force at `t` (C9): the newest short-term one that covers it, else the newest lasting one. nullopt: none
/// was told.
std::optional<Fen> limit_in_force(LegalTime t, const std::vector<Movement>& movements);

/// The month as it stands at `at`. A number occurring twice counts once. Movements of other months may be given: those
/// of the months before count for what is carried over, at most kMonthsBack.
CreditStatement credit_statement(Month month, LegalTime at, const std::vector<Movement>& movements,
                                 const std::vector<Filing>& filings,
                                 const CreditTables& tables = default_credit_tables());
/// The first month whose movements a statement of `month` needs.
Month first_month_needed(Month month, LegalTime at, const std::vector<Movement>& limits,
                         const std::vector<Filing>& filings);
inline constexpr int kMonthsBack = 12;  // unfiled longer than a year: the bureau has stopped the taxpayer long before

/// C2: does this red give its amount back in the month it was issued? nullopt: yes; else the rule that says no.
std::optional<std::string_view> not_restored(const Movement& red, const CreditTables& tables);

/// What issuing one more blue invoice of `amount` would meet. Ids of the message catalogue, all findings.
///   credit.exceeded (C11), credit.per_invoice, credit.monthly_count (C12), K5.large_amount (a prompt, not a refusal)
std::vector<Error> before_issuing(const CreditStatement& statement, Fen amount, std::string_view type,
                                  const CreditTables& tables = default_credit_tables());
/// K5: ≥ 50 % of the limit at the month's beginning and ≥ 500,000 without tax.
bool large_invoice(Fen month_start_limit, Fen amount, const CreditTables& tables = default_credit_tables());
/// C10 trigger 6: a small-scale individual's initial limit above 100,000 is reviewed.
bool reviewed_small_scale(Fen initial, const CreditTables& tables = default_credit_tables());

/// The platform's own figure (CXSXED) beside ours.
struct PlatformCredit {
  LegalTime at;
  Fen total, remaining;
};
/// platform − ours; nullopt when ours is unknown. Non-zero: shown, and the platform's figure is the one that counts.
std::optional<Fen> difference(const CreditStatement& ours, const PlatformCredit& platform);

}  // namespace taxgate::rules
