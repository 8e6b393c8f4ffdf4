// The registry: complete, sourced, held by tests that exist, and equal to its page.
#include "daemon/rules/registry.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "protocol/messages.h"
#include "tests/unit/daemon/rules/rules_page.h"

namespace taxgate::rules {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::set<std::string>& tests_of_the_rules() {
  static const std::set<std::string> all = [] {
    static const std::regex test(R"(TEST(_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\))");
    std::set<std::string> out;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(TAXGATE_SOURCE_DIR) + "/tests/unit/daemon/rules")) {
      const std::string text = read(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), test), end; it != end; ++it)
        out.insert((*it)[2].str() + "." + (*it)[3].str());
    }
    return out;
  }();
  return all;
}

TEST(RulesPage, EqualsTheTableInTheCode) {
  if (const char* file = std::getenv("TAXGATE_WRITE_PAGE")) std::ofstream(file, std::ios::binary) << rules_page();
  EXPECT_EQ(read(std::string(TAXGATE_SOURCE_DIR) + "/docs/rules.md"), rules_page())
      << "write it anew: TAXGATE_WRITE_PAGE=docs/rules.md build/bin/unit_rules --gtest_filter='RulesPage.*'";
}

TEST(Registry, HasEveryRuleOnce) {
  std::set<std::string> ids;
  for (const Rule& rule : registry()) EXPECT_TRUE(ids.insert(std::string(rule.id)).second) << rule.id;
  const auto all = [&](const char* letter, int last) {
    for (int i = 1; i <= last; ++i) EXPECT_TRUE(ids.contains(letter + std::to_string(i))) << letter << i;
  };
  all("R", 34);
  all("C", 15);
  all("K", 5);
  all("X", 22);
  for (const char* id : {"P5", "P6", "P9", "P16", "B6", "B7"}) EXPECT_TRUE(ids.contains(id)) << id;
}

TEST(Registry, EveryRuleHasBothLanguagesASourceAndATestThatStands) {
  for (const Rule& rule : registry()) {
    EXPECT_FALSE(rule.title.empty() || rule.title_zh.empty() || rule.source.empty()) << rule.id;
    if (rule.status == Status::elsewhere) continue;
    EXPECT_TRUE(tests_of_the_rules().contains(std::string(rule.test))) << rule.id << " names " << rule.test;
  }
}

TEST(Registry, RejectedReadingsAreMarked) {
  for (const char* id : {"R16", "R17", "R18", "R26", "R28", "C14", "X1", "X3", "X4", "X6", "X8", "X19", "X22"})
    EXPECT_EQ(find_rule(id)->status, Status::rejected) << id;
  for (const char* id : {"R31", "X12"}) EXPECT_EQ(find_rule(id)->status, Status::superseded) << id;
  EXPECT_EQ(find_rule("R99"), nullptr);
}

TEST(Registry, EveryFindingOfTheLawNamesARegisteredRule) {
  int seen = 0;
  for (const Message& m : message_catalogue()) {
    const std::string id(m.id.substr(0, m.id.find('.')));
    static const std::regex rule("[RCKPBX][0-9]+");
    if (!std::regex_match(id, rule)) continue;
    ++seen;
    EXPECT_NE(find_rule(id), nullptr) << m.id;
  }
  EXPECT_GT(seen, 60);
}

TEST(Registry, ARuleIsInForceFromItsFirstDay) {
  const auto on = [](const char* day) { return *LegalTime::parse(day); };
  const Rule& start = *find_rule("R1");
  EXPECT_FALSE(in_force(start, on("2024-11-30 23:59:59")));
  EXPECT_TRUE(in_force(start, on("2024-12-01")));
  EXPECT_TRUE(in_force(start, LegalTime{}));
  EXPECT_TRUE(in_force(*find_rule("R2"), on("2015-01-01"))) << "an open beginning";
  EXPECT_FALSE(in_force(*find_rule("R16"), on("2026-01-01"))) << "rejected";
  Rule ended = start;
  ended.to = "2025-12-31";
  EXPECT_TRUE(in_force(ended, on("2025-12-31 23:59:59")));
  EXPECT_FALSE(in_force(ended, on(kVatLawFrom.data())));
  EXPECT_FALSE(in_force(ended, LegalTime{}));
}

TEST(Registry, NamesItsGroundsAndStatuses) {
  EXPECT_EQ(name(Ground::confirmed), "confirmed");
  EXPECT_EQ(name(Ground::unknown), "unknown");
  EXPECT_EQ(name(Status::elsewhere), "elsewhere");
  EXPECT_EQ(name(Status::active), "active");
}

}  // namespace
}  // namespace taxgate::rules
