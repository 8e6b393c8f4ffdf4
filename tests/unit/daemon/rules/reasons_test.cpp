// R4, R13, R19, R22, X22: the menu of reasons, and words for them.
#include "tests/unit/daemon/rules/law_fixture.h"

namespace taxgate::rules {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

InvoiceLine goods(int number) { return line(number, "1", "100", "100.00", "0.13", "13.00"); }
InvoiceLine services(int number) { return service(line(number, "1", "100", "100.00", "0.06", "6.00")); }
InvoiceLine unsorted(int number) {
  InvoiceLine out = goods(number);
  out.tax_code = "2010000000000000000";  // 劳务
  return out;
}

std::string menu(const Invoice& blue, const Circumstances& known = {}, const CodeTables& tables = default_tables()) {
  std::string out;
  for (const ReasonOption& option : reason_menu({&blue, {}}, known, tables)) {
    EXPECT_EQ(option.allowed,
              std::ranges::none_of(option.findings, [](const Finding& f) { return f.severity == Severity::refuse; }));
    if (option.allowed) out += std::string(out.empty() ? "" : " ") + std::string(reason_code(option.reason));
  }
  return out;
}

TEST(ReasonMenu, APrefixMayHaveSeveralDigitsAndALineWithoutACodeIsUnsorted) {
  CodeTables tables;
  tables.goods_prefix = {"108"};
  Invoice blue = hundred();  // 1080101020000000000
  EXPECT_TRUE(composition(blue, tables).goods);
  blue.lines[0].tax_code = "1070101020000000000";
  EXPECT_TRUE(composition(blue, tables).unsorted);
  blue.lines[0].tax_code.clear();
  EXPECT_TRUE(composition(blue, tables).unsorted);
}

TEST(ReasonMenu, FollowsWhatTheLinesAre) {  // R13
  EXPECT_EQ(menu(invoice({services(1), services(2)})), "01 03 04");
  EXPECT_EQ(menu(invoice({goods(1), goods(2)})), "01 02 04");
  EXPECT_EQ(menu(invoice({goods(1), services(2)})), "01 02 03 04");
}

TEST(ReasonMenu, LinesTheOperatorDidNotSortForbidNothing) {
  EXPECT_EQ(menu(invoice({unsorted(1)})), "01 02 03 04");
  EXPECT_EQ(menu(invoice({services(1), unsorted(2)})), "01 02 03 04");
  CodeTables tables;
  tables.service_prefix = {"3", "2"};
  EXPECT_EQ(menu(invoice({unsorted(1)}), {}, tables), "01 03 04");
  EXPECT_EQ(menu(invoice({services(1), unsorted(2)}), {}, tables), "01 03 04");
}

TEST(ReasonMenu, SaysWhyAReasonIsNotOnIt) {
  const Invoice blue = invoice({services(1)});
  const auto options = reason_menu({&blue, {}});
  ASSERT_EQ(options[1].findings.size(), 1U);
  EXPECT_EQ(options[1].findings[0].error.id, "R13.reason");
  EXPECT_EQ(options[1].findings[0].error.left, "01, 03, 04");
  EXPECT_EQ(options[1].findings[0].rule(), "R13");
  EXPECT_THAT(refusals(verdict_on(blue, wish(Reason::goods_returned))), ElementsAre("R13.reason"));
  const Invoice of_goods = invoice({goods(1)});
  EXPECT_EQ(reason_menu({&of_goods, {}})[2].findings[0].error.left, "01, 02, 04");
  EXPECT_THAT(refusals(verdict_on(of_goods, wish(Reason::service_stopped))), ElementsAre("R13.reason"));
}

TEST(ReasonMenu, HasNoWrongInvoiceAfterAPartialRed) {  // R4
  const Invoice blue = hundred();
  const BlueState state{&blue, {*decide({&blue, {}}, wish(Reason::goods_returned, {by_quantity(1, "1")})).red}};
  const auto options = reason_menu(state);
  EXPECT_FALSE(options[0].allowed);
  EXPECT_EQ(options[0].findings[0].error.id, "R4.after_partial");
  EXPECT_TRUE(options[1].allowed);
}

TEST(ReasonMenu, IsEmptyForAnInvoiceThatCannotBeReversed) {
  Invoice blue = hundred();
  blue.status = "2";
  EXPECT_EQ(menu(blue), "");
  blue = hundred();
  blue.is_red = true;
  EXPECT_EQ(menu(blue), "");
  EXPECT_EQ(reason_menu({&blue, {}})[3].findings[0].error.id, "R20.red_of_red");
  Circumstances known;
  known.counterparty_status = "注销";
  EXPECT_EQ(menu(hundred(), known), "");
}

TEST(ReasonMenu, TellsWhatIsFullOnly) {
  const auto noted = [](const Invoice& blue, const Circumstances& known, std::size_t at) {
    std::vector<std::string> out;
    const auto options = reason_menu({&blue, {}}, known);
    for (const Finding& f : options[at].findings) out.push_back(f.error.id);
    return out;
  };
  EXPECT_THAT(noted(hundred(), {}, 0), ElementsAre("R4.full_only"));
  EXPECT_THAT(noted(hundred(), {}, 1), IsEmpty());
  Invoice difference = hundred();
  difference.difference = "02";
  Circumstances farm;
  farm.farm_use = "1";
  EXPECT_THAT(noted(difference, farm, 3), ElementsAre("R6.full_only", "R5.full_only"));
}

TEST(ReasonWords, NameTheReasonByWhatHappened) {
  const Invoice blue = invoice({goods(1)}), lessons = invoice({services(1)}), both = invoice({goods(1), services(2)});
  EXPECT_EQ(reason_for("客户拒收", blue), Reason::goods_returned);      // R19
  EXPECT_EQ(reason_for("服务终止", lessons), Reason::service_stopped);  // R22's synonym
  EXPECT_EQ(reason_for("降价", blue), Reason::allowance);
  EXPECT_EQ(reason_for("04", blue), Reason::allowance);
  EXPECT_EQ(reason_for("宴席取消", lessons), Reason::service_stopped);  // X22
  EXPECT_EQ(reason_for("宴席取消", both), Reason::goods_returned);
  EXPECT_EQ(reason_for("服务终止", blue), Reason::goods_returned);
  EXPECT_EQ(reason_for("天气不好", blue).error().id, "reason.unknown");
}

TEST(ReasonWords, TheOfficialTermAndItsSynonymAreRead) {  // R22
  EXPECT_EQ(parse_reason("服务中止"), Reason::service_stopped);
  EXPECT_EQ(parse_reason("服务终止"), Reason::service_stopped);
  EXPECT_EQ(reason_term(Reason::service_stopped, true), "服务中止");
}

}  // namespace
}  // namespace taxgate::rules
