#include "daemon/rules/codes.h"

#include <array>

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

bool needs_no_table(std::string_view type) {
  // 普票, 电子普票, 卷票, 通行费
  static constexpr std::array<std::string_view, 4> kOrdinary{"04", "10", "11", "14"};
  return std::ranges::find(kOrdinary, type) != kOrdinary.end();
}

std::optional<std::string_view> table_memo(Side initiator, bool deducted) {
  if (initiator == Side::buyer) return deducted ? kMemoBuyerDeducted : kMemoBuyerNotDeducted;
  if (deducted) return std::nullopt;  // 47号: the buyer has deducted, so the buyer transfers out and starts
  return kMemoSeller;
}

}  // namespace taxgate::rules
