#include <openssl/evp.h>
#include <openssl/pem.h>

#include <ctime>
#include <memory>

#include "tests/unit/protocol/openssl_command.h"

namespace taxgate {
namespace {

using test::kDistId;
using test::make_certificate;
using test::Workshop;

const std::string kSubject = "/C=CN/O=虚构空调有限公司/serialNumber=91310115TGDM00011U/CN=SIMULATED tax key 1";

TEST(OpensslCommand, CertificatesAreReadAsWeReadThem) {
  const Workshop shop;
  make_certificate(shop, "leaf", kSubject);
  const auto facts = read_certificate(shop.read("leaf.der"));
  ASSERT_TRUE(facts) << facts.error().id;
  EXPECT_EQ(facts->taxpayer, "91310115TGDM00011U");
  EXPECT_TRUE(facts->simulated);
  EXPECT_NE(facts->subject.find("虚构空调有限公司"), std::string::npos) << facts->subject;
  const std::int64_t now = std::int64_t{std::time(nullptr)} * 1000;
  EXPECT_LE(facts->valid_from_ms, now);
  EXPECT_EQ(facts->valid_until_ms - facts->valid_from_ms, 30LL * 24 * 3600 * 1000);

  ASSERT_EQ(shop.openssl("dgst -sha256 -r leaf.der"), 0);
  EXPECT_TRUE(shop.log().starts_with(facts->sha256));
  ASSERT_EQ(shop.openssl("x509 -in leaf.pem -noout -serial"), 0);
  std::string serial;
  for (const char c : shop.log().substr(7)) serial.push_back(static_cast<char>(std::tolower(c)));
  EXPECT_EQ(serial, facts->serial + "\n");
  ASSERT_EQ(shop.openssl("ec -in leaf.key -pubout -outform DER -out public.der -conv_form uncompressed"), 0)
      << shop.log();
  const Bytes spki = shop.read("public.der");
  EXPECT_EQ(hex(ByteView(spki).last(64)), hex(facts->key));
}

TEST(OpensslCommand, TaxpayerIsFoundInEachPlaceTheStandardsAllow) {
  const Workshop shop;
  const std::pair<const char*, const char*> cases[] = {
      {"/serialNumber=91310115TGDM00011U/OU=91340200TGDM0002XD/CN=x", "91310115TGDM00011U"},
      {"/OU=finance/OU=91340200TGDM0002XD/CN=91310115TGDM00011U", "91340200TGDM0002XD"},
      {"/serialNumber=17/OU=finance/CN=91310115TGDM00011U", "91310115TGDM00011U"},
      {"/OU=finance/CN=tax key", ""}};
  for (const auto& [subject, taxpayer] : cases) {
    make_certificate(shop, "leaf", subject);
    const auto facts = read_certificate(shop.read("leaf.der"));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->taxpayer, taxpayer) << subject;
    EXPECT_FALSE(facts->simulated);
  }
}

TEST(OpensslCommand, ItsSignaturesVerifyHere) {
  const Workshop shop;
  make_certificate(shop, "leaf", kSubject);
  const auto facts = read_certificate(shop.read("leaf.der"));
  ASSERT_TRUE(facts);
  const auto message = as_bytes("a red-letter submission");
  const Signature signature = test::sign(shop, "leaf", message);
  EXPECT_EQ(sm2_verify(facts->key, sm2_e(kDefaultSignerId, facts->key, message), signature), true);
  EXPECT_EQ(sm2_verify(facts->key, sm2_e(kDefaultSignerId, facts->key, as_bytes("another")), signature), false);
}

TEST(OpensslCommand, VerifiesSignaturesOverOurDigestInOurEncoding) {
  const Workshop shop;
  make_certificate(shop, "leaf", kSubject);
  const auto facts = read_certificate(shop.read("leaf.der"));
  ASSERT_TRUE(facts);
  const auto message = as_bytes("a red-letter submission");
  const Digest e = sm2_e(kDefaultSignerId, facts->key, message);

  // As a card does: a bare signature over e, with nothing of ours or of openssl's Z inside.
  const Bytes pem = shop.read("leaf.key");
  const std::unique_ptr<BIO, decltype(&BIO_free)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                     BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  ASSERT_TRUE(key);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> ctx(EVP_PKEY_CTX_new(key.get(), nullptr),
                                                                        EVP_PKEY_CTX_free);
  ASSERT_EQ(EVP_PKEY_sign_init(ctx.get()), 1);
  Bytes der(80);
  std::size_t size = der.size();
  ASSERT_EQ(EVP_PKEY_sign(ctx.get(), der.data(), &size, e.data(), e.size()), 1);
  der.resize(size);
  const auto signature = sm2_signature_from_der(der);
  ASSERT_TRUE(signature);

  shop.write("message", message);
  shop.write("signature", sm2_signature_to_der(*signature));
  ASSERT_EQ(shop.openssl("ec -in leaf.key -pubout -out public.pem"), 0) << shop.log();
  EXPECT_EQ(shop.openssl("dgst -sm3 -sigopt " + kDistId + " -verify public.pem -signature signature message"), 0)
      << shop.log();
  shop.write("message", as_bytes("another"));
  EXPECT_NE(shop.openssl("dgst -sm3 -sigopt " + kDistId + " -verify public.pem -signature signature message"), 0);
}

TEST(OpensslCommand, ChainsItIssuedAreAcceptedAndOthersAreNot) {
  const Workshop shop;
  make_certificate(shop, "ca", "/CN=SIMULATED CA");
  make_certificate(shop, "other", "/CN=SIMULATED CA");  // same name, another key
  make_certificate(shop, "named", "/CN=Another CA");
  make_certificate(shop, "leaf", kSubject, "ca");
  const Bytes leaf = shop.read("leaf.der");
  EXPECT_TRUE(check_certificate_issuer(leaf, shop.read("ca.der")));
  EXPECT_TRUE(check_certificate_issuer(shop.read("ca.der"), shop.read("ca.der")));
  EXPECT_EQ(shop.openssl("verify -vfyopt " + kDistId + " -CAfile ca.pem leaf.pem"), 0) << shop.log();
  for (const char* wrong : {"other.der", "named.der", "leaf.der"}) {
    const auto refused = check_certificate_issuer(leaf, shop.read(wrong));
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().id, "cert.chain");
    EXPECT_EQ(refused.error().code, Errc::rejected);
  }
  Bytes changed = leaf;
  changed[changed.size() / 2] ^= 1;
  EXPECT_FALSE(check_certificate_issuer(changed, shop.read("ca.der")));
}

TEST(OpensslCommand, ACertificateWhoseNameIsGbkThoughItSaysUtf8IsReadAndItsIssuerChecked) {
  const Workshop shop;
  const Bytes body = test::gbk_signed_part(shop), certificate = test::certificate_by(shop, "ca", body);
  shop.write("gbk.der", certificate);
  EXPECT_NE(shop.openssl("x509 -inform der -in gbk.der -noout -subject"), 0) << "refused by itself";
  const auto facts = read_certificate(certificate);
  ASSERT_TRUE(facts) << facts.error().id;
  EXPECT_EQ(facts->taxpayer, "91310115TGDM00011U");
  EXPECT_NE(facts->subject.find("O=????????????"), std::string::npos) << facts->subject;
  EXPECT_TRUE(facts->simulated);
  EXPECT_TRUE(check_certificate_issuer(certificate, shop.read("ca.der")));
  EXPECT_FALSE(check_certificate_issuer(test::certificate_by(shop, "leaf", body), shop.read("ca.der")))
      << "another's signature";
  Bytes other = certificate;  // a name that is shown alike
  std::ranges::search(other, as_bytes(test::kGbkName)).front() ^= 1;
  EXPECT_TRUE(read_certificate(other));
  EXPECT_FALSE(check_certificate_issuer(other, shop.read("ca.der")));
}

TEST(OpensslCommand, CertificatesOfOtherKeysAreRefusedByName) {
  const Workshop shop;
  ASSERT_EQ(shop.openssl("req -x509 -newkey rsa:2048 -nodes -keyout k -subj /CN=x -outform DER -out rsa.der"), 0)
      << shop.log();
  ASSERT_EQ(shop.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=x -outform "
                         "DER -out p256.der"),
            0);
  for (const char* name : {"rsa.der", "p256.der"}) {
    const auto read = read_certificate(shop.read(name));
    ASSERT_FALSE(read) << name;
    EXPECT_EQ(read.error().id, "cert.not_sm2");
  }
  make_certificate(shop, "leaf", kSubject);
  Bytes longer = shop.read("leaf.der");
  longer.push_back(0);
  EXPECT_EQ(read_certificate(longer).error().id, "cert.parse");
}

}  // namespace
}  // namespace taxgate
