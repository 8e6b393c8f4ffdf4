#include "simulator/sample/sample.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "protocol/identifiers.h"
#include "protocol/records.h"

namespace taxgate::sample {
namespace {

LegalTime today() { return *LegalTime::parse("2026-11-22 10:00:00"); }
std::vector<SampleCase> day(std::uint64_t seed, int count) {
  return business_day(seed, count, three_taxpayers(), today());
}

/// Every sum, every tax, every check digit of one blue invoice, by plain arithmetic.
void expect_exact(const Invoice& blue) {
  SCOPED_TRACE(blue.number);
  Fen amount, tax;
  for (const InvoiceLine& line : blue.lines) {
    amount += line.amount;
    tax += line.tax;
    EXPECT_EQ(line.rate.times(line.amount)->value, line.tax.value) << "line " << line.number;
    EXPECT_EQ(line.quantity.has_value(), line.price.has_value());
    EXPECT_EQ(line.kind == LineKind::discount, !line.quantity.has_value());
    if (line.quantity) EXPECT_EQ(line.quantity->times(*line.price)->value, line.amount.value) << "line " << line.number;
    EXPECT_EQ(line.tax_code.size(), 19U);
  }
  EXPECT_EQ(amount.text(), blue.amount.text());
  EXPECT_EQ(tax.text(), blue.tax.text());
  EXPECT_TRUE(check_canonical_number(blue.number));
  for (const Party* party : {&blue.seller, &blue.buyer}) {
    if (party->id.empty()) continue;
    EXPECT_TRUE(check_taxpayer_id(party->id, "id", true)) << party->id;
    EXPECT_FALSE(check_taxpayer_id(party->id, "id", false)) << "invented ids are for the simulator's channel only";
    EXPECT_EQ(party->id.substr(8, 4), "TGDM");
  }
  Findings findings;
  (void)read_record(to_record(blue), "blue.", true, findings);
  EXPECT_TRUE(findings.empty()) << findings.front().id << " " << findings.front().field;
}

void expect_sums(const SampleCase& c) {
  Fen amount, tax;
  for (const ExpectedLine& line : c.lines) {
    amount += line.amount;
    tax += line.tax;
    EXPECT_LT(line.amount.value, 0);
  }
  EXPECT_EQ(amount, c.amount) << c.label;
  EXPECT_EQ(tax, c.tax) << c.label;
  EXPECT_EQ(c.lines.empty(), c.ending == Ending::refused) << c.label;
}

TEST(SampleInvoices, AreTheTenOfTheFileEachExact) {
  std::set<std::string> numbers;
  const auto cases = sample_invoices();
  EXPECT_EQ(cases.size(), 11U);
  for (const SampleCase& c : cases) {
    numbers.insert(c.blue.number);
    expect_exact(c.blue);
    expect_sums(c);
  }
  EXPECT_EQ(numbers.size(), 10U);
  EXPECT_TRUE(numbers.contains("990024113000000009"));
}

TEST(SampleInvoices, BuiltInTextIsTheFile) {
  std::ifstream in(TAXGATE_SOURCE_DIR "/simulator/sample/sample-invoices.json");
  std::stringstream whole;
  whole << in.rdbuf();
  EXPECT_EQ(whole.str(), sample_text());
}

TEST(SampleInvoices, DamagedTextIsRefused) {
  std::string text(sample_text());
  EXPECT_EQ(read_samples(text.substr(0, text.size() / 2)).error().id, "sample.json");
  text.replace(text.find("1130000.00"), 10, "1130000.01");
  EXPECT_EQ(read_samples(text).error().id, "sample.json");
}

TEST(SampleInvoices, SecondRedFollowsTheFirstOnTheSameInvoice) {
  const auto cases = sample_invoices();
  EXPECT_EQ(cases[1].follows, 0);
  EXPECT_EQ(cases[1].blue.number, cases[0].blue.number);
  EXPECT_EQ(cases[1].request.lines(0).amount(), "35000.00");
}

TEST(BusinessDay, EveryInvoiceIsExactAndEveryIdentityInvented) {
  for (const std::uint64_t seed : {1ULL, 2ULL, 20261122ULL}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const SampleCase& c : day(seed, 300)) {
      if (!c.blue.is_red) expect_exact(c.blue);
      expect_sums(c);
      EXPECT_LT(c.blue.issued_at, today());
    }
  }
}

TEST(BusinessDay, IsTheSameForTheSameSeedAndAnotherForAnother) {
  const auto a = day(7, 80), b = day(7, 80), c = day(8, 80);
  ASSERT_EQ(a.size(), b.size());
  std::set<std::string> numbers;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].blue, b[i].blue);
    EXPECT_EQ(a[i].request.SerializeAsString(), b[i].request.SerializeAsString());
    numbers.insert(a[i].blue.number);
  }
  for (const SampleCase& other : c) EXPECT_FALSE(numbers.contains(other.blue.number)) << other.blue.number;
}

TEST(BusinessDay, NumbersAndKeysAreUnique) {
  std::set<std::string> keys;
  std::map<std::string, int> blues;
  for (const SampleCase& c : day(3, 500)) {
    EXPECT_TRUE(keys.insert(c.request.idempotency_key()).second);
    if (c.follows < 0) EXPECT_EQ(++blues[c.blue.number], 1);
  }
}

TEST(BusinessDay, MixIsAsDescribed) {
  const int n = 1000;
  std::map<std::string, int> rates;
  std::map<Reason, int> reasons;
  int discounts = 0, natural = 0, several = 0, tables = 0, buyers = 0;
  for (const SampleCase& c : day(11, n)) {
    ++rates[c.blue.lines.front().rate.text()];
    ++reasons[c.reason];
    const bool discount = c.blue.lines.size() > 1 && c.blue.lines[1].kind == LineKind::discount;
    discounts += discount;
    several += c.blue.lines.back().kind != LineKind::discount && c.blue.lines.size() > 1;
    natural += c.blue.buyer.id.empty();
    tables += c.track == Track::information_table;
    buyers += c.initiator == Side::buyer;
  }
  const auto about = [&](int percent, int slack) {
    return testing::AllOf(testing::Ge((percent - slack) * n / 100), testing::Le((percent + slack) * n / 100));
  };
  EXPECT_THAT(rates["0.13"], about(45, 2));
  EXPECT_THAT(rates["0.09"], about(15, 2));
  EXPECT_THAT(rates["0.06"], about(25, 2));
  EXPECT_THAT(rates["0.03"], about(5, 1));
  EXPECT_THAT(rates["0.01"], about(5, 1));
  EXPECT_THAT(rates["0"], about(5, 1));
  EXPECT_THAT(reasons[Reason::goods_returned], about(60, 2));
  EXPECT_THAT(reasons[Reason::wrong_invoice], about(20, 2));
  EXPECT_THAT(reasons[Reason::service_stopped], about(10, 2));
  EXPECT_THAT(reasons[Reason::allowance], about(10, 2));
  EXPECT_THAT(discounts, about(10, 3));
  EXPECT_THAT(natural, about(8, 3));
  EXPECT_GT(several, 50);
  EXPECT_THAT(tables, about(14, 5));
  EXPECT_GT(buyers, 100);
}

TEST(BusinessDay, SixtyCasesHoldEveryVoidStateAndEveryRareCase) {
  for (const std::uint64_t seed : {1ULL, 2ULL, 3ULL, 4ULL, 5ULL}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::set<std::string> states, refusals;
    std::set<Act> acts;
    int months = 0, years = 0, after = 0;
    const auto cases = day(seed, 60);
    EXPECT_EQ(cases.size(), 60U);
    for (const SampleCase& c : cases) {
      states.insert(c.form_state);
      refusals.insert(c.refusal);
      acts.insert(c.act);
      months += c.blue.issued_at.month() != today().month();
      years += c.blue.issued_at.year() != today().year();
      if (c.follows >= 0) {
        ++after;
        EXPECT_EQ(c.blue, cases[static_cast<std::size_t>(c.follows)].blue);
        EXPECT_EQ(cases[static_cast<std::size_t>(c.follows)].ending, Ending::issued);
      }
    }
    EXPECT_THAT(states, testing::IsSupersetOf({"01", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13"}));
    EXPECT_THAT(refusals, testing::IsSupersetOf({"R20.red_of_red", "R2.amount_cap"}));
    EXPECT_THAT(acts, testing::IsSupersetOf({Act::we_confirm, Act::we_deny, Act::we_revoke, Act::we_revoke_confirmed,
                                             Act::platform_voids}));
    EXPECT_EQ(after, 2);
    EXPECT_GE(months, 2);
    EXPECT_EQ(years, 1);
  }
}

TEST(BusinessDay, SmallDaysWorkToo) {
  for (int n = 0; n <= 45; ++n) EXPECT_EQ(day(5, n).size(), static_cast<std::size_t>(n));
}

TEST(Group, HasTwelvePlantsWithValidIdsAndThreeHundredStores) {
  std::set<std::string> ids;
  for (const auto& taxpayers : {group_plants(), three_taxpayers()}) {
    for (const SampleTaxpayer& t : taxpayers) {
      EXPECT_TRUE(check_taxpayer_id(t.party.id, "id", true)) << t.party.id;
      EXPECT_EQ(t.tax_device.size(), 12U);
      ids.insert(t.party.id);
    }
  }
  EXPECT_EQ(ids.size(), 15U);
  EXPECT_EQ(group_stores().size(), 300U);
}

}  // namespace
}  // namespace taxgate::sample
