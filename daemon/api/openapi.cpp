// docs/openapi.json out of the route table and the schema's descriptors, so that it cannot say anything else than the
// server does. Only what descriptors cannot know (forms of strings, required fields, words) is in tables here.
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "daemon/api/limits.h"
#include "daemon/api/metrics.h"
#include "daemon/api/routes.h"
#include "protocol/states.h"
#include "protocol/text.h"

namespace taxgate::api {
namespace {

namespace json = boost::json;
namespace pb = google::protobuf;

struct FieldFact {
  std::string_view field;  // "name" for every message, "Message.name" for one
  std::string_view description, pattern, example;
};
constexpr std::string_view kDecimal = "^(-?[0-9]{1,24}(\\.[0-9]{1,20})?)?$",
                           kMoney = "^(-?[0-9]{1,16}(\\.[0-9]{1,2})?)?$", kSha256 = "^([0-9a-f]{64})?$",
                           kYesNo = "^(yes|no)?$";
constexpr FieldFact kFacts[] = {
    {"Submission.amount", "Yuan without tax, negative", kMoney, "-100.00"},
    {"Submission.tax", "Yuan, negative", kMoney, "-13.00"},
    {"amount", "Yuan without tax, as a decimal string", kMoney, "100.00"},
    {"tax", "Yuan, as a decimal string", kMoney, "13.00"},
    {"total", "Yuan with tax, as a decimal string", kMoney, "113.00"},
    {"quantity", "Exact decimal string", kDecimal, "1.5"},
    {"price", "Exact decimal string, without tax", kDecimal, "345.13274336"},
    {"rate", "Tax rate as a decimal string", kDecimal, "0.13"},
    {"SubmissionRequest.idempotency_key", "1..128 printable ASCII characters; or the header Idempotency-Key",
     "^[!-~]{0,128}$", "return-4711"},
    {"idempotency_key", "", "^[!-~]{0,128}$", "return-4711"},
    {"SubmissionRequest.reason",
     "01 wrong invoice, 02 goods returned, 03 service stopped, 04 allowance; or the official term", "", "01"},
    {"SubmissionRequest.lines", "Empty: a full red of what is left", "", ""},
    {"SubmissionRequest.blue", "The blue invoice, when the ledger does not know it", "", ""},
    {"SubmissionRequest.initiator", "The side we are: seller (default) or buyer", "^(seller|buyer)?$", "seller"},
    {"SubmissionRequest.codes", "Whose codes `reason` and blue.{type,use,booking,status} are; empty: the bureau's", "",
     "nuonuo"},
    {"SubmissionRequest.evidence", "Papers that lie beside the red, at most 20; their bytes stay with the caller", "",
     ""},
    {"SubmissionRequest.circumstances", "What only the caller can know; empty is unknown, never no", "", ""},
    {"Evidence.kind", "return_slip, inspection_report, explanation, or a word of the tables file", "", "return_slip"},
    {"Evidence.hash", "Digest of the file, hexadecimal, lower case", "^[0-9a-f]{64}$",
     "0000000000000000000000000000000000000000000000000000000000000000"},
    {"Evidence.name", "The file's name, optional", "", "slip.pdf"},
    {"Evidence.algorithm", "Of the digest; empty: sha256", "^(sha256|sm3)?$", "sha256"},
    {"deducted", "The buyer has deducted it (R24)", kYesNo, "no"},
    {"booked", "The buyer has booked it (R1)", kYesNo, "no"},
    {"sheets_returned", "Not delivered, or all sheets are back (X5)", kYesNo, "yes"},
    {"transferred_out", "Input tax transferred out (X5)", kYesNo, "yes"},
    {"export_used", "Used for an export refund (X13, R32)", kYesNo, "no"},
    {"export_rolled_back", "The purchase voucher was rolled back (X13)", kYesNo, "no"},
    {"farm_credited", "Amount already credited additionally (R5)", kMoney, "400.00"},
    {"performed", "Share of the service already performed, 0 to 1 (R21)", "^([01](\\.[0-9]{1,8})?)?$", "0.25"},
    {"counterparty_status", "纳税人状态 of the other side (R11)", "", "正常"},
    {"seller_registered", "Name in the tax register (R15)", "", "示例制造有限公司"},
    {"buyer_registered", "Name in the tax register (R15)", "", "示例商贸有限公司"},
    {"labels", "Labels the platform shows on the blue invoice (R5, R9, R10)", "", "已用于农产品部分加计扣除"},
    {"farm_use", "zzsyhyt (R5)", "", "0"},
    {"voucher_status", "ycpzzt (R8)", "", "01"},
    {"alert", "nsryjjb of our own side (K1 to K3)", "", "03"},
    {"customer_class", "As the tables file names it (P6)", "", "A"},
    {"settlement_cycle", "As the tables file names it (P6)", "", "month"},
    {"province", "As the tables file names it (P16)", "", "31"},
    {"InvoiceList.invoices", "Without lines; GET /v1/invoices/{number} has them", "", ""},
    {"InvoiceList.next", "The `after` of the next page, which may follow a short or empty one; empty at the end", "",
     ""},
    {"SubmissionRequest.tax_device", "Information table: 12-digit device number", "^([0-9]{12})?$", "661000000001"},
    {"ActionRequest.outcome", "resolve: adopt, not_arrived or close", "^(adopt|not_arrived|close)?$", "adopt"},
    {"LeaseRequest.seconds", "How long, at most 28800 (8 hours); it ends by itself", "", ""},
    {"LeaseRequest.reason", "Why; shown with the key and journalled with the caller", "", "monthly report"},
    {"KeyInfo.lease_holder", "Who answers for the program that has the key", "", "local:root"},
    {"KeyInfo.disk", "Of a tax disk: what it says of itself, with what stops it", "", ""},
    {"KeyInfo.tax_devices", "Numbers of the tax devices whose documents it signs ([[tax_device]])", "", "661000000001"},
    {"DiskTypeInfo.type", "The device's code of an invoice type", "", "007"},
    {"DiskTypeInfo.lock_date", "开票截止日期: from then on the disk refuses, until reported and cleared", "", ""},
    {"DiskTypeInfo.forecasts", "What stops the type, the soonest first", "", ""},
    {"DiskForecast.at", "Issuing stops then; in the past: it has stopped", "", ""},
    {"DiskForecast.at_rate", "Reckoned from what was issued in the last 12 to 24 hours; else the disk's own date", "",
     ""},
    {"DiskForecast.level", "near: a person should act now; stopped; empty: well", "^(near|stopped)?$", "near"},
    {"DiskVolumeInfo.next", "Number that is used next", "", ""},
    {"DiskMonthInfo.month", "In +08:00", "^[0-9]{4}-[0-9]{2}$", "2026-11"},
    {"CallerInfo.name", "", "^[a-z0-9._-]{1,64}$", "erp"},
    {"CallerInfo.roles", "submitter, approver, operator, auditor, admin", "", "submitter"},
    {"token_sha256", "Hex; only taken, never given", kSha256,
     "0000000000000000000000000000000000000000000000000000000000000000"},
    {"CallerInfo.by_token", "Only given: known by a token, whose hash is not shown", "", ""},
    {"certificate_sha256", "Hex", kSha256, "0000000000000000000000000000000000000000000000000000000000000000"},
    {"cursor", "Opaque; ask for events after it", "", ""},
    {"next", "The `after` of the next page; empty at the end", "", ""},
    {"EventList.next", "The `after` of the next request, always given", "", ""},
    {"channel", "simulator, sandbox or production", "", "simulator"},
    {"CreditStatement.month", "Month in +08:00", "^([0-9]{4}-[0-9]{2})?$", "2026-05"},
    {"CreditStatement.limit", "发票总额度 of the month, yuan without tax; empty: not known", kMoney, "7500000.00"},
    {"CreditStatement.used", "issued + picked_up - restored", kMoney, "200000.00"},
    {"CreditStatement.restored", "Reds of the same month that give back (C1, C2)", kMoney, "0.00"},
    {"CreditStatement.carried", "Left of the month before, while that is not filed", kMoney, "3500000.00"},
    {"CreditStatement.remaining", "As computed from the ledger; may be negative", kMoney, "3300000.00"},
    {"CreditStatement.after_filing", "limit - used", kMoney, "7300000.00"},
    {"CreditStatement.difference", "platform_remaining - remaining; the platform's figure counts", kMoney, "0.00"},
    {"CreditStatement.available_from", "Whose figure `available` is", "^(platform|ledger)?$", "platform"},
    {"CreditStatement.before_issuing", "With ?amount=: what issuing it would meet", "", ""},
    {"CreditFiledRequest.period", "Month whose return was filed", "^([0-9]{4}-[0-9]{2})?$", "2026-04"},
    {"CreditAdjustRequest.class", "Class of a new taxpayer: the initial grant", "^(I|II|III|IV)?$", "III"},
    {"CreditAdjustRequest.result", "Of an application, or the bureau's own accord; approved and ex_officio count",
     "^(approved|applied|rejected|ex_officio)?$", "approved"},
    {"CreditAdjustRequest.short_term_type", "Of an application with `until`, as the bureau's page calls it", "", ""},
    {"CreditAdjustRequest.attachments", "Of an application: contract, asset_list, other; at most 20", "", ""},
    {"CheckReply.answer", "The heaviest thing that was found",
     "^(allowed|counterparty_must_confirm|needs_approval|refused)$", "allowed"},
    {"CheckReply.findings", "All of them, the heaviest first", "", ""},
    {"CheckReply.lines", "The document as it would be handed in", "", ""},
    {"CheckReply.left", "With ?menu=yes: what is left of each blue line", "", ""},
    {"CheckReply.reasons", "With ?menu=yes: the four reasons and why not", "", ""},
    {"CheckReply.accepted_as", "The submission this idempotency key stands for already", "", ""},
    {"CheckReply.amount", "Yuan without tax, negative", kMoney, "-100.00"},
    {"CheckReply.tax", "Yuan, negative", kMoney, "-13.00"},
    {"SignatureInfo.envelope", "The signed octets verbatim (docs/envelope.md); base64", "", ""},
    {"SignatureInfo.signature", "r || s, 64 octets; base64", "", ""},
    {"SignatureInfo.certificate", "DER; base64", "", ""},
    {"SignatureInfo.seq", "Of the journal row that vouches for it", "", ""},
    {"SignatureInfo.signed_at", "Time of that row", "", ""},
    {"SignatureInfo.sm3", "Of the envelope, hexadecimal", "", ""},
    {"SignatureInfo.verified",
     "The envelope reads back and the signature verifies under the taxpayer's certificate; its issuer is not checked",
     "", ""},
    {"SignatureInfo.problem", "Why it does not verify", "", ""},
    {"Finding.code", "Stable id, e.g. R2.tax_cap", "", ""},
    {"Finding.rule", "Row of docs/rules.md", "", ""},
    {"Finding.severity", "", "^(refuse|needs_approval|warn|note)$", "refuse"},
    {"code", "", "", ""},
    {"ErrorBody.code", "Stable id, e.g. R2.tax_cap", "", ""},
    {"ErrorBody.more", "Further findings of the same check", "", ""},
};
struct Required {
  std::string_view message, fields;
};
constexpr Required kRequired[] = {
    {"Submission", "id state channel"},
    {"SubmissionList", "channel"},
    {"InvoiceList", "channel"},
    {"SignatureList", "submission channel"},
    {"Evidence", "kind hash"},
    {"ErrorBody", "code message channel"},
    {"Event", "cursor id at type channel"},
    {"EventList", "next channel"},
    {"Inbox", "channel"},
    {"KeyList", "channel"},
    {"HoldList", "channel"},
    {"Status", "channel"},
    {"ImportReply", "channel"},
    {"CallerList", "channel"},
    {"Health", "status channel"},
    {"CallerInfo", "name"},
    {"CheckReply", "answer"},
    {"Finding", "code severity"},
};
struct QueryFact {
  std::string_view name, description;
  int low, high;
};  // high 0: a string
constexpr QueryFact kQueryFacts[] = {
    {"wait", "Seconds to wait for news", 0, kMaxWaitSeconds},
    {"seen", "The state already known: answer when it is another", 0, 0},
    {"after", "`next` or `cursor` of an earlier answer", 0, 0},
    {"limit", "", 1, 0},
    {"taxpayer", "Only this taxpayer", 0, 0},
    {"seller", "Taxpayer id of the seller", 0, 0},
    {"buyer", "Taxpayer id of the buyer, or a part of its name", 0, 0},
    {"product", "First digits of a line's tax code, or a part of its name", 0, 0},
    {"from", "First day of issue, yyyy-MM-dd", 0, 0},
    {"to", "Last day of issue, yyyy-MM-dd", 0, 0},
    {"state", "Only this state", 0, 0},
    {"status", "fpzt; or reversible: neither void, fully reversed nor irregular", 0, 0},
    {"blue_number", "Only reds of this blue invoice", 0, 0},
    {"idempotency_key", "The submission with this key", 0, 0},
    {"submission", "Only events of this submission", 0, 0},
    {"month", "yyyy-MM; default: the current month", 0, 0},
    {"amount", "Yuan without tax of a blue invoice about to be issued", 0, 0},
    {"type", "Its fplx; default 81", 0, 0},
    {"platform", "no: do not ask the platform", 0, 0},
    {"menu", "yes: also what is left and which reasons fit", 0, 0},
};

json::string text(std::string_view s) { return json::string(s.data(), s.size()); }
json::object reference(std::string_view message) { return {{"$ref", "#/components/schemas/" + std::string(message)}}; }

const FieldFact* fact_of(const pb::FieldDescriptor& field) {
  const std::string full = field.containing_type()->name() + "." + field.name();
  for (const std::string_view wanted : {std::string_view(full), std::string_view(field.name())})
    for (const FieldFact& fact : kFacts)
      if (fact.field == wanted) return &fact;
  return nullptr;
}

json::object scalar_schema(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return reference(field.message_type()->name());
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return {{"type", "integer"}, {"format", "int32"}};
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return {{"type", "integer"}, {"format", "int64"}};
    case pb::FieldDescriptor::CPPTYPE_UINT32:
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return {{"type", "integer"}, {"format", "int64"}, {"minimum", 0}};
    default:
      if (field.type() == pb::FieldDescriptor::TYPE_BYTES) return {{"type", "string"}, {"format", "byte"}};
      return {{"type", "string"}};
  }
}

json::object message_schema(const pb::Descriptor& type) {
  json::object properties;
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor& field = *type.field(i);
    json::object schema = scalar_schema(field);
    const FieldFact* fact = fact_of(field);
    if (field.full_name() == "taxgate.api.v1.CallerInfo.uid") schema["minimum"] = 0;
    if (fact && !schema.contains("$ref")) {
      if (!fact->pattern.empty()) schema["pattern"] = text(fact->pattern);
      if (!fact->example.empty()) schema["example"] = text(fact->example);
    }
    if (field.is_repeated()) schema = {{"type", "array"}, {"items", std::move(schema)}};
    if (fact && !fact->description.empty() && !schema.contains("$ref")) schema["description"] = text(fact->description);
    properties[field.name()] = std::move(schema);
  }
  json::object out{{"type", "object"}, {"additionalProperties", false}};
  for (const Required& required : kRequired) {
    if (required.message != type.name()) continue;
    json::array names;
    for (const auto word : words(required.fields)) names.push_back(text(word));
    out["required"] = std::move(names);
  }
  out["properties"] = std::move(properties);
  return out;
}

void add_schemas(const pb::Descriptor& type, std::map<std::string, json::object>& into) {
  if (into.contains(type.name())) return;
  into[type.name()] = message_schema(type);
  for (int i = 0; i < type.field_count(); ++i)
    if (const auto* below = type.field(i)->message_type()) add_schemas(*below, into);
}

json::array parameters(const Route& route) {
  json::array out;
  if (const auto open = route.path.find('{'); open != std::string_view::npos) {
    const auto name = route.path.substr(open + 1, route.path.find('}') - open - 1);
    out.push_back(
        {{"name", text(name)}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}, {"minLength", 1}}}});
  }
  for (const auto name : words(route.query)) {
    const auto fact = std::ranges::find(kQueryFacts, name, &QueryFact::name);
    json::object schema{{"type", "string"}, {"maxLength", kMaxQueryValue}};
    if (name == "from" || name == "to") schema["example"] = "2026-11-01";
    if (name == "state") {
      json::array names;
      for (const StateFacts& state : states()) names.push_back(text(state.name));
      schema = {{"type", "string"}, {"enum", std::move(names)}};
    }
    if (name == "limit")
      schema = {{"type", "integer"}, {"minimum", 1}, {"maximum", route.operation == "events" ? kMaxEvents : kMaxPage}};
    if (name == "platform" || name == "menu") schema = {{"type", "string"}, {"enum", json::array{"yes", "no"}}};
    if (name == "after") schema["example"] = "c1a";
    if (name == "wait") schema = {{"type", "integer"}, {"minimum", fact->low}, {"maximum", fact->high}};
    json::object parameter{{"name", text(name)}, {"in", "query"}, {"required", false}, {"schema", std::move(schema)}};
    if (!fact->description.empty()) parameter["description"] = text(fact->description);
    out.push_back(std::move(parameter));
  }
  if (route.takes == "SubmissionRequest" || route.takes == "ActionRequest")
    out.push_back({{"name", "Idempotency-Key"},
                   {"in", "header"},
                   {"required", false},
                   {"schema", {{"type", "string"}, {"pattern", "^[!-~]{1,128}$"}, {"example", "return-4711"}}}});
  return out;
}

json::object content(std::string_view message) {
  return {{std::string(kJson), {{"schema", reference(message)}}},
          {std::string(kProtobuf),
           {{"schema",
             {{"type", "string"}, {"format", "binary"}, {"description", "taxgate.api.v1." + std::string(message)}}}}}};
}

json::object responses(const Route& route) {
  json::object out;
  json::object well{{"description", "Done"}};
  if (!route.gives.empty())
    well["content"] = content(route.gives);
  else if (route.operation == "metrics")
    well["content"] = json::object{{std::string(kMetricsType), {{"schema", {{"type", "string"}}}}}};
  else
    well["content"] = json::object{{std::string(kJson), {{"schema", {{"type", "object"}}}}}};
  if (route.operation == "events")
    well["content"].as_object()[std::string(kEventStream)] =
        json::object{{"schema", {{"type", "string"}, {"description", "id: cursor, event: type, data: Event as JSON"}}}};
  if (route.operation == "submit" || route.path.starts_with("/v1/inbox/")) {
    json::object created = well;
    created["description"] = "Accepted durably";
    created["headers"] = json::object{{"Location", {{"schema", {{"type", "string"}}}}}};
    out["201"] = std::move(created);
    well["description"] = "The same request was accepted before: the original";
  }
  out["200"] = std::move(well);
  out["default"] =
      json::object{{"description", "Refused; see docs/api.md for the status"}, {"content", content("ErrorBody")}};
  return out;
}

json::object operation(const Route& route) {
  json::object out{{"operationId", text(route.operation)}, {"summary", text(route.summary)}};
  if (route.access == Access::anyone) out["security"] = json::array{};
  json::array roles;
  for (const auto role : words(route.roles)) roles.push_back(text(role));
  if (route.access == Access::roles && route.roles != "admin") roles.push_back("admin");
  if (!roles.empty()) out["x-roles"] = std::move(roles);
  if (auto list = parameters(route); !list.empty()) out["parameters"] = std::move(list);
  if (!route.takes.empty()) {
    json::object body = content(route.takes);
    if (route.import_body)
      body[std::string(kNdjson)] =
          json::object{{"schema", {{"type", "string"}, {"description", "one Invoice as JSON a line"}}}};
    out["requestBody"] = json::object{{"required", route.takes != "ActionRequest"}, {"content", std::move(body)}};
  }
  out["responses"] = responses(route);
  return out;
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

/// Two blanks a level, short things on one line: the document is also read by people and compared line by line.
void print(const json::value& value, std::string& out, std::size_t indent) {
  constexpr std::size_t kShort = 100;
  const auto line = [&](std::size_t n) { out.append("\n").append(n * 2, ' '); };
  if (const std::string flat = json::serialize(value); flat.size() <= kShort) {
    out += flat;
  } else if (value.is_object() && !value.get_object().empty()) {
    out += '{';
    bool first = true;
    for (const auto& [key, below] : value.get_object()) {
      if (!std::exchange(first, false)) out += ',';
      line(indent + 1);
      out.append(json::serialize(json::value(key))).append(": ");
      print(below, out, indent + 1);
    }
    line(indent);
    out += '}';
  } else if (value.is_array() && !value.get_array().empty()) {
    out += '[';
    bool first = true;
    for (const auto& below : value.get_array()) {
      if (!std::exchange(first, false)) out += ',';
      line(indent + 1);
      print(below, out, indent + 1);
    }
    line(indent);
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

std::string make_document() {
  std::map<std::string, json::object> schemas;
  json::object paths;
  for (const Route& route : routes()) {
    auto& path = paths[route.path];
    if (path.is_null()) path = json::object{};
    path.as_object()[lower(name(route.method))] = operation(route);
    const auto* file = v1::Submission::descriptor()->file();  // its package holds the other files' messages too
    for (const auto message : {route.takes, route.gives})
      if (!message.empty())
        add_schemas(*file->pool()->FindMessageTypeByName(file->package() + "." + std::string(message)), schemas);
  }
  add_schemas(*v1::ErrorBody::descriptor(), schemas);
  json::object components;
  for (auto& [message, schema] : schemas) components[message] = std::move(schema);
  const json::object document{
      {"openapi", "3.0.3"},
      {"info",
       {{"title", "Taxgate local API"},
        {"version", "1"},
        {"description",
         "Red-letter (红字) submissions of a billing server. Roles, statuses and bounds: docs/api.md. "
         "Made from daemon/api/routes.cpp and protocol/api.proto."}}},
      {"servers", json::array{json::object{{"url", "http://localhost"}}}},
      {"security", json::array{json::object{{"bearer", json::array{}}}, json::object{}}},
      {"paths", std::move(paths)},
      {"components",
       {{"securitySchemes",
         {{"bearer",
           {{"type", "http"},
            {"scheme", "bearer"},
            {"description",
             "Loopback TCP. On the Unix socket the peer's uid, with mutual TLS the client certificate"}}}}},
        {"schemas", std::move(components)}}}};
  std::string out;
  print(document, out, 0);
  out += '\n';
  return out;
}

}  // namespace

const std::string& openapi_document() {
  static const std::string document = make_document();
  return document;
}

}  // namespace taxgate::api
