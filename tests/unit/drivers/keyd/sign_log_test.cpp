// The key host's own log: durable order before the signature, chained, honest about damage.
#include "drivers/keyd/sign_log.h"

#include <gtest/gtest.h>

#include "tests/unit/drivers/keyd/temp_directory.h"

namespace taxgate::keyd {
namespace {

SignLogEntry entry(std::string_view request_id = "0190-apply") {
  return {.key_serial = "K1",
          .taxpayer = "T1",
          .purpose = "apply",
          .request_id = request_id,
          .message_sm3 = sm3(as_bytes("m"))};
}

TEST(SigningLog, NumbersOrdersAndChainsEveryLine) {
  TempDirectory temp;
  {
    auto log = SignLog::open(temp.file("log"));
    ASSERT_TRUE(log);
    EXPECT_EQ(*log->begin(entry(), 1'793'000'000'000), 1U);
    ASSERT_TRUE(log->sync());
    ASSERT_TRUE(log->result(1, "signed", 1'793'000'000'001));
    EXPECT_EQ(*log->begin(entry("second"), 1'793'000'000'002), 2U);
  }
  const std::string text = temp.read("log");
  EXPECT_EQ(*SignLog::check(text), 2U);
  for (std::size_t i = 0; i < text.size(); i += 7) {
    std::string altered = text;
    altered[i] = altered[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(SignLog::check(altered)) << "a changed byte at " << i << " is not noticed";
  }
  // A removed line is noticed too.
  EXPECT_FALSE(SignLog::check(text.substr(text.find('\n') + 1)));
}

TEST(SigningLog, IsReadInWholeLinesFromAnyLineOnAndOnlyFromTheBeginningOfOne) {
  TempDirectory temp;
  auto log = SignLog::open(temp.file("log"));
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->read(0)->lines.empty());
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(log->begin(entry(), 1'793'000'000'000 + i));
  const std::string text = temp.read("log");
  ASSERT_GT(text.size(), SignLog::kReadSize);
  std::string read;
  int pieces = 0;
  for (;; ++pieces) {
    const auto piece = log->read(static_cast<std::int64_t>(read.size()));
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->size, static_cast<std::int64_t>(text.size()));
    if (piece->lines.empty()) break;
    EXPECT_LE(piece->lines.size(), SignLog::kReadSize);
    EXPECT_EQ(piece->lines.back(), '\n');
    read += piece->lines;
  }
  EXPECT_GT(pieces, 1);
  EXPECT_EQ(read, text);
  for (const std::int64_t inside : {1, -1}) {
    const auto refused = log->read(inside);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "key.log_offset");
  }
  EXPECT_TRUE(log->read(static_cast<std::int64_t>(text.size()) + 100)->lines.empty())
      << "behind its end there is nothing";
}

TEST(SigningLog, GoesOnWhereItStoppedAfterARestart) {
  TempDirectory temp;
  for (unsigned i = 0; i < 5; ++i) {
    auto log = SignLog::open(temp.file("log"));
    ASSERT_TRUE(log);
    EXPECT_EQ(*log->begin(entry(), 1), 2 * i + 1);
    EXPECT_EQ(*log->begin(entry(), 1), 2 * i + 2);
    ASSERT_TRUE(log->result(2 * i + 1, "signed", 1));  // the last line is the result of an older order
  }
  EXPECT_EQ(*SignLog::check(temp.read("log")), 10U);
}

TEST(SigningLog, CutsOffALineThatPowerLossLeftHalfWritten) {
  TempDirectory temp;
  {
    auto log = SignLog::open(temp.file("log"));
    ASSERT_TRUE(log->begin(entry(), 1));
    ASSERT_TRUE(log->begin(entry(), 1));
  }
  const std::string whole = temp.read("log");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    temp.write("log", whole.substr(0, cut));
    auto log = SignLog::open(temp.file("log"));
    ASSERT_TRUE(log) << cut;
    ASSERT_TRUE(log->begin(entry("after"), 1)) << cut;
    EXPECT_TRUE(SignLog::check(temp.read("log"))) << cut;
  }
}

TEST(SigningLog, RefusesAFileThatIsNotItsOwn) {
  TempDirectory temp;
  temp.write("log", "something else\n");
  EXPECT_EQ(SignLog::open(temp.file("log")).error().id, "key.log_damaged");
  EXPECT_EQ(temp.read("log"), "something else\n");
}

TEST(SigningLog, CannotBeForgedThroughItsFields) {
  TempDirectory temp;
  auto log = SignLog::open(temp.file("log"));
  ASSERT_TRUE(log->begin(entry("x\n2\tfake"), 1));
  const std::string text = temp.read("log");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(*SignLog::check(text), 1U);
}

TEST(SigningLog, SignsNothingOnAFullDisk) {
  // /dev/full answers every write with "no space left on device".
  auto log = SignLog::open("/dev/full");
  ASSERT_TRUE(log);
  const auto refused = log->begin(entry(), 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "key.log_failed");
  EXPECT_EQ(refused.error().code, Errc::retry_later);
}

}  // namespace
}  // namespace taxgate::keyd
