#include "daemon/rules/lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/rules/exact.h"

namespace taxgate::rules {
namespace {

bool by_number(const MergedLine& a, const MergedLine& b) { return a.line->number < b.line->number; }

/// The row a discount row belongs to: the nearest one above it that is not itself a discount, of the same goods and
/// rate.
MergedLine* owner_of(std::pmr::vector<MergedLine>& lines, const InvoiceLine& discount) {
  if (lines.empty()) return nullptr;
  MergedLine& last = lines.back();
  const bool same = last.line->rate == discount.rate && last.line->tax_code == discount.tax_code;
  return same && last.line->number < discount.number ? &last : nullptr;
}

void read_rows(const Invoice& blue, Merged& out) {
  for (std::size_t i = 0; i < blue.lines.size(); ++i) {
    const InvoiceLine& row = blue.lines[i];
    if (row.kind == LineKind::discount) {
      MergedLine* owner = owner_of(out.lines, row);
      if (owner == nullptr || row.amount > Fen{0}) {
        add(out.findings, "blue.discount_row", fmt::format("blue.lines[{}]", i), row.amount.text());
        continue;
      }
      owner->amount = plus(owner->amount, row.amount);
      owner->tax = plus(owner->tax, row.tax);
      owner->discounted = true;
      out.discount_rows.push_back(row.number);
      continue;
    }
    if (row.amount < Fen{0} || row.tax < Fen{0} || (row.quantity && row.quantity->sign() <= 0)) {
      add(out.findings, "blue.negative_line", fmt::format("blue.lines[{}]", i), row.amount.text());
      continue;
    }
    out.lines.push_back({&row, false, row.amount, row.tax});
  }
}

void check_numbers(const Invoice& blue, Merged& out) {
  if (!std::ranges::is_sorted(out.lines, by_number)) std::ranges::sort(out.lines, by_number);
  bool unique = true;
  for (std::size_t i = 0; i < out.lines.size(); ++i) {
    if (out.lines[i].line->number < 1) unique = false;
    if (i > 0 && out.lines[i].line->number == out.lines[i - 1].line->number) unique = false;
  }
  for (const int row : out.discount_rows)
    if (row < 1 || out.find(row) >= 0) unique = false;
  if (!unique) add(out.findings, "blue.line_numbers", "blue.lines");
  if (blue.lines.empty()) add(out.findings, "blue.no_lines", "blue.lines");
}

void check_sums(const Invoice& blue, Merged& out) {
  Fen amount, tax;
  for (const MergedLine& l : out.lines) {
    amount = plus(amount, l.amount);
    tax = plus(tax, l.tax);
    if (l.amount < Fen{0} || l.tax < Fen{0})
      add(out.findings, "blue.discount_row", fmt::format("blue.lines[{}]", l.line->number - 1), l.amount.text());
  }
  if (amount != blue.amount) add(out.findings, "blue.sum_amount", "blue.amount", blue.amount.text(), amount.text());
  if (tax != blue.tax) add(out.findings, "blue.sum_tax", "blue.tax", blue.tax.text(), tax.text());
}

Fen less(Fen left, Fen taken) { return std::max(Fen{0}, minus(left, taken.abs())); }

void take(LineLeft& left, const RedLine& red) {
  left.amount = less(left.amount, red.amount);
  left.tax = less(left.tax, red.tax);
  if (!left.quantity || !red.quantity) return;
  const Decimal rest = (*left.quantity - red.quantity->abs()).value_or(Decimal{});
  left.quantity = rest.sign() > 0 ? rest : Decimal{};
}

/// The price of a line as it was issued: the row's own, or what the discount left of it.
Result<Decimal> issued_price(const MergedLine& merged) {
  const InvoiceLine& row = *merged.line;
  return row.price && !merged.discounted ? *row.price : unit_price(merged.amount, *row.quantity);
}

}  // namespace

void add(Findings& findings, std::string id, std::string field, std::string wanted, std::string left,
         std::string detail) {
  if (findings.size() >= kMaxFindings) return;
  findings.push_back(Error{Errc::invalid_input, std::move(id), std::move(field), std::move(wanted), std::move(left),
                           std::move(detail)});
}

/// The price a further return keeps. It is the issued price as long as the rest agrees with it; after an allowance, or
/// after reds by others that let it drift, only amount ÷ quantity is consistent with B.6.
std::optional<Decimal> kept_price(const LineLeft& left, const MergedLine& merged) {
  if (!left.quantity || left.quantity->is_zero() || exhausted(left)) return std::nullopt;
  if (const auto price = issued_price(merged)) {
    const auto value = product(*left.quantity, *price);
    if (value && magnitude(*value - milli(left.amount)) <= kFen) return *price;
  }
  const auto price = unit_price(left.amount, *left.quantity);
  return price ? std::optional(*price) : std::nullopt;
}

int Merged::find(int number) const {
  // Nearly every invoice numbers its lines 1, 2, 3 …
  const auto guess = static_cast<std::size_t>(number) - 1;
  if (guess < lines.size() && lines[guess].line->number == number) return static_cast<int>(guess);
  const auto at = std::ranges::lower_bound(lines, number, {}, [](const MergedLine& l) { return l.line->number; });
  if (at == lines.end() || at->line->number != number) return -1;
  return static_cast<int>(at - lines.begin());
}

Merged merge(const Invoice& blue, std::pmr::memory_resource* memory) {
  Merged out(memory);
  out.lines.reserve(blue.lines.size());
  read_rows(blue, out);
  check_numbers(blue, out);
  if (out.findings.empty()) check_sums(blue, out);  // sums of rows that could not be read would only repeat it
  return out;
}

std::pmr::vector<LineLeft> left_of(const Merged& merged, const std::vector<RedDocument>& reds,
                                   std::pmr::memory_resource* memory) {
  std::pmr::vector<LineLeft> out(memory);
  out.reserve(merged.lines.size());
  for (const MergedLine& l : merged.lines) out.push_back({l.line->number, l.line->quantity, l.amount, l.tax, {}});
  for (const RedDocument& red : reds) {
    for (const RedLine& line : red.lines) {
      const int at = merged.find(line.blue_line);
      if (at >= 0) take(out[static_cast<std::size_t>(at)], line);
    }
  }
  return out;
}

std::vector<LineLeft> left(const BlueState& state) {
  const Merged merged = merge(*state.blue);
  auto out = left_of(merged, state.reds);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].price = kept_price(out[i], merged.lines[i]);
  return {out.begin(), out.end()};
}

Findings check_blue(const Invoice& blue) { return merge(blue).findings; }

}  // namespace taxgate::rules
