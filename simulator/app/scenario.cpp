#include "simulator/app/scenario.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <set>

#include <fmt/format.h>

namespace taxgate::simulator::app {
namespace json = boost::json;
namespace {

struct DemoTaxpayer {
  std::string_view id, name;
};
// Invented identities of the sample invoices (organisation codes begin with TGDM).
constexpr DemoTaxpayer kDemoTaxpayers[] = {
    {"91310115TGDM00011U", "模拟制冷设备有限公司"},
    {"91340200TGDM0002XD", "模拟水泥股份有限公司"},
    {"91320106TGDM00038N", "模拟粮油贸易有限公司"},
};

std::unexpected<Error> bad(std::string field, std::string wanted = {}) {
  return fail(Errc::invalid_input, "sim.scenario", std::move(field), {}, std::move(wanted));
}

/// Reads members of one object; remembers the first mistake.
class Members {
 public:
  Members(const json::value& value, std::string path, std::initializer_list<std::string_view> known)
      : path_(std::move(path)) {
    object_ = value.if_object();
    if (!object_) {
      wrong("the whole", "an object");
      return;
    }
    for (const auto& member : *object_)
      if (std::ranges::find(known, std::string_view(member.key())) == known.end())
        wrong(member.key(), "left out: there is no such member");
  }

  const json::value* find(std::string_view name) const { return object_ ? object_->if_contains(name) : nullptr; }
  void text(std::string_view name, std::string& into) {
    const auto* v = find(name);
    if (!v) return;
    if (const auto* s = v->if_string())
      into.assign(s->data(), s->size());
    else
      wrong(name, "a string");
  }
  template <class Number>
  void number(std::string_view name, Number& into, std::uint64_t max) {
    const auto* v = find(name);
    if (!v) return;
    const auto n = v->is_int64() && v->get_int64() >= 0 ? static_cast<std::uint64_t>(v->get_int64())
                   : v->is_uint64()                     ? v->get_uint64()
                                                        : max + 1;
    if (n > max)
      wrong(name, fmt::format("a number from 0 to {}", max));
    else
      into = static_cast<Number>(n);
  }
  void flag(std::string_view name, bool& into) {
    const auto* v = find(name);
    if (!v) return;
    if (v->is_bool())
      into = v->get_bool();
    else
      wrong(name, "true or false");
  }
  /// One of the names; `into` becomes its position.
  template <class Enum>
  void choice(std::string_view name, Enum& into, std::initializer_list<std::string_view> names) {
    std::string chosen;
    text(name, chosen);
    if (chosen.empty()) return;
    const auto at = std::ranges::find(names, std::string_view(chosen));
    if (at == names.end())
      wrong(name, fmt::format("{}", fmt::join(names, ", ")));
    else
      into = static_cast<Enum>(at - names.begin());
  }
  void wrong(std::string_view name, std::string wanted) {
    if (!error_)
      error_ = Error{Errc::invalid_input, "sim.scenario", path_ + std::string(name), {}, std::move(wanted), {}};
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const json::object* object_ = nullptr;
  std::string path_;
  std::optional<Error> error_;
};

Result<json::value> parse(std::string_view text) {
  boost::system::error_code failed;
  json::value out = json::parse(json::string_view(text.data(), text.size()), failed);
  if (failed) return bad("the whole", "JSON: " + failed.message());
  return out;
}

Result<CardFault> read_fault(const json::value& value, const std::string& path) {
  Members in(value, path, {"kind", "ins", "nth", "count", "delay_ms", "direction", "counting", "at_byte", "replug_ms"});
  CardFault out;
  std::string kind, ins;
  in.text("kind", kind);
  in.text("ins", ins);
  if (const auto known = kind_of(kind))
    out.kind = *known;
  else
    in.wrong("kind", "delay, hang, unplug, drop, wrong_signature or pin_locked");
  if (!ins.empty()) {
    std::uint8_t code = 0;
    const auto [end, failed] = std::from_chars(ins.data(), ins.data() + ins.size(), code, 16);
    if (failed != std::errc() || end != ins.data() + ins.size()) in.wrong("ins", "two hexadecimal digits");
    out.ins = code;
  }
  constexpr std::uint64_t kMaxU32 = 0xFFFF'FFFF;
  in.number("nth", out.nth, kMaxU32);
  in.number("count", out.count, kMaxU32);
  in.number("delay_ms", out.delay_ms, kMaxU32);
  in.number("at_byte", out.at_byte, kMaxU32);
  in.number("replug_ms", out.replug_ms, kMaxU32);
  in.choice("direction", out.direction, {"command", "response"});
  in.choice("counting", out.counting, {"command", "link", "apdus"});
  if (in.error()) return std::unexpected(*in.error());
  return out;
}

Result<std::vector<CardFault>> read_faults(const json::value& value, const std::string& path) {
  std::vector<CardFault> out;
  if (const auto* array = value.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      auto fault = read_fault((*array)[i], fmt::format("{}[{}].", path, i));
      if (!fault) return std::unexpected(fault.error());
      out.push_back(*fault);
    }
    return out;
  }
  auto fault = read_fault(value, path.empty() ? path : path + ".");
  if (!fault) return std::unexpected(fault.error());
  return std::vector{*fault};
}

Result<ScenarioKey> read_key(const json::value& value, const std::string& path) {
  Members in(
      value, path,
      {"serial", "taxpayer", "name", "pin", "admin_pin", "max_tries", "certificate", "plugged", "disk", "faults"});
  ScenarioKey out;
  in.text("serial", out.serial);
  in.text("taxpayer", out.taxpayer);
  in.text("name", out.name);
  in.text("pin", out.pin);
  in.text("admin_pin", out.admin_pin);
  in.number("max_tries", out.max_tries, 15);
  in.choice("certificate", out.certificate, {"valid", "expired", "not_yet_valid", "foreign"});
  in.flag("plugged", out.plugged);
  in.text("disk", out.disk);
  if (!out.disk.empty() && !is_disk_number(out.disk)) in.wrong("disk", "a device number of 12 digits");
  if (out.serial.empty()) in.wrong("serial", "a serial number");
  if (out.taxpayer.empty()) in.wrong("taxpayer", "a taxpayer id");
  if (in.error()) return std::unexpected(*in.error());
  if (const auto* faults = in.find("faults")) {
    auto read = read_faults(*faults, path + "faults");
    if (!read) return std::unexpected(read.error());
    out.faults = std::move(*read);
  }
  if (out.name.empty()) out.name = out.taxpayer;
  return out;
}

}  // namespace

std::string_view certificate_kind_name(CertificateKind kind) {
  switch (kind) {
    case CertificateKind::valid:
      return "valid";
    case CertificateKind::expired:
      return "expired";
    case CertificateKind::not_yet_valid:
      return "not_yet_valid";
    case CertificateKind::foreign:
      return "foreign";
  }
  return "?";
}

bool is_disk_number(std::string_view text) {
  constexpr std::size_t kDigits = 12;
  return text.size() == kDigits && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<Scenario> ordinary_scenario(std::size_t keys) {
  if (keys > kMaxKeys) return bad("keys", fmt::format("at most {}", kMaxKeys));
  Scenario out;
  json::array taxpayers;
  for (std::size_t i = 0; i < keys; ++i) {
    const auto& who = kDemoTaxpayers[i % std::size(kDemoTaxpayers)];
    ScenarioKey key;
    key.serial = fmt::format("TGSIM{:04}", i + 1);
    key.taxpayer = who.id;
    key.name = who.name;
    out.keys.push_back(std::move(key));
  }
  for (const auto& who : kDemoTaxpayers)
    taxpayers.push_back(json::object{{"id", json::string_view(who.id.data(), who.id.size())},
                                     {"name", json::string_view(who.name.data(), who.name.size())}});
  out.platform_seed = json::serialize(json::object{{"taxpayers", taxpayers}});
  return out;
}

Result<Scenario> read_scenario(std::string_view text) {
  const auto value = parse(text);
  if (!value) return std::unexpected(value.error());
  Members in(*value, "", {"seed", "profile", "signature_header", "spare_slots", "keys", "platform"});
  Scenario out;
  bool leqi_shape = false;
  in.number("seed", out.seed, 0x7FFF'FFFF'FFFF'FFFF);
  in.choice("profile", leqi_shape, {"signed", "leqi-shape"});
  out.signed_profile = !leqi_shape;
  in.text("signature_header", out.signature_header);
  in.number("spare_slots", out.spare_slots, kMaxKeys);
  if (in.error()) return std::unexpected(*in.error());
  if (const auto* keys = in.find("keys")) {
    if (!keys->is_array()) return bad("keys", "an array");
    std::set<std::string> serials;
    for (std::size_t i = 0; i < keys->get_array().size(); ++i) {
      const std::string path = fmt::format("keys[{}].", i);
      auto key = read_key(keys->get_array()[i], path);
      if (!key) return std::unexpected(key.error());
      if (!serials.insert(key->serial).second) return bad(path + "serial", "a serial number of its own");
      out.keys.push_back(std::move(*key));
    }
  }
  if (out.keys.size() + out.spare_slots > kMaxKeys + 1)
    return bad("keys", fmt::format("at most {} slots", kMaxKeys + 1));
  if (const auto* platform = in.find("platform")) {
    Members bodies(*platform, "platform.", {"seed", "counterparty", "faults"});
    if (bodies.error()) return std::unexpected(*bodies.error());
    const auto body = [&](std::string_view name, std::string& into) {
      if (const auto* v = bodies.find(name)) into = json::serialize(*v);
    };
    body("seed", out.platform_seed);
    body("counterparty", out.platform_counterparty);
    body("faults", out.platform_faults);
  }
  return out;
}

Result<std::vector<CardFault>> read_card_faults(std::string_view text) {
  const auto value = parse(text);
  if (!value) return std::unexpected(value.error());
  return read_faults(*value, "");
}

}  // namespace taxgate::simulator::app
