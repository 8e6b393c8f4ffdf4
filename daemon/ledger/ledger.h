#pragma once
// The ledger: what we last knew of a blue invoice and of every red against it, read through the store. Stateless.
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/rules/rules.h"
#include "daemon/store/store.h"

namespace taxgate::ledger {

struct Blue {
  Invoice invoice;
  std::vector<RedDocument> reds;  // of issued and of open submissions, in order of acceptance
  PlatformStatus platform{};      // the platform's last word, as in store::StoredInvoice
  rules::BlueState state() const { return {&invoice, reds}; }
};

/// `before_seq`: only submissions accepted earlier count (the one being checked and later ones do not); 0: all.
/// nullopt: the ledger does not know the invoice. errors corrupt ledger.document
Result<std::optional<Blue>> blue(store::Reader& reader, std::string_view number, std::int64_t before_seq);

/// The ledger rows of an issued red: the red invoice itself (is_red) and its blue with the new status (7 partly, 8
/// fully reversed), to be upserted in the commit that makes the submission issued.
std::vector<Invoice> booked(const Blue& blue, const RedDocument& red, std::string_view red_number, LegalTime issued_at);

}  // namespace taxgate::ledger
