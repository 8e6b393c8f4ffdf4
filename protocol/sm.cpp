#include "protocol/sm.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <new>

namespace taxgate {
namespace {

struct ContextFree {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }  // wipes the key schedule
};

// Fetching walks the provider tables under a lock (about 1 µs); done once. Never freed: used by static destructors too.
const EVP_MD* sm3_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SM3", nullptr);
  if (method == nullptr) throw std::bad_alloc();
  return method;
}
const EVP_CIPHER* sm4_method() {
  static const EVP_CIPHER* const method = EVP_CIPHER_fetch(nullptr, "SM4-ECB", nullptr);
  if (method == nullptr) throw std::bad_alloc();
  return method;
}

constexpr std::size_t kSm4Block = 16;
using Block = std::array<std::uint8_t, kSm4Block>;

enum class Direction { decrypt = 0, encrypt = 1 };

/// ECB over whole blocks, no padding. key 16 bytes. `out` has in.size() bytes.
void sm4_blocks(Direction direction, ByteView key, ByteView in, std::uint8_t* out) {
  const std::unique_ptr<EVP_CIPHER_CTX, ContextFree> ctx(EVP_CIPHER_CTX_new());
  if (!ctx ||
      EVP_CipherInit_ex2(ctx.get(), sm4_method(), key.data(), nullptr, static_cast<int>(direction), nullptr) != 1)
    throw std::bad_alloc();  // nothing else can fail with a 16-byte key
  EVP_CIPHER_CTX_set_padding(ctx.get(), 0);
  constexpr std::size_t kPart = std::size_t{1} << 30;  // EVP counts in int
  for (std::size_t at = 0; at < in.size(); at += kPart) {
    int written = 0;
    const auto n = static_cast<int>(std::min(kPart, in.size() - at));
    if (EVP_CipherUpdate(ctx.get(), out + at, &written, in.data() + at, n) != 1 || written != n) throw std::bad_alloc();
  }
}

std::unexpected<Error> bad_key(ByteView key) {
  return fail(Errc::invalid_input, "sm4.key", {}, std::to_string(key.size()), std::to_string(kSm4Block));
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr auto kBase64Value = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < kBase64.size(); ++i)
    table[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  return table;
}();
int base64_value(char c) { return kBase64Value[static_cast<unsigned char>(c)]; }

}  // namespace

Digest sm3_of(std::initializer_list<ByteView> parts) {
  thread_local const std::unique_ptr<EVP_MD_CTX, ContextFree> ctx(EVP_MD_CTX_new());
  Digest out{};
  unsigned length = 0;
  bool ok = ctx && EVP_DigestInit_ex2(ctx.get(), sm3_method(), nullptr) == 1;
  for (const ByteView part : parts) ok = ok && EVP_DigestUpdate(ctx.get(), part.data(), part.size()) == 1;
  if (!ok || EVP_DigestFinal_ex(ctx.get(), out.data(), &length) != 1) throw std::bad_alloc();
  return out;
}

Digest sm3(ByteView data) { return sm3_of({data}); }

std::string hex(ByteView data) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out(data.size() * 2, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) {
    out[2 * i] = digits[data[i] >> 4];
    out[2 * i + 1] = digits[data[i] & 15];
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text, std::string_view field) {
  // The text may be a key: the error shows where, never what.
  if (text.size() % 2 != 0)
    return fail(Errc::invalid_input, "hex.format", std::string(field), std::to_string(text.size()) + " characters");
  Bytes out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return fail(Errc::invalid_input, "hex.format", std::string(field),
                  "character " + std::to_string(2 * i + (high < 0 ? 1 : 2)));
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

std::string base64(ByteView data) {
  // Twelve bits a step: pages of megabytes are encoded too.
  static constexpr auto kPairs = [] {
    std::array<std::array<char, 2>, 4096> t{};
    for (std::size_t v = 0; v < t.size(); ++v) t[v] = {kBase64[v >> 6], kBase64[v & 63]};
    return t;
  }();
  std::string out((data.size() + 2) / 3 * 4, '=');
  char* to = out.data();
  const auto pair = [&to](unsigned v) {
    *to++ = kPairs[v][0];
    *to++ = kPairs[v][1];
  };
  std::size_t i = 0;
  for (; i + 3 <= data.size(); i += 3) {
    const unsigned v = unsigned{data[i]} << 16 | unsigned{data[i + 1]} << 8 | data[i + 2];
    pair(v >> 12);
    pair(v & 4095);
  }
  if (data.size() - i == 1) {
    pair(unsigned{data[i]} << 4);
  } else if (data.size() - i == 2) {
    const unsigned v = unsigned{data[i]} << 16 | unsigned{data[i + 1]} << 8;
    pair(v >> 12);
    *to = kBase64[v >> 6 & 63];
  }
  return out;
}

Result<Bytes> from_base64(std::string_view text, std::string_view field) {
  const auto refuse = [&](std::size_t at) {
    return fail(Errc::invalid_input, "base64.format", std::string(field), "character " + std::to_string(at + 1));
  };
  if (text.size() % 4 != 0) return refuse(text.size());
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::size_t digits = text.size() - padding;
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int d = base64_value(text[i]);
    if (d < 0) return refuse(i);
    v = v << 6 | static_cast<std::uint32_t>(d);
    if (i % 4 == 3) {
      out.push_back(static_cast<std::uint8_t>(v >> 16));
      out.push_back(static_cast<std::uint8_t>(v >> 8));
      out.push_back(static_cast<std::uint8_t>(v));
    }
  }
  // One form for one content: the unused bits of the last digit must be zero.
  if (padding == 1) {
    if ((v & 0x3) != 0) return refuse(digits - 1);
    out.push_back(static_cast<std::uint8_t>(v >> 10));
    out.push_back(static_cast<std::uint8_t>(v >> 2));
  } else if (padding == 2) {
    if ((v & 0xF) != 0) return refuse(digits - 1);
    out.push_back(static_cast<std::uint8_t>(v >> 4));
  }
  return out;
}

Result<Bytes> sm4_ecb_encrypt(ByteView key16, ByteView plain) {
  if (key16.size() != kSm4Block) return bad_key(key16);
  const std::size_t whole = plain.size() / kSm4Block * kSm4Block;
  Bytes out(whole + kSm4Block);
  Block last{};
  const std::size_t rest = plain.size() - whole;
  std::ranges::copy(plain.subspan(whole), last.begin());
  std::fill(last.begin() + static_cast<std::ptrdiff_t>(rest), last.end(), static_cast<std::uint8_t>(kSm4Block - rest));
  if (whole > 0) sm4_blocks(Direction::encrypt, key16, plain.first(whole), out.data());
  sm4_blocks(Direction::encrypt, key16, last, out.data() + whole);
  return out;
}

Result<Bytes> sm4_ecb_decrypt(ByteView key16, ByteView cipher) {
  if (key16.size() != kSm4Block) return bad_key(key16);
  const auto refuse = [] { return fail(Errc::corrupt, "sm4.padding"); };
  if (cipher.empty() || cipher.size() % kSm4Block != 0) return refuse();
  Bytes out(cipher.size());
  sm4_blocks(Direction::decrypt, key16, cipher, out.data());
  const std::size_t padding = out.back();
  if (padding == 0 || padding > kSm4Block) return refuse();
  const auto tail = out.end() - static_cast<std::ptrdiff_t>(padding);
  if (!std::all_of(tail, out.end(), [&](std::uint8_t b) { return b == padding; })) return refuse();
  out.erase(tail, out.end());
  return out;
}

std::array<std::uint8_t, 16> sm4_block_encrypt(ByteView key16, ByteView block16) {
  Block out{};
  if (key16.size() == kSm4Block && block16.size() == kSm4Block)
    sm4_blocks(Direction::encrypt, key16, block16, out.data());
  return out;
}

std::array<std::uint8_t, 16> sm4_block_decrypt(ByteView key16, ByteView block16) {
  Block out{};
  if (key16.size() == kSm4Block && block16.size() == kSm4Block)
    sm4_blocks(Direction::decrypt, key16, block16, out.data());
  return out;
}

}  // namespace taxgate
