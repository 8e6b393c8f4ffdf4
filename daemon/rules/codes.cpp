#include "daemon/rules/codes.h"

namespace taxgate::rules {

bool may_reverse(InvoiceClass red, InvoiceClass blue) {
  //                                        blue: SK    SD     SDP
  static constexpr bool kAllowed[3][3] = {/* SK */ {true, false, false},
                                          /* SD */ {true, true, true},
                                          /* SDP */ {true, false, true}};
  static_assert(static_cast<int>(InvoiceClass::sk) == 0 && static_cast<int>(InvoiceClass::sdp) == 2);
  return kAllowed[static_cast<std::size_t>(red)][static_cast<std::size_t>(blue)];
}

Track select_track(SellerKind seller, InvoiceClass blue) {
  if (seller == SellerKind::tax_device_only) return Track::information_table;
  if (seller == SellerKind::all_digital_only) return Track::confirmation_form;
  return blue == InvoiceClass::sk ? Track::information_table : Track::confirmation_form;
}

std::optional<std::string_view> table_memo(Side initiator, bool deducted) {
  if (initiator == Side::buyer) return deducted ? kMemoBuyerDeducted : kMemoBuyerNotDeducted;
  if (deducted) return std::nullopt;  // 47号: the buyer has deducted, so the buyer transfers out and starts
  return kMemoSeller;
}

}  // namespace taxgate::rules
