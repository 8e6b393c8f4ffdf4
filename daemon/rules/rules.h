#pragma once
// The law's rules on one wanted red (红字), pure: no I/O, no clock, no JSON. One engine with three doors: judge()
// weighs a whole document, decide() makes the document of a wish and weighs it, check() and derive() are the same two
// for callers that want refusals only. A finding's id begins with its rule's ("R2.tax_cap", registry.h); all findings
// are reported (up to kMaxFindings), not the first. Fields are named by their place in the red document, which keeps
// the order of the wish: "lines[0].tax". Amounts in findings are positive. Thread-safe; nothing is kept. Source:
// rules.md A.1, A.7, A.8, B.6; every rule with its source and test: docs/rules.md.
#include <optional>
#include <string>
#include <vector>

#include "daemon/rules/circumstances.h"
#include "daemon/rules/tables.h"
#include "daemon/rules/verdict.h"
#include "protocol/invoice.h"

namespace taxgate::rules {

using Findings = std::vector<Error>;  // empty: allowed

/// A caller cannot act on more at once, and an answer must stay small: an invoice may have 2,000 lines.
inline constexpr std::size_t kMaxFindings = 50;

struct LineWish {
  int blue_line = 0;
  std::optional<Decimal> quantity;   // at most one of the three, positive; none: all that is left of the line
  std::optional<Fen> amount, total;  // without tax (金额), with tax (价税合计)
};
struct Wish {
  Side initiator = Side::seller;
  Reason reason = Reason::wrong_invoice;
  std::vector<LineWish> lines;                   // empty: all that is left
  std::string tax_device;                        // information table: 12-digit device number
  SellerKind seller_kind = SellerKind::unknown;  // Circumstances::seller_kind goes before it when known
};

/// What has been (or is about to be) reversed of the blue invoice: documents of issued reds and of open submissions.
/// `blue` is never null.
struct BlueState {
  const Invoice* blue = nullptr;
  std::vector<RedDocument> reds;
};

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

/// The whole law on one document.
Verdict judge(const BlueState& state, const RedDocument& red, const Circumstances& circumstances = {},
              const CodeTables& tables = default_tables());

/// A wish made into a document and weighed. `red` is set when the wish could be made into a document that no rule
/// refuses.
struct Decision {
  std::optional<RedDocument> red;
  Verdict verdict;
};
/// Merged price after discount, tax by rate, the last red takes exactly the remainder, and no split lets the rest drift
/// further from price and rate than B.6 allows. judge() says the same of the result.
Decision decide(const BlueState& state, const Wish& wish, const Circumstances& circumstances = {},
                const CodeTables& tables = default_tables());

/// decide() for a caller that knows nothing of the circumstances and wants refusals only. errors: findings
std::expected<RedDocument, Findings> derive(const BlueState& state, const Wish& wish,
                                            const CodeTables& tables = default_tables());
/// judge() likewise.
Findings check(const BlueState& state, const RedDocument& red, const CodeTables& tables = default_tables());
/// The blue invoice alone: its lines add up to its header, discount rows have a line to discount, numbers are unique.
Findings check_blue(const Invoice& blue);

}  // namespace taxgate::rules
