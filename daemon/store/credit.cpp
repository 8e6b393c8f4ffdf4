// The credit line's part of the database: records of what was told.
#include <algorithm>

#include "daemon/store/operations.h"
#include "daemon/store/rows.h"
#include "protocol/journal_text.h"

namespace taxgate::store {
namespace {

#define TAXGATE_CREDIT_COLUMNS                                                                           \
  "id, taxpayer, kind, at, until, period, amount, per_invoice, monthly_count, sheets, reference, note, " \
  "principal, short_term_type, papers "

/// One paper a line; a name may have blanks, and what would end the line becomes one.
std::string papers_text(const std::vector<CreditPaper>& papers) {
  std::string out;
  for (const CreditPaper& paper : papers) {
    std::string name = paper.name;
    std::ranges::replace(name, '\n', ' ');
    out += (out.empty() ? "" : "\n") + paper.kind + " " + paper.hash + " " + name;
  }
  return out;
}

std::vector<CreditPaper> read_papers(std::string_view text) {
  std::vector<CreditPaper> out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto kind = line.find(' '), hash = line.find(' ', kind + 1);
    if (hash == std::string_view::npos) continue;
    out.push_back({std::string(line.substr(0, kind)), std::string(line.substr(kind + 1, hash - kind - 1)),
                   std::string(line.substr(hash + 1))});
  }
  return out;
}

CreditRecord read_credit(const Query& q) {
  CreditRecord r;
  r.id = q.integer(0);
  r.taxpayer = q.text(1);
  r.kind = q.text(2);
  r.at = {q.integer(3)};
  r.until = {q.integer(4)};
  r.period = q.integer(5);
  r.amount = {q.integer(6)};
  if (!q.null(7)) r.per_invoice = Fen{q.integer(7)};
  if (!q.null(8)) r.monthly_count = q.integer(8);
  r.sheets = q.integer(9);
  r.reference = q.text(10);
  r.note = q.text(11);
  r.principal = q.text(12);
  r.short_term_type = q.text(13);
  r.papers = read_papers(q.text(14));
  return r;
}

/// A repeated command says "now" again, so the time counts by its day.
bool same_content(const CreditRecord& a, const CreditRecord& b) {
  return day_of(a.at) == day_of(b.at) && a.until == b.until && a.amount == b.amount && a.per_invoice == b.per_invoice &&
         a.monthly_count == b.monthly_count && a.sheets == b.sheets && a.short_term_type == b.short_term_type &&
         a.papers == b.papers;
}

/// One line, all that counts: the digest chain covers it.
Said detail_of(const CreditRecord& r) {
  constexpr std::string_view kRowOf = "journal.credit_";  // and the kind
  if (r.kind == "filing") return said("journal.credit_filing", r.reference, r.at.platform_text());
  Said out = said(std::string(kRowOf) + r.kind, r.amount.text(), r.at.platform_text());
  if (r.until.is_set()) out += said("journal.credit_until", r.until.platform_text());
  if (r.sheets != 0) out += said("journal.credit_sheets", std::to_string(r.sheets));
  if (r.per_invoice) out += said("journal.credit_one", r.per_invoice->text());
  if (r.monthly_count) out += said("journal.credit_count", std::to_string(*r.monthly_count));
  if (!r.short_term_type.empty()) out += said("journal.credit_short_term", r.short_term_type);
  for (const CreditPaper& paper : r.papers) out += verbatim(paper.kind + " " + paper.hash);
  return out;
}

std::optional<CreditRecord> found(Query& q) { return q.row() ? std::optional(read_credit(q)) : std::nullopt; }

}  // namespace

Result<CreditRecord> record_credit(Session& session, const CreditRecord& wanted) {
  CreditRecord r = wanted;
  r.papers = read_papers(papers_text(r.papers));  // as they will be read, so that a repeat is found equal
  Connection& db = session.db();
  if (r.kind == "filing") {
    auto q =
        db.query("SELECT " TAXGATE_CREDIT_COLUMNS "FROM credit WHERE taxpayer = ? AND kind = 'filing' AND period = ?");
    q.bind(r.taxpayer).bind(r.period);
    if (auto first = found(q)) return *std::move(first);
  } else if (!r.reference.empty()) {
    auto q = db.query("SELECT " TAXGATE_CREDIT_COLUMNS "FROM credit WHERE taxpayer = ? AND kind = ? AND reference = ?");
    q.bind(r.taxpayer).bind(r.kind).bind(r.reference);
    if (auto first = found(q)) {
      if (same_content(*first, r)) return *std::move(first);
      return fail(Errc::invalid_input, "store.credit_conflict", "reference", r.reference);
    }
  }
  if (r.kind == "initial") {
    auto q = db.query("SELECT " TAXGATE_CREDIT_COLUMNS "FROM credit WHERE taxpayer = ? AND kind = 'initial'");
    q.bind(r.taxpayer);
    if (const auto first = found(q))
      return fail(Errc::invalid_input, "credit.initial_once", "class", first->at.platform_text(), first->amount.text());
  }
  JournalRow row;
  row.event = JournalEvent("credit").word();
  row.taxpayer = r.taxpayer;
  row.principal = r.principal;
  row.detail = detail_of(r).english();
  row.reference = r.reference;
  const auto journal = session.append(row, 0);
  const std::string papers = papers_text(r.papers);  // lives as long as the statement that borrows it
  auto q = db.query(
      "INSERT INTO credit(id, journal, taxpayer, kind, at, until, period, amount, per_invoice, monthly_count, sheets, "
      "reference, note, principal, short_term_type, papers) VALUES((SELECT coalesce(max(id), 0) + 1 FROM "
      "credit),?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
      "RETURNING id");
  q.bind(journal).bind(r.taxpayer).bind(r.kind).bind(r.at.ms).bind(r.until.ms).bind(r.period).bind(r.amount.value);
  r.per_invoice ? q.bind(r.per_invoice->value) : q.bind_null();
  r.monthly_count ? q.bind(*r.monthly_count) : q.bind_null();
  q.bind(r.sheets).bind(r.reference).bind(r.note).bind(r.principal);
  q.bind(r.short_term_type).bind(papers);
  if (q.row()) r.id = q.integer(0);
  q.run();  // to the statement's end
  return r;
}

std::vector<CreditRecord> load_credit_records(Connection& c, std::string_view taxpayer) {
  std::vector<CreditRecord> out;
  auto q = c.query("SELECT " TAXGATE_CREDIT_COLUMNS "FROM credit WHERE taxpayer = ? ORDER BY id");
  q.bind(taxpayer);
  while (q.row()) out.push_back(read_credit(q));
  return out;
}

}  // namespace taxgate::store
