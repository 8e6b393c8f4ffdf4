#include "daemon/ledger/ledger.h"

#include <algorithm>

#include "protocol/identifiers.h"
#include "protocol/records.h"

namespace taxgate::ledger {
namespace {

/// A form of ours stands, or may stand, on the platform: it is what locks the blue invoice (红字锁定), and the queue's
/// order on that invoice already waits for it.
bool may_lock(const store::Submission& sub) {
  switch (sub.state) {
    case State::sending:
    case State::outcome_unknown:
    case State::waiting_counterparty:
    case State::confirmed:
    case State::processing:
    case State::attention:
      return true;
    default:
      return false;
  }
}

/// A red in the ledger that no submission of ours made (imported, or issued at the bureau's web page). Its line numbers
/// are its own, not the blue's, so it counts by its totals.
RedDocument by_totals(const Invoice& red) {
  RedDocument out;
  out.amount = -red.amount.abs();
  out.tax = -red.tax.abs();
  return out;
}

/// The type of the red: the device issues its own type again; an all-digital red of an older invoice keeps 专 or 普.
std::string red_type(const RedDocument& red) {
  if (red.track == Track::information_table) return red.blue_type;
  const auto cls = invoice_class(red.blue_type);
  if (!cls || *cls == InvoiceClass::sd) return red.blue_type;
  static constexpr std::string_view kSpecial[] = {"01", "02", "03", "08", "85", "87"};
  return std::ranges::find(kSpecial, red.blue_type) != std::end(kSpecial) ? "81" : "82";
}

std::unexpected<Error> damaged(Error error, std::string_view id) {
  error.code = Errc::corrupt;
  error.detail = "submission " + std::string(id) + ": " + error.id;
  error.id = "ledger.document";
  return std::unexpected(std::move(error));
}

}  // namespace

Result<std::optional<Blue>> blue(store::Reader& reader, std::string_view number, std::int64_t before_seq) {
  auto stored = reader.invoice(number);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return std::optional<Blue>{};
  auto submissions = reader.reds_on(number);
  if (!submissions) return std::unexpected(submissions.error());

  Blue out{std::move((*stored)->invoice), {}, (*stored)->platform};
  std::vector<std::string> ours;
  for (const store::Submission& sub : *submissions) {
    if (!is_final(sub.state) && may_lock(sub)) out.invoice.locked = false;
    if (!sub.red_number.empty()) ours.push_back(sub.red_number);
    // What is issued is gone whenever it was accepted; only open work has to wait for its turn.
    const bool counts =
        before_seq == 0 || sub.seq < before_seq || (sub.seq != before_seq && sub.state == State::issued);
    if (!counts || sub.document.empty()) continue;
    auto document = red_from_stored(sub.document);
    if (!document) return damaged(document.error(), sub.id);
    out.reds.push_back(std::move(*document));
  }
  for (const std::string& red : (*stored)->reds) {
    if (std::ranges::find(ours, red) != ours.end()) continue;
    const auto foreign = reader.invoice(red);
    if (!foreign) return std::unexpected(foreign.error());
    if (*foreign) out.reds.push_back(by_totals((*foreign)->invoice));
  }
  return out;
}

std::vector<Invoice> booked(const Blue& blue, const RedDocument& red, std::string_view red_number,
                            LegalTime issued_at) {
  Invoice issued;
  issued.number = red_number;
  issued.type = red_type(red);
  issued.issued_at = issued_at;
  issued.seller = red.seller;
  issued.buyer = red.buyer;
  issued.amount = red.amount;
  issued.tax = red.tax;
  issued.status = "0";
  issued.is_red = true;
  issued.element = red.element;
  int number = 0;
  for (const RedLine& l : red.lines) {
    InvoiceLine line;
    line.number = ++number;
    line.tax_code = l.tax_code;
    line.name = l.name;
    line.spec = l.spec;
    line.unit = l.unit;
    line.quantity = l.quantity;
    line.price = l.price;
    line.amount = l.amount;
    line.rate = l.rate;
    line.tax = l.tax;
    line.preference = l.preference;
    issued.lines.push_back(std::move(line));
  }

  Invoice reversed = blue.invoice;
  Fen amount = red.amount.abs(), tax = red.tax.abs();
  for (const RedDocument& r : blue.reds) {
    amount += r.amount.abs();
    tax += r.tax.abs();
  }
  reversed.status = amount >= reversed.amount && tax >= reversed.tax ? "8" : "7";
  reversed.locked = false;
  return {std::move(issued), std::move(reversed)};
}

}  // namespace taxgate::ledger
