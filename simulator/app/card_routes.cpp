#include "simulator/app/card_routes.h"

#include <boost/json.hpp>

#include <algorithm>

#include "simulator/app/simulator.h"
#include "simulator/platform/control.h"

namespace taxgate::simulator::app {
namespace json = boost::json;
namespace {

json::object counters_json(const VirtualKey::Counters& c) {
  return {{"commands", c.commands},
          {"power_ons", c.power_ons},
          {"resets", c.resets},
          {"verify_attempts", c.verify_attempts},
          {"verify_failures", c.verify_failures},
          {"signatures", c.signatures}};
}

json::object key_json(Simulator& simulator, const Simulator::Key& key) {
  const auto pin = key.device->user_pin();
  const auto bytes = key.card->stream_bytes();
  const auto& slots = simulator.pcscd().slots();
  const auto slot = std::ranges::find(slots, key.card->port(), &PrivatePcscd::Slot::port);
  return {{"serial", key.told.serial},
          {"taxpayer", key.told.taxpayer},
          {"certificate", std::string(certificate_kind_name(key.told.certificate))},
          {"reader", slot == slots.end() ? std::string() : slot->reader},
          {"slot", slot - slots.begin()},
          {"plugged", key.card->plugged()},
          {"connected", key.card->connected()},
          {"pin_tries_left", pin.tries_left},
          {"pin_max_tries", pin.max_tries},
          {"faults", key.card->fault_count()},
          {"bytes", json::object{{"to_card", bytes.to_card.link},
                                 {"to_card_apdus", bytes.to_card.apdus},
                                 {"from_card", bytes.from_card.link},
                                 {"from_card_apdus", bytes.from_card.apdus}}},
          {"counters", counters_json(key.device->counters())}};
}

/// A whole number ≥ 0 of the body's object; -1 when it is not there, -2 when it is something else.
std::int64_t number_in(const std::string& body, std::string_view name) {
  if (body.empty()) return -1;
  boost::system::error_code failed;
  const json::value value = json::parse(body, failed);
  if (failed || !value.is_object()) return -2;
  const auto* member = value.get_object().if_contains(name);
  if (!member) return value.get_object().empty() ? -1 : -2;
  return member->is_int64() && member->get_int64() >= 0 ? member->get_int64() : -2;
}

Error mistake(std::string field, std::string wanted) {
  return Error{Errc::invalid_input, "sim.scenario", std::move(field), {}, std::move(wanted), {}};
}

ControlReply plug(Simulator& simulator, Simulator::Key& key, const ControlRequest& request) {
  const auto slot = number_in(request.body, "slot");
  const auto& slots = simulator.pcscd().slots();
  if (slot == -2 || slot >= static_cast<std::int64_t>(slots.size()))
    return control_error(400, mistake("slot", "a slot's number"));
  const auto port = slot < 0 ? key.card->port() : slots[static_cast<std::size_t>(slot)].port;
  for (const auto& other : simulator.keys())
    if (&other != &key && other.card->plugged() && other.card->port() == port)
      return control_error(409, mistake("slot", "a slot that is empty"));
  if (port != key.card->port()) key.card->move_to(port);
  key.card->plug();
  return {};
}

ControlReply add_faults(Simulator::Key& key, const ControlRequest& request) {
  const auto faults = read_card_faults(request.body);
  if (!faults) return control_error(400, faults.error());
  for (const auto& fault : *faults) key.card->add_fault(fault);
  return {};
}

ControlReply set_tries(Simulator::Key& key, const ControlRequest& request) {
  const auto tries = number_in(request.body, "tries_left");
  if (tries < 0) return control_error(400, mistake("tries_left", "a number"));
  if (auto done = key.device->set_tries_left(static_cast<unsigned>(std::min<std::int64_t>(tries, 15))); !done)
    return control_error(500, done.error());
  return {};
}

}  // namespace

void add_card_routes(Simulator& simulator) {
  simulator.platform().add_route("GET", "/keys", [&simulator](const ControlRequest&) -> ControlReply {
    json::array keys;
    for (const auto& key : simulator.keys()) keys.push_back(key_json(simulator, key));
    return {200, json::serialize(json::object{{"keys", std::move(keys)}})};
  });
  // Every other endpoint names one key, acts, and answers with the key as it is then.
  const auto add = [&simulator](const char* method, const char* path, auto act) {
    simulator.platform().add_route(method, path, [&simulator, act](const ControlRequest& request) -> ControlReply {
      Simulator::Key* key = simulator.find(request.captured.at("serial"));
      if (!key)
        return control_error(404,
                             Error{Errc::invalid_input, "sim.unknown_key", {}, request.captured.at("serial"), {}, {}});
      if (ControlReply reply = act(*key, request); reply.status != 200) return reply;
      return {200, json::serialize(key_json(simulator, *key))};
    });
  };
  using Key = Simulator::Key;
  using Request = ControlRequest;
  add("GET", "/keys/{serial}", [](Key&, const Request&) { return ControlReply{}; });
  add("GET", "/keys/{serial}/counters", [](Key&, const Request&) { return ControlReply{}; });
  add("POST", "/keys/{serial}/plug", [&simulator](Key& key, const Request& r) { return plug(simulator, key, r); });
  add("POST", "/keys/{serial}/unplug", [](Key& key, const Request&) {
    key.card->unplug();
    return ControlReply{};
  });
  add("POST", "/keys/{serial}/fault", [](Key& key, const Request& r) { return add_faults(key, r); });
  add("DELETE", "/keys/{serial}/faults", [](Key& key, const Request&) {
    key.card->clear_faults();
    return ControlReply{};
  });
  add("POST", "/keys/{serial}/pin", [](Key& key, const Request& r) { return set_tries(key, r); });
  add("POST", "/keys/{serial}/reset-counters", [](Key& key, const Request&) {
    key.device->reset_counters();
    return ControlReply{};
  });
}

}  // namespace taxgate::simulator::app
