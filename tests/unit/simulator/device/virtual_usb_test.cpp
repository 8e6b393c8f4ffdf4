// The virtual USB device without a bus: transfers, halts, cancelling, pulling; and its Bulk-Only Transport.
#include "simulator/device/virtual_usb.h"

#include <gtest/gtest.h>

#include <map>

#include "simulator/device/bot_function.h"

namespace taxgate::simulator {
namespace {

/// Gives back what it was given.
class Echo final : public ScsiTarget {
 public:
  bool takes_data(ByteView cdb) const override { return cdb[0] == 0xFE && cdb[1] == 1; }
  Reply command(ByteView cdb, ByteView data) override {
    if (takes_data(cdb)) {
      kept.assign(data.begin(), data.end());
      return {};
    }
    return cdb[0] == 0xFE ? Reply{{}, kept} : Reply{bot::Sense{5, 0x20, 0}, {}};
  }
  bot::Inquiry inquiry() const override { return {"V", "P", "1"}; }
  void reset() override { ++resets; }
  void power(bool on) override { powered = on; }

  Bytes kept;
  unsigned resets = 0;
  bool powered = false;
};

class VirtualUsbTest : public ::testing::Test {
 protected:
  void SetUp() override { plug(); }
  void plug() {
    usb.plug({.complete = [this](UsbCompletion completion) { ended[completion.id] = std::move(completion); },
              .pulled = [this](std::uint32_t ms) { pulled = ms; }});
  }
  std::uint64_t out(Bytes data) {
    usb.submit({.id = ++id, .endpoint = kBulkOut, .data = std::move(data), .length = 0});
    return id;
  }
  std::uint64_t in(std::size_t length) {
    usb.submit({.id = ++id, .endpoint = kBulkIn, .data = {}, .length = length});
    return id;
  }
  std::uint64_t command(Bytes cdb, bool inward, std::uint32_t length) {
    const auto block = bot::encode(bot::CommandBlock{++tag, length, inward, 0, std::move(cdb)});
    return out(Bytes(block.begin(), block.end()));
  }
  std::uint64_t control(std::array<std::uint8_t, 8> setup) {
    usb.submit({.id = ++id, .setup = setup, .data = {}, .length = 8});
    return id;
  }
  bot::StatusBlock status() {
    const auto read = bot::read_status_block(ended.at(in(bot::kStatusBlock)).data);
    EXPECT_TRUE(read);
    return read.value_or(bot::StatusBlock{});
  }

  Echo echo;
  BotFunction function{echo};
  VirtualUsb usb{{}, function};
  std::map<std::uint64_t, UsbCompletion> ended;
  std::uint32_t pulled = 0, tag = 0;
  std::uint64_t id = 0;
};

TEST_F(VirtualUsbTest, RunsACommandWithDataInEitherDirection) {
  command({0xFE, 1}, false, 4);
  EXPECT_EQ(ended.at(out({1, 2, 3, 4})).moved, 4U);
  EXPECT_EQ(status(), (bot::StatusBlock{1, 0, bot::Status::passed}));
  command({0xFE, 2}, true, 10);
  EXPECT_EQ(ended.at(in(10)).data, (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(status(), (bot::StatusBlock{2, 6, bot::Status::passed}));
}

TEST_F(VirtualUsbTest, GivesDataEvenWhenTheCommandAnnouncedNone) {
  command({0xFE, 1}, false, 0);
  out({7, 8});
  status();
  command({0xFE, 2}, true, 0);
  EXPECT_EQ(ended.at(in(64)).data, (Bytes{7, 8}));
  EXPECT_EQ(status().status, bot::Status::passed);
}

TEST_F(VirtualUsbTest, NoTransferGetsMoreThanItHasRoomFor) {
  command({0xFE, 1}, false, 2);
  out({7, 8});
  EXPECT_EQ(ended.at(in(5)).data.size(), 5U) << "of the status block's thirteen";
  command({0xFE, 1}, false, 2);
  out({7, 8});
  EXPECT_TRUE(ended.at(in(0)).data.empty());
}

TEST_F(VirtualUsbTest, AnInTransferWaitsForItsCommand) {
  const auto waiting = in(36);
  EXPECT_FALSE(ended.contains(waiting));
  command({bot::kInquiry, 0, 0, 0, 36, 0}, true, 36);
  ASSERT_TRUE(ended.contains(waiting));
  EXPECT_EQ(bot::read_inquiry(ended.at(waiting).data)->vendor, "V");
}

TEST_F(VirtualUsbTest, AnswersAnUnknownCommandWithAReason) {
  command({0x42}, true, 0);
  EXPECT_EQ(status().status, bot::Status::failed);
  command({bot::kRequestSense, 0, 0, 0, 18, 0}, true, 18);
  EXPECT_EQ(bot::read_sense(ended.at(in(18)).data), (bot::Sense{5, 0x20, 0}));
}

TEST_F(VirtualUsbTest, WhatIsNoCommandBlockHaltsBothPipesUntilTheWholeResetRecovery) {
  EXPECT_EQ(ended.at(out(Bytes(31, 0))).end, UsbEnd::stalled);
  EXPECT_EQ(ended.at(in(13)).end, UsbEnd::stalled);
  usb.clear_halt(kBulkIn);
  EXPECT_EQ(ended.at(in(13)).end, UsbEnd::stalled) << "a cleared halt alone does not help";
  EXPECT_EQ(ended.at(control({bot::kResetType, bot::kResetRequest})).end, UsbEnd::ok);
  usb.clear_halt(kBulkIn);
  usb.clear_halt(kBulkOut);
  command({bot::kTestUnitReady, 0, 0, 0, 0, 0}, false, 0);
  EXPECT_EQ(status().status, bot::Status::passed);
}

TEST_F(VirtualUsbTest, EndsEachTransferOnceAlsoWhenCancelledUnpluggedOrAlone) {
  const auto one = in(13), two = in(13), three = in(13);
  EXPECT_TRUE(usb.cancel(two));
  EXPECT_FALSE(usb.cancel(two));
  EXPECT_EQ(ended.at(two).end, UsbEnd::cancelled);
  usb.unplug();
  EXPECT_EQ(ended.at(one).end, UsbEnd::gone);
  EXPECT_EQ(ended.at(three).end, UsbEnd::gone);
  EXPECT_FALSE(usb.submit({.id = 99, .endpoint = kBulkIn, .data = {}, .length = 13}));
  EXPECT_FALSE(ended.contains(99));
  EXPECT_FALSE(echo.powered);
}

TEST_F(VirtualUsbTest, IsPulledAfterExactlyTheBytesThatWereSaid) {
  for (std::uint64_t byte = 0; byte < bot::kCommandBlock; ++byte) {
    usb.set_pull(VirtualUsb::Pull{VirtualUsb::Direction::to_device, byte, 5});
    const auto cut = command({bot::kTestUnitReady, 0, 0, 0, 0, 0}, false, 0);
    EXPECT_EQ(ended.at(cut).end, UsbEnd::gone);
    EXPECT_EQ(ended.at(cut).moved, byte);
    EXPECT_EQ(pulled, 5U);
    EXPECT_FALSE(usb.plugged());
    EXPECT_EQ(function.counters().commands, 0U) << "no command was whole";
    plug();
  }
  usb.set_pull(VirtualUsb::Pull{VirtualUsb::Direction::from_device, 3, 0});
  command({bot::kTestUnitReady, 0, 0, 0, 0, 0}, false, 0);
  const auto cut = in(13);
  EXPECT_EQ(ended.at(cut).end, UsbEnd::gone);
  EXPECT_EQ(ended.at(cut).data.size(), 3U);
}

TEST_F(VirtualUsbTest, FaultsFireOnTheCommandsTheyName) {
  function.add_fault({.kind = BotFault::Kind::phase_error, .operation = bot::kTestUnitReady, .nth = 2, .count = 2});
  const auto ready = [&] {
    command({bot::kTestUnitReady, 0, 0, 0, 0, 0}, false, 0);
    return status().status;
  };
  EXPECT_EQ(ready(), bot::Status::passed);
  EXPECT_EQ(ready(), bot::Status::phase_error);
  EXPECT_EQ(ready(), bot::Status::phase_error);
  EXPECT_EQ(ready(), bot::Status::passed);
  EXPECT_EQ(function.fault_count(), 0U);
}

TEST_F(VirtualUsbTest, IntroducesItselfAsTheSimulatorAndNobodyElse) {
  const Bytes bytes = usb_descriptors({});
  ASSERT_EQ(bytes.size(), 18U + 32U);
  EXPECT_EQ(bytes[8] | bytes[9] << 8, 0x1209);
  EXPECT_EQ(bytes[18 + 2] | bytes[18 + 3] << 8, 32);
  UsbIdentity mute;
  mute.strings_readable = false;
  EXPECT_EQ(usb_descriptors(mute)[14], 0);
}

}  // namespace
}  // namespace taxgate::simulator
