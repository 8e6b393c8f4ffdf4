#pragma once
// Who may start a red, and whether the other side must agree: R1, R24, X3, X4, X5. Pure.
#include "daemon/rules/rules.h"

namespace taxgate::rules {

enum class Confirmation : std::uint8_t { none, counterparty, unknown };

struct Start {
  bool seller = true, buyer = true;
  Confirmation confirmation = Confirmation::none;
};

/// All-digital track: with the use or the booking confirmed either side starts and the other confirms within 72 hours;
/// with neither, the seller issues alone (X3: also for ordinary invoices, and whatever the buyer did with its costs).
/// Tax-device track: nobody confirms; of a special invoice that is deducted the buyer applies, of one whose sheets are
/// back the seller, of one whose sheets cannot come back the buyer (X5).
/// `confirmation` is unknown, and both may start, where the state of use and booking is not known.
Start who_may_start(const Invoice& blue, Track track, const Circumstances& known = {},
                    const CodeTables& tables = default_tables());

/// The document a red of this invoice takes (R12). errors id.invoice_type
Result<Track> track_for(const Invoice& blue, SellerKind seller);

/// X5: under this memo the table's blue fields stay blank (the buyer has deducted).
bool blue_fields_blank(std::string_view table_memo);

/// R14: what can be done about an information table for a tax-device invoice. A table raised on the e-platform is only
/// shown there; downloading and revoking it is the tax hall's business, and no call is made. errors R14.tax_hall_only
enum class TableAction : std::uint8_t { view, download, revoke };
Result<void> check_table_action(TableAction action, bool raised_on_e_platform);

}  // namespace taxgate::rules
