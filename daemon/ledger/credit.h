#pragma once
// What the rules need to draw up a taxpayer's credit line: movements out of the ledger (never stored twice) and the
// records of what was told. Stateless.
#include <string_view>
#include <vector>

#include "daemon/rules/credit.h"
#include "daemon/store/store.h"

namespace taxgate::ledger {

struct CreditFacts {
  std::vector<rules::Movement> movements;
  std::vector<rules::Filing> filings;
};

/// Everything credit_statement(month, at) looks at: blues added up by day and type, each red with its reason (from the
/// submission that made it) and its blue. errors  corrupt ledger.document and those of the store
Result<CreditFacts> credit_facts(store::Reader& reader, std::string_view taxpayer, rules::Month month, LegalTime at);

/// One stored record as a movement; nullopt for a filing.
std::optional<rules::Movement> movement_of(const store::CreditRecord& record);

}  // namespace taxgate::ledger
