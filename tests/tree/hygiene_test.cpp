// House rules a machine can check: nothing left open, no test that cannot fail, no giant file, no trace of a workplace.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

constexpr std::ptrdiff_t kMaxLines = 600;  // a file beyond this has a room inside that wants its own door

// Put together at run time, so that this file does not find itself.
std::regex joined(std::initializer_list<const char*> parts) {
  std::string text;
  for (const auto* part : parts) text += part;
  return std::regex(text);
}

void expect_none(const std::vector<File>& tree, const std::regex& never, const char* why) {
  for (const auto& file : tree) {
    int number = 0;
    for (const auto& line : split(file.text, '\n')) {
      ++number;
      if (std::regex_search(line, never)) ADD_FAILURE() << file.path << ":" << number << ": " << why;
    }
  }
}

TEST(Hygiene, NothingIsLeftOpenInTheCode) {
  expect_none(sources(), joined({"\\b(TO", "DO|FIX", "ME|XX", "X)\\b|not imple", "mented|unimple", "mented"}),
              "left open");
}

TEST(Hygiene, NoTestIsSkippedSwitchedOffOrUnableToFail) {
  expect_none(sources(), joined({"GTEST_", "SKIP|\\bDIS", "ABLED_|EXPECT_TRUE\\(tr", "ue\\)|\\bSUC", "CEED\\(\\)"}),
              "proves nothing");
}

TEST(Hygiene, NoSanitizerFindingIsSuppressed) {
  expect_none(sources(), joined({"no_sani", "tize|NO_SANI", "TIZE|__lsan_ig", "nore"}), "suppresses a sanitizer");
}

TEST(Hygiene, NoFileIsAGiant) {
  for (const auto& file : sources()) EXPECT_LE(std::ranges::count(file.text, '\n'), kMaxLines) << file.path;
}

TEST(Hygiene, NoPathOfAWorkplaceStandsInTheProject) {
  const auto tree =
      files("", {".h", ".cpp", ".md", ".sh", ".txt", ".cmake", ".toml", ".json", ".yaml", ".proto", ".service"});
  ASSERT_GE(tree.size(), 40U);
  expect_none(tree, joined({"(^|[^A-Za-z0-9_])/(wo", "rk|fa", "rm)/|/ho", "me/[a-z]|/tmp/(b|w)[-/]"}),
              "a path of one machine");
}

TEST(Hygiene, NoGovernmentHostStandsInCodeOrDefaults) {
  const auto tree = files("", {".h", ".cpp", ".toml", ".sh", ".service", ".proto", ".yaml"});
  expect_none(tree, joined({"china", "tax\\.gov|\\.gov", "\\.cn"}), "a host of the administration");
}

TEST(Hygiene, EveryLinkOfTheDocumentsLeadsSomewhere) {
  static const std::regex link(R"(\]\(([^)#\s]+)(#[^)]*)?\))");
  int links = 0;
  for (const auto& page : files("", {".md"})) {
    const auto folder = (root() / page.path).parent_path();
    for (std::sregex_iterator it(page.text.begin(), page.text.end(), link), end; it != end; ++it) {
      const std::string target = (*it)[1];
      if (target.find("://") != std::string::npos) continue;
      ++links;
      EXPECT_TRUE(std::filesystem::exists(folder / target)) << page.path << " leads to " << target;
    }
  }
  EXPECT_GE(links, 20);
}

TEST(Hygiene, EveryFileTellsWhatItIsForInItsHeader) {
  for (const auto& file : sources()) {
    if (!file.is_header()) continue;
    EXPECT_NE(file.text.find("#pragma once"), std::string::npos) << file.path;
    EXPECT_NE(file.text.find("//"), std::string::npos) << file.path << " has no word on what it is";
  }
}

}  // namespace
}  // namespace taxgate::tree
