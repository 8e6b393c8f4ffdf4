#pragma once
// A small certificate authority for TLS tests: EC P-256, made in the process, written as PEM.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

namespace taxgate {

struct TestIdentity {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;

  /// issuer null: self-signed CA. `name` is the common name and, for leaves, the DNS name (and IP 127.0.0.1).
  static TestIdentity make(const std::string& name, const TestIdentity* issuer) {
    TestIdentity id;
    id.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
    id.certificate.reset(X509_new(), X509_free);
    X509* x = id.certificate.get();
    static long serial = 1;
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, id.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* ca = issuer ? issuer->certificate.get() : x;
    X509_set_issuer_name(x, X509_get_subject_name(ca));
    const auto extension = [&](int nid, const std::string& value) {
      X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
      X509_add_ext(x, e, -1);
      X509_EXTENSION_free(e);
    };
    if (issuer)
      extension(NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1");
    else
      extension(NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(x, issuer ? issuer->key.get() : id.key.get(), EVP_sha256());
    return id;
  }
  void write(const std::string& certificate_path, const std::string& key_path) const {
    std::FILE* f = std::fopen(certificate_path.c_str(), "w");
    PEM_write_X509(f, certificate.get());
    std::fclose(f);
    if (key_path.empty()) return;
    f = std::fopen(key_path.c_str(), "w");
    PEM_write_PrivateKey(f, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(f);
  }
  std::string der() const {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate.get(), &bytes);
    std::string out(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return out;
  }
};

}  // namespace taxgate
