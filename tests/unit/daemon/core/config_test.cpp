#include "daemon/core/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "daemon/core/files.h"
#include "protocol/messages.h"

namespace taxgate {
namespace {

const std::string kMinimal = R"([taxgated]
channel = "sandbox"
state_dir = "state"
[api]
socket = "api.sock"
[platform]
base_url = "https://platform.invalid"
[[taxpayer]]
id = "91310115TGDM00011U"
name = "甲"
sm4_key_file = "sm4.key"
[keys]
socket = "/run/keyd.sock"
)";

Error error_of(const std::string& text) {
  const auto c = parse_config(text, "/etc/taxgate/taxgated.toml");
  return c ? Error{} : c.error();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(Config, ReadsTheSmallestFileAndFillsInTheDefaults) {
  const auto c = parse_config(kMinimal, "/etc/taxgate/taxgated.toml");
  ASSERT_TRUE(c) << c.error().id << " " << c.error().field;
  EXPECT_EQ(c->channel, Channel::sandbox);
  EXPECT_EQ(name_zh(c->channel), "沙箱");
  EXPECT_EQ(c->state_dir, "/etc/taxgate/state") << "relative to the file";
  EXPECT_EQ(c->api.socket, "/etc/taxgate/api.sock");
  EXPECT_FALSE(c->api.tcp_port);
  EXPECT_EQ(c->platform.settle_ms, 60'000);
  EXPECT_EQ(c->keys.socket, "/run/keyd.sock");
  ASSERT_NE(c->taxpayer("91310115TGDM00011U"), nullptr);
  EXPECT_EQ(c->taxpayer("91310115TGDM00011U")->issue, IssueMode::upload);
  EXPECT_EQ(c->taxpayer("nobody"), nullptr);
  EXPECT_FALSE(c->lab);
}

TEST(Config, TheExampleFileIsValidAndNamesEveryKeyOfTheDocument) {
  const auto c = load_config(std::string(TAXGATE_SOURCE_DIR) + "/docs/taxgated.example.toml");
  ASSERT_TRUE(c) << c.error().id << " " << c.error().field << " " << c.error().wanted;
  EXPECT_EQ(c->approval.amount, (Fen{5'000'000}));
  ASSERT_TRUE(c->approval.share);
  EXPECT_EQ(c->approval.share->text(), "0.1");
  EXPECT_EQ(c->webhooks.at(0).events.size(), 3U);
  EXPECT_EQ(c->api.tcp_port, 8640);
}

TEST(Config, AnUnknownKeyIsRefusedWithFileLineAndKey) {
  const auto e = error_of(replaced(kMinimal, "[platform]\n", "[platform]\nsettle = 5\n"));
  EXPECT_EQ(e.id, "config.unknown_key");
  EXPECT_EQ(e.field, "/etc/taxgate/taxgated.toml:7: platform.settle");
  EXPECT_EQ(error_of(kMinimal + "[tables]\n").field, "/etc/taxgate/taxgated.toml:14: tables");
}

TEST(Config, AWrongTypeAValueOutOfRangeAndAMissingKeyAreRefusedByName) {
  EXPECT_EQ(error_of(replaced(kMinimal, "\"sandbox\"", "5")).id, "config.type");
  EXPECT_EQ(error_of(replaced(kMinimal, "\"sandbox\"", "\"prod\"")).id, "config.range");
  EXPECT_EQ(error_of(replaced(kMinimal, "\"sandbox\"", "\"prod\"")).left, "simulator, sandbox, production");
  EXPECT_EQ(error_of(replaced(kMinimal, "channel = \"sandbox\"\n", "")).id, "config.missing");
  EXPECT_EQ(error_of(replaced(kMinimal, "[platform]\n", "[platform]\nsettle_ms = 0\n")).id, "config.range");
  EXPECT_EQ(error_of(replaced(kMinimal, "https://", "http://")).id, "config.range");
  EXPECT_EQ(error_of(replaced(kMinimal, "socket = \"api.sock\"\n", "")).field,
            "/etc/taxgate/taxgated.toml:4: api.socket");
}

TEST(Config, AListenerWithoutItsSecretIsRefused) {
  EXPECT_EQ(error_of(replaced(kMinimal, "[api]\n", "[api]\ntcp_port = 0\n")).field,
            "/etc/taxgate/taxgated.toml:4: api.token_file");
  EXPECT_EQ(error_of(replaced(kMinimal, "[api]\n", "[api]\ntls_port = 1\n")).id, "config.missing");
  EXPECT_EQ(error_of(replaced(kMinimal, "[api]\n", "[api]\ntcp_port = 65536\n")).id, "config.range");
}

TEST(Config, ATaxpayerCannotBeNamedTwice) {
  const auto block =
      kMinimal.substr(kMinimal.find("[[taxpayer]]"), kMinimal.find("[keys]") - kMinimal.find("[[taxpayer]]"));
  const auto e = error_of(kMinimal + block);
  EXPECT_EQ(e.id, "config.duplicate");
  EXPECT_EQ(e.wanted, "91310115TGDM00011U");
  EXPECT_NE(e.field.find(":15: taxpayer.id"), std::string::npos) << e.field;
}

TEST(Config, ASyntaxErrorNamesItsLine) {
  const auto e = error_of(replaced(kMinimal, "name = \"甲\"", "name = "));
  EXPECT_EQ(e.id, "config.syntax");
  EXPECT_EQ(e.field, "/etc/taxgate/taxgated.toml:10");
}

TEST(Config, AnApprovalBoundIsATextSoThatNoFloatingPointTouchesMoney) {
  EXPECT_EQ(error_of(kMinimal + "[approval]\namount = 50000.0\n").id, "config.type");
  EXPECT_EQ(error_of(kMinimal + "[approval]\nshare = \"1.1\"\n").id, "config.range");
  EXPECT_EQ(error_of(kMinimal + "[approval]\namount = \"-1.00\"\n").id, "config.range");
}

TEST(Config, LaboratoryModeComesFromTheFlagOnlyAndOnlyOnTheSimulatorsChannel) {
  EXPECT_EQ(error_of(replaced(kMinimal, "[taxgated]\n", "[taxgated]\nlab = true\n")).id, "config.lab_key");
  auto sandbox = *parse_config(kMinimal, "x.toml");
  const auto refused = apply_lab(sandbox, "/run/clock");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "config.lab_channel");
  EXPECT_FALSE(sandbox.lab);
  auto simulator = *parse_config(replaced(kMinimal, "sandbox", "simulator"), "x.toml");
  ASSERT_TRUE(apply_lab(simulator, "/run/clock"));
  EXPECT_TRUE(simulator.lab);
}

TEST(Config, EveryErrorHasASentenceAndARemedyInBothLanguages) {
  for (const char* id : {"config.syntax", "config.unknown_key", "config.type", "config.range", "config.missing",
                         "config.duplicate", "config.lab_key", "config.lab_channel"}) {
    const auto* m = find_message(id);
    ASSERT_NE(m, nullptr) << id;
    EXPECT_FALSE(m->text.empty() || m->text_zh.empty() || m->remedy.empty() || m->remedy_zh.empty()) << id;
  }
}

class ReloadTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "/reload_" + std::to_string(::getpid());
    std::filesystem::create_directories(dir_);
    write(kMinimal);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& text) { std::ofstream(file()) << text; }
  std::string file() const { return dir_ + "/taxgated.toml"; }
  std::string dir_;
};

TEST_F(ReloadTest, AnInvalidFileChangesNothing) {
  LiveConfig live(*load_config(file()));
  const auto before = live.get();
  write(kMinimal + "[queue]\nretry_budget = 0\n");
  const auto reloaded = live.read_again();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().id, "config.range");
  EXPECT_EQ(live.get(), before);
}

TEST_F(ReloadTest, LimitsAndWebhooksChangeAtOnceAndListenersWaitForARestart) {
  LiveConfig live(*load_config(file()));
  const auto before = live.get();
  write(replaced(kMinimal, "socket = \"api.sock\"", "socket = \"other.sock\"\nmax_body_bytes = 2048\nmax_pending = 5") +
        "[queue]\nretry_budget = 7\n[[webhook]]\nname = \"a\"\nurl = \"https://a.invalid\"\nsecret_file = \"s\"\n");
  const auto reloaded = live.read_again();
  ASSERT_TRUE(reloaded);
  EXPECT_EQ(reloaded->needs_restart, (std::vector<std::string>{"api.socket", "api.max_pending"}));
  EXPECT_EQ(live.get(), before) << "nothing changes before all that the file names has been read";
  live.put_in_force(*reloaded);
  EXPECT_EQ(live.get()->queue.retry_budget, 7);
  EXPECT_EQ(live.get()->webhooks.size(), 1U);
  EXPECT_EQ(live.get()->api.max_body_bytes, 2048U);
  EXPECT_EQ(live.get()->api.socket, before->api.socket);
  EXPECT_EQ(live.get()->api.max_pending, before->api.max_pending);
  EXPECT_EQ(before->queue.retry_budget, 20) << "a reader keeps the value it got";
}

TEST_F(ReloadTest, LaboratoryModeSurvivesAReload) {
  write(replaced(kMinimal, "sandbox", "simulator"));
  auto config = *load_config(file());
  ASSERT_TRUE(apply_lab(config, "/run/clock"));
  LiveConfig live(config);
  const auto fresh = live.read_again();
  ASSERT_TRUE(fresh);
  live.put_in_force(*fresh);
  EXPECT_TRUE(live.get()->lab);
  EXPECT_EQ(live.get()->lab_clock_file, "/run/clock");
}

}  // namespace
}  // namespace taxgate
