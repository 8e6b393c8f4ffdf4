#include "simulator/device/sm2_key.h"

#include <gtest/gtest.h>

#include <set>

#include "simulator/device/key_authority.h"
#include "tests/unit/protocol/openssl_command.h"

namespace taxgate::simulator {
namespace {

constexpr std::int64_t kNow = 1'793'000'000'000, kDay = 86'400'000;

// The example of GM/T 0003.5 / GB/T 32918.5 on the recommended curve.
TEST(SimulatedSm2Key, HasThePublicKeyOfTheStandardsExample) {
  const auto scalar = from_hex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8").value();
  const Sm2Key key = std::move(Sm2Key::from_scalar(scalar).value());
  EXPECT_EQ(hex(key.public_key()),
            "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
            "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");
  EXPECT_EQ(hex(key.scalar()), hex(scalar));
}

TEST(SimulatedSm2Key, SignsSoThatTheProtocolsVerifierAgrees) {
  const Sm2Key key = Sm2Key::generate();
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const Digest e = sm2_e(kDefaultSignerId, key.public_key(), as_bytes("message " + std::to_string(i)));
    const Signature signature = key.sign(e);
    EXPECT_TRUE(sm2_verify(key.public_key(), e, signature).value());
    Digest other = e;
    other[31] ^= 1;
    EXPECT_FALSE(sm2_verify(key.public_key(), other, signature).value());
    EXPECT_TRUE(seen.insert(hex(signature)).second);
  }
  EXPECT_NE(key.sign(Digest{}), key.sign(Digest{})) << "the nonce is fresh each time";
}

TEST(SimulatedSm2Key, RefusesScalarsOutsideTheirRange) {
  const std::string n = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123";
  const std::string n_minus_1 = n.substr(0, 63) + "2", n_minus_2 = n.substr(0, 63) + "1";
  for (const auto& bad : {std::string(64, '0'), n, n_minus_1, std::string(62, '1'), std::string(66, '1')})
    EXPECT_FALSE(Sm2Key::from_scalar(from_hex(bad).value())) << bad;
  EXPECT_TRUE(Sm2Key::from_scalar(from_hex(n_minus_2).value()));
}

TEST(SimulatedKeyAuthority, IssuesWhatTheOpensslCommandVerifies) {
  const test::Workshop shop;
  const KeyAuthority authority = KeyAuthority::create("key CA", kNow);
  const Sm2Key key = Sm2Key::generate();
  const Bytes leaf =
      authority.issue(key, {"91310115TGDM00011U", "上海模拟设备有限公司", "TGSIM0001", kNow, kNow + kDay});
  shop.write("ca.pem", as_bytes(authority.certificate_pem()));
  shop.write("leaf.der", leaf);
  ASSERT_EQ(shop.openssl("x509 -inform DER -in leaf.der -out leaf.pem"), 0) << shop.log();
  EXPECT_EQ(shop.openssl("verify -x509_strict -attime " + std::to_string(kNow / 1000 + 60) + " -vfyopt " +
                         test::kDistId + " -CAfile ca.pem leaf.pem"),
            0)
      << shop.log();
  ASSERT_EQ(shop.openssl("x509 -in leaf.pem -noout -subject -issuer -nameopt RFC2253,-esc_msb,utf8"), 0);
  EXPECT_NE(shop.log().find("serialNumber=91310115TGDM00011U"), std::string::npos) << shop.log();
  EXPECT_NE(shop.log().find("OU=SIMULATED"), std::string::npos) << shop.log();
  EXPECT_NE(shop.log().find("issuer=CN=Taxgate SIMULATED key CA,O=SIMULATED"), std::string::npos) << shop.log();

  const std::string message = "红字发票信息确认单";
  shop.write("message", as_bytes(message));
  shop.write("signature", sm2_signature_to_der(key.sign(sm2_e(kDefaultSignerId, key.public_key(), as_bytes(message)))));
  ASSERT_EQ(shop.openssl("x509 -in leaf.pem -noout -pubkey -out pub.pem"), 0) << shop.log();
  const std::string verify = "dgst -sm3 -sigopt " + test::kDistId + " -verify pub.pem -signature signature message";
  EXPECT_EQ(shop.openssl(verify), 0) << shop.log();
  shop.write("message", as_bytes(message + "."));
  EXPECT_NE(shop.openssl(verify), 0);
}

TEST(SimulatedKeyAuthority, IsTheSameAfterARestartAndTellsItselfFromAForeignOne) {
  const test::Workshop shop;
  const std::string dir = shop.path().string();
  const auto first = KeyAuthority::open_or_create(dir, "key-ca", "key CA", kNow).value().certificate();
  const KeyAuthority again = std::move(KeyAuthority::open_or_create(dir, "key-ca", "key CA", kNow + kDay).value());
  EXPECT_EQ(again.certificate(), first);
  const KeyAuthority foreign = KeyAuthority::create("foreign key CA", kNow);
  const Sm2Key key = Sm2Key::generate();
  const LeafSubject subject{"91310115TGDM00011U", "N", "TGSIM0001", kNow, kNow + kDay};
  EXPECT_TRUE(check_certificate_issuer(again.issue(key, subject), first));
  EXPECT_FALSE(check_certificate_issuer(foreign.issue(key, subject), first));
}

TEST(SimulatedKeyAuthority, CanIssueACertificateThatHasExpired) {
  const KeyAuthority authority = KeyAuthority::create("key CA", kNow);
  const auto facts = read_certificate(authority.issue(Sm2Key::generate(),
                                                      {"91310115TGDM00011U", "N", "S", kNow - 9 * kDay, kNow - kDay}))
                         .value();
  EXPECT_EQ(facts.valid_until_ms, kNow - kDay);
  EXPECT_EQ(facts.taxpayer, "91310115TGDM00011U");
  EXPECT_TRUE(facts.simulated);
}

}  // namespace
}  // namespace taxgate::simulator
