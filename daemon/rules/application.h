#pragma once
// What changes a taxpayer's credit line, before it counts: the initial grant (C8), an application for another total
// (C9) and the bureau's own adjustment (C10). Pure; thread-safe. Whether the bureau agrees is its word alone; here is
// only what cannot be so. Source: rules.md A.2.
#include <span>
#include <string>
#include <vector>

#include "daemon/rules/circumstances.h"
#include "daemon/rules/credit.h"

namespace taxgate::rules {

/// An application as the bureau's page asks for it (额度调整申请). With `until` it is for a short term (短期调整),
/// without for good.
struct CreditApplication {
  Fen amount;                   // the total asked for
  LegalTime from, until;        // until: first instant after it; not set: for good
  std::string short_term_type;  // 授信额度短期调整类型 in the bureau's words; of a short-term one only
  std::string reason;
  std::vector<Evidence> attachments;  // contract, list of assets, other (CreditTables::attachment_kinds)
};

/// Everything that is missing or cannot be. Ids: credit.amount, credit.time_order, C9.short_term_type, C9.reason,
/// C9.attachment_kind, C9.attachment_hash.
std::vector<Error> check_application(const CreditApplication& application,
                                     const CreditTables& tables = default_credit_tables());

/// C8: the initial grant is made once, and a class's seed (C6) is a new taxpayer's: one of whom nothing was told
/// before. Who has a limit, or has picked up paper, has been assessed (发票核定) and is an existing one. errors
/// credit.initial_once, C8.existing
Result<void> check_initial_grant(std::span<const Movement> known);

/// C10: of its own accord (依职权) the bureau lowers a total; what raises it was applied for. `before`: the total in
/// force, not set: unknown. errors C10.only_lowers
Result<void> check_ex_officio(std::optional<Fen> before, Fen after);

}  // namespace taxgate::rules
