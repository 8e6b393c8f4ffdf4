// The USB driver against a bare libusb loop over the same device in the same run: one card command, which is two
// Bulk-Only transactions (FE 01, FE 02), six transfers. Real libusb on a virtual bus (umockdev); the goal is 90 %.
// Either card must have run each command once and nothing else, or no time is printed.
//
//   bench_usb [--json] [--seconds N]
#include <libusb.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "drivers/usb/usb_devices.h"
#include "drivers/usb/usb_transport.h"
#include "protocol/gmt0017.h"
#include "simulator/device/card_target.h"
#include "simulator/umockdev/usb_testbed.h"
#include "tests/bench/program.h"

namespace taxgate::bench {
namespace {

using namespace simulator;

constexpr int kBatch = 16;
constexpr std::uint32_t kWanted = 256;       // bytes of the answer; a signature is 70, a certificate 600
constexpr std::uint16_t kBareProduct = 0x2;  // also of the range for tests

/// The same six transfers with the same bytes, checked as little as a loop can.
class BareLoop {
 public:
  explicit BareLoop(ByteView command) : payload_(bot::wrap_apdu(command)) {
    check(libusb_init(&context_), "init");
    handle_ = libusb_open_device_with_vid_pid(context_, kSimulatorVendor, kBareProduct);
    if (!handle_) throw std::runtime_error("bare loop: no device");
    libusb_set_auto_detach_kernel_driver(handle_, 1);
    check(libusb_claim_interface(handle_, 0), "claim");
  }
  ~BareLoop() {
    libusb_release_interface(handle_, 0);
    libusb_close(handle_);
    libusb_exit(context_);
  }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  void once() {
    command({0xFE, 0x01}, false, static_cast<std::uint32_t>(payload_.size()));
    move(kBulkOut, payload_.data(), payload_.size());
    move(kBulkIn, status_.data(), status_.size());
    command({0xFE, 0x02}, true, static_cast<std::uint32_t>(answer_.size()));
    const int bytes = move(kBulkIn, answer_.data(), answer_.size());
    move(kBulkIn, status_.data(), status_.size());
    if (bytes < static_cast<int>(kWanted) + 2 || answer_[static_cast<std::size_t>(bytes) - 2] != 0x90)
      throw std::runtime_error("bare loop: answer");
  }

 private:
  static void check(int code, const char* what) {
    if (code != LIBUSB_SUCCESS)
      throw std::runtime_error(fmt::format("bare loop: {}: {}", what, libusb_error_name(code)));
  }
  void command(std::array<std::uint8_t, 2> operation, bool in, std::uint32_t length) {
    Bytes cdb(bot::kMaxCdb, 0);
    std::copy(operation.begin(), operation.end(), cdb.begin());
    auto block = bot::encode(bot::CommandBlock{++tag_, length, in, 0, std::move(cdb)});
    move(kBulkOut, block.data(), block.size());
  }
  int move(std::uint8_t endpoint, std::uint8_t* data, std::size_t size) {
    int moved = 0;
    check(libusb_bulk_transfer(handle_, endpoint, data, static_cast<int>(size), &moved, 2500), "transfer");
    return moved;
  }

  libusb_context* context_ = nullptr;
  libusb_device_handle* handle_ = nullptr;
  Bytes payload_;
  Bytes answer_ = Bytes(usb::Quirks{}.max_transfer);
  std::array<std::uint8_t, bot::kStatusBlock> status_{};
  std::uint32_t tag_ = 0;
};

/// A virtual key from the card to the endpoints.
struct Device {
  Device(const std::string& state, std::uint16_t product) {
    KeyDefinition definition;
    definition.serial = "BENCH";
    definition.taxpayer = "91310115TGDM00011U";
    definition.name = "BENCH";
    definition.pin = definition.admin_pin = "123456";
    definition.valid_until_ms = 4'000'000'000'000;
    key = take(VirtualKey::open(state, definition, KeyAuthority::create("key CA", 0)), "key");
    target.emplace(*key);
    function.emplace(*target);
    UsbIdentity identity;
    identity.product = product;
    usb.emplace(identity, *function);
  }
  std::unique_ptr<VirtualKey> key;
  std::optional<CardTarget> target;
  std::optional<BotFunction> function;
  std::optional<VirtualUsb> usb;
};

struct Batch {
  double seconds = 0, cpu = 0;
  void add_to(Row& row) const {
    row.of_rounds.push_back(kBatch / seconds);
    row.seconds += seconds;
    row.cpu_seconds += cpu;
  }
};

template <class Once>
Batch batch_of(Once once) {
  const double cpu = own_cpu_seconds();
  const auto start = Clock::now();
  for (int i = 0; i < kBatch; ++i) once();
  return {seconds_since(start), own_cpu_seconds() - cpu};
}

void run(bool json, double seconds) {
  const DiskDirectory directory;
  Device for_bare(directory.path() + "/bare", kBareProduct),
      for_driver(directory.path() + "/driver", kSimulatorProduct);
  auto bed = take(UsbTestbed::create(), "testbed");
  take(bed->plug(1, *for_bare.usb), "plug");
  take(bed->plug(2, *for_driver.usb), "plug");

  const Bytes command = gmt0017::gen_random(kWanted);
  Row bare{.bench = "usb", .variant = "bare libusb loop", .unit = "commands a second"},
      driver{.bench = "usb", .variant = "driver", .unit = "commands a second"};
  std::vector<double> shares;
  {
    BareLoop loop(command);
    const auto facts = take(usb::device_at(UsbTestbed::port_name(2)), "device");
    auto transport =
        take(usb::apdu_over_bulk(take(usb::open_device(facts), "open"), {},
                                 [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }),
             "session");
    const auto once = [&] {
      const auto answer = take(transport->transmit(command), "transmit");
      if (answer.size() != kWanted + 2 || answer[kWanted] != 0x90) throw std::runtime_error("driver: answer");
    };
    const auto ran_before = for_bare.key->counters().commands, driven_before = for_driver.key->counters().commands;
    // Batch by batch in turns, so that whatever else the machine does meets both alike.
    while (bare.seconds + driver.seconds < seconds) {
      const Batch plain = batch_of([&] { loop.once(); }), ours = batch_of(once);
      plain.add_to(bare);
      ours.add_to(driver);
      shares.push_back(plain.seconds / ours.seconds);
    }
    const std::uint64_t commands = shares.size() * kBatch;
    bare.checked = expect_count("bare loop", commands, for_bare.key->counters().commands - ran_before);
    driver.checked = expect_count("driver", commands, for_driver.key->counters().commands - driven_before);
  }
  for (Row* row : {&bare, &driver}) {
    row->parameters = fmt::format(R"({{"commands_a_round":{},"answer_bytes":{}}})", kBatch, kWanted);
    row->per_second = static_cast<double>(row->checked) / row->seconds;
  }
  driver.more = fmt::format(R"(,"percent_of_bare":{:.1f})", 100 * median(shares));
  if (json) {
    bare.print_json();
    driver.print_json();
    return;
  }
  fmt::print("{} commands each, counted by the cards; bare libusb {:.0f}/s, driver {:.0f}/s\n", driver.checked,
             bare.per_second, driver.per_second);
  fmt::print("the driver reaches {:.1f} % of it (median of batches); goal 90 %\n", 100 * median(shares));
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  taxgate::simulator::UsbTestbed::ensure_preloaded(argv);
  long seconds = 10;
  taxgate::bench::Program program("usb", "the USB driver beside a bare libusb loop over the same virtual device");
  program.number("--seconds", seconds, 1, 3600, "time of both together");
  return program.run(argc, argv, [&](bool json) { taxgate::bench::run(json, static_cast<double>(seconds)); });
}
