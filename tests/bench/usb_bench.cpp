// The USB driver against a bare libusb loop over the same device in the same run: one card command, which is two
// Bulk-Only transactions (FE 01, FE 02), six transfers. Real libusb on a virtual bus (umockdev); the goal is 90 %.
//
// Usage: bench_usb [seconds per pass, default 2]
#include <libusb.h>

#include <array>
#include <cstring>
#include <filesystem>
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

constexpr int kPasses = 5;
constexpr std::uint32_t kWanted = 512;  // bytes of the answer, as a certificate's

/// The same six transfers with the same bytes, checked as little as a loop can.
class BareLoop {
 public:
  explicit BareLoop(ByteView command) : payload_(bot::wrap_apdu(command)) {
    check(libusb_init(&context_), "init");
    handle_ = libusb_open_device_with_vid_pid(context_, kSimulatorVendor, kSimulatorProduct);
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

template <class Once>
double rate(double seconds, Once once) {
  const auto start = Clock::now();
  int count = 0;
  do {
    for (int i = 0; i < 16; ++i) once();
    count += 16;
  } while (seconds_since(start) < seconds);
  return count / seconds_since(start);
}

int run(double seconds) {
  auto bed = take(UsbTestbed::create(), "testbed");
  char name[] = "/tmp/taxgate-usb-bench-XXXXXX";
  if (!::mkdtemp(name)) throw std::runtime_error("mkdtemp");
  KeyDefinition definition;
  definition.serial = "BENCH";
  definition.taxpayer = "91310115TGDM00011U";
  definition.name = "BENCH";
  definition.pin = definition.admin_pin = "123456";
  definition.valid_until_ms = 4'000'000'000'000;
  auto key = take(VirtualKey::open(std::string(name) + "/key", definition, KeyAuthority::create("key CA", 0)), "key");
  CardTarget target(*key);
  BotFunction function(target);
  VirtualUsb device({.serial = "BENCH"}, function);
  take(bed->plug(1, device), "plug");

  const Bytes command = gmt0017::gen_random(kWanted / 2);
  std::vector<double> shares, bare_rates, driver_rates;
  for (int pass = 0; pass < kPasses; ++pass) {
    // Side by side in time, and in turns who is first: the machine's mood meets both alike.
    double bare = 0, driver = 0;
    const auto run_bare = [&] {
      BareLoop loop(command);
      bare = rate(seconds, [&] { loop.once(); });
    };
    const auto run_driver = [&] {
      const auto facts = take(usb::device_at(UsbTestbed::port_name(1)), "device");
      auto transport =
          take(usb::apdu_over_bulk(take(usb::open_device(facts), "open"), {},
                                   [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }),
               "session");
      driver = rate(seconds, [&] {
        const auto answer = take(transport->transmit(command), "transmit");
        if (answer.size() < 2 || answer[answer.size() - 2] != 0x90) throw std::runtime_error("driver: answer");
      });
    };
    if (pass % 2 == 0) {
      run_bare();
      run_driver();
    } else {
      run_driver();
      run_bare();
    }
    bare_rates.push_back(bare);
    driver_rates.push_back(driver);
    shares.push_back(driver / bare);
  }
  const double share = median(shares);
  fmt::print("usb: bare libusb {:.0f} commands/s, driver {:.0f} commands/s, share {:.1f} % (goal 90 %), {}\n",
             median(bare_rates), median(driver_rates), 100 * share, share >= 0.9 ? "reached" : "MISSED");
  bed.reset();
  std::filesystem::remove_all(name);
  return share >= 0.9 ? 0 : 1;
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  taxgate::simulator::UsbTestbed::ensure_preloaded(argv);
  try {
    return taxgate::bench::run(argc > 1 ? std::atof(argv[1]) : 2);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "usb: {}\n", problem.what());
    return 2;
  }
}
