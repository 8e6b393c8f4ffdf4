#include "simulator/app/commands.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "protocol/messages.h"
#include "simulator/app/control_client.h"
#include "simulator/app/junit.h"
#include "simulator/app/text_file.h"

namespace taxgate::simulator::app {
namespace json = boost::json;
namespace {

/// --control PORT, or the port of --dir's ready file.
Result<ControlClient> control_of(const Arguments& arguments) {
  if (arguments.has("control")) {
    const auto port = arguments.number("control", 0);
    if (!port) return std::unexpected(port.error());
    return ControlClient(static_cast<std::uint16_t>(*port));
  }
  const auto dir = arguments.option("dir");
  if (!dir) return fail(Errc::invalid_input, "sim.arguments", "--dir");
  const auto text = read_file(*dir + "/ready.json");
  if (!text) return fail(Errc::retry_later, "sim.not_running", *dir);
  boost::system::error_code failed;
  const json::value ready = json::parse(*text, failed);
  const auto* object = failed ? nullptr : ready.if_object();
  const auto* port = object ? object->if_contains("control_port") : nullptr;
  if (!port || !port->is_int64()) return fail(Errc::retry_later, "sim.not_running", *dir);
  return ControlClient(static_cast<std::uint16_t>(port->get_int64()));
}

/// Calls and returns the body of a 200; anything else has been told to the person already.
std::optional<std::string> ask(const Arguments& arguments, const std::string& method, const std::string& path,
                               const std::string& body = {}) {
  const auto control = control_of(arguments);
  const auto answer = control ? control->call(method, path, body) : std::unexpected(control.error());
  if (!answer) {
    complain(answer.error());
    return std::nullopt;
  }
  if (answer->status != 200) {
    fmt::print(stderr, "taxgate-sim: {} {}: {} {}\n", method, path, answer->status, answer->body);
    return std::nullopt;
  }
  return answer->body;
}

int show(const std::optional<std::string>& body) {
  if (!body) return 2;
  fmt::print("{}\n", *body);
  return 0;
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* v = object.if_contains(name);
  return !v ? std::string() : v->is_string() ? std::string(v->get_string()) : json::serialize(*v);
}

int list_keys(const Arguments& arguments) {
  const auto body = ask(arguments, "GET", "/keys");
  if (!body) return 2;
  boost::system::error_code failed;
  const json::value value = json::parse(*body, failed);
  const auto* keys = !failed && value.is_object() ? value.get_object().if_contains("keys") : nullptr;
  if (!keys || !keys->is_array()) return complain(Error{Errc::corrupt, "sim.control_answer", {}, {}, {}, {}});
  fmt::print("channel: simulator\n{:<12} {:<20} {:<32} {:<8} {:<9} {:<6} {}\n", "serial", "taxpayer", "reader",
             "plugged", "PIN left", "faults", "signed");
  for (const auto& entry : keys->get_array()) {
    const auto* key = entry.if_object();
    if (!key) continue;
    const auto* counters = key->if_contains("counters");
    fmt::print("{:<12} {:<20} {:<32} {:<8} {:<9} {:<6} {}\n", text_of(*key, "serial"), text_of(*key, "taxpayer"),
               text_of(*key, "reader"), text_of(*key, "plugged"), text_of(*key, "pin_tries_left"),
               text_of(*key, "faults"),
               counters && counters->is_object() ? text_of(counters->get_object(), "signatures") : "");
  }
  return 0;
}

/// The fault of --json, or one put together from --kind, --ins and so on.
Result<std::string> fault_body(const Arguments& arguments) {
  if (const auto given = arguments.option("json")) return *given;
  json::object fault;
  for (const char* name : {"kind", "ins", "direction", "counting"})
    if (const auto text = arguments.option(name)) fault[name] = *text;
  for (const std::string name : {"nth", "count", "delay-ms", "at-byte", "replug-ms"}) {
    if (!arguments.has(name)) continue;
    const auto number = arguments.number(name, 0);
    if (!number) return std::unexpected(number.error());
    std::string member = name;
    if (const auto dash = member.find('-'); dash != std::string::npos) member[dash] = '_';
    fault[member] = *number;
  }
  return json::serialize(fault);
}

/// "3" means exactly 3, "1+" one or more.
struct Expectation {
  std::int64_t least = 0;
  bool or_more = false;
  bool holds(std::int64_t found) const { return or_more ? found >= least : found == least; }
  std::string text() const { return fmt::format("{}{}", least, or_more ? " or more" : ""); }
};
Result<Expectation> expectation(const Arguments& arguments, const std::string& name) {
  std::string text = arguments.option(name).value_or("0");
  Expectation out;
  out.or_more = text.ends_with('+');
  if (out.or_more) text.pop_back();
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out.least);
  if (bad != std::errc() || end != text.data() + text.size() || out.least < 0)
    return fail(Errc::invalid_input, "sim.arguments", "--" + name, text);
  return out;
}

}  // namespace

int complain(const Error& error) {
  fmt::print(stderr, "taxgate-sim: {} [{}]\n", message_text(error, Language::english), error.id);
  if (!error.detail.empty()) fmt::print(stderr, "  {}\n", error.detail);
  const auto remedy = remedy_text(error, Language::english);
  if (!remedy.empty()) fmt::print(stderr, "  {}\n", remedy);
  return 2;
}

Result<std::int64_t> read_duration_ms(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t factor = unit.empty() || unit == "ms" ? 1
                              : unit == "s"                ? 1'000
                              : unit == "m"                ? 60'000
                              : unit == "h"                ? 3'600'000
                              : unit == "d"                ? 86'400'000
                                                           : 0;
  std::int64_t out = 0;
  if (bad != std::errc() || factor == 0 || __builtin_mul_overflow(value, factor, &out))
    return fail(Errc::invalid_input, "sim.arguments", "duration", std::string(text));
  return out;
}

int run_key(const Arguments& arguments) {
  const std::string verb = arguments.word(1), path = "/keys/" + arguments.word(2);
  if (verb == "list") return list_keys(arguments);
  if (arguments.word(2).empty()) return complain(Error{Errc::invalid_input, "sim.arguments", "SERIAL", {}, {}, {}});
  if (verb == "plug") {
    const auto slot = arguments.number("slot", 0);
    if (!slot) return complain(slot.error());
    return show(
        ask(arguments, "POST", path + "/plug", arguments.has("slot") ? fmt::format(R"({{"slot":{}}})", *slot) : "{}"));
  }
  if (verb == "unplug" || verb == "reset-counters") return show(ask(arguments, "POST", path + "/" + verb));
  if (verb == "show" || verb == "counters") return show(ask(arguments, "GET", path));
  if (verb == "clear-faults") return show(ask(arguments, "DELETE", path + "/faults"));
  if (verb == "pin") {
    const auto tries = arguments.number("tries-left", 0);
    if (!tries) return complain(tries.error());
    return show(ask(arguments, "POST", path + "/pin", fmt::format(R"({{"tries_left":{}}})", *tries)));
  }
  if (verb == "fault") {
    const auto body = fault_body(arguments);
    return body ? show(ask(arguments, "POST", path + "/fault", *body)) : complain(body.error());
  }
  return complain(Error{Errc::invalid_input, "sim.arguments", verb, {}, {}, {}});
}

int run_disk(const Arguments& arguments) {
  const std::string verb = arguments.word(1), path = "/keys/" + arguments.word(2) + "/disk";
  if (arguments.word(2).empty()) return complain(Error{Errc::invalid_input, "sim.arguments", "SERIAL", {}, {}, {}});
  if (verb == "show") return show(ask(arguments, "GET", path));
  json::object wish{{"do", verb}};
  const auto member = [](std::string name) {
    std::ranges::replace(name, '-', '_');
    return name;
  };
  for (const char* name : {"type", "lock-date", "window-start", "window-end", "upload-deadline", "offline-since",
                           "next", "amount", "code"})
    if (const auto text = arguments.option(name)) wish[member(name)] = *text;
  for (const char* name : {"count", "offline-hours", "offline-count", "offline-count-limit"}) {
    if (!arguments.has(name)) continue;
    const auto number = arguments.number(name, 0);
    if (!number) return complain(number.error());
    wish[member(name)] = *number;
  }
  if (arguments.has("red")) wish["red"] = true;
  return show(ask(arguments, "POST", path, json::serialize(wish)));
}

int run_clock(const Arguments& arguments) {
  if (arguments.word(1) == "show") return show(ask(arguments, "GET", "/clock"));
  if (arguments.word(1) != "advance") return complain(Error{Errc::invalid_input, "sim.arguments", "clock", {}, {}, {}});
  const auto ms = read_duration_ms(arguments.word(2));
  return ms ? show(ask(arguments, "POST", "/clock/advance", fmt::format(R"({{"ms":{}}})", *ms))) : complain(ms.error());
}

int run_seed(const Arguments& arguments) {
  const auto body = read_file(arguments.word(1));
  return body ? show(ask(arguments, "POST", "/seed", *body)) : complain(body.error());
}

int run_fault(const Arguments& arguments) {
  if (arguments.word(1) == "clear") return show(ask(arguments, "DELETE", "/faults"));
  const auto body = read_file(arguments.word(1));
  return body ? show(ask(arguments, "POST", "/faults", *body)) : complain(body.error());
}

int run_assert(const Arguments& arguments) {
  const auto promises = read_file(arguments.option("promises").value_or(""));
  const auto lost = expectation(arguments, "lost"), doubled = expectation(arguments, "doubled");
  for (const Error* error :
       {promises ? nullptr : &promises.error(), lost ? nullptr : &lost.error(), doubled ? nullptr : &doubled.error()})
    if (error) return complain(*error);
  const auto body = ask(arguments, "POST", "/assert", *promises);
  if (!body) return 2;
  boost::system::error_code failed;
  const json::value value = json::parse(*body, failed);
  const auto number = [&](std::string_view name) -> std::int64_t {
    const auto* v = !failed && value.is_object() ? value.get_object().if_contains(name) : nullptr;
    return v && v->is_int64() ? v->get_int64() : -1;
  };
  const std::int64_t found_lost = number("lost"), found_doubled = number("doubled");
  if (found_lost < 0 || found_doubled < 0) return complain(Error{Errc::corrupt, "sim.control_answer", {}, {}, {}, {}});
  const std::vector<JunitCase> cases{
      {"lost submissions", lost->holds(found_lost), fmt::format("lost {}, expected {}", found_lost, lost->text())},
      {"doubled submissions", doubled->holds(found_doubled),
       fmt::format("doubled {}, expected {}", found_doubled, doubled->text())}};
  if (const auto file = arguments.option("junit"))
    if (auto written = write_junit(*file, "taxgate-sim assert", cases, *body); !written)
      return complain(written.error());
  fmt::print("{}\n", *body);
  bool all = true;
  for (const auto& c : cases) {
    if (!c.passed) fmt::print(stderr, "taxgate-sim: {}\n", c.what);
    all = all && c.passed;
  }
  return all ? 0 : 1;
}

}  // namespace taxgate::simulator::app
