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

TEST_F(CliLaw, LinesWithReasonsOfTheirOwnAreHandedInAsTheDocumentsOfThePlanInOrder) {
  offer({"02", "04"});
  for (const char* reason : {"02", "04"}) {
    auto& document = *gateway_.checks[kOne].add_proposals();
    document.set_answer("allowed");
    document.mutable_request()->set_blue_number(kOne);
    document.mutable_request()->set_reason(reason);
    auto& line = *document.add_lines();
    line.set_amount("-35000.00");
  }
  const std::vector<std::string> words{
      "red", kOne, "--line", "1:share=0.05,reason=04", "--line", "1:share=0.3,reason=02"};
  EXPECT_EQ(answer("n\n", words).exit, 2);
  EXPECT_THAT(gateway_.requests, SizeIs(0));
  const auto done = answer("y\n", words);
  EXPECT_EQ(done.exit, 0) << done.err;
  EXPECT_THAT(done.out + done.err, HasSubstr("document 2/2"));
  EXPECT_EQ(gateway_.checked.back().lines(1).share() + gateway_.checked.back().lines(1).reason(), "0.302");
  ASSERT_THAT(gateway_.requests, SizeIs(2));
  EXPECT_EQ(gateway_.requests[0].reason() + gateway_.requests[1].reason(), "0204");
  EXPECT_NE(gateway_.requests[0].idempotency_key(), gateway_.requests[1].idempotency_key());
  for (const char* bad : {"1:share", "1:share=0.3,", "1:share=0.3,colour=red", ":share=1"})
    EXPECT_EQ(run({"red", kOne, "--yes", "--line", bad}).exit, 2) << bad;
  gateway_.checks[kOne].set_answer("refused");
  EXPECT_EQ(run({"red", kOne, "--yes", "--line", "1:share=0.3,reason=02"}).exit, 2);
  EXPECT_THAT(gateway_.requests, SizeIs(2));
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

TEST_F(CliLaw, ABatchOfWhichNothingIsAllowedHasItsResultAllTheSame) {
  const auto path = file("reds.csv", "seller,blue_number,reason\nS," + kTwo + ",02\n");
  const auto refused = run({"red", "--from", path, "--yes"});
  EXPECT_EQ(refused.exit, 1) << refused.err;
  EXPECT_TRUE(gateway_.requests.empty());
  EXPECT_THAT(refused.out, HasSubstr("accepted 0 of 1; result in "));
  EXPECT_THAT(read_all(path + ".result.csv"), HasSubstr("R8.fully_red"));
}

TEST_F(CliLaw, ARowThatAnEarlierRunHandedInIsAcceptedAndNotRefusedAgainstItsOwnRed) {
  const auto path = file("reds.csv", "seller,blue_number,reason\nS," + kTwo + ",02\n");
  gateway_.checks[kTwo].set_accepted_as("01987c3e-0000-7000-8000-000000000001");
  gateway_.submissions.front().set_amount("-800.00");
  const auto again = run({"red", "--from", path, "--yes"});
  EXPECT_EQ(again.exit, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("accepted by an earlier run"));
  EXPECT_THAT(again.out, Not(HasSubstr("R8.fully_red")));
  const auto result = read_all(path + ".result.csv");
  EXPECT_THAT(result, HasSubstr("accepted,-800.00"));
  EXPECT_THAT(result, Not(HasSubstr("R8.fully_red")));
}

TEST_F(CliLaw, WhatWaitsForApprovalIsDoneAsAskedAndAPersonShouldLook) {
  offer({"02"});
  gateway_.submissions = {submission("waiting_approval")};
  auto& entry = *gateway_.submissions.front().add_timeline();
  entry.set_event("accepted");
  entry.set_detail("approval: P5.amount; noted: K2.yellow_alert");
  const auto red = run({"red", kOne, "--yes", "--reason", "02"});
  EXPECT_EQ(red.exit, 1) << red.err;
  const auto submitted = run({"submit", "--seller", "S", "--blue", kOne, "--reason", "02"});
  EXPECT_EQ(submitted.exit, 1);
  EXPECT_THAT(submitted.out, HasSubstr("noted: K2.yellow_alert"));
}

TEST_F(CliLaw, TheWizardTakesAPartOfEachLineByQuestion) {
  offer({"02"});
  auto& reply = gateway_.checks[kOne];
  reply.mutable_left(0)->set_quantity("7");
  for (const int line : {2, 3}) {
    auto& left = *reply.add_left();
    left.set_blue_line(line);
    left.set_amount(line == 2 ? "50.00" : "0.00");
  }
  EXPECT_EQ(answer("p\n3\namount=20\ny\n", {"red", kOne}).exit, 0);
  EXPECT_EQ(answer("p\n\n0\np\ntotal=113.00\n\ny\n", {"red", kOne}).exit, 0) << "as often as the person likes";
  EXPECT_EQ(answer("p\n\n\ny\n", {"red", kOne}).exit, 0);
  ASSERT_THAT(gateway_.requests, SizeIs(3));
  ASSERT_EQ(gateway_.requests[0].lines_size(), 2) << "of line 3 nothing is left to ask about";
  EXPECT_EQ(gateway_.requests[0].lines(0).quantity(), "3");
  EXPECT_EQ(gateway_.requests[0].lines(1).amount(), "20");
  ASSERT_EQ(gateway_.requests[1].lines_size(), 2);
  EXPECT_EQ(gateway_.requests[1].lines(0).total(), "113.00");
  EXPECT_EQ(gateway_.requests[1].lines(1).blue_line(), 2);
  EXPECT_EQ(gateway_.requests[2].lines_size(), 0) << "all of every line is a full red";
  EXPECT_EQ(answer("p\n0\n0\n", {"red", kOne}).exit, 2) << "nothing of it is no red";
  EXPECT_EQ(answer("p\n", {"red", kOne}).exit, 2) << "the end of the input is no yes";
  reply.set_answer("refused");
  EXPECT_EQ(answer("n\n", {"red", kOne}).exit, 2);
  EXPECT_THAT(gateway_.requests, SizeIs(3));
}

TEST_F(CliLaw, AGatewayThatGoesAwayWhileItChecksLeavesAResultAndTheSameCommandGoesOn) {
  std::string rows = "seller,blue_number,order\n";
  for (const char* order : {"A", "B", "C"}) rows += "S," + kOne + "," + order + "\n";
  const auto path = file("reds.csv", rows);
  const std::vector<std::string> command{"red", "--from", path, "--reason", "02", "--yes"};
  gateway_.gone_after = 2;
  const auto stopped = run(command);
  EXPECT_EQ(stopped.exit, 3) << stopped.err;
  EXPECT_THAT(stopped.out, HasSubstr("reds.csv.result.csv"));
  EXPECT_TRUE(gateway_.requests.empty());
  auto result = lines_of(read_all(path + ".result.csv"));
  ASSERT_THAT(result, SizeIs(4));
  EXPECT_THAT(result[1], HasSubstr("allowed"));
  EXPECT_THAT(result[3], HasSubstr("not_checked"));
  EXPECT_THAT(result[3], HasSubstr("store.busy"));

  gateway_.gone_after = 4;  // three checks and one submission
  EXPECT_EQ(run(command).exit, 3);
  ASSERT_THAT(gateway_.requests, SizeIs(2)) << "one accepted, one not answered";
  const std::string id = "01987c3e-0000-7000-8000-000000000001";
  result = lines_of(read_all(path + ".result.csv"));
  EXPECT_THAT(result[1], HasSubstr(id));
  EXPECT_THAT(result[2], HasSubstr("store.busy"));

  gateway_.gone_after = 0;
  EXPECT_EQ(run(command).exit, 3);
  EXPECT_THAT(lines_of(read_all(path + ".result.csv"))[1], HasSubstr(id)) << "what was accepted is not forgotten";
  EXPECT_EQ(run([&] {
              auto preview = command;
              preview.back() = "--preview";
              return preview;
            }())
                .exit,
            3);

  gateway_.gone_after = -1;
  EXPECT_EQ(run(command).exit, 0);
  ASSERT_THAT(gateway_.requests, SizeIs(5));
  EXPECT_EQ(gateway_.requests[0].idempotency_key(), gateway_.requests[2].idempotency_key());
}

TEST_F(CliLaw, AFilterTakesEveryPageOfTheLedgerAndLeavesOutWhatItDoesNotOffer) {
  for (const auto& [number, next] : {std::pair(kOne, "p1"), std::pair(std::string(), "p2"), std::pair(kTwo, "")}) {
    auto& page = gateway_.invoice_pages.emplace_back();
    if (!number.empty()) {
      page.add_invoices()->set_number(number);
      page.mutable_invoices(0)->mutable_seller()->set_id("91310115TGDM00011U");
    }
    page.set_next(next);
  }
  const auto result = (directory_ / "result.csv").string();
  const auto done = run({"red", "--filter", "buyer=示例 有限公司 from=2026-11-01", "--filter", "product=109",
                         "--reason", "02", "--yes", "--result", result});
  EXPECT_EQ(done.exit, 1) << done.err;
  const std::string asked = "invoices::示例 有限公司:2026-11-01::reversible:109:";
  EXPECT_THAT(gateway_.calls, ElementsAre(asked, asked + "p1", asked + "p2", "check:" + kOne + ":02",
                                          "check:" + kTwo + ":02", testing::StartsWith("submit:")));
  ASSERT_THAT(gateway_.requests, SizeIs(1));
  EXPECT_EQ(gateway_.requests[0].blue_number(), kOne);
  EXPECT_EQ(gateway_.requests[0].seller(), "91310115TGDM00011U");
  EXPECT_THAT(read_all(result), HasSubstr("R8.fully_red"));

  // Later the ledger offers the first no more: its submission stays in the result.
  const std::string third = "26990000000000000003";
  gateway_.submissions[0].set_id("01987c3e-0000-7000-8000-000000000002");
  gateway_.invoice_pages.emplace_back().add_invoices()->set_number(third);
  EXPECT_EQ(run({"red", "--filter", "buyer=x", "--reason", "02", "--yes", "--result", result}).exit, 0);
  EXPECT_THAT(read_all(result), HasSubstr(third));
  EXPECT_THAT(read_all(result), HasSubstr(kOne));
  EXPECT_EQ(run({"red", "--filter", "buyer=x", "--reason", "02", "--yes", "--result", result}).exit, 1) << "none fits";
  for (const char* bad : {"byer=x", "x", "buyer=", "buyer=x buyer=y", ""}) {
    const auto refused = run({"red", "--filter", bad, "--reason", "02"});
    EXPECT_EQ(refused.exit, 2) << bad;
    EXPECT_THAT(refused.err, HasSubstr("cli.filter"));
  }
  EXPECT_EQ(run({"red", kOne, "--filter", "buyer=x"}).exit, 2);
}

TEST_F(CliLaw, PapersAreHashedHereAndDeclarationsGoWithEveryRow) {
  const auto slip = file("slip.pdf", "signed");
  offer({"02"});
  EXPECT_EQ(run({"red", kOne, "--yes", "--evidence", "return_slip=" + slip, "--evidence", slip, "--declare",
                 "province=31", "--declare", "labels=a", "--declare", "labels=b"})
                .exit,
            0);
  ASSERT_THAT(gateway_.requests, SizeIs(1));
  const auto& red = gateway_.requests[0];
  ASSERT_EQ(red.evidence_size(), 2);
  EXPECT_EQ(red.evidence(0).kind(), "return_slip");
  EXPECT_EQ(red.evidence(1).kind(), "explanation");
  EXPECT_EQ(red.evidence(0).name(), "slip.pdf");
  EXPECT_EQ(red.evidence(0).hash(), "4a3cdfae6f291c8f544daea5b72905cf9e74c1ed427d831ad0d7ca00c73c794d");
  EXPECT_EQ(red.circumstances().province(), "31");
  EXPECT_EQ(red.circumstances().labels_size(), 2);

  const auto rows = file("reds.csv", "seller,blue_number,省份\nS," + kOne + ",44\nS," + kOne + ",\n");
  EXPECT_EQ(run({"check", rows, "--reason", "02", "--declare", "province=31", "--evidence", slip}).exit, 0);
  const auto checked = gateway_.checked;
  ASSERT_GE(checked.size(), 2U);
  EXPECT_EQ(checked[checked.size() - 2].circumstances().province(), "44") << "the row's own word goes before it";
  EXPECT_EQ(checked.back().circumstances().province(), "31");
  EXPECT_EQ(checked.back().evidence_size(), 1);

  const auto own = file("own.csv", "seller,blue_number,附件\nS," + kOne + ",return_slip=" + slip + "; " + slip +
                                       "\nS," + kOne + "," + slip + ".none\n");
  const auto told = run({"check", own, "--reason", "02", "--json"});
  EXPECT_EQ(told.exit, 1);
  ASSERT_EQ(gateway_.checked.back().evidence_size(), 2) << "each row brings its own";
  EXPECT_EQ(gateway_.checked.back().evidence(0).kind(), "return_slip");
  EXPECT_EQ(gateway_.checked.back().evidence(1).name(), "slip.pdf");
  EXPECT_EQ(gateway_.checked.back().evidence(1).hash(), red.evidence(0).hash());
  EXPECT_THAT(lines_of(told.out).back(), HasSubstr("file.missing"));

  EXPECT_EQ(run({"red", kOne, "--yes", "--evidence", directory_ / "none.pdf"}).exit, 2);
  const auto unknown = run({"red", kOne, "--yes", "--declare", "colour=red"});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_THAT(unknown.err, HasSubstr("settlement_cycle"));
  EXPECT_THAT(gateway_.requests, SizeIs(1));
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
