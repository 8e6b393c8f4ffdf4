#pragma once
// What deriving and judging share. Private to daemon/rules.
#include <array>
#include <cstddef>
#include <memory_resource>
#include <vector>

#include "daemon/rules/lines.h"

namespace taxgate::rules {

/// One blue invoice read once; borrows the caller's state, circumstances and tables. Lines lie in memory of its own, so
/// that an ordinary check allocates nothing.
struct Facts {
  Facts(const BlueState& state, const Circumstances& known, const CodeTables& tables)
      : blue(*state.blue),
        reds(state.reds),
        known(known),
        tables(tables),
        merged(merge(*state.blue, &memory)),
        left(left_of(merged, state.reds, &memory)) {}
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;
  const Invoice& blue;
  const std::vector<RedDocument>& reds;
  const Circumstances& known;
  const CodeTables& tables;
  static constexpr std::size_t kOwnMemory = 8192;  // two dozen lines; longer invoices take the heap
  alignas(std::max_align_t) std::array<std::byte, kOwnMemory> own;
  std::pmr::monotonic_buffer_resource memory{own.data(), own.size()};
  Merged merged;
  std::pmr::vector<LineLeft> left;  // parallel to merged.lines

  /// Earlier reds took something: ours, or whatever the platform calls partly reversed.
  bool partly_reversed() const;
  Fen taken_amount() const;  // by the reds before this one, positive
};

/// What was found so far. Refusals are kept apart: they alone decide whether a document may exist.
struct Report {
  Findings refusals;
  std::vector<Finding> others;
  void add(Severity severity, std::string id, std::string field = {}, std::string wanted = {}, std::string left = {});
};

/// Rules on the blue invoice alone, whatever is wanted of it: R8 to R11, R20, K1, X13, and its own sums.
void check_reversible(const Facts& facts, Findings& findings);
/// Whether this reason fits the invoice: R13, and R4's "not after a partial red".
void check_reason(const Facts& facts, Reason reason, Findings& findings);
/// Rules on the document's head: parties, who may start (R1, R24, X5), R3, R12, memo, reason.
void check_head(const Facts& facts, const RedDocument& red, Findings& findings);
/// Rules on lines and totals: B.6, R2, R4.
void check_lines(const Facts& facts, const RedDocument& red, Findings& findings);
/// How much of the invoice must or may go at once: R5, R6, R21.
void check_extent(const Facts& facts, const RedDocument& red, Report& report);

/// What a person should know of the invoice before anything else: R34, R8, R15, K2, K3, X5, X13.
void advise_on_blue(const Facts& facts, Report& report);
/// Who must look at this red and what must lie beside it: P5, P6, P9, P16, R22, R33, R32, X5.
void advise_on_red(const Facts& facts, const RedDocument& red, Report& report);

/// R34 and X19: a paper invoice of this very month, as far as is known unused.
bool may_be_voided(const Invoice& blue, LegalTime today, const CodeTables& tables);

/// Puts everything into one verdict. `red` is null when no document could be made.
Verdict weighed(const Facts& facts, const RedDocument* red, Side initiator, Report report);

inline constexpr Fen kTaxTolerance{6};    // B.6: |amount × rate − tax| ≤ 0.06
inline constexpr Fen kPriceTolerance{1};  // B.6: |quantity × price − amount| ≤ 0.01

}  // namespace taxgate::rules
