#pragma once
// `red --filter`: blue invoices of the ledger chosen by what they are, each as a row of a batch.
#include <string>
#include <vector>

#include "cli/check_rows.h"

namespace taxgate::cli {

/// The listing's address for "buyer=… from=… to=…" (also in several --filter): seller, buyer, product, from, to,
/// status. A word without '=' belongs to the value before it. Without a status: those that may still be reversed.
/// errors  invalid_input cli.filter
Result<std::string> selection_target(const Given& given);

/// One row an invoice, in the ledger's order, with the options' reason, papers and circumstances.
/// errors  those of selection_target and of the listing; cli.filter_too_many
Answer<std::vector<CheckedRow>> select_rows(Session& session);

}  // namespace taxgate::cli
