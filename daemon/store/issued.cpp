// What sellers issued, by month: the narrow index over the ledger, and what it adds up to.
#include <limits>
#include <map>
#include <tuple>

#include "daemon/store/given.h"
#include "daemon/store/operations.h"
#include "daemon/store/rows.h"

namespace taxgate::store {
namespace {

/// What was issued on one day, of one type.
struct IssuedDay {
  std::int64_t last = 0, count = 0;
  __int128 amount = 0;  // a hostile ledger's sum passes 64 bits
};

constexpr std::int64_t kMostFen = std::numeric_limits<std::int64_t>::max();
bool fits(__int128 sum) { return sum <= kMostFen && sum >= -kMostFen; }
Fen saturated(__int128 sum) {
  if (fits(sum)) return {static_cast<std::int64_t>(sum)};
  return {sum > 0 ? kMostFen : -kMostFen};
}

/// By month and type.
using IssuedSums = std::map<std::pair<std::int64_t, std::string>, IssuedSum>;

/// Row by row. Added up here: in SQL the groups would be sorted, and a sum above 64 bits would be an error.
IssuedSums add_up(Connection& db, std::string_view seller, std::int64_t first, std::int64_t last) {
  IssuedSums sums;
  auto q = db.query("SELECT month, type, amount, red, tax FROM issued WHERE seller = ? AND month BETWEEN ? AND ?");
  q.bind(seller).bind(first).bind(last);
  auto at = sums.end();
  while (q.row()) {
    if (at == sums.end() || at->first.first != q.integer(0) || at->first.second != q.view(1))
      at = sums.try_emplace({q.integer(0), q.text(1)}).first;
    const int sign = q.integer(3) == 0 ? 1 : -1;
    at->second += {.amount = sign * __int128{q.integer(2)}, .tax = sign * __int128{q.integer(4)}};
  }
  return sums;
}

void add_to_month(Session& session, const Invoice& i, bool taken_back) {
  if (!session.numbered(i.seller.id)) return;
  const int sign = i.is_red != taken_back ? -1 : 1;
  session.add_issued({i.seller.id, month_of(i.issued_at), i.type},
                     {.amount = sign * __int128{i.amount.abs().value}, .tax = sign * __int128{i.tax.abs().value}});
}

}  // namespace

void index_issued(Connection& db, const Invoice* old, const Invoice& invoice) {
  const auto month = month_of(invoice.issued_at);
  if (old != nullptr) {
    const auto old_month = month_of(old->issued_at);
    const bool moved = old->seller.id != invoice.seller.id || old_month != month;
    if (!moved && old->type == invoice.type && old->issued_at == invoice.issued_at && old->amount == invoice.amount &&
        old->tax == invoice.tax && old->is_red == invoice.is_red)
      return;
    if (moved)
      db.query("DELETE FROM issued WHERE seller = ? AND month = ? AND number = ?")
          .bind(old->seller.id)
          .bind(old_month)
          .bind(invoice.number)
          .run();
  }
  db.query("INSERT OR REPLACE INTO issued(seller, month, number, type, at, amount, red, tax) VALUES(?,?,?,?,?,?,?,?)")
      .bind(invoice.seller.id)
      .bind(month)
      .bind(invoice.number)
      .bind(invoice.type)
      .bind(invoice.issued_at.ms)
      .bind(invoice.amount.abs().value)
      .bind(invoice.is_red ? 1 : 0)
      .bind(invoice.tax.abs().value)
      .run();
}

void index_issued(Session& session, const Invoice* old, const Invoice& invoice) {
  index_issued(session.db(), old, invoice);
  if (old != nullptr) add_to_month(session, *old, true);
  add_to_month(session, invoice, false);
}

void index_new_issued(Session& session, std::span<const Invoice* const> invoices) {
  Given rows(8, invoices.size());
  for (const auto* i : invoices) {
    rows.add(i->seller.id).add(month_of(i->issued_at)).add(i->number).add(i->type).add(i->issued_at.ms);
    rows.add(i->amount.abs().value).add(std::int64_t{i->is_red ? 1 : 0}).add(i->tax.abs().value);
    add_to_month(session, *i, false);
  }
  session.db().insert(
      "INSERT OR REPLACE INTO issued(seller, month, number, type, at, amount, red, tax) "
      "SELECT c0, c1, c2, c3, c4, c5, c6, c7 FROM given",
      rows);
}

void add_issued_total(Connection& db, const IssuedKey& key, const IssuedSum& sum) {
  if (sum == IssuedSum{}) return;
  // What passes 64 bits becomes NULL, and stays so: it is added up row by row when it is asked for.
  auto q = db.query(
      "INSERT INTO issued_total(seller, month, type, amount, tax) VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET "
      "amount = CASE typeof(amount + excluded.amount) WHEN 'integer' THEN amount + excluded.amount END, "
      "tax = CASE typeof(tax + excluded.tax) WHEN 'integer' THEN tax + excluded.tax END");
  q.bind(key.seller).bind(key.month).bind(key.type);
  for (const __int128 part : {sum.amount, sum.tax})
    fits(part) ? q.bind(static_cast<std::int64_t>(part)) : q.bind_null();
  q.run();
}

void add_up_issued(Connection& db, std::string_view seller) {
  constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::max();
  for (const auto& [what, sum] : add_up(db, seller, -kAlways, kAlways))
    add_issued_total(db, {std::string(seller), what.first, what.second}, sum);
}

std::map<std::string, IssuedTotal> load_issued_totals(Connection& c, std::string_view seller, std::int64_t month) {
  std::map<std::string, IssuedTotal> out;
  bool kept = true;
  {
    auto q = c.query("SELECT type, amount, tax FROM issued_total WHERE seller = ? AND month = ?");
    q.bind(seller).bind(month);
    while (q.row()) {
      kept = kept && !q.null(1) && !q.null(2);
      out[q.text(0)] = {.amount = {q.integer(1)}, .tax = {q.integer(2)}};
    }
  }
  if (!kept)
    for (const auto& [what, sum] : add_up(c, seller, month, month))
      out[what.second] = {.amount = saturated(sum.amount), .tax = saturated(sum.tax)};
  return out;
}

std::vector<IssuedRow> load_issued_reds(Connection& c, std::string_view seller, std::int64_t first, std::int64_t last) {
  std::vector<IssuedRow> out;
  auto q = c.query(
      "SELECT i.number, i.type, i.at, i.amount, coalesce((SELECT min(blue) FROM red_of WHERE red = i.number), '') "
      "FROM issued i INDEXED BY issued_red WHERE i.seller = ? AND i.month BETWEEN ? AND ? AND i.red = 1 "
      "ORDER BY i.at, i.number");
  q.bind(seller).bind(first).bind(last);
  while (q.row())
    out.push_back({.number = q.text(0),
                   .type = q.text(1),
                   .at = {q.integer(2)},
                   .amount = {q.integer(3)},
                   .count = 1,
                   .blue = q.text(4)});
  return out;
}

std::vector<IssuedRow> load_issued(Connection& c, std::string_view seller, std::int64_t first, std::int64_t last) {
  // Added up here: in SQL the groups would be sorted, row by row.
  std::map<std::tuple<std::int64_t, std::int64_t, std::string>, IssuedDay> days;
  {
    auto q =
        c.query("SELECT month, at, type, amount FROM issued WHERE seller = ? AND month BETWEEN ? AND ? AND red = 0");
    q.bind(seller).bind(first).bind(last);
    auto at = days.end();
    while (q.row()) {
      const LegalTime issued{q.integer(1)};
      const std::int64_t month = q.integer(0), day = day_of(issued);
      const auto type = q.view(2);
      if (at == days.end() || std::tie(std::get<0>(at->first), std::get<1>(at->first)) != std::tie(month, day) ||
          std::get<2>(at->first) != type)
        at = days.try_emplace({month, day, std::string(type)}).first;
      IssuedDay& sum = at->second;
      sum.last = sum.count == 0 ? issued.ms : std::max(sum.last, issued.ms);
      sum.amount += q.integer(3);
      ++sum.count;
    }
  }
  std::vector<IssuedRow> out;
  for (const auto& [key, day] : days)
    out.push_back({.number = {},
                   .type = std::get<2>(key),
                   .at = {day.last},
                   .amount = saturated(day.amount),
                   .count = day.count,
                   .blue = {}});
  for (auto& red : load_issued_reds(c, seller, first, last)) out.push_back(std::move(red));
  return out;
}

}  // namespace taxgate::store
