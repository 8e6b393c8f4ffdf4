#include "protocol/gmt0017.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

namespace taxgate::gmt0017 {
namespace {

using enum Evidence;

// The one table of instruction codes. Rows are sorted by code.
constexpr Instruction kInstructions[] = {
    {Ins::set_label, "SetLabel", one_source},
    {Ins::get_dev_info, "GetDevInfo", confirmed},
    {Ins::dev_auth, "DevAuth", one_source},
    {Ins::change_dev_auth_key, "ChangeDevAuthKey", unverified},
    {Ins::get_pin_info, "GetPINInfo", unverified},
    {Ins::change_pin, "ChangePIN", unverified},
    {Ins::verify_pin, "VerifyPIN", one_source},
    {Ins::unblock_pin, "UnblockPIN", unverified},
    {Ins::clear_secure_state, "ClearSecureState", one_source},
    {Ins::create_application, "CreateApplication", unverified},
    {Ins::enum_application, "EnumApplication", unverified},
    {Ins::delete_application, "DeleteApplication", unverified},
    {Ins::open_application, "OpenApplication", one_source},
    {Ins::close_application, "CloseApplication", one_source},
    {Ins::create_file, "CreateFile", unverified},
    {Ins::delete_file, "DeleteFile", unverified},
    {Ins::enum_file, "EnumFile", unverified},
    {Ins::get_file_info, "GetFileInfo", unverified},
    {Ins::read_file, "ReadFile", unverified},
    {Ins::write_file, "WriteFile", unverified},
    {Ins::create_container, "CreateContainer", unverified},
    {Ins::open_container, "OpenContainer", one_source},
    {Ins::close_container, "CloseContainer", unverified},
    {Ins::enum_container, "EnumContainer", unverified},
    {Ins::delete_container, "DeleteContainer", unverified},
    {Ins::get_container_info, "GetContainerInfo", unverified},
    {Ins::import_certificate, "ImportCertificate", unverified},
    {Ins::export_certificate, "ExportCertificate", unverified},
    {Ins::gen_random, "GenRandom", one_source},
    {Ins::gen_ecc_key_pair, "GenECCKeyPair", unverified},
    {Ins::import_ecc_key_pair, "ImportECCKeyPair", unverified},
    {Ins::ecc_sign_data, "ECCSignData", one_source},
    {Ins::ecc_verify, "ECCVerify", unverified},
    {Ins::export_public_key, "ExportPublicKey", one_source},
    {Ins::encrypt_init, "EncryptInit", unverified},
    {Ins::encrypt, "Encrypt", unverified},
    {Ins::encrypt_update, "EncryptUpdate", unverified},
    {Ins::encrypt_final, "EncryptFinal", unverified},
    {Ins::digest_init, "DigestInit", unverified},
    {Ins::digest, "Digest", unverified},
    {Ins::digest_update, "DigestUpdate", unverified},
    {Ins::digest_final, "DigestFinal", unverified},
};
static_assert(std::ranges::is_sorted(kInstructions, {}, &Instruction::ins));

constexpr Unverified kUnverified[] = {
    {"CLA with MAC", "84"},
    {"VerifyPIN challenge padding", "8 random bytes, then 8 zero bytes"},
    {"GetPINInfo", "P2 PIN type; AppID2 -> maxTries1 triesLeft1 initial1"},
    {"ChangePIN", "P2 PIN type; AppID2, SM4(oldKey, challenge padded), SM4(oldKey, newKey)"},
    {"UnblockPIN", "AppID2, SM4(adminKey, challenge padded), SM4(adminKey, newKey)"},
    {"EnumApplication, EnumContainer, EnumFile", "NUL-terminated names, the last NUL doubled"},
    {"GetContainerInfo", "AppID2, name -> type1 signBits4 encBits4 signKey1 encKey1 signCert1 encCert1"},
    {"ExportCertificate", "P1 1 signing, 0 encryption; AppID2 ContID2 -> length4 DER"},
    {"ExportPublicKey P1", "1 signing, 0 encryption"},
    {"CreateFile, GetFileInfo", "name32 size4 readRights4 writeRights4"},
    {"ReadFile, WriteFile", "AppID2 offset4 count4 nameLen2 name [data]"},
    {"status words 6A90 to 6A9D", "as listed under sw::"},
};

struct StatusName {
  std::uint16_t status;
  std::string_view name;
};
constexpr StatusName kStatusNames[] = {
    {sw::ok, "ok"},
    {sw::memory, "memory failure"},
    {sw::wrong_length, "wrong length"},
    {sw::no_rights, "not logged in"},
    {sw::pin_locked, "PIN locked"},
    {sw::no_random, "no challenge was asked for"},
    {sw::conditions, "conditions of use not satisfied"},
    {sw::mac, "wrong MAC"},
    {sw::bad_data, "wrong data"},
    {sw::not_supported, "function not supported"},
    {sw::no_file, "no such file"},
    {sw::no_space, "no space"},
    {sw::bad_p1p2, "wrong P1 P2"},
    {sw::no_reference, "reference not found"},
    {sw::bad_offset, "wrong offset"},
    {sw::unknown_ins, "unknown instruction"},
    {sw::unknown_cla, "unknown class"},
    {sw::app_exists, "application exists"},
    {sw::app_open, "application already open"},
    {sw::no_app, "no such application"},
    {sw::no_symmetric_key, "no symmetric key"},
    {sw::no_container, "no container open"},
    {sw::no_such_container, "no such container"},
    {sw::no_key_pair, "no key pair"},
    {sw::no_certificate, "no certificate"},
    {sw::verify_failed, "verification failed"},
};

std::uint32_t be(ByteView b) {
  std::uint32_t v = 0;
  for (auto byte : b) v = v << 8 | byte;
  return v;
}

std::unexpected<Error> malformed(std::string_view part, std::size_t size) {
  return fail(Errc::corrupt, "apdu.format", std::string(part), fmt::format("{} bytes", size));
}

}  // namespace

std::span<const Instruction> instructions() { return kInstructions; }

const Instruction* find_instruction(std::uint8_t ins) {
  const auto* row = std::ranges::lower_bound(kInstructions, static_cast<Ins>(ins), {}, &Instruction::ins);
  return row != std::end(kInstructions) && row->ins == static_cast<Ins>(ins) ? row : nullptr;
}

std::span<const Unverified> unverified_layouts() { return kUnverified; }

std::string status_name(std::uint16_t status) {
  for (const auto& row : kStatusNames)
    if (row.status == status) return fmt::format("{:04X} {}", status, row.name);
  if (auto left = tries_left_of(status)) return fmt::format("{:04X} wrong PIN, {} tries left", status, *left);
  if ((status & 0xFF00U) == 0x6100) return fmt::format("{:04X} more data", status);
  if ((status & 0xFF00U) == 0x6C00) return fmt::format("{:04X} wrong Le", status);
  return fmt::format("{:04X} unknown status", status);
}

Bytes encode(const Command& command) {
  assert(command.data.size() <= kMaxData);
  Bytes out{command.cla, command.ins, command.p1, command.p2};
  const bool has_data = !command.data.empty();
  if (!has_data && !command.le) return out;
  out.reserve(4 + 3 + command.data.size() + 2);
  out.push_back(0);
  if (has_data) {
    out.push_back(static_cast<std::uint8_t>(command.data.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(command.data.size()));
    out.insert(out.end(), command.data.begin(), command.data.end());
  }
  if (command.le) {  // 65536 is written 00 00
    out.push_back(static_cast<std::uint8_t>(*command.le >> 8));
    out.push_back(static_cast<std::uint8_t>(*command.le));
  }
  return out;
}

Result<Command> read_command(ByteView apdu) {
  if (apdu.size() < 4) return malformed("header", apdu.size());
  Command out{apdu[0], apdu[1], apdu[2], apdu[3], {}, {}};
  ByteView rest = apdu.subspan(4);
  if (rest.empty()) return out;
  const auto wanted = [](std::uint32_t v, std::uint32_t all) { return v == 0 ? all : v; };
  if (rest.size() == 1) {  // short, Le only
    out.le = wanted(rest[0], 256);
    return out;
  }
  if (rest[0] != 0) {  // short Lc
    const std::size_t lc = rest[0];
    if (rest.size() != 1 + lc && rest.size() != 1 + lc + 1) return malformed("Lc", rest.size());
    out.data.assign(rest.begin() + 1, rest.begin() + 1 + static_cast<std::ptrdiff_t>(lc));
    if (rest.size() > 1 + lc) out.le = wanted(rest[1 + lc], 256);
    return out;
  }
  if (rest.size() < 3) return malformed("Lc", rest.size());
  const std::size_t n = be(rest.subspan(1, 2));
  if (rest.size() == 3) {  // extended, Le only
    out.le = wanted(static_cast<std::uint32_t>(n), 65536);
    return out;
  }
  if (n == 0 || rest.size() < 3 + n) return malformed("Lc", rest.size());
  out.data.assign(rest.begin() + 3, rest.begin() + 3 + static_cast<std::ptrdiff_t>(n));
  ByteView le = rest.subspan(3 + n);
  if (le.size() == 3 && le[0] == 0) le = le.subspan(1);  // seen in the field: a three-byte Le after data
  if (!le.empty() && le.size() != 2) return malformed("Le", rest.size());
  if (!le.empty()) out.le = wanted(be(le), 65536);
  return out;
}

Result<Response> read_response(ByteView apdu) {
  if (apdu.size() < 2 || apdu.size() > kMaxResponse) return malformed("response", apdu.size());
  return Response{apdu.first(apdu.size() - 2), static_cast<std::uint16_t>(be(apdu.last(2)))};
}

Bytes encode_response(ByteView data, std::uint16_t status) {
  Bytes out;
  out.reserve(data.size() + 2);
  out.insert(out.end(), data.begin(), data.end());
  out.push_back(static_cast<std::uint8_t>(status >> 8));
  out.push_back(static_cast<std::uint8_t>(status));
  return out;
}

std::array<std::uint8_t, 16> pin_key(ByteView pin) {
  std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest;
  SHA1(pin.data(), pin.size(), digest.data());
  std::array<std::uint8_t, 16> key;
  std::copy_n(digest.begin(), key.size(), key.begin());
  OPENSSL_cleanse(digest.data(), digest.size());
  return key;
}

Result<std::array<std::uint8_t, 16>> pin_cipher(ByteView pin, std::span<const std::uint8_t, kChallenge> challenge) {
  if (pin.size() < kPinMin || pin.size() > kPinMax) return fail(Errc::invalid_input, "key.pin_length");
  std::array<std::uint8_t, 16> block{};
  std::ranges::copy(challenge, block.begin());
  auto key = pin_key(pin);
  const auto out = sm4_block_encrypt(key, block);
  OPENSSL_cleanse(key.data(), key.size());
  return out;
}

Result<std::array<std::uint8_t, 16>> pin_change_cipher(ByteView old_pin, ByteView new_pin) {
  for (ByteView pin : {old_pin, new_pin})
    if (pin.size() < kPinMin || pin.size() > kPinMax) return fail(Errc::invalid_input, "key.pin_length");
  auto old_key = pin_key(old_pin);
  auto new_key = pin_key(new_pin);
  const auto out = sm4_block_encrypt(old_key, new_key);
  OPENSSL_cleanse(old_key.data(), old_key.size());
  OPENSSL_cleanse(new_key.data(), new_key.size());
  return out;
}

}  // namespace taxgate::gmt0017
