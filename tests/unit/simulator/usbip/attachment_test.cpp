// A device in a port of the kernel: the kernel is a directory with the files that vhci_hcd has in sysfs, and a thread.
#include "simulator/usbip/attachment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "tests/unit/simulator/usbip/host.h"

namespace taxgate::simulator {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHead = "hub port sta spd dev      sockfd local_busid\n";

class SysfsOfVhci : public ::testing::Test {
 protected:
  SysfsOfVhci() {
    std::string pattern = (fs::temp_directory_path() / "taxgate-vhci-XXXXXX").string();
    sys = ::mkdtemp(pattern.data());
    hcd = sys + "/devices/platform/vhci_hcd.0";
    fs::create_directories(hcd);
    fs::create_directories(sys + "/bus/usb/devices");
  }
  ~SysfsOfVhci() override { fs::remove_all(sys); }

  void write(const std::string& file, const std::string& text) const {
    std::ofstream(file + ".new") << text;
    fs::rename(file + ".new", file);  // readers see the old or the new
  }
  void status(const std::string& lines) const { write(hcd + "/status", kHead + lines); }
  void device(const std::string& port) const {
    const std::string at = sys + "/bus/usb/devices/" + port;
    fs::create_directories(at);
    for (const auto& [name, text] : {std::pair{"busnum", "3"},
                                     {"devnum", "14"},
                                     {"idVendor", "1209"},
                                     {"idProduct", "0001"},
                                     {"manufacturer", "Taxgate simulator"},
                                     {"product", "SIMULATED tax key"},
                                     {"bConfigurationValue", "1"}})
      write(at + "/" + name, std::string(text) + "\n");
  }

  std::string sys, hcd;
};

TEST_F(SysfsOfVhci, WithoutTheModuleTheRemedyIsToLoadIt) { EXPECT_EQ(Vhci::open(sys).error().id, "sim.vhci_missing"); }

TEST_F(SysfsOfVhci, IsForRootOnly) {
  write(hcd + "/attach", "");
  ASSERT_EQ(::chmod((hcd + "/attach").c_str(), 0), 0);
  std::string id;
  std::jthread([&] {
    ::setfsuid(65534);  // of this thread only
    const auto opened = Vhci::open(sys);
    id = opened ? "opened" : opened.error().id;
  }).join();
  EXPECT_EQ(id, "sim.vhci_rights");
}

TEST_F(SysfsOfVhci, GivesTheSocketToTheFirstFreeHighSpeedPortOfAllControllers) {
  write(hcd + "/attach", "");
  status(
      "hs  0000 006 003 00010001  000003 3-1\nhs  0001 005 003 00010001  000004 0-0\nss  0002 004 000 00000000  000000 "
      "0-0\n");
  write(hcd + "/status.1", std::string(kHead) + "hs  0030 004 000 00000000  000000 0-0\n");
  const auto vhci = Vhci::open(sys);
  ASSERT_TRUE(vhci);
  EXPECT_EQ(vhci->attach(42), 30U);
  std::string told;
  std::getline(std::ifstream(hcd + "/attach"), told);
  EXPECT_EQ(told, "30 42 65537 3");
}

TEST_F(SysfsOfVhci, TellsThatAllPortsAreTakenAndThatItCannotReadThem) {
  write(hcd + "/attach", "");
  const auto vhci = Vhci::open(sys);
  ASSERT_TRUE(vhci);
  EXPECT_EQ(vhci->attach(42).error().id, "sim.vhci_status");
  status("hs  0000 006 003 00010001  000003 3-1\nss  0002 004 000 00000000  000000 0-0\n");
  const auto full = vhci->attach(42);
  EXPECT_EQ(full.error().id, "sim.vhci_full");
  EXPECT_EQ(full.error().wanted, "1");
  status("hs  0000 four\n");
  EXPECT_EQ(vhci->attach(42).error().id, "sim.vhci_status");
}

TEST_F(SysfsOfVhci, ADeviceIsGoneWhenItsDirectoryIsOrAnothersStandsThere) {
  write(hcd + "/attach", "");
  const auto vhci = Vhci::open(sys);
  ASSERT_TRUE(vhci);
  device("3-1");
  EXPECT_FALSE(vhci->is_gone({"3-1", 3, 14, ""}));
  EXPECT_TRUE(vhci->is_gone({"3-1", 3, 13, ""}));
  EXPECT_TRUE(vhci->is_gone({"3-2", 3, 14, ""}));
}

TEST_F(SysfsOfVhci, SaysWhereADeviceStandsOnceItIsConfigured) {
  write(hcd + "/attach", "");
  status("hs  0000 005 003 00010001  000003 0-0\n");
  const auto vhci = Vhci::open(sys);
  ASSERT_TRUE(vhci);
  EXPECT_FALSE(vhci->place(0));
  status("hs  0000 006 003 00010001  000003 3-1\n");
  EXPECT_FALSE(vhci->place(0)) << "it has its address, and is not configured";
  device("3-1");
  const auto place = vhci->place(0);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->port, "3-1");
  EXPECT_EQ(place->line, "Bus 003 Device 014: ID 1209:0001 Taxgate simulator SIMULATED tax key");
}

class AttachmentToVhci : public SysfsOfVhci {
 protected:
  AttachmentToVhci() {
    EXPECT_EQ(::mkfifo((hcd + "/attach").c_str(), 0600), 0);
    orders = ::open((hcd + "/attach").c_str(), O_RDWR | O_CLOEXEC);
    status(kFree);
  }
  ~AttachmentToVhci() override { ::close(orders); }

  /// What the kernel does with an order: takes hold of the socket.
  std::unique_ptr<UsbIpHost> order() const {
    std::string text(64, '\0');
    const auto size = ::read(orders, text.data(), text.size());
    EXPECT_GT(size, 0);
    unsigned port = 99, fd = 0;
    std::istringstream(text) >> port >> fd;
    EXPECT_EQ(port, 0U);
    return std::make_unique<UsbIpHost>(::fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, 0));
  }

  static constexpr const char* kFree = "hs  0000 004 000 00000000  000000 0-0\n";
  static constexpr const char* kUsed = "hs  0000 006 003 00010001  000003 3-1\n";
  int orders = -1;
  PlainTarget target;
  BotFunction function{target};
  VirtualUsb usb{{}, function};
};

TEST_F(AttachmentToVhci, IsServedWhereItWasPutAndGoneWhenItEnds) {
  const auto vhci = Vhci::open(sys);
  ASSERT_TRUE(vhci);
  std::atomic<bool> hung_up = false;
  std::jthread kernel([&] {
    const auto host = order();
    const auto asked = host->in(0, 18, {0x80, 6, 0, 1, 0, 0, 18, 0});
    EXPECT_TRUE(host->ended(asked));
    device("3-1");
    status(kUsed);
    hung_up = host->until_hung_up();
    status(kFree);
    fs::remove_all(sys + "/bus/usb/devices/3-1");
  });
  auto in = Attachment::plug(*vhci, usb, [](UsbIpEnd) { ADD_FAILURE() << "ended by itself"; });
  ASSERT_TRUE(in) << in.error().id;
  EXPECT_EQ((*in)->place().bus, 3U);
  EXPECT_TRUE(target.powered);
  in->reset();
  EXPECT_TRUE(hung_up);
  EXPECT_FALSE(target.powered);
}

TEST_F(AttachmentToVhci, TellsWhenTheKernelLetsGo) {
  const auto vhci = Vhci::open(sys);
  ASSERT_TRUE(vhci);
  std::promise<void> placed;
  std::promise<UsbIpEnd> ended;
  std::jthread kernel([&] {
    const auto host = order();
    device("3-1");
    status(kUsed);
    placed.get_future().wait();
    fs::remove_all(sys + "/bus/usb/devices/3-1");
  });
  const auto in = Attachment::plug(*vhci, usb, [&](UsbIpEnd end) { ended.set_value(end); });
  placed.set_value();
  ASSERT_TRUE(in) << in.error().id;
  auto end = ended.get_future();
  ASSERT_EQ(end.wait_for(std::chrono::seconds(30)), std::future_status::ready);  // at once
  EXPECT_EQ(end.get(), UsbIpEnd::hung_up);
  EXPECT_FALSE(target.powered);
}

TEST_F(AttachmentToVhci, AKernelThatBreaksOffWhileItConfiguresIsToldAtOnce) {
  const auto vhci = Vhci::open(sys);
  ASSERT_TRUE(vhci);
  std::jthread kernel([&] { order()->send(Bytes(48, 0xFF)); });
  const auto begun = std::chrono::steady_clock::now();
  const auto in = Attachment::plug(*vhci, usb, {});
  ASSERT_FALSE(in);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15)) << "waited for what cannot come";
  EXPECT_EQ(in.error().id, "sim.vhci_not_taken");
}

}  // namespace
}  // namespace taxgate::simulator
