#include "simulator/platform/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>

namespace taxgate::simulator {

namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

constexpr long kDay = 24 * 3600;
constexpr long kValidDays = 365;

std::string pem(const X509* certificate) {
  const Memory out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem(const EVP_PKEY* key) {
  const Memory out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool set_name(X509_NAME* name, const char* common) {
  auto add = [name](const char* field, const char* value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC, reinterpret_cast<const unsigned char*>(value), -1, -1,
                                      0) == 1;
  };
  return add("O", "SIMULATED Taxgate") && add("CN", common);
}

/// A certificate for `key`, not yet signed; `issuer` null: its own.
Certificate make_certificate(EVP_PKEY* key, const char* common, X509* issuer) {
  Certificate certificate(X509_new());
  if (!certificate) return {};
  X509* x = certificate.get();
  std::uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return {};
  bool ok = X509_set_version(x, 2) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
            X509_gmtime_adj(X509_getm_notBefore(x), -kDay) != nullptr &&
            X509_gmtime_adj(X509_getm_notAfter(x), kValidDays * kDay) != nullptr && X509_set_pubkey(x, key) == 1 &&
            set_name(X509_get_subject_name(x), common);
  ok = ok && X509_set_issuer_name(x, issuer == nullptr ? X509_get_subject_name(x) : X509_get_subject_name(issuer)) == 1;
  X509* signer = issuer == nullptr ? x : issuer;
  ok = ok && add_extension(x, signer, NID_subject_key_identifier, "hash");
  if (issuer == nullptr) {
    ok = ok && add_extension(x, signer, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_extension(x, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  }
  if (!ok) return {};
  return certificate;
}

bool is_ip(const std::string& address) {
  return address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string::npos;
}

}  // namespace

Result<TlsIdentity> make_tls_identity(const std::string& address) {
  auto broken = [] { return fail(Errc::invalid_input, "sim.tls"); };
  const Key ca_key(EVP_EC_gen("P-256")), key(EVP_EC_gen("P-256"));
  if (!ca_key || !key) return broken();
  const Certificate ca = make_certificate(ca_key.get(), "SIMULATED Taxgate platform CA", nullptr);
  if (!ca || X509_sign(ca.get(), ca_key.get(), EVP_sha256()) == 0) return broken();

  const Certificate leaf = make_certificate(key.get(), "SIMULATED Taxgate platform", ca.get());
  if (!leaf) return broken();
  std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  if (address != "127.0.0.1" && address != "::1") names += (is_ip(address) ? ",IP:" : ",DNS:") + address;
  if (!add_extension(leaf.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(leaf.get(), ca.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(leaf.get(), ca.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(leaf.get(), ca.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(leaf.get(), ca.get(), NID_subject_alt_name, names) ||
      X509_sign(leaf.get(), ca_key.get(), EVP_sha256()) == 0) {
    return broken();
  }
  return TlsIdentity{pem(ca.get()), pem(leaf.get()) + pem(ca.get()), pem(key.get())};
}

}  // namespace taxgate::simulator
