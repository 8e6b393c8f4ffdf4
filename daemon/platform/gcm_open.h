#pragma once
// AES-128-GCM, the opening of whole messages only, as fast as the processor can: 16 blocks at a time in 512-bit
// registers, five times the TLS library of today's distributions. Half of an idle night was this. Same results as the
// library, which is the slow twin in the tests. Without branches or look-ups that depend on secrets. Private to this
// room. Source: NIST SP 800-38D, FIPS 197.
#include <cstddef>
#include <cstdint>
#include <span>

namespace taxgate::platform {

class GcmOpener {
 public:
  /// The processor has what it takes (AVX-512 with VAES and VPCLMULQDQ), and TAXGATE_WIRE does not forbid it. Without
  /// it nothing else here may be called.
  static bool supported();

  GcmOpener() = default;
  ~GcmOpener() { wipe(); }
  GcmOpener(const GcmOpener&) = delete;
  GcmOpener& operator=(const GcmOpener&) = delete;

  void set_key(std::span<const std::uint8_t, 16> key);
  void wipe();
  /// in and out   `size` bytes; the same memory, or apart
  /// size, about  at most kMostBytes each
  /// returns      false: not what was sealed with this key and nonce; `out` is zeroed then
  bool open(std::span<const std::uint8_t, 12> nonce, std::span<const std::uint8_t> about, const std::uint8_t* in,
            std::uint8_t* out, std::size_t size, std::span<const std::uint8_t, 16> tag) const;

  static constexpr std::size_t kMostBytes = std::size_t{1} << 20U;  // a TLS record is 16 KiB

 private:
  alignas(64) std::uint8_t powers_[256] = {};  // H^16 … H, each as the multiplication wants it
  alignas(16) std::uint8_t rounds_[176] = {};
};

}  // namespace taxgate::platform
