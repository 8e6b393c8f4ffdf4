// P5, P6, P9, P16, R15, R22, R25, R31, R33, R34, X11, X12, X19: approvals, papers, names, paper invoices, remarks, and
// the verdict's own form.
#include "daemon/rules/names.h"
#include "daemon/rules/propose.h"
#include "daemon/rules/remarks.h"
#include "protocol/messages.h"
#include "tests/unit/daemon/rules/law_fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

const Wish kAllBack = wish(Reason::goods_returned);

TEST(Approval, FiftyThousandIsCoSignedAndAFenLessIsNot) {  // P5, X11
  CodeTables tables;
  tables.approvals = {CodeTables{}.approvals[0]};
  EXPECT_EQ(verdict_on(worth("49999.99"), kAllBack, {}, tables).answer, Answer::allowed);
  const Verdict verdict = verdict_on(worth("50000.00"), kAllBack, {}, tables);
  EXPECT_EQ(verdict.answer, Answer::needs_approval);
  ASSERT_THAT(ids(verdict, Severity::needs_approval), ElementsAre("P5.amount"));
  EXPECT_EQ(verdict.findings[0].error.wanted, "50000.00");
  EXPECT_EQ(verdict.findings[0].error.left, "50000.00");
}

TEST(Approval, MoreThanATenthOfTheQuantityAndCounted) {  // P9, X11
  const Invoice blue = hundred();
  const auto back = [](std::string_view pieces) { return wish(Reason::goods_returned, {by_quantity(1, pieces)}); };
  EXPECT_EQ(verdict_on(blue, back("10")).answer, Answer::allowed);
  EXPECT_THAT(ids(verdict_on(blue, back("10.001")), Severity::needs_approval), ElementsAre("P9.quantity_share"));
  RedDocument tiny = *decide({&blue, {}}, back("10")).red;
  tiny.lines[0].quantity = dec("-10.0001");
  EXPECT_THAT(ids(judge({&blue, {}}, tiny), Severity::needs_approval), ElementsAre("P9.quantity_share"));
  const BlueState after{&blue, {*decide({&blue, {}}, back("6")).red}};
  EXPECT_EQ(decide(after, back("4")).verdict.answer, Answer::allowed);
  const Verdict verdict = decide(after, back("5")).verdict;
  EXPECT_EQ(verdict.answer, Answer::needs_approval);
  EXPECT_EQ(verdict.find("P9.quantity_share")->error.field, "lines[0].quantity");
  EXPECT_EQ(verdict.find("P9.quantity_share")->error.left, "0.1");
  EXPECT_EQ(verdict_on(blue, wish(Reason::allowance, {by_amount(1, "900.00")})).answer, Answer::allowed)
      << "an allowance returns nothing";
}

TEST(Approval, QuantitiesThatAreNotKnownAreNotCounted) {
  const Invoice blue = invoice({line(1, "", "", "1000.00", "0.13", "130.00")});
  EXPECT_EQ(verdict_on(blue, kAllBack).answer, Answer::allowed);
  const Invoice known = hundred();
  RedDocument odd = *decide({&known, {}}, kAllBack).red;
  EXPECT_THAT(ids(judge({&blue, {}}, odd), Severity::needs_approval), IsEmpty());
  odd.lines[0].blue_line = 9;
  EXPECT_THAT(ids(judge({&known, {}}, odd), Severity::needs_approval), IsEmpty());
}

TEST(Approval, AShareOfTheAmountCountsEarlierReds) {
  CodeTables tables;
  tables.approvals.resize(1);
  tables.approvals[0] = {};
  tables.approvals[0].share = dec("0.3");
  const Invoice blue = hundred();
  const auto cut = [](std::string_view amount) { return wish(Reason::allowance, {by_amount(1, amount)}); };
  EXPECT_EQ(verdict_on(blue, cut("300.00"), {}, tables).answer, Answer::allowed);
  EXPECT_THAT(ids(verdict_on(blue, cut("300.01"), {}, tables), Severity::needs_approval), ElementsAre("P9.share"));
  const BlueState after{&blue, {*decide({&blue, {}}, cut("200.00")).red}};
  EXPECT_EQ(decide(after, cut("100.01"), {}, tables).verdict.find("P9.share")->error.wanted, "300.01");
}

TEST(Approval, TheMatrixIsTheOperators) {  // P6, X10: no number of dimensions is built in
  CodeTables tables;
  tables.approvals.resize(1);
  ApprovalTrigger& row = tables.approvals[0];
  row = {};
  row.customers = {"key"};
  row.cycles = {"90d"};
  row.products = {"108"};
  row.reasons = {"02"};
  Circumstances known;
  known.customer_class = "key";
  known.settlement_cycle = "90d";
  const auto answer = [&](const Wish& wanted = kAllBack) { return verdict_on(hundred(), wanted, known, tables); };
  EXPECT_THAT(ids(answer(), Severity::needs_approval), ElementsAre("P6.matrix"));
  EXPECT_EQ(answer(wish(Reason::wrong_invoice)).answer, Answer::allowed);
  known.settlement_cycle = "30d";
  EXPECT_EQ(answer().answer, Answer::allowed);
  known.settlement_cycle = "90d";
  known.customer_class = "";
  EXPECT_EQ(answer().answer, Answer::allowed);
  known.customer_class = "key";
  row.products = {"3"};
  EXPECT_EQ(answer().answer, Answer::allowed);
}

TEST(Approval, AProvinceMayAskForAPersonAndForPapers) {  // P16
  CodeTables tables;
  tables.approvals.resize(1);
  tables.approvals[0] = {};
  tables.approvals[0].provinces = {"44"};
  tables.evidence = {
      {.rule = "P16", .severity = Severity::refuse, .kinds = {"paper"}, .reasons = {}, .provinces = {"44"}}};
  Circumstances known;
  EXPECT_EQ(verdict_on(hundred(), kAllBack, known, tables).answer, Answer::allowed);
  known.province = "44";
  const Verdict verdict = verdict_on(hundred(), kAllBack, known, tables);
  EXPECT_THAT(refusals(verdict), ElementsAre("P16.evidence"));
  EXPECT_THAT(ids(verdict, Severity::needs_approval), ElementsAre("P16.approval"));
  known.evidence = {{.kind = "paper", .hash = std::string(64, 'a')}};
  EXPECT_EQ(verdict_on(hundred(), kAllBack, known, tables).answer, Answer::needs_approval);
}

TEST(Evidence, IsSaidToBeMissingOnlyToOneWhoTellsWhatThereIs) {  // R22, R33
  EXPECT_THAT(verdict_on(hundred(), wish(Reason::goods_returned, {by_quantity(1, "1")})).findings, IsEmpty());
  Circumstances known;
  known.evidence.emplace();
  EXPECT_THAT(ids(verdict_on(hundred(), wish(Reason::goods_returned, {by_quantity(1, "1")}), known), Severity::note),
              ElementsAre("R33.evidence", "R33.evidence", "R22.evidence"));
  EXPECT_THAT(ids(verdict_on(hundred(), wish(Reason::wrong_invoice), known), Severity::note),
              ElementsAre("R22.evidence"));
}

TEST(Evidence, GatesTheFormWhereTheOperatorSaysSo) {  // R33: return slip and inspection report
  CodeTables tables;
  tables.evidence = {{.rule = "R33",
                      .severity = Severity::refuse,
                      .kinds = {"return_slip", "inspection_report"},
                      .reasons = {"02"},
                      .provinces = {}}};
  const Wish one = wish(Reason::goods_returned, {by_quantity(1, "1")});
  EXPECT_THAT(refusals(verdict_on(hundred(), one, {}, tables)), ElementsAre("R33.evidence", "R33.evidence"));
  Circumstances known;
  known.evidence = {{.kind = "return_slip", .hash = std::string(64, '0')}};
  const Verdict half = verdict_on(hundred(), one, known, tables);
  ASSERT_THAT(refusals(half), ElementsAre("R33.evidence"));
  EXPECT_EQ(half.findings[0].error.wanted, "inspection_report");
  for (const std::string& no_hash : {std::string(), std::string(63, 'a'), std::string(64, 'G'), std::string(64, '/')}) {
    known.evidence = {{.kind = "return_slip", .hash = std::string(64, 'f')},
                      {.kind = "inspection_report", .hash = no_hash}};
    EXPECT_THAT(refusals(verdict_on(hundred(), one, known, tables)), ElementsAre("R33.evidence")) << no_hash;
  }
  known.evidence->back().hash = std::string(64, '9');
  EXPECT_THAT(refusals(verdict_on(hundred(), one, known, tables)), IsEmpty());
  EXPECT_THAT(refusals(verdict_on(hundred(), wish(Reason::allowance, {by_amount(1, "1.00")}), {}, tables)), IsEmpty());
}

TEST(Evidence, NoCertificateForALostInvoiceIsEverDemanded) {  // R31, X12
  for (const EvidenceDemand& demand : default_tables().evidence)
    for (const std::string& kind : demand.kinds) EXPECT_EQ(kind.find("lost"), std::string::npos) << kind;
}

TEST(Names, SpecialCharactersAndTheRegisterAreWarnings) {  // R15
  Invoice blue = hundred();
  EXPECT_EQ(special_character(blue.buyer.name), "");
  blue.buyer.name = "甲&乙公司";
  EXPECT_EQ(special_character(blue.buyer.name), "&");
  Circumstances known;
  known.seller_registered = "示例销售有限公司";
  EXPECT_THAT(ids(verdict_on(blue, wish(Reason::wrong_invoice), known), Severity::warn), ElementsAre("R15.special"));
  known.seller_registered = "新名称有限公司";
  const Verdict verdict = verdict_on(hundred(), wish(Reason::wrong_invoice), known);
  EXPECT_EQ(verdict.answer, Answer::allowed) << "the red keeps the old name; it is what puts it right";
  ASSERT_THAT(ids(verdict, Severity::warn), ElementsAre("R15.register"));
  EXPECT_EQ(verdict.findings[0].error.field, "blue.seller");
}

TEST(PaperInvoices, OfThisMonthMayPerhapsBeVoidedAndThatIsSaidFirst) {  // R34
  Invoice blue = device_invoice();
  blue.locked = true;
  Circumstances known;
  known.today = *LegalTime::parse("2026-11-30 23:59:59");
  const Verdict verdict = verdict_on(blue, table_wish(Side::seller), known);
  ASSERT_GE(verdict.findings.size(), 2U);
  EXPECT_EQ(verdict.findings[0].error.id, "R34.voidable");
  EXPECT_EQ(verdict.findings[0].severity, Severity::note);
  EXPECT_EQ(verdict.findings[1].error.id, "R8.locked");
  blue.locked = false;
  EXPECT_EQ(verdict_on(blue, table_wish(Side::seller), known).answer, Answer::allowed);
}

TEST(PaperInvoices, OfAnotherMonthOrUsedOrAllDigitalAreReversed) {  // R34, X19
  const auto said = [](Invoice blue, std::string_view today) {
    Circumstances known;
    if (!today.empty()) known.today = *LegalTime::parse(today);
    return verdict_on(blue, table_wish(Side::seller), known).find("R34.voidable") != nullptr;
  };
  EXPECT_TRUE(said(device_invoice(), "2026-11-01"));
  EXPECT_FALSE(said(device_invoice(), "2026-12-01"));
  EXPECT_FALSE(said(device_invoice(), "2025-11-03"));
  EXPECT_FALSE(said(device_invoice(), ""));
  EXPECT_FALSE(said(device_invoice("01", "1"), "2026-11-05"));
  Invoice booked = device_invoice();
  booked.booking = "02";
  EXPECT_FALSE(said(booked, "2026-11-05"));
  for (const char* digital : {"81", "82", "83", "84", "51", "61"}) {
    Invoice blue = hundred();
    blue.type = digital;
    EXPECT_FALSE(said(blue, "2026-11-05")) << digital;
  }
  Invoice paper = hundred();
  paper.type = "85";
  EXPECT_TRUE(said(paper, "2026-11-05"));
}

TEST(Remarks, OfATableNameItsNumberAndNoneIsIssuedWithoutIt) {  // R25
  const Invoice blue = device_invoice();
  const RedDocument red = *decide({&blue, {}}, table_wish(Side::seller)).red;
  EXPECT_EQ(*remarks(red, "4403042206162251", IssuedBy::tax_device),
            "开具红字增值税专用发票信息表编号4403042206162251");
  for (const char* bad : {"", "4403042206162252", "123"})
    EXPECT_EQ(remarks(red, bad, IssuedBy::tax_device).error().id, "R25.table_needed") << bad;
  RedDocument ordinary = red;
  ordinary.blue_type = "04";
  ordinary.blue_number = "04400210410112345678";
  EXPECT_EQ(*remarks(ordinary, "", IssuedBy::tax_device), "对应正数发票代码:044002104101号码:12345678");
  ordinary.blue_number = "1234";
  EXPECT_EQ(*remarks(ordinary, "", IssuedBy::tax_device), "对应正数发票代码:号码:1234");
}

TEST(Remarks, OfAFormNameBothNumbersExceptOnTheWeb) {
  const Invoice blue = hundred();
  const RedDocument red = *decide({&blue, {}}, kAllBack).red;
  EXPECT_EQ(*remarks(red, "99202611000000000001", IssuedBy::direct),
            "被红冲蓝字数电发票号码：26990000000000000001 红字发票信息确认单编号：99202611000000000001");
  EXPECT_EQ(*remarks(red, "", IssuedBy::web), "");
  EXPECT_EQ(remarks(red, "", IssuedBy::direct).error().id, "B7.number");
  CodeTables tables;
  tables.remark_characters = 64;
  EXPECT_EQ(remarks(red, "99202611000000000001", IssuedBy::direct, tables).error().id, "B7.remark_long");
  tables.remark_characters = 65;
  EXPECT_TRUE(remarks(red, "99202611000000000001", IssuedBy::direct, tables));
  tables.remark_characters = 1;
  EXPECT_TRUE(remarks(red, "99202611000000000001", IssuedBy::tax_device, tables));
}

TEST(ZeroRates, AreThreeThings) {  // A.8
  EXPECT_EQ(term(treatment(dec("0"), ""), true), "零税率");
  EXPECT_EQ(term(treatment(dec("0"), "03"), true), "免税");
  EXPECT_EQ(term(treatment(dec("0"), "04"), true), "不征税");
  EXPECT_EQ(term(treatment(dec("0.13"), ""), true), "应税");
  EXPECT_EQ(term(treatment(dec("0"), ""), false), "zero rate");
  EXPECT_EQ(term(treatment(dec("0"), "03"), false), "exempt");
  EXPECT_EQ(term(treatment(dec("0"), "04"), false), "not taxed");
  EXPECT_EQ(term(treatment(dec("0.13"), "01"), false), "taxed");
  // The label is kept on the red, and a red that drops it is refused.
  Invoice blue = invoice({line(1, "10", "100", "1000.00", "0", "0.00")});
  blue.lines[0].preference = "03";
  RedDocument red = *decide({&blue, {}}, kAllBack).red;
  EXPECT_EQ(red.lines[0].preference, "03");
  red.lines[0].preference = "04";
  EXPECT_THAT(refusals(judge({&blue, {}}, red)), ElementsAre("B6.line_copy"));
}

TEST(Verdicts, NameEverySeverityAndAnswer) {
  for (const Severity s : {Severity::note, Severity::warn, Severity::needs_approval, Severity::refuse})
    EXPECT_EQ(severity_named(name(s)), s);
  EXPECT_FALSE(severity_named("fatal"));
  EXPECT_EQ(name(Answer::allowed), "allowed");
  EXPECT_EQ(name(Answer::counterparty_must_confirm), "counterparty_must_confirm");
  EXPECT_EQ(name(Answer::needs_approval), "needs_approval");
  EXPECT_EQ(name(Answer::refused), "refused");
}

TEST(Verdicts, PutTheHeaviestFirstAndKeepTheRest) {
  Invoice blue = worth("60000.00");
  blue.booking = "02";
  blue.buyer.name = "甲<乙";
  const Verdict verdict = verdict_on(blue, kAllBack);
  std::vector<std::string> order;
  for (const Finding& f : verdict.findings) order.push_back(f.error.id);
  EXPECT_THAT(order, ElementsAre("P5.amount", "P9.quantity_share", "R15.special", "R1.confirmation"));
  EXPECT_EQ(verdict.answer, Answer::needs_approval);
  EXPECT_TRUE(verdict.counterparty_confirms);
  EXPECT_EQ(verdict.find("R2.tax_cap"), nullptr);
  EXPECT_THAT(verdict.refusals(), IsEmpty());
}

TEST(Verdicts, AreBounded) {
  CodeTables tables;
  tables.evidence.clear();
  for (int i = 0; i < 200; ++i)
    tables.evidence.push_back({.rule = "R22",
                               .severity = Severity::needs_approval,
                               .kinds = {"k" + std::to_string(i)},
                               .reasons = {},
                               .provinces = {}});
  EXPECT_EQ(verdict_on(hundred(), wish(Reason::wrong_invoice), {}, tables).findings.size(), kMaxFindings);
}

TEST(Verdicts, EveryFindingHasASentenceAndARuleInTheRegistersForm) {
  Invoice blue = worth("60000.00");
  blue.booking = "02";
  blue.status = "2";
  for (const Finding& f : verdict_on(blue, kAllBack).findings) {
    EXPECT_NE(find_message(f.error.id), nullptr) << f.error.id;
    EXPECT_FALSE(f.rule().empty());
  }
}

}  // namespace
}  // namespace taxgate::rules
