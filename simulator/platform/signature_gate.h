#pragma once
// The platform's side of the profile `signed`: every writing request must carry our envelope signature
// (protocol/leqi.h, signature_value). No public document describes such a check; it is ours (docs/fidelity.md). Pure;
// any thread.
#include <string>
#include <string_view>

#include "protocol/sm.h"

namespace taxgate::simulator {

class SignatureGate {
 public:
  /// Without a CA every signature passes unread (profile leqi-shape).
  SignatureGate() = default;
  explicit SignatureGate(Bytes key_ca_der) : ca_(std::move(key_ca_der)), required_(true) {}
  bool required() const { return required_; }

  /// "" when `value` proves that `taxpayer`'s key signed exactly `json` for this service; else the platform's Chinese
  /// message. Checked: form, certificate issued by the key CA, signature and taxpayer of the certificate, taxpayer and
  /// purpose of the envelope, body equal byte for byte.
  std::string refusal(std::string_view value, std::string_view service, std::string_view taxpayer,
                      std::string_view json) const;

 private:
  Bytes ca_;
  bool required_ = false;
};

/// The envelope's purpose for a writing request ("apply", "confirm", "deny", "revoke", "upload", "table"); "" for
/// reading ones.
std::string purpose_of(std::string_view service, std::string_view json);

}  // namespace taxgate::simulator
