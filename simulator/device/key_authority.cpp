#include "simulator/device/key_authority.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <stdexcept>

#include "simulator/device/openssl.h"
#include "simulator/device/state_file.h"

namespace taxgate::simulator {
namespace {

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr std::int64_t kAuthorityDays = 3650;

using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  check(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0) == 1);
}

// X509V3_EXT_conf_nid wants a non-const char* for no reason it documents.
void add_extension(X509* leaf, X509* issuer, int nid, const char* value) {
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, leaf, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>> ext(
      X509V3_EXT_conf_nid(nullptr, &ctx, nid, value));
  check(ext != nullptr && X509_add_ext(leaf, ext.get(), -1) == 1);
}

void set_time(ASN1_TIME* field, std::int64_t ms) {
  check(ASN1_TIME_set(field, static_cast<time_t>(ms / 1000)) != nullptr);
}

Certificate blank(const Sm2Key& key, std::int64_t from_ms, std::int64_t until_ms) {
  Certificate cert(X509_new());
  check(cert != nullptr && X509_set_version(cert.get(), X509_VERSION_3) == 1);
  std::array<std::uint8_t, 16> serial;
  check(RAND_bytes(serial.data(), serial.size()) == 1);
  serial[0] &= 0x7F;  // positive
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  check(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(cert.get())) != nullptr);
  set_time(X509_getm_notBefore(cert.get()), from_ms);
  set_time(X509_getm_notAfter(cert.get()), until_ms);
  const Pkey pkey(key.to_evp());
  check(X509_set_pubkey(cert.get(), pkey.get()) == 1);
  return cert;
}

Bytes sign_to_der(X509* cert, const Sm2Key& authority) {
  const Pkey pkey(authority.to_evp());
  const std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>> md(EVP_MD_CTX_new());
  const std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>> ctx(EVP_PKEY_CTX_new(pkey.get(), nullptr));
  check(md && ctx);
  check(EVP_PKEY_CTX_set1_id(ctx.get(), kDefaultSignerId.data(), kDefaultSignerId.size()) == 1);
  EVP_MD_CTX_set_pkey_ctx(md.get(), ctx.get());
  check(EVP_DigestSignInit(md.get(), nullptr, EVP_sm3(), nullptr, pkey.get()) == 1);
  check(X509_sign_ctx(cert, md.get()) > 0);
  unsigned char* raw = nullptr;
  const int size = i2d_X509(cert, &raw);
  check(size > 0);
  Bytes out(raw, raw + size);
  OPENSSL_free(raw);
  return out;
}

Certificate parse(ByteView der) {
  const unsigned char* p = der.data();
  return Certificate(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
}

}  // namespace

KeyAuthority KeyAuthority::create(const std::string& who, std::int64_t now_ms) {
  Sm2Key key = Sm2Key::generate();
  const Certificate cert = blank(key, now_ms - kDayMs, now_ms + kAuthorityDays * kDayMs);
  X509_NAME* name = X509_get_subject_name(cert.get());
  add_name(name, "C", "CN");
  add_name(name, "O", "SIMULATED");
  add_name(name, "CN", "Taxgate SIMULATED " + who);
  check(X509_set_issuer_name(cert.get(), name) == 1);
  add_extension(cert.get(), cert.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(cert.get(), cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(cert.get(), cert.get(), NID_subject_key_identifier, "hash");
  Bytes der = sign_to_der(cert.get(), key);
  return {std::move(key), std::move(der)};
}

Result<KeyAuthority> KeyAuthority::open_or_create(const std::string& directory, const std::string& stem,
                                                  const std::string& who, std::int64_t now_ms) {
  const std::string path = directory + "/" + stem + ".key";
  if (!std::filesystem::exists(path)) {
    KeyAuthority fresh = create(who, now_ms);
    StateFile file;
    file.set("scalar", hex(fresh.key_.scalar()));
    file.set("certificate", hex(fresh.certificate_));
    if (auto r = file.save(path); !r) return std::unexpected(r.error());
    if (auto r = write_file_atomically(directory + "/" + stem + ".pem", fresh.certificate_pem(), 0644); !r)
      return std::unexpected(r.error());
    return fresh;
  }
  auto file = StateFile::load(path);
  if (!file) return std::unexpected(file.error());
  const auto scalar = from_hex(file->get("scalar")), der = from_hex(file->get("certificate"));
  if (!scalar || !der || !parse(*der)) return fail(Errc::corrupt, "sim.state_format", path);
  auto key = Sm2Key::from_scalar(*scalar);
  if (!key) return std::unexpected(key.error());
  return KeyAuthority(std::move(*key), *der);
}

std::string KeyAuthority::certificate_pem() const {
  const Certificate cert = parse(certificate_);
  const Bio bio(BIO_new(BIO_s_mem()));
  check(cert && bio && PEM_write_bio_X509(bio.get(), cert.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Bytes KeyAuthority::issue(const Sm2Key& key, const LeafSubject& subject) const {
  const Certificate issuer = parse(certificate_);
  const Certificate cert = blank(key, subject.valid_from_ms, subject.valid_until_ms);
  X509_NAME* name = X509_get_subject_name(cert.get());
  add_name(name, "C", "CN");
  add_name(name, "O", subject.name);
  add_name(name, "OU", "SIMULATED");
  add_name(name, "serialNumber", subject.taxpayer);
  add_name(name, "CN", "SIMULATED " + subject.key_serial);
  check(X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer.get())) == 1);
  add_extension(cert.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(cert.get(), issuer.get(), NID_key_usage, "critical,digitalSignature,nonRepudiation");
  add_extension(cert.get(), issuer.get(), NID_subject_key_identifier, "hash");
  add_extension(cert.get(), issuer.get(), NID_authority_key_identifier, "keyid:always");
  return sign_to_der(cert.get(), key_);
}

}  // namespace taxgate::simulator
