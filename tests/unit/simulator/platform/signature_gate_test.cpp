// The profile `signed`: what the platform accepts as proof that a taxpayer's key signed exactly this request.
#include "simulator/platform/signature_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/envelope.h"
#include "protocol/leqi.h"
#include "simulator/device/key_authority.h"

namespace taxgate::simulator {
namespace {

using ::testing::HasSubstr;
constexpr std::int64_t kNow = 1'795'300'000'000;  // 2026-11-22

class Signed : public ::testing::Test {
 protected:
  static Bytes certificate_of(const KeyAuthority& authority, const Sm2Key& key, const std::string& taxpayer) {
    LeafSubject subject;
    subject.taxpayer = taxpayer;
    subject.name = "模拟企业";
    subject.key_serial = "K1";
    subject.valid_from_ms = kNow - 86'400'000;
    subject.valid_until_ms = kNow + 86'400'000;
    return authority.issue(key, subject);
  }
  SignedEnvelope sign(const EnvelopeHeader& says, const std::string& json) const {
    SignedEnvelope envelope;
    envelope.bytes = *make_envelope(says, as_bytes(json));
    envelope.signer_id = std::string(kDefaultSignerId);
    envelope.certificate = certificate;
    envelope.signature = key.sign(sm2_e(envelope.signer_id, key.public_key(), envelope.bytes));
    return envelope;
  }
  std::string refusal(const SignedEnvelope& envelope, const std::string& json) const {
    return gate.refusal(leqi::signature_value(envelope), leqi::service::apply, taxpayer, json);
  }

  const std::string taxpayer = "91320106TGDM00038N", request = R"({"lrfsf":"0"})";
  const KeyAuthority authority = KeyAuthority::create("key CA", kNow);
  const Sm2Key key = Sm2Key::generate();
  const Bytes certificate = certificate_of(authority, key, taxpayer);
  const SignatureGate gate{authority.certificate()};
  const EnvelopeHeader header{"simulator", taxpayer, "apply", "id-1"};
};

TEST_F(Signed, AcceptsTheTaxpayersSignatureOverExactlyTheseBytes) {
  EXPECT_EQ(refusal(sign(header, request), request), "");
}

TEST_F(Signed, RefusesWhateverDiffers) {
  EXPECT_THAT(gate.refusal("", leqi::service::apply, taxpayer, request), HasSubstr("缺少签名"));
  EXPECT_THAT(gate.refusal("bm90IGpzb24=", leqi::service::apply, taxpayer, request), HasSubstr("签名格式有误"));
  EXPECT_THAT(refusal(sign(header, request), request + " "), HasSubstr("与请求内容不一致"));
  SignedEnvelope damaged = sign(header, request);
  damaged.signature[40] ^= 1;
  EXPECT_THAT(refusal(damaged, request), HasSubstr("签名或证书所属纳税人不符"));
  damaged = sign(header, request);
  damaged.bytes.back() ^= 1;
  EXPECT_NE(refusal(damaged, request), "");
  EnvelopeHeader other = header;
  other.purpose = "upload";
  EXPECT_THAT(refusal(sign(other, request), request), HasSubstr("签名用途"));
}

TEST_F(Signed, RefusesAnotherTaxpayersKeyAndAnotherAuthoritys) {
  SignedEnvelope envelope = sign(header, request);
  envelope.certificate = certificate_of(authority, key, "91320104TGDM00230C");
  EXPECT_THAT(refusal(envelope, request), HasSubstr("签名或证书所属纳税人不符"));
  envelope.certificate = certificate_of(KeyAuthority::create("foreign key CA", kNow), key, taxpayer);
  EXPECT_THAT(refusal(envelope, request), HasSubstr("不是本平台认可的机构签发"));
}

TEST_F(Signed, AsksForASignatureOnWritingRequestsOnly) {
  namespace s = leqi::service;
  for (const std::string_view service : {s::apply, s::confirm, s::upload, s::table_upload, s::table_cancel}) {
    EXPECT_NE(gate.refusal("", service, taxpayer, "{}"), "") << service;
  }
  for (const std::string_view service : {s::list, s::detail, s::upload_result, s::invoice_status, s::table_download}) {
    EXPECT_EQ(gate.refusal("", service, taxpayer, "{}"), "") << service;
  }
  EXPECT_EQ(SignatureGate().refusal("", s::apply, taxpayer, "{}"), "") << "the profile leqi-shape has none";
}

TEST_F(Signed, NamesThePurposeOfEachAnswer) {
  using enum leqi::Answer;
  for (const auto& [answer, purpose] : {std::pair{agree, "confirm"}, {refuse, "deny"}, {revoke, "revoke"}}) {
    EXPECT_EQ(purpose_of(leqi::service::confirm, leqi::confirm_json({"u", "n", answer, Side::seller, taxpayer})),
              purpose);
  }
}

}  // namespace
}  // namespace taxgate::simulator
