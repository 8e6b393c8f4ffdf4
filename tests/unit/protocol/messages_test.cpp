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
        EXPECT_TRUE(rest.starts_with("{field}") || rest.starts_with("{wanted}") || rest.starts_with("{left}"))
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

TEST(MessageText, FallsBackToTheIdAndItsDetail) {
  EXPECT_EQ(message_text({Errc::corrupt, "x.unknown", {}, {}, {}, "what happened"}, Language::chinese),
            "x.unknown: what happened");
  EXPECT_EQ(message_text({Errc::corrupt, "x.unknown", {}, {}, {}, {}}, Language::english), "x.unknown");
  EXPECT_EQ(remedy_text({Errc::corrupt, "x.unknown", {}, {}, {}, {}}, Language::english), "");
}

}  // namespace
}  // namespace taxgate
