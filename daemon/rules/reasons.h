#pragma once
// The menu of reasons: which of the four the law allows for a blue invoice, and why not the others (R4, R13, R19, X22).
// Pure.
#include <array>

#include "daemon/rules/rules.h"

namespace taxgate::rules {

/// What the invoice's lines are, by the first digit of their tax codes. `unsorted`: some line is neither in the
/// operator's table, so that the menu can forbid nothing that hangs on it.
struct Composition {
  bool goods = false, services = false, unsorted = false;
};
Composition composition(const Invoice& blue, const CodeTables& tables = default_tables());

/// R13: only services leave no 02, no services leave no 03. Unsorted lines leave both.
bool on_menu(Reason reason, const Composition& lines);

struct ReasonOption {
  Reason reason = Reason::wrong_invoice;
  bool allowed = false;
  std::vector<Finding> findings;  // why not; for an allowed one, what to mind (full only, remainder only)
};
/// All four in the order of their codes.
std::array<ReasonOption, 4> reason_menu(const BlueState& state, const Circumstances& known = {},
                                        const CodeTables& tables = default_tables());

/// The reason for what happened, in the operator's words ("客户拒收" → 02). A reason the lines forbid yields to its
/// counterpart: a cancelled banquet is no return but a stopped service (X22). errors reason.unknown
Result<Reason> reason_for(std::string_view happened, const Invoice& blue, const CodeTables& tables = default_tables());

}  // namespace taxgate::rules
