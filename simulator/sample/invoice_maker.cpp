#include "simulator/sample/invoice_maker.h"

namespace taxgate::sample {
namespace {

constexpr int kPriceScale = 8;    // as on most all-digital invoices
constexpr int kMergedScale = 13;  // a price after a discount is rarely finite

Decimal decimal(std::string_view text) { return *Decimal::parse(text); }  // literals of goods.cpp

Decimal price_without_tax(Fen with_tax, const Decimal& rate) {
  const Decimal whole = *(Decimal::from_int(1) + rate);
  return *Decimal::divide(Decimal::from_fen(with_tax), whole, kPriceScale);
}

/// A discount whose own tax and whose merged line's tax are both amount × rate, rounded: a fen less until they agree.
InvoiceLine discount_of(const InvoiceLine& line, std::int64_t percent) {
  InvoiceLine row;
  row.number = line.number + 1;
  row.tax_code = line.tax_code;
  row.name = line.name;
  row.rate = line.rate;
  row.kind = LineKind::discount;
  row.preference = line.preference;
  Fen amount{line.amount.value * percent / 100};
  while (*line.rate.times(line.amount - amount) != line.tax - *line.rate.times(amount)) amount -= Fen{1};
  row.amount = -amount;
  row.tax = -*line.rate.times(amount);
  return row;
}

void expect(SampleCase& c, const Redeemable& of, std::optional<Decimal> quantity, Fen amount, Fen tax) {
  if (quantity) quantity = quantity->negated();
  c.lines.push_back({of.line->number, quantity, -amount, -tax});
  c.amount -= amount;
  c.tax -= tax;
}

}  // namespace

void add_line(Invoice& blue, const Goods& goods, Dice& dice, bool discount) {
  InvoiceLine line;
  line.number = static_cast<int>(blue.lines.size()) + 1;
  line.tax_code = goods.tax_code;
  line.name = goods.name;
  line.spec = goods.spec;
  line.unit = goods.unit;
  line.rate = decimal(goods.rate);
  line.preference = goods.preference;
  line.quantity = Decimal::from_int(dice.between(goods.low, goods.high));
  line.price = price_without_tax(Fen{dice.between(goods.cheapest_fen, goods.dearest_fen)}, line.rate);
  line.amount = *line.quantity->times(*line.price);
  line.tax = *line.rate.times(line.amount);
  if (!discount) {
    blue.lines.push_back(std::move(line));
    return;
  }
  line.kind = LineKind::discounted;
  InvoiceLine row = discount_of(line, dice.between(1, 15));
  blue.lines.push_back(std::move(line));
  blue.lines.push_back(std::move(row));
}

void add_up(Invoice& blue) {
  blue.amount = blue.tax = Fen{};
  for (const InvoiceLine& line : blue.lines) {
    blue.amount += line.amount;
    blue.tax += line.tax;
  }
}

std::vector<Redeemable> redeemable(const Invoice& blue) {
  std::vector<Redeemable> out;
  for (const InvoiceLine& line : blue.lines) {
    if (line.kind != LineKind::discount) {
      out.push_back({&line, line.quantity, line.price, line.amount, line.tax});
      continue;
    }
    Redeemable& above = out.back();
    above.amount += line.amount;
    above.tax += line.tax;
    above.price = *Decimal::divide(Decimal::from_fen(above.amount), *above.quantity, kMergedScale);
  }
  return out;
}

void wish_everything(SampleCase& c, bool name_lines) {
  for (const Redeemable& line : redeemable(c.blue)) {
    if (name_lines) c.request.add_lines()->set_blue_line(line.line->number);
    expect(c, line, c.reason == Reason::allowance ? std::nullopt : line.quantity, line.amount, line.tax);
  }
}

void wish_part(SampleCase& c, const Redeemable& of, const Decimal& quantity, AskBy by) {
  const Fen amount = *quantity.times(*of.price);
  const Fen tax = *of.line->rate.times(amount);
  auto* wish = c.request.add_lines();
  wish->set_blue_line(of.line->number);
  if (by == AskBy::quantity) wish->set_quantity(quantity.text());
  if (by == AskBy::amount) wish->set_amount(amount.text());
  if (by == AskBy::total) wish->set_total((amount + tax).text());
  expect(c, of, quantity, amount, tax);
}

void wish_amount(SampleCase& c, const Redeemable& of, Fen amount) {
  auto* wish = c.request.add_lines();
  wish->set_blue_line(of.line->number);
  wish->set_amount(amount.text());
  expect(c, of, std::nullopt, amount, *of.line->rate.times(amount));
}

}  // namespace taxgate::sample
