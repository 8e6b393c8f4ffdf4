#include "simulator/platform/night_control.h"

#include <map>

#include "simulator/platform/members.h"

namespace taxgate::simulator {
namespace {

using leqi::Direction;

// What fits a laboratory: ten years of ten million, and a page that the largest answer holds.
constexpr std::int64_t kMaxInvoices = 100'000'000, kMaxPackage = 50'000, kLongestMs = 365LL * 24 * 3'600'000;

Result<json::value> body_of(const ControlRequest& request) {
  boost::system::error_code ec;
  json::value value = json::parse(request.body, ec);
  if (ec || !value.is_object()) return refuse_seed("body", ec ? ec.message() : "not an object");
  return value;
}

/// An array of texts; absent is empty.
std::vector<std::string> texts(Members& m, std::string_view name) {
  std::vector<std::string> out;
  const json::value* v = m.find(name);
  if (v == nullptr) return out;
  if (!v->is_array()) return m.wrong(name), out;
  for (const json::value& item : v->get_array()) {
    if (!item.is_string()) return m.wrong(name), out;
    out.emplace_back(item.get_string());
  }
  return out;
}

std::uint64_t natural(Members& m, std::string_view name, std::int64_t otherwise, std::int64_t largest) {
  const std::int64_t n = m.number(name, otherwise);
  if (n < 0 || n > largest) m.wrong(name);
  return static_cast<std::uint64_t>(n);
}

double percent(Members& m) {
  const json::value* v = m.find("percent");
  if (v == nullptr) return 0;
  boost::system::error_code ec;
  const double p = v->to_number<double>(ec);
  if (ec || p < 0 || p > 100) m.wrong("percent");
  return p;
}

std::optional<Direction> direction_of(std::string_view name) {
  if (name == "issued") return Direction::issued;
  if (name == "received") return Direction::received;
  return std::nullopt;
}

LegalTime month(Members& m, std::string_view name, LegalTime otherwise) {
  const std::string text = m.text(name);
  if (text.empty()) return otherwise;
  const auto parsed = LegalTime::parse(text + "-01");
  if (!parsed) m.wrong(name);
  return parsed.value_or(otherwise);
}

std::vector<Party> parties(Members& m) {
  std::vector<Party> out;
  const json::value* v = m.find("taxpayers");
  if (v == nullptr || !v->is_array()) return m.wrong("taxpayers"), out;
  for (const json::value& item : v->get_array()) {
    if (!item.is_object()) return m.wrong("taxpayers"), out;
    Members one{item.get_object(), "taxpayers.", {}};
    one.only({"id", "name"});
    out.push_back({one.text("id"), one.text("name")});
    if (out.back().id.empty()) one.wrong("id");
    if (one.error && !m.error) m.error = one.error;
  }
  return out;
}

ControlReply populate(NightServices& night, const LegalClockFile& clock, const ControlRequest& request) {
  const auto body = body_of(request);
  if (!body) return control_error(400, body.error());
  Members m{body->get_object(), {}, {}};
  m.only({"seed", "taxpayers", "directions", "types", "from", "to", "count"});
  Population::Order order;
  order.seed = natural(m, "seed", 1, INT64_MAX);
  order.taxpayers = parties(m);
  for (const std::string& name : texts(m, "directions")) {
    const auto direction = direction_of(name);
    if (!direction) m.wrong("directions");
    order.directions.push_back(direction.value_or(Direction::issued));
  }
  if (order.directions.empty()) order.directions = {Direction::issued, Direction::received};
  order.types = texts(m, "types");
  if (order.types.empty()) order.types = {"81", "82"};
  for (const std::string& type : order.types)
    if (type.size() != 2) m.wrong("types");
  order.first_month = month(m, "from", clock.now());
  order.last_month = month(m, "to", order.first_month);
  order.count = natural(m, "count", 0, kMaxInvoices);
  order.until = clock.now();  // nobody issues tomorrow's invoices
  if (order.count == 0) m.wrong("count");
  if (order.last_month < order.first_month || order.last_month > clock.now()) m.wrong("to");
  if (order.taxpayers.empty()) m.wrong("taxpayers");
  if (m.error) return control_error(400, *m.error);
  const std::uint64_t added = night.add(order);
  return {200, json::serialize(json::object{{"added", added}, {"invoices", night.population().size()}})};
}

ControlReply change(NightServices& night, World& world, const LegalClockFile& clock, const ControlRequest& request) {
  const auto body = body_of(request);
  if (!body) return control_error(400, body.error());
  Members m{body->get_object(), {}, {}};
  m.only({"seed", "percent", "what", "taxpayer", "clustered", "numbers"});
  Population::Change order;
  order.seed = natural(m, "seed", 1, INT64_MAX);
  order.percent = percent(m);
  order.taxpayer = m.text("taxpayer");
  order.clustered = m.flag("clustered", false);
  for (const std::string& name : texts(m, "what")) {
    const auto deed = deed_of(name);
    if (!deed) m.wrong("what");
    order.deeds.push_back(deed.value_or(Deed::lock));
  }
  const std::vector<std::string> numbers = texts(m, "numbers");
  if (order.deeds.empty()) m.wrong("what");
  if (m.error) return control_error(400, *m.error);
  world.settle(clock.now());
  std::uint64_t changed = 0;
  for (const std::string& number : numbers)
    for (const Deed deed : order.deeds) changed += night.change(number, deed, clock.now()) ? 1 : 0;
  if (order.percent > 0) changed += night.change(order, clock.now());
  return {200, json::serialize(json::object{{"changed", changed}})};
}

ControlReply behave(NightServices& night, const ControlRequest& request) {
  const auto body = body_of(request);
  if (!body) return control_error(400, body.error());
  Members m{body->get_object(), {}, {}};
  m.only({"package_size", "ready_polls", "ready_ms", "receipt_ms", "calls", "window_ms"});
  NightBehaviour b;
  b.package_size = static_cast<std::uint32_t>(natural(m, "package_size", b.package_size, kMaxPackage));
  b.ready_polls = static_cast<unsigned>(natural(m, "ready_polls", b.ready_polls, 1000));
  b.ready_ms = static_cast<std::int64_t>(natural(m, "ready_ms", b.ready_ms, kLongestMs));
  b.receipt_ms = static_cast<std::int64_t>(natural(m, "receipt_ms", b.receipt_ms, kLongestMs));
  b.calls = static_cast<std::uint32_t>(natural(m, "calls", b.calls, 1'000'000));
  b.window_ms = static_cast<std::int64_t>(natural(m, "window_ms", b.window_ms, kLongestMs));
  if (b.package_size == 0) m.wrong("package_size");
  if (m.error) return control_error(400, *m.error);
  night.behave(b);
  return {200, "{}"};
}

ControlReply overview(const NightServices& night) {
  json::object taxpayers;
  for (const Lot& lot : night.population().lots()) {
    json::object& one = taxpayers[lot.taxpayer.id].is_object() ? taxpayers[lot.taxpayer.id].get_object()
                                                               : taxpayers[lot.taxpayer.id].emplace_object();
    const bool issued = lot.direction == Direction::issued;
    json::value& count = one[issued ? "issued" : "received"];
    count = (count.is_uint64() ? count.get_uint64() : 0) + lot.status.size();
    one[issued ? "changes_issued" : "changes_received"] = night.changes(lot.taxpayer.id, lot.direction);
  }
  return {200,
          json::serialize(json::object{{"invoices", night.population().size()}, {"taxpayers", std::move(taxpayers)}})};
}

ControlReply statuses(const NightServices& night, World& world, const LegalClockFile& clock,
                      const ControlRequest& request) {
  const auto direction = direction_of(request.captured.at("direction"));
  if (!direction) return control_error(400, refuse_seed("direction", "issued or received").error());
  world.settle(clock.now());
  json::array lines;
  for (const std::string& line : night.statuses(request.captured.at("taxpayer"), *direction)) lines.emplace_back(line);
  return {200, json::serialize(json::object{{"statuses", std::move(lines)}})};
}

}  // namespace

void add_night_routes(Router& router, NightServices& night, World& world, LegalClockFile& clock) {
  router.add("POST", "/population", [&](const ControlRequest& r) { return populate(night, clock, r); });
  router.add("GET", "/population", [&](const ControlRequest&) { return overview(night); });
  router.add("POST", "/population/change", [&](const ControlRequest& r) { return change(night, world, clock, r); });
  router.add("GET", "/population/{taxpayer}/{direction}",
             [&](const ControlRequest& r) { return statuses(night, world, clock, r); });
  router.add("POST", "/listing", [&](const ControlRequest& r) { return behave(night, r); });
}

}  // namespace taxgate::simulator
