#include "simulator/platform/population.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "simulator/sample/dice.h"
#include "simulator/sample/sample.h"

namespace taxgate::simulator {
namespace {

constexpr std::int64_t kSpanSeconds = 27 * 86'400;  // every month has 28 days; numbers rise with time
constexpr int kFirstCounterparty = 3001;            // of the invented companies

std::uint64_t mixed(std::uint64_t seed, std::uint64_t i) {
  return sample::Dice(seed + i * 0x9E3779B97F4A7C15ULL).next();
}

LegalTime month_of(LegalTime time) {
  return *LegalTime::parse(fmt::format("{:04}-{:02}-01", time.year(), time.month()));
}

/// Whose invoices have a code of 12 digits, of 10, or one number of 20 (rules.md B.4, B.7).
void number_form(Lot& lot) {
  const int yy = lot.month.year() % 100;
  const std::string& t = lot.type;
  if (t == "04" || t == "10" || t == "11" || t == "14" || t == "15") {
    lot.prefix = fmt::format("09900{:02}", yy);
    lot.digits = 13;
  } else if (t == "01" || t == "02" || t == "03" || t == "08") {
    lot.prefix = fmt::format("9900{:02}", yy);
    lot.digits = 12;
  } else {
    lot.prefix = fmt::format("{:02}991", yy);  // 99 is no province; reds of the World have channel 9
    lot.digits = 15;
  }
}

void put_digits(char* at, std::uint64_t value, unsigned digits) {
  for (unsigned d = digits; d-- > 0; value /= 10) at[d] = static_cast<char>('0' + value % 10);
}

void put_varint(char* at, std::uint64_t value, unsigned bytes) {
  for (unsigned b = 0; b < bytes; ++b, value >>= 7U)
    at[b] = static_cast<char>((value & 127U) | (b + 1 < bytes ? 128U : 0U));
}

const std::vector<Party>& companies() {
  static const std::vector<Party> all = [] {
    std::vector<Party> out;
    for (unsigned k = 0; k < kCounterparties; ++k)
      out.push_back({sample::invented_id("330106", kFirstCounterparty + static_cast<int>(k)),
                     fmt::format("泰格示例往来单位{:02}有限公司", k + 1)});
    return out;
  }();
  return all;
}

}  // namespace

std::string Lot::number(std::uint64_t i) const {
  std::string out = prefix + std::string(digits, '0');
  put_digits(out.data() + prefix.size(), serial(i), digits);
  return out;
}

LegalTime Lot::issued_at(std::uint64_t i) const {
  const auto n = static_cast<double>(std::max<std::size_t>(status.size(), 1));
  const auto second = static_cast<std::int64_t>(static_cast<double>(i) / n * static_cast<double>(span_seconds));
  return month.plus_ms(second * 1000);
}

unsigned Lot::counterparty(std::uint64_t i) const { return static_cast<unsigned>(mixed(seed, i) % kCounterparties); }

Fen Lot::amount(std::uint64_t i) const {
  return Fen{static_cast<std::int64_t>(100'000 + (mixed(seed, i) >> 8U) % 669'000)};
}

Fen Lot::tax(std::uint64_t i) const { return Fen{(amount(i).value * 13 + 50) / 100}; }

listing::Facts Lot::facts(std::uint64_t i) const {
  const Party& other = companies()[counterparty(i)];
  const bool ours = direction == leqi::Direction::issued;
  const Party &seller = ours ? taxpayer : other, &buyer = ours ? other : taxpayer;
  return {.number = number(i),
          .type = type,
          .issued_at = issued_at(i),
          .seller_id = seller.id,
          .seller_name = seller.name,
          .buyer_id = buyer.id,
          .buyer_name = buyer.name,
          .amount = amount(i),
          .tax = tax(i),
          .red = false};
}

std::pair<std::uint64_t, std::uint64_t> Lot::within(const leqi::Window& window) const {
  const LegalTime end = window.to.plus_ms(kDayMs);
  const auto first_at = [this](LegalTime time) {
    std::uint64_t low = 0, high = status.size();
    while (low < high) {
      const std::uint64_t middle = (low + high) / 2;
      if (issued_at(middle) < time) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  };
  return {first_at(window.from), first_at(end)};
}

// ---- deeds ---------------------------------------------------------------------------------------------------------

PlatformStatus fresh_status() {
  PlatformStatus s;
  s.set(StatusField::state, *status_code("0"));
  s.set(StatusField::lock, *status_code("N"));
  s.set(StatusField::use, *status_code("0"));
  s.set(StatusField::booking, *status_code("01"));
  s.set(StatusField::abnormal, *status_code("01"));
  return s;
}

namespace {
struct DeedRow {
  std::string_view name;
  Deed deed;
  StatusField field;
  std::string_view from, to;
};
// B.3; only what is possible in law, but for the last: a booking is not withdrawn before it was made.
constexpr DeedRow kDeeds[] = {
    {"deduct", Deed::deduct, StatusField::use, "0", "1"},
    {"book", Deed::book, StatusField::booking, "01", "02"},
    {"lock", Deed::lock, StatusField::lock, "N", "Y"},
    {"unlock", Deed::unlock, StatusField::lock, "Y", "N"},
    {"suspect", Deed::suspect, StatusField::abnormal, "01", "03"},
    {"abnormal", Deed::abnormal, StatusField::abnormal, "01", "02"},
    {"part", Deed::part, StatusField::state, "0", "7"},
    {"full", Deed::full, StatusField::state, "0", "8"},
    {"void", Deed::void_, StatusField::state, "0", "2"},
    {"impossible", Deed::impossible, StatusField::booking, "01", "03"},
};
}  // namespace

std::optional<Deed> deed_of(std::string_view name) {
  for (const DeedRow& row : kDeeds)
    if (row.name == name) return row.deed;
  return std::nullopt;
}

std::optional<PlatformStatus> done_to(PlatformStatus before, Deed deed) {
  const DeedRow& row = kDeeds[static_cast<std::size_t>(deed)];
  if (before.text(row.field) != row.from) return std::nullopt;
  before.set(row.field, *status_code(row.to));
  return before;
}

// ---- population ----------------------------------------------------------------------------------------------------

std::uint64_t Population::add(const Order& order) {
  std::vector<Lot> made;
  for (LegalTime month = month_of(order.first_month); month <= order.last_month; month = month.next_month())
    for (const Party& taxpayer : order.taxpayers)
      for (const leqi::Direction direction : order.directions)
        for (const std::string& type : order.types) {
          Lot lot;
          lot.taxpayer = taxpayer;
          lot.direction = direction;
          lot.type = type;
          lot.month = month;
          number_form(lot);
          lot.span_seconds = kSpanSeconds;
          if (order.until.is_set())
            lot.span_seconds = std::clamp<std::int64_t>((order.until.ms - month.ms) / 1000, 1, kSpanSeconds);
          made.push_back(std::move(lot));
        }
  std::uint64_t left = order.count;
  for (std::size_t n = 0; n < made.size(); ++n) {
    Lot& lot = made[n];
    const std::uint64_t share = left / (made.size() - n);
    left -= share;
    lot.seed = mixed(order.seed, n);
    lot.first_serial = next_serial_;
    lot.status.assign(share, fresh_status());
    next_serial_ = lot.serial(share) + 1;
    lots_.push_back(std::move(lot));
  }
  return order.count - left;
}

std::uint64_t Population::size() const {
  std::uint64_t all = 0;
  for (const Lot& lot : lots_) all += lot.status.size();
  return all;
}

std::vector<Population::Place> Population::change(const Change& order) {
  std::vector<std::size_t> chosen;
  std::uint64_t all = 0;
  for (std::size_t n = 0; n < lots_.size(); ++n) {
    if (!order.taxpayer.empty() && lots_[n].taxpayer.id != order.taxpayer) continue;
    chosen.push_back(n);
    all += lots_[n].status.size();
  }
  const auto wanted = static_cast<std::uint64_t>(std::llround(static_cast<double>(all) * order.percent / 100));
  std::vector<Place> changed;
  if (wanted == 0 || order.deeds.empty()) return changed;
  const std::uint64_t step = order.clustered ? 1 : std::max<std::uint64_t>(all / wanted, 1);
  const std::uint64_t start = mixed(order.seed, 0) % all;
  // A second round takes the neighbours of those on which no deed was possible.
  for (std::uint64_t round = 0; round < step && changed.size() < wanted; ++round) {
    for (std::uint64_t n = 0; n * step < all && changed.size() < wanted; ++n) {
      std::uint64_t at = (start + n * step + round) % all;
      std::size_t lot = 0;
      while (at >= lots_[chosen[lot]].status.size()) at -= lots_[chosen[lot++]].status.size();
      const Place place{chosen[lot], at};
      for (std::size_t d = 0; d < order.deeds.size(); ++d) {
        const auto after = done_to(status(place), order.deeds[(changed.size() + d) % order.deeds.size()]);
        if (!after) continue;
        status(place) = *after;
        changed.push_back(place);
        break;
      }
    }
  }
  return changed;
}

std::optional<Population::Place> Population::find(std::string_view number) const {
  for (const Lot& lot : lots_) {
    if (number.size() != lot.prefix.size() + lot.digits || !number.starts_with(lot.prefix)) continue;
    std::uint64_t serial = 0;
    for (const char c : number.substr(lot.prefix.size())) {
      if (c < '0' || c > '9') return std::nullopt;
      serial = serial * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (serial < lot.first_serial || (serial - lot.first_serial) % Lot::kGap != 0) continue;
    const std::uint64_t i = (serial - lot.first_serial) / Lot::kGap;
    if (i < lot.status.size()) return Place{static_cast<std::size_t>(&lot - lots_.data()), i};
  }
  return std::nullopt;
}

// ---- writing -------------------------------------------------------------------------------------------------------

namespace {
// Widths that no invoice of a lot leaves: what stands there is overwritten, never moved.
constexpr unsigned kTimeBytes = 5, kMoneyBytes = 3;  // varints of 2^28..2^35 seconds, of 2^14..2^21 zigzag fen
constexpr unsigned kAmountText = 7, kTaxText = 6;    // "1000.00", "130.00"

void put_money(char* at, std::int64_t fen, unsigned width) {
  put_digits(at + width - 2, static_cast<std::uint64_t>(fen % 100), 2);
  put_digits(at, static_cast<std::uint64_t>(fen / 100), width - 3);
}
}  // namespace

const LotWriter::Pattern& LotWriter::pattern(std::uint64_t i) {
  constexpr unsigned kCounterpartyBits = 4;
  static_assert(1U << kCounterpartyBits == kCounterparties);
  const std::uint64_t key = lot_.status[i].bits << kCounterpartyBits | lot_.counterparty(i);
  const auto at = std::ranges::lower_bound(patterns_, key, {}, &Pattern::key);
  if (at != patterns_.end() && at->key == key) return *at;
  Pattern p;
  p.key = key;
  const listing::Facts facts = lot_.facts(i);
  listing::append_record(p.text, form_, facts, lot_.status[i]);
  if (form_ == listing::Form::json) {
    const auto behind = [&p](std::string_view name) { return p.text.find(name) + name.size(); };
    p.number_at = behind("\"fphm\":\"");
    p.time_at = behind("\"kprq\":\"");
    p.amount_at = behind("\"hjje\":\"");
    p.tax_at = behind("\"hjse\":\"");
  } else {
    // number, type, time, seller, buyer, amount, tax in the order of their fields, each after a tag of one byte.
    p.number_at = p.text.find(facts.number);
    p.time_at = p.number_at + facts.number.size() + 2 + facts.type.size() + 1;
    p.amount_at = p.time_at + kTimeBytes + 2 + facts.seller_id.size() + 2 + facts.buyer_id.size() + 1;
    p.tax_at = p.amount_at + kMoneyBytes + 1;
  }
  return *patterns_.insert(at, std::move(p));
}

void LotWriter::append(std::string& page, std::uint64_t i) {
  const Pattern& p = pattern(i);
  if (form_ == listing::Form::json && !page.empty()) page += ',';
  const std::size_t begin = page.size();
  page += p.text;
  char* record = page.data() + begin;
  put_digits(record + p.number_at + lot_.prefix.size(), lot_.serial(i), lot_.digits);
  const std::int64_t amount = lot_.amount(i).value, tax = (amount * 13 + 50) / 100;
  const LegalTime time = lot_.issued_at(i);
  if (form_ == listing::Form::json) {
    const auto second = static_cast<std::uint64_t>((time.ms - lot_.month.ms) / 1000);
    char* text = record + p.time_at;  // "2026-11-22 10:19:52"
    put_digits(text + 8, second / 86'400 + 1, 2);
    put_digits(text + 11, second / 3600 % 24, 2);
    put_digits(text + 14, second / 60 % 60, 2);
    put_digits(text + 17, second % 60, 2);
    put_money(record + p.amount_at, amount, kAmountText);
    put_money(record + p.tax_at, tax, kTaxText);
  } else {
    put_varint(record + p.time_at, static_cast<std::uint64_t>(time.ms / 1000), kTimeBytes);
    put_varint(record + p.amount_at, static_cast<std::uint64_t>(amount) * 2, kMoneyBytes);
    put_varint(record + p.tax_at, static_cast<std::uint64_t>(tax) * 2, kMoneyBytes);
  }
}

}  // namespace taxgate::simulator
