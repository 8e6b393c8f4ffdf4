#include "simulator/platform/staging.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "protocol/json_form.h"
#include "protocol/records.h"
#include "simulator/platform/members.h"

namespace taxgate::simulator {

namespace {

Result<json::value> parse(std::string_view text) {
  boost::system::error_code ec;
  json::value value = json::parse(json::string_view(text.data(), text.size()), ec);
  if (ec) return refuse_seed("body", ec.message());
  return value;
}

Behaviour read_behaviour(Members& m) {
  m.only({"issue", "issue_after_ms", "upload_ms", "table_check_ms", "write_off_ms"});
  Behaviour b;
  const std::string issue = m.text("issue");
  if (issue == "automatic") {
    b.issue = IssueMode::automatic;
  } else if (issue == "before_upload") {
    b.issue = IssueMode::before_upload;
  } else if (!issue.empty() && issue != "upload") {
    m.wrong("issue");
  }
  b.issue_after_ms = m.number("issue_after_ms", b.issue_after_ms);
  b.upload_ms = m.number("upload_ms", b.upload_ms);
  b.table_check_ms = m.number("table_check_ms", b.table_check_ms);
  b.write_off_ms = m.number("write_off_ms", b.write_off_ms);
  return b;
}

std::optional<Behaviour> maybe_behaviour(Members& m) {
  const json::value* v = m.find("behaviour");
  if (v == nullptr) return std::nullopt;
  if (!v->is_object()) return m.wrong("behaviour"), std::nullopt;
  Members inner{v->get_object(), m.path + "behaviour.", {}};
  const Behaviour behaviour = read_behaviour(inner);
  if (inner.error && !m.error) m.error = inner.error;
  return behaviour;
}

Result<Taxpayer> read_taxpayer(const json::value& value, const std::string& path) {
  if (!value.is_object()) return refuse_seed(path, "not an object");
  Members m{value.get_object(), path + ".", {}};
  m.only({"id", "name", "normal", "behaviour", "credit_limit", "credit_used_elsewhere"});
  Taxpayer t;
  if (m.find("credit_limit") != nullptr) t.credit_limit = m.fen("credit_limit");
  if (m.find("credit_used_elsewhere") != nullptr) t.credit_used_elsewhere = m.fen("credit_used_elsewhere");
  t.id = m.text("id");
  t.name = m.text("name");
  t.normal = m.flag("normal", true);
  t.behaviour = maybe_behaviour(m);
  if (t.id.empty()) m.wrong("id");
  if (m.error) return std::unexpected(*m.error);
  return t;
}

constexpr std::string_view kNaturalPerson = "个人";

Party party_of(const std::string& text, const std::map<std::string, std::string>& names) {
  if (text == kNaturalPerson) return {{}, text};
  const auto known = names.find(text);
  return {text, known == names.end() ? std::string{} : known->second};
}

/// mx: [tax code, name, unit, quantity, price, amount, rate, tax, {flags}]
bool read_compact_line(const json::value& value, int number, InvoiceLine& line) {
  if (!value.is_array() || value.get_array().size() < 8) return false;
  const json::array& a = value.get_array();
  for (int i = 0; i < 8; ++i)
    if (!a[static_cast<std::size_t>(i)].is_string()) return false;
  auto text = [&a](std::size_t i) { return std::string(a[i].get_string()); };
  line.number = number;
  line.tax_code = text(0);
  line.name = text(1);
  line.unit = text(2);
  for (auto [place, into] : {std::pair{std::size_t{3}, &line.quantity}, std::pair{std::size_t{4}, &line.price}}) {
    if (text(place).empty()) continue;
    const auto parsed = Decimal::parse(text(place));
    if (!parsed) return false;
    *into = *parsed;
  }
  const auto amount = Fen::parse(text(5)), tax = Fen::parse(text(7));
  const auto rate = Decimal::parse(text(6));
  if (!amount || !tax || !rate) return false;
  line.amount = *amount;
  line.rate = *rate;
  line.tax = *tax;
  if (a.size() > 8 && a[8].is_object()) {
    Members flags{a[8].get_object(), {}, {}};
    const std::string kind = flags.text("fphxz");
    line.kind = kind == "01" ? LineKind::discount : kind == "02" ? LineKind::discounted : LineKind::normal;
    line.preference = flags.text("yhzcbs");
  }
  return true;
}

Result<Invoice> read_compact(Members m, const std::map<std::string, std::string>& names) {
  Invoice invoice;
  invoice.type = m.text("fplx");
  const auto cls = invoice_class(invoice.type);
  if (!cls) return refuse_seed(m.path + "fplx", invoice.type);
  const auto number = canonical_invoice_number(m.text("fpdm"), m.text("fphm"), *cls);
  if (!number) return refuse_seed(m.path + "fphm", m.text("fphm"));
  invoice.number = *number;
  const auto issued = LegalTime::parse(m.text("kprq"));
  if (!issued) return refuse_seed(m.path + "kprq", m.text("kprq"));
  invoice.issued_at = *issued;
  invoice.seller = party_of(m.text("xf"), names);
  invoice.buyer = party_of(m.text("gf"), names);
  invoice.use = m.text("fpyt");
  invoice.booking = m.text("rzzt");
  invoice.element = m.text("tdys");
  invoice.status = m.find("fpzt") != nullptr ? m.text("fpzt") : "0";
  invoice.is_red = m.text("lzfpbz") == "1";
  const json::value* lines = m.find("mx");
  if (lines == nullptr || !lines->is_array()) return refuse_seed(m.path + "mx");
  for (const json::value& item : lines->get_array()) {
    InvoiceLine line;
    if (!read_compact_line(item, static_cast<int>(invoice.lines.size()) + 1, line)) return refuse_seed(m.path + "mx");
    invoice.amount += line.amount;
    invoice.tax += line.tax;
    invoice.lines.push_back(std::move(line));
  }
  if (m.error) return std::unexpected(*m.error);
  return invoice;
}

Result<Invoice> read_invoice(const json::value& value, const std::string& path,
                             const std::map<std::string, std::string>& names) {
  if (!value.is_object()) return refuse_seed(path, "not an object");
  if (value.get_object().contains("xf")) return read_compact(Members{value.get_object(), path + ".", {}}, names);
  api::v1::Invoice record;
  if (auto read = from_json(json::serialize(value), record); !read)
    return refuse_seed(path + "." + read.error().field, read.error().id);
  Findings findings;
  Invoice invoice = read_record(record, {}, true, findings);
  if (!findings.empty()) return refuse_seed(path + "." + findings.front().field, findings.front().id);
  return invoice;
}

}  // namespace

Result<Seed> read_seed(std::string_view text) {
  auto value = parse(text);
  if (!value) return std::unexpected(std::move(value.error()));
  Seed seed;
  const json::value* invoices = &*value;
  if (value->is_object()) {
    Members m{value->get_object(), {}, {}};
    m.only({"taxpayers", "invoices", "behaviour"});
    seed.behaviour = maybe_behaviour(m);
    if (m.error) return std::unexpected(*m.error);
    if (const json::value* taxpayers = m.find("taxpayers"); taxpayers != nullptr) {
      if (!taxpayers->is_array()) return refuse_seed("taxpayers", "not an array");
      for (const json::value& item : taxpayers->get_array()) {
        auto taxpayer = read_taxpayer(item, "taxpayers[" + std::to_string(seed.taxpayers.size()) + "]");
        if (!taxpayer) return std::unexpected(std::move(taxpayer.error()));
        seed.taxpayers.push_back(std::move(*taxpayer));
      }
    }
    invoices = m.find("invoices");
    if (invoices == nullptr) return seed;
  }
  if (!invoices->is_array()) return refuse_seed("invoices", "not an array");
  std::map<std::string, std::string> names;
  for (const Taxpayer& t : seed.taxpayers) names[t.id] = t.name;
  for (const json::value& item : invoices->get_array()) {
    auto invoice = read_invoice(item, "invoices[" + std::to_string(seed.invoices.size()) + "]", names);
    if (!invoice) return std::unexpected(std::move(invoice.error()));
    seed.invoices.push_back(std::move(*invoice));
  }
  return seed;
}

namespace {

Result<CounterpartyRule> read_rule(const json::value& value) {
  if (!value.is_object()) return refuse_seed("rule", "not an object");
  Members m{value.get_object(), {}, {}};
  m.only({"blue_number", "taxpayer", "reaction", "after_ms"});
  CounterpartyRule rule;
  rule.blue_number = m.text("blue_number");
  rule.taxpayer = m.text("taxpayer");
  rule.after_ms = m.number("after_ms", 0);
  const std::string reaction = m.text("reaction");
  if (reaction == "confirm") {
    rule.reaction = Reaction::confirm;
  } else if (reaction == "deny") {
    rule.reaction = Reaction::deny;
  } else if (reaction != "silent") {
    m.wrong("reaction");
  }
  if (m.error) return std::unexpected(*m.error);
  return rule;
}

}  // namespace

Result<std::vector<CounterpartyRule>> read_counterparty_rules(std::string_view text) {
  auto value = parse(text);
  if (!value) return std::unexpected(std::move(value.error()));
  const json::value* list = value->is_object() ? value->get_object().if_contains("rules") : nullptr;
  std::vector<CounterpartyRule> rules;
  if (list == nullptr) {
    auto rule = read_rule(*value);
    if (!rule) return std::unexpected(std::move(rule.error()));
    rules.push_back(std::move(*rule));
    return rules;
  }
  if (!list->is_array()) return refuse_seed("rules", "not an array");
  for (const json::value& item : list->get_array()) {
    auto rule = read_rule(item);
    if (!rule) return std::unexpected(std::move(rule.error()));
    rules.push_back(std::move(*rule));
  }
  return rules;
}

Result<ForeignForm> read_foreign_form(std::string_view text) {
  auto value = parse(text);
  if (!value) return std::unexpected(std::move(value.error()));
  if (!value->is_object()) return refuse_seed("body", "not an object");
  Members m{value->get_object(), {}, {}};
  m.only({"blue_number", "initiator", "reason", "stranger", "protection", "lines"});
  ForeignForm form;
  form.blue_number = m.text("blue_number");
  if (form.blue_number.empty()) m.wrong("blue_number");
  const std::string initiator = m.text("initiator");
  if (initiator != "seller" && initiator != "buyer" && !initiator.empty()) m.wrong("initiator");
  form.initiator = initiator == "seller" ? Side::seller : Side::buyer;
  if (const std::string reason = m.text("reason"); !reason.empty()) {
    const auto parsed = parse_reason(reason, "reason");
    if (!parsed) m.wrong("reason");
    form.reason = parsed.value_or(Reason::goods_returned);
  }
  if (m.flag("stranger", false)) form.origin = Origin::stranger;
  form.protection = m.flag("protection", true);
  if (const json::value* lines = m.find("lines"); lines != nullptr) {
    if (!lines->is_array()) return refuse_seed("lines", "not an array");
    for (const json::value& item : lines->get_array()) {
      if (!item.is_object()) return refuse_seed("lines", "not an object");
      Members l{item.get_object(), "lines[" + std::to_string(form.lines.size()) + "].", {}};
      l.only({"line", "quantity", "price", "amount", "tax"});
      ForeignForm::Line line;
      line.line = static_cast<int>(l.number("line", 0));
      line.quantity = l.maybe_decimal("quantity");
      line.price = l.maybe_decimal("price");
      line.amount = -l.fen("amount").abs();
      line.tax = -l.fen("tax").abs();
      if (line.quantity && line.quantity->sign() > 0) line.quantity = line.quantity->negated();
      if (l.error) return std::unexpected(*l.error);
      form.lines.push_back(line);
    }
  }
  if (m.error) return std::unexpected(*m.error);
  return form;
}

Result<RedDocument> red_of(const ForeignForm& form, const Invoice& invoice) {
  RedDocument red;
  red.initiator = form.initiator;
  red.blue_number = invoice.number;
  red.blue_type = invoice.type;
  red.blue_issued_at = invoice.issued_at;
  red.blue_amount = invoice.amount;
  red.blue_tax = invoice.tax;
  red.seller = invoice.seller;
  red.buyer = invoice.buyer;
  red.reason = form.reason;
  red.element = invoice.element;
  for (const ForeignForm::Line& wanted : form.lines) {
    const auto blue = std::ranges::find(invoice.lines, wanted.line, &InvoiceLine::number);
    if (blue == invoice.lines.end()) return refuse_seed("lines", std::to_string(wanted.line));
    const std::optional<Decimal> price = wanted.quantity ? (wanted.price ? wanted.price : blue->price) : std::nullopt;
    red.lines.push_back({blue->number, blue->tax_code, blue->name, blue->spec, blue->unit, wanted.quantity, price,
                         wanted.amount, blue->rate, wanted.tax, blue->preference});
    red.amount += wanted.amount;
    red.tax += wanted.tax;
  }
  return red;
}

}  // namespace taxgate::simulator
