// read_certificate and check_certificate_issuer of protocol/sm.h.
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <new>

#include "protocol/identifiers.h"
#include "protocol/sm.h"
#include "protocol/text.h"

namespace taxgate {
namespace {

struct OpensslFree {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
};
using Certificate = std::unique_ptr<X509, OpensslFree>;

// Tax certificates are one to two KiB; the bound keeps a hostile card from making us parse megabytes.
constexpr std::size_t kMaxCertificate = std::size_t{16} * 1024;
// Bytes of a name that people are shown; the names of dozens of keys go into one message.
constexpr std::size_t kLongestSubject = 400;

constexpr int kDeepest = 16;  // nested pieces; names are four deep

/// UTF8Strings whose bytes are no UTF-8 (a bureau's GBK, say) get '?' for each such byte, in place.
void repair_texts(std::span<unsigned char> der, int depth) {
  while (!der.empty() && depth < kDeepest) {
    const unsigned char* at = der.data();
    long length = 0;
    int tag = 0, form = 0;
    const int read = ASN1_get_object(&at, &length, &tag, &form, static_cast<long>(der.size()));
    if ((read & 0x80) != 0 || (read & 1) != 0) return;  // no such piece, or of a length that DER does not have
    const auto piece = der.subspan(static_cast<std::size_t>(at - der.data()), static_cast<std::size_t>(length));
    if ((read & V_ASN1_CONSTRUCTED) != 0) {
      repair_texts(piece, depth + 1);
    } else if (form == V_ASN1_UNIVERSAL && tag == V_ASN1_UTF8STRING && !is_utf8(as_text(piece))) {
      std::ranges::replace_if(piece, [](unsigned char c) { return c >= 0x80; }, '?');
    }
    der = der.subspan(static_cast<std::size_t>(at - der.data()) + piece.size());
  }
}

/// OpenSSL refuses a certificate with such a text as a whole, and with it the key. What is shown of it is repaired; its
/// signature is checked over the bytes as they came.
Certificate parse(ByteView der) {
  if (der.empty() || der.size() > kMaxCertificate) return nullptr;
  const auto read = [](ByteView bytes) {
    const unsigned char* at = bytes.data();
    Certificate out(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())));
    if (out && at != bytes.data() + bytes.size()) out.reset();  // bytes after the certificate
    return out;
  };
  Certificate out = read(der);
  if (!out) {
    Bytes repaired(der.begin(), der.end());
    repair_texts(repaired, 0);
    out = read(repaired);
  }
  ERR_clear_error();
  return out;
}

/// The bytes that the issuer signed; none where the certificate is not DER.
ByteView signed_part(ByteView der) {
  const unsigned char *at = der.data(), *const end = der.data() + der.size();
  long length = 0;
  int tag = 0, form = 0;
  if (ASN1_get_object(&at, &length, &tag, &form, end - at) != V_ASN1_CONSTRUCTED) return {};
  const unsigned char* const begin = at;
  if (ASN1_get_object(&at, &length, &tag, &form, end - at) != V_ASN1_CONSTRUCTED) return {};
  return {begin, at + length};
}

bool copy_scalar(const EVP_PKEY* key, const char* name, std::uint8_t* out32) {
  BIGNUM* value = nullptr;
  const bool got = EVP_PKEY_get_bn_param(key, name, &value) == 1;
  const std::unique_ptr<BIGNUM, OpensslFree> owner(value);
  return got && BN_bn2binpad(value, out32, 32) == 32;
}

bool copy_key(const X509* certificate, PublicKey& out) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  const bool ok = key != nullptr && EVP_PKEY_is_a(key, "SM2") == 1 &&
                  copy_scalar(key, OSSL_PKEY_PARAM_EC_PUB_X, out.data()) &&
                  copy_scalar(key, OSSL_PKEY_PARAM_EC_PUB_Y, out.data() + 32);
  ERR_clear_error();
  return ok;
}

std::string one_line(const X509_NAME* name) {
  const std::unique_ptr<BIO, OpensslFree> out(BIO_new(BIO_s_mem()));
  if (!out) throw std::bad_alloc();
  // RFC 2253 escapes every byte above 127; Chinese names are wanted readable.
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

/// The first value of this attribute that has the form of a taxpayer id.
std::string taxpayer_in(const X509_NAME* name, int nid) {
  for (int at = X509_NAME_get_index_by_NID(name, nid, -1); at >= 0; at = X509_NAME_get_index_by_NID(name, nid, at)) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) continue;
    const std::string value(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    if (check_taxpayer_id(value, {}, true)) return value;
  }
  return {};
}

std::string serial_hex(const X509* certificate) {
  const std::unique_ptr<BIGNUM, OpensslFree> value(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!value) return {};
  Bytes bytes(static_cast<std::size_t>(std::max(1, BN_num_bytes(value.get()))));
  BN_bn2binpad(value.get(), bytes.data(), static_cast<int>(bytes.size()));
  return hex(bytes);
}

bool unix_ms(const ASN1_TIME* time, std::int64_t& out) {
  std::tm tm{};
  if (ASN1_TIME_to_tm(time, &tm) != 1) return false;
  out = std::int64_t{timegm(&tm)} * 1000;
  return true;
}

std::string sha256_hex(ByteView data) {
  std::array<std::uint8_t, 32> out{};
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, data.data(), data.size(), out.data(), nullptr) != 1)
    throw std::bad_alloc();
  return hex(out);
}

}  // namespace

Result<CertificateFacts> read_certificate(ByteView der) {
  const Certificate certificate = parse(der);
  CertificateFacts out;
  if (!certificate || !unix_ms(X509_get0_notBefore(certificate.get()), out.valid_from_ms) ||
      !unix_ms(X509_get0_notAfter(certificate.get()), out.valid_until_ms))
    return fail(Errc::corrupt, "cert.parse");
  if (!copy_key(certificate.get(), out.key)) return fail(Errc::invalid_input, "cert.not_sm2");
  const X509_NAME* subject = X509_get_subject_name(certificate.get());
  const std::string whole = one_line(subject);
  out.subject = shown(whole, kLongestSubject);
  for (const int nid : {NID_serialNumber, NID_organizationalUnitName, NID_commonName}) {
    out.taxpayer = taxpayer_in(subject, nid);
    if (!out.taxpayer.empty()) break;
  }
  out.serial = serial_hex(certificate.get());
  out.sha256 = sha256_hex(der);
  out.simulated = whole.contains("SIMULATED");
  ERR_clear_error();
  return out;
}

Result<void> check_certificate_issuer(ByteView der, ByteView issuer_der) {
  const auto refuse = [](std::string detail) {
    return fail(Errc::rejected, "cert.chain", {}, {}, {}, std::move(detail));
  };
  const Certificate certificate = parse(der), issuer = parse(issuer_der);
  if (!certificate || !issuer) return refuse("not a certificate");
  PublicKey key{};
  if (!copy_key(issuer.get(), key)) return refuse("the issuer's key is not SM2");
  if (X509_NAME_cmp(X509_get_issuer_name(certificate.get()), X509_get_subject_name(issuer.get())) != 0)
    return refuse("names another issuer");
  if (X509_get_signature_nid(certificate.get()) != NID_SM2_with_SM3) return refuse("not signed with SM2 and SM3");
  const ASN1_BIT_STRING* bits = nullptr;
  X509_get0_signature(&bits, nullptr, certificate.get());
  const auto signature =
      sm2_signature_from_der({ASN1_STRING_get0_data(bits), static_cast<std::size_t>(ASN1_STRING_length(bits))});
  // GM/T 0015 certificates are signed under GM/T 0009's default id.
  const auto verified =
      signature ? sm2_verify(key, sm2_e(kDefaultSignerId, key, signed_part(der)), *signature) : Result<bool>(false);
  const bool good = verified && *verified;
  ERR_clear_error();
  if (!good) return refuse("signature does not verify");
  return {};
}

}  // namespace taxgate
