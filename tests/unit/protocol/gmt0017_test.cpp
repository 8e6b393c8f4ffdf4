#include "protocol/gmt0017.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

namespace taxgate::gmt0017 {
namespace {

Bytes bytes(std::string_view text) { return from_hex(text).value(); }

TEST(Gmt0017Commands, AreTheExtendedBytesOfTheStandard) {
  EXPECT_EQ(hex(get_dev_info()), "80040000000000");
  EXPECT_EQ(hex(gen_random(8)), "80500000000008");
  EXPECT_EQ(hex(open_application("TAX")),
            "80260000000003"
            "544158"
            "0000");
  EXPECT_EQ(hex(open_container(1, "S")),
            "80420000000003"
            "000153"
            "0000");
  EXPECT_EQ(hex(export_public_key(1, 2, KeyUse::signing)),
            "80880100000004"
            "00010002"
            "0000");
  EXPECT_EQ(hex(export_certificate(1, 2, KeyUse::encryption)),
            "804e0000000004"
            "00010002"
            "0000");
  EXPECT_EQ(hex(get_pin_info(3, PinType::user)),
            "80140001000002"
            "0003"
            "0000");
  EXPECT_EQ(hex(clear_secure_state(3)),
            "801c0000000002"
            "0003");
  Digest e{};
  e.front() = 0xAB;
  EXPECT_EQ(hex(ecc_sign_data(0x0102, 0x0304, e)),
            "80740200000024"
            "01020304"
            "ab" +
                std::string(62, '0') + "0000");
}

// SHA1("12345678") = 7c222fb2927d828af22f592134e8932480637c0d (as sha1sum says); its first 16 bytes are the SM4 key.
TEST(Gmt0017Pin, IsTheStandardsCipherOfItsHash) {
  EXPECT_EQ(hex(pin_key(as_bytes("12345678"))), "7c222fb2927d828af22f592134e89324");
  const std::array<std::uint8_t, kChallenge> challenge{1, 2, 3, 4, 5, 6, 7, 8};
  const auto cipher = pin_cipher(as_bytes("12345678"), challenge).value();
  const auto plain = sm4_block_decrypt(pin_key(as_bytes("12345678")), cipher);
  EXPECT_EQ(hex(plain),
            "0102030405060708"
            "0000000000000000");
  EXPECT_EQ(hex(verify_pin(1, PinType::user, cipher)),
            "80180001000012"
            "0001" +
                hex(cipher));
}

TEST(Gmt0017Pin, OfAnImpossibleLengthIsRefusedWithoutBeingRepeated) {
  const std::array<std::uint8_t, kChallenge> challenge{};
  for (const std::string pin : {"", "7", "12345678901234567"}) {
    const auto refused = pin_cipher(as_bytes(pin), challenge);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), (Error{Errc::invalid_input, "key.pin_length", {}, {}, {}, {}}));
  }
}

TEST(Gmt0017Command, SurvivesTheWayToTheCard) {
  std::mt19937 random(20261122);
  for (int i = 0; i < 300; ++i) {
    Command command{0x80,
                    static_cast<std::uint8_t>(random()),
                    static_cast<std::uint8_t>(random()),
                    static_cast<std::uint8_t>(random()),
                    {},
                    {}};
    command.data.resize(random() % 3 == 0 ? 0 : random() % 700);
    for (auto& b : command.data) b = static_cast<std::uint8_t>(random());
    if (random() % 2) command.le = 1 + random() % 65536;
    const auto read = read_command(encode(command));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, command);
  }
}

TEST(Gmt0017Command, IsReadInTheShortFormsProbesUse) {
  EXPECT_EQ(read_command(bytes("00A40400")).value(), (Command{0x00, 0xA4, 0x04, 0x00, {}, {}}));
  EXPECT_EQ(read_command(bytes("8050000008")).value(), (Command{0x80, 0x50, 0, 0, {}, 8}));
  EXPECT_EQ(read_command(bytes("8004000000")).value().le, 256U);
  EXPECT_EQ(read_command(bytes("80260000025441")).value(), (Command{0x80, 0x26, 0, 0, bytes("5441"), {}}));
  EXPECT_EQ(read_command(bytes("8026000002544100")).value().le, 256U);
  EXPECT_EQ(read_command(bytes("80260000000002"
                               "5441"
                               "000000"))
                .value()
                .le,
            65536U)
      << "three-byte Le";
}

TEST(Gmt0017Command, WithLengthsThatDoNotAddUpIsRefused) {
  for (const auto* text :
       {"", "80", "800400", "8026000003544158FFFF", "80260000035441", "802600000000", "80260000000000AA",
        "8026000000000354415800", "80260000000003544158AABBCCDD", "8026000000FFFF00"}) {
    const auto read = read_command(bytes(text));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Errc::corrupt);
    EXPECT_EQ(read.error().id, "apdu.format");
  }
}

TEST(Gmt0017Response, EndsWithItsStatusWord) {
  const Bytes apdu = encode_response(bytes("0102"), sw::ok);
  const auto read = read_response(apdu).value();
  EXPECT_TRUE(read.ok());
  EXPECT_EQ(hex(read.data), "0102");
  EXPECT_FALSE(read_response(bytes("90")));
  EXPECT_FALSE(read_response({}));
  EXPECT_FALSE(read_response(Bytes(kMaxResponse + 1)));
  EXPECT_EQ(tries_left_of(0x63C3), 3U);
  EXPECT_EQ(tries_left_of(0x6983), std::nullopt);
}

TEST(Gmt0017DevInfo, LiesWhereTheStandardPutsIt) {
  DevInfo info;
  info.struct_version = 0x0100;
  info.manufacturer = "M";
  info.issuer = "I";
  info.label = "L";
  info.serial = "S1";
  info.hardware = 0x0203;
  info.total_space = 0x00010000;
  info.max_apdu = 0x0800;
  info.max_files = 0x0020;
  const Bytes wire = encode_dev_info(info);
  ASSERT_EQ(wire.size(), kDevInfo);
  EXPECT_EQ(wire[4], 'M');
  EXPECT_EQ(wire[68], 'I');
  EXPECT_EQ(wire[132], 'L');
  EXPECT_EQ(wire[164], 'S');
  EXPECT_EQ(hex(ByteView(wire).subspan(196, 2)), "0203");
  EXPECT_EQ(hex(ByteView(wire).subspan(216, 4)), "00010000");
  EXPECT_EQ(hex(ByteView(wire).subspan(224, 2)), "0800");
  EXPECT_EQ(hex(ByteView(wire).subspan(232, 2)), "0020");
  EXPECT_EQ(read_dev_info(wire).value(), info);
  EXPECT_FALSE(read_dev_info(ByteView(wire).first(287)));
}

TEST(Gmt0017Bodies, ComeBackAsTheyWere) {
  const Application app{0x10, 8, 16, 32, 7};
  EXPECT_EQ(hex(encode_application(app)),
            "00000010"
            "08"
            "10"
            "0020"
            "0007");
  EXPECT_EQ(read_application(encode_application(app)).value(), app);
  const PinInfo pin{10, 9, true};
  EXPECT_EQ(read_pin_info(encode_pin_info(pin)).value(), pin);
  const ContainerInfo container{2, 256, 0, true, false, true, false};
  EXPECT_EQ(read_container_info(encode_container_info(container)).value(), container);
  const FileInfo file{"NAME", 5, 0xFF, 0x10};
  EXPECT_EQ(read_file_info(encode_file_info(file)).value(), file);
  const std::vector<std::string> names{"A", "税务"};
  EXPECT_EQ(read_names(encode_names(names)).value(), names);
  EXPECT_TRUE(read_names(encode_names({})).value().empty());
  EXPECT_EQ(read_certificate_der(encode_certificate_der(bytes("3000"))).value(), bytes("3000"));
  Signature signature{};
  signature.front() = 0x80;
  EXPECT_EQ(hex(encode_signature(signature)).substr(0, 10), "0000010080");
  EXPECT_EQ(read_signature(encode_signature(signature)).value(), signature);
}

TEST(Gmt0017Bodies, CutShortByOneByteAreRefused) {
  const std::vector<std::string> names{"A"};
  Bytes cut = encode_signature({});
  cut.pop_back();
  EXPECT_FALSE(read_signature(cut));
  Bytes odd = encode_signature({});
  odd[3] = 0x01;
  EXPECT_FALSE(read_signature(odd)) << "257 bits";
  cut = encode_application({});
  cut.pop_back();
  EXPECT_FALSE(read_application(cut));
  cut = encode_pin_info({});
  cut.pop_back();
  EXPECT_FALSE(read_pin_info(cut));
  cut = encode_certificate_der(bytes("300100"));
  cut.pop_back();
  EXPECT_FALSE(read_certificate_der(cut));
  EXPECT_FALSE(read_names(bytes("41")));
  EXPECT_FALSE(read_container_id(bytes("00")));
  EXPECT_FALSE(read_pin_info(bytes("030400"))) << "more tries left than there are";
}

TEST(Gmt0017Instructions, StandInOrderAndUnderTheirOwnCode) {
  std::set<std::string_view> names;
  for (const auto& row : instructions()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(find_instruction(static_cast<std::uint8_t>(row.ins)), &row);
  }
  EXPECT_EQ(find_instruction(0x74)->name, "ECCSignData");
  EXPECT_EQ(find_instruction(0x75), nullptr);
  EXPECT_EQ(find_instruction(0xFF), nullptr);
}

TEST(Gmt0017Readers, AreTotalOnTheFuzzersCorpus) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(TAXGATE_SOURCE_DIR) + "/tests/fuzz/corpus/apdu")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const Bytes data((std::istreambuf_iterator<char>(in)), {});
    ++files;
    for (std::size_t cut = 0; cut <= data.size(); ++cut) {
      const ByteView part = ByteView(data).first(cut);
      if (const auto command = read_command(part)) EXPECT_EQ(read_command(encode(*command)), command);
      (void)read_response(part);
      (void)read_names(part);
      (void)read_file_range(part);
      if (const auto info = read_dev_info(part)) EXPECT_EQ(read_dev_info(encode_dev_info(*info)), info);
    }
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace taxgate::gmt0017
