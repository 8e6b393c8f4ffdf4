// docs/unknown-outcome.md is the decision table; every row of it is played here, and every case here stands in it.
#include "daemon/queue/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <sstream>

namespace taxgate::queue {
namespace {

constexpr std::int64_t kSettle = 60'000;
constexpr std::int64_t kNow = 5'000'000;  // any moment of the steady clock
const LegalTime kIntent = *LegalTime::parse("2026-11-22 10:19:52");

RedDocument wanted() {
  RedDocument red;
  red.blue_number = "26990000000000000001";
  red.seller = {"91310115TGDM00011U", "示例销售有限公司"};
  red.buyer = {"91420106TGDM00214A", "示例购买有限公司"};
  red.reason = Reason::goods_returned;
  for (int i = 1; i <= 2; ++i) {
    RedLine line;
    line.blue_line = i;
    line.tax_code = "1080101020000000000";
    line.name = "*水泥*P.O 42.5";
    line.quantity = *Decimal::parse("-10");
    line.price = *Decimal::parse("100");
    line.amount = *Fen::parse("-1000.00");
    line.rate = *Decimal::parse("0.13");
    line.tax = *Fen::parse("-130.00");
    red.lines.push_back(line);
    red.amount += line.amount;
    red.tax += line.tax;
  }
  return red;
}

leqi::Form form_of(const RedDocument& red) {
  leqi::Form form;
  form.uuid = std::string(32, 'a');
  form.number = "99202611000000000001";
  form.state = "02";
  form.initiator = red.initiator;
  form.seller = red.seller;
  form.buyer = red.buyer;
  form.blue_number = red.blue_number;
  form.reason = reason_code(red.reason);
  form.amount = red.amount;
  form.tax = red.tax;
  form.lines = red.lines;
  form.entered_at = kIntent.plus_ms(3000);
  return form;
}

table::Row row_of(const RedDocument& red) {
  table::Row row;
  row.request_number = red.request_number;
  row.status = "TZD0000";
  row.red = red;
  return row;
}

std::string text(const Decision& d) {
  switch (d.verdict) {
    case Verdict::adopt: return "adopt";
    case Verdict::wait: return "wait";
    case Verdict::resend: return "resend";
    case Verdict::attention: return "attention: " + d.why;
  }
  return "?";
}

Decision asked(const RedDocument& red, const std::vector<Sighting>& seen, Silence& silence, std::int64_t now = kNow,
               std::int64_t settle = kSettle) {
  return decide(red, kIntent, seen, silence, now, settle);
}
Decision once(const std::vector<Sighting>& seen) {
  Silence silence;
  return asked(wanted(), seen, silence);
}
Decision twice(const std::vector<Sighting>& seen, std::int64_t later) {
  Silence silence;
  asked(wanted(), seen, silence);
  return asked(wanted(), seen, silence, kNow + later);
}
/// Our form, changed, and seen once.
Decision changed(const std::function<void(leqi::Form&)>& change) {
  auto form = form_of(wanted());
  change(form);
  return once({{form, false}});
}

using Case = std::function<Decision()>;

std::map<std::string, Case> form_cases() {
  using F = leqi::Form;
  const auto old = [](F& f) { f.entered_at = kIntent.plus_ms(-1000); };
  return {
      {"none_first", [] { return once({}); }},
      {"none_before_settle", [] { return twice({}, kSettle - 1); }},
      {"none_after_settle", [] { return twice({}, kSettle); }},
      {"none_once_even_without_settle",
       [] {
         Silence silence;
         return asked(wanted(), {}, silence, kNow, 0);
       }},
      {"ours", [] { return changed([](F&) {}); }},
      {"ours_same_second",
       [] {
         Silence silence;  // lrrq has whole seconds: it can lie before an intent of the same second
         return decide(wanted(), kIntent.plus_ms(900), {{[] { auto f = form_of(wanted()); f.entered_at = kIntent; return f; }(), false}},
                       silence, kNow, kSettle);
       }},
      {"ours_confirmed", [] { return changed([](F& f) { f.state = "04"; }); }},
      {"ours_issued", [] { return changed([](F& f) { f.state = "04"; f.issued = true; f.red_number = "26999000000000000009"; }); }},
      {"ours_void", [] { return changed([](F& f) { f.state = "05"; }); }},
      {"ours_unknown_state", [] { return changed([](F& f) { f.state = "77"; }); }},
      {"ours_and_foreign",
       [] {
         auto foreign = form_of(wanted());
         foreign.amount = *Fen::parse("-1.00");
         return once({{foreign, false}, {form_of(wanted()), false}});
       }},
      {"ours_twice", [] { return once({{form_of(wanted()), false}, {form_of(wanted()), false}}); }},
      {"owned", [] { return once({{form_of(wanted()), true}}); }},
      {"owned_then_settled", [] { return twice({{form_of(wanted()), true}}, kSettle); }},
      {"old_void", [old] { return changed([old](F& f) { old(f); f.state = "07"; }); }},
      {"old_issued", [old] { return changed([old](F& f) { old(f); f.state = "04"; f.issued = true; f.red_number = "26999000000000000009"; }); }},
      {"old_open", [old] { return changed(old); }},
      {"other_initiator", [] { return changed([](F& f) { f.initiator = Side::buyer; }); }},
      {"other_seller", [] { return changed([](F& f) { f.seller.id = "91340200TGDM0002XD"; }); }},
      {"other_buyer", [] { return changed([](F& f) { f.buyer.id = "91340200TGDM0002XD"; }); }},
      {"other_person",
       [] {
         auto red = wanted();
         red.buyer = {"", "张三"};
         auto form = form_of(red);
         form.buyer.name = "李四";
         Silence silence;
         return asked(red, {{form, false}}, silence);
       }},
      {"other_reason", [] { return changed([](F& f) { f.reason = "04"; }); }},
      {"other_amount", [] { return changed([](F& f) { f.amount += Fen{1}; }); }},
      {"other_tax", [] { return changed([](F& f) { f.tax += Fen{1}; }); }},
      {"other_lines", [] { return changed([](F& f) { f.lines[1].blue_line = 3; }); }},
      {"other_quantity", [] { return changed([](F& f) { f.lines[0].quantity = *Decimal::parse("-9"); }); }},
      {"foreign_void_since", [] { return changed([](F& f) { f.amount += Fen{1}; f.state = "05"; }); }},
      {"foreign_after_none",
       [] {
         Silence silence;
         asked(wanted(), {}, silence);
         auto foreign = form_of(wanted());
         foreign.reason = "04";
         return asked(wanted(), {{foreign, false}}, silence, kNow + kSettle);
       }},
  };
}

std::map<std::string, Case> table_cases() {
  auto red = wanted();
  red.track = Track::information_table;
  red.request_number = "661234567890261122101952";
  red.table_memo = "1010000000";
  const auto one = [red](std::vector<table::Row> rows) {
    Silence silence;
    return decide_table(red, rows, silence, kNow, kSettle);
  };
  const auto changed_row = [red, one](const std::function<void(table::Row&)>& change) {
    auto row = row_of(red);
    change(row);
    return one({row});
  };
  return {
      {"table_none_first", [one] { return one({}); }},
      {"table_none_after_settle",
       [red] {
         Silence silence;
         decide_table(red, {}, silence, kNow, kSettle);
         return decide_table(red, {}, silence, kNow + kSettle, kSettle);
       }},
      {"table_ours", [red, one] { return one({row_of(red)}); }},
      {"table_other_number", [changed_row] { return changed_row([](table::Row& r) { r.request_number = "661234567890261122101953"; }); }},
      {"table_other_amount", [changed_row] { return changed_row([](table::Row& r) { r.red.amount += Fen{1}; }); }},
      {"table_other_line", [changed_row] { return changed_row([](table::Row& r) { r.red.lines[0].quantity = *Decimal::parse("-9"); }); }},
      {"table_twice", [red, one] { return one({row_of(red), row_of(red)}); }},
  };
}

/// case → verdict, as docs/unknown-outcome.md says below the table that begins with `heading`.
std::map<std::string, std::string> documented(const std::string& heading) {
  std::ifstream in(std::string(TAXGATE_SOURCE_DIR) + "/docs/unknown-outcome.md");
  std::map<std::string, std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("| " + heading + " |")) {
      inside = true;
    } else if (inside && line.starts_with("| ")) {
      std::istringstream cells(line);
      std::string skip, name, shown, verdict;
      std::getline(cells, skip, '|');
      std::getline(cells, name, '|');
      std::getline(cells, shown, '|');
      std::getline(cells, verdict, '|');
      rows[name.substr(1, name.size() - 2)] = verdict.substr(1, verdict.size() - 2);
    } else if (inside && !line.starts_with("|--")) {
      break;
    }
  }
  return rows;
}

void expect_table(const std::map<std::string, Case>& cases, const std::map<std::string, std::string>& page) {
  std::map<std::string, std::string> played;
  for (const auto& [name, run] : cases) played[name] = text(run());
  EXPECT_EQ(played, page);
}

TEST(UnknownOutcome, IsDecidedForFormsAsTheDocumentedTableSays) { expect_table(form_cases(), documented("Case")); }
TEST(UnknownOutcome, IsDecidedForInformationTablesAsTheDocumentedTableSays) {
  expect_table(table_cases(), documented("Table case"));
}

TEST(UnknownOutcome, EveryFieldOfTheIntentMattersAndIsNamed) {
  const std::vector<std::pair<std::string, std::function<void(leqi::Form&)>>> changes{
      {"initiator", [](auto& f) { f.initiator = Side::buyer; }},
      {"seller", [](auto& f) { f.seller.id = "91340200TGDM0002XD"; }},
      {"buyer", [](auto& f) { f.buyer.id.clear(); }},
      {"blue_number", [](auto& f) { f.blue_number = "26990000000000000002"; }},
      {"reason", [](auto& f) { f.reason = "01"; }},
      {"amount", [](auto& f) { f.amount += Fen{-1}; }},
      {"tax", [](auto& f) { f.tax += Fen{-1}; }},
      {"lines", [](auto& f) { f.lines.pop_back(); }},
      {"lines[0].blue_line", [](auto& f) { f.lines[0].blue_line = 0; }},
      {"lines[1].quantity", [](auto& f) { f.lines[1].quantity.reset(); }},
      {"lines[1].price", [](auto& f) { f.lines[1].price = *Decimal::parse("100.01"); }},
      {"lines[1].amount", [](auto& f) { f.lines[1].amount += Fen{1}; }},
      {"lines[1].tax", [](auto& f) { f.lines[1].tax += Fen{1}; }},
      {"lines[1].rate", [](auto& f) { f.lines[1].rate = *Decimal::parse("0.09"); }},
      {"lines[1].tax_code", [](auto& f) { f.lines[1].tax_code = "1090131050000000000"; }}};
  for (const auto& [field, change] : changes) {
    auto form = form_of(wanted());
    change(form);
    const auto found = compare(wanted(), kIntent, {form, false});
    EXPECT_EQ(found.match, Match::foreign) << field;
    EXPECT_THAT(found.differences, testing::ElementsAre(field));
  }
}

TEST(UnknownOutcome, TheOrderOfLinesAndTheSpellingOfANumberAreNoDifference) {
  auto form = form_of(wanted());
  std::swap(form.lines[0], form.lines[1]);
  form.lines[0].price = *Decimal::parse("100.00");
  EXPECT_EQ(text(once({{form, false}})), "adopt");
}

TEST(UnknownOutcome, AskingAgainIsDueWhenSettleHasPassedSinceTheFirstNothing) {
  Silence silence;
  EXPECT_EQ(asked(wanted(), {}, silence).ask_again_ms, kNow + kSettle);
  EXPECT_EQ(asked(wanted(), {}, silence, kNow + 10).ask_again_ms, kNow + kSettle) << "the first nothing counts";
}

TEST(UnknownOutcome, APersonIsShownTheFormsInQuestion) {
  auto foreign = form_of(wanted());
  foreign.amount += Fen{1};
  const auto decision = once({{foreign, false}, {form_of(wanted()), true}});
  ASSERT_EQ(decision.shown.size(), 1U);
  EXPECT_EQ(decision.shown[0], foreign);
}

TEST(FormState, LeadsToOneStateOfTheSubmission) {
  const std::map<std::string, State> expected{{"01", State::confirmed},  {"02", State::waiting_counterparty},
                                              {"03", State::waiting_counterparty}, {"04", State::confirmed},
                                              {"05", State::void_},      {"06", State::void_},
                                              {"07", State::void_},      {"08", State::void_},
                                              {"09", State::void_},      {"10", State::void_},
                                              {"11", State::void_},      {"12", State::void_},
                                              {"13", State::void_},      {"77", State::waiting_counterparty}};
  for (const auto& [code, state] : expected) {
    auto form = form_of(wanted());
    form.state = code;
    EXPECT_EQ(state_for_form(form), state) << code;
  }
  auto issued = form_of(wanted());
  issued.state = "04";
  issued.issued = true;
  EXPECT_EQ(state_for_form(issued), State::confirmed) << "without a number there is no red yet";
  issued.red_number = "26999000000000000009";
  EXPECT_EQ(state_for_form(issued), State::issued);
}

}  // namespace
}  // namespace taxgate::queue
