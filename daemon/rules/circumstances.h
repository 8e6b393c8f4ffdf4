#pragma once
// What a rule needs to know and neither the blue invoice nor the red document says. Plain data; the caller fills in
// what it knows. Unknown means that a rule says nothing, or leaves a note: never a guess.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/decimal.h"
#include "protocol/legal_time.h"

namespace taxgate::rules {

/// Which tracks the seller issues on (R12). With `unknown` the blue invoice decides.
enum class SellerKind : std::uint8_t { unknown, tax_device_only, both, all_digital_only };

/// A paper attached to a red; its bytes are kept elsewhere.
struct Evidence {
  std::string kind;  // "return_slip", "inspection_report", "explanation", … : the operator's words
  std::string hash;  // 64 hexadecimal digits; evidence without a hash is none
  friend bool operator==(const Evidence&, const Evidence&) = default;
};
inline constexpr std::size_t kHashDigits = 64;  // SM3 and SHA-256 alike
bool is_hash(std::string_view text);

struct Circumstances {
  LegalTime today;                               // not set: rules about dates say nothing
  SellerKind seller_kind = SellerKind::unknown;  // R12

  // As the platform says it; "" is unknown.
  std::string counterparty_status;   // 纳税人状态 of the other side, R11
  std::string voucher_status;        // ycpzzt, R8
  std::string alert;                 // nsryjjb of our own side, K1..K3
  std::string farm_use;              // zzsyhyt, R5
  std::vector<std::string> labels;   // labels the platform shows on the blue invoice: R5, R9, R10
  std::optional<Fen> farm_credited;  // amount already credited additionally (已加计), R5

  std::optional<bool> sheets_returned;     // tax-device special invoice: not delivered, or all sheets are back
  std::optional<bool> transferred_out;     // the buyer has transferred the input tax out, X5
  std::optional<bool> export_used;         // used for an export refund, X13, R32
  std::optional<bool> export_rolled_back;  // 进货凭证信息回退 is done, X13
  std::optional<Decimal> performed;        // share of the service already performed, 0..1, R21

  std::optional<std::string> seller_registered, buyer_registered;  // names in the tax register, R15
  std::string customer_class, settlement_cycle, province;          // P6, P16
  std::optional<std::vector<Evidence>> evidence;                   // R22, R33, P16
};

}  // namespace taxgate::rules
