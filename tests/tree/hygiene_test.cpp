// House rules a machine can check: nothing left open, no test that cannot fail, no giant file, no trace of a workplace.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

constexpr std::ptrdiff_t kMaxLines = 600;  // a file beyond this has a room inside that wants its own door

// Put together at run time, so that this file does not find itself.
std::string joined(std::initializer_list<const char*> parts) {
  std::string text;
  for (const auto* part : parts) text += part;
  return text;
}

const std::string kLeftOpen = joined({"\\b(TO", "DO|FIX", "ME|XX", "X)\\b|not imple", "mented|unimple", "mented"});
const std::string kProvesNothing =
    joined({"GTEST_", "SKIP|\\bDIS", "ABLED_|EXPECT_TRUE\\(tr", "ue\\)|\\bSUC", "CEED\\(\\)"});
const std::string kSuppresses = joined({"no_sani", "tize|NO_SANI", "TIZE|__lsan_ig", "nore"});
const std::string kWorkplace = joined({"(^|[^A-Za-z0-9_])/(wo", "rk|fa", "rm)/|/ho", "me/[a-z]|/tmp/(b|w)[-/]"});
const std::string kGovernment = joined({"china", "tax\\.gov|\\.gov", "\\.cn"});

/// The numbers of the lines in which `never` begins.
std::vector<std::ptrdiff_t> lines_with(std::string_view text, const Pattern& never) {
  std::vector<std::ptrdiff_t> lines;
  for (const auto& match : never.all(text))
    lines.push_back(
        1 + std::count(text.begin(),
                       text.begin() + (match[0].data() - text.data()) + (match[0].starts_with('\n') ? 1 : 0), '\n'));
  return lines;
}

void expect_none(const std::vector<File>& tree, const std::string& never, const char* why) {
  const Pattern pattern(never);
  for (const auto& file : tree)
    for (const auto line : lines_with(file.text, pattern)) ADD_FAILURE() << file.path << ":" << line << ": " << why;
}

TEST(Hygiene, TheSearchFindsEveryFormOfWhatMayNotStand) {
  const std::vector<std::pair<std::string, std::string>> planted = {
      {kLeftOpen, joined({"// TO", "DO later"})},
      {kLeftOpen, joined({"fix it (FIX", "ME)"})},
      {kLeftOpen, joined({"// XX", "X"})},
      {kLeftOpen, joined({"not imple", "mented"})},
      {kLeftOpen, joined({"is unimple", "mented"})},
      {kProvesNothing, joined({"  GTEST_", "SKIP() << 1;"})},
      {kProvesNothing, joined({"TEST(A, DIS", "ABLED_B)"})},
      {kProvesNothing, joined({"EXPECT_TRUE(tr", "ue);"})},
      {kProvesNothing, joined({"SUC", "CEED();"})},
      {kSuppresses, joined({"__attribute__((no_sani", "tize(\"address\")))"})},
      {kSuppresses, joined({"NO_SANI", "TIZE"})},
      {kSuppresses, joined({"__lsan_ig", "nore_object(p)"})},
      {kWorkplace, joined({"/wo", "rk/main"})},
      {kWorkplace, joined({"cd /fa", "rm/x"})},
      {kWorkplace, joined({"\"/ho", "me/someone\""})},
      {kWorkplace, joined({"/tmp/", "w/log"})},
      {kGovernment, joined({"https://inv.china", "tax.gov", ".cn"})},
      {kGovernment, joined({"any.gov", ".cn"})},
  };
  for (const auto& [never, text] : planted) {
    const Pattern pattern(never);
    EXPECT_EQ(lines_with(text, pattern), std::vector<std::ptrdiff_t>{1}) << text;
    EXPECT_EQ(lines_with("a\n" + text + "\nb", pattern), std::vector<std::ptrdiff_t>{2}) << text;
  }
  const Pattern left_open(kLeftOpen);
  EXPECT_EQ(lines_with(joined({"TO", "DOS x", "XX", "X1"}), left_open), std::vector<std::ptrdiff_t>{});
  EXPECT_EQ(lines_with(joined({"net", "wo", "rk/main wo", "rk/x a/wo", "rk/"}), Pattern(kWorkplace)),
            std::vector<std::ptrdiff_t>{});
}

TEST(Hygiene, NothingIsLeftOpenInTheCode) { expect_none(sources(), kLeftOpen, "left open"); }

TEST(Hygiene, NoTestIsSkippedSwitchedOffOrUnableToFail) { expect_none(sources(), kProvesNothing, "proves nothing"); }

TEST(Hygiene, NoSanitizerFindingIsSuppressed) { expect_none(sources(), kSuppresses, "suppresses a sanitizer"); }

TEST(Hygiene, NoFileIsAGiant) {
  for (const auto& file : sources()) EXPECT_LE(std::ranges::count(file.text, '\n'), kMaxLines) << file.path;
}

TEST(Hygiene, NoPathOfAWorkplaceStandsInTheProject) {
  const auto tree =
      files("", {".h", ".cpp", ".md", ".sh", ".txt", ".cmake", ".toml", ".json", ".yaml", ".proto", ".service"});
  ASSERT_GE(tree.size(), 40U);
  expect_none(tree, kWorkplace, "a path of one machine");
}

TEST(Hygiene, NoGovernmentHostStandsInCodeOrDefaults) {
  const auto tree = files("", {".h", ".cpp", ".toml", ".sh", ".service", ".proto", ".yaml"});
  expect_none(tree, kGovernment, "a host of the administration");
}

TEST(Hygiene, EveryLinkOfTheDocumentsLeadsSomewhere) {
  const Pattern link(R"(\]\(([^)#[:space:]]+)(#[^)]*)?\))");
  int links = 0;
  for (const auto& page : files("", {".md"})) {
    const auto folder = (root() / page.path).parent_path();
    for (const auto& match : link.all(page.text)) {
      const std::string target(match[1]);
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
