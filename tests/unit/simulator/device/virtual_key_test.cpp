#include "simulator/device/virtual_key.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/unit/protocol/openssl_command.h"
#include "tests/unit/protocol/seeded.h"

namespace taxgate::simulator {
namespace {

namespace gm = gmt0017;
namespace sw = gmt0017::sw;

class VirtualKeyCommands : public testing::Test {
 protected:
  VirtualKeyCommands() : authority_(KeyAuthority::create("key CA", 0)) {
    definition_.serial = "TGSIM0001";
    definition_.taxpayer = "91310115TGDM00011U";
    definition_.name = "模拟企业";
    definition_.pin = "123456";
    definition_.admin_pin = "admin-01";
    definition_.max_tries = 3;
    definition_.valid_until_ms = 86'400'000;
    restart();
  }
  std::string state_path() const { return (shop_.path() / "TGSIM0001.key").string(); }
  void restart() { key_ = std::move(VirtualKey::open(state_path(), definition_, authority_).value()); }

  struct Answer {
    Bytes data;
    std::uint16_t status;
  };
  Answer send(const Bytes& apdu) {
    const Bytes out = key_->process(apdu);
    const auto read = gm::read_response(out).value();
    return {Bytes(read.data.begin(), read.data.end()), read.status};
  }
  gm::AppId open_application() { return gm::read_application(send(gm::open_application("TAXGATE")).data).value().id; }
  gm::ContainerId open_container(gm::AppId app) {
    return gm::read_container_id(send(gm::open_container(app, "SIGN")).data).value();
  }
  std::array<std::uint8_t, 16> proof(std::string_view pin) {
    const Bytes random = send(gm::gen_random(gm::kChallenge)).data;
    return gm::pin_cipher(as_bytes(pin), std::span<const std::uint8_t, gm::kChallenge>(random.data(), gm::kChallenge))
        .value();
  }
  std::uint16_t verify(gm::AppId app, std::string_view pin, gm::PinType type = gm::PinType::user) {
    const auto cipher = proof(pin);
    return send(gm::verify_pin(app, type, cipher)).status;
  }
  gm::PinInfo pin_info(gm::AppId app) {
    return gm::read_pin_info(send(gm::get_pin_info(app, gm::PinType::user)).data).value();
  }

  test::Workshop shop_;
  KeyAuthority authority_;
  KeyDefinition definition_;
  std::unique_ptr<VirtualKey> key_;
};

TEST_F(VirtualKeyCommands, SaysWhoItIs) {
  const auto info = gm::read_dev_info(send(gm::get_dev_info()).data).value();
  EXPECT_EQ(info.serial, "TGSIM0001");
  EXPECT_EQ(info.issuer, "SIMULATED");
  EXPECT_EQ(info.max_apdu, 65535);
  EXPECT_EQ(gm::read_names(send(gm::enum_application()).data).value(), std::vector<std::string>{"TAXGATE"});
  const auto app = open_application();
  EXPECT_EQ(gm::read_names(send(gm::enum_container(app)).data).value(), std::vector<std::string>{"SIGN"});
  const auto container = gm::read_container_info(send(gm::get_container_info(app, "SIGN")).data).value();
  EXPECT_TRUE(container.sign_key && container.sign_certificate && !container.encryption_key);
}

TEST_F(VirtualKeyCommands, SignsOnlyForWhoKnowsThePin) {
  const auto app = open_application();
  const auto container = open_container(app);
  const Bytes sign = gm::ecc_sign_data(app, container, Digest{});
  EXPECT_EQ(send(sign).status, sw::no_rights);
  EXPECT_EQ(verify(app, "000000"), 0x63C2);
  EXPECT_EQ(send(sign).status, sw::no_rights);
  EXPECT_EQ(verify(app, "admin-01", gm::PinType::admin), sw::ok);
  EXPECT_EQ(send(sign).status, sw::no_rights) << "the administrator does not sign";
  EXPECT_EQ(verify(app, "123456"), sw::ok);
  EXPECT_EQ(send(sign).status, sw::ok);
  EXPECT_EQ(verify(app, "000000"), 0x63C2);
  EXPECT_EQ(send(sign).status, sw::no_rights) << "a failed attempt logs out";
  EXPECT_EQ(verify(app, "123456"), sw::ok);
  EXPECT_EQ(send(gm::clear_secure_state(app)).status, sw::ok);
  EXPECT_EQ(send(sign).status, sw::no_rights);
}

TEST_F(VirtualKeyCommands, SignsWhatTheOpensslCommandVerifiesAgainstItsCertificate) {
  const auto app = open_application();
  const auto container = open_container(app);
  ASSERT_EQ(verify(app, "123456"), sw::ok);
  const Bytes der =
      gm::read_certificate_der(send(gm::export_certificate(app, container, gm::KeyUse::signing)).data).value();
  const auto key = gm::read_public_key(send(gm::export_public_key(app, container, gm::KeyUse::signing)).data).value();
  EXPECT_EQ(read_certificate(der).value().key, key);
  const std::string message = "one red-letter submission";
  const auto signature =
      gm::read_signature(send(gm::ecc_sign_data(app, container, sm2_e(kDefaultSignerId, key, as_bytes(message)))).data)
          .value();
  shop_.write("leaf.der", der);
  shop_.write("message", as_bytes(message));
  shop_.write("signature", sm2_signature_to_der(signature));
  ASSERT_EQ(shop_.openssl("x509 -inform DER -in leaf.der -noout -pubkey -out pub.pem"), 0) << shop_.log();
  EXPECT_EQ(shop_.openssl("dgst -sm3 -sigopt " + test::kDistId + " -verify pub.pem -signature signature message"), 0)
      << shop_.log();
}

TEST_F(VirtualKeyCommands, SpendsOneTryPerWrongPinAndLocksAtNone) {
  const auto app = open_application();
  EXPECT_EQ(pin_info(app), (gm::PinInfo{3, 3, true}));
  EXPECT_EQ(verify(app, "wrong1"), 0x63C2);
  EXPECT_EQ(verify(app, "123456"), sw::ok);
  EXPECT_EQ(pin_info(app).tries_left, 3) << "success gives the tries back";
  EXPECT_EQ(verify(app, "wrong1"), 0x63C2);
  EXPECT_EQ(verify(app, "wrong1"), 0x63C1);
  EXPECT_EQ(verify(app, "wrong1"), 0x63C0);
  EXPECT_EQ(verify(app, "123456"), sw::pin_locked);
  EXPECT_EQ(pin_info(app).tries_left, 0);
  EXPECT_EQ(key_->counters().verify_attempts, 5U) << "a locked PIN is not compared";
  EXPECT_EQ(key_->counters().verify_failures, 4U);
}

TEST_F(VirtualKeyCommands, RemembersSpentTriesAndItsIdentityAcrossARestartOfTheSimulator) {
  auto app = open_application();
  ASSERT_EQ(verify(app, "wrong1"), 0x63C2);
  const Bytes certificate = key_->certificate();
  restart();
  app = open_application();
  EXPECT_EQ(pin_info(app).tries_left, 2);
  EXPECT_EQ(key_->certificate(), certificate);
  EXPECT_EQ(verify(app, "123456"), sw::ok);
}

TEST_F(VirtualKeyCommands, WantsAFreshChallengeForEveryAttempt) {
  const auto app = open_application();
  const auto used = proof("123456");
  ASSERT_EQ(send(gm::verify_pin(app, gm::PinType::user, used)).status, sw::ok);
  EXPECT_EQ(send(gm::verify_pin(app, gm::PinType::user, used)).status, sw::no_random)
      << "a recorded proof is worthless";
  send(gm::gen_random(4));
  EXPECT_EQ(send(gm::verify_pin(app, gm::PinType::user, used)).status, sw::no_random) << "4 bytes are no challenge";
  send(gm::gen_random(8));
  EXPECT_EQ(send(gm::verify_pin(app, gm::PinType::user, used)).status, 0x63C2);
}

TEST_F(VirtualKeyCommands, LosesItsSessionAtResetAndPowerOff) {
  for (int way = 0; way < 3; ++way) {
    const auto app = open_application();
    const auto container = open_container(app);
    ASSERT_EQ(verify(app, "123456"), sw::ok);
    if (way == 0) key_->reset();
    if (way == 1) key_->power_off();
    if (way == 2) key_->power_on();
    EXPECT_EQ(send(gm::ecc_sign_data(app, container, Digest{})).status, sw::no_reference);
    ASSERT_EQ(open_application(), app);
    ASSERT_EQ(open_container(app), container);
    EXPECT_EQ(send(gm::ecc_sign_data(app, container, Digest{})).status, sw::no_rights);
  }
}

TEST_F(VirtualKeyCommands, ClosesWhatIsToldToClose) {
  const auto app = open_application();
  const auto container = open_container(app);
  ASSERT_EQ(verify(app, "123456"), sw::ok);
  EXPECT_EQ(send(gm::close_container(app, container)).status, sw::ok);
  EXPECT_EQ(send(gm::ecc_sign_data(app, container, Digest{})).status, sw::no_reference);
  ASSERT_EQ(open_container(app), container);
  EXPECT_EQ(send(gm::ecc_sign_data(app, container, Digest{})).status, sw::ok);
  EXPECT_EQ(send(gm::close_application(app)).status, sw::ok);
  ASSERT_EQ(open_application(), app);
  ASSERT_EQ(open_container(app), container);
  EXPECT_EQ(send(gm::ecc_sign_data(app, container, Digest{})).status, sw::no_rights) << "closing logs out";
}

TEST_F(VirtualKeyCommands, ChangesAndUnblocksThePinOnlyWithTheRightProof) {
  const auto app = open_application();
  const auto change = [&](std::string_view old_pin, std::string_view fresh) {
    const auto p = proof(old_pin);
    return send(gm::change_pin(app, gm::PinType::user, p,
                               gm::pin_change_cipher(as_bytes(old_pin), as_bytes(fresh)).value()))
        .status;
  };
  EXPECT_EQ(change("wrong1", "654321"), 0x63C2);
  EXPECT_EQ(change("123456", "654321"), sw::ok);
  EXPECT_EQ(verify(app, "123456"), 0x63C2);
  EXPECT_EQ(verify(app, "654321"), sw::ok);
  EXPECT_FALSE(pin_info(app).initial);
  for (int i = 0; i < 3; ++i) verify(app, "wrong1");
  ASSERT_EQ(verify(app, "654321"), sw::pin_locked);
  const auto unblock = [&](std::string_view admin) {
    const auto p = proof(admin);
    return send(gm::unblock_pin(app, p, gm::pin_change_cipher(as_bytes(admin), as_bytes("111111")).value())).status;
  };
  EXPECT_EQ(unblock("wrong1"), 0x63C2);
  EXPECT_EQ(unblock("admin-01"), sw::ok);
  EXPECT_EQ(verify(app, "111111"), sw::ok);
}

TEST_F(VirtualKeyCommands, KeepsFilesByTheirRights) {
  const auto app = open_application();
  const gm::FileInfo secret{"SECRET", 4, 0x10, 0x10};
  EXPECT_EQ(send(gm::create_file(app, secret)).status, sw::no_rights);
  ASSERT_EQ(verify(app, "123456"), sw::ok);
  ASSERT_EQ(send(gm::create_file(app, secret)).status, sw::ok);
  EXPECT_EQ(send(gm::create_file(app, secret)).status, sw::bad_data) << "exists already";
  EXPECT_EQ(send(gm::create_file(app, {"HUGE", 0xFFFFFFFF, 0xFF, 0xFF})).status, sw::no_space);
  ASSERT_EQ(send(gm::write_file(app, "SECRET", 1, Bytes{7, 8})).status, sw::ok);
  EXPECT_EQ(send(gm::write_file(app, "SECRET", 3, Bytes{7, 8})).status, sw::bad_offset);
  EXPECT_EQ(hex(send(gm::read_file(app, "SECRET", 0, 4)).data), "00070800");
  EXPECT_EQ(send(gm::read_file(app, "SECRET", 0xFFFFFFFF, 4)).status, sw::bad_offset);
  restart();
  ASSERT_EQ(open_application(), app);
  EXPECT_EQ(gm::read_file_info(send(gm::get_file_info(app, "SECRET")).data).value(), secret);
  EXPECT_EQ(send(gm::read_file(app, "SECRET", 0, 4)).status, sw::no_rights);
  EXPECT_EQ(send(gm::delete_file(app, "SECRET")).status, sw::no_rights);
  ASSERT_EQ(verify(app, "123456"), sw::ok);
  EXPECT_EQ(hex(send(gm::read_file(app, "SECRET", 0, 4)).data), "00070800");
  EXPECT_EQ(send(gm::delete_file(app, "SECRET")).status, sw::ok);
  EXPECT_EQ(send(gm::get_file_info(app, "SECRET")).status, sw::no_file);
}

TEST_F(VirtualKeyCommands, AnswersProbesAndMistakesAsACardDoes) {
  EXPECT_EQ(send(from_hex("00A4040000").value()).status, sw::unknown_cla);
  EXPECT_EQ(send(from_hex("80EE000000").value()).status, sw::unknown_ins);
  EXPECT_EQ(send(from_hex("8070000000").value()).status, sw::not_supported);
  EXPECT_EQ(send(from_hex("80").value()).status, sw::wrong_length);
  EXPECT_EQ(send({}).status, sw::wrong_length);
  EXPECT_EQ(send(gm::open_application("OTHER")).status, sw::no_app);
  EXPECT_EQ(send(gm::open_container(1, "SIGN")).status, sw::no_reference) << "application not open";
  const auto app = open_application();
  EXPECT_EQ(send(gm::open_container(app, "OTHER")).status, sw::no_such_container);
  const auto container = open_container(app);
  EXPECT_EQ(send(gm::export_certificate(app, container, gm::KeyUse::encryption)).status, sw::no_certificate);
  EXPECT_EQ(send(gm::export_public_key(app, container, gm::KeyUse::encryption)).status, sw::no_key_pair);
  EXPECT_EQ(send(gm::gen_random(257)).status, sw::wrong_length);
  EXPECT_EQ(send(from_hex("8004000000").value()).status, sw::wrong_length) << "288 bytes do not fit a short Le";
  gm::Command raw{gm::kClaPlain, 0x74, 0x01, 0, from_hex("00010001" + std::string(64, '0')).value(), 68};
  EXPECT_EQ(send(gm::encode(raw)).status, sw::bad_p1p2);
}

TEST_F(VirtualKeyCommands, SignsWronglyAsOftenAsTold) {
  const auto app = open_application();
  const auto container = open_container(app);
  ASSERT_EQ(verify(app, "123456"), sw::ok);
  const auto key = read_certificate(key_->certificate()).value().key;
  key_->corrupt_next_signatures(1);
  for (const bool right : {false, true}) {
    const auto signature = gm::read_signature(send(gm::ecc_sign_data(app, container, Digest{})).data).value();
    EXPECT_EQ(sm2_verify(key, Digest{}, signature).value(), right);
  }
  EXPECT_EQ(key_->counters().signatures, 2U);
}

TEST_F(VirtualKeyCommands, IsLockedFromOutsideUntilTheAdministratorUnblocksIt) {
  ASSERT_TRUE(key_->set_tries_left(0));
  restart();
  EXPECT_EQ(verify(open_application(), "123456"), sw::pin_locked);
  EXPECT_EQ(key_->user_pin().tries_left, 0U);
}

TEST_F(VirtualKeyCommands, NeverGoesSilentOnHostileBytes) {
  auto random = test::seeded();
  const std::array seeds{gm::open_application("TAXGATE"),
                         gm::open_container(1, "SIGN"),
                         gm::gen_random(8),
                         gm::ecc_sign_data(1, 1, Digest{}),
                         gm::write_file(1, "A", 0, Bytes{1, 2}),
                         gm::create_file(1, {"A", 9, 0xFF, 0xFF}),
                         gm::change_pin(1, gm::PinType::user, {}, {})};
  for (int i = 0; i < 2000; ++i) {
    const auto& seed = seeds[test::below(random, seeds.size())];
    EXPECT_GE(key_->process(as_bytes(test::damaged(random, std::string(as_text(seed))))).size(), 2U);
  }
}

TEST(VirtualKeyAtr, OffersOnlyT1AndChecksOut) {
  const Bytes atr = VirtualKey::atr();
  std::uint8_t check = 0;
  for (std::size_t i = 1; i < atr.size(); ++i) check ^= atr[i];
  EXPECT_EQ(check, 0);
  EXPECT_EQ(atr[1] & 0x0F, 5) << "historical bytes";
  EXPECT_EQ(atr[2], 0x01) << "TD1";
}

TEST(VirtualKeyState, OfAnotherKeyOrDamagedIsRefused) {
  const test::Workshop shop;
  const std::string path = (shop.path() / "state").string();
  const KeyAuthority authority = KeyAuthority::create("key CA", 0);
  KeyDefinition definition;
  definition.serial = "A1";
  definition.taxpayer = "91310115TGDM00011U";
  definition.name = "N";
  definition.pin = definition.admin_pin = "123456";
  definition.valid_until_ms = 1;
  ASSERT_TRUE(VirtualKey::open(path, definition, authority));
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  definition.serial = "B2";
  EXPECT_EQ(VirtualKey::open(path, definition, authority).error().id, "sim.state_format");
  definition.serial = "A1";
  std::string text;
  {
    std::ifstream in(path);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_EQ(text.find("123456"), std::string::npos) << "no PIN in the state";
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = text;
    damaged.resize(random() % text.size());
    std::ofstream(path, std::ios::trunc) << damaged;
    (void)VirtualKey::open(path, definition, authority);  // refused or not, it must not crash
  }
  std::ofstream(path, std::ios::trunc) << "something else\n";
  EXPECT_EQ(VirtualKey::open(path, definition, authority).error().id, "sim.state_format");
  definition.serial = "../evil";
  EXPECT_EQ(VirtualKey::open(path + "2", definition, authority).error().field, "serial");
  definition.serial = "A1";
  definition.name.clear();
  EXPECT_EQ(VirtualKey::open(path + "2", definition, authority).error().field, "name");
}

}  // namespace
}  // namespace taxgate::simulator
