#include "simulator/app/simulator.h"

#include <unistd.h>

#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "simulator/app/card_routes.h"
#include "simulator/app/control_client.h"
#include "simulator/app/disk_routes.h"
#include "simulator/app/key_file.h"
#include "simulator/device/state_file.h"

namespace taxgate::simulator::app {
namespace fs = std::filesystem;
namespace json = boost::json;
namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<std::unique_ptr<Simulator>> Simulator::start(Options options) {
  std::unique_ptr<Simulator> out(new Simulator(std::move(options)));
  for (const auto step : {&Simulator::prepare_directory, &Simulator::start_pcscd, &Simulator::make_keys,
                          &Simulator::start_platform, &Simulator::play_in})
    if (auto done = (out.get()->*step)(); !done) return std::unexpected(done.error());
  if (auto written = write_file_atomically(out->ready_path(), out->ready_json(), 0644); !written)
    return std::unexpected(written.error());
  return out;
}

Simulator::~Simulator() {
  std::error_code ignored;
  fs::remove(ready_path(), ignored);
  for (auto& key : keys_) key.card->unplug();  // a tax disk reads the platform's clock
  platform_.reset();
}

Result<void> Simulator::prepare_directory() {
  std::error_code failed;
  for (const char* sub : {"", "/keys", "/pins", "/pcsc"}) {
    const std::string path = options_.directory + sub;
    fs::create_directories(path, failed);
    if (failed) return fail(Errc::retry_later, "sim.state_io", path, {}, {}, failed.message());
  }
  for (const char* closed : {"/keys", "/pins"})
    fs::permissions(options_.directory + closed, fs::perms::owner_all, fs::perm_options::replace, failed);
  fs::remove(ready_path(), failed);  // of a run that was killed
  const auto now = now_ms();
  auto own = KeyAuthority::open_or_create(options_.directory, "key-ca", "key CA", now);
  auto foreign = KeyAuthority::open_or_create(options_.directory, "foreign-key-ca", "foreign key CA", now);
  if (!own) return std::unexpected(own.error());
  if (!foreign) return std::unexpected(foreign.error());
  authority_.emplace(std::move(*own));
  foreign_.emplace(std::move(*foreign));
  return {};
}

/// None when the scenario wants no slot: the keys are elsewhere, and no pcscd need be installed.
Result<void> Simulator::start_pcscd() {
  const std::size_t slots = options_.scenario.keys.size() + options_.scenario.spare_slots;
  if (slots == 0) return {};
  auto pcscd = PrivatePcscd::start(
      {.directory = options_.directory + "/pcsc", .readers = static_cast<unsigned>((slots + 1) / 2)});
  if (!pcscd) return std::unexpected(pcscd.error());
  pcscd_ = std::move(*pcscd);
  return {};
}

Result<void> Simulator::make_keys() {
  for (std::size_t i = 0; i < options_.scenario.keys.size(); ++i) {
    Key key;
    key.told = options_.scenario.keys[i];
    const auto& issuer = key.told.certificate == CertificateKind::foreign ? *foreign_ : *authority_;
    auto opened = open_key(options_.directory, key.told, issuer, now_ms());
    if (!opened) return std::unexpected(opened.error());
    key.pin_file = std::move(opened->pin_file);
    key.told.pin.clear();
    key.told.admin_pin.clear();
    key.device = std::move(opened->device);
    key.card = std::make_unique<VpcdCard>(*key.device, "127.0.0.1", pcscd_->slots()[i].port);
    for (const auto& fault : key.told.faults) key.card->add_fault(fault);
    if (key.told.plugged) key.card->plug();
    keys_.push_back(std::move(key));
  }
  return {};
}

Result<void> Simulator::start_platform() {
  PlatformOptions options;
  options.port = options_.platform_port;
  options.control_port = options_.control_port;
  options.directory = options_.directory;
  options.profile = options_.scenario.signed_profile ? Profile::signed_ : Profile::leqi_shape;
  options.signature_header = options_.scenario.signature_header;
  options.key_ca_der = authority_->certificate();
  options.seed = options_.scenario.seed;
  auto platform = Platform::start(std::move(options));
  if (!platform) return std::unexpected(platform.error());
  platform_ = std::move(*platform);
  const std::string sm4 = hex(platform_->sm4_key());
  if (auto r = write_file_atomically(options_.directory + "/platform-sm4.key", sm4, 0600); !r) return r;
  if (auto r = make_disks(); !r) return r;
  add_card_routes(*this);
  add_disk_routes(*this);
  return {};
}

/// After the platform: its legal clock is the disks' own.
Result<void> Simulator::make_disks() {
  for (Key& key : keys_) {
    if (key.told.disk.empty()) continue;
    auto disk = open_disk(options_.directory, key.told, platform_->clock().now().ms);
    if (!disk) return std::unexpected(disk.error());
    key.device->carry_disk(std::move(*disk), platform_->clock());
  }
  return {};
}

/// The scenario's platform part goes in by the door everybody uses.
Result<void> Simulator::play_in() {
  const ControlClient control(platform_->control_port());
  const auto post = [&](const char* path, const std::string& body) -> Result<void> {
    if (body.empty()) return {};
    const auto answer = control.call("POST", path, body);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200)
      return fail(Errc::invalid_input, "sim.scenario", std::string("platform") + path, {}, "acceptable to the platform",
                  answer->body);
    return {};
  };
  const Scenario& scenario = options_.scenario;
  if (auto r = post("/seed", scenario.platform_seed); !r) return r;
  if (auto r = post("/counterparty", scenario.platform_counterparty); !r) return r;
  return post("/faults", scenario.platform_faults);
}

Simulator::Key* Simulator::find(std::string_view serial) {
  const auto at = std::ranges::find_if(keys_, [&](const Key& key) { return key.told.serial == serial; });
  return at == keys_.end() ? nullptr : &*at;
}

std::string Simulator::ready_json() const {
  const std::string& dir = options_.directory;
  json::array keys, taxpayers;
  std::set<std::string> named;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const Key& key = keys_[i];
    if (named.insert(key.told.taxpayer).second)
      taxpayers.push_back(json::object{{"id", key.told.taxpayer}, {"name", key.told.name}});
    keys.push_back(json::object{{"serial", key.told.serial},
                                {"taxpayer", key.told.taxpayer},
                                {"name", key.told.name},
                                {"reader", pcscd_->slots()[i].reader},
                                {"slot", i},
                                {"pin_file", key.pin_file},
                                {"application", key.device->application()},
                                {"container", key.device->container()},
                                {"certificate", std::string(certificate_kind_name(key.told.certificate))}});
  }
  json::object out{{"channel", "simulator"},
                   {"pid", ::getpid()},
                   {"platform_url", fmt::format("https://127.0.0.1:{}", platform_->port())},
                   {"platform_port", platform_->port()},
                   {"platform_ca", platform_->ca_path()},
                   {"platform_profile", options_.scenario.signed_profile ? "signed" : "leqi-shape"},
                   {"signature_header", options_.scenario.signature_header},
                   {"sm4_key_file", dir + "/platform-sm4.key"},
                   {"control_url", fmt::format("http://127.0.0.1:{}", platform_->control_port())},
                   {"control_port", platform_->control_port()},
                   {"legal_clock", platform_->clock_path()},
                   {"request_log", platform_->log_path()},
                   {"key_ca", dir + "/key-ca.pem"},
                   {"pcsc_socket", pcscd_ ? pcscd_->socket() : std::string()},
                   {"taxpayers", std::move(taxpayers)},
                   {"keys", std::move(keys)}};
  return json::serialize(out) + "\n";
}

}  // namespace taxgate::simulator::app
