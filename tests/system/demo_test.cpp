// The demo as `./run demo` runs it: its day ends well, and with a gateway that breaks its promise it says so and fails.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <sstream>
#include <string>

namespace taxgate::tests {
namespace {

struct Day {
  int exit = -1;
  std::string text;
  boost::json::object verdict;  // the last line that is an object
};

Day play(const std::string& environment, const std::string& options) {
  Day day;
  const std::string command =
      environment + " " + TAXGATE_BIN_DIR + "/taxgate-sim demo --quiet " + options + " 2>/dev/null";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> part;
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) day.text.append(part.data(), n);
  const int status = ::pclose(pipe);
  day.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::istringstream lines(day.text);
  for (std::string line; std::getline(lines, line);) {
    boost::json::error_code ec;
    const auto value = boost::json::parse(line, ec);
    if (!ec && value.is_object()) day.verdict = value.as_object();
  }
  return day;
}

std::int64_t number(const Day& day, const char* name) {
  const auto* value = day.verdict.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : -1;
}

TEST(Demo, PlaysADayOfSixtySubmissionsAndMoreWithNothingLostAndNothingDoubled) {
  const Day day = play("", "");
  EXPECT_EQ(day.exit, 0) << day.text;
  ASSERT_TRUE(day.verdict.contains("demo")) << day.text;
  EXPECT_EQ(day.verdict.at("demo").as_string(), "ok");
  EXPECT_GE(number(day, "accepted"), 60);
  EXPECT_GE(number(day, "refused"), 1);
  EXPECT_GE(number(day, "issued"), 1);
  EXPECT_GE(number(day, "void"), 1);
  EXPECT_GE(number(day, "attention"), 1) << "the stranger's form";
  EXPECT_EQ(number(day, "lost"), 0);
  EXPECT_EQ(number(day, "doubled"), 0);
}

TEST(Demo, FailsAndCountsWhenSilenceIsAnsweredByABlindResend) {
  const Day day = play("TAXGATE_SABOTAGE=blind_resend", "--taxgated taxgated-sabotaged");
  EXPECT_EQ(day.exit, 1) << day.text;
  ASSERT_TRUE(day.verdict.contains("demo")) << day.text;
  EXPECT_EQ(day.verdict.at("demo").as_string(), "failed");
  EXPECT_GE(number(day, "doubled"), 1);
}

}  // namespace
}  // namespace taxgate::tests
