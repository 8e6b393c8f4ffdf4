#pragma once
// The law's rules on one wanted red (红字), pure: no I/O, no clock, no JSON. A finding's id begins with the rule's
// ("R2.tax_cap"); all findings are reported, not the first. Source: rules.md A.1, A.7, A.8, B.6.
#include <optional>
#include <vector>

#include "protocol/invoice.h"

namespace taxgate::rules {

using Findings = std::vector<Error>;  // empty: allowed

struct LineWish { int blue_line = 0; std::optional<Decimal> quantity; std::optional<Fen> amount, total; };  // positive
struct Wish {
  Side initiator = Side::seller;
  Reason reason = Reason::wrong_invoice;
  std::vector<LineWish> lines;  // empty: all that is left
  std::string tax_device;       // information table
};

/// What has been (or is about to be) reversed of the blue invoice: documents of issued reds and of open submissions.
struct BlueState {
  const Invoice* blue = nullptr;
  std::vector<RedDocument> reds;
};

/// What is left per blue line after `reds`, discount rows merged into the line they discount. Non-negative.
struct LineLeft { int blue_line = 0; std::optional<Decimal> quantity; Fen amount, tax; std::optional<Decimal> price; };
std::vector<LineLeft> left(const BlueState& state);

/// Derives the whole red from the wish: merged price after discount, tax by rate, the last red takes exactly the
/// remainder. The result satisfies check(). errors: findings
std::expected<RedDocument, Findings> derive(const BlueState& state, const Wish& wish);
/// Every rule of this issue: B.6 arithmetic (lines with tax), R2, R3, R4, R8, R9, R12 (track), R20, allowance blanks.
Findings check(const BlueState& state, const RedDocument& red);

}  // namespace taxgate::rules
