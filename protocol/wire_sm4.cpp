// SM4-ECB decryption in bulk. The kernels hold 16 (AVX-512) or 8 (AVX2) blocks of a group as four vectors of words and
// run several groups side by side, so that the latency of one hides behind the others.
//
// The S-box is S(x) = A·inv(A·x + c) + c over x^8+x^7+x^6+x^5+x^4+x^2+1, the processor's inverse is over AES's
// polynomial. φ maps one field onto the other, so S(x) = M2·inv'(M1·x + φc) + c with M1 = φA, M2 = Aφ⁻¹. The state is
// kept as M1·x all the time (M1 is linear, so the xors of the round do not mind), the additive part goes into the round
// keys, and the linear step L(B) = B ^ B<<<2 ^ B<<<10 ^ B<<<18 ^ B<<<24, byte by byte, is three matrices: with P =
// shift left 2, Q = shift right 6, out_j = (1+P)b_j + (P+Q)b_{j+1} + (P+Q)b_{j+2} + (1+Q)b_{j+3}. A round is three
// affine-inverse instructions, three rotations and xors. Words stay in memory order: rotating the other way is cheaper
// than swapping bytes. Source: GB/T 32907-2016; everything is computed here from its definition.
#include <gcrypt.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "protocol/wire_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace taxgate::wire {
namespace {

// ---- bits ---------------------------------------------------------------------------------------------------------
using Matrix = std::array<std::uint8_t, 8>;  // row i: the bits of x whose sum is bit i of the product

constexpr std::uint8_t parity(unsigned v) {
  v ^= v >> 4U;
  v ^= v >> 2U;
  v ^= v >> 1U;
  return v & 1U;
}
constexpr std::uint8_t product(const Matrix& m, unsigned x) {
  unsigned out = 0;
  for (unsigned i = 0; i < 8; ++i) out |= static_cast<unsigned>(parity(m[i] & x)) << i;
  return static_cast<std::uint8_t>(out);
}
template <class F>  // the matrix of a linear function
constexpr Matrix matrix_of(F f) {
  Matrix m{};
  for (unsigned column = 0; column < 8; ++column) {
    const unsigned image = f(1U << column);
    for (unsigned row = 0; row < 8; ++row) m[row] = static_cast<std::uint8_t>(m[row] | ((image >> row) & 1U) << column);
  }
  return m;
}
constexpr unsigned multiply(unsigned a, unsigned b, unsigned polynomial) {
  unsigned out = 0;
  for (; b != 0; b >>= 1U) {
    if ((b & 1U) != 0) out ^= a;
    a <<= 1U;
    if ((a & 0x100U) != 0) a ^= polynomial;
  }
  return out;
}
constexpr unsigned inverse(unsigned a, unsigned polynomial) {
  unsigned out = 1, power = a;  // a^254 = a^2 · a^4 · … · a^128
  for (int i = 0; i < 7; ++i) {
    power = multiply(power, power, polynomial);
    out = multiply(out, power, polynomial);
  }
  return out;
}

constexpr unsigned kSm4Field = 0x1F5, kAesField = 0x11B, kC = 0xD3;
constexpr Matrix kA = [] {
  Matrix m{};
  for (unsigned i = 0; i < 8; ++i) m[i] = static_cast<std::uint8_t>(0xA7U << i | 0xA7U >> (8 - i));
  return m;
}();
constexpr auto kSbox = [] {
  std::array<std::uint8_t, 256> s{};
  for (unsigned x = 0; x < 256; ++x)
    s[x] = static_cast<std::uint8_t>(product(kA, inverse(product(kA, x) ^ kC, kSm4Field)) ^ kC);
  return s;
}();
static_assert(kSbox[0] == 0xD6 && kSbox[15] == 0x05 && kSbox[255] == 0x48);

// ---- key schedule -------------------------------------------------------------------------------------------------
constexpr std::uint32_t rotate(std::uint32_t v, unsigned n) { return v << n | v >> (32 - n); }
constexpr std::array<std::uint32_t, 4> kFk{0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC};

void schedule(std::span<const std::uint8_t, 16> key, std::array<std::uint32_t, 32>& decryption) {
  std::array<std::uint32_t, 4> k{};
  for (unsigned i = 0; i < 4; ++i)
    k[i] = (std::uint32_t{key[4 * i]} << 24U | std::uint32_t{key[4 * i + 1]} << 16U |
            std::uint32_t{key[4 * i + 2]} << 8U | key[4 * i + 3]) ^
           kFk[i];
  for (unsigned i = 0; i < 32; ++i) {
    std::uint32_t ck = 0;
    for (unsigned j = 0; j < 4; ++j) ck = ck << 8U | ((4 * i + j) * 7 & 255U);
    const std::uint32_t t = k[1] ^ k[2] ^ k[3] ^ ck;
    const std::uint32_t s = std::uint32_t{kSbox[t >> 24U]} << 24U | std::uint32_t{kSbox[t >> 16U & 255U]} << 16U |
                            std::uint32_t{kSbox[t >> 8U & 255U]} << 8U | kSbox[t & 255U];
    const std::uint32_t next = k[0] ^ s ^ rotate(s, 13) ^ rotate(s, 23);
    k = {k[1], k[2], k[3], next};
    decryption[31 - i] = next;
  }
}

#if defined(__x86_64__)
// ---- matrices in the transformed basis ------------------------------------------------------------------------------
constexpr unsigned kRoot = [] {  // an element of AES's field that behaves like x of SM4's
  for (unsigned r = 2; r < 256; ++r) {
    unsigned sum = 0, power = 1;
    for (unsigned i = 0; i <= 8; ++i, power = multiply(power, r, kAesField))
      if ((kSm4Field >> i & 1U) != 0) sum ^= power;
    if (sum == 0) return r;
  }
  return 0U;
}();
static_assert(kRoot != 0);
using Table = std::array<std::uint8_t, 256>;
constexpr Table kPhi = [] {
  Table t{};
  for (unsigned x = 0; x < 256; ++x) {
    unsigned image = 0, power = 1;
    for (unsigned i = 0; i < 8; ++i, power = multiply(power, kRoot, kAesField))
      if ((x >> i & 1U) != 0) image ^= power;
    t[x] = static_cast<std::uint8_t>(image);
  }
  return t;
}();
constexpr Table inverse_of(const Table& t) {
  Table back{};
  for (unsigned x = 0; x < 256; ++x) back[t[x]] = static_cast<std::uint8_t>(x);
  return back;
}
constexpr Table kPhiBack = inverse_of(kPhi);
constexpr unsigned into(unsigned x) { return kPhi[product(kA, x)]; }        // M1
constexpr unsigned out_of(unsigned y) { return product(kA, kPhiBack[y]); }  // M2
constexpr unsigned left2(unsigned x) { return x << 2U & 255U; }             // P
constexpr unsigned right6(unsigned x) { return x >> 6U; }                   // Q
constexpr Matrix kInto = matrix_of(into);
constexpr Table kBackTable = [] {
  Table t{};
  for (unsigned x = 0; x < 256; ++x) t[x] = static_cast<std::uint8_t>(into(x));
  return inverse_of(t);
}();
constexpr Matrix kBack = matrix_of([](unsigned y) -> unsigned { return kBackTable[y]; });
constexpr Matrix kU = matrix_of([](unsigned y) { return into(out_of(y) ^ left2(out_of(y))); });
constexpr Matrix kV = matrix_of([](unsigned y) { return into(left2(out_of(y)) ^ right6(out_of(y))); });
constexpr Matrix kW = matrix_of([](unsigned y) { return into(out_of(y) ^ right6(out_of(y))); });
constexpr int kConstant = static_cast<int>(into(left2(kC) ^ right6(kC)));  // M1·L(c): the identities cancel
constexpr std::uint32_t kPhiC = 0x01010101U * kPhi[kC];

// As the instruction wants a matrix: row i in byte 7 − i.
constexpr long long packed(const Matrix& m) {
  std::uint64_t out = 0;
  for (unsigned i = 0; i < 8; ++i) out |= std::uint64_t{m[i]} << (8 * (7 - i));
  return static_cast<long long>(out);
}

std::uint32_t transformed_key(std::uint32_t key) {
  std::uint32_t out = 0;
  for (unsigned i = 0; i < 4; ++i)  // memory order: the first byte is the highest of the word
    out |= std::uint32_t{product(kInto, key >> (24 - 8 * i) & 255U)} << (8 * i);
  return out ^ kPhiC;
}

#define TAXGATE_WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni"), always_inline)) inline
#define TAXGATE_NARROW __attribute__((target("avx2,gfni"), always_inline)) inline
constexpr std::size_t kBlock = 16;

// ---- AVX-512: 16 blocks a group
struct Wide {
  __m512i x[4];
};
TAXGATE_WIDE void transpose(Wide& g) {
  const __m512i a = _mm512_unpacklo_epi32(g.x[0], g.x[1]), b = _mm512_unpackhi_epi32(g.x[0], g.x[1]);
  const __m512i c = _mm512_unpacklo_epi32(g.x[2], g.x[3]), d = _mm512_unpackhi_epi32(g.x[2], g.x[3]);
  g.x[0] = _mm512_unpacklo_epi64(a, c);
  g.x[1] = _mm512_unpackhi_epi64(a, c);
  g.x[2] = _mm512_unpacklo_epi64(b, d);
  g.x[3] = _mm512_unpackhi_epi64(b, d);
}
TAXGATE_WIDE __m512i round_wide(__m512i a, __m512i b, __m512i c, __m512i d, __m512i key, __m512i u, __m512i v,
                                __m512i w) {
  const __m512i t = _mm512_xor_si512(_mm512_ternarylogic_epi32(b, c, d, 0x96), key);
  const __m512i su = _mm512_gf2p8affineinv_epi64_epi8(t, u, kConstant);
  const __m512i sv = _mm512_gf2p8affineinv_epi64_epi8(t, v, 0);
  const __m512i sw = _mm512_gf2p8affineinv_epi64_epi8(t, w, 0);
  const __m512i near = _mm512_ternarylogic_epi32(a, su, _mm512_ror_epi32(sv, 8), 0x96);
  return _mm512_ternarylogic_epi32(near, _mm512_ror_epi32(sv, 16), _mm512_ror_epi32(sw, 24), 0x96);
}
template <int Groups>
TAXGATE_WIDE void blocks_wide(const std::uint32_t* keys, const std::uint8_t* in, std::uint8_t* out) {
  const __m512i into = _mm512_set1_epi64(packed(kInto)), back = _mm512_set1_epi64(packed(kBack));
  const __m512i u = _mm512_set1_epi64(packed(kU)), v = _mm512_set1_epi64(packed(kV)), w = _mm512_set1_epi64(packed(kW));
  Wide g[Groups];
#pragma clang loop unroll(full)
  for (int i = 0; i < Groups; ++i) {
    for (int j = 0; j < 4; ++j)
      g[i].x[j] = _mm512_gf2p8affine_epi64_epi8(_mm512_loadu_si512(in + 256 * i + 64 * j), into, 0);
    transpose(g[i]);
  }
  for (int r = 0; r < 32; r += 4) {
#pragma clang loop unroll(full)
    for (int q = 0; q < 4; ++q) {
      const __m512i key = _mm512_set1_epi32(static_cast<int>(keys[r + q]));
#pragma clang loop unroll(full)
      for (int i = 0; i < Groups; ++i)
        g[i].x[q] = round_wide(g[i].x[q], g[i].x[(q + 1) & 3], g[i].x[(q + 2) & 3], g[i].x[(q + 3) & 3], key, u, v, w);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < Groups; ++i) {
    std::swap(g[i].x[0], g[i].x[3]);  // the result is the last four words backwards
    std::swap(g[i].x[1], g[i].x[2]);
    transpose(g[i]);
    for (int j = 0; j < 4; ++j)
      _mm512_storeu_si512(out + 256 * i + 64 * j, _mm512_gf2p8affine_epi64_epi8(g[i].x[j], back, 0));
  }
}

constexpr std::size_t kWideGroup = 16 * kBlock;
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,gfni"))) void decrypt_wide(const std::uint32_t* keys,
                                                                                       const std::uint8_t* in,
                                                                                       std::uint8_t* out,
                                                                                       std::size_t size) {
  // Six groups fill the registers without spilling; eight spill.
  for (; size >= 6 * kWideGroup; size -= 6 * kWideGroup, in += 6 * kWideGroup, out += 6 * kWideGroup)
    blocks_wide<6>(keys, in, out);
  for (; size >= kWideGroup; size -= kWideGroup, in += kWideGroup, out += kWideGroup) blocks_wide<1>(keys, in, out);
  if (size == 0) return;
  alignas(64) std::uint8_t tail[kWideGroup] = {};
  std::memcpy(tail, in, size);
  blocks_wide<1>(keys, tail, tail);
  std::memcpy(out, tail, size);
}

// ---- AVX2: 8 blocks a group
struct Narrow {
  __m256i x[4];
};
TAXGATE_NARROW void transpose(Narrow& g) {
  const __m256i a = _mm256_unpacklo_epi32(g.x[0], g.x[1]), b = _mm256_unpackhi_epi32(g.x[0], g.x[1]);
  const __m256i c = _mm256_unpacklo_epi32(g.x[2], g.x[3]), d = _mm256_unpackhi_epi32(g.x[2], g.x[3]);
  g.x[0] = _mm256_unpacklo_epi64(a, c);
  g.x[1] = _mm256_unpackhi_epi64(a, c);
  g.x[2] = _mm256_unpacklo_epi64(b, d);
  g.x[3] = _mm256_unpackhi_epi64(b, d);
}
template <int Groups>
TAXGATE_NARROW void blocks_narrow(const std::uint32_t* keys, const std::uint8_t* in, std::uint8_t* out) {
  const __m256i into = _mm256_set1_epi64x(packed(kInto)), back = _mm256_set1_epi64x(packed(kBack));
  const __m256i u = _mm256_set1_epi64x(packed(kU)), v = _mm256_set1_epi64x(packed(kV));
  const __m256i w = _mm256_set1_epi64x(packed(kW));
  const __m256i ror8 = _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12));
  const __m256i ror16 =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  const __m256i ror24 =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
  Narrow g[Groups];
#pragma clang loop unroll(full)
  for (int i = 0; i < Groups; ++i) {
    for (int j = 0; j < 4; ++j)
      g[i].x[j] = _mm256_gf2p8affine_epi64_epi8(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + 128 * i + 32 * j)), into, 0);
    transpose(g[i]);
  }
  for (int r = 0; r < 32; r += 4) {
#pragma clang loop unroll(full)
    for (int q = 0; q < 4; ++q) {
      const __m256i key = _mm256_set1_epi32(static_cast<int>(keys[r + q]));
#pragma clang loop unroll(full)
      for (int i = 0; i < Groups; ++i) {
        __m256i* x = g[i].x;
        const __m256i t =
            _mm256_xor_si256(_mm256_xor_si256(x[(q + 1) & 3], x[(q + 2) & 3]), _mm256_xor_si256(x[(q + 3) & 3], key));
        const __m256i su = _mm256_gf2p8affineinv_epi64_epi8(t, u, kConstant);
        const __m256i sv = _mm256_gf2p8affineinv_epi64_epi8(t, v, 0);
        const __m256i sw = _mm256_gf2p8affineinv_epi64_epi8(t, w, 0);
        x[q] = _mm256_xor_si256(_mm256_xor_si256(_mm256_xor_si256(x[q], su), _mm256_shuffle_epi8(sv, ror8)),
                                _mm256_xor_si256(_mm256_shuffle_epi8(sv, ror16), _mm256_shuffle_epi8(sw, ror24)));
      }
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < Groups; ++i) {
    std::swap(g[i].x[0], g[i].x[3]);
    std::swap(g[i].x[1], g[i].x[2]);
    transpose(g[i]);
    for (int j = 0; j < 4; ++j)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 128 * i + 32 * j),
                          _mm256_gf2p8affine_epi64_epi8(g[i].x[j], back, 0));
  }
}

constexpr std::size_t kNarrowGroup = 8 * kBlock;
__attribute__((target("avx2,gfni"))) void decrypt_narrow(const std::uint32_t* keys, const std::uint8_t* in,
                                                         std::uint8_t* out, std::size_t size) {
  // Two groups: sixteen registers hold no more beside the constants.
  for (; size >= 2 * kNarrowGroup; size -= 2 * kNarrowGroup, in += 2 * kNarrowGroup, out += 2 * kNarrowGroup)
    blocks_narrow<2>(keys, in, out);
  for (; size >= kNarrowGroup; size -= kNarrowGroup, in += kNarrowGroup, out += kNarrowGroup)
    blocks_narrow<1>(keys, in, out);
  if (size == 0) return;
  alignas(32) std::uint8_t tail[kNarrowGroup] = {};
  std::memcpy(tail, in, size);
  blocks_narrow<1>(keys, tail, tail);
  std::memcpy(out, tail, size);
}
#endif

}  // namespace

// libgcrypt works on many blocks at once in CBC decryption only: take that and undo the chaining. The IV of the call
// starts at zero, so the first block needs nothing.
struct Sm4Decryptor::Library {
  gcry_cipher_hd_t cipher = nullptr;
};

Sm4Decryptor::Sm4Decryptor(std::span<const std::uint8_t, 16> key16, Level level) : level_(level) {
  if (level_ == Level::portable) {
    library_ = new Library;
    if (gcry_check_version(nullptr) == nullptr ||
        gcry_cipher_open(&library_->cipher, GCRY_CIPHER_SM4, GCRY_CIPHER_MODE_CBC, 0) != 0 ||
        gcry_cipher_setkey(library_->cipher, key16.data(), key16.size()) != 0)
      throw std::bad_alloc();  // nothing else can fail with a 16-byte key
    return;
  }
  schedule(key16, keys_);
#if defined(__x86_64__)
  for (auto& key : keys_) key = transformed_key(key);
#endif
}

Sm4Decryptor::~Sm4Decryptor() {
  if (library_ != nullptr) {
    gcry_cipher_close(library_->cipher);  // wipes its schedule
    delete library_;
  }
  volatile std::uint32_t* wipe = keys_.data();
  for (std::size_t i = 0; i < keys_.size(); ++i) wipe[i] = 0;
}

void Sm4Decryptor::decrypt(const std::uint8_t* in, std::uint8_t* out, std::size_t size) const {
#if defined(__x86_64__)
  if (level_ == Level::avx512_gfni) return decrypt_wide(keys_.data(), in, out, size);
  if (level_ == Level::avx2_gfni) return decrypt_narrow(keys_.data(), in, out, size);
#endif
  constexpr std::size_t kPart = 4096;  // in the cache between the two passes
  std::array<std::uint8_t, kPart> cipher;
  for (std::size_t at = 0; at < size; at += kPart) {
    const std::size_t n = std::min(kPart, size - at);
    std::memcpy(cipher.data(), in + at, n);
    if (gcry_cipher_reset(library_->cipher) != 0 ||
        gcry_cipher_decrypt(library_->cipher, out + at, n, cipher.data(), n) != 0)
      throw std::bad_alloc();
    for (std::size_t i = 16; i < n; ++i) out[at + i] = static_cast<std::uint8_t>(out[at + i] ^ cipher[i - 16]);
  }
}

Sm4Encryptor::Sm4Encryptor(std::span<const std::uint8_t, 16> key16, Level level) : level_(level) {
  if (level_ == Level::portable) {
    gcry_cipher_hd_t cipher = nullptr;
    if (gcry_check_version(nullptr) == nullptr ||
        gcry_cipher_open(&cipher, GCRY_CIPHER_SM4, GCRY_CIPHER_MODE_ECB, 0) != 0 ||
        gcry_cipher_setkey(cipher, key16.data(), key16.size()) != 0)
      throw std::bad_alloc();  // nothing else can fail with a 16-byte key
    library_ = cipher;
    return;
  }
  schedule(key16, keys_);
  std::ranges::reverse(keys_);
#if defined(__x86_64__)
  for (auto& key : keys_) key = transformed_key(key);
#endif
}

Sm4Encryptor::~Sm4Encryptor() {
  if (library_ != nullptr) gcry_cipher_close(static_cast<gcry_cipher_hd_t>(library_));
  volatile std::uint32_t* wipe = keys_.data();
  for (std::size_t i = 0; i < keys_.size(); ++i) wipe[i] = 0;
}

void Sm4Encryptor::encrypt(const std::uint8_t* in, std::uint8_t* out, std::size_t size) const {
#if defined(__x86_64__)
  if (level_ == Level::avx512_gfni) return decrypt_wide(keys_.data(), in, out, size);
  if (level_ == Level::avx2_gfni) return decrypt_narrow(keys_.data(), in, out, size);
#endif
  if (size == 0) return;
  const auto cipher = static_cast<gcry_cipher_hd_t>(library_);
  const bool done = in == out ? gcry_cipher_encrypt(cipher, out, size, nullptr, 0) == 0
                              : gcry_cipher_encrypt(cipher, out, size, in, size) == 0;
  if (!done) throw std::bad_alloc();
}

}  // namespace taxgate::wire
