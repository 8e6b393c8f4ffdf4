// The key is pulled at every byte, in both directions, from the connection to the status word of the signature, through
// real pcscd. After each pull it is put back, the same order ends signed, and no PIN try is spent.
//
// Sixteen readers work through the points side by side: seeing a card go and come takes pcscd most of a second.
//
// A pull after the first of the two length bytes of an answer crashes the vpcd reader driver 3.3, and pcscd with it.
// That is the test equipment's defect, but such a pull is a point like any other: pcscd is started again, as its
// supervisor would do, every lane goes on, and what the others were at is done anew.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "drivers/pcsc/reader_watch.h"
#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using simulator::CardFault;

constexpr unsigned kReaders = 8, kLanes = 16;
constexpr auto kReseatAfter = 20s;   // vpcd sometimes leaves a card that dialled in unanswered: pull it, put it back
constexpr unsigned kMaxMissed = 10;  // points of a lane that had to be done twice
constexpr auto kPointLimit = 180s;   // far beyond the second a point takes, for a busy machine
constexpr std::uint32_t kReplugMs = 450;  // pcscd polls every 0.4 s: the removal is seen as one

// The release build takes every byte. A sanitizer makes each of the three processes a point needs several times slower,
// and finds in a spread of the points what it would find in all: every seventh there, a number that meets every frame.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kStride = 7;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t kStride = 7;
#else
constexpr std::uint64_t kStride = 1;
#endif
#else
constexpr std::uint64_t kStride = 1;
#endif

struct Point {
  CardFault::Direction direction;
  std::uint64_t byte;
};

/// The points nobody has taken yet.
class Points {
 public:
  void add(Point point) { list_.push_back(point); }
  std::size_t size() const { return list_.size(); }
  void put_back(Point point) {
    const std::lock_guard lock(mutex_);
    list_.push_front(point);
  }
  /// The first point that lies inside a session of these lengths: certificates differ by a byte or two.
  std::optional<Point> take(std::uint64_t command_bytes, std::uint64_t response_bytes) {
    const std::lock_guard lock(mutex_);
    for (auto it = list_.begin(); it != list_.end(); ++it) {
      if (it->byte >= (it->direction == CardFault::Direction::command ? command_bytes : response_bytes)) continue;
      const Point point = *it;
      list_.erase(it);
      return point;
    }
    return std::nullopt;
  }

 private:
  std::mutex mutex_;
  std::list<Point> list_;
};

/// Counts the lives of pcscd. Which cards had been pulled by their fault when a life ended is noted before the next
/// begins.
struct Lives {
  std::atomic<unsigned> now = 0;
  std::mutex mutex;
  std::map<unsigned, std::set<unsigned>> pulled;  // life → lanes

  bool was_pulled(unsigned life, unsigned lane) {
    const std::lock_guard lock(mutex);
    return pulled[life].contains(lane);
  }
};

class Lane {
 public:
  Lane(KeydStack& stack, Lives& lives, unsigned index)
      : stack_(stack), lives_(lives), index_(index), client_(stack.socket()) {}

  /// Ends the session, so that the next one runs from the connection to the signature; returns what that took.
  void new_session() {
    const auto workers = stack_.children("--worker", stack_.pcscd().slots().at(index_).reader);
    for (const pid_t pid : workers) ::kill(pid, SIGKILL);
  }

  /// The same order until it is signed.
  ::testing::AssertionResult sign(const std::string& request_id) {
    const auto request = stack_.request(index_, request_id);
    std::string last = "no answer";
    auto reseat = Clock::now() + kReseatAfter;
    for (const auto until = Clock::now() + kPointLimit; Clock::now() < until; std::this_thread::sleep_for(20ms)) {
      const auto reply = client_.sign(request, kPointLimit);
      if (!reply) return ::testing::AssertionFailure() << "no answer";
      if (stack_.verifies(request, *reply)) return ::testing::AssertionSuccess();
      last = reply->failure().errc() + " " + reply->failure().id();
      ++failures_[last];
      if (reply->failure().errc() != "retry_later" && reply->failure().errc() != "device_gone" &&
          reply->failure().errc() != "outcome_unknown")
        return ::testing::AssertionFailure() << "final answer " << last;
      if (Clock::now() < reseat) continue;
      ++reseated;
      stack_.card(index_).unplug();
      std::this_thread::sleep_for(std::chrono::milliseconds(2 * kReplugMs));
      stack_.card(index_).plug();
      reseat = Clock::now() + kReseatAfter;
    }
    return ::testing::AssertionFailure() << "not signed in time, last " << last << "; " << condition();
  }

  /// What a newcomer sees of the reader, to tell a deaf key host from a deaf pcscd.
  std::string condition() {
    ::setenv("PCSCLITE_CSOCK_NAME", stack_.pcscd().socket().c_str(), 1);
    pcsc::ReaderWatch watch;
    const auto readers = watch.next();
    std::string text = stack_.card(index_).connected() ? "the card is in its reader" : "the card is not in its reader";
    if (!readers) return text + ", pcscd: " + readers.error().id;
    for (const auto& reader : *readers)
      if (reader.name == stack_.pcscd().slots().at(index_).reader)
        text += fmt::format(", pcscd: card {} mute {} events {}", reader.card, reader.mute, reader.events);
    return text;
  }

  void measure() {
    const auto before = stack_.card(index_).stream_bytes();
    new_session();
    ASSERT_TRUE(sign(fmt::format("measure-{}", index_)));
    const auto after = stack_.card(index_).stream_bytes();
    command_bytes = after.to_card.apdus - before.to_card.apdus;
    response_bytes = after.from_card.apdus - before.from_card.apdus;
  }

  void run(Points& points, std::atomic<unsigned>& done) {
    while (const auto point = points.take(command_bytes, response_bytes)) {
      const bool command = point->direction == CardFault::Direction::command;
      const std::string name = fmt::format("pull at {} byte {}", command ? "command" : "response", point->byte);
      auto& card = stack_.card(index_);
      const unsigned life = lives_.now, seats = reseated;
      const auto at = card.stream_bytes();
      card.add_fault({.kind = CardFault::Kind::unplug,
                      .direction = point->direction,
                      .counting = CardFault::Counting::per_apdus,
                      .at_byte = (command ? at.to_card.apdus : at.from_card.apdus) + point->byte,
                      .replug_ms = kReplugMs});
      new_session();
      EXPECT_TRUE(sign(name)) << name;
      const bool same_life = lives_.now == life && reseated == seats;
      // A card that was put in anew counts its bytes from there: only a pull before that was at the byte meant.
      const bool pulled = lives_.now != life ? lives_.was_pulled(life, index_) : same_life && card.fault_count() == 0;
      card.clear_faults();
      const auto pin = stack_.key(index_).user_pin();
      EXPECT_EQ(pin.tries_left, pin.max_tries) << name << ": a PIN try was spent";
      // Not pulled where it was meant: pcscd died of another lane's point, the card was reseated, or vpcd had dropped
      // and taken the link again, which starts the count anew. The point is done once more; a bound tells a real
      // defect.
      if (!pulled && same_life) ++missed;
      EXPECT_LE(missed, kMaxMissed) << name << ": the card was not pulled";
      if (::testing::Test::HasFailure()) return;
      if (pulled)
        ++done;
      else
        points.put_back(*point);
    }
  }

  std::uint64_t command_bytes = 0, response_bytes = 0;
  unsigned reseated = 0, missed = 0;
  const std::map<std::string, unsigned>& failures() const { return failures_; }

 private:
  KeydStack& stack_;
  Lives& lives_;
  unsigned index_;
  KeydClient client_;
  std::map<std::string, unsigned> failures_;
};

TEST(Unplug, AtEveryByteFromConnectToStatusWordTheSameOrderEndsSignedAndNoPinTryIsSpent) {
  KeydStack stack({.readers = kReaders, .keys = kLanes, .extra_config = kPatient});
  Lives lives;
  stack.start_keyd();
  std::vector<std::unique_ptr<Lane>> lanes;
  for (unsigned i = 0; i < kLanes; ++i) ASSERT_TRUE(stack.wait_state(i, "ready", 30s));
  for (unsigned i = 0; i < kLanes; ++i) {
    lanes.push_back(std::make_unique<Lane>(stack, lives, i));
    ASSERT_NO_FATAL_FAILURE(lanes.back()->measure());
  }
  std::uint64_t commands = 0, responses = 0;
  for (const auto& lane : lanes) {
    commands = std::max(commands, lane->command_bytes);
    responses = std::max(responses, lane->response_bytes);
  }
  ASSERT_GT(commands, 100U);
  ASSERT_GT(responses, 300U);
  Points points;
  // Longest lanes' last bytes first: they fit few lanes.
  for (std::uint64_t byte = commands; byte-- > 0;)
    if (byte % kStride == 0) points.add({CardFault::Direction::command, byte});
  for (std::uint64_t byte = responses; byte-- > 0;)
    if (byte % kStride == 0) points.add({CardFault::Direction::response, byte});
  const auto total = points.size();

  std::atomic<unsigned> done = 0, running = kLanes;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (const auto& lane : lanes)
      threads.emplace_back([&] {
        lane->run(points, done);
        --running;
      });
    // pcscd's supervisor: this thread, because pcscd ends with the thread that started it.
    for (; running > 0; std::this_thread::sleep_for(5ms)) {
      siginfo_t ended{};
      if (::waitid(P_PID, static_cast<id_t>(stack.pcscd().pid()), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
          ended.si_pid == 0)
        continue;
      {
        const std::lock_guard lock(lives.mutex);
        for (unsigned i = 0; i < kLanes; ++i)
          if (stack.card(i).fault_count() == 0) lives.pulled[lives.now].insert(i);
      }
      ++lives.now;
      EXPECT_TRUE(stack.pcscd().restart());
    }
  }
  const auto seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::map<std::string, unsigned> failures;
  for (const auto& lane : lanes)
    for (const auto& [id, count] : lane->failures()) failures[id] += count;
  if (kStride > 1) fmt::print("sanitizer build: every {}th byte\n", kStride);
  fmt::print("unplugged at {} points of {} ({} command bytes, {} response bytes) in {:.0f} s\n", done.load(), total,
             commands, responses, seconds);
  unsigned reseated = 0;
  for (const auto& lane : lanes) reseated += lane->reseated;
  fmt::print("  cards that vpcd left unanswered and that were put in once more: {}\n", reseated);
  fmt::print("  pcscd was crashed by its vpcd driver {} times\n", lives.now.load());
  for (const auto& [id, count] : failures) fmt::print("  answered meanwhile: {} {} times\n", id, count);
  EXPECT_EQ(done.load(), total);
  for (unsigned i = 0; i < kLanes; ++i) EXPECT_EQ(stack.key(i).counters().verify_failures, 0U);
}

}  // namespace
}  // namespace taxgate::tests
