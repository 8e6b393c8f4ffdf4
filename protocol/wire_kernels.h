#pragma once
// The two transformations every byte of the platform's listing goes through, Base64 and SM4-ECB, as fast as the
// processor can: run-time dispatch between AVX-512 with GFNI, AVX2 with GFNI, and a portable way over the libraries,
// which is also what any other processor gets. Same results as from_base64() and sm4_ecb_decrypt() of sm.h, which are
// the slow twins in the tests. Meant for bulk (a TLS record or more); day work uses sm.h. Source: RFC
// 4648 section 4; GB/T 32907-2016; docs/sync.md says how the kernels work.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/sm.h"

namespace taxgate::wire {

/// From the slowest to the fastest; each needs what the ones before it need.
enum class Level : std::uint8_t { portable, avx2_gfni, avx512_gfni };
/// The best this processor has. TAXGATE_WIRE=portable|avx2 in the environment lowers it (looked at once).
Level level();
std::string_view name(Level level);
/// Levels this processor can run, for tests and benchmarks.
std::span<const Level> levels();

/// The 32 round keys of one SM4 key, for decryption. Wiped at destruction. One thread at a time: the portable way keeps
/// the library's cipher in it.
class Sm4Decryptor {
 public:
  /// key16  16 bytes. Construct once a session: the schedule costs a microsecond.
  explicit Sm4Decryptor(std::span<const std::uint8_t, 16> key16, Level level = wire::level());
  ~Sm4Decryptor();
  Sm4Decryptor(const Sm4Decryptor&) = delete;
  Sm4Decryptor& operator=(const Sm4Decryptor&) = delete;

  /// Whole blocks, no padding removed. in and out may be the same memory, not overlap otherwise.
  /// size  a multiple of 16
  void decrypt(const std::uint8_t* in, std::uint8_t* out, std::size_t size) const;

 private:
  std::array<std::uint32_t, 32> keys_{};  // in the order of decryption
  struct Library;                         // portable: the library's cipher, its key set once
  Library* library_ = nullptr;
  Level level_;
};

/// The other way, for those who make listings: simulator, tests, benchmarks. Same levels, same results as
/// sm4_ecb_encrypt() of sm.h without its padding. One thread at a time.
class Sm4Encryptor {
 public:
  explicit Sm4Encryptor(std::span<const std::uint8_t, 16> key16, Level level = wire::level());
  ~Sm4Encryptor();
  Sm4Encryptor(const Sm4Encryptor&) = delete;
  Sm4Encryptor& operator=(const Sm4Encryptor&) = delete;
  /// As Sm4Decryptor::decrypt().
  void encrypt(const std::uint8_t* in, std::uint8_t* out, std::size_t size) const;

 private:
  std::array<std::uint32_t, 32> keys_{};  // in the order of encryption: the kernels do not mind which it is
  void* library_ = nullptr;               // portable
  Level level_;
};

/// Bytes that `text` decodes to, at most.
constexpr std::size_t base64_room(std::size_t text) { return text / 4 * 3; }
/// Strict (no blanks, padding only at the end, unused bits zero). out  base64_room(text.size()) bytes, no overlap.
/// last  the text ends here, so padding may stand; otherwise text.size() is a multiple of 4 without padding.
/// returns  bytes written; nullopt: not Base64
std::optional<std::size_t> base64_decode(std::string_view text, std::uint8_t* out, bool last,
                                         Level level = wire::level());

}  // namespace taxgate::wire
