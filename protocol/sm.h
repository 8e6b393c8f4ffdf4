#pragma once
// SM2, SM3 and SM4 (GB/T 32918, 32905, 32907; GM/T 0009), over OpenSSL 3. Pure functions; thread-safe.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"

namespace taxgate {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using Digest = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;  // r || s, big-endian, fixed width
using PublicKey = std::array<std::uint8_t, 64>;  // X || Y, big-endian

inline constexpr std::string_view kDefaultSignerId = "1234567812345678";  // GM/T 0009 default user id

inline ByteView as_bytes(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
inline std::string_view as_text(ByteView b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

Digest sm3(ByteView data);
Digest sm3_of(std::initializer_list<ByteView> parts);  // one digest over the concatenation
std::string hex(ByteView data);                        // lower case
Result<Bytes> from_hex(std::string_view text, std::string_view field = {});
std::string base64(ByteView data);
Result<Bytes> from_base64(std::string_view text, std::string_view field = {});  // strict: no blanks, exact padding

/// SM4-ECB with PKCS#7 padding, key 16 bytes. errors corrupt sm4.padding / invalid_input sm4.key
Result<Bytes> sm4_ecb_encrypt(ByteView key16, ByteView plain);
Result<Bytes> sm4_ecb_decrypt(ByteView key16, ByteView cipher);
/// One raw block (VerifyPIN, vectors).
std::array<std::uint8_t, 16> sm4_block_encrypt(ByteView key16, ByteView block16);
std::array<std::uint8_t, 16> sm4_block_decrypt(ByteView key16, ByteView block16);

/// Z = SM3(ENTL || ID || a || b || Gx || Gy || X || Y), GB/T 32918.2 5.5
Digest sm2_z(std::string_view signer_id, const PublicKey& key);
/// e = SM3(Z || message), what the card signs.
Digest sm2_e(std::string_view signer_id, const PublicKey& key, ByteView message);
/// True exactly when the signature verifies over e. errors invalid_input sm2.point
Result<bool> sm2_verify(const PublicKey& key, const Digest& e, const Signature& signature);

/// r || s ⇄ DER SEQUENCE{INTEGER,INTEGER} (a set top bit gets its leading zero). errors corrupt sm2.der
Bytes sm2_signature_to_der(const Signature& signature);
Result<Signature> sm2_signature_from_der(ByteView der);

/// What we use of an X.509 certificate with an SM2 key.
struct CertificateFacts {
  PublicKey key{};
  std::string subject;   // one line, RFC 2253
  std::string taxpayer;  // the taxpayer id in the subject (serialNumber, else OU, else CN when it has the form)
  std::string serial;    // certificate serial, hex
  std::int64_t valid_from_ms = 0, valid_until_ms = 0;  // Unix ms
  std::string sha256;                                  // of the DER, hex
  bool simulated = false;                              // the subject says SIMULATED
};
/// errors  corrupt cert.parse / invalid_input cert.not_sm2
Result<CertificateFacts> read_certificate(ByteView der);
/// Verifies that `issuer_der` signed `der` (SM2 with SM3). errors rejected cert.chain
Result<void> check_certificate_issuer(ByteView der, ByteView issuer_der);

/// Memory for secrets: mlock'ed, excluded from core dumps, wiped at destruction. Never copy its content elsewhere.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size);
  ~SecretBytes();
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  std::span<std::uint8_t> span() { return {data_, size_}; }
  ByteView view() const { return {data_, size_}; }
  std::size_t size() const { return size_; }
  void shrink(std::size_t size);  // wipes the tail

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0, mapped_ = 0;
};

}  // namespace taxgate
