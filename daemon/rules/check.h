#pragma once
// What derive and check share. Private to daemon/rules.
#include <vector>

#include "daemon/rules/lines.h"

namespace taxgate::rules {

/// One blue invoice read once; borrows the caller's state and tables.
struct Facts {
  Facts(const BlueState& state, const CodeTables& tables)
      : blue(*state.blue),
        reds(state.reds),
        tables(tables),
        merged(merge(*state.blue)),
        left(left_of(merged, state.reds)) {}
  const Invoice& blue;
  const std::vector<RedDocument>& reds;
  const CodeTables& tables;
  Merged merged;
  std::vector<LineLeft> left;  // parallel to merged.lines
};

/// Rules on the blue invoice alone: R8, R9, R10, R20 and its own sums.
void check_reversible(const Facts& facts, Findings& findings);
/// Rules on the document's head: parties, R3, R12, memo, R4's "not after a partial red".
void check_head(const Facts& facts, const RedDocument& red, Findings& findings);
/// Rules on lines and totals: B.6, R2, R4.
void check_lines(const Facts& facts, const RedDocument& red, Findings& findings);

inline constexpr Fen kTaxTolerance{6};    // B.6: |amount × rate − tax| ≤ 0.06
inline constexpr Fen kPriceTolerance{1};  // B.6: |quantity × price − amount| ≤ 0.01

}  // namespace taxgate::rules
