// Base64 in bulk, and which kernels this processor gets. Four characters are three bytes: a table turns characters into
// six-bit values, two multiply-adds join them to 24 bits, a shuffle drops the fourth byte. Source: RFC 4648.
#include <cstdlib>
#include <cstring>

#include "protocol/wire_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace taxgate::wire {
namespace {

constexpr std::uint8_t kBad = 0xFF;
constexpr auto kValues = [] {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> t{};
  t.fill(kBad);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    t[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return t;
}();

Level best() {
#if defined(__x86_64__)
  Level found = Level::portable;
  const bool gfni = __builtin_cpu_supports("gfni") != 0 && __builtin_cpu_supports("avx2") != 0;
  if (gfni) found = Level::avx2_gfni;
  if (gfni && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vbmi") != 0)
    found = Level::avx512_gfni;
  return found;
#else
  return Level::portable;
#endif
}

/// Quads [at, end) by the table. False: a character that is none.
bool quads(const char* text, std::size_t count, std::uint8_t* out) {
  for (std::size_t i = 0; i < count; ++i, text += 4, out += 3) {
    const unsigned a = kValues[static_cast<unsigned char>(text[0])], b = kValues[static_cast<unsigned char>(text[1])],
                   c = kValues[static_cast<unsigned char>(text[2])], d = kValues[static_cast<unsigned char>(text[3])];
    if (((a | b | c | d) & 0xC0U) != 0) return false;
    const unsigned v = a << 18U | b << 12U | c << 6U | d;
    out[0] = static_cast<std::uint8_t>(v >> 16U);
    out[1] = static_cast<std::uint8_t>(v >> 8U);
    out[2] = static_cast<std::uint8_t>(v);
  }
  return true;
}

#if defined(__x86_64__)
// Both return the characters done (a multiple of 4, stopping early enough not to write behind `room`), or nullopt.
// A vector is written whole, so its last bytes must still lie in the output: the rest is left to the table.
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi"))) std::optional<std::size_t> decode_wide(
    std::string_view text, std::uint8_t* out) {
  alignas(64) std::array<std::uint8_t, 128> table{};
  for (std::size_t i = 0; i < 128; ++i) table[i] = kValues[i] == kBad ? 0x80 : kValues[i];
  alignas(64) std::array<std::uint8_t, 64> order{};
  for (unsigned i = 0; i < 48; ++i) order[i] = static_cast<std::uint8_t>(i / 3 * 4 + 2 - i % 3);
  const __m512i low = _mm512_load_si512(table.data()), high = _mm512_load_si512(table.data() + 64);
  const __m512i drop = _mm512_load_si512(order.data());
  constexpr __mmask64 kBytes = 0xFFFFFFFFFFFF;
  __m512i wrong = _mm512_setzero_si512();
  std::size_t at = 0;
  for (; at + 64 <= text.size(); at += 64, out += 48) {
    const __m512i c = _mm512_loadu_si512(text.data() + at);
    const __m512i v = _mm512_permutex2var_epi8(low, c, high);
    wrong = _mm512_ternarylogic_epi32(wrong, c, v, 0xFE);  // bit 7: not ASCII, or not in the alphabet
    const __m512i pairs = _mm512_maddubs_epi16(v, _mm512_set1_epi32(0x01400140));
    const __m512i words = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00011000));
    _mm512_mask_storeu_epi8(out, kBytes, _mm512_permutexvar_epi8(drop, words));
  }
  if (_mm512_movepi8_mask(wrong) != 0) return std::nullopt;
  return at;
}

__attribute__((target("avx2"))) std::optional<std::size_t> decode_narrow(std::string_view text, std::uint8_t* out) {
  // High nibble → what to add; '/' shares its nibble with '+' and is told apart. A character is good when its low
  // nibble's set of wrong high nibbles does not hold its own.
  const __m256i add =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i low_set = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A));
  const __m256i high_set = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
  const __m256i nibble = _mm256_set1_epi8(0x0F), slash = _mm256_set1_epi8('/');
  const __m256i drop =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
  std::size_t at = 0;
  __m256i wrong = _mm256_setzero_si256();
  for (; at + 44 <= text.size(); at += 32, out += 24) {  // 32 bytes are written, 24 are meant
    const __m256i c = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + at));
    const __m256i high = _mm256_and_si256(_mm256_srli_epi32(c, 4), nibble);
    const __m256i low = _mm256_and_si256(c, nibble);
    wrong = _mm256_or_si256(wrong,
                            _mm256_and_si256(_mm256_shuffle_epi8(low_set, low), _mm256_shuffle_epi8(high_set, high)));
    const __m256i is_slash = _mm256_cmpeq_epi8(c, slash);
    const __m256i v = _mm256_add_epi8(c, _mm256_shuffle_epi8(add, _mm256_add_epi8(is_slash, high)));
    const __m256i pairs = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
    const __m256i words = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    const __m256i bytes =
        _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(words, drop), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
  }
  if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(wrong, _mm256_setzero_si256())) != -1) return std::nullopt;
  return at;
}
#endif

/// The last quad of a text, which may be padded.
std::optional<std::size_t> last_quad(const char* text, std::uint8_t* out) {
  const auto v = [&](int i) { return unsigned{kValues[static_cast<unsigned char>(text[i])]}; };
  if (text[3] != '=') return quads(text, 1, out) ? std::optional<std::size_t>(3) : std::nullopt;
  if (v(0) == kBad || v(1) == kBad) return std::nullopt;
  if (text[2] == '=') {
    if ((v(1) & 15U) != 0) return std::nullopt;
    out[0] = static_cast<std::uint8_t>(v(0) << 2U | v(1) >> 4U);
    return 1;
  }
  if (v(2) == kBad || (v(2) & 3U) != 0) return std::nullopt;
  out[0] = static_cast<std::uint8_t>(v(0) << 2U | v(1) >> 4U);
  out[1] = static_cast<std::uint8_t>(v(1) << 4U | v(2) >> 2U);
  return 2;
}

constexpr std::array kLevels{Level::portable, Level::avx2_gfni, Level::avx512_gfni};

}  // namespace

Level level() {
  static const Level chosen = [] {
    const Level found = best();
    const char* wish = std::getenv("TAXGATE_WIRE");
    if (wish == nullptr) return found;
    const Level wanted = std::string_view(wish) == "portable" ? Level::portable
                         : std::string_view(wish) == "avx2"   ? Level::avx2_gfni
                                                              : found;
    return wanted < found ? wanted : found;
  }();
  return chosen;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::avx512_gfni:
      return "avx512+gfni";
    case Level::avx2_gfni:
      return "avx2+gfni";
    default:
      return "portable";
  }
}

std::span<const Level> levels() { return std::span(kLevels).first(static_cast<std::size_t>(best()) + 1); }

std::optional<std::size_t> base64_decode(std::string_view text, std::uint8_t* out, bool last, Level level) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return 0;
  const std::size_t body = last ? text.size() - 4 : text.size();
  std::size_t at = 0;
#if defined(__x86_64__)
  std::optional<std::size_t> done = 0;
  if (level == Level::avx512_gfni) done = decode_wide(text.substr(0, body), out);
  if (level == Level::avx2_gfni) done = decode_narrow(text.substr(0, body), out);
  if (!done) return std::nullopt;
  at = *done;
#else
  (void)level;
#endif
  if (!quads(text.data() + at, (body - at) / 4, out + at / 4 * 3)) return std::nullopt;
  if (!last) return body / 4 * 3;
  const auto tail = last_quad(text.data() + body, out + body / 4 * 3);
  if (!tail) return std::nullopt;
  return body / 4 * 3 + *tail;
}

}  // namespace taxgate::wire
