#pragma once
// GM/T 0017 smart token commands as bytes: builders for the host, readers for the card, and the other way round. The
// same bytes travel over PC/SC and over USB mass storage. Nothing here opens a device or keeps state.
//
// Units   all multi-byte fields are big-endian; lengths are always the extended form (00 hi lo).
// Errors  every reader is total: hostile bytes give Errc::corrupt apdu.format (field names the part), never more.
// Source  GM/T 0017-2023. Much of it is not public: kInstructions says, row by row, how sure we are, and kUnverified
//         lists every other guess. A real key that disagrees is answered by changing those tables only.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::gmt0017 {

// ---- instructions -------------------------------------------------------------------------------------------------

inline constexpr std::uint8_t kClaPlain = 0x80;
inline constexpr std::uint8_t kClaMac = 0x84;  // unverified

enum class Ins : std::uint8_t {
  set_label = 0x02,
  get_dev_info = 0x04,
  dev_auth = 0x10,
  change_dev_auth_key = 0x12,
  get_pin_info = 0x14,
  change_pin = 0x16,
  verify_pin = 0x18,
  unblock_pin = 0x1A,
  clear_secure_state = 0x1C,
  create_application = 0x20,
  enum_application = 0x22,
  delete_application = 0x24,
  open_application = 0x26,
  close_application = 0x28,
  create_file = 0x30,
  delete_file = 0x32,
  enum_file = 0x34,
  get_file_info = 0x36,
  read_file = 0x38,
  write_file = 0x3A,
  create_container = 0x40,
  open_container = 0x42,
  close_container = 0x44,
  enum_container = 0x46,
  delete_container = 0x48,
  get_container_info = 0x4A,
  import_certificate = 0x4C,
  export_certificate = 0x4E,
  gen_random = 0x50,
  gen_ecc_key_pair = 0x70,
  import_ecc_key_pair = 0x72,
  ecc_sign_data = 0x74,
  ecc_verify = 0x76,
  export_public_key = 0x88,
  encrypt_init = 0xA4,
  encrypt = 0xA6,
  encrypt_update = 0xA8,
  encrypt_final = 0xAA,
  digest_init = 0xB4,
  digest = 0xB6,
  digest_update = 0xB8,
  digest_final = 0xBA,
};

enum class Evidence : std::uint8_t {
  confirmed,   // run, or in two independent public sources
  one_source,  // one public source
  unverified,  // inferred from the standard's layout
};
struct Instruction {
  Ins ins;
  std::string_view name;
  Evidence evidence;
};
/// Every instruction above, sorted by code.
std::span<const Instruction> instructions();
const Instruction* find_instruction(std::uint8_t ins);  // unknown: nullptr

/// Body layouts and parameters that no public source confirms: what a driver's author checks first on real hardware.
struct Unverified {
  std::string_view what;
  std::string_view assumed;
};
std::span<const Unverified> unverified_layouts();

// ---- status words -------------------------------------------------------------------------------------------------

namespace sw {
inline constexpr std::uint16_t ok = 0x9000, memory = 0x6581, wrong_length = 0x6700, no_rights = 0x6982,
                               pin_locked = 0x6983, no_random = 0x6984, conditions = 0x6985, mac = 0x6988,
                               bad_data = 0x6A80, not_supported = 0x6A81, no_file = 0x6A82, no_space = 0x6A84,
                               bad_p1p2 = 0x6A86, no_reference = 0x6A88, bad_offset = 0x6B00, unknown_ins = 0x6D00,
                               unknown_cla = 0x6E00;
// GM/T 0017's own (unverified)
inline constexpr std::uint16_t app_exists = 0x6A90, app_open = 0x6A91, no_app = 0x6A92, no_symmetric_key = 0x6A93,
                               no_container = 0x6A96, no_such_container = 0x6A99, no_key_pair = 0x6A9A,
                               no_certificate = 0x6A9B, verify_failed = 0x6A9D;
}  // namespace sw

/// 63Cx: x tries are left.
constexpr std::uint16_t sw_tries_left(unsigned x) { return static_cast<std::uint16_t>(0x63C0U | (x & 0x0FU)); }
constexpr std::optional<unsigned> tries_left_of(std::uint16_t status) {
  return (status & 0xFFF0U) == 0x63C0U ? std::optional<unsigned>(status & 0x0FU) : std::nullopt;
}
/// A short English name for logs ("PIN locked", "63Cx wrong PIN"); never empty.
std::string status_name(std::uint16_t status);

// ---- APDUs --------------------------------------------------------------------------------------------------------

inline constexpr std::size_t kMaxData = 65535;  // extended Lc
inline constexpr std::size_t kMaxResponse = 65536 + 2;

struct Command {
  std::uint8_t cla = kClaPlain, ins = 0, p1 = 0, p2 = 0;
  Bytes data;                       // at most kMaxData
  std::optional<std::uint32_t> le;  // bytes wanted back, 1..65536; no value: none expected

  friend bool operator==(const Command&, const Command&) = default;
};
/// Extended form. `data` longer than kMaxData is a programming error (asserted).
Bytes encode(const Command& command);
/// Accepts the extended and the short ISO 7816-4 forms (probing tools send short ones), and a three-byte Le after data.
Result<Command> read_command(ByteView apdu);

struct Response {
  ByteView data;  // views into the argument
  std::uint16_t status = 0;
  bool ok() const { return status == sw::ok; }
};
/// errors  corrupt apdu.format for fewer than 2 or more than kMaxResponse bytes
Result<Response> read_response(ByteView apdu);
Bytes encode_response(ByteView data, std::uint16_t status);

// ---- what the commands speak of -----------------------------------------------------------------------------------

using AppId = std::uint16_t;
using ContainerId = std::uint16_t;
enum class PinType : std::uint8_t { admin = 0, user = 1 };
enum class KeyUse : std::uint8_t { encryption = 0, signing = 1 };

inline constexpr std::size_t kMaxName = 64;              // application and container names (GM/T 0016)
inline constexpr std::size_t kPinMin = 2, kPinMax = 16;  // GM/T 0016 MAX_PIN_LEN is 16 bytes
inline constexpr std::size_t kChallenge = 8;             // GenRandom before VerifyPIN
inline constexpr std::size_t kDevInfo = 288;
inline constexpr std::uint32_t kSm2Bits = 256;

struct DevInfo {
  std::uint16_t struct_version = 0, spec_version = 0;  // major in the high byte
  std::string manufacturer, issuer, label, serial;     // at most 64, 64, 32, 32 bytes; NUL and blank padding removed
  std::uint16_t hardware = 0, firmware = 0;
  std::uint32_t symmetric = 0, asymmetric = 0, hash = 0, auth_algorithm = 0;  // SGD_* bits
  std::uint32_t total_space = 0, free_space = 0;
  std::uint16_t max_apdu = 0, user_auth = 0, device_type = 0;
  std::uint8_t max_containers = 0, max_certificates = 0;
  std::uint16_t max_files = 0;

  friend bool operator==(const DevInfo&, const DevInfo&) = default;
};
Result<DevInfo> read_dev_info(ByteView data);  // exactly 288 bytes
Bytes encode_dev_info(const DevInfo& info);    // longer text is cut

struct Application {
  std::uint32_t rights = 0;
  std::uint8_t max_containers = 0, max_certificates = 0;
  std::uint16_t max_files = 0;
  AppId id = 0;

  friend bool operator==(const Application&, const Application&) = default;
};
Result<Application> read_application(ByteView data);
Bytes encode_application(const Application& application);

struct PinInfo {
  std::uint8_t max_tries = 0, tries_left = 0;
  bool initial = false;  // still the PIN the device was delivered with

  friend bool operator==(const PinInfo&, const PinInfo&) = default;
};
Result<PinInfo> read_pin_info(ByteView data);
Bytes encode_pin_info(const PinInfo& info);

struct ContainerInfo {
  std::uint8_t type = 0;  // 0 empty, 1 RSA, 2 SM2
  std::uint32_t sign_bits = 0, encryption_bits = 0;
  bool sign_key = false, encryption_key = false, sign_certificate = false, encryption_certificate = false;

  friend bool operator==(const ContainerInfo&, const ContainerInfo&) = default;
};
Result<ContainerInfo> read_container_info(ByteView data);
Bytes encode_container_info(const ContainerInfo& info);

struct FileInfo {
  std::string name;  // at most 32 bytes
  std::uint32_t size = 0, read_rights = 0, write_rights = 0;

  friend bool operator==(const FileInfo&, const FileInfo&) = default;
};
Result<FileInfo> read_file_info(ByteView data);  // name32 ‖ size4 ‖ read4 ‖ write4, also CreateFile's body after AppID
Bytes encode_file_info(const FileInfo& info);

// ---- commands (host) ----------------------------------------------------------------------------------------------
// Each returns a whole APDU. What the card answers is read by the function named after the arrow.

Bytes get_dev_info();  // → read_dev_info
Bytes set_label(std::string_view label);
Bytes gen_random(std::uint32_t count);          // → Response.data, exactly count bytes
Bytes enum_application();                       // → read_names
Bytes open_application(std::string_view name);  // → read_application
Bytes close_application(AppId app);
Bytes get_pin_info(AppId app, PinType type);  // → read_pin_info
/// `cipher` of pin_cipher(). Answers 9000, 63Cx, 6983 (locked) or 6984 (no challenge was asked for).
Bytes verify_pin(AppId app, PinType type, const std::array<std::uint8_t, 16>& cipher);
/// Both ciphers under the same fresh challenge; the new PIN travels as SM4(SHA1(old)[0..15], SHA1(new)[0..15]).
Bytes change_pin(AppId app, PinType type, const std::array<std::uint8_t, 16>& proof,
                 const std::array<std::uint8_t, 16>& fresh);
Bytes unblock_pin(AppId app, const std::array<std::uint8_t, 16>& admin_proof,
                  const std::array<std::uint8_t, 16>& fresh);
Bytes clear_secure_state(AppId app);                     // logs out
Bytes enum_container(AppId app);                         // → read_names
Bytes open_container(AppId app, std::string_view name);  // → read_container_id
Bytes close_container(AppId app, ContainerId container);
Bytes get_container_info(AppId app, std::string_view name);              // → read_container_info
Bytes export_certificate(AppId app, ContainerId container, KeyUse use);  // → read_certificate_der
Bytes export_public_key(AppId app, ContainerId container, KeyUse use);   // → read_public_key
/// digest   e = SM3(Z ‖ M), 32 bytes                         → read_signature
Bytes ecc_sign_data(AppId app, ContainerId container, const Digest& digest);
Bytes enum_file(AppId app);  // → read_names
Bytes create_file(AppId app, const FileInfo& file);
Bytes delete_file(AppId app, std::string_view name);
Bytes get_file_info(AppId app, std::string_view name);                                         // → read_file_info
Bytes read_file(AppId app, std::string_view name, std::uint32_t offset, std::uint32_t count);  // → Response.data
Bytes write_file(AppId app, std::string_view name, std::uint32_t offset, ByteView data);

/// SM4(SHA1(PIN)[0..15], challenge ‖ 00×8). The PIN is hashed in memory that is wiped before return.
/// errors  invalid_input key.pin_length (nothing of the PIN is repeated in it)
Result<std::array<std::uint8_t, 16>> pin_cipher(ByteView pin, std::span<const std::uint8_t, kChallenge> challenge);
/// SM4(SHA1(old)[0..15], SHA1(fresh)[0..15]), for ChangePIN and UnblockPIN. errors as above
Result<std::array<std::uint8_t, 16>> pin_change_cipher(ByteView old_pin, ByteView new_pin);
/// SHA1(PIN)[0..15]: the SM4 key above; what a card stores instead of the PIN. Wipe it after use.
std::array<std::uint8_t, 16> pin_key(ByteView pin);

// ---- response bodies (both sides) ---------------------------------------------------------------------------------

Result<std::vector<std::string>> read_names(ByteView data);  // NUL-terminated names, the last NUL doubled
Bytes encode_names(std::span<const std::string> names);
Result<ContainerId> read_container_id(ByteView data);
Result<Bytes> read_certificate_der(ByteView data);  // length4 ‖ DER
Bytes encode_certificate_der(ByteView der);
Result<PublicKey> read_public_key(ByteView data);  // BitLen4 ‖ X32 ‖ Y32
Bytes encode_public_key(const PublicKey& key);
Result<Signature> read_signature(ByteView data);  // BitLen4 ‖ r32 ‖ s32
Bytes encode_signature(const Signature& signature);

// ---- command bodies (card) ----------------------------------------------------------------------------------------

struct InContainer {
  AppId app = 0;
  ContainerId container = 0;
  ByteView rest;
};  // rest views into the argument
struct InApplication {
  AppId app = 0;
  ByteView rest;
};
Result<InApplication> read_in_application(ByteView data);
Result<InContainer> read_in_container(ByteView data);
struct FileRange {
  AppId app = 0;
  std::string name;
  std::uint32_t offset = 0, count = 0;
  ByteView data;
};
Result<FileRange> read_file_range(ByteView data);  // AppID2 ‖ offset4 ‖ count4 ‖ nameLen2 ‖ name [‖ data]

}  // namespace taxgate::gmt0017
