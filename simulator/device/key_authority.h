#pragma once
// The certificate authority of the simulator's tax keys (SM2 with SM3). Every subject it writes, its own included, says
// SIMULATED; nothing it issues can be mistaken for a real certificate.
#include <cstdint>
#include <memory>
#include <string>

#include "protocol/sm.h"
#include "simulator/device/sm2_key.h"

namespace taxgate::simulator {

/// What a leaf says. Times are Unix ms and may lie in the past (an expired key) or in the future.
struct LeafSubject {
  std::string taxpayer;  // subject serialNumber (2.5.4.5)
  std::string name;      // organisation, UTF-8
  std::string key_serial;
  std::int64_t valid_from_ms = 0, valid_until_ms = 0;
};

/// Immutable; any thread.
class KeyAuthority {
 public:
  /// `who` distinguishes authorities ("key CA", "foreign key CA"); valid ten years from one day before now.
  static KeyAuthority create(const std::string& who, std::int64_t now_ms);
  /// The authority kept in `directory` (created 0600 there when absent), so that keys outlive a simulator restart.
  /// Files: <stem>.key (hex scalar) and <stem>.pem. errors  corrupt sim.state_format, retry_later sim.state_io
  static Result<KeyAuthority> open_or_create(const std::string& directory, const std::string& stem,
                                             const std::string& who, std::int64_t now_ms);

  const Bytes& certificate() const { return certificate_; }  // DER
  std::string certificate_pem() const;
  /// DER of a leaf for `key`. Signed over the default signer id, as GM/T 0015 wants.
  Bytes issue(const Sm2Key& key, const LeafSubject& subject) const;

 private:
  KeyAuthority(Sm2Key key, Bytes certificate) : key_(std::move(key)), certificate_(std::move(certificate)) {}
  Sm2Key key_;
  Bytes certificate_;
};

}  // namespace taxgate::simulator
