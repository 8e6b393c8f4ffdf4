// The ten sample invoices: the file itself is part of the program, so that nothing has to be found at run time.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "simulator/sample/sample.h"

namespace taxgate::sample {
namespace {

namespace json = boost::json;

constexpr char kText[] = {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
#embed "sample-invoices.json"
#pragma clang diagnostic pop
};

/// Throws on anything unexpected; read_samples() turns that into an Error.
std::string text(const json::value& v) { return std::string(v.as_string()); }
std::string text_or(const json::object& o, std::string_view name) {
  const auto* v = o.if_contains(name);
  return v == nullptr ? std::string{} : text(*v);
}
template <class T>
T need(Result<T> value) {
  if (!value) throw std::runtime_error(value.error().id);
  return std::move(*value);
}
Fen fen(const json::value& v) { return need(Fen::parse(text(v))); }
std::optional<Decimal> maybe_decimal(const json::value& v) {
  if (v.as_string().empty()) return std::nullopt;
  return need(Decimal::parse(text(v)));
}

InvoiceLine read_line(const json::array& a, int number) {
  InvoiceLine line;
  line.number = number;
  line.tax_code = text(a.at(0));
  line.name = text(a.at(1));
  line.unit = text(a.at(2));
  line.quantity = maybe_decimal(a.at(3));
  line.price = maybe_decimal(a.at(4));
  line.amount = fen(a.at(5));
  line.rate = need(Decimal::parse(text(a.at(6))));
  line.tax = fen(a.at(7));
  if (a.size() > 8) {
    const json::object& flags = a.at(8).as_object();
    const std::string kind = text_or(flags, "fphxz");
    line.kind = kind == "01" ? LineKind::discount : kind == "02" ? LineKind::discounted : LineKind::normal;
    line.preference = text_or(flags, "yhzcbs");
  }
  return line;
}

Party read_party(const std::string& id, std::string_view side) {
  if (id == "个人") return {"", id};
  return {id, fmt::format("示例{}{}有限公司", side, id.substr(8, 8))};
}

Invoice read_blue(const json::object& o) {
  Invoice blue;
  blue.type = text(o.at("fplx"));
  const auto cls = need(invoice_class(blue.type));
  blue.number = need(canonical_invoice_number(text_or(o, "fpdm"), text(o.at("fphm")), cls));
  blue.issued_at = need(LegalTime::parse(text(o.at("kprq"))));
  blue.seller = read_party(text(o.at("xf")), "销售");
  blue.buyer = read_party(text(o.at("gf")), "购买");
  for (const json::value& line : o.at("mx").as_array())
    blue.lines.push_back(read_line(line.as_array(), static_cast<int>(blue.lines.size()) + 1));
  const json::array& sum = o.at("sum").as_array();
  blue.amount = fen(sum.at(0));
  blue.tax = fen(sum.at(1));
  if (blue.amount + blue.tax != fen(sum.at(2))) throw std::runtime_error("sum");
  blue.use = text_or(o, "fpyt");
  blue.booking = text_or(o, "rzzt");
  blue.status = "0";
  blue.element = text_or(o, "tdys");
  return blue;
}

void put_ending(SampleCase& c) {
  const std::string& path = c.path;
  if (path.find("07") != std::string::npos) {
    c.counterparty = Counterparty::silent;
    c.form_state = "07";
  } else if (path.find("05") != std::string::npos) {
    c.counterparty = Counterparty::refuses;
    c.form_state = "05";
  } else if (path.find("04") != std::string::npos) {
    c.counterparty = Counterparty::confirms;
    c.form_state = "04";
  } else if (c.track == Track::confirmation_form) {
    c.form_state = "01";
  }
  c.ending = path.find("issued") != std::string::npos ? Ending::issued : Ending::void_;
}

SampleCase read_case(const Invoice& blue, const json::array& red) {
  SampleCase c;
  c.blue = blue;
  c.reason = need(parse_reason(text(red.at(0))));
  c.path = text(red.at(4));
  c.track = invoice_class(blue.type) == InvoiceClass::sk ? Track::information_table : Track::confirmation_form;
  const bool buyer = c.path.starts_with("buyer starts") || c.path.find("1100000000") != std::string::npos;
  c.initiator = buyer ? Side::buyer : Side::seller;
  c.taxpayer = buyer ? blue.buyer.id : blue.seller.id;
  c.label = fmt::format("{} of sample {}", reason_term(c.reason, false), blue.number.substr(blue.number.size() - 2));
  c.amount = fen(red.at(2));
  c.tax = fen(red.at(3));
  put_ending(c);

  c.request.set_seller(blue.seller.id);
  c.request.set_blue_number(blue.number);
  c.request.set_reason(std::string(reason_code(c.reason)));
  if (buyer) c.request.set_initiator("buyer");
  if (c.track == Track::information_table) c.request.set_tax_device("990000000009");
  for (const json::value& v : red.at(1).as_array()) {
    const json::array& line = v.as_array();
    ExpectedLine expected{static_cast<int>(line.at(0).as_int64()), maybe_decimal(line.at(1)), fen(line.at(2)),
                          fen(line.at(3))};
    if (c.reason != Reason::wrong_invoice) {
      auto* wish = c.request.add_lines();
      wish->set_blue_line(expected.blue_line);
      if (expected.quantity)
        wish->set_quantity(expected.quantity->abs().text());
      else
        wish->set_amount(expected.amount.abs().text());
    }
    c.lines.push_back(expected);
  }
  return c;
}

}  // namespace

std::string_view sample_text() { return {kText, sizeof kText}; }

Result<std::vector<SampleCase>> read_samples(std::string_view source) {
  try {
    std::vector<SampleCase> out;
    for (const json::value& v : json::parse(json::string_view(source.data(), source.size())).as_array()) {
      const Invoice blue = read_blue(v.as_object());
      int follows = -1;
      for (const json::value& red : v.as_object().at("red").as_array()) {
        out.push_back(read_case(blue, red.as_array()));
        out.back().follows = follows;
        out.back().request.set_idempotency_key(fmt::format("sample-{:02d}", out.size()));
        follows = static_cast<int>(out.size()) - 1;
      }
    }
    return out;
  } catch (const std::exception& e) {
    return fail(Errc::corrupt, "sample.json", {}, {}, {}, e.what());
  }
}

std::vector<SampleCase> sample_invoices() { return *read_samples(sample_text()); }  // a test reads the built-in text

}  // namespace taxgate::sample
