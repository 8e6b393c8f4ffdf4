// What the virtual tax disk holds, and what it refuses.
#include "simulator/device/tax_disk.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>

#include "protocol/legal_time.h"

namespace taxgate::simulator {
namespace {

constexpr std::int64_t kHour = LegalTime::kHourMs;

class TaxDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(::mkdtemp(directory_.data()));
    now = LegalTime::parse("2026-11-10 09:00:00")->ms;
    DiskContent content;
    content.identity = {.device_number = "499000123456",
                        .taxpayer = "91310115TGDM00011U",
                        .name = "模拟制冷设备有限公司",
                        .bureau_code = "13100",
                        .bureau_name = "模拟税务局",
                        .firmware = "SIM 1",
                        .terminal = "0",
                        .company_type = "01",
                        .activated_ms = now - 1000 * kHour};
    DiskType type;
    type.code = "004";
    type.deadline_ms = LegalTime::parse("2026-11-16 00:00:00")->ms;
    type.window_start_ms = LegalTime::parse("2026-11-01 00:00:00")->ms;
    type.window_end_ms = LegalTime::parse("2026-11-15 00:00:00")->ms;
    type.offline_limits = {.hours = 24, .count = 3, .positive = 50'000, .negative = 10'000};
    type.invoice_limit = 40'000;
    type.positive_limit = 100'000;
    content.types = {type};
    content_ = content;
    open();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void open() {
    auto opened = TaxDisk::open(directory_ + "/disk", content_);
    ASSERT_TRUE(opened) << opened.error().id;
    disk_.emplace(std::move(*opened));
  }
  void stock() { ASSERT_TRUE(disk_->buy({.type = "004", .code = "3100233130", .first = 100, .last = 199}, now)); }
  std::string issue(std::uint64_t amount, bool negative = false) {
    const auto issued = disk_->issue("004", amount, negative, now);
    return issued ? fmt::format("{}-{}", issued->code, issued->number) : issued.error().text();
  }

  std::int64_t now = 0;
  std::optional<TaxDisk> disk_;
  DiskContent content_;

 private:
  std::string directory_ = "/tmp/taxgate-disk-XXXXXX";
};

TEST_F(TaxDiskTest, GivesNumbersInOrderAndCountsThemByMonth) {
  stock();
  EXPECT_EQ(issue(10'000), "3100233130-100");
  EXPECT_EQ(issue(2'000, true), "3100233130-101");
  EXPECT_EQ(disk_->void_next("004", now)->number, 102U);
  EXPECT_EQ(disk_->numbers_left("004"), 97U);
  const auto month = disk_->month("004", 202611);
  ASSERT_TRUE(month);
  EXPECT_EQ(*month, (DiskMonth{.bought = 100,
                               .positive = 1,
                               .voided = 1,
                               .negative = 1,
                               .positive_amount = 10'000,
                               .negative_amount = 2'000}));
  EXPECT_EQ(month->closing(), 97U);
}

TEST_F(TaxDiskTest, TheNextMonthBeginsWithWhatThisOneEndedWith) {
  stock();
  issue(10'000);
  ASSERT_TRUE(disk_->report("004", now));
  now = LegalTime::parse("2026-12-01 00:00:00")->ms;
  ASSERT_TRUE(disk_->clear("004", TaxDisk::clearance("499000123456", "004", now + 400 * kHour), now));
  ASSERT_TRUE(disk_->uploaded("004", 0));
  issue(1'000);
  EXPECT_EQ(disk_->month("004", 202612)->opening, 99U);
  EXPECT_EQ(disk_->month("004", 202612)->closing(), 98U);
  EXPECT_EQ(disk_->month("004", 202611)->closing(), 99U);
}

TEST_F(TaxDiskTest, RefusesWithTheCodesRealDisksAreKnownFor) {
  EXPECT_EQ(issue(1), "09D1F1") << "no volume";
  stock();
  EXPECT_EQ(disk_->issue("025", 1, false, now).error().text(), "09D110");
  EXPECT_EQ(issue(40'001), "09D1F0") << "above the limit of one invoice";
  EXPECT_EQ(issue(40'000), "3100233130-100");
  EXPECT_EQ(issue(10'001), "09D121") << "above the offline amount";
  EXPECT_EQ(issue(10'001, true), "09D121") << "negative ones have an amount of their own";
  EXPECT_EQ(issue(1'000, true), "3100233130-101");
  EXPECT_EQ(issue(1), "3100233130-102");
  EXPECT_EQ(issue(1), "09D120") << "above the offline count";
  ASSERT_TRUE(disk_->uploaded("004", now + 30 * kHour));
  EXPECT_EQ(issue(1), "3100233130-103");
  now += 24 * kHour;
  EXPECT_EQ(issue(1), "09D11F") << "offline for too long";
  now += 6 * kHour;
  EXPECT_EQ(issue(1), "09D122") << "the upload is overdue";
  ASSERT_TRUE(disk_->uploaded("004", 0));
  EXPECT_EQ(issue(40'000), "3100233130-104");
  ASSERT_TRUE(disk_->uploaded("004", 0));
  EXPECT_EQ(issue(20'000), "09D1F0") << "above the sum since the last clearing";
  now -= 1;
  EXPECT_EQ(issue(1), "09E105") << "the clock went back";
}

TEST_F(TaxDiskTest, PastTheDeadlineOnlyReportAndClearOpenItAgain) {
  stock();
  now = LegalTime::parse("2026-11-16 00:00:00")->ms;
  EXPECT_EQ(issue(1), "09D109");
  EXPECT_EQ(disk_->clear("004", TaxDisk::clearance("499000123456", "004", now + kHour), now).error().text(), "09D1F2");
  const auto report = disk_->report("004", now);
  ASSERT_TRUE(report);
  EXPECT_NE(as_text(*report).find("499000123456"), std::string_view::npos);
  EXPECT_EQ(disk_->report("004", now).error().text(), "09D11C");
  EXPECT_EQ(issue(1), "09D109") << "reported is not cleared";
  EXPECT_EQ(disk_->clear("004", TaxDisk::clearance("499000999999", "004", now + kHour), now).error().text(), "09D108");
  EXPECT_EQ(disk_->clear("004", as_bytes("noise"), now).error().text(), "09D108");
  ASSERT_TRUE(disk_->clear("004", TaxDisk::clearance("499000123456", "004", now + kHour), now));
  EXPECT_EQ(issue(1), "3100233130-100");
  EXPECT_EQ(disk_->type("004")->deadline_ms, now + kHour);
}

TEST_F(TaxDiskTest, RefusesAVolumeThatOverlapsAndTakesTheRestBack) {
  stock();
  const auto again = disk_->buy({.type = "004", .code = "3100233130", .first = 199, .last = 250}, now);
  EXPECT_EQ(again.error().text(), "09D108");
  EXPECT_EQ(disk_->buy({.type = "004", .code = "1", .first = 5, .last = 4}, now).error().text(), "09D108");
  issue(1);
  ASSERT_TRUE(disk_->give_back("3100233130", now));
  EXPECT_EQ(disk_->numbers_left("004"), 0U);
  EXPECT_EQ(disk_->month("004", 202611)->returned, 99U);
  EXPECT_EQ(disk_->month("004", 202611)->closing(), 0U);
  EXPECT_EQ(disk_->give_back("3100233130", now).error().text(), "09D108");
}

TEST_F(TaxDiskTest, RemembersEverythingWithoutPower) {
  stock();
  issue(10'000);
  ASSERT_TRUE(disk_->report("004", now));
  const DiskContent before = disk_->content();
  open();
  const DiskContent& after = disk_->content();
  EXPECT_EQ(after.identity.name, before.identity.name);
  EXPECT_EQ(after.clock_ms, before.clock_ms);
  EXPECT_EQ(after.months, before.months);
  ASSERT_EQ(after.types.size(), 1U);
  EXPECT_TRUE(after.types[0].reported);
  EXPECT_EQ(after.types[0].offline_limits.hours, 24U);
  EXPECT_EQ(after.types[0].offline_since_ms, now);
  EXPECT_EQ(issue(1), "3100233130-101");
  content_.identity.device_number = "499000999999";
  const auto other = TaxDisk::open(std::filesystem::temp_directory_path() / "nothing" / "there", content_);
  EXPECT_EQ(other.error().id, "sim.state_io");
}

}  // namespace
}  // namespace taxgate::simulator
