#pragma once
// A tax key, whatever it is reached by: GM/T 0017 APDUs here, vendor libraries and native disks later.
#include <optional>
#include <string>
#include <string_view>

#include "protocol/error.h"
#include "protocol/keyd.pb.h"
#include "protocol/sm.h"

namespace taxgate {

struct KeyIdentity {
  std::string serial, label, manufacturer;
  Bytes certificate;       // DER, of the signing key
  CertificateFacts facts;  // of that certificate
};

struct PinStatus {
  int tries_left = -1;  // -1: the device does not say
  int max_tries = -1;
};

/// thread   one caller at a time; every call may block for ever
/// errors   device_gone, outcome_unknown and key.reset as in apdu_transport.h; rejected for what the device refuses
class KeyDevice {
 public:
  virtual ~KeyDevice() = default;

  /// Reads serial and certificate and checks that the certificate is of the key on the device. Needs no PIN.
  /// errors  rejected key.no_certificate … ; corrupt key.certificate_mismatch, key.card_format; cert.*
  virtual Result<KeyIdentity> identify() = 0;
  /// The PIN counter, without spending a try.
  virtual Result<PinStatus> state() = 0;
  /// Presents the PIN once; never repeats by itself. A known wrong PIN must not get here: see keyd/pin_ledger.h.
  /// errors  rejected key.pin_wrong (left = tries left), key.locked; invalid_input key.pin_length (nothing was
  /// presented)
  virtual Result<void> login(const SecretBytes& pin) = 0;
  /// The certificate as identify() read it.
  virtual const Bytes& certificate() const = 0;
  /// message    the whole message; Z and e are computed here (GB/T 32918.2)
  /// returns    r || s
  /// errors     device_gone: unplugged before the command left; outcome_unknown: after it left (a signature may be
  /// repeated)
  ///            retry_later key.reset: log in again; corrupt key.signature when `verify` finds it does not
  ///            verify; rejected key.disk_refused (wanted "09D109"): the tax disk will not, whoever asks it again
  virtual Result<Signature> sign(ByteView message, std::string_view signer_id, bool verify) = 0;
  /// What a tax disk says of itself; nothing: this key is none. Reads only.
  /// errors  corrupt key.disk_format; those of a card that refuses to be read
  virtual Result<std::optional<keyd::v1::TaxDisk>> disk() { return std::nullopt; }
  /// Takes the connection up again after key.reset; the login is lost.
  virtual Result<void> reconnect() = 0;
};

}  // namespace taxgate
