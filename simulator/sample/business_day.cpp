// The mix of a business day, as the sample data's description asks for it.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/identifiers.h"
#include "simulator/sample/invoice_maker.h"

namespace taxgate::sample {
namespace {

constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
constexpr int kAllSpecialsFrom = 40;  // smaller days leave the rare cases out
constexpr int kDiscountPercent = 10, kNaturalPercent = 8, kSeveralRatesPercent = 12, kTablePercent = 15,
              kBuyerPercent = 20;

enum class Special : std::uint8_t {
  none,
  void05,
  void07,
  inbox_confirm,
  inbox_deny,
  void06,
  void08,
  void09,
  void10,
  void11,
  void12,
  void13,
  return_first,
  allowance_after,
  red_of_red,
  cap_first,
  cap_after,
  month_end,
  year_end,
};
/// In the order in which a small day takes them.
constexpr Special kSpecials[] = {
    Special::void05,    Special::void07,       Special::inbox_confirm,   Special::inbox_deny, Special::void06,
    Special::void08,    Special::void09,       Special::void10,          Special::void11,     Special::void12,
    Special::void13,    Special::return_first, Special::allowance_after, Special::red_of_red, Special::cap_first,
    Special::cap_after, Special::month_end,    Special::year_end};

bool follows_one(Special s) { return s == Special::allowance_after || s == Special::cap_after; }
bool is_plain(Special s) { return s == Special::none || s == Special::month_end || s == Special::year_end; }
bool is_void(Special s) {
  return s == Special::void05 || s == Special::void06 || s == Special::void07 ||
         (s >= Special::void08 && s <= Special::void13);
}

struct Card {
  std::string rate;
  Reason reason = Reason::goods_returned;
  Special special = Special::none;
};

/// 60 % returns, 20 % wrong invoices, 10 % stopped services, 10 % allowances. Only goods are returned, only services
/// stop.
std::vector<Card> deal_cards(Dice& dice, int count) {
  const auto rates =
      deal<std::string>(dice, count, {{"0.13", 45}, {"0.09", 15}, {"0.06", 25}, {"0.03", 5}, {"0.01", 5}, {"0", 5}});
  auto reasons = deal<Reason>(dice, count,
                              {{Reason::goods_returned, 60},
                               {Reason::wrong_invoice, 20},
                               {Reason::service_stopped, 10},
                               {Reason::allowance, 10}});
  const auto take = [&](bool service) {
    const auto fits = [&](Reason r) { return r != (service ? Reason::goods_returned : Reason::service_stopped); };
    // Stopped services first, so that services do not use up what goods may have too.
    auto at = service ? std::ranges::find(reasons, Reason::service_stopped)
                      : std::ranges::find(reasons, Reason::goods_returned);
    if (at == reasons.end()) at = std::ranges::find_if(reasons, fits);
    if (at == reasons.end()) return Reason::wrong_invoice;
    const Reason reason = *at;
    reasons.erase(at);
    return reason;
  };
  std::vector<Card> cards;
  for (const std::string& rate : rates) cards.push_back({rate, take(rate == "0.06")});
  dice.shuffle(cards);
  return cards;
}

void deal_specials(std::vector<Card>& cards) {
  const std::size_t wanted =
      static_cast<int>(cards.size()) >= kAllSpecialsFrom ? std::size(kSpecials) : cards.size() * 9 / 20;
  for (std::size_t i = 0; i < wanted; ++i) {
    const Special special = kSpecials[i];
    const bool needs_return =
        special == Special::return_first || special == Special::cap_first || special == Special::cap_after;
    const auto fits = [&](const Card& c) {
      if (c.special != Special::none) return false;
      if (needs_return) return c.reason == Reason::goods_returned && c.rate != "0";
      return special != Special::allowance_after || c.reason == Reason::allowance;
    };
    const auto at = std::ranges::find_if(cards, fits);
    if (at == cards.end()) continue;
    Card card = *at;
    card.special = special;
    cards.erase(at);
    if (!follows_one(special)) {
      cards.insert(cards.begin() + static_cast<std::ptrdiff_t>(i), std::move(card));
      continue;
    }
    const auto first = special == Special::cap_after ? Special::cap_first : Special::return_first;
    const auto before = std::ranges::find(cards, first, &Card::special);
    if (before != cards.end()) cards.insert(before + 1, std::move(card));
  }
}

class Day {
 public:
  Day(std::uint64_t seed, const std::vector<SampleTaxpayer>& taxpayers, LegalTime today)
      : dice_(seed), seed_(seed), taxpayers_(taxpayers), today_(today), stores_(group_stores()) {}

  std::vector<SampleCase> play(int count) {
    std::vector<Card> cards = deal_cards(dice_, count);
    deal_specials(cards);
    for (const Card& card : cards) {
      SampleCase c = follows_one(card.special) ? following(card) : fresh(card);
      c.request.set_idempotency_key(fmt::format("{:016x}-{:04d}", dice_.next(), out_.size()));
      put_context(c);
      out_.push_back(std::move(c));
    }
    return std::move(out_);
  }

 private:
  // ---- who and when ---------------------------------------------------------------------------------------------
  const SampleTaxpayer& us() { return taxpayers_[out_.size() % taxpayers_.size()]; }

  Party counterparty() {
    static const std::vector<std::string> kRegions{"420106", "500112", "310112", "370211",
                                                   "510107", "440305", "350206"};
    static const std::vector<std::string> kTrades{"建材", "电器", "食品", "物流", "科技", "餐饮", "医药", "文化"};
    const int number = 2000 + static_cast<int>(dice_.between(0, 899));
    return {invented_id(dice_.pick(kRegions), number), fmt::format("示例{}{}有限公司", dice_.pick(kTrades), number)};
  }

  LegalTime office_hour(std::int64_t days_ago) {
    const std::int64_t midnight = (today_.ms + LegalTime::kOffsetMs) / kDayMs * kDayMs - LegalTime::kOffsetMs;
    const std::int64_t second = dice_.between(8 * 3600, 18 * 3600 - 1);
    return {midnight - days_ago * kDayMs + second * 1000};
  }

  LegalTime issued_at(const Card& card) {
    if (card.special == Special::month_end) return office_hour(today_.day());  // the last day of the month before
    if (card.special == Special::year_end)
      return *LegalTime::parse(fmt::format("{}-12-31 15:30:00", today_.year() - 1));
    return office_hour(dice_.between(1, 25));
  }

  /// "26" + "99" + channel digit + 15 digits: the seed, then a running number.
  std::string next_number() {
    return fmt::format("{:02d}990{:09d}{:06d}", today_.year() % 100, 100'000'000 + seed_ % 100'000'000, ++numbers_);
  }
  std::string next_device_number() {
    return fmt::format("9900{:02d}1130{:08d}", today_.year() % 100,
                       (seed_ % 10'000) * 10'000 + static_cast<std::uint64_t>(++numbers_));
  }

  // ---- a new blue invoice and its red ---------------------------------------------------------------------------
  SampleCase fresh(const Card& card) {
    SampleCase c;
    c.reason = card.reason;
    const bool inbox = card.special == Special::inbox_confirm || card.special == Special::inbox_deny;
    const bool natural = card.special == Special::void12 || (is_plain(card.special) && dice_.chance(kNaturalPercent));
    const bool table = card.special == Special::none && !natural && dice_.chance(kTablePercent);
    const bool buyer = card.special == Special::void06 || card.special == Special::inbox_confirm ||
                       (!natural && is_plain(card.special) && dice_.chance(table ? 50 : kBuyerPercent));
    c.track = table ? Track::information_table : Track::confirmation_form;
    const Side ours = buyer ? Side::buyer : Side::seller;
    // A form raised by the counterparty is entered by the other side.
    c.raised_by_counterparty = inbox;
    c.initiator = inbox ? (buyer ? Side::seller : Side::buyer) : ours;

    const SampleTaxpayer& taxpayer = us();
    c.taxpayer = taxpayer.party.id;
    const Party other = natural ? Party{"", "个人"} : counterparty();
    c.blue.seller = buyer ? other : taxpayer.party;
    c.blue.buyer = buyer ? taxpayer.party : other;
    c.blue.status = "0";
    c.blue.issued_at = issued_at(card);
    put_lines(c.blue, card);
    put_type(c, natural);
    put_marks(c, card);
    put_request(c, taxpayer);
    put_wish(c, card);
    put_ending(c, card);
    c.label = fmt::format("{} at {}{}", reason_term(c.reason, false), card.rate,
                          c.blue.lines.size() > 1 ? ", several rows" : "");
    return c;
  }

  void put_lines(Invoice& blue, const Card& card) {
    add_line(blue, dice_.pick(goods_at(card.rate)), dice_,
             dice_.chance(kDiscountPercent) && card.special != Special::red_of_red);
    if (is_plain(card.special) && dice_.chance(kSeveralRatesPercent)) {
      static const std::vector<std::string> kSecond{"0.13", "0.09", "0"};
      add_line(blue, dice_.pick(goods_at(dice_.pick(kSecond))), dice_, false);
    }
    add_up(blue);
    if (card.special != Special::red_of_red) return;
    for (InvoiceLine& line : blue.lines) {
      line.quantity = line.quantity->negated();
      line.amount = -line.amount;
      line.tax = -line.tax;
    }
    add_up(blue);
    blue.is_red = true;
  }

  void put_type(SampleCase& c, bool natural) {
    if (c.track == Track::information_table) {
      c.blue.type = "01";
      c.blue.number = next_device_number();
      return;
    }
    c.blue.type = natural || dice_.chance(30) ? "82" : dice_.chance(8) ? "85" : "81";
    c.blue.number = next_number();
  }

  /// X3: neither 用途 nor 入账 marked: the seller alone issues; either: the other side must confirm.
  void put_marks(SampleCase& c, const Card& card) {
    c.blue.use = "0";
    c.blue.booking = "01";
    if (c.track == Track::information_table) {
      if (c.initiator == Side::buyer && dice_.chance(60)) c.blue.use = "1";
      return;
    }
    const bool must_ask = !is_plain(card.special) || c.initiator == Side::buyer;
    const bool natural = c.blue.buyer.id.empty();
    if (!must_ask && (natural || dice_.chance(40))) return;
    c.blue.booking =
        "02";  // also for the natural person of state 12: the platform must have asked before he can refuse
    if (!natural && dice_.chance(70)) c.blue.use = "1";
  }

  void put_request(SampleCase& c, const SampleTaxpayer& taxpayer) {
    c.request.set_seller(c.blue.seller.id);
    c.request.set_blue_number(c.blue.number);
    c.request.set_reason(std::string(reason_code(c.reason)));
    if (c.initiator == Side::buyer) c.request.set_initiator("buyer");
    if (c.track == Track::information_table) c.request.set_tax_device(taxpayer.tax_device);
  }

  void put_wish(SampleCase& c, const Card& card) {
    if (card.special == Special::red_of_red) return;
    const std::vector<Redeemable> lines = redeemable(c.blue);
    const Redeemable& line = dice_.pick(lines);
    const bool first = card.special == Special::return_first || card.special == Special::cap_first;
    if (c.reason == Reason::wrong_invoice) return wish_everything(c, false);
    if (c.reason == Reason::allowance) return wish_amount(c, line, Fen{line.amount.value * dice_.between(2, 20) / 100});
    if (!first && dice_.chance(20)) return wish_everything(c, dice_.chance(50));
    const std::int64_t whole = std::stoll(line.quantity->text());
    if (whole < 2) return wish_everything(c, true);
    const Decimal part = Decimal::from_int(dice_.between(1, whole - 1));
    const std::int64_t by = dice_.between(1, 100);
    wish_part(c, line, part, by <= 70 ? AskBy::quantity : by <= 85 ? AskBy::amount : AskBy::total);
    if (lines.size() > 1 && dice_.chance(50)) add_other_line(c, lines, line);
  }

  void add_other_line(SampleCase& c, const std::vector<Redeemable>& lines, const Redeemable& named) {
    for (const Redeemable& other : lines) {
      if (other.line == named.line) continue;
      wish_part(c, other, Decimal::from_int(1), AskBy::quantity);
      return;
    }
  }

  void put_ending(SampleCase& c, const Card& card) {
    if (card.special == Special::red_of_red) {
      c.ending = Ending::refused;
      c.refusal = "R20.red_of_red";
      c.path = "refused";
      return;
    }
    if (c.track == Track::information_table) {
      const bool deducted = c.blue.use == "1";
      c.path = fmt::format("信息表 {}→TZD0000→issued", c.initiator == Side::seller ? "0000000100"
                                                       : deducted                  ? "1100000000"
                                                                                   : "1010000000");
      return;
    }
    const bool asks = c.blue.booking == "02" || c.blue.use == "1";
    if (!asks) {
      c.form_state = "01";
      c.path = "01→issued";
      return;
    }
    const std::string pending = c.initiator == Side::seller ? "02" : "03";
    put_answer(c, card.special);
    const std::string middle = c.form_state == "09" ? "04→" : "";
    c.path = pending + "→" + middle + c.form_state + (c.ending == Ending::issued ? "→issued" : "");
  }

  static void put_answer(SampleCase& c, Special special) {
    c.ending = is_void(special) || special == Special::inbox_deny ? Ending::void_ : Ending::issued;
    c.counterparty = Counterparty::confirms;
    c.form_state = "04";
    switch (special) {
      case Special::void05:
        c.counterparty = Counterparty::refuses, c.form_state = "05";
        break;
      case Special::void06:
        c.counterparty = Counterparty::refuses, c.form_state = "06";
        break;
      case Special::void07:
        c.counterparty = Counterparty::silent, c.form_state = "07";
        break;
      case Special::void08:
        c.counterparty = Counterparty::silent, c.form_state = "08", c.act = Act::we_revoke;
        break;
      case Special::void09:
        c.form_state = "09", c.act = Act::we_revoke_confirmed;
        break;
      case Special::void10:
        platform_voids(c, "10");
        break;
      case Special::void11:
        platform_voids(c, "11");
        break;
      case Special::void12:
        platform_voids(c, "12");
        break;
      case Special::void13:
        platform_voids(c, "13");
        break;
      case Special::inbox_confirm:
        c.counterparty = Counterparty::not_asked, c.act = Act::we_confirm;
        break;
      case Special::inbox_deny:
        c.counterparty = Counterparty::not_asked, c.form_state = "06", c.act = Act::we_deny;
        break;
      default:
        break;
    }
  }

  static void platform_voids(SampleCase& c, std::string state) {
    c.counterparty = Counterparty::silent;
    c.form_state = std::move(state);
    c.act = Act::platform_voids;
  }

  // ---- a second red on the invoice of the case before -------------------------------------------------------------
  SampleCase following(const Card& card) {
    const SampleCase& first = out_.back();
    SampleCase c;
    c.follows = static_cast<int>(out_.size()) - 1;
    c.taxpayer = first.taxpayer;
    c.blue = first.blue;
    c.reason = card.special == Special::cap_after ? Reason::goods_returned : Reason::allowance;
    c.initiator = first.initiator;
    put_request(c, taxpayers_.front());
    const Redeemable line = redeemable(c.blue).front();
    const Fen left = line.amount + first.amount, left_tax = line.tax + first.tax;
    if (card.special == Special::cap_after) {
      auto* wish = c.request.add_lines();
      wish->set_blue_line(line.line->number);
      wish->set_amount((left + Fen{1}).text());
      c.ending = Ending::refused;
      c.refusal = "R2.amount_cap";
      c.path = "refused";
      c.label = "return that passes what is left by 0.01";
      return c;
    }
    const Fen amount = *Decimal::share(left, Decimal::from_int(5), Decimal::from_int(100));
    wish_amount(c, line, std::min(amount, left));
    if (c.tax.abs() > left_tax) c.tax = c.lines.front().tax = -left_tax;
    put_ending(c, card);
    c.label = "allowance of 5 % on what a return left";
    return c;
  }

  void put_context(SampleCase& c) {
    auto* context = c.request.mutable_context();
    context->set_order(fmt::format("SO-{:08d}", dice_.between(1, 99'999'999)));
    context->set_contract(fmt::format("HT-{}-{:04d}", today_.year(), dice_.between(1, 9'999)));
    context->set_org_unit(dice_.pick(stores_));
    context->set_operator_(fmt::format("operator-{}", dice_.between(1, 9)));
  }

  Dice dice_;
  std::uint64_t seed_;
  const std::vector<SampleTaxpayer>& taxpayers_;
  LegalTime today_;
  std::vector<std::string> stores_;
  std::vector<SampleCase> out_;
  int numbers_ = 0;
};

}  // namespace

std::vector<SampleCase> business_day(std::uint64_t seed, int count, const std::vector<SampleTaxpayer>& taxpayers,
                                     LegalTime today) {
  if (count <= 0 || taxpayers.empty()) return {};
  return Day(seed, taxpayers, today).play(count);
}

}  // namespace taxgate::sample
