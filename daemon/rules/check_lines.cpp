// B.6, R2 and R4 on the lines and totals of one red document.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/rules/check.h"
#include "daemon/rules/exact.h"

namespace taxgate::rules {
namespace {

std::string in_line(std::size_t i, std::string_view field) { return fmt::format("lines[{}].{}", i, field); }

class LineCheck {
 public:
  LineCheck(const Facts& facts, const RedDocument& red, std::size_t i, std::size_t at, Findings& findings)
      : red_(red),
        line_(red.lines[i]),
        merged_(facts.merged.lines[at]),
        left_(facts.left[at]),
        i_(i),
        by_rate_(facts.blue.difference.empty()),
        after_partial_(!facts.reds.empty()),
        findings_(findings) {}

  void run() {
    signs();
    copied();
    blanks();
    if (caps()) rest();
    price();
    if (by_rate_) rate();
    full();
  }

 private:
  void found(std::string_view id, std::string_view field, std::string wanted = {}, std::string left = {}) {
    add(findings_, std::string(id), in_line(i_, field), std::move(wanted), std::move(left));
  }

  void signs() {
    if (line_.amount >= Fen{0}) found("B6.not_negative", "amount", line_.amount.text());
    if (line_.tax > Fen{0}) found("B6.not_negative", "tax", line_.tax.text());
    if (line_.quantity && line_.quantity->sign() >= 0) found("B6.not_negative", "quantity", line_.quantity->text());
    if (line_.price && line_.price->sign() <= 0) found("B6.price_sign", "price", line_.price->text());
  }

  void copied() {
    const InvoiceLine& blue = *merged_.line;
    if (line_.name != blue.name) found("B6.line_copy", "name", line_.name, blue.name);
    if (line_.tax_code != blue.tax_code) found("B6.line_copy", "tax_code", line_.tax_code, blue.tax_code);
    if (line_.rate != blue.rate) found("B6.line_copy", "rate", line_.rate.text(), blue.rate.text());
    if (line_.preference != blue.preference) found("B6.line_copy", "preference", line_.preference, blue.preference);
  }

  void blanks() {
    if (line_.quantity.has_value() != line_.price.has_value()) {
      found("B6.both_or_neither", line_.quantity ? "price" : "quantity");
      return;
    }
    if (red_.reason == Reason::allowance) {
      if (line_.quantity) found("B6.allowance_blank", "quantity", line_.quantity->text());
      return;
    }
    // 02/03 keep the unit price after merging the discount row; 01 repeats the whole line.
    const auto kept = kept_price(left_, merged_);
    if (kept && !line_.price)
      found("B6.price_kept", "price", {}, kept->text());
    else if (kept && *line_.price != *kept)
      found("B6.price_kept", "price", line_.price->text(), kept->text());
  }

  /// R2, three independent caps. True when none is passed.
  bool caps() {
    const std::size_t before = findings_.size();
    if (line_.quantity && !left_.quantity)
      found("R2.quantity_unknown", "quantity", line_.quantity->abs().text());
    else if (line_.quantity && line_.quantity->abs() > *left_.quantity)
      found("R2.quantity_cap", "quantity", line_.quantity->abs().text(), left_.quantity->text());
    if (line_.amount.abs() > left_.amount)
      found("R2.amount_cap", "amount", line_.amount.abs().text(), left_.amount.text());
    if (line_.tax.abs() > left_.tax) found("R2.tax_cap", "tax", line_.tax.abs().text(), left_.tax.text());
    return findings_.size() == before;
  }

  /// Amount equal to the remaining ⇔ tax equal to the remaining; only for lines with tax (A.8).
  void rest() {
    if (left_.tax == Fen{0}) return;
    const bool all_amount = line_.amount.abs() == left_.amount, all_tax = line_.tax.abs() == left_.tax;
    if (all_amount && !all_tax) found("B6.remainder", "tax", line_.tax.abs().text(), left_.tax.text());
    if (all_tax && !all_amount) found("B6.remainder", "amount", line_.amount.abs().text(), left_.amount.text());
  }

  void price() {
    if (!line_.quantity || !line_.price) return;
    const auto value = product(line_.quantity->abs(), *line_.price);
    if (!value)
      found("B6.price", "amount", line_.amount.abs().text());
    else if (magnitude(*value - milli(line_.amount.abs())) > milli(kPriceTolerance))
      found("B6.price", "amount", line_.amount.abs().text(), Fen{static_cast<std::int64_t>(*value / kFen)}.text());
  }

  void rate() {
    if (merged_.tax == Fen{0} && line_.tax == Fen{0}) return;  // a line without tax
    const auto tax = taxed(line_.amount.abs(), line_.rate);
    if (!tax)
      found("B6.rate", "tax", line_.tax.abs().text());
    else if (magnitude(*tax - milli(line_.tax.abs())) > milli(kTaxTolerance))
      found("B6.rate", "tax", line_.tax.abs().text(), Fen{static_cast<std::int64_t>((*tax + kFen / 2) / kFen)}.text());
  }

  void full() {
    if (red_.reason != Reason::wrong_invoice || after_partial_)
      return;  // after a partial red: R4.after_partial says it
    if (line_.amount.abs() != merged_.amount)
      found("R4.full_only", "amount", line_.amount.abs().text(), merged_.amount.text());
    else if (line_.tax.abs() != merged_.tax)
      found("R4.full_only", "tax", line_.tax.abs().text(), merged_.tax.text());
    else if (const auto& whole = merged_.line->quantity; line_.quantity && whole && line_.quantity->abs() != *whole)
      found("R4.full_only", "quantity", line_.quantity->abs().text(), whole->text());
  }

  const RedDocument& red_;
  const RedLine& line_;
  const MergedLine& merged_;
  const LineLeft& left_;
  std::size_t i_;
  bool by_rate_, after_partial_;  // a 差额征税 line's tax is not amount × rate
  Findings& findings_;
};

void check_totals(const Facts& facts, const RedDocument& red, Findings& findings) {
  Fen amount, tax;
  for (const RedLine& l : red.lines) {
    amount = plus(amount, l.amount);
    tax = plus(tax, l.tax);
  }
  if (red.amount != amount) add(findings, "B6.sum_amount", "amount", red.amount.text(), amount.text());
  if (red.tax != tax) add(findings, "B6.sum_tax", "tax", red.tax.text(), tax.text());
  if (plus(red.amount, red.tax) >= Fen{0}) add(findings, "B6.not_negative", "amount", plus(red.amount, red.tax).text());

  // The invoice's own caps: reds known only by their totals are on no line.
  Fen taken_amount, taken_tax;
  for (const RedDocument& r : facts.reds) {
    taken_amount = plus(taken_amount, r.amount.abs());
    taken_tax = plus(taken_tax, r.tax.abs());
  }
  const Fen left_amount = std::max(Fen{0}, minus(facts.blue.amount, taken_amount));
  const Fen left_tax = std::max(Fen{0}, minus(facts.blue.tax, taken_tax));
  if (red.amount.abs() > left_amount)
    add(findings, "R2.amount_cap", "amount", red.amount.abs().text(), left_amount.text());
  if (red.tax.abs() > left_tax) add(findings, "R2.tax_cap", "tax", red.tax.abs().text(), left_tax.text());
}

/// R4: every redeemable line of the blue must be there.
void check_all_lines(const Facts& facts, const std::pmr::vector<bool>& seen, Findings& findings) {
  for (std::size_t at = 0; at < seen.size(); ++at) {
    if (seen[at] || exhausted(facts.left[at])) continue;
    add(findings, "R4.full_only", "lines", {}, facts.blue.amount.text(),
        fmt::format("line {} is missing", facts.left[at].blue_line));
    return;  // one is enough: the remedy is the same for all
  }
}

}  // namespace

void check_lines(const Facts& facts, const RedDocument& red, Findings& findings) {
  if (red.lines.empty()) {
    add(findings, "B6.no_lines", "lines");
    return;
  }
  constexpr std::size_t kBits = 256;  // 2,000 lines' marks; the heap beyond
  std::array<std::byte, kBits> own;
  std::pmr::monotonic_buffer_resource memory(own.data(), own.size());
  std::pmr::vector<bool> seen(facts.left.size(), false, &memory);
  for (std::size_t i = 0; i < red.lines.size(); ++i) {
    const int at = facts.merged.find(red.lines[i].blue_line);
    if (at < 0) {
      const bool discount =
          std::ranges::find(facts.merged.discount_rows, red.lines[i].blue_line) != facts.merged.discount_rows.end();
      add(findings, discount ? "B6.discount_row" : "B6.line_unknown", in_line(i, "blue_line"),
          std::to_string(red.lines[i].blue_line));
      continue;
    }
    const auto index = static_cast<std::size_t>(at);
    if (seen[index]) {
      add(findings, "B6.line_twice", in_line(i, "blue_line"), std::to_string(red.lines[i].blue_line));
      continue;
    }
    seen[index] = true;
    LineCheck(facts, red, i, index, findings).run();
  }
  if (red.reason == Reason::wrong_invoice && facts.reds.empty()) check_all_lines(facts, seen, findings);
  const bool capped = std::ranges::any_of(findings, [](const Error& e) { return e.id.starts_with("R2."); });
  Findings totals;
  check_totals(facts, red, totals);
  for (Error& e : totals)
    if (!capped || !e.id.starts_with("R2."))
      add(findings, std::move(e.id), std::move(e.field), std::move(e.wanted), std::move(e.left));
}

}  // namespace taxgate::rules
