#pragma once
// The GM/T 0017 conversation with one card: one method, one command (login: challenge and proof), typed answers.
#include <string_view>
#include <vector>

#include "drivers/gmt0017/apdu_transport.h"
#include "protocol/gmt0017.h"

namespace taxgate::gmt0017 {

/// A reader that hands up a cut answer as a whole one can make two bytes of data pose as a refusal. So a refusal of a
/// command that only reads is believed when the card repeats it; a card that is gone says so then.
/// errors  those of ApduTransport::transmit; status_error(); corrupt key.card_format when an answer cannot be read
/// thread  one caller at a time. The transport must outlive the session.
class CardSession {
 public:
  explicit CardSession(ApduTransport& transport) : transport_(transport) {}

  Result<DevInfo> device_info();
  Result<std::vector<std::string>> applications();
  Result<AppId> open_application(std::string_view name);
  Result<std::vector<std::string>> containers(AppId app);
  Result<ContainerId> open_container(AppId app, std::string_view name);
  Result<Bytes> certificate(AppId app, ContainerId container);     // DER of the signing certificate
  Result<PublicKey> public_key(AppId app, ContainerId container);  // of the signing key pair
  Result<PinInfo> pin_info(AppId app);                             // user PIN
  /// Asks for a challenge, then presents the user PIN exactly once. errors also invalid_input key.pin_length
  Result<void> verify_pin(AppId app, const SecretBytes& pin);
  Result<FileInfo> file_info(AppId app,
                             std::string_view name);  // errors also rejected key.no_application: no such file
  Result<Bytes> read_file(AppId app, std::string_view name, std::uint32_t size);  // from its beginning
  /// errors  also rejected key.disk_refused: a tax disk's own words (status D1xx, E105)
  Result<Signature> sign_digest(AppId app, ContainerId container, const Digest& digest);

 private:
  Result<Bytes> call(ByteView command, std::string_view context);  // response data after 9000
  Result<Bytes> call_once(ByteView command, std::string_view context);

  ApduTransport& transport_;
};

}  // namespace taxgate::gmt0017
