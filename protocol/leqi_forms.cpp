// Confirmation forms (红字确认单): QDHZQRDSQ, QDHZQRDQR, CXQDHZQRDLB, CXQDHZQRDMX. Field names: rules.md B.6; the
// request fields of confirm, list and detail follow the same vocabulary where the public material names none.
#include <array>

#include "protocol/leqi_json.h"

namespace taxgate::leqi {

namespace {

/// lzfppzDm + sfzzfpbz for each 发票类型. Several tax-device types share one pair, so the way back picks the first row:
/// 02, 11 and 14 come back as 01, 04 and 10. Nothing on a form depends on that difference.
struct TypeRow {
  std::string_view type, kind;
  bool paper, coded;
};
constexpr std::array<TypeRow, 19> kTypes{{
    {"01", "01", true, true},   {"04", "02", true, true},   {"03", "03", true, true},   {"15", "04", true, true},
    {"08", "01", false, true},  {"10", "02", false, true},  {"81", "01", false, false}, {"82", "02", false, false},
    {"83", "03", false, false}, {"84", "04", false, false}, {"51", "05", false, false}, {"61", "06", false, false},
    {"85", "01", true, false},  {"86", "02", true, false},  {"87", "03", true, false},  {"88", "04", true, false},
    {"02", "01", true, true},   {"11", "02", true, true},   {"14", "02", false, true},
}};
constexpr std::size_t kBareNumber = 8;      // the number behind a tax-device invoice's code
constexpr std::size_t kDigitalNumber = 20;  // 数电发票号码

void put_blue_number(json::object& into, std::string_view number, bool coded) {
  if (coded && number.size() > kBareNumber) {
    put(into, "lzfpdm", number.substr(0, number.size() - kBareNumber));
    number.remove_prefix(number.size() - kBareNumber);
  }
  put(into, "lzfphm", number);
}

const TypeRow* type_row(std::string_view type) {
  for (const TypeRow& row : kTypes)
    if (row.type == type) return &row;
  return nullptr;
}

void put_form(json::object& into, const Form& form, bool with_lines) {
  put(into, "uuid", form.uuid);
  put(into, "hzfpxxqrdbh", form.number);
  put(into, "hzqrxxztDm", form.state);
  put(into, "lrfsf", form.initiator == Side::buyer ? "1" : "0");
  put_parties(into, form.seller, form.buyer);
  put(into, "lzfphm", form.blue_number);
  put(into, "chyyDm", form.reason);
  put(into, "hzcxje", form.amount.text());
  put(into, "hzcxse", form.tax.text());
  put_time(into, "lrrq", form.entered_at);
  put_time(into, "qrrq", form.confirmed_at);
  put(into, "ykjhzfpbz", form.issued ? "Y" : "N");
  if (!form.red_number.empty()) put(into, "hzfphm", form.red_number);
  put_time(into, "hzkprq", form.red_issued_at);
  put(into, "yxbz", form.valid ? "Y" : "N");
  if (with_lines) put_lines(into, "hzqrdmxList", form.lines, false);
}

Form read_form(Fields& fields) {
  Form form;
  form.uuid = fields.need("uuid");
  form.number = fields.text("hzfpxxqrdbh");
  form.state = fields.need("hzqrxxztDm");
  form.initiator = fields.side("lrfsf");
  read_parties(fields, form.seller, form.buyer);
  // Code and number may come apart for a tax-device invoice; together they are the canonical number.
  form.blue_number = fields.text("lzfpdm") + fields.need("lzfphm");
  form.reason = fields.text("chyyDm");
  form.amount = fields.fen("hzcxje");
  form.tax = fields.fen("hzcxse");
  form.entered_at = fields.maybe_time("lrrq");
  form.confirmed_at = fields.maybe_time("qrrq");
  form.issued = fields.flag("ykjhzfpbz");
  form.red_number = fields.text("hzfphm");
  form.red_issued_at = fields.maybe_time("hzkprq");
  form.valid = fields.text("yxbz") != "N";  // absent in some answers: the state code then decides
  form.lines = read_lines(fields, "hzqrdmxList");
  return form;
}

}  // namespace

std::string apply_json(const RedDocument& red) {
  json::object o;
  put(o, "lrfsf", red.initiator == Side::buyer ? "1" : "0");
  put_parties(o, red.seller, red.buyer);
  const TypeRow* type = type_row(red.blue_type);
  put_blue_number(o, red.blue_number, type != nullptr && type->coded);
  put(o, "sfzzfpbz", type != nullptr && type->paper ? "Y" : "N");
  put_time(o, "lzkprq", red.blue_issued_at);
  put(o, "lzhjje", red.blue_amount.text());
  put(o, "lzhjse", red.blue_tax.text());
  put(o, "lzfppzDm", type != nullptr ? type->kind : std::string_view{});
  if (!red.element.empty()) put(o, "lzfpTdyslxDm", red.element);
  put(o, "hzcxje", red.amount.text());
  put(o, "hzcxse", red.tax.text());
  put(o, "chyyDm", reason_code(red.reason));
  put_lines(o, "hzqrdmxList", red.lines, false);
  return text_of(o);
}

Result<RedDocument> read_apply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  RedDocument red;
  red.track = Track::confirmation_form;
  red.initiator = f.side("lrfsf");
  read_parties(f, red.seller, red.buyer);
  const std::string code = f.text("lzfpdm"), number = f.need("lzfphm"), kind = f.need("lzfppzDm");
  const bool paper = f.flag("sfzzfpbz");
  const bool coded = !code.empty() || number.size() != kDigitalNumber;
  for (const TypeRow& row : kTypes) {
    if (row.kind == kind && row.paper == paper && row.coded == coded) {
      red.blue_type = row.type;
      break;
    }
  }
  auto canonical = canonical_invoice_number(code, number, coded ? InvoiceClass::sk : InvoiceClass::sd, "lzfphm");
  if (!canonical) f.remember(canonical.error());
  red.blue_number = canonical.value_or(std::string{});
  red.blue_issued_at = f.time("lzkprq");
  red.blue_amount = f.fen("lzhjje");
  red.blue_tax = f.fen("lzhjse");
  red.element = f.text("lzfpTdyslxDm");
  red.amount = f.fen("hzcxje");
  red.tax = f.fen("hzcxse");
  auto reason = parse_reason(f.need("chyyDm"), "chyyDm");
  if (!reason) f.remember(reason.error());
  red.reason = reason.value_or(Reason::wrong_invoice);
  red.lines = read_lines(f, "hzqrdmxList");
  return finished(f, std::move(red));
}

std::string apply_reply_json(const ApplyReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "hzfpxxqrdbh", reply.number);
  put(o, "uuid", reply.uuid);
  put(o, "hzqrxxztDm", reply.state);
  return text_of(o);
}

Result<ApplyReply> read_apply_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  ApplyReply reply;
  reply.outcome = f.outcome();
  reply.number = f.text("hzfpxxqrdbh");
  reply.uuid = f.text("uuid");
  reply.state = f.text("hzqrxxztDm");
  return finished(f, std::move(reply));
}

std::string confirm_json(const ConfirmRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "yhjslx", request.side == Side::buyer ? "1" : "0");
  put(o, "uuid", request.uuid);
  put(o, "hzfpxxqrdbh", request.number);
  put(o, "qrlx", std::string(1, static_cast<char>(request.answer)));
  return text_of(o);
}

Result<ConfirmRequest> read_confirm(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  ConfirmRequest request;
  request.taxpayer = f.need("nsrsbh");
  request.side = f.side("yhjslx");
  request.uuid = f.text("uuid");
  request.number = f.text("hzfpxxqrdbh");
  const std::string answer = f.need("qrlx");
  if (answer == "Y" || answer == "N" || answer == "C") {
    request.answer = static_cast<Answer>(answer[0]);
  } else {
    f.remember("qrlx", "not Y, N or C");
  }
  return finished(f, std::move(request));
}

std::string confirm_reply_json(const ConfirmReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "hzqrxxztDm", reply.state);
  return text_of(o);
}

Result<ConfirmReply> read_confirm_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  ConfirmReply reply;
  reply.outcome = f.outcome();
  reply.state = f.text("hzqrxxztDm");
  return finished(f, std::move(reply));
}

std::string list_json(const ListRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "gxsf", request.side == Side::buyer ? "1" : "0");
  if (!request.blue_number.empty()) put(o, "lzfphm", request.blue_number);
  put_time(o, "lrrqq", request.from);
  put_time(o, "lrrqz", request.to);
  put(o, "pageNumber", std::to_string(request.page));
  put(o, "pageSize", std::to_string(request.page_size));
  return text_of(o);
}

Result<ListRequest> read_list(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  ListRequest request;
  request.taxpayer = f.need("nsrsbh");
  request.side = f.side("gxsf");
  request.blue_number = f.text("lzfphm");
  request.from = f.maybe_time("lrrqq");
  request.to = f.maybe_time("lrrqz");
  request.page = f.integer("pageNumber", 1, 1'000'000);
  request.page_size = f.integer("pageSize", 1, 1'000'000);  // whether it is too large is the platform's answer to give
  return finished(f, std::move(request));
}

std::string list_reply_json(const ListReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "total", std::to_string(reply.total));
  json::array forms;
  for (const Form& form : reply.forms) {
    json::object item;
    put_form(item, form, false);
    forms.push_back(std::move(item));
  }
  o["hzqrdList"] = std::move(forms);
  return text_of(o);
}

Result<ListReply> read_list_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  ListReply reply;
  reply.outcome = f.outcome();
  if (reply.outcome.ok()) {
    reply.total = f.integer("total", 0, 1'000'000'000);
    f.list("hzqrdList", [&](Fields& item) { reply.forms.push_back(read_form(item)); });
  }
  return finished(f, std::move(reply));
}

std::string detail_json(const DetailRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "uuid", request.uuid);
  put(o, "hzfpxxqrdbh", request.number);
  return text_of(o);
}

Result<DetailRequest> read_detail(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  DetailRequest request;
  request.taxpayer = f.need("nsrsbh");
  request.uuid = f.text("uuid");
  request.number = f.text("hzfpxxqrdbh");
  return finished(f, std::move(request));
}

std::string detail_reply_json(const DetailReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  if (reply.outcome.ok()) put_form(o, reply.form, true);
  return text_of(o);
}

Result<DetailReply> read_detail_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  DetailReply reply;
  reply.outcome = f.outcome();
  if (reply.outcome.ok()) reply.form = read_form(f);
  return finished(f, std::move(reply));
}

}  // namespace taxgate::leqi
