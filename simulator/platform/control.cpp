#include "simulator/platform/control.h"

#include <boost/json.hpp>

#include "protocol/messages.h"
#include "simulator/platform/staging.h"

namespace taxgate::simulator {

namespace json = boost::json;

namespace {

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

ControlReply answer(const json::value& value) { return {200, json::serialize(value)}; }

bool is_name(const std::string& segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace

ControlReply control_error(int status, const Error& error) {
  json::object o;
  o["code"] = error.id;
  o["field"] = error.field;
  o["wanted"] = error.wanted;
  o["left"] = error.left;
  o["message"] = message_text(error, Language::english);
  o["message_zh"] = message_text(error, Language::chinese);
  return {status, json::serialize(o)};
}

void Router::add(std::string method, std::string pattern, ControlHandler handler) {
  const std::lock_guard lock(mutex_);
  routes_.push_back({std::move(method), segments_of(pattern), std::move(handler)});
}

ControlReply Router::route(std::string_view method, std::string_view target, std::string body) const {
  ControlRequest request;
  request.method = method;
  request.path = target.substr(0, target.find('?'));
  request.body = std::move(body);
  const std::vector<std::string> segments = segments_of(request.path);
  ControlHandler handler;
  bool path_known = false;
  {
    const std::lock_guard lock(mutex_);
    for (const Route& route : routes_) {
      if (route.segments.size() != segments.size()) continue;
      std::map<std::string, std::string> captured;
      bool fits = true;
      for (std::size_t i = 0; fits && i < segments.size(); ++i) {
        const std::string& wanted = route.segments[i];
        if (is_name(wanted)) {
          captured[wanted.substr(1, wanted.size() - 2)] = segments[i];
        } else {
          fits = wanted == segments[i];
        }
      }
      if (!fits) continue;
      path_known = true;
      if (route.method != method) continue;
      request.captured = std::move(captured);
      handler = route.handler;
      break;
    }
  }
  if (!handler) {
    return control_error(
        path_known ? 405 : 404,
        Error{Errc::invalid_input, "sim.no_endpoint", {}, std::string(method) + " " + request.path, {}, {}});
  }
  return handler(request);
}

namespace {

json::object form_json(const FormRecord& record) {
  const leqi::Form& f = record.form;
  json::object o;
  o["uuid"] = f.uuid;
  o["number"] = f.number;
  o["state"] = f.state;
  o["initiator"] = f.initiator == Side::seller ? "seller" : "buyer";
  o["seller"] = f.seller.id;
  o["buyer"] = f.buyer.id;
  o["blue_number"] = f.blue_number;
  o["reason"] = f.reason;
  o["amount"] = f.amount.text();
  o["tax"] = f.tax.text();
  o["entered_at"] = record.entered.rfc3339();
  o["issued"] = f.issued;
  o["red_number"] = f.red_number;
  o["origin"] = json::string_view(origin_name(record.origin).data(), origin_name(record.origin).size());
  o["hidden"] = record.hidden;
  return o;
}

json::object clock_json(const LegalClockFile& clock) {
  json::object o;
  o["legal"] = clock.now().rfc3339();
  o["legal_ms"] = clock.now().ms;
  o["offset_ms"] = clock.offset_ms();
  return o;
}

ControlReply seed(const Laboratory& lab, const ControlRequest& request) {
  auto parsed = read_seed(request.body);
  if (!parsed) return control_error(400, parsed.error());
  if (parsed->behaviour) lab.world.set_default_behaviour(*parsed->behaviour);
  for (Taxpayer& taxpayer : parsed->taxpayers) lab.world.put_taxpayer(std::move(taxpayer));
  for (Invoice& invoice : parsed->invoices) lab.world.put_invoice(std::move(invoice));
  return answer(json::object{{"taxpayers", parsed->taxpayers.size()}, {"invoices", parsed->invoices.size()}});
}

ControlReply counterparty(const Laboratory& lab, const ControlRequest& request) {
  auto rules = read_counterparty_rules(request.body);
  if (!rules) return control_error(400, rules.error());
  for (CounterpartyRule& rule : *rules) lab.world.set_counterparty(std::move(rule), lab.clock.now());
  return answer(json::object{{"rules", rules->size()}});
}

ControlReply raise_form(const Laboratory& lab, const ControlRequest& request) {
  const auto form = read_foreign_form(request.body);
  if (!form) return control_error(400, form.error());
  const Invoice* invoice = lab.world.invoice(form->blue_number);
  if (invoice == nullptr)
    return control_error(404, Error{Errc::invalid_input, "sim.unknown", {}, form->blue_number, {}, {}});
  RedDocument red;
  if (form->lines.empty()) {
    const auto whole = lab.world.full_red(form->blue_number, form->initiator, form->reason);
    if (!whole)
      return control_error(409, Error{Errc::invalid_input, "sim.nothing_left", {}, form->blue_number, {}, {}});
    red = *whole;
  } else {
    auto built = red_of(*form, *invoice);
    if (!built) return control_error(400, built.error());
    red = std::move(*built);
  }
  RequestContext context;
  context.now = lab.clock.now();
  context.origin = form->origin;
  context.protection = form->protection;
  const leqi::ApplyReply reply = lab.world.apply(red, context);
  return answer(json::object{{"code", reply.outcome.code},
                             {"message", reply.outcome.message},
                             {"uuid", reply.uuid},
                             {"number", reply.number},
                             {"state", reply.state}});
}

/// The one integer or text member an endpoint's body has.
const json::value* member(const json::value& body, json::string_view name) {
  return body.is_object() ? body.get_object().if_contains(name) : nullptr;
}

json::value parsed_or_null(const std::string& body) {
  boost::system::error_code ec;
  json::value value = json::parse(body, ec);
  return ec ? json::value() : value;
}

ControlReply force_state(const Laboratory& lab, const ControlRequest& request) {
  const json::value body = parsed_or_null(request.body);
  const json::value* state = member(body, "state");
  if (state == nullptr || !state->is_string()) {
    return control_error(400, Error{Errc::invalid_input, "sim.seed", "state", {}, {}, {}});
  }
  const std::string& uuid = request.captured.at("uuid");
  if (!lab.world.force_state(uuid, std::string(state->get_string()), lab.clock.now())) {
    return control_error(409, Error{Errc::invalid_input, "sim.transition", {}, uuid, {}, {}});
  }
  return answer(form_json(*lab.world.form(uuid)));
}

ControlReply advance(const Laboratory& lab, const ControlRequest& request) {
  const json::value body = parsed_or_null(request.body);
  const json::value* ms = member(body, "ms");
  if (ms == nullptr || !ms->is_int64())
    return control_error(400, Error{Errc::invalid_input, "sim.seed", "ms", {}, {}, {}});
  lab.clock.advance_ms(ms->get_int64());
  lab.world.settle(lab.clock.now());
  return answer(clock_json(lab.clock));
}

ControlReply add_faults(const Laboratory& lab, const ControlRequest& request) {
  auto script = read_fault_script(request.body);
  if (!script) return control_error(400, script.error());
  if (script->seed) lab.faults.reseed(*script->seed);
  for (Fault& fault : script->faults) lab.faults.add(std::move(fault));
  return answer(json::object{{"faults", lab.faults.size()}});
}

ControlReply show_log(const Laboratory& lab) {
  lab.world.settle(lab.clock.now());
  std::string body = R"({"effects":[)";
  for (const Effect& effect : lab.log.effects()) {
    if (body.back() != '[') body += ',';
    body += to_json(effect);
  }
  return {200, body + "]}"};
}

ControlReply show_invoice(const Laboratory& lab, const ControlRequest& request) {
  const std::string& number = request.captured.at("number");
  lab.world.settle(lab.clock.now());
  const Invoice* invoice = lab.world.invoice(number);
  if (invoice == nullptr) return control_error(404, Error{Errc::invalid_input, "sim.unknown", {}, number, {}, {}});
  leqi::InvoiceStatusRequest ask{invoice->seller.id, number};
  const leqi::InvoiceStatusReply status = lab.world.invoice_status(ask, lab.clock.now());
  json::array reds;
  for (const std::string& red : lab.world.reds_of(number)) reds.emplace_back(red);
  return answer(json::object{{"number", number},
                             {"seller", invoice->seller.id},
                             {"buyer", invoice->buyer.id},
                             {"amount", invoice->amount.text()},
                             {"tax", invoice->tax.text()},
                             {"status", status.status},
                             {"use", status.use},
                             {"booking", status.booking},
                             {"locked", status.locked},
                             {"left_amount", status.left_amount.text()},
                             {"left_tax", status.left_tax.text()},
                             {"reds", std::move(reds)}});
}

ControlReply judge(const Laboratory& lab, const ControlRequest& request) {
  const auto promises = read_promises(request.body);
  if (!promises) return control_error(400, promises.error());
  lab.world.settle(lab.clock.now());
  return {200, to_json(lab.log.judge(*promises))};
}

}  // namespace

void add_control_routes(Router& router, Laboratory lab) {
  router.add("POST", "/seed", [lab](const ControlRequest& r) { return seed(lab, r); });
  router.add("POST", "/counterparty", [lab](const ControlRequest& r) { return counterparty(lab, r); });
  router.add("POST", "/forms", [lab](const ControlRequest& r) { return raise_form(lab, r); });
  router.add("POST", "/forms/{uuid}/state", [lab](const ControlRequest& r) { return force_state(lab, r); });
  router.add("GET", "/forms", [lab](const ControlRequest&) {
    lab.world.settle(lab.clock.now());
    json::array forms;
    for (const FormRecord* record : lab.world.forms()) forms.push_back(form_json(*record));
    return answer(json::object{{"forms", std::move(forms)}});
  });
  router.add("GET", "/invoices/{number}", [lab](const ControlRequest& r) { return show_invoice(lab, r); });
  router.add("GET", "/clock", [lab](const ControlRequest&) { return answer(clock_json(lab.clock)); });
  router.add("POST", "/clock/advance", [lab](const ControlRequest& r) { return advance(lab, r); });
  router.add("POST", "/faults", [lab](const ControlRequest& r) { return add_faults(lab, r); });
  router.add("DELETE", "/faults", [lab](const ControlRequest&) {
    lab.faults.clear();
    return answer(json::object{{"faults", 0}});
  });
  router.add("GET", "/log", [lab](const ControlRequest&) { return show_log(lab); });
  router.add("GET", "/calls", [lab](const ControlRequest&) {
    json::object calls;
    for (const auto& [service, number] : lab.calls) calls[service] = number;
    return answer(calls);
  });
  router.add("POST", "/assert", [lab](const ControlRequest& r) { return judge(lab, r); });
}

}  // namespace taxgate::simulator
