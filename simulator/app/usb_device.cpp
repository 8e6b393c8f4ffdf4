#include "simulator/app/usb_device.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "daemon/core/clock.h"

namespace taxgate::simulator::app {
namespace {

Result<ScenarioKey> told_key(const Arguments& arguments) {
  ScenarioKey told;
  told.serial = arguments.option("serial").value_or("");
  told.taxpayer = arguments.option("taxpayer").value_or("");
  told.name = arguments.option("name").value_or(told.taxpayer);
  for (const auto& [name, value] : {std::pair{"--serial", &told.serial}, std::pair{"--taxpayer", &told.taxpayer}})
    if (value->empty()) return fail(Errc::invalid_input, "sim.arguments", name);
  told.disk = arguments.option("disk").value_or("");
  if (!told.disk.empty() && !is_disk_number(told.disk))
    return fail(Errc::invalid_input, "sim.arguments", "--disk", told.disk);
  return told;
}

Result<OpenedKey> key_in(const std::string& directory, const ScenarioKey& told) {
  std::error_code failed;
  for (const char* sub : {"", "/keys", "/pins"}) {
    std::filesystem::create_directories(directory + sub, failed);
    if (failed) return fail(Errc::retry_later, "sim.state_io", directory + sub, {}, {}, failed.message());
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const auto authority = KeyAuthority::open_or_create(directory, "key-ca", "key CA", now);
  if (!authority) return std::unexpected(authority.error());
  return open_key(directory, told, *authority, now);
}

/// The platform's clock where `up` keeps one in the directory, which may be advanced; else this machine's.
std::unique_ptr<LegalClock> clock_in(const std::string& directory) {
  if (auto virtual_clock = FileOffsetClock::open(directory + "/legal.clock")) return std::move(*virtual_clock);
  return std::make_unique<SystemLegalClock>();
}

UsbIdentity identity_of(const ScenarioKey& told, bool as_reader) {
  UsbIdentity identity;
  identity.serial = told.serial;
  if (as_reader) {
    identity.kind = UsbKind::card_reader;
    identity.product = kSimulatorReaderProduct;
    identity.product_name = kSimulatorReader;
  }
  return identity;
}

}  // namespace

UsbDevice::UsbDevice(ScenarioKey of, std::unique_ptr<LegalClock> time, OpenedKey opened, bool as_reader)
    : told(std::move(of)),
      clock(std::move(time)),
      key(std::move(opened)),
      target(*key.device),
      storage(target),
      reader(*key.device),
      usb(identity_of(told, as_reader), as_reader ? static_cast<UsbFunction&>(reader) : storage) {}

Result<std::unique_ptr<UsbDevice>> UsbDevice::open(const Arguments& arguments) {
  const auto given = arguments.option("dir");
  if (!given) return fail(Errc::invalid_input, "sim.arguments", "--dir");
  const std::string as = arguments.option("as").value_or("");
  if (as != "storage" && as != "reader") return fail(Errc::invalid_input, "sim.arguments", "--as", as);
  auto told = told_key(arguments);
  if (!told) return std::unexpected(told.error());
  const std::string directory = std::filesystem::absolute(*given).lexically_normal().string();
  auto key = key_in(directory, *told);
  if (!key) return std::unexpected(key.error());
  auto clock = clock_in(directory);
  if (!told->disk.empty()) {
    auto disk = open_disk(directory, *told, clock->now().ms);
    if (!disk) return std::unexpected(disk.error());
    key->device->carry_disk(std::move(*disk), *clock);
  }
  return std::unique_ptr<UsbDevice>(new UsbDevice(std::move(*told), std::move(clock), std::move(*key), as == "reader"));
}

}  // namespace taxgate::simulator::app
