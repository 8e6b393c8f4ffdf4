// A device given to a virtual machine: the test is the machine, over a socket, with the same parser QEMU uses.
#include "simulator/usbredir/usb_redir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <usbredirparser.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>

#include "simulator/device/bot_function.h"

namespace taxgate::simulator {
namespace {

class Quiet final : public ScsiTarget {
 public:
  bool takes_data(ByteView) const override { return false; }
  Reply command(ByteView, ByteView) override { return {bot::Sense{5, 0x20, 0}, {}}; }
  bot::Inquiry inquiry() const override { return {"TAXGATE", "KEY", "1.0"}; }
  void reset() override { ++resets; }
  void power(bool on) override { powered = on; }
  std::atomic<unsigned> resets = 0;
  std::atomic<bool> powered = false;
};

/// The machine's side: no thread of its own, reads while it waits.
class Guest {
 public:
  explicit Guest(int fd) : fd_(fd), parser_(usbredirparser_create()) {
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    parser_->priv = this;
    parser_->log_func = [](void*, int, const char*) {};
    parser_->read_func = [](void* priv, std::uint8_t* into, int size) -> int {
      auto& self = *static_cast<Guest*>(priv);
      const auto got = ::recv(self.fd_, into, static_cast<std::size_t>(size), 0);
      if (got > 0) return static_cast<int>(got);
      self.hung_up = got == 0 || errno != EAGAIN;
      return self.hung_up ? -1 : 0;
    };
    parser_->write_func = [](void* priv, std::uint8_t* from, int size) -> int {
      const auto sent = ::send(static_cast<Guest*>(priv)->fd_, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
      return sent >= 0 ? static_cast<int>(sent) : errno == EAGAIN ? 0 : -1;
    };
    parser_->hello_func = [](void*, usb_redir_hello_header*) {};
    parser_->device_connect_func = [](void* priv, usb_redir_device_connect_header* head) {
      static_cast<Guest*>(priv)->product = head->product_id;
    };
    parser_->interface_info_func = [](void* priv, usb_redir_interface_info_header* head) {
      static_cast<Guest*>(priv)->interface_class = head->interface_class[0];
    };
    parser_->ep_info_func = [](void*, usb_redir_ep_info_header*) {};
    parser_->configuration_status_func = [](void* priv, std::uint64_t, usb_redir_configuration_status_header* head) {
      static_cast<Guest*>(priv)->configuration = head->status == usb_redir_success ? head->configuration : -2;
    };
    parser_->control_packet_func = [](void* priv, std::uint64_t id, usb_redir_control_packet_header* head,
                                      std::uint8_t* data,
                                      int size) { static_cast<Guest*>(priv)->keep(id, head->status, data, size); };
    parser_->bulk_packet_func = [](void* priv, std::uint64_t id, usb_redir_bulk_packet_header* head, std::uint8_t* data,
                                   int size) { static_cast<Guest*>(priv)->keep(id, head->status, data, size); };
    std::array<std::uint32_t, USB_REDIR_CAPS_SIZE> capabilities{};
    for (const int one : {usb_redir_cap_connect_device_version, usb_redir_cap_ep_info_max_packet_size,
                          usb_redir_cap_64bits_ids, usb_redir_cap_32bits_bulk_length})
      usbredirparser_caps_set_cap(capabilities.data(), one);
    char version[] = "test";
    usbredirparser_init(parser_, version, capabilities.data(), USB_REDIR_CAPS_SIZE, 0);
  }
  ~Guest() {
    usbredirparser_destroy(parser_);
    ::close(fd_);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  bool until(const std::function<bool()>& holds) {
    constexpr int kWaitMs = 30'000;  // only a broken device takes long
    while (!holds()) {
      if (usbredirparser_has_data_to_write(parser_) > 0) usbredirparser_do_write(parser_);
      pollfd wait{fd_, POLLIN, 0};
      if (hung_up || ::poll(&wait, 1, kWaitMs) <= 0) return holds();
      usbredirparser_do_read(parser_);
    }
    return true;
  }
  std::uint64_t bulk(std::uint8_t endpoint, Bytes data, std::size_t length) {
    usb_redir_bulk_packet_header head{};
    head.endpoint = endpoint;
    head.length = static_cast<std::uint16_t>(length);
    usbredirparser_send_bulk_packet(parser_, ++id_, &head, data.empty() ? nullptr : data.data(),
                                    static_cast<int>(data.size()));
    return id_;
  }
  std::uint64_t out(const Bytes& data) { return bulk(kBulkOut, data, data.size()); }
  std::uint64_t control(std::uint8_t type, std::uint8_t request, std::uint16_t value, std::uint16_t index,
                        std::uint16_t length) {
    usb_redir_control_packet_header head{};
    head.endpoint = type & 0x80;
    head.requesttype = type;
    head.request = request;
    head.value = value;
    head.index = index;
    head.length = length;
    usbredirparser_send_control_packet(parser_, ++id_, &head, nullptr, 0);
    return id_;
  }
  bool ended(std::uint64_t id) {
    return until([&] { return answers.contains(id); });
  }
  void keep(std::uint64_t id, std::uint8_t status, std::uint8_t* data, int size) {
    answers[id] = {status, data ? Bytes(data, data + size) : Bytes{}};
    usbredirparser_free_packet_data(parser_, data);
  }

  struct Answer {
    int status = -1;
    Bytes data;
  };
  std::map<std::uint64_t, Answer> answers;
  int product = -1, interface_class = -1, configuration = -1;
  bool hung_up = false;
  usbredirparser* parser() { return parser_; }

 private:
  const int fd_;
  usbredirparser* parser_;
  std::uint64_t id_ = 0;
};

class UsbRedir : public ::testing::Test {
 protected:
  void SetUp() override {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    guest = std::make_unique<Guest>(pair[0]);
    server = std::jthread([this, fd = pair[1]] {
      serve_usb_redir(fd, stop, device);
      ::close(fd);
    });
  }
  void TearDown() override {
    ::eventfd_write(stop, 1);
    server = {};
    ::close(stop);
  }
  Bytes block(std::uint32_t length, Bytes cdb) {
    const auto bytes = bot::encode(bot::CommandBlock{7, length, true, 0, std::move(cdb)});
    return Bytes(bytes.begin(), bytes.end());
  }

  Quiet target;
  BotFunction function{target};
  VirtualUsb device{{}, function};
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  std::unique_ptr<Guest> guest;
  std::jthread server;
};

TEST_F(UsbRedir, ADeviceIntroducesItselfIsConfiguredAndAnswers) {
  ASSERT_TRUE(guest->until([&] { return guest->product >= 0; }));
  EXPECT_EQ(guest->product, kSimulatorProduct);
  EXPECT_EQ(guest->interface_class, 0x08);
  usb_redir_set_configuration_header wanted{1};
  usbredirparser_send_set_configuration(guest->parser(), 0, &wanted);
  EXPECT_TRUE(guest->until([&] { return guest->configuration == 1; }));
  const auto asked = guest->control(0x80, 6, 0x0100, 0, 18);
  ASSERT_TRUE(guest->ended(asked));
  EXPECT_EQ(guest->answers[asked].data, usb_standard_answer({}, {0x80, 6, 0, 1, 0, 0, 18, 0}));
  const auto told = guest->out(block(36, {bot::kInquiry, 0, 0, 0, 36, 0}));
  const auto data = guest->bulk(kBulkIn, {}, 36);
  ASSERT_TRUE(guest->ended(told) && guest->ended(data));
  EXPECT_EQ(bot::read_inquiry(guest->answers[data].data)->vendor, "TAXGATE");
}

TEST_F(UsbRedir, AStallIsToldAndAClearedHaltIsTakenToTheDevice) {
  ASSERT_TRUE(guest->until([&] { return guest->product >= 0; }));
  const auto nonsense = guest->out(Bytes(31, 0));
  ASSERT_TRUE(guest->ended(nonsense));
  EXPECT_EQ(guest->answers[nonsense].status, usb_redir_stall);
  const auto recovery = guest->control(bot::kResetType, bot::kResetRequest, 0, 0, 0);
  for (const auto pipe : {kBulkIn, kBulkOut}) ASSERT_TRUE(guest->ended(guest->control(0x02, 1, 0, pipe, 0)));
  ASSERT_TRUE(guest->ended(recovery));
  const auto told = guest->out(block(36, {bot::kInquiry, 0, 0, 0, 36, 0}));
  ASSERT_TRUE(guest->ended(told));
  EXPECT_EQ(guest->answers[told].status, usb_redir_success);
}

TEST_F(UsbRedir, ATransferThatWaitsCanBeCancelledAndAResetReachesTheDevice) {
  ASSERT_TRUE(guest->until([&] { return guest->product >= 0; }));
  const auto waiting = guest->bulk(kBulkIn, {}, 13);
  usbredirparser_send_cancel_data_packet(guest->parser(), waiting);
  ASSERT_TRUE(guest->ended(waiting));
  EXPECT_EQ(guest->answers[waiting].status, usb_redir_cancelled);
  usbredirparser_send_reset(guest->parser());
  ASSERT_TRUE(guest->ended(guest->control(0x80, 0, 0, 0, 2)));
  EXPECT_EQ(target.resets, 1U);
}

TEST_F(UsbRedir, PipesThatAreNotThereAreRefused) {
  ASSERT_TRUE(guest->until([&] { return guest->product >= 0; }));
  const auto strange = guest->bulk(0x05, {1}, 1);
  ASSERT_TRUE(guest->ended(strange));
  EXPECT_EQ(guest->answers[strange].status, usb_redir_stall);
}

TEST_F(UsbRedir, TheSimulatorsEndIsTheGuestsUnplugAndTheGuestsEndTheDevices) {
  ASSERT_TRUE(guest->until([&] { return guest->product >= 0; }));
  EXPECT_TRUE(target.powered);
  ::eventfd_write(stop, 1);
  EXPECT_TRUE(guest->until([&] { return guest->hung_up; }));
  server = {};
  EXPECT_FALSE(target.powered);
}

TEST(UsbRedirSocket, ServesOneGuestAfterAnotherAndLeavesNoFileBehind) {
  std::string pattern = (std::filesystem::temp_directory_path() / "taxgate-redir-XXXXXX").string();
  const std::string directory = ::mkdtemp(pattern.data()), path = directory + "/usb";
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  Quiet target;
  BotFunction function(target);
  VirtualUsb device({}, function);
  auto socket = UsbRedirSocket::listen(path);
  ASSERT_TRUE(socket);
  std::jthread server([&] { (*socket)->serve(stop, device); });
  for (int round = 0; round < 2; ++round) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    Guest guest(fd);
    EXPECT_TRUE(guest.until([&] { return guest.product >= 0; })) << round;
  }
  ::eventfd_write(stop, 1);
  server = {};
  socket->reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  EXPECT_EQ(UsbRedirSocket::listen(directory + "/" + std::string(200, 'x')).error().id, "sim.usb_socket");
  EXPECT_EQ(UsbRedirSocket::listen(directory + "/none/usb").error().id, "sim.usb_socket");
  ::close(stop);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace taxgate::simulator
