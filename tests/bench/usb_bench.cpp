// The USB driver against a bare libusb loop over the same device in the same run: one card command, which is two
// Bulk-Only transactions (FE 01, FE 02), six transfers. Real libusb on a virtual bus (umockdev); the goal is 90 %.
//
// Usage: bench_usb [seconds, default 10]
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
#include "tests/bench/measure.h"

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
    if (bytes < 3 || answer_[static_cast<std::size_t>(bytes) - 2] != 0x90)
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

template <class Once>
double seconds_of(Once once) {
  const auto start = Clock::now();
  for (int i = 0; i < kBatch; ++i) once();
  return seconds_since(start);
}

int run(double seconds) {
  char name[] = "/tmp/taxgate-usb-bench-XXXXXX";
  if (!::mkdtemp(name)) throw std::runtime_error("mkdtemp");
  Device for_bare(std::string(name) + "/bare", kBareProduct),
      for_driver(std::string(name) + "/driver", kSimulatorProduct);
  auto bed = take(UsbTestbed::create(), "testbed");
  take(bed->plug(1, *for_bare.usb), "plug");
  take(bed->plug(2, *for_driver.usb), "plug");

  const Bytes command = gmt0017::gen_random(kWanted);
  double bare_time = 0, driver_time = 0;
  int batches = 0;
  std::vector<double> shares;
  {
    BareLoop loop(command);
    const auto facts = take(usb::device_at(UsbTestbed::port_name(2)), "device");
    auto transport =
        take(usb::apdu_over_bulk(take(usb::open_device(facts), "open"), {},
                                 [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }),
             "session");
    const auto driver = [&] {
      const auto answer = take(transport->transmit(command), "transmit");
      if (answer.size() < 2 || answer[answer.size() - 2] != 0x90) throw std::runtime_error("driver: answer");
    };
    // Batch by batch in turns, so that whatever else the machine does meets both alike.
    while (bare_time + driver_time < seconds) {
      const double bare = seconds_of([&] { loop.once(); }), ours = seconds_of(driver);
      bare_time += bare;
      driver_time += ours;
      shares.push_back(bare / ours);
      ++batches;
    }
  }
  const double commands = static_cast<double>(batches) * kBatch;
  const double share = bare_time / driver_time;
  fmt::print(
      "usb: {} commands each; bare libusb {:.0f}/s, driver {:.0f}/s, share {:.1f} % (median of batches {:.1f} %, "
      "goal 90 %), {}\n",
      commands, commands / bare_time, commands / driver_time, 100 * share, 100 * median(shares),
      median(shares) >= 0.9 ? "reached" : "MISSED");
  bed.reset();
  std::filesystem::remove_all(name);
  return median(shares) >= 0.9 ? 0 : 1;
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  taxgate::simulator::UsbTestbed::ensure_preloaded(argv);
  try {
    return taxgate::bench::run(argc > 1 ? std::atof(argv[1]) : 10);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "usb: {}\n", problem.what());
    return 2;
  }
}
