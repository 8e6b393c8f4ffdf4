// A card behind FE 01 and FE 02: what reaches it, and what is made of every refusal and every cut.
#include "drivers/usb/usb_transport.h"

#include "tests/unit/drivers/usb/scripted_bulk.h"

namespace taxgate::usb {
namespace {

class UsbTransportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto scripted = std::make_unique<ScriptedBulk>();
    bulk = scripted.get();
    bulk->call("max_lun").command(bot::kInquiry).data_in(bot::encode(bot::Inquiry{"V", "P", "1"})).status();
    auto opened = apdu_over_bulk(std::move(scripted), {}, [](std::chrono::milliseconds) {});
    ASSERT_TRUE(opened);
    transport = std::move(*opened);
  }
  void sense(bot::Sense sense) { bulk->command(bot::kRequestSense).data_in(bot::encode(sense)).status(); }
  void expect(const char* id, Errc code) {
    const auto answer = transport->transmit(kCommand);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().id, id) << answer.error().detail;
    EXPECT_EQ(answer.error().code, code);
  }

  const Bytes kCommand{0x80, 0x04, 0, 0}, kAnswer{1, 2, 0x90, 0x00};
  ScriptedBulk* bulk = nullptr;
  std::unique_ptr<ApduTransport> transport;
};

TEST_F(UsbTransportTest, ADeviceThatCallsItselfOtherwiseIsNotSpokenTo) {
  const auto open = [](std::string vendor) {
    auto scripted = std::make_unique<ScriptedBulk>();
    scripted->call("max_lun").command(bot::kInquiry).data_in(bot::encode(bot::Inquiry{"NISEC", "P", "1"})).status();
    Quirks quirks;
    quirks.inquiry_vendor = std::move(vendor);
    const auto opened = apdu_over_bulk(std::move(scripted), quirks, [](std::chrono::milliseconds) {});
    return opened ? std::string("open") : opened.error().id;
  };
  EXPECT_EQ(open("NISEC"), "open");
  EXPECT_EQ(open("BANK"), "usb.inquiry");
}

TEST_F(UsbTransportTest, CarriesACommandInOneTransactionAndItsAnswerInAnother) {
  bulk->command(0xFE).data_out().status();
  bulk->command(0xFE).data_in(bot::wrap_apdu(kAnswer)).status(bot::Status::passed, 5193);
  const auto answer = transport->transmit(kCommand);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, kAnswer);
  EXPECT_EQ(bulk->last_out, (Bytes{0x12, 0, 4, 0x80, 0x04, 0, 0}));
  EXPECT_EQ(bulk->last_command.cdb[1], 0x02);
}

TEST_F(UsbTransportTest, ACommandThatNeverArrivedMayGoToAnotherKey) {
  bulk->command(0xFE, Moved::gone, 5);
  expect("key.gone", Errc::device_gone);
}

TEST_F(UsbTransportTest, ATaxDisksOwnRefusalIsToldWithItsCodeWhereverItComes) {
  const auto told = [&] {
    const auto answer = transport->transmit(kCommand);
    return answer ? std::string("an answer") : answer.error().id + " " + answer.error().wanted;
  };
  bulk->command(0xFE).data_out().status(bot::Status::failed);
  sense({9, 0xD1, 0x09});
  EXPECT_EQ(told(), "key.disk_refused 09D109");
  bulk->command(0xFE).data_out().status();
  bulk->command(0xFE).status(bot::Status::failed);
  sense({9, 0xE1, 0x05});
  EXPECT_EQ(told(), "key.disk_refused 09E105");
  bulk->command(0xFE).data_out().status(bot::Status::failed);
  sense({9, 0xC0, 0x00});
  EXPECT_EQ(told(), "usb.refused 09C000") << "not open: no rule of the disk's";
}

TEST_F(UsbTransportTest, OnceTheCommandArrivedEveryFailureLeavesItsOutcomeUnknown) {
  const auto sent = [&]() -> ScriptedBulk& { return bulk->command(0xFE).data_out().status(); };
  sent().command(0xFE, Moved::gone, 0);
  expect("key.interrupted", Errc::outcome_unknown);
  sent().command(0xFE).data_in({0x12, 0, 70, 1}, Moved::gone);
  expect("key.interrupted", Errc::outcome_unknown);
  sent().command(0xFE).data_in({0x12, 0, 70, 0x6A, 0x80}).status();
  expect("key.interrupted", Errc::outcome_unknown);
  sent().command(0xFE).data_in({0x12, 0, 1, 0x90}).status();
  expect("key.interrupted", Errc::outcome_unknown);
  sent().command(0xFE).data_in({0x13, 0, 2, 0x90, 0}).status();
  expect("key.interrupted", Errc::outcome_unknown);
  sent().command(0xFE).status(bot::Status::failed, 5200);
  sense({5, 0x2C, 0});
  expect("key.interrupted", Errc::outcome_unknown);
}

TEST_F(UsbTransportTest, WhatTheDeviceSaysInsteadOfPassingTheCommandOn) {
  const auto refused = [&](bot::Sense why) {
    bulk->command(0xFE).data_out().status(bot::Status::failed);
    sense(why);
  };
  refused({5, 0x20, 0});
  expect("usb.refused", Errc::rejected);
  refused({9, 0xC0, 0x00});
  expect("usb.refused", Errc::rejected);
  refused({4, 0x44, 0});
  expect("key.card_failed", Errc::device_gone);
  refused({2, 0x04, 0});
  expect("key.reset", Errc::retry_later);
}

TEST_F(UsbTransportTest, TheAnswerIsFetchedAgainOnceAndTheCommandIsNot) {
  bulk->command(0xFE).data_out().status();
  bulk->command(0xFE).data_in({}, Moved::overflow).reset_recovery();
  bulk->command(0xFE).data_in(bot::wrap_apdu(kAnswer)).status();
  const auto answer = transport->transmit(kCommand);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, kAnswer);
}

}  // namespace
}  // namespace taxgate::usb
