#pragma once
// The blue invoice's lines as the platform redeems them: discount rows merged into the line they discount, less what
// earlier reds took. Private to daemon/rules.
#include <memory_resource>
#include <optional>
#include <vector>

#include "daemon/rules/rules.h"

namespace taxgate::rules {

struct MergedLine {
  const InvoiceLine* line = nullptr;  // the discounted or plain row; borrowed from the invoice
  bool discounted = false;            // the row's price is not the line's any more; its quantity is
  Fen amount, tax;                    // after discount
};

/// Merged lines by line number. `findings`: what makes the invoice unusable (blue.*).
struct Merged {
  explicit Merged(std::pmr::memory_resource* memory) : lines(memory), discount_rows(memory) {}
  std::pmr::vector<MergedLine> lines;
  std::pmr::vector<int> discount_rows;  // numbers that may not be named in a wish
  Findings findings;
  /// Index into `lines`, or -1.
  int find(int number) const;
};
Merged merge(const Invoice& blue, std::pmr::memory_resource* memory = std::pmr::get_default_resource());

/// Parallel to merged.lines; `price` is not set: kept_price() is asked for the lines that a red names.
std::pmr::vector<LineLeft> left_of(const Merged& merged, const std::vector<RedDocument>& reds,
                                   std::pmr::memory_resource* memory = std::pmr::get_default_resource());

/// LineLeft::price. Nothing where nothing countable is left.
std::optional<Decimal> kept_price(const LineLeft& left, const MergedLine& merged);

/// True when nothing can be taken from the line any more.
inline bool exhausted(const LineLeft& left) { return left.amount <= Fen{0}; }

void add(Findings& findings, std::string id, std::string field = {}, std::string wanted = {}, std::string left = {},
         std::string detail = {});

}  // namespace taxgate::rules
