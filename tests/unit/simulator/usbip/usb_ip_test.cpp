// A device given to the kernel: the test is the kernel, over a socket.
#include "simulator/usbip/usb_ip.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <thread>

#include "tests/unit/simulator/usbip/host.h"

namespace taxgate::simulator {
namespace {

constexpr std::uint32_t kInPipe = kBulkIn & 0x0FU, kOutPipe = kBulkOut;
constexpr std::int32_t kStalled = -32, kCancelled = -104;

class UsbIp : public ::testing::Test {
 protected:
  void SetUp() override {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    host = std::make_unique<UsbIpHost>(pair[0]);
    server = std::jthread([this, fd = pair[1]] {
      end = serve_usb_ip(fd, stop, device);
      ::close(fd);
    });
  }
  void TearDown() override {
    ::eventfd_write(stop, 1);
    server = {};
    ::close(stop);
    EXPECT_EQ(host->twice, 0U);
  }
  /// How it ended; for a device that ends by itself, and would be stopped if it did not.
  UsbIpEnd over() {
    ::eventfd_write(stop, 1);
    server = {};
    return end;
  }
  std::int32_t outcome(std::uint32_t sequence) {
    EXPECT_TRUE(host->ended(sequence));
    return host->answers[sequence].status;
  }

  PlainTarget target;
  BotFunction function{target};
  VirtualUsb device{{}, function};
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  std::unique_ptr<UsbIpHost> host;
  UsbIpEnd end = UsbIpEnd::refused;
  std::jthread server;
};

TEST_F(UsbIp, ADeviceIntroducesItselfIsConfiguredAndAnswers) {
  const auto described = host->in(0, 18, {0x80, 6, 0, 1, 0, 0, 18, 0});
  ASSERT_EQ(outcome(described), 0);
  EXPECT_EQ(host->answers[described].data, usb_standard_answer({}, {0x80, 6, 0, 1, 0, 0, 18, 0}));
  const auto cut = host->in(0, 8, {0x80, 6, 0, 1, 0, 0, 18, 0});
  ASSERT_EQ(outcome(cut), 0);
  EXPECT_EQ(host->answers[cut].data.size(), 8U) << "no more than there is room for, whatever the request says";
  EXPECT_EQ(outcome(host->out(0, {}, {0x00, 9, 1, 0, 0, 0, 0, 0})), 0);
  EXPECT_EQ(outcome(host->out(0, {}, {0x00, 9, 2, 0, 0, 0, 0, 0})), kStalled) << "there is no such configuration";
  EXPECT_EQ(outcome(host->out(0, {}, {0x01, 11, 0, 0, 0, 0, 0, 0})), 0);
  const auto lun = host->in(0, 1, {0xA1, 0xFE, 0, 0, 0, 0, 1, 0});
  ASSERT_EQ(outcome(lun), 0);
  EXPECT_EQ(host->answers[lun].data, Bytes{0});
  const auto told = host->out(kOutPipe, inquiry_block());
  ASSERT_EQ(outcome(told), 0);
  EXPECT_EQ(host->answers[told].moved, 31U);
  const auto data = host->in(kInPipe, 36), status = host->in(kInPipe, 13);
  ASSERT_EQ(outcome(data), 0);
  EXPECT_EQ(bot::read_inquiry(host->answers[data].data)->vendor, "TAXGATE");
  EXPECT_EQ(outcome(status), 0);
}

TEST_F(UsbIp, AStallIsToldAndAClearedHaltIsTakenToTheDevice) {
  ASSERT_EQ(outcome(host->out(kOutPipe, Bytes(31, 0))), kStalled);
  EXPECT_EQ(outcome(host->out(0, {}, {bot::kResetType, bot::kResetRequest})), 0);
  for (const std::uint8_t pipe : {kBulkIn, kBulkOut})
    EXPECT_EQ(outcome(host->out(0, {}, {2, 1, 0, 0, pipe, 0, 0, 0})), 0);
  EXPECT_EQ(outcome(host->out(kOutPipe, inquiry_block())), 0);
  EXPECT_EQ(outcome(host->out(0, {}, {2, 1, 0, 0, 0x05, 0, 0, 0})), kStalled) << "no such pipe has a halt";
}

TEST_F(UsbIp, ATransferThatWaitsIsUnlinkedAndGetsNoAnswerOfItsOwn) {
  const auto waits = host->in(kInPipe, 13);
  const auto cancel = host->unlink(waits);
  EXPECT_EQ(outcome(cancel), kCancelled);
  EXPECT_EQ(host->answers[cancel].command, 4U);
  const auto over = host->in(0, 18, {0x80, 6, 0, 1, 0, 0, 18, 0});
  ASSERT_EQ(outcome(over), 0);
  EXPECT_FALSE(host->answers.contains(waits));
  EXPECT_EQ(outcome(host->unlink(over)), 0) << "it had ended before";
  EXPECT_EQ(outcome(host->unlink(4711)), 0) << "it never was";
}

TEST_F(UsbIp, TheConfigurationThatLinuxSetsAfterAPortsResetResetsTheDevice) {
  const auto waits = host->in(kInPipe, 13);
  ASSERT_EQ(outcome(host->out(kOutPipe, Bytes(31, 0))), kStalled);
  const auto before = target.resets.load();
  EXPECT_EQ(outcome(host->out(0, {}, {0x00, 9, 1, 0, 0, 0, 0, 0})), 0);
  EXPECT_EQ(target.resets, before + 1);
  EXPECT_TRUE(host->ended(waits));
  EXPECT_EQ(outcome(host->out(kOutPipe, inquiry_block())), 0);
}

TEST_F(UsbIp, PipesThatAreNotThereAreRefused) {
  EXPECT_EQ(outcome(host->out(5, {1})), kStalled);
  EXPECT_EQ(outcome(host->in(2, 64)), kStalled) << "the other way than the pipe goes";
  EXPECT_EQ(outcome(host->in(0, 255, {0x80, 6, 0, 15, 0, 0, 255, 0})), kStalled) << "a descriptor it has not";
}

TEST_F(UsbIp, NonsenseFromTheHostPullsTheDevice) {
  ASSERT_EQ(outcome(host->in(0, 2, {0x80, 0, 0, 0, 0, 0, 2, 0})), 0);
  EXPECT_TRUE(target.powered);
  host->send(Bytes(48, 0xFF));
  EXPECT_TRUE(host->until_hung_up());
  EXPECT_EQ(over(), UsbIpEnd::refused);
  EXPECT_FALSE(target.powered);
}

TEST_F(UsbIp, ThisSidesEndIsTheHostsUnplug) {
  ASSERT_EQ(outcome(host->in(0, 2, {0x80, 0, 0, 0, 0, 0, 2, 0})), 0);
  ::eventfd_write(stop, 1);
  EXPECT_TRUE(host->until_hung_up());
  server = {};
  EXPECT_EQ(end, UsbIpEnd::stopped);
  EXPECT_FALSE(target.powered);
}

TEST_F(UsbIp, TheHostsEndIsTheDevicesUnplugAlsoWithTransfersUnderWay) {
  ASSERT_EQ(outcome(host->in(0, 2, {0x80, 0, 0, 0, 0, 0, 2, 0})), 0);
  host->in(kInPipe, 13);
  host = std::make_unique<UsbIpHost>(-1);
  server = {};
  EXPECT_EQ(end, UsbIpEnd::hung_up);
  EXPECT_FALSE(device.plugged());
}

TEST_F(UsbIp, APullOfTheFaultScriptHangsUp) {
  device.set_pull(VirtualUsb::Pull{VirtualUsb::Direction::to_device, 10, 0});
  const auto cut = host->out(kOutPipe, inquiry_block());
  EXPECT_TRUE(host->until_hung_up());
  EXPECT_FALSE(host->answers.contains(cut));
  EXPECT_EQ(over(), UsbIpEnd::pulled);
}

TEST(UsbIpLink, HoldsNoMoreTransfersAndBytesThanItsBounds) {
  PlainTarget target;
  BotFunction function(target);
  VirtualUsb device({}, function);
  function.add_fault({.kind = BotFault::Kind::hang});
  UsbIpLink link(device, [](const Bytes&) {});
  const auto submit = [&](std::uint32_t sequence, std::uint32_t in, std::uint32_t endpoint, const Bytes& data) {
    Bytes bytes =
        UsbIpHost::numbers({1, sequence, 0, in, endpoint, 0, static_cast<std::uint32_t>(data.size()), 0, 0, 0, 0, 0});
    bytes.insert(bytes.end(), data.begin(), data.end());
    return link.take(bytes);
  };
  ASSERT_TRUE(submit(1, 0, kOutPipe, inquiry_block()));  // from now on nothing moves
  const Bytes big(usbip::kMaxOut, 0);
  for (std::uint32_t i = 2; i < 4; ++i) ASSERT_TRUE(submit(i, 0, kOutPipe, big)) << i;
  EXPECT_EQ(submit(4, 0, kOutPipe, {1}).error().id, "sim.usbip_limit");
  for (std::uint32_t i = 5; i < 3 + UsbIpLink::kMaxUnderWay; ++i) ASSERT_TRUE(submit(i, 1, kInPipe, {})) << i;
  EXPECT_EQ(submit(90'000, 1, kInPipe, {}).error().id, "sim.usbip_limit");
}

TEST(UsbIpLink, RefusesANumberThatIsUnderWay) {
  PlainTarget target;
  BotFunction function(target);
  VirtualUsb device({}, function);
  UsbIpLink link(device, [](const Bytes&) {});
  const Bytes ask = UsbIpHost::numbers({1, 5, 0, 1, kInPipe, 0, 13, 0, 0, 0, 0, 0});
  EXPECT_TRUE(link.take(ask));
  const auto again = link.take(ask);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().field, "sequence");
}

}  // namespace
}  // namespace taxgate::simulator
