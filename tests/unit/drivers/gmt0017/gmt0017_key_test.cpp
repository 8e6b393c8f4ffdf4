// KeyDevice against the simulator's virtual key, without any reader between them.
#include "drivers/gmt0017/gmt0017_key.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "protocol/identifiers.h"
#include "simulator/device/virtual_key.h"

namespace taxgate::gmt0017 {
namespace {

class DirectTransport : public ApduTransport {
 public:
  explicit DirectTransport(simulator::VirtualKey& key) : key_(key) {}
  Result<Bytes> transmit(ByteView command) override { return key_.process(command); }
  Result<void> reconnect() override {
    key_.reset();
    return {};
  }

 private:
  simulator::VirtualKey& key_;
};

std::string invented_taxpayer() {
  std::string id = "91990100TGDM0001";
  id += organisation_check(id.substr(8, 8));
  id += credit_code_check(id);
  return id;
}

class Gmt0017KeyOnAVirtualCard : public ::testing::Test {
 protected:
  Gmt0017KeyOnAVirtualCard() : authority_(simulator::KeyAuthority::create("key CA", 1'793'000'000'000)) {
    directory_ = (std::filesystem::temp_directory_path() / "taxgate-key-XXXXXX").string();
    if (!::mkdtemp(directory_.data())) std::abort();
    simulator::KeyDefinition definition;
    definition.serial = "K1";
    definition.taxpayer = invented_taxpayer();
    definition.name = "模拟企业";
    definition.pin = "123456";
    definition.admin_pin = "87654321";
    definition.valid_from_ms = 1'793'000'000'000;
    definition.valid_until_ms = 1'893'000'000'000;
    auto key = simulator::VirtualKey::open(directory_ + "/K1", definition, authority_);
    EXPECT_TRUE(key) << key.error().id << " " << key.error().field;
    card_ = std::move(*key);
    card_->power_on();
    key_ = make_key(std::make_unique<DirectTransport>(*card_), {"TAXGATE", "SIGN"});
  }
  ~Gmt0017KeyOnAVirtualCard() override { std::filesystem::remove_all(directory_); }

  static SecretBytes pin(std::string_view text) {
    SecretBytes bytes(text.size());
    std::copy(text.begin(), text.end(), bytes.span().begin());
    return bytes;
  }

  std::string directory_;
  simulator::KeyAuthority authority_;
  std::unique_ptr<simulator::VirtualKey> card_;
  std::unique_ptr<KeyDevice> key_;
};

TEST_F(Gmt0017KeyOnAVirtualCard, IdentifiesLogsInAndSignsAWholeMessage) {
  const auto identity = key_->identify();
  ASSERT_TRUE(identity) << identity.error().id;
  EXPECT_EQ(identity->serial, "K1");
  EXPECT_EQ(identity->facts.taxpayer, invented_taxpayer());
  EXPECT_EQ(key_->certificate(), identity->certificate);
  ASSERT_TRUE(key_->login(pin("123456")));
  const Bytes message(1000, 'm');
  const auto signature = key_->sign(message, "another signer", true);
  ASSERT_TRUE(signature) << signature.error().id;
  EXPECT_TRUE(*sm2_verify(identity->facts.key, sm2_e("another signer", identity->facts.key, message), *signature));
  EXPECT_FALSE(*sm2_verify(identity->facts.key, sm2_e(kDefaultSignerId, identity->facts.key, message), *signature));
}

TEST_F(Gmt0017KeyOnAVirtualCard, KeepsAWrongSignatureBackWhenAskedToVerify) {
  ASSERT_TRUE(key_->identify());
  ASSERT_TRUE(key_->login(pin("123456")));
  card_->corrupt_next_signatures(1);
  const auto signature = key_->sign(Bytes{1}, kDefaultSignerId, true);
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().id, "key.signature");
}

TEST_F(Gmt0017KeyOnAVirtualCard, NoticesThatTheCardWasResetBehindItsBack) {
  ASSERT_TRUE(key_->identify());
  ASSERT_TRUE(key_->login(pin("123456")));
  card_->reset();
  const auto lost = key_->sign(Bytes{1}, kDefaultSignerId, true);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().id, "key.reset") << lost.error().detail;
  EXPECT_EQ(lost.error().code, Errc::retry_later);
  ASSERT_TRUE(key_->reconnect());
  ASSERT_TRUE(key_->login(pin("123456")));
  EXPECT_TRUE(key_->sign(Bytes{1}, kDefaultSignerId, true));
}

TEST_F(Gmt0017KeyOnAVirtualCard, ReadsTheCounterWithoutSpendingATry) {
  ASSERT_TRUE(key_->identify());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(key_->state()->tries_left, 10);
  EXPECT_EQ(card_->counters().verify_attempts, 0U);
  EXPECT_EQ(key_->login(pin("000000")).error().left, "9");
  EXPECT_EQ(key_->state()->tries_left, 9);
}

}  // namespace
}  // namespace taxgate::gmt0017
