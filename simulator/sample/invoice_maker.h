#pragma once
// Makes one exact blue invoice and says what a red of it must come out as. Private to simulator/sample.
#include <string>

#include "simulator/sample/dice.h"
#include "simulator/sample/goods.h"
#include "simulator/sample/sample.h"

namespace taxgate::sample {

/// Adds a line of `goods`, with a discount row below it when wanted: amount = quantity × price and tax = amount × rate,
/// both rounded half up, for the line, its discount and the two merged.
void add_line(Invoice& blue, const Goods& goods, Dice& dice, bool discount);
void add_up(Invoice& blue);

/// One redeemable line: its discount row merged, the price after the discount.
struct Redeemable {
  const InvoiceLine* line = nullptr;
  std::optional<Decimal> quantity, price;
  Fen amount, tax;
};
std::vector<Redeemable> redeemable(const Invoice& blue);

/// Fills the request's wish and the expected lines and totals of `c`, whose blue and reason are set.
void wish_everything(SampleCase& c, bool name_lines);
/// 02, 03: `quantity` of one line, asked for by quantity, amount or tax-inclusive amount.
enum class AskBy : std::uint8_t { quantity, amount, total };
void wish_part(SampleCase& c, const Redeemable& of, const Decimal& quantity, AskBy by);
/// 04: an amount without quantity and price.
void wish_amount(SampleCase& c, const Redeemable& of, Fen amount);

}  // namespace taxgate::sample
