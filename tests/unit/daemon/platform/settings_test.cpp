// The client's own set-up: addresses, keys, channels, budget, compression.
#include "daemon/platform/budget.h"
#include "daemon/platform/gzip.h"
#include "tests/unit/daemon/platform/fixture.h"

namespace taxgate::platform {
namespace {

using platform_test::authority;
using platform_test::Authority;
using platform_test::key_file;
using platform_test::kTaxpayer;

TEST(Address, IsReadInAllItsForms) {
  const auto plain = read_address("https://tax.example");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host + " " + plain->port + " " + plain->prefix, "tax.example 443 ");
  const auto whole = read_address("https://tax.example:8443/gateway/");
  EXPECT_EQ(whole->host + " " + whole->port + " " + whole->prefix, "tax.example 8443 /gateway");
  const auto six = read_address("https://[::1]:9000");
  EXPECT_EQ(six->host + " " + six->port, "::1 9000");
}

TEST(Address, OnlyHttpsWithoutUserOrQueryIsTaken) {
  for (const char* url : {"", "http://tax.example", "tax.example", "https://", "https://:443", "https://a:b",
                          "https://a:", "https://a:123456", "https://a:70000", "https://user@tax.example",
                          "https://tax.example/?x=1", "https://[::1", "https://a b"})
    EXPECT_EQ(read_address(url).error().id, "platform.url") << url;
}

TEST(Channels, TheSimulatorTakesOnlyItsOwnAuthorityAndNobodyElseDoes) {
  const Authority real("Some Real Root CA");
  EXPECT_TRUE(check_channel(Channel::simulator, true, authority().pem_file()));
  EXPECT_TRUE(check_channel(Channel::simulator, false, authority().pem_file()));
  EXPECT_EQ(check_channel(Channel::simulator, true, real.pem_file()).error().id, "platform.channel_ca");
  EXPECT_EQ(check_channel(Channel::simulator, true, "").error().id, "platform.channel_ca");
  for (const Channel channel : {Channel::sandbox, Channel::production}) {
    EXPECT_TRUE(check_channel(channel, false, real.pem_file()));
    EXPECT_TRUE(check_channel(channel, false, ""));
    EXPECT_EQ(check_channel(channel, false, authority().pem_file()).error().id, "platform.channel_ca");
    EXPECT_EQ(check_channel(channel, true, real.pem_file()).error().id, "platform.channel_lab");
  }
}

TEST(Channels, EveryAuthorityOfTheFileIsLookedAt) {
  const Authority real("Some Real Root CA");
  const std::string both = real.directory() + "/both.pem";
  std::ofstream out(both);
  out << std::ifstream(authority().pem_file()).rdbuf() << std::ifstream(real.pem_file()).rdbuf();
  out.close();
  EXPECT_EQ(check_channel(Channel::simulator, true, both).error().id, "platform.channel_ca");
  EXPECT_EQ(check_channel(Channel::production, false, both).error().id, "platform.channel_ca");
}

TEST(Channels, AFileWithoutACertificateIsRefused) {
  EXPECT_EQ(check_channel(Channel::production, false, key_file("no certificate")).error().id, "platform.ca_file");
  EXPECT_EQ(check_channel(Channel::production, false, "/nowhere/ca.pem").error().id, "platform.ca_file");
}

class NoTransport final : public PlatformTransport {
 public:
  void post(HttpCall, std::move_only_function<void(Result<HttpAnswer>)> reply) override {
    reply(fail(Errc::retry_later, "platform.unreachable"));
  }
  std::int64_t calls_left_today() override { return 1; }
};

std::string trouble_with_key(const std::string& content, mode_t mode = 0600) {
  PlatformSettings settings;
  settings.taxpayers = {{kTaxpayer, key_file(content, mode)}};
  const ManualClock clock;
  const auto made = make_platform(std::make_unique<NoTransport>(), settings, clock);
  return made ? "" : made.error().id;
}

TEST(Sm4Keys, AreSixteenBytesOrTheirDigits) {
  EXPECT_EQ(trouble_with_key("0123456789abcdef"), "");
  EXPECT_EQ(trouble_with_key("0123456789abcdef\n"), "");
  EXPECT_EQ(trouble_with_key("00112233445566778899aABbccDDeeff\n"), "");
  EXPECT_EQ(trouble_with_key("00112233445566778899aabbccddeefg"), "platform.sm4_key");
  EXPECT_EQ(trouble_with_key("0123456789abcde"), "platform.sm4_key");
  EXPECT_EQ(trouble_with_key("0123456789abcdef0"), "platform.sm4_key");
}

TEST(Sm4Keys, ThatOthersCanReadAreRefused) { EXPECT_EQ(trouble_with_key("0123456789abcdef", 0644), "secret.mode"); }

TEST(Sm4Keys, ATaxpayerWithoutOneIsOurOwnMistakeAndNotSent) {
  PlatformSettings settings;
  const ManualClock clock;
  auto made = make_platform(std::make_unique<NoTransport>(), settings, clock);
  ASSERT_TRUE(made);
  std::optional<Error> error;
  (*made)->apply({kTaxpayer, "{}", nullptr}, [&](auto r) { error = r.error(); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::invalid_input);
  EXPECT_EQ(error->id, "platform.unknown_taxpayer");
}

TEST(CallBudget, HoldsInEveryWindowOfASecondNotOnlyFromTickToTick) {
  Budget budget(3, 1000);
  EXPECT_TRUE(budget.take(900).granted);
  EXPECT_TRUE(budget.take(950).granted);
  EXPECT_TRUE(budget.take(999).granted);
  const auto refused = budget.take(1001);
  EXPECT_FALSE(refused.granted);
  EXPECT_FALSE(refused.day_spent);
  EXPECT_EQ(refused.wait_ms, 899);
  EXPECT_FALSE(budget.take(1899).granted);
  EXPECT_TRUE(budget.take(1900).granted);
  EXPECT_FALSE(budget.take(1901).granted);
}

TEST(CallBudget, HoldsInEveryDayNotOnlyFromMidnightToMidnight) {
  constexpr std::int64_t kHour = 3'600'000;
  Budget budget(1000, 5);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(budget.take(23 * kHour + i).granted);
  EXPECT_EQ(budget.left_today(23 * kHour + 10), 0);
  const auto refused = budget.take(25 * kHour);
  EXPECT_TRUE(refused.day_spent);
  EXPECT_TRUE(budget.take(46 * kHour).day_spent);
  EXPECT_TRUE(budget.take(47 * kHour + 600'000).granted);
  EXPECT_EQ(budget.left_today(47 * kHour + 600'000), 4);
}

TEST(CallBudget, ALongSilenceForgetsEverything) {
  Budget budget(10, 2);
  EXPECT_TRUE(budget.take(0).granted);
  EXPECT_TRUE(budget.take(1).granted);
  EXPECT_FALSE(budget.take(2).granted);
  EXPECT_TRUE(budget.take(1'000'000'000'000).granted);
}

TEST(CallBudget, HoldsTheMinuteAndTheHourToo) {
  Budget budget(Budget::Bounds{.per_second = 10, .per_day = 1000, .per_minute = 3, .per_hour = 4});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(1000).granted);
  const auto minute = budget.take(2000);
  EXPECT_FALSE(minute.granted);
  EXPECT_GT(minute.wait_ms, 0);
  EXPECT_FALSE(budget.take(60'999).granted) << "a minute from the last call";
  EXPECT_TRUE(budget.take(62'000).granted);
  const auto hour = budget.take(3'000'000);
  EXPECT_FALSE(hour.granted);
  EXPECT_FALSE(hour.day_spent);
  EXPECT_TRUE(budget.take(3'720'000).granted);
}

TEST(CallBudget, WhatCanWaitLeavesTheReserveToDayWork) {
  Budget budget(Budget::Bounds{.per_second = 100, .per_day = 4, .reserve_percent = 50});
  EXPECT_TRUE(budget.take(0, true).granted);
  EXPECT_TRUE(budget.take(0, true).granted);
  EXPECT_TRUE(budget.take(0, true).day_spent);
  EXPECT_TRUE(budget.take(0).granted) << "the reserve is day work's";
  EXPECT_TRUE(budget.take(0).granted);
  EXPECT_TRUE(budget.take(0).day_spent);
}

TEST(Gunzip, IsTotalOnHostileBytes) {
  EXPECT_FALSE(gunzip("", 100));
  EXPECT_FALSE(gunzip("\x1f\x8b", 100));
  std::string bytes = "\x1f\x8b\x08";
  for (int i = 0; i < 300; ++i) {
    bytes += static_cast<char>(i * 37);
    EXPECT_FALSE(gunzip(bytes, 1000));
  }
}

}  // namespace
}  // namespace taxgate::platform
