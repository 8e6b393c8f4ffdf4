#pragma once
// The blue invoice's lines as the platform redeems them: discount rows merged into the line they discount, less what
// earlier reds took. Private to daemon/rules.
#include <optional>
#include <vector>

#include "daemon/rules/rules.h"

namespace taxgate::rules {

struct MergedLine {
  const InvoiceLine* line = nullptr;  // the discounted or plain row; borrowed from the invoice
  std::optional<Decimal> quantity, price;
  Fen amount, tax;
};

/// Merged lines by line number. `findings`: what makes the invoice unusable (blue.*).
struct Merged {
  std::vector<MergedLine> lines;
  std::vector<int> discount_rows;  // numbers that may not be named in a wish
  Findings findings;
  /// Index into `lines`, or -1.
  int find(int number) const;
};
Merged merge(const Invoice& blue);

/// Parallel to merged.lines.
std::vector<LineLeft> left_of(const Merged& merged, const std::vector<RedDocument>& reds);

/// True when nothing can be taken from the line any more.
inline bool exhausted(const LineLeft& left) { return left.amount <= Fen{0}; }

void add(Findings& findings, std::string id, std::string field = {}, std::string wanted = {}, std::string left = {},
         std::string detail = {});

}  // namespace taxgate::rules
