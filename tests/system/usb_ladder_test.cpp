// The recovery ladder through the unmodified libusb, one fault a test, seen from the device: what the driver cleared,
// reset and gave again, and that the card ran each command once.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "drivers/usb/usb_devices.h"
#include "drivers/usb/usb_transport.h"
#include "protocol/gmt0017.h"
#include "simulator/device/card_target.h"
#include "simulator/umockdev/usb_testbed.h"

namespace taxgate::usb {
namespace {

using namespace std::chrono_literals;
using simulator::BotFault;
using simulator::UsbTestbed;
using Kind = BotFault::Kind;

constexpr std::uint8_t kVendor = bot::kVendorCommand, kSend = bot::kCardSend, kFetch = bot::kCardReceive;

class UsbLadder : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(::mkdtemp(directory_.data()));
    auto made = UsbTestbed::create();
    ASSERT_TRUE(made) << made.error().detail;
    bed = std::move(*made);
    simulator::KeyDefinition definition;
    definition.serial = "LADDER";
    definition.taxpayer = "91310115TGDM00011U";
    definition.name = "N";
    definition.pin = definition.admin_pin = "123456";
    definition.valid_until_ms = 1;
    auto opened =
        simulator::VirtualKey::open(directory_ + "/key", definition, simulator::KeyAuthority::create("key CA", 0));
    ASSERT_TRUE(opened);
    card = std::move(*opened);
    target.emplace(*card);
    function.emplace(*target);
    device.emplace(simulator::UsbIdentity{}, *function);
    ASSERT_TRUE(bed->plug(1, *device));
  }
  void TearDown() override {
    transport.reset();
    bed.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void open(Quirks quirks = {}) {
    const auto facts = device_at(UsbTestbed::port_name(1));
    ASSERT_TRUE(facts) << facts.error().detail;
    auto bulk = open_device(*facts);
    ASSERT_TRUE(bulk) << bulk.error().detail;
    auto made =
        apdu_over_bulk(std::move(*bulk), std::move(quirks), [this](std::chrono::milliseconds time) { paused += time; });
    ASSERT_TRUE(made) << made.error().detail;
    transport = std::move(*made);
    card->reset_counters();
  }
  /// One command of the card; "" or the error's id. `ran`: how often the card ran it.
  std::string command(std::uint64_t ran = 1) {
    if (!transport) return "not open";
    const auto before = card->counters().commands;
    const auto answer = transport->transmit(gmt0017::get_dev_info());
    EXPECT_EQ(card->counters().commands - before, ran);
    if (!answer) return answer.error().id;
    EXPECT_EQ(answer->size(), gmt0017::kDevInfo + 2);
    return {};
  }
  void fault(BotFault fault) { function->add_fault(fault); }
  /// After whatever happened, the next command works.
  void expect_usable() {
    function->clear_faults();
    EXPECT_EQ(command(), "");
  }

  std::unique_ptr<UsbTestbed> bed;
  std::unique_ptr<simulator::VirtualKey> card;
  std::optional<simulator::CardTarget> target;
  std::optional<simulator::BotFunction> function;
  std::optional<simulator::VirtualUsb> device;
  std::unique_ptr<ApduTransport> transport;
  std::chrono::milliseconds paused{0};

 private:
  std::string directory_ = "/tmp/taxgate-usb-ladder-XXXXXX";
};

TEST_F(UsbLadder, TheNumberOfUnitsIsAskedForFirst) {
  open();
  EXPECT_TRUE(function->counters().max_lun_first);
  EXPECT_EQ(command(), "");
}

TEST_F(UsbLadder, TheKernelsDriverIsDetachedAndTheDeviceIsGivenBack) {
  EXPECT_TRUE(bed->counters(1).kernel_driver);
  open();
  EXPECT_FALSE(bed->counters(1).kernel_driver);
  EXPECT_EQ(command(), "");
  transport.reset();
  EXPECT_TRUE(bed->counters(1).kernel_driver);
}

TEST_F(UsbLadder, AStalledCommandBlockIsGivenAgainAfterTheResetRecovery) {
  open();
  const auto halts = device->counters().halts_cleared;
  fault({.kind = Kind::stall_command, .operation = kVendor, .second = kSend});
  EXPECT_EQ(command(), "");
  EXPECT_EQ(function->counters().class_resets, 1U);
  EXPECT_EQ(device->counters().halts_cleared - halts, 2U);
  EXPECT_EQ(device->counters().bus_resets, 0U);
}

TEST_F(UsbLadder, StalledDataToTheDeviceIsClearedAndTheReasonAskedFor) {
  open();
  const auto halts = device->counters().halts_cleared;
  fault({.kind = Kind::stall_data, .operation = kVendor, .second = kSend});
  EXPECT_EQ(command(0), "usb.refused");
  EXPECT_EQ(device->counters().halts_cleared - halts, 1U);
  EXPECT_EQ(function->counters().class_resets, 0U);
  expect_usable();
}

TEST_F(UsbLadder, StalledDataFromTheDeviceIsClearedAndNothingIsMadeUp) {
  open();
  fault({.kind = Kind::stall_data, .operation = kVendor, .second = kFetch});
  EXPECT_EQ(command(), "key.interrupted");
  EXPECT_EQ(function->counters().class_resets, 0U);
  expect_usable();
}

TEST_F(UsbLadder, AStalledStatusIsClearedAndReadOnceMore) {
  open();
  const auto halts = device->counters().halts_cleared;
  fault({.kind = Kind::stall_status, .operation = kVendor, .second = kSend});
  fault({.kind = Kind::stall_status, .operation = kVendor, .second = kFetch});
  EXPECT_EQ(command(), "");
  EXPECT_EQ(device->counters().halts_cleared - halts, 2U);
  EXPECT_EQ(function->counters().class_resets, 0U);
}

TEST_F(UsbLadder, ASecondStallOfTheStatusIsTheResetRecoveryAndTheCommandIsNotGivenAgain) {
  open();
  fault({.kind = Kind::stall_status, .operation = kVendor, .second = kSend, .repeat = 2});
  EXPECT_EQ(command(), "key.interrupted");
  EXPECT_EQ(function->counters().class_resets, 1U);
  expect_usable();
}

TEST_F(UsbLadder, AStatusThatIsNoneIsTheResetRecoveryAndTheCommandIsNotGivenAgain) {
  open();
  std::uint64_t resets = 0;
  for (const Kind kind : {Kind::wrong_signature, Kind::wrong_tag, Kind::short_status, Kind::phase_error}) {
    fault({.kind = kind, .operation = kVendor, .second = kSend});
    EXPECT_EQ(command(), "key.interrupted");
    EXPECT_EQ(function->counters().class_resets, ++resets);
    expect_usable();
  }
}

TEST_F(UsbLadder, ARefusalIsExplainedByRequestSense) {
  open();
  fault({.kind = Kind::refuse, .operation = kVendor, .second = kSend, .sense = {9, 0xD1, 0x09}});
  const auto answer = transport->transmit(gmt0017::get_dev_info());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().id, "key.disk_refused") << "a tax disk's own word";
  EXPECT_EQ(answer.error().wanted, "09D109");
  EXPECT_EQ(card->counters().commands, 0U);
  expect_usable();
}

TEST_F(UsbLadder, AUnitAttentionIsTakenNoticeOfAndTheCommandGivenOnceMore) {
  open();
  fault({.kind = Kind::refuse, .operation = kVendor, .second = kSend, .sense = {bot::kSenseAttention, 0x29, 0}});
  EXPECT_EQ(command(), "");
}

TEST_F(UsbLadder, WhenRequestSenseFailsTooThePortIsReset) {
  open();
  fault({.kind = Kind::refuse, .operation = kVendor, .second = kSend});
  fault({.kind = Kind::refuse, .operation = bot::kRequestSense});
  EXPECT_EQ(command(0), "key.interrupted");
  EXPECT_EQ(device->counters().bus_resets, 1U);
  expect_usable();
}

TEST_F(UsbLadder, WhenTheClassResetIsRefusedThePortIsReset) {
  open();
  fault({.kind = Kind::phase_error, .operation = kVendor, .second = kSend});
  fault({.kind = Kind::refuse_reset});
  EXPECT_EQ(command(), "key.interrupted");
  EXPECT_EQ(device->counters().bus_resets, 1U);
  expect_usable();
}

TEST_F(UsbLadder, ASilentDeviceIsResetAfterTheTimeLimit) {
  open({.timeout = 1s});  // which no other command may reach, however busy the machine
  fault({.kind = Kind::hang, .operation = kVendor, .second = kSend});
  EXPECT_EQ(command(0), "key.interrupted");
  EXPECT_EQ(device->counters().bus_resets, 1U);
  expect_usable();
}

TEST_F(UsbLadder, ADeviceThatIsNotReadyYetIsAskedAgainAsItsQuirkSays) {
  open({.not_ready_retries = 30, .not_ready_pause = 100ms});
  fault({.kind = Kind::empty_packets, .operation = kVendor, .second = kFetch, .repeat = 29});
  EXPECT_EQ(command(), "");
  EXPECT_EQ(paused, 2900ms);
  fault({.kind = Kind::not_ready, .operation = kVendor, .second = kFetch, .count = 30});
  EXPECT_EQ(command(), "");
  EXPECT_EQ(paused, 5900ms);
  fault({.kind = Kind::not_ready, .operation = kVendor, .second = kFetch, .count = 31});
  EXPECT_EQ(command(), "key.interrupted");
}

TEST_F(UsbLadder, AStatusBeforeTheDataIsUnderstoodWithItsQuirk) {
  open({.status_first = true});
  fault({.kind = Kind::status_first, .operation = kVendor, .second = kFetch, .count = 0});
  EXPECT_EQ(command(), "");
  EXPECT_EQ(command(), "");
}

TEST_F(UsbLadder, ALengthOfZeroIsSentWithItsQuirk) {
  open({.zero_data_length = true});
  EXPECT_EQ(command(), "");
}

TEST_F(UsbLadder, AnAnswerCutShortIsNeverTakenForOne) {
  open();
  for (const std::uint32_t bytes : {1U, 2U, 3U, 5U, 200U, 292U}) {
    fault({.kind = Kind::cut_data, .operation = kVendor, .second = kFetch, .repeat = bytes});
    EXPECT_EQ(command(), "key.interrupted") << bytes;
  }
  expect_usable();
}

TEST_F(UsbLadder, WhatAKilledPredecessorLeftInThePipesIsClearedAway) {
  const auto facts = device_at(UsbTestbed::port_name(1));
  ASSERT_TRUE(facts);
  for (const bool data_too : {false, true}) {
    {
      auto bulk = open_device(*facts);
      ASSERT_TRUE(bulk);
      const auto block = bot::encode(bot::CommandBlock{99, 36, true, 0, {bot::kInquiry, 0, 0, 0, 36, 0}});
      EXPECT_EQ((*bulk)->out(block, 1s).end, Moved::done);
      Bytes data(36);
      if (data_too) {
        EXPECT_EQ((*bulk)->in(data, 1s).bytes, 36U);
      }
    }
    open();
    EXPECT_EQ(command(), "");
    transport.reset();
  }
}

TEST_F(UsbLadder, AnotherDeviceInThePortIsNotOpenedForTheOneThatWasSeen) {
  const auto facts = device_at(UsbTestbed::port_name(1));
  ASSERT_TRUE(facts);
  bed->unplug(1);
  ASSERT_TRUE(bed->plug(1, *device));
  const auto bulk = open_device(*facts);
  ASSERT_FALSE(bulk);
  EXPECT_EQ(bulk.error().id, "key.gone");
  EXPECT_EQ(device_at("1-9").error().id, "key.gone");
}

TEST_F(UsbLadder, StringsComeFromSysfsAndMayBeMissing) {
  const auto facts = device_at(UsbTestbed::port_name(1));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->manufacturer, simulator::kSimulatorManufacturer);
  EXPECT_EQ(facts->product_name, simulator::kSimulatorKey);
  EXPECT_EQ(facts->vendor, simulator::kSimulatorVendor);
  EXPECT_EQ(bed->counters(1).opens, 0U) << "nothing was opened to know that";
  simulator::UsbIdentity mute;
  mute.strings_readable = false;
  simulator::VirtualUsb other(mute, *function);
  bed->unplug(1);
  ASSERT_TRUE(bed->plug(2, other));
  const auto without = device_at(UsbTestbed::port_name(2));
  ASSERT_TRUE(without);
  EXPECT_EQ(without->manufacturer, "");
  EXPECT_EQ(without->product, simulator::kSimulatorProduct);
  bed->unplug(2);
}

}  // namespace
}  // namespace taxgate::usb

int main(int argc, char** argv) {
  taxgate::simulator::UsbTestbed::ensure_preloaded(argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
