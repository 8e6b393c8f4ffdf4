#pragma once
// Ready-made documents for what one document cannot say: a return and an allowance on the same invoice (R27, R29), a
// service partly performed (R21, R30). Pure.
#include "daemon/rules/rules.h"

namespace taxgate::rules {

/// Part of what is wanted of one line. `share`, of what is left of the line when its turn comes, 0 < share ≤ 1, may
/// stand instead of the wish's quantity, amount or total.
struct PlannedLine {
  Reason reason = Reason::goods_returned;
  LineWish wish;
  std::optional<Decimal> share;
};
/// Everything wanted of one invoice, in any order.
struct Plan {
  Side initiator = Side::seller;
  std::vector<PlannedLine> lines;
  std::string tax_device;
};

struct Proposal {
  Wish wish;
  std::optional<RedDocument> red;  // none: the verdict says why
  Verdict verdict;
};
/// One document a reason, because a form has one reason only. In the order in which they must be issued: 01, returns
/// (which keep the price), stopped services, allowances (which move it). Each is judged as if those before it had been
/// issued, and from the second on carries the note R29.serial: an open form locks the invoice. A document that is
/// refused is left out of what follows. At most four.
std::vector<Proposal> propose(const BlueState& state, const Plan& plan, const Circumstances& circumstances = {},
                              const CodeTables& tables = default_tables());

/// The wish that takes back the part of a service not performed: `performed` of `whole` (3 of 12 months) stay on every
/// line, what earlier reds took counts. Reason 03. Lines of which nothing is open are left out.
/// errors  R21.share (not 0 ≤ performed < whole), R21.performed (nothing is open on any line)
Result<Wish> unperformed(const BlueState& state, const Decimal& performed, const Decimal& whole);

}  // namespace taxgate::rules
