// A key on USB is pulled at every byte of every command block, data phase and status block, in both directions, from
// the first transfer of a session to the last of the signature, through the unmodified libusb. After each pull it comes
// back, the same order ends signed, and no PIN try is spent.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "tests/system/usb_stack.h"

namespace taxgate::tests {
namespace {

using Clock = std::chrono::steady_clock;
using simulator::VirtualUsb;
using Direction = VirtualUsb::Direction;

constexpr unsigned kLanes = 6;
constexpr std::uint32_t kReplugMs = 1;

// Every byte takes five minutes of processor time, so `./run test` takes a spread of them by a number that meets every
// frame, and TAXGATE_EVERY_BYTE=1 takes all. A sanitizer makes each session several times slower.
#if defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
constexpr std::uint64_t kSpread = 47;
#else
constexpr std::uint64_t kSpread = 11;
#endif
const std::uint64_t kStride = std::getenv("TAXGATE_EVERY_BYTE") != nullptr ? 1 : kSpread;

struct Point {
  Direction direction;
  std::uint64_t byte;
};

class Lane {
 public:
  Lane(UsbStack& stack, unsigned index) : stack_(stack), index_(index), client_(stack.socket()) {}

  /// What a session from the plug to the first signature moves.
  VirtualUsb::Bytes64 measure() {
    replug({});
    EXPECT_TRUE(stack_.sign(client_, index_, fmt::format("measure-{}", index_)));
    return stack_.key(index_).usb->moved();
  }

  void pull_at(const Point& point) {
    const std::string name =
        fmt::format("pull {} byte {}", point.direction == Direction::to_device ? "out" : "in", point.byte);
    replug(VirtualUsb::Pull{point.direction, point.byte, kReplugMs});
    ASSERT_TRUE(stack_.sign(client_, index_, name, &answers_)) << name;
    auto& key = stack_.key(index_);
    ASSERT_FALSE(key.usb->pull_pending()) << name << ": the key was not pulled";
    const auto pin = key.card->user_pin();
    ASSERT_EQ(pin.tries_left, pin.max_tries) << name << ": a PIN try was spent";
  }

  const std::map<std::string, unsigned>& answers() const { return answers_; }

 private:
  void replug(std::optional<VirtualUsb::Pull> pull) {
    stack_.unplug(index_);
    stack_.key(index_).usb->set_pull(pull);
    stack_.plug(index_);
  }

  UsbStack& stack_;
  unsigned index_;
  KeydClient client_;
  std::map<std::string, unsigned> answers_;
};

TEST(UsbUnplug, AtEveryByteOfCommandDataAndStatusTheSameOrderEndsSignedAndNoPinTryIsSpent) {
  UsbStack stack({.keys = kLanes, .extra_config = kPatient});
  stack.start_keyd();
  std::vector<std::unique_ptr<Lane>> lanes;
  std::uint64_t out = UINT64_MAX, in = UINT64_MAX;
  for (unsigned i = 0; i < kLanes; ++i) {
    ASSERT_TRUE(stack.wait_ready(i));
    lanes.push_back(std::make_unique<Lane>(stack, i));
    const auto moved = lanes.back()->measure();
    // Certificates differ by a byte or two: the points that all lanes have; what one has more is the same status block.
    out = std::min(out, moved.to_device);
    in = std::min(in, moved.from_device);
  }
  ASSERT_GT(out, 500U);
  ASSERT_GT(in, 1000U);

  std::vector<Point> points;
  for (std::uint64_t byte = 0; byte < out; byte += kStride) points.push_back({Direction::to_device, byte});
  for (std::uint64_t byte = 0; byte < in; byte += kStride) points.push_back({Direction::from_device, byte});
  std::atomic<std::size_t> next = 0, done = 0;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (const auto& lane : lanes)
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < points.size() && !::testing::Test::HasFailure(); at = next++) {
          lane->pull_at(points[at]);
          if (!::testing::Test::HasFailure()) ++done;
        }
      });
  }
  std::map<std::string, unsigned> answers;
  for (const auto& lane : lanes)
    for (const auto& [id, count] : lane->answers()) answers[id] += count;
  if (kStride > 1) fmt::print("one byte in {}; TAXGATE_EVERY_BYTE=1 takes all\n", kStride);
  fmt::print("unplugged at {} points of {} ({} bytes out, {} bytes in) in {:.0f} s\n", done.load(), points.size(), out,
             in, std::chrono::duration<double>(Clock::now() - start).count());
  for (const auto& [id, count] : answers) fmt::print("  answered meanwhile: {} {} times\n", id, count);
  EXPECT_EQ(done.load(), points.size());
  for (unsigned i = 0; i < kLanes; ++i) EXPECT_EQ(stack.key(i).card->counters().verify_failures, 0U);
}

}  // namespace
}  // namespace taxgate::tests

int main(int argc, char** argv) {
  taxgate::simulator::UsbTestbed::ensure_preloaded(argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
