#include "protocol/decimal.h"

#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>

#include "tests/sanitizer.h"
#include "tests/unit/protocol/seeded.h"

namespace taxgate {
namespace {

using boost::multiprecision::cpp_int;

Decimal dec(std::string_view text) {
  const auto parsed = Decimal::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Decimal{});
}
Fen fen(std::string_view text) {
  const auto parsed = Fen::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Fen{});
}
template <class T>
std::string refusal(std::string_view text) {
  const auto parsed = T::parse(text, "f");
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().field, "f");
  EXPECT_EQ(parsed.error().code, Errc::invalid_input);
  return parsed.error().id;
}

TEST(Money, ReadsWhatItWrites) {
  for (const char* text : {"0.00", "0.01", "-0.07", "1234.50", "9999999999999999.99", "-9999999999999999.99"})
    EXPECT_EQ(fen(text).text(), text);
  EXPECT_EQ(fen("12").text(), "12.00");
  EXPECT_EQ(fen("12.5").text(), "12.50");
  EXPECT_EQ(fen("-0").value, 0);
  EXPECT_EQ(Fen{std::numeric_limits<std::int64_t>::min()}.text(), "-92233720368547758.08");
}

TEST(Money, RefusesEverySpellingThatCouldMeanSomethingElse) {
  for (const char* text :
       {"", "-", "+1", " 1", "1 ", "1.", ".5", "1.005", "1,000.00", "1e3", "0x10", "01", "--1", "１", "1.0.0", "NaN"})
    EXPECT_EQ(refusal<Fen>(text), "money.format") << text;
  EXPECT_EQ(refusal<Fen>("10000000000000000"), "money.range");
  EXPECT_EQ(refusal<Fen>(std::string(1000, '9')), "money.format");
}

TEST(ExactDecimal, KeepsOneNormalForm) {
  EXPECT_EQ(dec("0.130000").text(), "0.13");
  EXPECT_EQ(dec("1000").text(), "1000");
  EXPECT_EQ(dec("-0.0").text(), "0");
  EXPECT_EQ(dec("345.13274336").text(), "345.13274336");
  EXPECT_EQ(dec("-2.50").text(), "-2.5");
  EXPECT_EQ(dec("0.00000000000000000001").text(), "0.00000000000000000001");
  EXPECT_EQ(dec("1.50"), dec("1.5"));
  EXPECT_EQ(Decimal::from_fen(fen("-12.50")).text(), "-12.5");
  EXPECT_EQ(Decimal::from_int(-7).text(), "-7");
}

TEST(ExactDecimal, NamesExponentsAndRangesApartFromNonsense) {
  EXPECT_EQ(refusal<Decimal>("1e5"), "decimal.exponent");
  EXPECT_EQ(refusal<Decimal>("1.5E-3"), "decimal.exponent");
  for (const char* text : {"", "-", "1.", ".1", "00.5", "+1", "1_0", "e5", "1..2", " 1"})
    EXPECT_EQ(refusal<Decimal>(text), "decimal.format") << text;
  EXPECT_EQ(refusal<Decimal>("0.000000000000000000001"), "decimal.range");    // 21 decimals
  EXPECT_EQ(refusal<Decimal>("9999999999999999999999999"), "decimal.range");  // 25 digits
  EXPECT_EQ(refusal<Decimal>("99999999999999999999.99999"), "decimal.range");
  EXPECT_EQ(dec("999999999999999999999999").text(), "999999999999999999999999");
  EXPECT_EQ(dec("1.000000000000000000000000000000").text(), "1");  // zeros are not digits
}

TEST(ExactDecimal, RoundsHalfAwayFromZeroAsTheLawDoes) {
  EXPECT_EQ(dec("0.13").times(fen("172566.37"))->text(), "22433.63");
  EXPECT_EQ(dec("0.5").times(fen("0.01"))->text(), "0.01");
  EXPECT_EQ(dec("-0.5").times(fen("0.01"))->text(), "-0.01");
  EXPECT_EQ(dec("0.49").times(fen("0.01"))->text(), "0.00");
  EXPECT_EQ(dec("500").times(dec("345.13274336"))->text(), "172566.37");
  EXPECT_EQ(dec("100").times(dec("338.23008"))->text(), "33823.01");
  EXPECT_EQ(Decimal::divide(dec("1"), dec("3"), 4)->text(), "0.3333");
  EXPECT_EQ(Decimal::divide(dec("2"), dec("3"), 0)->text(), "1");
  EXPECT_EQ(Decimal::divide(dec("-1"), dec("2"), 0)->text(), "-1");
  EXPECT_EQ(Decimal::share(fen("169115.04"), dec("100"), dec("500"))->text(), "33823.01");
}

TEST(ExactDecimal, SaysWhenAResultDoesNotFit) {
  EXPECT_EQ(Decimal::divide(dec("1"), dec("0"), 2).error().id, "decimal.divide_by_zero");
  EXPECT_EQ(Decimal::share(fen("1"), dec("1"), dec("0")).error().id, "decimal.divide_by_zero");
  EXPECT_EQ(dec("999999999999999999999999").times(fen("1")).error().id, "decimal.range");
  EXPECT_EQ((dec("999999999999999999999999") + dec("1")).error().id, "decimal.range");
  EXPECT_EQ((dec("100000000000000000000") + dec("0.00001")).error().id, "decimal.range");
  EXPECT_EQ(Decimal::divide(dec("1"), dec("3"), 21).error().id, "decimal.range");
  EXPECT_EQ(Decimal::divide(dec("100000000000000000000000"), dec("1"), 20)->text(), "100000000000000000000000");
}

// ---- the slow, obvious twin: arbitrary-precision integers over a common scale

struct Twin {
  cpp_int unscaled;  // at scale 20
};
cpp_int power(int n) { return boost::multiprecision::pow(cpp_int(10), static_cast<unsigned>(n)); }
Twin twin(const std::string& text) {
  const bool negative = text.starts_with('-');
  std::string digits = negative ? text.substr(1) : text;
  const auto point = digits.find('.');
  const int scale = point == std::string::npos ? 0 : static_cast<int>(digits.size() - point - 1);
  if (point != std::string::npos) digits.erase(point, 1);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  const cpp_int v = cpp_int(digits) * power(20 - scale);
  return {negative ? cpp_int(-v) : v};
}
cpp_int rounded(const cpp_int& num, const cpp_int& den) {
  const cpp_int n = abs(num), d = abs(den), q = (2 * n + d) / (2 * d);
  return (num < 0) != (den < 0) ? cpp_int(-q) : q;
}
std::string random_decimal(std::mt19937_64& random) {
  // Mostly business-sized numbers, sometimes the widest that fit.
  const bool wide = test::below(random, 4) == 0;
  const std::size_t whole = test::below(random, wide ? 16 : 7), fraction = test::below(random, wide ? 9 : 5);
  std::string out;
  for (std::size_t i = 0; i < whole; ++i) out.push_back(static_cast<char>('0' + test::below(random, 10)));
  out.erase(0, out.find_first_not_of('0') == std::string::npos ? out.size() : out.find_first_not_of('0'));
  if (out.empty()) out = "0";
  if (fraction > 0) out.push_back('.');
  for (std::size_t i = 0; i < fraction; ++i) out.push_back(static_cast<char>('0' + test::below(random, 10)));
  return test::below(random, 2) == 0 ? out : "-" + out;
}
const cpp_int kScale = power(20);
const cpp_int kMaxFen = power(18) - 1;

TEST(ExactDecimal, AgreesWithArbitraryPrecisionOnRandomNumbers) {
  auto random = test::seeded();
  for (int round = 0; round < tests::rounds(20'000); ++round) {
    const std::string ta = random_decimal(random), tb = random_decimal(random);
    SCOPED_TRACE(ta + " and " + tb);
    const Decimal a = dec(ta), b = dec(tb);
    const cpp_int x = twin(ta).unscaled, y = twin(tb).unscaled;
    ASSERT_EQ(twin(a.text()).unscaled, x);
    ASSERT_EQ(a < b, x < y);
    ASSERT_EQ(a == b, x == y);
    ASSERT_EQ(a.sign(), x.sign());
    const auto sum = a + b, difference = a - b;
    if (sum) ASSERT_EQ(twin(sum->text()).unscaled, x + y);
    if (difference) ASSERT_EQ(twin(difference->text()).unscaled, x - y);
    ASSERT_TRUE(sum || ta.size() > 20 || tb.size() > 20);

    const cpp_int product = rounded(x * y * 100, kScale * kScale);
    const auto money = a.times(b);
    ASSERT_EQ(money.has_value(), abs(product) <= kMaxFen);
    if (money) ASSERT_EQ(cpp_int(money->value), product);

    const Fen amount{static_cast<std::int64_t>(random() % 2'000'000'000'000) - 1'000'000'000'000};
    const auto scaled = a.times(amount);
    const cpp_int expected = rounded(x * amount.value, kScale);
    ASSERT_EQ(scaled.has_value(), abs(expected) <= kMaxFen);
    if (scaled) ASSERT_EQ(cpp_int(scaled->value), expected);

    if (y == 0) continue;
    const auto part = Decimal::share(amount, a, b);
    const cpp_int share = rounded(x * amount.value, y);
    ASSERT_EQ(part.has_value(), abs(share) <= kMaxFen);
    if (part) ASSERT_EQ(cpp_int(part->value), share);
    const int scale = static_cast<int>(test::below(random, 21));
    const auto quotient = Decimal::divide(a, b, scale);
    const cpp_int q = rounded(x * power(scale), y) * power(20 - scale);
    if (quotient) ASSERT_EQ(twin(quotient->text()).unscaled, q);
    if (!quotient) {  // refused only when the exact answer needs more than 24 digits
      cpp_int digits = abs(q);
      for (int s = 20; s > 0 && digits % 10 == 0; --s) digits /= 10;
      ASSERT_GE(digits, power(24));
    }
  }
}

TEST(ExactDecimal, OrdersTheExtremesOfItsRange) {
  EXPECT_LT(dec("-999999999999999999999999"), dec("0.00000000000000000001"));
  EXPECT_LT(dec("-0.00000000000000000001"), dec("0"));
  EXPECT_LT(dec("0.99999999999999999999"), dec("1"));
  EXPECT_GT(dec("999999999999999999999999"), dec("9999.99999999999999999999"));
  EXPECT_EQ(dec("-1.5") <=> dec("-1.50"), std::strong_ordering::equal);
}

}  // namespace
}  // namespace taxgate
