#include "protocol/journal_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace taxgate {
namespace {

std::string chinese(std::string_view detail) { return journal_text(detail, Language::chinese); }

TEST(JournalText, SaysEveryDetailOfTheCatalogueInChineseWithItsValues) {
  int rows = 0;
  for (const Message& row : message_catalogue()) {
    if (!row.id.starts_with("journal.")) continue;
    ++rows;
    for (const bool led_to_a_state : {false, true}) {
      const Error error{Errc::invalid_input, std::string(row.id), "F-1", "W-2", "L-3", {}};
      const std::string stored = (led_to_a_state ? "prepared: " : "") + said(error).english();
      EXPECT_EQ(chinese(stored), (led_to_a_state ? "已备妥:" : "") + message_text(error, Language::chinese)) << row.id;
      EXPECT_EQ(journal_text(stored, Language::english), stored);
    }
  }
  EXPECT_GE(rows, 40);
}

TEST(JournalText, SaysSeveralAndWhatAPersonAddedAndTimesInChinese) {
  Said several = said("journal.approval", "P5.amount, P5.share");
  several += said("journal.noted", "R1.confirmation");
  several += verbatim("contract; page 2");
  EXPECT_EQ(several.english(), "approval: P5.amount, P5.share; noted: R1.confirmation; contract; page 2");
  EXPECT_EQ(chinese(several.english()), "需审批:P5.amount, P5.share;提示:R1.confirmation;contract; page 2");
  EXPECT_EQ(chinese("007: 19 numbers are left; issuing stops in 3 h 10 min at today's rate."),
            message_text({Errc::limit_reached, "disk.end_numbers", "007", "11400", "19", {}}, Language::chinese));
  EXPECT_EQ(chinese("attention: store.no_evidence: signed bytes are missing"),
            "待人工处理:store.no_evidence:签名数据缺失");
  EXPECT_EQ(chinese("information table request 661"), "信息表申请 661") << "not the table called \"request\"";
}

TEST(JournalText, LeavesAloneWhatSomebodyElseSaid) {
  for (const char* words :
       {"", "按合同补充协议", "the customer keeps the goods", "a; b", "why: because", "01 busy", "{wanted}"})
    EXPECT_EQ(chinese(words), words);
  Said nothing;
  nothing += verbatim("");
  EXPECT_EQ(nothing.english(), "");
}

TEST(JournalText, AnUnknownCodeStaysAsItIs) {
  EXPECT_EQ(word_of("event", "of_tomorrow", Language::chinese), "of_tomorrow");
  EXPECT_FALSE(JournalEvent::named("of_tomorrow"));
  ASSERT_TRUE(JournalEvent::named("resolve"));
  EXPECT_EQ(JournalEvent::named("resolve")->word(), "resolve");
}

}  // namespace
}  // namespace taxgate
