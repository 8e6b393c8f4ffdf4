// Every error id that the code can give has a sentence and a remedy for a person, in both languages.
#include "protocol/messages.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

/// Ids given next to an error code: fail(Errc::x, "id"), Error{Errc::x, c ? "id" : "other"}, and the rules' own
/// "R2.tax_cap".
std::set<std::string> ids_in(const std::string& text) {
  static const Pattern after_code(R"re(Errc::\w+\s*,\s*(([^;,"]*"[A-Za-z0-9_.]*")+))re");
  static const Pattern sentence(R"re(\bsaid\(\s*(([^;,"]*"[A-Za-z0-9_.]*")+))re");  // of the journal
  static const Pattern literal(R"re("([A-Za-z][A-Za-z0-9_]*(\.[a-z0-9_]+)+)")re");
  static const Pattern rule(R"re("(R[0-9]+\.[a-z0-9_]+)")re");
  std::set<std::string> ids;
  for (const Pattern* form : {&after_code, &sentence})
    for (const auto& given : form->all(text))
      for (const auto& id : literal.all(given[1])) ids.emplace(id[1]);
  for (const auto& id : rule.all(text)) ids.emplace(id[1]);
  return ids;
}

TEST(MessageCatalogue, HasARowForEveryErrorIdInTheCode) {
  int seen = 0;
  for (const auto& file : sources()) {
    if (file.is_test() || file.path.starts_with("protocol/messages")) continue;
    for (const auto& id : ids_in(without_comments(file.text))) {
      ++seen;
      EXPECT_NE(find_message(id), nullptr) << file.path << " gives \"" << id << "\", which has no row";
    }
  }
  EXPECT_GE(seen, 20) << "the search for ids found next to nothing";
}

TEST(MessageCatalogue, HasBothLanguagesInEveryRowAndNoIdTwice) {
  std::set<std::string_view> ids;
  for (const auto& row : message_catalogue()) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id << " stands twice";
    EXPECT_FALSE(row.text.empty()) << row.id;
    EXPECT_FALSE(row.text_zh.empty()) << row.id;
    EXPECT_EQ(row.remedy.empty(), row.remedy_zh.empty()) << row.id << ": a remedy in one language only";
  }
}

TEST(MessageCatalogue, KeepsToTheWordsOfTheField) {
  // Terms that mean something else in this trade (docs/terms.md).
  for (const auto& row : message_catalogue())
    for (const std::string_view never : {"负数发票", "默认同意", "服务终止", "红字冻结", "授信额度"})
      for (const auto text : {row.text_zh, row.remedy_zh})
        EXPECT_EQ(text.find(never), std::string_view::npos) << row.id << " says " << never;
}

TEST(MessageCatalogue, TheSearchSeesIdsInEveryFormTheyAreGiven) {
  EXPECT_EQ(ids_in("fail(Errc::corrupt, \"a.b\", \"x\");"), (std::set<std::string>{"a.b"}));
  EXPECT_EQ(ids_in("Error{Errc::rejected,\n  \"a.c_d\", \"f.g\"}"), (std::set<std::string>{"a.c_d"}));
  EXPECT_EQ(ids_in("fail(Errc::corrupt, bad ? \"a.b\" : \"a.e\", f)"), (std::set<std::string>{"a.b", "a.e"}));
  EXPECT_EQ(ids_in("add(found, \"R2.tax_cap\")"), (std::set<std::string>{"R2.tax_cap"}));
  EXPECT_EQ(ids_in("said(a ? \"j.a\" : \"j.b\", n)"), (std::set<std::string>{"j.a", "j.b"}));
  EXPECT_TRUE(ids_in("open(\"api.proto\")").empty());
}

}  // namespace
}  // namespace taxgate::tree
