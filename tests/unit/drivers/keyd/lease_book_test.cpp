// Leases in their file.
#include "drivers/keyd/lease_book.h"

#include <gtest/gtest.h>

#include "tests/unit/drivers/keyd/temp_directory.h"

namespace taxgate::keyd {
namespace {

constexpr std::int64_t kLentNow = 1'795'000'000'000, kLentBoot = kLentNow - 86'400'000;

std::vector<Lease> two_leases() {
  return {{.serial = "A%1",
           .certificate = {0x30, 0x00, 0xFF},
           .reader = "Reader 00 00",
           .holder = "local:root",
           .reason = "月报\tand\nmore",
           .until_ms = kLentNow + 60'000},
          {.serial = "B", .certificate = {}, .reader = "USB 1-1.4", .holder = "h", .reason = "", .until_ms = kLentNow}};
}

TEST(LeaseBook, GivesBackWhatHasNotEnded) {
  TempDirectory temp;
  const std::string file = temp.file("leases");
  EXPECT_TRUE(read_leases(file, kLentNow, kLentBoot)->empty()) << "no file";
  ASSERT_TRUE(write_leases(file, two_leases(), kLentBoot));
  const auto all = read_leases(file, kLentNow - 1, kLentBoot);
  ASSERT_TRUE(all) << all.error().detail;
  EXPECT_EQ(*all, two_leases());
  const auto later = read_leases(file, kLentNow, kLentBoot);
  ASSERT_TRUE(later);
  ASSERT_EQ(later->size(), 1U);
  EXPECT_EQ(later->front(), two_leases().front());
  ASSERT_TRUE(write_leases(file, {}, kLentBoot));
  EXPECT_TRUE(read_leases(file, 0, kLentBoot)->empty());
}

TEST(LeaseBook, DoesNotTrustAReadersNameAfterAnotherStartOfTheMachine) {
  TempDirectory temp;
  const std::string file = temp.file("leases");
  ASSERT_TRUE(write_leases(file, two_leases(), kLentBoot));
  EXPECT_EQ(read_leases(file, 0, kLentBoot + 3000)->front().reader, "Reader 00 00") << "a clock that was corrected";
  for (const std::int64_t other : {kLentBoot + 60'000, kLentBoot - 60'000}) {
    const auto leases = read_leases(file, 0, other);
    ASSERT_EQ(leases->size(), 2U);
    for (const auto& lease : *leases) EXPECT_EQ(lease.reader, "");
    EXPECT_EQ(leases->front().serial, "A%1");
  }
  EXPECT_LT(std::abs(booted_ms() - booted_ms()), 1000);
}

TEST(LeaseBook, RefusesWhatItDidNotWrite) {
  TempDirectory temp;
  const std::string file = temp.file("leases");
  ASSERT_TRUE(write_leases(file, two_leases(), kLentBoot));
  const std::string whole = temp.read("leases");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    temp.write("leases", whole.substr(0, cut));
    const auto read = read_leases(file, 0, kLentBoot);
    if (!read) {
      EXPECT_EQ(read.error().id, "key.lease_file");
      EXPECT_EQ(read.error().wanted, file);
    } else {
      EXPECT_TRUE(cut > 0 && whole[cut - 1] == '\n') << cut;
    }
  }
  for (const std::string& line :
       {"x\tS\tR\th\tr\t00\n", "1\tS\tR\th\tr\t0\n", "1\tS\tR\th\t%4\t00\n", "1\tS\tR\th\t%zz\t00\n", "1\tS\n", "\n"}) {
    temp.write("leases", "taxgate-leases 1 5\n" + line);
    EXPECT_FALSE(read_leases(file, 0, 5)) << line;
  }
  EXPECT_EQ(write_leases(temp.file("none/leases"), {}, 0).error().code, Errc::retry_later);
}

}  // namespace
}  // namespace taxgate::keyd
