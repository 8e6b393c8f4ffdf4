#include "protocol/messages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "protocol/text.h"

namespace taxgate {
namespace {

TEST(MessageCatalogue, IsSortedAndHasEachIdOnce) {
  const auto rows = message_catalogue();
  ASSERT_GT(rows.size(), 40u);
  for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_LT(rows[i - 1].id, rows[i].id);
  for (const Message& row : rows) EXPECT_EQ(find_message(row.id), &row);
  EXPECT_EQ(find_message("no.such_id"), nullptr);
  EXPECT_EQ(find_message(""), nullptr);
}

TEST(MessageCatalogue, SpeaksBothLanguagesOrNeither) {
  for (const Message& row : message_catalogue()) {
    SCOPED_TRACE(row.id);
    EXPECT_FALSE(row.text.empty());
    EXPECT_FALSE(row.text_zh.empty());
    EXPECT_EQ(row.remedy.empty(), row.remedy_zh.empty());
    for (const std::string_view text : {row.text, row.text_zh, row.remedy, row.remedy_zh}) EXPECT_TRUE(is_utf8(text));
    EXPECT_TRUE(std::ranges::any_of(row.text_zh, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
    EXPECT_TRUE(std::ranges::all_of(
        row.id, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_'; }));
  }
}

TEST(MessageCatalogue, UsesOnlyPlaceholdersThatAreFilled) {
  for (const Message& row : message_catalogue())
    for (const std::string_view text : {row.text, row.text_zh, row.remedy, row.remedy_zh})
      for (auto at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
        const auto rest = text.substr(at);
        EXPECT_TRUE(rest.starts_with("{field}") || rest.starts_with("{wanted}") || rest.starts_with("{left}") ||
                    rest.starts_with("{wanted:time}"))
            << row.id << ": " << text;
      }
}

TEST(MessageText, FillsPlaceholdersOnce) {
  const Error error{Errc::invalid_input, "id.taxpayer_check", "seller", "{left}", "3", {}};
  EXPECT_EQ(message_text(error, Language::english),
            "seller: the check character of the taxpayer id is {left}, it should be 3.");
  EXPECT_NE(message_text(error, Language::chinese).find("seller:统一社会信用代码"), std::string::npos);
  EXPECT_FALSE(remedy_text(error, Language::english).empty());
  EXPECT_NE(remedy_text(error, Language::english), remedy_text(error, Language::chinese));
}

TEST(MessageText, TimesAreInTheReadersLanguageAndRoundedDown) {
  const auto both = [](std::int64_t ms) {
    return duration_text(ms, Language::english) + " = " + duration_text(ms, Language::chinese);
  };
  constexpr std::int64_t kMinute = 60'000, kHour = 60 * kMinute;
  EXPECT_EQ(both(3 * kHour + 10 * kMinute + 59'999), "3 h 10 min = 3 小时 10 分");
  EXPECT_EQ(both(52 * kHour - 1), "2 d 3 h = 2 天 3 小时");
  EXPECT_EQ(both(18 * kMinute + 2'000), "18 min 2 s = 18 分 2 秒");
  EXPECT_EQ(both(24 * kHour + 5 * kMinute), "1 d = 1 天") << "the two largest units, and none that is 0";
  EXPECT_EQ(both(999), "0 s = 0 秒");
  EXPECT_EQ(both(-1), "0 s = 0 秒");
  const Error near{Errc::limit_reached, "disk.end_numbers", "007", "11400", "19", {}};
  EXPECT_EQ(message_text(near, Language::english),
            "007: 19 numbers are left; issuing stops in 3 h 10 min at today's rate.");
  EXPECT_NE(message_text(near, Language::chinese).find("3 小时 10 分"), std::string::npos);
}

TEST(MessageText, FallsBackToTheIdAndItsDetail) {
  EXPECT_EQ(message_text({Errc::corrupt, "x.unknown", {}, {}, {}, "what happened"}, Language::chinese),
            "x.unknown: what happened");
  EXPECT_EQ(message_text({Errc::corrupt, "x.unknown", {}, {}, {}, {}}, Language::english), "x.unknown");
  EXPECT_EQ(remedy_text({Errc::corrupt, "x.unknown", {}, {}, {}, {}}, Language::english), "");
}

}  // namespace
}  // namespace taxgate
