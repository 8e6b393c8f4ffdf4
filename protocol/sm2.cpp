// SM2 signatures: Z and e by the standard's formulas over SM3, verification over e by OpenSSL.
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <list>
#include <memory>
#include <new>

#include "protocol/sm.h"

namespace taxgate {
namespace {

// GB/T 32918.5, recommended curve: a, b, xG, yG.
constexpr std::array<std::uint8_t, 128> kCurve{
    0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC, 0x28, 0xE9, 0xFA, 0x9E, 0x9D, 0x9F,
    0x5E, 0x34, 0x4D, 0x5A, 0x9E, 0x4B, 0xCF, 0x65, 0x09, 0xA7, 0xF3, 0x97, 0x89, 0xF5, 0x15, 0xAB, 0x8F, 0x92, 0xDD,
    0xBC, 0xBD, 0x41, 0x4D, 0x94, 0x0E, 0x93, 0x32, 0xC4, 0xAE, 0x2C, 0x1F, 0x19, 0x81, 0x19, 0x5F, 0x99, 0x04, 0x46,
    0x6A, 0x39, 0xC9, 0x94, 0x8F, 0xE3, 0x0B, 0xBF, 0xF2, 0x66, 0x0B, 0xE1, 0x71, 0x5A, 0x45, 0x89, 0x33, 0x4C, 0x74,
    0xC7, 0xBC, 0x37, 0x36, 0xA2, 0xF4, 0xF6, 0x77, 0x9C, 0x59, 0xBD, 0xCE, 0xE3, 0x6B, 0x69, 0x21, 0x53, 0xD0, 0xA9,
    0x87, 0x7C, 0xC6, 0x2A, 0x47, 0x40, 0x02, 0xDF, 0x32, 0xE5, 0x21, 0x39, 0xF0, 0xA0,
};

constexpr std::size_t kScalar = 32;

struct OpensslFree {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* c) const { EVP_PKEY_CTX_free(c); }
};
using Key = std::unique_ptr<EVP_PKEY, OpensslFree>;
using Context = std::unique_ptr<EVP_PKEY_CTX, OpensslFree>;

Key import_key(const PublicKey& key) {
  std::array<std::uint8_t, 65> point{};
  point[0] = 4;  // uncompressed
  std::ranges::copy(key, point.begin() + 1);
  char curve[] = "SM2";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end(),
  };
  const Context ctx(EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr));
  EVP_PKEY* out = nullptr;
  if (!ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1) throw std::bad_alloc();
  // fromdata refuses a point that is not on the curve.
  if (EVP_PKEY_fromdata(ctx.get(), &out, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(params)) != 1) ERR_clear_error();
  return Key(out);
}

/// Importing a key derives the curve's tables again; a gateway verifies for few keys, so each thread keeps its latest.
class KeyCache {
 public:
  EVP_PKEY* get(const PublicKey& key) {
    const auto found = std::ranges::find(entries_, key, &Entry::point);
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
      return entries_.front().key.get();
    }
    Key imported = import_key(key);
    if (!imported) return nullptr;
    entries_.push_front({key, std::move(imported)});
    if (entries_.size() > kEntries) entries_.pop_back();
    return entries_.front().key.get();
  }

 private:
  // Four keys a gateway are usual, sixteen the largest group we know of (12 plants with one key each and spares).
  static constexpr std::size_t kEntries = 16;
  struct Entry {
    PublicKey point;
    Key key;
  };
  std::list<Entry> entries_;
};

/// INTEGER of at most 32 bytes, minimal and not negative. Advances `der`.
bool read_integer(ByteView& der, std::uint8_t* out32) {
  if (der.size() < 3 || der[0] != 0x02) return false;
  const std::size_t length = der[1];
  if (length == 0 || length > kScalar + 1 || der.size() < 2 + length) return false;
  ByteView value = der.subspan(2, length);
  der = der.subspan(2 + length);
  if ((value[0] & 0x80) != 0) return false;
  if (value[0] == 0 && length > 1) {
    if ((value[1] & 0x80) == 0) return false;  // a zero that was not needed
    value = value.subspan(1);
  }
  if (value.size() > kScalar) return false;
  std::fill_n(out32, kScalar - value.size(), std::uint8_t{0});
  std::ranges::copy(value, out32 + (kScalar - value.size()));
  return true;
}

void write_integer(Bytes& out, ByteView scalar) {
  while (scalar.size() > 1 && scalar[0] == 0) scalar = scalar.subspan(1);
  const bool lead = (scalar[0] & 0x80) != 0;
  out.push_back(0x02);
  out.push_back(static_cast<std::uint8_t>(scalar.size() + (lead ? 1 : 0)));
  if (lead) out.push_back(0);
  out.insert(out.end(), scalar.begin(), scalar.end());
}

}  // namespace

Digest sm2_z(std::string_view signer_id, const PublicKey& key) {
  const std::size_t bits = signer_id.size() * 8;  // ENTL is 16 bits of a bit count
  const std::array<std::uint8_t, 2> entl{static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)};
  return sm3_of({entl, as_bytes(signer_id), kCurve, key});
}

Digest sm2_e(std::string_view signer_id, const PublicKey& key, ByteView message) {
  const Digest z = sm2_z(signer_id, key);
  return sm3_of({z, message});
}

Result<bool> sm2_verify(const PublicKey& key, const Digest& e, const Signature& signature) {
  thread_local KeyCache cache;
  EVP_PKEY* const pkey = cache.get(key);
  if (pkey == nullptr) return fail(Errc::invalid_input, "sm2.point");
  const Context ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr));
  if (!ctx || EVP_PKEY_verify_init(ctx.get()) != 1) throw std::bad_alloc();
  const Bytes der = sm2_signature_to_der(signature);
  const bool good = EVP_PKEY_verify(ctx.get(), der.data(), der.size(), e.data(), e.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

Bytes sm2_signature_to_der(const Signature& signature) {
  Bytes out{0x30, 0};
  out.reserve(2 + 2 * (2 + kScalar + 1));
  const ByteView both(signature);
  write_integer(out, both.first(kScalar));
  write_integer(out, both.subspan(kScalar));
  out[1] = static_cast<std::uint8_t>(out.size() - 2);  // at most 70: one length byte
  return out;
}

Result<Signature> sm2_signature_from_der(ByteView der) {
  Signature out{};
  const bool frame = der.size() >= 2 && der[0] == 0x30 && der[1] < 0x80 && der[1] == der.size() - 2;
  ByteView rest = frame ? der.subspan(2) : ByteView{};
  if (!frame || !read_integer(rest, out.data()) || !read_integer(rest, out.data() + kScalar) || !rest.empty())
    return fail(Errc::corrupt, "sm2.der");
  return out;
}

}  // namespace taxgate
