#include "daemon/rules/start.h"

#include "daemon/rules/codes.h"

namespace taxgate::rules {
namespace {

Start on_a_form(const Invoice& blue, const Circumstances& known, const CodeTables& t) {
  // X13: once the purchase voucher is rolled back, the invoice is as if it had never been used.
  if (known.export_rolled_back.value_or(false)) return {true, false, Confirmation::none};
  if (listed(t.direct_element, blue.element)) return {true, true, Confirmation::none};
  if (listed(t.confirmed_use, blue.use) || listed(t.booked, blue.booking))
    return {true, !blue.buyer.id.empty(), Confirmation::counterparty};
  const bool both_known = listed(t.unconfirmed_use, blue.use) && listed(t.unbooked, blue.booking);
  if (both_known || blue.buyer.id.empty()) return {true, false, Confirmation::none};
  return {true, true, Confirmation::unknown};
}

Start on_a_table(const Invoice& blue, const Circumstances& known, const CodeTables& t) {
  if (needs_no_table(blue.type, t)) return {true, false, Confirmation::none};
  if (listed(t.deducted_use, blue.use)) return {false, true, Confirmation::none};
  if (!known.sheets_returned) return {true, true, Confirmation::none};
  return {*known.sheets_returned, !*known.sheets_returned, Confirmation::none};
}

}  // namespace

Start who_may_start(const Invoice& blue, Track track, const Circumstances& known, const CodeTables& tables) {
  return track == Track::confirmation_form ? on_a_form(blue, known, tables) : on_a_table(blue, known, tables);
}

Result<Track> track_for(const Invoice& blue, SellerKind seller) {
  const auto blue_class = invoice_class(blue.type, "blue.type");
  if (!blue_class) return std::unexpected(blue_class.error());
  return select_track(seller, *blue_class);
}

bool blue_fields_blank(std::string_view table_memo) { return table_memo == kMemoBuyerDeducted; }

Result<void> check_table_action(TableAction action, bool raised_on_e_platform) {
  if (!raised_on_e_platform || action == TableAction::view) return {};
  return fail(Errc::invalid_input, "R14.tax_hall_only", "table", action == TableAction::revoke ? "revoke" : "download");
}

}  // namespace taxgate::rules
