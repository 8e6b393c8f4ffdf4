// GM/T 0017 from both ends on one input: as a response to each of the host's readers, and as commands to a card. The
// first byte chooses how far the card is opened before; the rest is cut into commands by 2-byte lengths, as vpcd does.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "protocol/gmt0017.h"
#include "simulator/device/virtual_key.h"

namespace {

using namespace taxgate;
using namespace taxgate::simulator;
namespace gm = taxgate::gmt0017;

struct ScratchDirectory {
  std::string path = (std::filesystem::temp_directory_path() / "taxgate-fuzz-XXXXXX").string();
  ScratchDirectory() {
    if (!::mkdtemp(path.data())) std::abort();
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

VirtualKey& card() {
  static const ScratchDirectory directory;
  static const auto key = [] {
    KeyDefinition definition;
    definition.serial = "FUZZ";
    definition.taxpayer = "91310115TGDM00011U";
    definition.name = "N";
    definition.pin = "123456";
    definition.admin_pin = "12345678";
    definition.valid_until_ms = 1;
    return std::move(
        VirtualKey::open(directory.path + "/FUZZ.key", definition, KeyAuthority::create("key CA", 0)).value());
  }();
  return *key;
}

void check_host_readers(ByteView bytes) {
  (void)gm::read_response(bytes);
  if (const auto command = gm::read_command(bytes); command && gm::read_command(gm::encode(*command)) != command)
    __builtin_trap();
  if (const auto info = gm::read_dev_info(bytes); info && gm::read_dev_info(gm::encode_dev_info(*info)) != info)
    __builtin_trap();
  if (const auto names = gm::read_names(bytes); names && gm::read_names(gm::encode_names(*names)) != names)
    __builtin_trap();
  (void)gm::read_application(bytes);
  (void)gm::read_pin_info(bytes);
  (void)gm::read_container_info(bytes);
  (void)gm::read_container_id(bytes);
  (void)gm::read_certificate_der(bytes);
  (void)gm::read_public_key(bytes);
  (void)gm::read_signature(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView rest(data, size);
  check_host_readers(rest);
  if (rest.empty()) return 0;
  VirtualKey& key = card();
  key.reset();
  if (rest[0] & 1) key.process(gm::open_application("TAXGATE"));
  if (rest[0] & 2) key.process(gm::open_container(1, "SIGN"));
  if (rest[0] & 4) {
    const Bytes random = key.process(gm::gen_random(gm::kChallenge));
    const auto cipher = gm::pin_cipher(as_bytes("123456"),
                                       std::span<const std::uint8_t, gm::kChallenge>(random.data(), gm::kChallenge));
    key.process(gm::verify_pin(1, gm::PinType::user, *cipher));
  }
  rest = rest.subspan(1);
  while (rest.size() >= 2) {
    const std::size_t length = std::min<std::size_t>(static_cast<std::size_t>(rest[0] << 8 | rest[1]), rest.size() - 2);
    if (key.process(rest.subspan(2, length)).size() < 2) __builtin_trap();
    rest = rest.subspan(2 + length);
  }
  return 0;
}
