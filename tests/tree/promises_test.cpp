#include "tests/tree/promises.h"

#include <gtest/gtest.h>

#include "tests/tree/tree.h"

namespace taxgate::tree {
namespace {

constexpr std::string_view kPage =
    "# x\n\n| Promise | Test | Broken to see it fail | State |\n|---|---|---|---|\n"
    "| a | `S.One`, `S.Two` | x | proved |\n| b | `./run bench` | | partly |\n\ntext\n\n"
    "| Promise | Test | Broken to see it fail | State |\n|---|---|---|---|\n| c | | | not yet |\n";

TEST(Promises, EachNamedTestStandsInTheTree) {
  const auto all = promises(read(root() / "docs/promises.md"));
  ASSERT_GE(all.size(), 30U) << "the tables of docs/promises.md were not found";
  for (const auto& fault : faults(all, tests_in_tree())) ADD_FAILURE() << fault;
}

TEST(Promises, TheTableIsReadFromEveryPartOfThePage) {
  const auto rows = promises(kPage);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].tests, (std::vector<std::string>{"S.One", "S.Two"}));
  EXPECT_EQ(rows[1].commands, (std::vector<std::string>{"./run bench"}));
  EXPECT_EQ(rows[2].state, "not yet");
}

TEST(Promises, AnInventedTestAnEmptyProofAndAnUnknownStateAreFaults) {
  EXPECT_TRUE(faults(promises(kPage), {"S.One", "S.Two"}).empty());
  EXPECT_EQ(faults(promises(kPage), {"S.One"}).size(), 1U);
  EXPECT_EQ(faults({{.promise = "a", .tests = {}, .commands = {}, .broken = "x", .state = "proved"}}, {}).size(), 1U);
  EXPECT_EQ(
      faults({{.promise = "a", .tests = {"S.One"}, .commands = {}, .broken = "", .state = "proved"}}, {"S.One"}).size(),
      1U);
  EXPECT_EQ(faults({{.promise = "a", .tests = {}, .commands = {}, .broken = "", .state = "done"}}, {}).size(), 1U);
}

TEST(Promises, TestsAreFoundByTheirMacrosAndNotInComments) {
  EXPECT_EQ(tests_in("TEST(A, B) {}\nTEST_F(C,\n  D) {}\nTEST_P(E, F) {}"),
            (std::set<std::string>{"A.B", "C.D", "E.F"}));
  EXPECT_TRUE(tests_in(without_comments("// TEST(A, B)\n")).empty());
}

TEST(Promises, OnlyATestThatRanAndPassedCountsAsRun) {
  std::set<std::string> passed, failed;
  read_results(
      "<testcase name=\"Ok\" status=\"run\" result=\"completed\" classname=\"S\" />\n"
      "<testcase name=\"Bad\" status=\"run\" result=\"completed\" classname=\"S\">\n<failure "
      "message=\"x\"></failure>\n</testcase>\n"
      "<testcase name=\"Skipped\" status=\"run\" result=\"skipped\" classname=\"S\" />\n"
      "<testcase name=\"Off\" status=\"notrun\" result=\"suppressed\" classname=\"S\" />\n"
      "<testcase name=\"Each/0\" status=\"run\" result=\"completed\" classname=\"All/P\" />\n"
      "<testcase name=\"Each/1\" status=\"run\" result=\"completed\" classname=\"All/P\">\n<failure>\n</testcase>\n"
      "<testcase name=\"T\" status=\"run\" result=\"completed\" classname=\"Typed/1\" />\n",
      passed, failed);
  EXPECT_EQ(passed, (std::set<std::string>{"S.Ok", "Typed.T"}));
  EXPECT_EQ(failed, (std::set<std::string>{"P.Each", "S.Bad", "S.Off", "S.Skipped"}));
}

}  // namespace
}  // namespace taxgate::tree
