#include "simulator/device/card_content.h"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/device/state_file.h"

namespace taxgate::simulator {
namespace {

constexpr unsigned long kMaxStored = 64;  // applications, containers or files read back; a card never has more

void store_pin(StateFile& file, const std::string& prefix, const CardPin& pin) {
  file.set(prefix + "key", hex(pin.key));
  file.set(prefix + "max", fmt::to_string(pin.max_tries));
  file.set(prefix + "left", fmt::to_string(pin.tries_left));
  file.set(prefix + "initial", pin.initial ? "1" : "0");
}

bool load_pin(const StateFile& file, const std::string& prefix, CardPin& pin) {
  const auto key = from_hex(file.get(prefix + "key"));
  const auto max = file.get_number(prefix + "max"), left = file.get_number(prefix + "left");
  if (!key || key->size() != pin.key.size() || max == 0 || max > 15 || left > max) return false;
  std::ranges::copy(*key, pin.key.begin());
  pin.max_tries = static_cast<std::uint8_t>(max);
  pin.tries_left = static_cast<std::uint8_t>(left);
  pin.initial = file.get(prefix + "initial") == "1";
  return true;
}

/// Text may hold anything: it is stored in hex.
void store_text(StateFile& file, const std::string& key, std::string_view text) { file.set(key, hex(as_bytes(text))); }
std::string load_text(const StateFile& file, const std::string& key) {
  const auto bytes = from_hex(file.get(key));
  return bytes ? std::string(as_text(*bytes)) : std::string();
}

bool load_application(const StateFile& file, const std::string& prefix, CardApplication& app) {
  app.name = load_text(file, prefix + "name");
  if (app.name.empty() || !load_pin(file, prefix + "admin.", app.admin) || !load_pin(file, prefix + "user.", app.user))
    return false;
  const auto containers = file.get_number(prefix + "containers"), files = file.get_number(prefix + "files");
  if (containers > kMaxStored || files > kMaxStored) return false;
  for (unsigned long i = 0; i < containers; ++i) {
    const std::string at = fmt::format("{}container.{}.", prefix, i);
    const auto scalar = from_hex(file.get(at + "scalar")), certificate = from_hex(file.get(at + "certificate"));
    if (!scalar || !certificate) return false;
    auto key = Sm2Key::from_scalar(*scalar);
    if (!key) return false;
    app.containers.push_back({load_text(file, at + "name"), std::move(*key), *certificate});
  }
  for (unsigned long i = 0; i < files; ++i) {
    const std::string at = fmt::format("{}file.{}.", prefix, i);
    const auto info = from_hex(file.get(at + "info")), data = from_hex(file.get(at + "data"));
    if (!info || !data) return false;
    const auto read = gmt0017::read_file_info(*info);
    if (!read || read->size != data->size()) return false;
    app.files.push_back({*read, *data});
  }
  return true;
}

CardPin fresh_pin(std::string_view pin, std::uint8_t max_tries) {
  return {gmt0017::pin_key(as_bytes(pin)), max_tries, max_tries, true};
}

bool is_serial(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
  });
}
bool is_pin(std::string_view pin) { return pin.size() >= gmt0017::kPinMin && pin.size() <= gmt0017::kPinMax; }
/// X.520 bounds what a certificate can carry: serialNumber and organizationName 64 characters each.
bool fits_certificate(std::string_view text) {
  const auto characters = std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; });
  return characters >= 1 && characters <= 64;
}
bool is_name(std::string_view name) { return !name.empty() && name.size() <= gmt0017::kMaxName; }

}  // namespace

Result<CardContent> CardContent::personalise(const KeyDefinition& d, const KeyAuthority& issuer) {
  const auto bad = [](const char* field) { return fail(Errc::invalid_input, "sim.key_definition", field); };
  if (!is_serial(d.serial)) return bad("serial");
  if (!fits_certificate(d.taxpayer)) return bad("taxpayer");
  if (!fits_certificate(d.name)) return bad("name");
  if (!is_pin(d.pin)) return bad("pin");
  if (!is_pin(d.admin_pin)) return bad("admin_pin");
  if (!is_name(d.application)) return bad("application");
  if (!is_name(d.container)) return bad("container");
  if (d.max_tries == 0 || d.max_tries > 15) return bad("max_tries");
  if (d.valid_until_ms <= d.valid_from_ms) return bad("valid_until");

  CardApplication app;
  app.name = d.application;
  app.admin = fresh_pin(d.admin_pin, d.max_tries);
  app.user = fresh_pin(d.pin, d.max_tries);
  Sm2Key key = Sm2Key::generate();
  Bytes certificate = issuer.issue(key, {d.taxpayer, d.name, d.serial, d.valid_from_ms, d.valid_until_ms});
  app.containers.push_back({d.container, std::move(key), std::move(certificate)});
  CardContent out{d.serial, d.taxpayer, "Taxgate virtual key", {}};
  out.applications.push_back(std::move(app));
  return out;
}

Result<CardContent> CardContent::load(const std::string& path) {
  const auto file = StateFile::load(path);
  if (!file) return std::unexpected(file.error());
  CardContent out{load_text(*file, "serial"), load_text(*file, "taxpayer"), load_text(*file, "label"), {}};
  const auto applications = file->get_number("applications");
  if (!is_serial(out.serial) || applications == 0 || applications > kMaxStored)
    return fail(Errc::corrupt, "sim.state_format", path);
  for (unsigned long i = 0; i < applications; ++i) {
    CardApplication app;
    if (!load_application(*file, fmt::format("application.{}.", i), app))
      return fail(Errc::corrupt, "sim.state_format", path);
    out.applications.push_back(std::move(app));
  }
  return out;
}

Result<void> CardContent::save(const std::string& path) const {
  StateFile file;
  store_text(file, "serial", serial);
  store_text(file, "taxpayer", taxpayer);
  store_text(file, "label", label);
  file.set("applications", fmt::to_string(applications.size()));
  for (std::size_t a = 0; a < applications.size(); ++a) {
    const CardApplication& app = applications[a];
    const std::string prefix = fmt::format("application.{}.", a);
    store_text(file, prefix + "name", app.name);
    store_pin(file, prefix + "admin.", app.admin);
    store_pin(file, prefix + "user.", app.user);
    file.set(prefix + "containers", fmt::to_string(app.containers.size()));
    for (std::size_t i = 0; i < app.containers.size(); ++i) {
      const std::string at = fmt::format("{}container.{}.", prefix, i);
      store_text(file, at + "name", app.containers[i].name);
      file.set(at + "scalar", hex(app.containers[i].key.scalar()));
      file.set(at + "certificate", hex(app.containers[i].certificate));
    }
    file.set(prefix + "files", fmt::to_string(app.files.size()));
    for (std::size_t i = 0; i < app.files.size(); ++i) {
      const std::string at = fmt::format("{}file.{}.", prefix, i);
      file.set(at + "info", hex(gmt0017::encode_file_info(app.files[i].info)));
      file.set(at + "data", hex(app.files[i].data));
    }
  }
  return file.save(path);
}

std::size_t CardContent::file_bytes() const {
  std::size_t sum = 0;
  for (const auto& app : applications)
    for (const auto& file : app.files) sum += file.data.size();
  return sum;
}

}  // namespace taxgate::simulator
