// A virtual key as a CCID reader: what it says of itself, and messages in and out.
#include "simulator/device/ccid_function.h"

#include <gtest/gtest.h>

#include "protocol/gmt0017.h"
#include "tests/unit/protocol/openssl_command.h"

namespace taxgate::simulator {
namespace {

constexpr std::uint8_t kPowerOn = 0x62, kPowerOff = 0x63, kSlotStatus = 0x65, kTransfer = 0x6F, kEscape = 0x6B;

class CcidReader : public ::testing::Test {
 protected:
  CcidReader() {
    KeyDefinition definition;
    definition.serial = "TGSIM0001";
    definition.taxpayer = definition.name = "91310115TGDM00011U";
    definition.pin = "123456";
    definition.admin_pin = "admin-01";
    definition.valid_until_ms = 86'400'000;
    key = std::move(VirtualKey::open((shop.path() / "key").string(), definition, authority).value());
    function = std::make_unique<CcidFunction>(*key);
    function->power(true);
  }
  static Bytes message(std::uint8_t type, const Bytes& data, std::uint8_t slot = 0, Bytes specific = {0, 0, 0}) {
    Bytes out{type};
    for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(data.size() >> (8 * i)));
    out.insert(out.end(), {slot, ++sequence});
    out.insert(out.end(), specific.begin(), specific.end());
    out.insert(out.end(), data.begin(), data.end());
    return out;
  }
  Bytes ask(const Bytes& out) {
    EXPECT_EQ(function->out(out), UsbFunction::Take::taken);
    const auto packet = function->in(kMaxCcidMessage);
    EXPECT_TRUE(packet);
    return packet ? packet->bytes : Bytes(10);
  }
  static Bytes body(const Bytes& answer) { return Bytes(answer.begin() + 10, answer.end()); }

  static inline std::uint8_t sequence = 0;
  test::Workshop shop;
  KeyAuthority authority = KeyAuthority::create("key CA", 0);
  std::unique_ptr<VirtualKey> key;
  std::unique_ptr<CcidFunction> function;
};

TEST_F(CcidReader, GivesTheAtrWithPowerAndPassesCommandsToTheCard) {
  EXPECT_EQ(body(ask(message(kPowerOn, {}))), VirtualKey::atr());
  const Bytes command = gmt0017::get_dev_info();
  const Bytes answer = ask(message(kTransfer, command));
  EXPECT_EQ(answer[0], 0x80);
  EXPECT_EQ(answer[6], sequence) << "the answer names its question";
  EXPECT_EQ(answer[7], 0) << "card active, command done";
  EXPECT_EQ(body(answer), key->process(command));
}

TEST_F(CcidReader, TakesAMessageInPiecesAndGivesItsAnswerInPieces) {
  ask(message(kPowerOn, {}));
  Bytes apdu = gmt0017::get_dev_info();
  const Bytes expected = key->process(apdu);
  apdu.resize(700, 0);  // longer than one packet; the card refuses it, but whole
  const Bytes whole = message(kTransfer, apdu);
  EXPECT_EQ(function->out(ByteView(whole).first(kBulkPacket)), UsbFunction::Take::taken);
  EXPECT_FALSE(function->in(kBulkPacket)) << "half a message has no answer";
  EXPECT_EQ(function->out(ByteView(whole).subspan(kBulkPacket)), UsbFunction::Take::taken);
  EXPECT_EQ(function->in(4)->bytes.size(), 4U);
  EXPECT_GE(function->in(kMaxCcidMessage)->bytes.size(), 8U);
  EXPECT_EQ(body(ask(message(kTransfer, gmt0017::get_dev_info()))), expected);
}

TEST_F(CcidReader, SaysWhyItRefuses) {
  struct Case {
    Bytes question;
    std::uint8_t status, error;
  };
  for (const auto& [question, status, error] :
       {Case{message(kTransfer, {0x80, 0x04, 0, 0}), 0x41, 0xFE},       // no power
        Case{message(kSlotStatus, {}, 1), 0x42, 5},                     // no such slot
        Case{message(kEscape, {1}), 0x41, 0},                           // no such command
        Case{message(kTransfer, {0x80}, 0, {0, 1, 0}), 0x41, 0xFE}}) {  // power comes before anything
    const Bytes answer = ask(question);
    EXPECT_EQ(answer[7], status);
    EXPECT_EQ(answer[8], error);
  }
  ask(message(kPowerOn, {}));
  EXPECT_EQ(ask(message(kTransfer, {0x80}, 0, {0, 1, 0}))[8], 8) << "a chain was not announced";
  EXPECT_EQ(ask(message(kPowerOff, {}))[7], 1);
}

TEST_F(CcidReader, HaltsItsPipeOnWhatIsNoMessage) {
  EXPECT_EQ(function->out(Bytes{1, 2, 3}), UsbFunction::Take::stall);
  Bytes too_long = message(kTransfer, {0x80});
  too_long[4] = 0x7F;
  EXPECT_EQ(function->out(too_long), UsbFunction::Take::stall);
  Bytes more = message(kSlotStatus, {});
  more.push_back(0);
  EXPECT_EQ(function->out(more), UsbFunction::Take::stall);
  EXPECT_EQ(ask(message(kSlotStatus, {}))[0], 0x81) << "and goes on with the next";
}

TEST(UsbDescriptors, TellReaderAndStorageApart) {
  UsbIdentity storage, reader;
  reader.kind = UsbKind::card_reader;
  reader.serial = "TGSIM0001";
  const auto configuration = [](const UsbIdentity& identity) {
    return usb_standard_answer(identity, {0x80, 6, 0, 2, 0, 0, 0xFF, 0}).value();
  };
  EXPECT_EQ(configuration(storage).size(), 32U);
  EXPECT_EQ(configuration(storage)[9 + 5], 0x08);
  EXPECT_EQ(configuration(reader).size(), 86U);
  EXPECT_EQ(configuration(reader)[2], 86);
  EXPECT_EQ(configuration(reader)[9 + 5], 0x0B);
  EXPECT_EQ(configuration(reader)[18], 54) << "the class descriptor follows the interface";
  const auto serial = usb_standard_answer(reader, {0x80, 6, 3, 3, 9, 4, 0xFF, 0}).value();
  EXPECT_EQ(serial, (Bytes{20, 3, 'T', 0, 'G', 0, 'S', 0, 'I', 0, 'M', 0, '0', 0, '0', 0, '0', 0, '1', 0}));
  EXPECT_EQ(usb_standard_answer(reader, {0x80, 6, 0, 1, 0, 0, 8, 0})->size(), 8U) << "no more than was asked for";
  EXPECT_FALSE(usb_standard_answer(reader, {0x80, 6, 4, 3, 9, 4, 0xFF, 0})) << "no fourth string";
  reader.strings_readable = false;
  EXPECT_FALSE(usb_standard_answer(reader, {0x80, 6, 1, 3, 9, 4, 0xFF, 0}));
}

}  // namespace
}  // namespace taxgate::simulator
