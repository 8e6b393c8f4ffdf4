// The rules against the samples: what derive() makes of a minimal wish is what the sample file, or the generator's own
// arithmetic, says.
#include <gtest/gtest.h>

#include "daemon/rules/rules.h"
#include "simulator/sample/sample.h"

namespace taxgate::rules {
namespace {

Wish wish_of(const sample::SampleCase& c) {
  Wish wish;
  wish.initiator = c.initiator;
  wish.reason = c.reason;
  wish.tax_device = c.request.tax_device();
  for (const auto& line : c.request.lines()) {
    LineWish w{.blue_line = line.blue_line(), .quantity = {}, .amount = {}, .total = {}};
    if (!line.quantity().empty()) w.quantity = *Decimal::parse(line.quantity());
    if (!line.amount().empty()) w.amount = *Fen::parse(line.amount());
    if (!line.total().empty()) w.total = *Fen::parse(line.total());
    wish.lines.push_back(w);
  }
  return wish;
}

std::string first(const Findings& findings) {
  return findings.empty() ? ""
                          : findings.front().id + " " + findings.front().field + " " + findings.front().wanted + "/" +
                                findings.front().left;
}

/// Derives every case in order, each after the one it follows.
void play(const std::vector<sample::SampleCase>& cases) {
  std::vector<std::vector<RedDocument>> reds(cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& c = cases[i];
    SCOPED_TRACE(c.label + ", " + c.blue.number);
    BlueState state{&c.blue, {}};
    if (c.follows >= 0) state.reds = reds[static_cast<std::size_t>(c.follows)];
    const auto red = derive(state, wish_of(c));
    if (c.ending == sample::Ending::refused) {
      ASSERT_FALSE(red);
      EXPECT_EQ(red.error().front().id, c.refusal);
      continue;
    }
    ASSERT_TRUE(red) << first(red.error());
    EXPECT_EQ(red->track, c.track);
    EXPECT_EQ(red->amount.text(), c.amount.text());
    EXPECT_EQ(red->tax.text(), c.tax.text());
    ASSERT_EQ(red->lines.size(), c.lines.size());
    for (std::size_t l = 0; l < c.lines.size(); ++l) {
      EXPECT_EQ(red->lines[l].blue_line, c.lines[l].blue_line);
      EXPECT_EQ(red->lines[l].amount.text(), c.lines[l].amount.text());
      EXPECT_EQ(red->lines[l].tax.text(), c.lines[l].tax.text());
      EXPECT_EQ(red->lines[l].quantity.has_value(), c.lines[l].quantity.has_value());
      if (c.lines[l].quantity && red->lines[l].quantity)
        EXPECT_EQ(red->lines[l].quantity->text(), c.lines[l].quantity->text());
    }
    EXPECT_TRUE(check(state, *red).empty()) << first(check(state, *red));
    reds[i] = state.reds;
    reds[i].push_back(*red);
  }
}

TEST(RulesOnSamples, EverySampleDerivesExactlyItsRedFromAMinimalWish) { play(sample::sample_invoices()); }

TEST(RulesOnSamples, CementKeepsThePriceAfterItsDiscount) {
  const auto cases = sample::sample_invoices();
  const auto cement = std::ranges::find_if(cases, [](const auto& c) { return c.blue.number.ends_with("0002"); });
  const auto red = derive({&cement->blue, {}}, wish_of(*cement));
  ASSERT_TRUE(red);
  EXPECT_EQ(red->lines.front().price->text(), "338.23008");  // and not 345.13274336
}

TEST(RulesOnSamples, WholeBusinessDaysDeriveTheGeneratorsOwnArithmetic) {
  for (const std::uint64_t seed : {1ULL, 42ULL, 20261122ULL}) {
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    play(sample::business_day(seed, 400, sample::three_taxpayers(), *LegalTime::parse("2026-11-22 10:00:00")));
  }
}

}  // namespace
}  // namespace taxgate::rules
