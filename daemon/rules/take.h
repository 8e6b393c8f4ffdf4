#pragma once
// From "line 1, 100 tonnes" to the red document. Private to daemon/rules.
#include "daemon/rules/check.h"

namespace taxgate::rules {

/// Everything of the document but its lines. Findings: a type of invoice that no document can reverse.
RedDocument head_of(const Facts& facts, const Wish& wish, Findings& findings);
/// Puts the wish's lines, or all that is left, into `red` and adds them up.
void take_lines(const Facts& facts, const Wish& wish, RedDocument& red, Findings& findings);

}  // namespace taxgate::rules
