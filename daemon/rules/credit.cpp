#include "daemon/rules/credit.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>

#include "daemon/rules/codes.h"
#include "daemon/rules/exact.h"
#include "protocol/identifiers.h"

namespace taxgate::rules {
namespace {

constexpr std::array<std::string_view, 6> kKinds{"issued", "red", "pickup", "limit", "application", "rejection"};
// C6; a province may set another within the law's bounds.
constexpr std::array kSeeds{Seed{"I", Fen{500'000}}, Seed{"II", Fen{250'000'000}}, Seed{"III", Fen{750'000'000}},
                            Seed{"IV", Fen{1'000'000'000}}};

bool tax_device(std::string_view type) {
  const auto cls = invoice_class(type);
  return cls && *cls == InvoiceClass::sk;
}

bool in(Month month, LegalTime time) { return Month::of(time) == month; }

/// A return is filed month after month, so a later one vouches for the earlier.
bool filed(Month period, LegalTime at, const std::vector<Filing>& filings) {
  return std::ranges::any_of(filings, [&](const Filing& f) { return f.period >= period && f.at <= at; });
}

/// The limit movement in force at `t`: the newest short-term one that covers it, else the newest lasting one.
/// Newest: begins last; of two that begin together the one told later.
const Movement* limit_at(LegalTime t, const std::vector<Movement>& movements) {
  const Movement *lasting = nullptr, *passing = nullptr;
  for (const Movement& m : movements) {
    if (m.kind != MovementKind::limit || m.at > t) continue;
    if (!m.until.is_set()) {
      if (lasting == nullptr || m.at >= lasting->at) lasting = &m;
    } else if (t < m.until && (passing == nullptr || m.at >= passing->at)) {
      passing = &m;
    }
  }
  return passing != nullptr ? passing : lasting;
}

CreditEntry effect_of(const Movement& m, const CreditTables& tables) {
  if (m.kind == MovementKind::issued) {
    // C5: a sheet of paper was deducted when it was picked up, whatever is written on it.
    if (listed(tables.pickup_types, m.type)) return {m, {}, "C5.at_pickup"};
    return {m, m.amount, "C11.issued"};
  }
  if (m.kind == MovementKind::red) {
    if (const auto why = not_restored(m, tables)) return {m, {}, std::string(*why)};
    return {m, -m.amount, "C1.restored"};
  }
  if (m.kind == MovementKind::pickup) return {m, m.amount, "C5.picked_up"};
  if (m.kind == MovementKind::limit) return {m, {}, "C9.limit"};
  return {m, {}, m.kind == MovementKind::rejection ? "C9.rejected" : "C9.no_effect"};
}

}  // namespace

Result<Month> Month::parse(std::string_view text, std::string_view field) {
  constexpr std::size_t kLength = 7;
  int year = 0, month = 0;
  const char* p = text.data();
  const bool good = text.size() == kLength && text[4] == '-' && std::from_chars(p, p + 4, year).ptr == p + 4 &&
                    std::from_chars(p + 5, p + 7, month).ptr == p + 7 && year >= 2000 && month >= 1 && month <= 12;
  if (!good) return fail(Errc::invalid_input, "credit.month", std::string(field), std::string(text.substr(0, 32)));
  return Month{year * 12 + month - 1};
}

std::string Month::text() const {
  const int month = index % 12 + 1;
  return std::to_string(index / 12) + (month < 10 ? "-0" : "-") + std::to_string(month);
}

LegalTime Month::begin() const { return LegalTime::parse(text() + "-01").value_or(LegalTime{}); }

std::string_view name(MovementKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

const CreditTables& default_credit_tables() {
  static const CreditTables tables;
  return tables;
}
std::span<const Seed> credit_seeds() { return kSeeds; }
const Seed* credit_seed(std::string_view wanted) {
  const auto at = std::ranges::find(kSeeds, wanted, &Seed::name);
  return at == kSeeds.end() ? nullptr : &*at;
}

std::optional<std::string_view> not_restored(const Movement& red, const CreditTables& tables) {
  if (!red.blue_issued_at.is_set()) return "C2.unmatched";
  if (Month::of(red.blue_issued_at) != Month::of(red.at)) return "C2.cross_month";
  if (red.reason == Reason::allowance) return "C2.allowance";
  // It may have been an allowance: restored is only what is known to be (C13).
  if (!red.reason) return "C2.unknown_reason";
  // The sheet stays used, and the red took another one (X9).
  if (listed(tables.pickup_types, red.blue_type)) return "C2.paper";
  return std::nullopt;
}

Month first_month_needed(Month month, LegalTime at, const std::vector<Movement>& limits,
                         const std::vector<Filing>& filings) {
  Month first = month;
  for (int back = 0; back < kMonthsBack; ++back) {
    if (filed(first.previous(), at, filings)) break;
    if (limit_at(first.begin().plus_ms(-1), limits) == nullptr) break;  // nothing was told of that month
    first = first.previous();
  }
  return first;
}

std::optional<Fen> limit_in_force(LegalTime t, const std::vector<Movement>& movements) {
  const Movement* limit = limit_at(t, movements);
  return limit == nullptr ? std::nullopt : std::optional(limit->amount);
}

CreditStatement credit_statement(Month month, LegalTime at, const std::vector<Movement>& movements,
                                 const std::vector<Filing>& filings, const CreditTables& tables) {
  const Month first = first_month_needed(month, at, movements, filings);
  std::optional<Fen> carried;
  CreditStatement out;
  // Month by month from the last one that is filed: what is left of one is the bound of the next.
  for (Month m = first; m <= month; m = m.next()) {
    out = {};
    out.month = m;
    out.at = at;
    const LegalTime begin = m.begin(), last = m.end().plus_ms(-1);
    const Movement* limit = limit_at(std::clamp(at, begin, last), movements);
    const Movement* at_start = limit_at(begin, movements);
    if (limit != nullptr) {
      out.limit = limit->amount;
      out.per_invoice = limit->per_invoice;
      out.monthly_count = limit->monthly_count;
    }
    if (at_start != nullptr) out.month_start_limit = at_start->amount;
    out.previous_filed = filed(m.previous(), at, filings);

    std::set<std::string, std::less<>> seen;
    for (const Movement& movement : movements) {
      if (!in(m, movement.at) || movement.at > at) continue;
      const bool invoice = movement.kind == MovementKind::issued || movement.kind == MovementKind::red;
      if (invoice && !seen.insert(movement.number).second) continue;
      CreditEntry entry = effect_of(movement, tables);
      if (movement.kind == MovementKind::issued) out.issued = plus(out.issued, entry.used);
      if (movement.kind == MovementKind::red) out.restored = minus(out.restored, entry.used);
      if (movement.kind == MovementKind::pickup) out.picked_up = plus(out.picked_up, entry.used);
      if (invoice && tax_device(movement.type)) out.count_used += std::max<std::int64_t>(movement.count, 1);
      out.entries.push_back(std::move(entry));
    }
    std::ranges::sort(out.entries, {}, [](const CreditEntry& e) {
      return std::tuple(e.movement.at, e.movement.kind, std::string_view(e.movement.number), e.movement.amount);
    });
    out.used = minus(plus(out.issued, out.picked_up), out.restored);
    if (out.limit) {
      out.after_filing = minus(*out.limit, out.used);
      out.usable = out.limit;
      if (!out.previous_filed && carried) {
        out.carried = carried;
        out.usable = std::min(*carried, *out.limit);
      }
      out.remaining = minus(*out.usable, out.used);
    }
    if (out.monthly_count) out.count_left = *out.monthly_count - out.count_used;
    carried = out.remaining;
  }
  return out;
}

bool large_invoice(Fen month_start_limit, Fen amount, const CreditTables& tables) {
  constexpr int kWhole = 100;
  return amount >= tables.large_amount &&
         static_cast<__int128>(amount.value) * kWhole >=
             static_cast<__int128>(month_start_limit.value) * tables.large_share_percent;
}

bool reviewed_small_scale(Fen initial, const CreditTables& tables) { return initial > tables.small_scale_review; }

std::vector<Error> before_issuing(const CreditStatement& statement, Fen amount, std::string_view type,
                                  const CreditTables& tables) {
  std::vector<Error> out;
  const auto find = [&](std::string id, std::string left) {
    out.push_back({Errc::invalid_input, std::move(id), "amount", amount.text(), std::move(left), {}});
  };
  const bool paper = listed(tables.pickup_types, type);
  if (!paper && statement.remaining && amount > *statement.remaining)
    find("credit.exceeded", statement.remaining->text());
  if (tax_device(type)) {
    if (statement.per_invoice && amount > *statement.per_invoice)
      find("credit.per_invoice", statement.per_invoice->text());
    if (statement.count_left && *statement.count_left < 1)
      find("credit.monthly_count", std::to_string(*statement.monthly_count));
  }
  if (statement.month_start_limit && large_invoice(*statement.month_start_limit, amount, tables))
    find("K5.large_amount", statement.month_start_limit->text());
  return out;
}

std::optional<Fen> difference(const CreditStatement& ours, const PlatformCredit& platform) {
  if (!ours.remaining) return std::nullopt;
  return minus(platform.remaining, *ours.remaining);
}

}  // namespace taxgate::rules
