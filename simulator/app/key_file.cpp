#include "simulator/app/key_file.h"

#include <openssl/rand.h>

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "simulator/app/text_file.h"
#include "simulator/device/state_file.h"

namespace taxgate::simulator::app {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kKeyDays = 3 * 365;  // as real key certificates; virtual days may pass quickly

std::string random_digits(std::size_t count) {
  std::string out;
  while (out.size() < count) {
    std::uint8_t byte = 0;
    if (RAND_bytes(&byte, 1) == 1 && byte < 250)
      out.push_back(static_cast<char>('0' + byte % 10));  // 250 = 25 × 10: no bias
  }
  return out;
}

void set_validity(KeyDefinition& key, CertificateKind kind, std::int64_t now) {
  key.valid_from_ms = now - kDayMs;
  key.valid_until_ms = now + kKeyDays * kDayMs;
  if (kind == CertificateKind::expired) {
    key.valid_from_ms = now - kKeyDays * kDayMs;
    key.valid_until_ms = now - kDayMs;
  } else if (kind == CertificateKind::not_yet_valid) {
    key.valid_from_ms = now + 30 * kDayMs;
  }
}

Result<std::string> pin_of(const ScenarioKey& told, const std::string& file) {
  if (!told.pin.empty()) return told.pin;
  if (!std::filesystem::exists(file)) return random_digits(8);
  return read_file(file);
}

}  // namespace

Result<OpenedKey> open_key(const std::string& directory, const ScenarioKey& told, const KeyAuthority& issuer,
                           std::int64_t now_ms) {
  OpenedKey out;
  out.pin_file = fmt::format("{}/pins/{}.pin", directory, told.serial);
  const auto pin = pin_of(told, out.pin_file);
  if (!pin) return std::unexpected(pin.error());
  KeyDefinition definition;
  definition.serial = told.serial;
  definition.taxpayer = told.taxpayer;
  definition.name = told.name;
  definition.pin = *pin;
  // Nothing unblocks a key by itself; a scenario that wants to must say the administrator's PIN.
  definition.admin_pin = told.admin_pin.empty() ? random_digits(8) : told.admin_pin;
  definition.max_tries = static_cast<std::uint8_t>(told.max_tries);
  set_validity(definition, told.certificate, now_ms);
  auto device = VirtualKey::open(fmt::format("{}/keys/{}.key", directory, told.serial), definition, issuer);
  if (!device) return std::unexpected(device.error());
  if (auto written = write_file_atomically(out.pin_file, *pin, 0600); !written) return std::unexpected(written.error());
  out.device = std::move(*device);
  return out;
}

Result<TaxDisk> open_disk(const std::string& directory, const ScenarioKey& told, std::int64_t now_ms) {
  return TaxDisk::open(fmt::format("{}/keys/{}.disk", directory, told.serial),
                       ordinary_disk(told.disk, told.taxpayer, told.name, now_ms));
}

}  // namespace taxgate::simulator::app
