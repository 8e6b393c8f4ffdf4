// `check`, `red`, `approve`, `deny` and `export reds` as a person uses them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/cli_fixture.h"

namespace taxgate::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const std::string kOne = "26990000000000000001", kTwo = "26990000000000000002";

class CliLaw : public Cli {
 protected:
  CliLaw() {
    gateway_.submissions = {submission("queued")};
    gateway_.invoice_answer.set_number(kOne);
    gateway_.invoice_answer.mutable_seller()->set_id("91310115TGDM00011U");
    auto& no = gateway_.checks[kTwo];
    no.set_answer("refused");
    auto& finding = *no.add_findings();
    finding.set_code("R8.fully_red");
    finding.set_rule("R8");
    finding.set_severity("refuse");
    finding.set_message("Nothing is left.");
    finding.set_message_zh("已无余额。");
    finding.set_remedy("Look at its reds.");
    finding.set_remedy_zh("请查看红字发票。");
  }
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }
  void offer(std::initializer_list<const char*> allowed) {
    auto& reply = gateway_.checks[kOne];
    reply.set_answer("allowed");
    for (const char* reason : {"01", "02", "03", "04"}) {
      auto& choice = *reply.add_reasons();
      choice.set_reason(reason);
      choice.set_allowed(std::ranges::find(allowed, std::string_view(reason)) != allowed.end());
      if (!choice.allowed()) choice.add_findings()->set_message("why not " + std::string(reason));
    }
    auto& left = *reply.add_left();
    left.set_blue_line(1);
    left.set_amount("700.00");
  }
  /// The same with these words on standard input.
  Outcome answer(const std::string& typed, std::vector<std::string> words) {
    const auto input = file("typed", typed);
    const int saved = dup(0), from = open(input.c_str(), O_RDONLY);
    dup2(from, 0);
    auto outcome = run(std::move(words));
    dup2(saved, 0);
    close(from);
    close(saved);
    return outcome;
  }
};

TEST_F(CliLaw, CheckGivesOneVerdictALineInTheOrderOfTheFileAndASummaryByRule) {
  const auto path = file("reds.csv", "seller,blue_number,reason\nS," + kOne + ",02\nS," + kTwo +
                                         ",02\nS,2.699E+19,02\nS," + kOne + ",01\n");
  const auto json = run({"check", path, "--json"});
  EXPECT_EQ(json.exit, 1);
  const auto lines = lines_of(json.out);
  ASSERT_THAT(lines, SizeIs(4)) << json.out << json.err;
  EXPECT_THAT(lines[0], HasSubstr(R"("answer":"allowed")"));
  EXPECT_THAT(lines[0], HasSubstr(R"("row":2)"));
  EXPECT_THAT(lines[1], HasSubstr("R8.fully_red"));
  EXPECT_THAT(lines[2], HasSubstr("files.scientific"));
  EXPECT_THAT(lines[2], HasSubstr("row 4, column B"));
  EXPECT_THAT(lines[3], HasSubstr(R"("row":5)"));
  EXPECT_THAT(gateway_.calls, ElementsAre("check:" + kOne + ":02", "check:" + kTwo + ":02", "check:" + kOne + ":01"));

  const auto text = run({"check", path, "--lang", "zh"});
  EXPECT_EQ(text.exit, 1);
  EXPECT_THAT(text.out, HasSubstr("已无余额。"));
  EXPECT_THAT(text.out, HasSubstr("请查看红字发票。"));
  EXPECT_THAT(text.out, HasSubstr("R8.fully_red"));
}

TEST_F(CliLaw, CheckEndsWith0WhenAllAreAllowedAndWith2WhenTheFileIsNone) {
  EXPECT_EQ(run({"check", file("good.jsonl", R"({"seller":"S","blue_number":")" + kOne +
                                                 R"(","reason":"02"})"
                                                 "\n")})
                .exit,
            0);
  const auto bad = run({"check", file("bad.csv", "seller,blue,reason\nS,1,02\n")});
  EXPECT_EQ(bad.exit, 2);
  EXPECT_THAT(bad.err, HasSubstr("files.column_unknown"));
  EXPECT_EQ(run({"check", directory_ / "none.csv"}).exit, 2);
}

TEST_F(CliLaw, RedShowsWhatIsLeftAndWhichReasonsFitAsksOnceAndSubmits) {
  offer({"01", "04"});
  const auto done = answer("04\ny\n", {"red", kOne});
  EXPECT_EQ(done.exit, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("700.00"));
  EXPECT_THAT(done.out, HasSubstr("why not 02"));
  EXPECT_THAT(done.out, HasSubstr("(01 04)"));
  ASSERT_THAT(gateway_.requests, SizeIs(1));
  EXPECT_EQ(gateway_.requests[0].reason(), "04");
  EXPECT_EQ(gateway_.requests[0].seller(), "91310115TGDM00011U");
  EXPECT_FALSE(gateway_.requests[0].idempotency_key().empty());

  EXPECT_EQ(answer("04\nn\n", {"red", kOne}).exit, 2);
  EXPECT_EQ(answer("04\n", {"red", kOne}).exit, 2) << "no answer is no yes";
  EXPECT_EQ(answer("y\n", {"red", kOne, "--preview", "--reason", "04"}).exit, 0);
  EXPECT_THAT(gateway_.requests, SizeIs(1)) << "nothing else was handed in";
}

TEST_F(CliLaw, RedTakesTheOnlyReasonByItselfAndRunsByFlagsAloneWithoutAQuestion) {
  offer({"03"});
  EXPECT_EQ(run({"red", kOne, "--yes"}).exit, 0);
  EXPECT_EQ(run({"red", kOne, "--yes", "--reason", "03", "--line", "1:amount=5.00"}).exit, 0);
  ASSERT_THAT(gateway_.requests, SizeIs(2));
  EXPECT_EQ(gateway_.requests[0].reason(), "03");
  EXPECT_EQ(gateway_.requests[1].lines(0).amount(), "5.00");
  gateway_.checks[kOne].clear_reasons();
  offer({"01", "03"});
  const auto which = run({"red", kOne, "--yes"});
  EXPECT_EQ(which.exit, 2);
  EXPECT_THAT(which.err, HasSubstr("--reason"));
  gateway_.invoice_answer.set_number(kTwo);
  EXPECT_EQ(run({"red", kTwo, "--yes", "--reason", "01"}).exit, 2);
  EXPECT_THAT(gateway_.requests, SizeIs(2)) << "what is refused is not handed in";
}

TEST_F(CliLaw, ABatchSubmitsWhatIsAllowedWritesTheResultAndARepeatIsTheSameSubmissions) {
  const auto path = file(
      "reds.csv", "seller,blue_number,order\nS," + kOne + ",A\nS," + kTwo + ",B\nS," + kOne + ",C\nS," + kOne + ",A\n");
  EXPECT_EQ(run({"red", "--from", path, "--reason", "02", "--preview"}).exit, 1);
  EXPECT_TRUE(gateway_.requests.empty());
  EXPECT_EQ(run({"red", "--from", path, "--reason", "02", "--yes"}).exit, 1);
  ASSERT_THAT(gateway_.requests, SizeIs(2));
  EXPECT_EQ(gateway_.requests[0].context().order(), "A");
  EXPECT_EQ(gateway_.requests[1].context().order(), "C");
  const auto result = read_all(path + ".result.csv");
  EXPECT_THAT(result, HasSubstr("01987c3e-0000-7000-8000-000000000001"));
  EXPECT_THAT(result, HasSubstr("R8.fully_red"));
  EXPECT_THAT(result, HasSubstr("files.repeated")) << "two equal rows would be one submission";

  EXPECT_EQ(run({"red", "--from", path, "--reason", "02", "--yes"}).exit, 1);
  ASSERT_THAT(gateway_.requests, SizeIs(4));
  EXPECT_EQ(gateway_.requests[0].idempotency_key(), gateway_.requests[2].idempotency_key());
  EXPECT_EQ(gateway_.requests[1].idempotency_key(), gateway_.requests[3].idempotency_key());
}

TEST_F(CliLaw, ApproveAndDenyNameThePersonsReasonAndDenyTellsASubmissionFromAForm) {
  const std::string id = "01987c3e-0000-7000-8000-000000000001", form = "5a17ab1e000000000000000000000001";
  run({"approve", id, "--reason", "seen"});
  run({"deny", id, "--reason", "too much"});
  run({"deny", form});
  EXPECT_EQ(run({"deny", id}).exit, 2) << "a denial needs its reason";
  EXPECT_THAT(gateway_.calls, ElementsAre("act:approve:" + id + ":seen", "act:deny_approval:" + id + ":too much",
                                          "answer:deny:" + form));
}

TEST_F(CliLaw, ExportsTheRedsOfAMonthAsTextCellsAndOverwritesNothing) {
  auto red = submission("issued");
  red.set_red_number("26990000000000000099");
  red.set_updated_at("2026-11-22T10:00:00.000+08:00");
  auto other = red;
  other.set_red_number("26990000000000000098");
  gateway_.submissions = {red, submission("issued")};
  gateway_.invoice_answer.set_issued_at("2026-11-21T09:00:00.000+08:00");
  const auto out = (directory_ / "reds.csv").string();
  ASSERT_EQ(run({"export", "reds", "--month", "2026-11", "--out", out}).exit, 0);
  const auto csv = read_all(out);
  EXPECT_TRUE(csv.starts_with("\xEF\xBB\xBF"));
  EXPECT_THAT(csv, HasSubstr("26990000000000000099"));
  EXPECT_THAT(csv, HasSubstr("-300000.00"));
  EXPECT_THAT(csv, HasSubstr("-339000.00"));
  EXPECT_THAT(csv, HasSubstr("2026-11-21"));
  EXPECT_THAT(csv, Not(HasSubstr("张三丰"))) << "a natural person's name is shortened";
  EXPECT_EQ(run({"export", "reds", "--month", "2026-11", "--out", out}).exit, 2);
  const auto october = run({"export", "reds", "--month", "2026-10"});
  EXPECT_EQ(october.exit, 0);
  EXPECT_THAT(october.out, Not(HasSubstr("26990000000000000099")));
  ASSERT_EQ(run({"export", "reds", "--month", "2026-11", "--out", directory_ / "reds.xlsx"}).exit, 0);
  EXPECT_TRUE(read_all(directory_ / "reds.xlsx").starts_with("PK"));
  EXPECT_EQ(run({"export", "reds", "--month", "november"}).exit, 2);
}

}  // namespace
}  // namespace taxgate::tests
