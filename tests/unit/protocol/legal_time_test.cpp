#include "protocol/legal_time.h"

#include <gtest/gtest.h>

#include "protocol/http_date.h"
#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

LegalTime at(std::string_view text) {
  const auto parsed = LegalTime::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(LegalTime{});
}

TEST(LegalTimeText, IsReadInChinaStandardTime) {
  EXPECT_EQ(at("1970-01-02 08:00:00").ms, 24 * 3600 * 1000);
  EXPECT_EQ(at("2026-11-22 10:19:52").ms, 1795313992000);
  EXPECT_EQ(at("2026-11-22").platform_text(), "2026-11-22 00:00:00");
  EXPECT_EQ(at("2026-11-22T02:19:52.123Z").rfc3339(), "2026-11-22T10:19:52.123+08:00");
  EXPECT_EQ(at("2026-11-22T10:19:52+08:00"), at("2026-11-22 10:19:52"));
  EXPECT_EQ(at("2026-11-21T21:19:52-05:00"), at("2026-11-22 10:19:52"));
  EXPECT_EQ(at("2026-11-22T10:19:52.1239999+08:00").ms % 1000, 123);
  EXPECT_EQ(at("2026-11-22 10:19:52").compact(), "261122101952");
}

TEST(LegalTimeText, OfAHeaderIsReadAndWrittenInGreenwichTime) {
  EXPECT_EQ(read_http_date("Sun, 22 Nov 2026 02:19:52 GMT"), at("2026-11-22 10:19:52"));
  EXPECT_EQ(http_date(at("2026-11-22 10:19:52")), "Sun, 22 Nov 2026 02:19:52 GMT");
  for (const char* text : {"", "Sun, 22 Nov 2026 02:19:52", "Sun, 22 Nov 2026 02:19:52 GMT x", "1795313992"})
    EXPECT_FALSE(read_http_date(text).is_set()) << text;
}

TEST(LegalTimeText, RefusesWhatIsNoMoment) {
  for (const char* text : {"",
                           "2026",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-00-10",
                           "2026-01-32",
                           "2026-11-22 24:00:00",
                           "2026-11-22 10:60:00",
                           "2026-11-22 10:00:60",
                           "2026-11-22 10:00",
                           "2026-11-22T10:00:00",
                           "2026-11-22 10:00:00Z",
                           "2026-11-22 10:00:00 ",
                           "2026-11-22T10:00:00.+08:00",
                           "2026-11-22T10:00:00.1234567890Z",
                           "2026-11-22T10:00:00+0800",
                           "2026/11/22",
                           "26-11-22",
                           "1969-12-31",
                           "2026-11-22T10:00:00+24:00",
                           "２０２６-11-22",
                           "2026-1-2"}) {
    const auto parsed = LegalTime::parse(text, "when");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().id, "time.format");
    EXPECT_EQ(parsed.error().field, "when");
  }
  EXPECT_TRUE(LegalTime::parse("2028-02-29"));
  EXPECT_FALSE(LegalTime::parse("2100-02-29"));
}

TEST(LegalTimeText, IsEmptyWhenNotSet) {
  EXPECT_EQ(LegalTime{}.platform_text(), "");
  EXPECT_EQ(LegalTime{}.rfc3339(), "");
  EXPECT_EQ(LegalTime{}.compact(), "");
}

TEST(LegalTimeBoundaries, SeventyTwoHoursAreNaturalHours) {
  const LegalTime entered = at("2026-11-29 23:59:59");
  EXPECT_EQ(entered.plus_ms(LegalTime::kConfirmationMs).platform_text(), "2026-12-02 23:59:59");
  EXPECT_EQ(LegalTime::kConfirmationMs, 72LL * 60 * 60 * 1000);
}

TEST(LegalTimeBoundaries, MonthsAndYearsTurnAtMidnightInChina) {
  const LegalTime last = at("2026-12-31T15:59:59.999Z");
  EXPECT_EQ(last.year(), 2026);
  EXPECT_EQ(last.month(), 12);
  EXPECT_EQ(last.day(), 31);
  EXPECT_EQ(last.next_month(), last.plus_ms(1));
  EXPECT_EQ(last.plus_ms(1).year(), 2027);
  EXPECT_EQ(last.plus_ms(1).month(), 1);
  EXPECT_EQ(at("2028-02-29 12:00:00").next_month().platform_text(), "2028-03-01 00:00:00");
  EXPECT_EQ(at("2026-11-01").next_month().platform_text(), "2026-12-01 00:00:00");
}

TEST(LegalTimeBoundaries, AnyNumberOfMillisecondsHasAText) {
  for (const std::int64_t ms :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(LegalTime{ms}.platform_text().size(), 19u);
    EXPECT_GE(LegalTime{ms}.year(), 1970);
    EXPECT_LE(LegalTime{ms}.year(), 9999);
  }
}

TEST(LegalTimeText, ReadsWhatItWrites) {
  auto random = test::seeded();
  for (int i = 0; i < 20'000; ++i) {
    const LegalTime t{static_cast<std::int64_t>(random() % 4'000'000'000'000ULL) + 1};
    ASSERT_EQ(at(t.rfc3339()), t);
    ASSERT_EQ(at(t.platform_text()).ms, (t.ms + LegalTime::kOffsetMs) / 1000 * 1000 - LegalTime::kOffsetMs);
  }
}

}  // namespace
}  // namespace taxgate
