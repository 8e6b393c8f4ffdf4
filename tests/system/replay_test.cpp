// A key's traffic recorded by the key host, and recordings played back as a device: three failures as they come from
// the field, each on the real key host and real pcscd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "protocol/card_trace.h"
#include "simulator/device/replay_card.h"
#include "tests/system/keyd_fixture.h"

namespace taxgate::tests {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint8_t kEccSign = 0x74;
constexpr const char* kFirstReader = "Taxgate virtual reader 1 00 00";
// The key in the kept traces; its certificate is valid for decades.
constexpr const char* kRecordedSerial = "TRACEKEY01";

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::vector<card_trace::Entry> trace(const std::string& text) {
  auto entries = card_trace::read(text);
  EXPECT_TRUE(entries) << (entries ? "" : entries.error().field + " in line " + entries.error().wanted);
  return entries.value_or(std::vector<card_trace::Entry>{});
}

/// A directory for a trace and a PIN file beside the stack, which names them in its configuration.
class Beside {
 public:
  Beside() {
    if (!::mkdtemp(directory_.data())) std::abort();
    std::ofstream(pin()) << KeydStack::kPin << "\n";
    ::chmod(pin().c_str(), 0600);
  }
  ~Beside() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  std::string file() const { return directory_ + "/key.trace"; }
  std::string pin() const { return directory_ + "/pin"; }

 private:
  std::string directory_ = "/tmp/taxgate-trace-XXXXXX";
};

/// A key host whose only key is a recording.
struct Replay {
  explicit Replay(const std::string& text)
      : stack({.keys = 0,
               .extra_config = "[deadlines]\nsign_ms = 1000\n[[pin]]\ntaxpayer = \"" + KeydStack::taxpayer(0) +
                               "\"\nfile = \"" + beside.pin() + "\"\n",
               .issuer_ca = false}),
        recorded(trace(text)),
        card(recorded, "127.0.0.1", stack.pcscd().slots().at(0).port) {
    card.plug();
    stack.start_keyd();
  }
  std::string becomes(const std::set<std::string>& wanted) {
    std::string state;
    KeydClient client(stack.socket());
    for (const auto until = Clock::now() + 60s; Clock::now() < until; std::this_thread::sleep_for(20ms)) {
      const auto keys = client.keys();
      state = keys.empty() ? "none" : keys[0].state() + (keys[0].has_trouble() ? " " + keys[0].trouble().id() : "");
      if (!keys.empty() && keys[0].serial() == kRecordedSerial && wanted.contains(keys[0].state())) return state;
    }
    return state;
  }
  keyd::v1::Failure sign() {
    KeydClient client(stack.socket());
    const auto reply = client.sign(KeydStack::request(0, "replay"));
    return reply ? reply->failure() : keyd::v1::Failure();
  }

  Beside beside;
  KeydStack stack;
  simulator::ReplayCard recorded;
  simulator::VpcdCard card;
};

std::string kept(const std::string& name) {
  return text_of(std::string(TAXGATE_SOURCE_DIR) + "/tests/system/traces/" + name + ".trace");
}

TEST(Recording, HoldsWhatPassedAndNoSecretAndPlaysTheSameFailureAgain) {
  const Beside beside;
  {
    KeydStack stack({.extra_config = std::string("[deadlines]\nsign_ms = 1000\n[trace]\nreader = \"") + kFirstReader +
                                     "\"\nfile = \"" + beside.file() + "\"\n",
                     .define = [](unsigned, simulator::KeyDefinition& key) {
                       key.serial = kRecordedSerial;
                       key.valid_until_ms = key.valid_from_ms + 40LL * 365 * 86'400'000;
                     }});
    stack.card(0).add_fault({.kind = simulator::CardFault::Kind::hang, .ins = kEccSign});
    stack.start_keyd();
    KeydClient client(stack.socket());
    const auto ready = [&] {
      const auto keys = client.keys();
      return !keys.empty() && keys[0].state() == "ready";
    };
    for (const auto until = Clock::now() + 60s; Clock::now() < until && !ready();) std::this_thread::sleep_for(10ms);
    const auto reply = client.sign(KeydStack::request(0, "hang"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->failure().id(), "key.hung");
  }
  const std::string text = text_of(beside.file());
  struct stat facts{};
  ASSERT_EQ(::stat(beside.file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_THAT(text, HasSubstr("> 8050000000"));                                // GenRandom …
  EXPECT_THAT(text, testing::ContainsRegex("< [0-9]+ ................9000"));  // … and its challenge
  EXPECT_THAT(text, testing::ContainsRegex("> 8018000100[0-9a-f]*\\.\\."));    // VerifyPIN
  const auto entries = trace(text);
  ASSERT_GE(entries.size(), 8U);
  int hidden = 0;
  for (const auto& entry : entries) {
    const auto* exchange = std::get_if<card_trace::Exchange>(&entry);
    if (!exchange) continue;
    const std::uint8_t ins = exchange->command.bytes.at(1);
    const auto* answer = std::get_if<card_trace::Masked>(&exchange->answer);
    const auto known = [](const card_trace::Masked& m) { return std::ranges::count(m.known, true); };
    if (ins == 0x50 && answer) hidden += known(*answer) == 2;  // the status word only
    if (ins == 0x18) hidden += known(exchange->command) < std::ssize(exchange->command.known) - 15;
  }
  EXPECT_GE(hidden, 2) << text;

  Replay again(text);
  EXPECT_THAT(again.becomes({"ready"}), HasSubstr("ready"));
  EXPECT_EQ(again.sign().id(), "key.hung");
  EXPECT_THAT(again.becomes({"hung"}), HasSubstr("hung"));
}

TEST(RecordedFailure, AKeyThatWasLockedElsewhereIsSaidLockedAndNoPinIsPresentedAgain) {
  Replay replay(kept("locked"));
  EXPECT_EQ(replay.becomes({"locked"}), "locked key.locked");
  EXPECT_EQ(replay.sign().id(), "key.locked");
  EXPECT_EQ(replay.recorded.unknown(), 0U) << "something was asked that was not asked then";
}

TEST(RecordedFailure, AKeyThatRefusesToSignIsNamedWithItsStatusWord) {
  Replay replay(kept("refuses-to-sign"));
  EXPECT_THAT(replay.becomes({"ready"}), HasSubstr("ready"));
  const auto failure = replay.sign();
  EXPECT_EQ(failure.id(), "key.card_refused");
  EXPECT_EQ(failure.wanted(), "6a80");
}

TEST(RecordedFailure, AnAnswerCutOffInTheCertificateIsNoCertificateAndTheNextSessionGoesOn) {
  Replay replay(kept("certificate-cut-off"));
  EXPECT_THAT(replay.becomes({"ready"}), HasSubstr("ready"));
  EXPECT_THAT(replay.stack.keyd_log(), HasSubstr("key.interrupted"));
}

}  // namespace
}  // namespace taxgate::tests
