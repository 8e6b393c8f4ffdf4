#include "drivers/gmt0017/card_session.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "drivers/gmt0017/status_error.h"

namespace taxgate::gmt0017 {
namespace {

std::unexpected<Error> unreadable(const Error& cause, std::string_view context) {
  return fail(Errc::corrupt, "key.card_format", cause.field, {}, {}, std::string(context));
}

/// Runs a reader of protocol/gmt0017.h over an answer.
template <class Reader>
auto read(const Result<Bytes>& answer, Reader reader, std::string_view context) -> decltype(reader(ByteView{})) {
  if (!answer) return std::unexpected(answer.error());
  auto value = reader(ByteView(*answer));
  if (!value) return unreadable(value.error(), context);
  return value;
}

/// A PIN attempt costs a try and a signature counts; everything else this session asks may be asked twice.
bool only_reads(ByteView command) {
  if (command.size() < 2) return false;
  return command[1] != static_cast<std::uint8_t>(Ins::verify_pin) &&
         command[1] != static_cast<std::uint8_t>(Ins::ecc_sign_data);
}

bool is_signature(ByteView command) {
  return command.size() > 1 && command[1] == static_cast<std::uint8_t>(Ins::ecc_sign_data);
}

}  // namespace

Result<Bytes> CardSession::call(ByteView command, std::string_view context) {
  auto answer = call_once(command, context);
  if (answer || answer.error().code != Errc::rejected || !only_reads(command)) return answer;
  const Error first = std::move(answer.error());
  answer = call_once(command, context);
  if (!answer && answer.error().code == Errc::rejected && answer.error() != first)
    return fail(Errc::outcome_unknown, "key.interrupted", {}, {}, {}, first.detail + ", then " + answer.error().detail);
  return answer;
}

Result<Bytes> CardSession::call_once(ByteView command, std::string_view context) {
  auto raw = transport_.transmit(command);
  if (!raw) {
    Error error = std::move(raw.error());
    error.detail = std::string(context) + ": " + error.detail;
    return std::unexpected(std::move(error));
  }
  const auto response = read_response(*raw);
  if (!response) return unreadable(response.error(), context);
  if (!response->ok()) {
    // Seen with a reader driver: pulled in the middle of an answer, the first part of it is handed up as the whole, and
    // its last two bytes pose as a status word. Status words begin with 6 or 9, and a refusal carries no data.
    const unsigned first = response->status >> 12;
    // A signature's answer begins with 00 00, so what is left of one that was cut never reads like a tax disk's
    // refusal.
    if (response->data.empty() && is_signature(command) && is_disk_refusal(response->status))
      return std::unexpected(disk_refused(response->status, context));
    if (!response->data.empty() || (first != 6 && first != 9))
      return fail(Errc::outcome_unknown, "key.interrupted", {}, {}, {}, std::string(context) + ": answer cut off");
    Error error = status_error(response->status, context);
    // Only VerifyPIN speaks of the PIN. From any other command these words are a cut answer too, and taking them at
    // their word would condemn a good PIN file.
    if (command.size() > 1 && command[1] != static_cast<std::uint8_t>(Ins::verify_pin) &&
        (error.id == "key.pin_wrong" || error.id == "key.locked"))
      return fail(Errc::outcome_unknown, "key.interrupted", {}, {}, {}, error.detail);
    return std::unexpected(std::move(error));
  }
  raw->resize(response->data.size());
  return raw;
}

Result<DevInfo> CardSession::device_info() {
  return read(call(get_dev_info(), "GetDevInfo"), read_dev_info, "GetDevInfo");
}

Result<std::vector<std::string>> CardSession::applications() {
  return read(call(enum_application(), "EnumApplication"), read_names, "EnumApplication");
}

Result<AppId> CardSession::open_application(std::string_view name) {
  auto application =
      read(call(gmt0017::open_application(name), "OpenApplication"), read_application, "OpenApplication");
  if (!application) return std::unexpected(application.error());
  return application->id;
}

Result<std::vector<std::string>> CardSession::containers(AppId app) {
  return read(call(enum_container(app), "EnumContainer"), read_names, "EnumContainer");
}

Result<ContainerId> CardSession::open_container(AppId app, std::string_view name) {
  return read(call(gmt0017::open_container(app, name), "OpenContainer"), read_container_id, "OpenContainer");
}

Result<Bytes> CardSession::certificate(AppId app, ContainerId container) {
  return read(call(export_certificate(app, container, KeyUse::signing), "ExportCertificate"), read_certificate_der,
              "ExportCertificate");
}

Result<PublicKey> CardSession::public_key(AppId app, ContainerId container) {
  return read(call(export_public_key(app, container, KeyUse::signing), "ExportPublicKey"), read_public_key,
              "ExportPublicKey");
}

Result<PinInfo> CardSession::pin_info(AppId app) {
  return read(call(get_pin_info(app, PinType::user), "GetPINInfo"), read_pin_info, "GetPINInfo");
}

Result<void> CardSession::verify_pin(AppId app, const SecretBytes& pin) {
  const auto challenge = call(gen_random(kChallenge), "GenRandom");
  if (!challenge) return std::unexpected(challenge.error());
  if (challenge->size() != kChallenge) return fail(Errc::corrupt, "key.card_format", "random", {}, {}, "GenRandom");
  std::array<std::uint8_t, kChallenge> random{};
  std::copy(challenge->begin(), challenge->end(), random.begin());
  const auto cipher = pin_cipher(pin.view(), random);
  if (!cipher) return std::unexpected(cipher.error());
  const auto done = call(gmt0017::verify_pin(app, PinType::user, *cipher), "VerifyPIN");
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<FileInfo> CardSession::file_info(AppId app, std::string_view name) {
  return read(call(get_file_info(app, name), "GetFileInfo"), read_file_info, "GetFileInfo");
}

Result<Bytes> CardSession::read_file(AppId app, std::string_view name, std::uint32_t size) {
  auto data = call(gmt0017::read_file(app, name, 0, size), "ReadFile");
  if (data && data->size() != size) return fail(Errc::corrupt, "key.card_format", "size", {}, {}, "ReadFile");
  return data;
}

Result<Signature> CardSession::sign_digest(AppId app, ContainerId container, const Digest& digest) {
  return read(call(ecc_sign_data(app, container, digest), "ECCSignData"), read_signature, "ECCSignData");
}

}  // namespace taxgate::gmt0017
