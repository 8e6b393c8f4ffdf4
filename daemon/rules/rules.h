#pragma once
// The law's rules on one wanted red (红字), pure: no I/O, no clock, no JSON. A finding's id begins with the rule's
// ("R2.tax_cap"); all findings are reported (up to kMaxFindings), not the first. Fields are named by their place in the
// red document, which keeps the order of the wish: "lines[0].tax". Amounts in findings are positive.
// Thread-safe; nothing is kept. Source: rules.md A.1, A.7, A.8, B.6; what is in force: docs/rules-in-force.md.
#include <optional>
#include <string>
#include <vector>

#include "protocol/invoice.h"

namespace taxgate::rules {

using Findings = std::vector<Error>;  // empty: allowed

/// A caller cannot act on more at once, and an answer must stay small: an invoice may have 2,000 lines.
inline constexpr std::size_t kMaxFindings = 50;

/// Which tracks the seller issues on (R12). With `unknown` the blue invoice decides.
enum class SellerKind : std::uint8_t { unknown, tax_device_only, both, all_digital_only };

struct LineWish {
  int blue_line = 0;
  std::optional<Decimal> quantity;   // at most one of the three, positive; none: all that is left of the line
  std::optional<Fen> amount, total;  // without tax (金额), with tax (价税合计)
};
struct Wish {
  Side initiator = Side::seller;
  Reason reason = Reason::wrong_invoice;
  std::vector<LineWish> lines;  // empty: all that is left
  std::string tax_device;       // information table: 12-digit device number
  SellerKind seller_kind = SellerKind::unknown;
};

/// What has been (or is about to be) reversed of the blue invoice: documents of issued reds and of open submissions.
/// `blue` is never null.
struct BlueState {
  const Invoice* blue = nullptr;
  std::vector<RedDocument> reds;
};

/// Codes the platform may renumber between its versions, so that an operator can override them. Codes in no list are
/// unknown or harmless: never a reason to refuse.
struct CodeTables {
  std::vector<std::string> void_status{"2"};                       // fpzt 作废
  std::vector<std::string> fully_red_status{"3", "8"};             // 已红冲, 全额红冲
  std::vector<std::string> partly_red_status{"7"};                 // 部分红冲
  std::vector<std::string> abnormal_status{"1", "4"};              // 失控, 异常 (wider vendor list of B.3)
  std::vector<std::string> refused_use{"2", "3", "5", "9", "10"};  // R9 → fpyt, mapping of B.3, unverified
  std::vector<std::string> olympic_use{"11"};                      // R10 冬奥退税
  std::vector<std::string> deducted_use{"1"};  // 已申请抵扣: on the tax-device track the buyer starts (X4, X5)
};
const CodeTables& default_tables();

/// What is left per blue line after `reds`, discount rows merged into the line they discount. Non-negative, by line
/// number. `price` is the price a return must keep: the merged price, or amount ÷ quantity once an allowance has moved
/// it. A blue invoice whose lines contradict each other (see check) yields the lines that could be read.
struct LineLeft {
  int blue_line = 0;
  std::optional<Decimal> quantity;
  Fen amount, tax;
  std::optional<Decimal> price;
};
std::vector<LineLeft> left(const BlueState& state);

/// Derives the whole red from the wish: merged price after discount, tax by rate, the last red takes exactly the
/// remainder, and no split lets the rest drift further from price and rate than B.6 allows. The result satisfies
/// check(). errors: findings
std::expected<RedDocument, Findings> derive(const BlueState& state, const Wish& wish,
                                            const CodeTables& tables = default_tables());
/// Every rule of this issue: B.6 arithmetic (lines with tax), R2, R3, R4, R8, R9, R10, R12 (track), R20, allowance
/// blanks.
Findings check(const BlueState& state, const RedDocument& red, const CodeTables& tables = default_tables());
/// The blue invoice alone: its lines add up to its header, discount rows have a line to discount, numbers are unique.
Findings check_blue(const Invoice& blue);

}  // namespace taxgate::rules
