// From "line 1, 100 tonnes" to the whole red document.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/rules/check.h"
#include "daemon/rules/codes.h"
#include "daemon/rules/exact.h"
#include "daemon/rules/take.h"

namespace taxgate::rules {
namespace {

/// What one red takes from a line; positive.
struct Part {
  std::optional<Decimal> quantity, price;  // both or neither
  Fen amount, tax;
};

// The rest must stay as close to price and rate as B.6 demands of the red that will take it: a rounding that would
// leave the rest further off than this goes the other way. A little under a fen for the price, for the milli-fen's own
// rounding.
constexpr MilliFen kPriceDrift = kFen - 1;
// A fen less than the tolerance: ordinary rounding stays untouched until many reds have drifted the same way.
constexpr MilliFen kTaxDrift = (kTaxTolerance.value - 1) * kFen;

constexpr int kQuantityScale = 13;  // as many decimals as prices carry

/// One line of the wish against what is left of it. Every method returns nullopt after adding a finding.
class Taking {
 public:
  Taking(const LineLeft& left, const MergedLine& merged, Reason reason, bool by_rate, std::string path,
         Findings& findings)
      : left_(left),
        rate_(merged.line->rate),
        reason_(reason),
        price_(reason == Reason::allowance ? std::nullopt : kept_price(left, merged)),
        by_rate_(by_rate),
        path_(std::move(path)),
        findings_(findings) {}

  std::optional<Part> take(const LineWish& wish) {
    const int named = int{wish.quantity.has_value()} + int{wish.amount.has_value()} + int{wish.total.has_value()};
    if (named > 1) return found("wish.one_of", {});
    if (exhausted(left_)) return found("R2.amount_cap", "amount", wanted(wish), "0.00");
    if (wish.quantity) return by_quantity(*wish.quantity);
    if (wish.amount) return by_amount(*wish.amount, "amount");
    if (wish.total) return by_total(*wish.total);
    return all();
  }

  Part all() const { return part(left_.quantity, left_.amount, left_.tax); }

 private:
  std::nullopt_t found(std::string_view id, std::string_view field, std::string wanted = {}, std::string left = {}) {
    add(findings_, std::string(id), field.empty() ? path_ : fmt::format("{}.{}", path_, field), std::move(wanted),
        std::move(left));
    return std::nullopt;
  }

  /// Nothing countable is left, or no price fits the rest: then it goes out by amount alone, as an allowance does.
  Part part(const std::optional<Decimal>& quantity, Fen amount, Fen tax) const {
    return {price_ ? quantity : std::nullopt, price_, amount, tax};
  }

  static std::string wanted(const LineWish& wish) {
    if (wish.quantity) return wish.quantity->text();
    if (wish.amount) return wish.amount->text();
    return wish.total ? wish.total->text() : std::string{};
  }

  std::optional<Part> by_quantity(const Decimal& quantity) {
    if (quantity.sign() <= 0) return found("wish.not_positive", "quantity", quantity.text());
    if (reason_ == Reason::allowance) return found("B6.allowance_blank", "quantity", quantity.text());
    if (!price_) return found("R2.quantity_unknown", "quantity", quantity.text());
    if (quantity > *left_.quantity)
      return found("R2.quantity_cap", "quantity", quantity.text(), left_.quantity->text());
    if (quantity == *left_.quantity) return all();
    const Fen amount = amount_of(quantity);
    if (amount <= Fen{0}) return found("B6.below_one_fen", "quantity", quantity.text(), "0.01");
    return part(quantity, amount, tax_of(amount));
  }

  std::optional<Part> by_amount(Fen amount, std::string_view field) {
    if (amount <= Fen{0}) return found("wish.not_positive", field, amount.text());
    if (amount > left_.amount) return found("R2.amount_cap", field, amount.text(), left_.amount.text());
    if (amount == left_.amount) return all();
    return part(quantity_of(amount), amount, tax_of(amount));
  }

  std::optional<Part> by_total(Fen total) {
    const Fen all_total = plus(left_.amount, left_.tax);
    if (total <= Fen{0}) return found("wish.not_positive", "total", total.text());
    if (total > all_total) return found("R2.total_cap", "total", total.text(), all_total.text());
    if (total == all_total) return all();
    Fen tax = minus(total, amount_in(total, all_total));
    // A fen moved between amount and tax keeps the total and the rest on the rate.
    if (by_rate_ && left_.tax > Fen{0}) tax += shift(minus(total, tax), tax);
    if (left_.tax > Fen{0}) tax = std::clamp(tax, Fen{0}, left_.tax - Fen{1});
    const Fen net = minus(total, tax);
    if (net >= left_.amount || net <= Fen{0}) return found("B6.remainder", "total", total.text(), all_total.text());
    return part(quantity_of(net), net, tax);
  }

  // What follows takes less than the line holds, so no number can leave its range; were one to, the line's own amount
  // is the answer, and the check of the finished document refuses it.

  Fen amount_in(Fen total, Fen all_total) const {
    if (left_.tax == Fen{0}) return total;
    const auto whole = Decimal::from_int(1) + rate_;
    const auto net = by_rate_ ? Decimal::share(total, Decimal::from_int(1), whole.value_or(Decimal::from_int(1)))
                              : Decimal::share(total, Decimal::from_fen(left_.amount), Decimal::from_fen(all_total));
    return net.value_or(left_.amount);
  }

  /// quantity × price; a fen off when the rest would otherwise leave its price.
  Fen amount_of(const Decimal& quantity) const {
    Fen amount = quantity.times(*price_).value_or(left_.amount);
    const MilliFen whole = product(*left_.quantity, *price_).value_or(milli(left_.amount));
    const MilliFen part = product(quantity, *price_).value_or(milli(amount));
    const MilliFen off = (milli(left_.amount) - whole) - (milli(amount) - part);  // of the rest
    if (off > kPriceDrift) amount += Fen{1};
    if (off < -kPriceDrift) amount -= Fen{1};
    return std::min(amount, left_.amount);
  }

  /// A fen for the tax when the rest's tax would otherwise lie too far from its rate, once these are taken.
  Fen shift(Fen amount, Fen tax) const {
    const Fen rest = minus(left_.tax, tax);
    const MilliFen drift = milli(rest) - taxed(minus(left_.amount, amount), rate_).value_or(milli(rest));
    return Fen{drift > kTaxDrift ? 1 : drift < -kTaxDrift ? -1 : 0};
  }

  Fen tax_of(Fen amount) const {
    if (amount >= left_.amount) return left_.tax;
    if (left_.tax == Fen{0}) return Fen{0};
    const Fen most = left_.tax - Fen{1};  // all of the tax goes only with all of the amount (B.6)
    if (!by_rate_) {
      const auto share = Decimal::share(left_.tax, Decimal::from_fen(amount), Decimal::from_fen(left_.amount));
      return std::min(share.value_or(most), most);
    }
    const Fen tax = rate_.times(amount).value_or(most);
    return std::clamp(tax + shift(amount, tax), Fen{0}, most);
  }

  /// The shortest quantity whose value is `amount` at the kept price; none where the line has no quantity.
  std::optional<Decimal> quantity_of(Fen amount) const {
    if (!price_) return std::nullopt;
    Decimal quantity;
    for (int scale = 0; scale <= kQuantityScale; ++scale) {
      quantity = Decimal::divide(Decimal::from_fen(amount), *price_, scale).value_or(*left_.quantity);
      if (!quantity.is_zero() && quantity.times(*price_) == amount) break;
    }
    return std::min(quantity, *left_.quantity);
  }

  const LineLeft& left_;
  const Decimal& rate_;
  Reason reason_;
  std::optional<Decimal> price_;  // the kept one; none for an allowance, which is by amount alone
  bool by_rate_;
  std::string path_;
  Findings& findings_;
};

RedLine red_line(const MergedLine& merged, const Part& part) {
  const InvoiceLine& blue = *merged.line;
  RedLine line;
  line.blue_line = blue.number;
  line.tax_code = blue.tax_code;
  line.name = blue.name;
  line.spec = blue.spec;
  line.unit = blue.unit;
  if (part.quantity) {
    line.quantity = part.quantity->negated();
    line.price = part.price;
  }
  line.amount = -part.amount;
  line.rate = blue.rate;
  line.tax = -part.tax;
  line.preference = blue.preference;
  return line;
}

}  // namespace

RedDocument head_of(const Facts& facts, const Wish& wish, Findings& findings) {
  const Invoice& blue = facts.blue;
  RedDocument red;
  red.initiator = wish.initiator;
  red.blue_number = blue.number;
  red.blue_type = blue.type;
  red.blue_issued_at = blue.issued_at;
  red.blue_amount = blue.amount;
  red.blue_tax = blue.tax;
  red.seller = blue.seller;
  red.buyer = blue.buyer;
  red.reason = wish.reason;
  red.element = blue.element;
  const auto blue_class = invoice_class(blue.type, "blue.type");
  if (!blue_class) {
    add(findings, blue_class.error().id, "blue.type", blue.type);
    return red;
  }
  const SellerKind told = facts.known.seller_kind;
  red.track = select_track(told == SellerKind::unknown ? wish.seller_kind : told, *blue_class);
  if (red.track == Track::information_table) {
    red.tax_device = wish.tax_device;
    if (const auto memo = table_memo(wish.initiator, listed(facts.tables.deducted_use, blue.use)))
      red.table_memo = *memo;
  }
  return red;
}

void take_lines(const Facts& facts, const Wish& wish, RedDocument& red, Findings& findings) {
  const bool by_rate = facts.blue.difference.empty();
  const auto put = [&](std::size_t at, const Part& part) {
    red.lines.push_back(red_line(facts.merged.lines[at], part));
    red.amount = plus(red.amount, -part.amount);
    red.tax = plus(red.tax, -part.tax);
  };
  const auto taking = [&](std::size_t at, std::size_t i) {
    return Taking(facts.left[at], facts.merged.lines[at], wish.reason, by_rate, fmt::format("lines[{}]", i), findings);
  };
  if (wish.lines.empty()) {
    for (std::size_t at = 0; at < facts.left.size(); ++at)
      if (!exhausted(facts.left[at])) put(at, taking(at, red.lines.size()).all());
    return;
  }
  for (std::size_t i = 0; i < wish.lines.size(); ++i) {
    const int number = wish.lines[i].blue_line;
    const int at = facts.merged.find(number);
    if (at < 0) {
      const bool discount = std::ranges::find(facts.merged.discount_rows, number) != facts.merged.discount_rows.end();
      add(findings, discount ? "B6.discount_row" : "B6.line_unknown", fmt::format("lines[{}].blue_line", i),
          std::to_string(number));
      continue;
    }
    if (const auto part = taking(static_cast<std::size_t>(at), i).take(wish.lines[i]))
      put(static_cast<std::size_t>(at), *part);
  }
}

}  // namespace taxgate::rules
