#pragma once
// An SM2 private key of the simulator. Made for speed, not for secrecy: its fixed-base multiplication is NOT constant
// time and leaks the key to anyone who can time it. Never give it a key that means something.
#include <memory>
#include <string>

#include "protocol/sm.h"

struct evp_pkey_st;

namespace taxgate::simulator {

/// Immutable after construction; sign() may be called from any thread.
class Sm2Key {
 public:
  /// A fresh key from the system's random source.
  static Sm2Key generate();
  /// scalar   32 bytes, big-endian, 1 .. n-2
  /// errors   corrupt sim.key_scalar
  static Result<Sm2Key> from_scalar(ByteView scalar);
  ~Sm2Key();
  Sm2Key(Sm2Key&&) noexcept;
  Sm2Key& operator=(Sm2Key&&) noexcept;

  const PublicKey& public_key() const;
  std::array<std::uint8_t, 32> scalar() const;

  /// r ‖ s over e = SM3(Z ‖ M), a fresh nonce each time. GB/T 32918.2 6.1.
  Signature sign(const Digest& e) const;

  /// The same key for OpenSSL (certificates). The caller frees it with EVP_PKEY_free.
  evp_pkey_st* to_evp() const;

 private:
  struct Impl;
  explicit Sm2Key(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taxgate::simulator
