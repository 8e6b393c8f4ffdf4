// Invoice ⇄ api::v1::Invoice. The stored form of red documents is in records_stored.cpp.
#include "protocol/records.h"

#include <algorithm>

#include "protocol/text.h"

namespace taxgate {
namespace {

// Field lengths of the platform, rules.md B.6.
constexpr std::size_t kMaxName = 300, kMaxItemName = 600, kMaxSpec = 150, kMaxUnit = 300;
constexpr std::size_t kTaxCodeDigits = 19;
constexpr std::size_t kMaxCode = 4;  // fpyt, rzzt, fpzt, tdys, yhzcbs, cezslxDm have one or two; room for new ones

constexpr std::string_view kind_code(LineKind kind) {
  switch (kind) {
    case LineKind::normal:
      return "00";
    case LineKind::discount:
      return "01";
    case LineKind::discounted:
      return "02";
  }
  return {};
}

bool is_digits(std::string_view s) {
  return std::ranges::all_of(s, [](char c) { return c >= '0' && c <= '9'; });
}
bool is_code(std::string_view s) {
  return s.size() <= kMaxCode &&
         std::ranges::all_of(s, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

enum class Need { required, optional };

/// Reads fields of one message; every complaint becomes a finding with the field's whole path.
class FieldReader {
 public:
  FieldReader(std::string prefix, Findings& findings) : prefix_(std::move(prefix)), findings_(findings) {}

  std::string path(std::string_view name) const { return prefix_ + std::string(name); }
  void add(std::string id, std::string_view name, std::string wanted = {}, std::string left = {}) {
    findings_.push_back({Errc::invalid_input, std::move(id), path(name), std::move(wanted), std::move(left), {}});
  }
  bool present(std::string_view name, const std::string& value, Need need) {
    if (value.empty() && need == Need::required) add("record.missing", name);
    return !value.empty();
  }
  std::string text(std::string_view name, const std::string& value, Need need, std::size_t limit) {
    if (!present(name, value, need)) return {};
    if (const std::size_t length = utf8_length(value); length > limit)
      add("record.length", name, std::to_string(length), std::to_string(limit));
    if (std::ranges::any_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7F; })) add("record.control", name);
    return value;
  }
  std::string code(std::string_view name, const std::string& value) {
    if (!is_code(value)) add("record.code", name, shown(value), "0-9, A-Z");
    return value;
  }
  Fen fen(std::string_view name, const std::string& value, Need need = Need::required) {
    return present(name, value, need) ? parsed<Fen>(name, value) : Fen{};
  }
  std::optional<Decimal> decimal(std::string_view name, const std::string& value) {
    return value.empty() ? std::nullopt : std::optional(parsed<Decimal>(name, value));
  }
  LegalTime time(std::string_view name, const std::string& value) {
    return present(name, value, Need::required) ? parsed<LegalTime>(name, value) : LegalTime{};
  }
  /// Keeps the value, or adds the error under this field's path.
  template <class T>
  T keep(std::string_view name, Result<T> result) {
    if (result) return std::move(*result);
    blame(name, std::move(result.error()));
    return {};
  }
  void blame(std::string_view name, Error error) {
    error.field = path(name);
    findings_.push_back(std::move(error));
  }

 private:
  template <class T>
  T parsed(std::string_view name, const std::string& value) {
    return keep(name, T::parse(value));
  }
  std::string prefix_;
  Findings& findings_;
};

std::string read_number(const api::v1::Invoice& record, FieldReader& in) {
  if (!in.present("type", record.type(), Need::required) || !in.present("number", record.number(), Need::required))
    return {};
  if (const auto cls = invoice_class(record.type()))
    return in.keep("number", canonical_invoice_number(record.code(), record.number(), *cls));
  // A type that came after us is stored; of its number only the canonical lengths can be checked.
  if (record.type().size() > kMaxCode || !is_digits(record.type()))
    in.blame("type", invoice_class(record.type()).error());
  const std::string number = record.code() + record.number();
  if (auto checked = check_canonical_number(number); !checked) in.blame("number", std::move(checked.error()));
  return number;
}

Party read_party(const api::v1::Party& record, std::string prefix, Need id, bool allow_invented, Findings& findings) {
  FieldReader in(std::move(prefix), findings);
  if (in.present("id", record.id(), id))
    if (auto checked = check_taxpayer_id(record.id(), {}, allow_invented); !checked)
      in.blame("id", std::move(checked.error()));
  return {record.id(), in.text("name", record.name(), Need::required, kMaxName)};
}

LineKind read_kind(const std::string& code, FieldReader& in) {
  if (code.empty()) return LineKind::normal;
  for (const LineKind kind : {LineKind::normal, LineKind::discount, LineKind::discounted})
    if (code == kind_code(kind)) return kind;
  in.add("record.code", "kind", shown(code), "00, 01, 02");
  return LineKind::normal;
}

Decimal read_rate(const std::string& text, FieldReader& in) {
  if (!in.present("rate", text, Need::required)) return {};
  const Decimal rate = in.decimal("rate", text).value_or(Decimal{});
  // 13 for 13 % is the usual slip; a negative rate does not exist.
  if (rate.sign() < 0 || rate >= Decimal::from_int(1)) in.add("record.rate", "rate", shown(text));
  return rate;
}

InvoiceLine read_line(const api::v1::InvoiceLine& record, int number, std::string prefix, Findings& findings) {
  FieldReader in(std::move(prefix), findings);
  InvoiceLine out;
  out.number = number;
  if (record.line() != 0 && record.line() != number)
    in.add("record.line_number", "line", std::to_string(record.line()), std::to_string(number));
  if (in.present("tax_code", record.tax_code(), Need::required) &&
      (record.tax_code().size() != kTaxCodeDigits || !is_digits(record.tax_code())))
    in.add("record.code", "tax_code", shown(record.tax_code()), std::to_string(kTaxCodeDigits) + " digits");
  out.tax_code = record.tax_code();
  out.name = in.text("name", record.name(), Need::required, kMaxItemName);
  out.spec = in.text("spec", record.spec(), Need::optional, kMaxSpec);
  out.unit = in.text("unit", record.unit(), Need::optional, kMaxUnit);
  out.quantity = in.decimal("quantity", record.quantity());
  out.price = in.decimal("price", record.price());
  if (out.quantity.has_value() != out.price.has_value())
    in.add("record.quantity_price", out.quantity ? "price" : "quantity");
  out.amount = in.fen("amount", record.amount());
  out.rate = read_rate(record.rate(), in);
  out.tax = in.fen("tax", record.tax());
  out.kind = read_kind(record.kind(), in);
  out.preference = in.code("preference", record.preference());
  return out;
}

std::string text_of(const std::optional<Decimal>& value) { return value ? value->text() : std::string(); }

}  // namespace

api::v1::Invoice to_record(const Invoice& invoice) {
  api::v1::Invoice out;
  out.set_number(invoice.number);
  out.set_type(invoice.type);
  out.set_issued_at(invoice.issued_at.rfc3339());
  out.mutable_seller()->set_id(invoice.seller.id);
  out.mutable_seller()->set_name(invoice.seller.name);
  out.mutable_buyer()->set_id(invoice.buyer.id);
  out.mutable_buyer()->set_name(invoice.buyer.name);
  for (const InvoiceLine& line : invoice.lines) {
    api::v1::InvoiceLine& to = *out.add_lines();
    to.set_line(line.number);
    to.set_tax_code(line.tax_code);
    to.set_name(line.name);
    to.set_spec(line.spec);
    to.set_unit(line.unit);
    to.set_quantity(text_of(line.quantity));
    to.set_price(text_of(line.price));
    to.set_amount(line.amount.text());
    to.set_rate(line.rate.text());
    to.set_tax(line.tax.text());
    to.set_kind(std::string(kind_code(line.kind)));
    to.set_preference(line.preference);
  }
  out.set_amount(invoice.amount.text());
  out.set_tax(invoice.tax.text());
  out.set_total(invoice.total().text());
  out.set_use(invoice.use);
  out.set_booking(invoice.booking);
  out.set_status(invoice.status);
  out.set_is_red(invoice.is_red);
  out.set_locked(invoice.locked);
  out.set_element(invoice.element);
  out.set_difference(invoice.difference);
  return out;
}

Invoice read_record(const api::v1::Invoice& record, std::string_view prefix, bool allow_invented, Findings& findings) {
  FieldReader in{std::string(prefix), findings};
  Invoice out;
  out.number = read_number(record, in);
  out.type = record.type();
  out.issued_at = in.time("issued_at", record.issued_at());
  out.seller = read_party(record.seller(), in.path("seller."), Need::required, allow_invented, findings);
  out.buyer = read_party(record.buyer(), in.path("buyer."), Need::optional, allow_invented, findings);
  if (record.lines().empty()) in.add("record.missing", "lines");
  for (int i = 0; i < record.lines_size(); ++i)
    out.lines.push_back(read_line(record.lines(i), i + 1, in.path("lines[" + std::to_string(i) + "]."), findings));
  const std::size_t before = findings.size();
  out.amount = in.fen("amount", record.amount());
  out.tax = in.fen("tax", record.tax());
  const Fen total = in.fen("total", record.total(), Need::optional);
  if (!record.total().empty() && findings.size() == before && total != out.total())
    in.add("record.total", "total", total.text(), out.total().text());
  out.use = in.code("use", record.use());
  out.booking = in.code("booking", record.booking());
  out.status = in.code("status", record.status());
  out.is_red = record.is_red();
  out.locked = record.locked();
  out.element = in.code("element", record.element());
  out.difference = in.code("difference", record.difference());
  return out;
}

}  // namespace taxgate
