// The verdict on lost and doubled, faults and their reproducibility, staging.
#include "simulator/platform/request_log.h"

#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>

#include "simulator/platform/faults.h"
#include "simulator/platform/staging.h"
#include "tests/unit/protocol/openssl_command.h"
#include "tests/unit/simulator/platform/world_fixture.h"

namespace taxgate::simulator {
namespace {

class Verdicts : public ::testing::Test {
 protected:
  Effect created(const std::string& document, Origin origin = Origin::request) const {
    Effect e;
    e.kind = EffectKind::form_created;
    e.origin = origin;
    e.seller = "S";
    e.buyer = "B";
    e.blue_number = "26990000000000000001";
    e.reason = "02";
    e.amount = {-100};
    e.tax = {-13};
    e.document = document;
    e.arrived_ms = 1;
    return e;
  }
  Effect later(Effect e, EffectKind kind) const {
    e.kind = kind;
    return e;
  }
  Promise promise(Promised outcome) const {
    return {"S", "26990000000000000001", "02", {-100}, {-13}, outcome, {}, {}, {}};
  }
  std::pair<int, int> judge(std::vector<Promise> promises) const {
    const Verdict v = log.judge(promises);
    return {v.lost, v.doubled};
  }
  RequestLog log;
};
using LostDoubled = std::pair<int, int>;

TEST_F(Verdicts, APromiseWithoutADocumentIsLost) {
  EXPECT_EQ(judge({promise(Promised::live)}), (LostDoubled{1, 0}));
  EXPECT_EQ(judge({promise(Promised::void_)}), (LostDoubled{1, 0}));
  EXPECT_EQ(judge({promise(Promised::none)}), (LostDoubled{0, 0}));
  EXPECT_EQ(judge({promise(Promised::at_most_one)}), (LostDoubled{0, 0}));
}

TEST_F(Verdicts, TwoDocumentsForOnePromiseAreDoubledEvenWhenOneBecameVoid) {
  log.append(created("a"));
  EXPECT_EQ(judge({promise(Promised::live)}), (LostDoubled{0, 0}));
  log.append(created("b"));
  EXPECT_EQ(judge({promise(Promised::live)}), (LostDoubled{0, 1}));
  EXPECT_EQ(judge({promise(Promised::at_most_one)}), (LostDoubled{0, 1}));
  EXPECT_EQ(judge({promise(Promised::none)}), (LostDoubled{0, 2}));
  log.append(later(created("b"), EffectKind::form_void));
  EXPECT_EQ(judge({promise(Promised::live)}), (LostDoubled{0, 1}));
}

TEST_F(Verdicts, EqualPromisesNeedAsManyDocuments) {
  log.append(created("a"));
  log.append(created("b"));
  EXPECT_EQ(judge({promise(Promised::live), promise(Promised::live)}), (LostDoubled{0, 0}));
  EXPECT_EQ(judge({promise(Promised::live), promise(Promised::live), promise(Promised::live)}), (LostDoubled{1, 0}));
  log.append(later(created("a"), EffectKind::form_void));
  EXPECT_EQ(judge({promise(Promised::live), promise(Promised::void_)}), (LostDoubled{0, 0}));
  EXPECT_EQ(judge({promise(Promised::live), promise(Promised::live)}), (LostDoubled{1, 0})) << "a void one is not live";
}

TEST_F(Verdicts, IssuedNeedsARedAndTwoRedsOnOneFormAreDoubled) {
  log.append(created("a"));
  EXPECT_EQ(judge({promise(Promised::issued)}), (LostDoubled{1, 0}));
  log.append(later(created("a"), EffectKind::red_issued));
  EXPECT_EQ(judge({promise(Promised::issued)}), (LostDoubled{0, 0}));
  log.append(later(created("a"), EffectKind::red_issued));
  EXPECT_EQ(judge({promise(Promised::issued)}), (LostDoubled{0, 1}));
  EXPECT_EQ(log.count(promise(Promised::issued)).issued, 2);
}

TEST_F(Verdicts, AVoidPromiseWithALiveDocumentIsDoubled) {
  log.append(created("a"));
  EXPECT_EQ(judge({promise(Promised::void_)}), (LostDoubled{0, 1}));
}

TEST_F(Verdicts, FormsOfOthersCountForNobodyUnlessTwoRedsWereIssuedOnThem) {
  log.append(created("a", Origin::stranger));
  log.append(created("b", Origin::counterparty));
  EXPECT_EQ(judge({}), (LostDoubled{0, 0}));
  EXPECT_EQ(judge({promise(Promised::live)}), (LostDoubled{1, 0}));
  log.append(later(created("b", Origin::counterparty), EffectKind::red_issued));
  log.append(later(created("b", Origin::counterparty), EffectKind::red_issued));
  EXPECT_EQ(judge({}), (LostDoubled{0, 1}));
}

TEST_F(Verdicts, DocumentsNobodyPromisedAreDoubled) {
  log.append(created("a"));
  const Verdict verdict = log.judge({});
  EXPECT_EQ(verdict.unpromised, 1);
  EXPECT_EQ(verdict.doubled, 1);
  Promise other = promise(Promised::live);
  other.amount = {-101};
  EXPECT_EQ(judge({other}), (LostDoubled{1, 1})) << "other amounts are another promise";
}

TEST_F(Verdicts, TablesWithoutABlueNumberGoToThePromiseThatLacksOne) {
  Effect table = created("t1");
  table.kind = EffectKind::table_created;
  table.blue_number.clear();
  table.reason.clear();
  table.request_number = "661234567890261122101952";
  log.append(table);
  Promise other = promise(Promised::none);
  other.blue_number = "26990000000000000002";
  EXPECT_EQ(judge({other, promise(Promised::live)}), (LostDoubled{0, 0}));
  EXPECT_EQ(judge({promise(Promised::issued)}), (LostDoubled{1, 0})) << "not approved yet";
  log.append(later(table, EffectKind::table_approved));
  EXPECT_EQ(judge({promise(Promised::issued)}), (LostDoubled{0, 0}));
  Promise by_number = promise(Promised::live);
  by_number.request_number = "661234567890261122101953";
  EXPECT_EQ(judge({by_number}), (LostDoubled{1, 1}));
}

TEST_F(Verdicts, AreWrittenWithTheirReasonsAndTheLogIsOneLineAnEffect) {
  const test::Workshop shop;
  const std::string path = (shop.path() / "log.jsonl").string();
  ASSERT_TRUE(log.open(path));
  log.append(created("a"));
  log.append(later(created("a"), EffectKind::red_issued));
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[1].find(R"("effect":"red_issued")"), std::string::npos);
  EXPECT_NE(to_json(log.judge({})).find(R"("what":"unpromised")"), std::string::npos);
}

TEST(Promises, AreReadStrictlyAndWithEitherSign) {
  const auto promises = read_promises(
      R"({"promises":[{"seller":"S","blue_number":"1","reason":"02","amount":"1.00","tax":"-0.13","outcome":"void","label":"x"}]})");
  ASSERT_TRUE(promises);
  EXPECT_EQ(promises->at(0).amount, Fen{-100});
  EXPECT_EQ(promises->at(0).tax, Fen{-13});
  EXPECT_EQ(promises->at(0).outcome, Promised::void_);
  for (const char* bad : {"", "[]", R"({"promises":[{"seler":"S"}]})", R"({"promises":[{"amount":"1","tax":"x"}]})",
                          R"({"promises":[{"amount":"1","tax":"1","outcome":"maybe"}]})"}) {
    EXPECT_EQ(read_promises(bad).error().id, "sim.promises") << bad;
  }
}

// ---- faults -------------------------------------------------------------------------------------------------------

Faults script(const char* text, std::uint64_t seed = 7) {
  auto read = read_fault_script(text);
  EXPECT_TRUE(read) << read.error().wanted;
  Faults faults(read->seed.value_or(seed));
  for (Fault& fault : read->faults) faults.add(fault);
  return faults;
}

TEST(FaultScript, MeetsTheNthMatchingRequestAsOftenAsItSays) {
  Faults faults = script(R"({"service":"QDHZQRDSQ","taxpayer":"T","nth":2,"count":2,"drop_after":true})");
  EXPECT_FALSE(faults.decide("QDHZQRDQR", "T", "").drop_after);
  EXPECT_FALSE(faults.decide("QDHZQRDSQ", "U", "").drop_after);
  EXPECT_FALSE(faults.decide("QDHZQRDSQ", "T", "1").drop_after);
  EXPECT_TRUE(faults.decide("QDHZQRDSQ", "T", "2").drop_after);
  EXPECT_TRUE(faults.decide("QDHZQRDSQ", "T", "3").drop_after);
  EXPECT_FALSE(faults.decide("QDHZQRDSQ", "T", "4").drop_after);
}

TEST(FaultScript, ReadsEveryEffectAndCombinesWhatMeetsOneRequest) {
  Faults faults = script(
      R"([{"delay_ms":1,"count":0,"late_listing_ms":3},{"delay_ms":9,"late_arrival_ms":2,"status":429,"retry_after":5,
    "garbage":true,"truncate_at":6,"duplicate_answer":true,"wrong_signature":true,"stall":true,"no_issue":true,"handle":true,
    "drop_before":true,"drop_after":true,"protection":false}])");
  FaultAction expected;
  expected.delay_ms = 1;
  expected.late_listing_ms = 3;
  expected.late_arrival_ms = 2;
  expected.status = 429;
  expected.retry_after_s = 5;
  expected.truncate_at = 6;
  expected.garbage = expected.duplicate_answer = expected.wrong_signature = expected.stall = expected.no_issue = true;
  expected.handle = expected.drop_before = expected.drop_after = true;
  expected.protection = false;
  EXPECT_EQ(faults.decide("a", "b", "c"), expected);
  FaultAction only_the_first;
  only_the_first.delay_ms = 1;
  only_the_first.late_listing_ms = 3;
  EXPECT_EQ(faults.decide("a", "b", "c"), only_the_first);
}

TEST(FaultScript, RefusesWhatWouldNeverStrike) {
  for (const char* bad : {"", "7", "{}", R"({"servise":"x","stall":true})", R"({"service":"x"})", R"({"delay_ms":"5"})",
                          R"({"delay_ms":-1})", R"({"status":200})", R"({"probability":1.5,"stall":true})",
                          R"({"nth":0,"stall":true})", R"({"seed":"x","faults":[]})"}) {
    EXPECT_EQ(read_fault_script(bad).error().id, "sim.script") << bad;
  }
}

std::set<std::string> struck(std::uint64_t seed, bool interleaved) {
  Faults faults = script(R"({"probability":0.3,"drop_before":true})", seed);
  std::set<std::string> met;
  const auto ask = [&](int blue, int round) {
    const std::string name = std::to_string(blue);
    if (faults.decide("QDHZQRDSQ", "T", name).drop_before) met.insert(name + "." + std::to_string(round));
  };
  if (interleaved) {
    for (int round = 0; round < 10; ++round)
      for (int blue = 0; blue < 100; ++blue) ask(blue, round);
  } else {
    for (int blue = 99; blue >= 0; --blue)
      for (int round = 0; round < 10; ++round) ask(blue, round);
  }
  return met;
}

TEST(FaultScript, ChanceComesFromTheSeedAloneHoweverRequestsInterleave) {
  const auto first = struck(42, true);
  EXPECT_EQ(first, struck(42, true));
  EXPECT_EQ(first, struck(42, false));
  EXPECT_NE(first, struck(43, true));
  EXPECT_GT(first.size(), 240u);
  EXPECT_LT(first.size(), 360u);
}

// ---- staging ------------------------------------------------------------------------------------------------------

TEST(Staging, ReadsTheCompactFormOfTheSampleData) {
  const auto seed = read_seed(
      R"([{"fplx":"01","fpdm":"9900241130","fphm":"00000009","kprq":"2024-06-18","xf":"91320214TGDM00097H","gf":"91320213TGDM0029XJ",
          "mx":[["1080401010000000000","*金属制品*钢结构件","吨","12.5","6800","85000.00","0.13","11050.00"]],
          "sum":["85000.00","11050.00","96050.00"],"fpyt":"1"},
         {"fplx":"81","fphm":"26990000000000000002","kprq":"2026-10-21","xf":"91340200TGDM0002XD","gf":"个人",
          "mx":[["1080101020000000000","*水泥*","吨","500","345.13274336","172566.37","0.13","22433.63",{"fphxz":"02"}],
                ["1080101020000000000","*水泥*","","","","-3451.33","0.13","-448.67",{"fphxz":"01","yhzcbs":"03"}]],
          "sum":["169115.04","21984.96","191100.00"],"fpyt":"0","rzzt":"02"}])");
  ASSERT_TRUE(seed) << seed.error().field << seed.error().wanted;
  EXPECT_EQ(seed->invoices[0].number, "990024113000000009");
  EXPECT_EQ(seed->invoices[0].amount, fen("85000.00"));
  EXPECT_EQ(seed->invoices[1].amount, fen("169115.04"));
  EXPECT_EQ(seed->invoices[1].buyer, (Party{"", "个人"}));
  EXPECT_EQ(seed->invoices[1].lines[1].kind, LineKind::discount);
  EXPECT_EQ(seed->invoices[1].lines[1].preference, "03");
}

TEST(Staging, ReadsTaxpayersWithTheirBehaviourAndTheApisInvoices) {
  const auto seed = read_seed(
      R"({"taxpayers":[{"id":"91310115TGDM00011U","name":"甲","behaviour":{"issue":"automatic","issue_after_ms":5}}],
          "behaviour":{"issue":"before_upload","write_off_ms":9},
          "invoices":[{"number":"26990000000000000001","type":"81","issued_at":"2026-11-03T00:00:00+08:00",
            "seller":{"id":"91310115TGDM00011U","name":"甲"},"buyer":{"id":"91420106TGDM00214A","name":"乙"},
            "lines":[{"line":1,"tax_code":"1090131050000000000","name":"*x*y","quantity":"500","price":"2000","amount":"1000000.00",
                      "rate":"0.13","tax":"130000.00"}],
            "amount":"1000000.00","tax":"130000.00","total":"1130000.00","use":"1","booking":"02"}]})");
  ASSERT_TRUE(seed) << seed.error().field << " " << seed.error().wanted;
  EXPECT_EQ(seed->taxpayers[0].behaviour->issue, IssueMode::automatic);
  EXPECT_EQ(seed->taxpayers[0].behaviour->issue_after_ms, 5);
  EXPECT_EQ(seed->behaviour->issue, IssueMode::before_upload);
  EXPECT_EQ(seed->behaviour->write_off_ms, 9);
  EXPECT_EQ(seed->invoices[0].buyer.name, "乙");
}

TEST(Staging, RefusesMisspeltMembersByPath) {
  EXPECT_EQ(read_seed(R"({"taxpayers":[{"id":"x","behavior":{}}]})").error().field, "taxpayers[0].behavior");
  EXPECT_EQ(read_seed(R"({"invoices":[{"xf":"x","fplx":"81","fphm":"1"}]})").error().field, "invoices[0].fphm");
  EXPECT_EQ(read_counterparty_rules(R"({"reaction":"shrug"})").error().field, "reaction");
  EXPECT_EQ(read_foreign_form(R"({"blue_number":"1","lines":[{"line":1,"amount":"x","tax":"1"}]})").error().field,
            "lines[0].amount");
}

}  // namespace
}  // namespace taxgate::simulator
