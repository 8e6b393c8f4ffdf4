// Blue invoices of the ledger by filter: along the narrow rows of `issued`, so that what the filter does not want by
// seller or date costs no decoding, and never further than limits::kInvoiceScan rows for one answer.
#include <algorithm>
#include <charconv>

#include "daemon/core/limits.h"
#include "daemon/store/codec.h"
#include "daemon/store/night_rows.h"
#include "daemon/store/rows.h"

namespace taxgate::store {
namespace {

/// A place in the order of `issued`; as a cursor "MONTH.NUMBER.SELLER".
struct Place {
  std::string seller;
  std::int64_t month = 0;
  std::string number;
  std::string text() const { return std::to_string(month) + "." + number + "." + seller; }
  static std::optional<Place> read(std::string_view text) {
    Place out;
    const auto first = text.find('.'), second = first == text.npos ? text.npos : text.find('.', first + 1);
    if (second == text.npos) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + first, out.month);
    if (error != std::errc{} || end != text.data() + first) return std::nullopt;
    out.number = text.substr(first + 1, second - first - 1);
    out.seller = text.substr(second + 1);
    return out;
  }
};

bool one_of(const std::vector<std::string>& list, std::string_view wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

/// What the record itself says; the status is looked at later, because the platform has the last word on it.
bool fits(const InvoiceFilter& f, const Invoice& invoice) {
  if (!f.taxpayers.empty() && !one_of(f.taxpayers, invoice.seller.id) && !one_of(f.taxpayers, invoice.buyer.id))
    return false;
  if (!f.buyer.empty() && invoice.buyer.id != f.buyer && invoice.buyer.name.find(f.buyer) == std::string::npos)
    return false;
  return f.product.empty() || std::ranges::any_of(invoice.lines, [&](const InvoiceLine& line) {
           return line.tax_code.starts_with(f.product) || line.name.find(f.product) != std::string::npos;
         });
}

}  // namespace

Result<InvoicePage> list_invoices(Connection& db, const InvoiceFilter& f) {
  Place from;
  if (!f.after.empty()) {
    const auto read = Place::read(f.after);
    if (!read) return fail(Errc::invalid_input, "events.cursor", "after", f.after);
    from = *read;
  } else if (!f.seller.empty() && f.from.is_set()) {
    from = {.seller = f.seller, .month = month_of(f.from), .number = {}};
  }
  const auto limit = static_cast<std::size_t>(std::clamp(f.limit, 1, limits::kListPage));
  constexpr const char* kOfAll =
      "SELECT seller, month, number, at, red FROM issued WHERE (seller, month, number) > (?1, ?2, ?3) "
      "ORDER BY seller, month, number LIMIT ?4";
  constexpr const char* kOfOne =
      "SELECT seller, month, number, at, red FROM issued WHERE seller = ?1 AND (month, number) > (?2, ?3) "
      "ORDER BY month, number LIMIT ?4";
  auto q = db.query(f.seller.empty() ? kOfAll : kOfOne);
  q.bind(f.seller.empty() ? from.seller : f.seller).bind(from.month).bind(from.number).bind(limits::kInvoiceScan + 1);
  InvoicePage page;
  Place at = from;  // the query borrows `from`
  for (int looked = 0; q.row(); ++looked) {
    if (looked == limits::kInvoiceScan || page.invoices.size() == limit) {
      page.next = at.text();
      break;
    }
    at = {.seller = q.text(0), .month = q.integer(1), .number = q.text(2)};
    const LegalTime issued{q.integer(3)};
    if (f.until.is_set() && issued >= f.until) {
      // Of one seller, months only grow from here.
      if (!f.seller.empty() && at.month > month_of(f.until)) break;
      continue;
    }
    if (q.integer(4) != 0 || (f.from.is_set() && issued < f.from)) continue;
    auto record = db.query("SELECT record FROM invoice WHERE number = ?");
    record.bind(at.number);
    if (!record.row()) continue;
    auto invoice = decode_invoice(record.view(0));
    if (!invoice) return std::unexpected(invoice.error());
    if (!fits(f, *invoice)) continue;
    overlay_status(db, *invoice);
    if ((!f.status.empty() && invoice->status != f.status) || one_of(f.without_status, invoice->status)) continue;
    page.invoices.push_back(std::move(*invoice));
  }
  return page;
}

}  // namespace taxgate::store
