#include "daemon/ledger/credit.h"

#include <algorithm>

#include "protocol/records.h"

namespace taxgate::ledger {
namespace {

/// The reason of a red we made; nullopt: somebody else did.
Result<std::optional<Reason>> reason_of(store::Reader& reader, const store::IssuedRow& red) {
  auto submissions = reader.reds_on(red.blue);
  if (!submissions) return std::unexpected(submissions.error());
  const auto ours = std::ranges::find(*submissions, red.number, &store::Submission::red_number);
  if (ours == submissions->end() || ours->document.empty()) return std::optional<Reason>{};
  const auto document = red_from_stored(ours->document);
  if (!document) return fail(Errc::corrupt, "ledger.document", {}, {}, {}, "submission " + ours->id);
  return std::optional(document->reason);
}

Result<rules::Movement> red_movement(store::Reader& reader, const store::IssuedRow& row) {
  rules::Movement m;
  m.kind = rules::MovementKind::red;
  m.at = row.at;
  m.number = row.number;
  m.amount = row.amount;
  m.type = row.type;
  if (row.blue.empty()) return m;
  const auto blue = reader.invoice(row.blue);
  if (!blue) return std::unexpected(blue.error());
  if (!*blue) return m;
  m.blue_issued_at = (*blue)->invoice.issued_at;
  m.blue_type = (*blue)->invoice.type;
  auto reason = reason_of(reader, row);
  if (!reason) return std::unexpected(reason.error());
  m.reason = *reason;
  return m;
}

}  // namespace

std::optional<rules::Movement> movement_of(const store::CreditRecord& record) {
  rules::Movement m;
  if (record.kind == "initial" || record.kind == "limit") {
    m.kind = rules::MovementKind::limit;
  } else if (record.kind == "pickup") {
    m.kind = rules::MovementKind::pickup;
  } else if (record.kind == "application") {
    m.kind = rules::MovementKind::application;
  } else if (record.kind == "rejection") {
    m.kind = rules::MovementKind::rejection;
  } else {
    return std::nullopt;
  }
  m.at = record.at;
  m.until = record.until;
  m.number = record.reference;
  m.amount = record.amount;
  m.per_invoice = record.per_invoice;
  m.monthly_count = record.monthly_count;
  m.count = record.sheets;
  m.note = record.note;
  m.short_term_type = record.short_term_type;
  for (const store::CreditPaper& paper : record.papers) m.attachments.push_back({paper.kind, paper.hash});
  return m;
}

Result<CreditFacts> credit_facts(store::Reader& reader, std::string_view taxpayer, rules::Month month, LegalTime at) {
  auto records = reader.credit_records(taxpayer);
  if (!records) return std::unexpected(records.error());
  CreditFacts out;
  for (const store::CreditRecord& record : *records) {
    if (auto movement = movement_of(record))
      out.movements.push_back(*std::move(movement));
    else
      out.filings.push_back({rules::Month{static_cast<int>(record.period)}, record.at});
  }
  const rules::Month first = rules::first_month_needed(month, at, out.movements, out.filings);
  auto issued = reader.issued_by(taxpayer, first.index, month.index);
  if (!issued) return std::unexpected(issued.error());
  for (const store::IssuedRow& row : *issued) {
    if (!row.number.empty()) {
      auto red = red_movement(reader, row);
      if (!red) return std::unexpected(red.error());
      out.movements.push_back(*std::move(red));
      continue;
    }
    rules::Movement blues;
    blues.at = row.at;
    blues.number = row.at.platform_text().substr(0, 10) + " " + row.type;  // one a day and type: never twice
    blues.amount = row.amount;
    blues.type = row.type;
    blues.count = row.count;
    out.movements.push_back(std::move(blues));
  }
  return out;
}

}  // namespace taxgate::ledger
