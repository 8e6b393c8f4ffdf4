#include "protocol/invoice_key.h"

#include <gtest/gtest.h>

#include <random>

namespace taxgate {
namespace {

TEST(InvoiceKey, EveryFormComesBackDigitByDigit) {
  for (const char* number : {
           "26117000001134616865",  // all-digital
           "29999999999999999999",  // does not fit a signed 64-bit integer less 2e19
           "30000000000000000000",
           "99999999999999999999",
           "10000000000000000000",
           "01100211130512345678",  // code of twelve digits
           "00000000000000000000",
           "09999999999999999999",
           "01234567890123456789",
           "110021113012345678",  // code of ten digits
           "000000000000000000",
           "999999999999999999",
       }) {
    const auto key = invoice_key(7, number);
    ASSERT_TRUE(key) << number;
    EXPECT_EQ(invoice_number(*key), number);
    EXPECT_EQ(key->taxpayer(), 7U);
    EXPECT_LT(key->rest, 1'000'000'000'000'000'000U) << "fits SQLite's signed integer";
  }
}

TEST(InvoiceKey, NamesYearAndForm) {
  EXPECT_EQ(invoice_key(1, "29117000001134616865")->year(), 29U);
  EXPECT_EQ(invoice_key(1, "99117000001134616865")->year(), 99U);
  EXPECT_EQ(invoice_key(1, "110021113012345678")->year(), 21U);
  EXPECT_EQ(invoice_key(1, "110021113012345678")->form(), NumberForm::code10);
  EXPECT_EQ(invoice_key(1, "01100211130512345678")->form(), NumberForm::code12);
  EXPECT_EQ(invoice_key(1, "01100211130512345678")->year(), 21U);
}

TEST(InvoiceKey, KeepsTheOrderOfNumbersWithinAYear) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto number = [&] {
      std::string tail = std::to_string(random() % 1'000'000'000'000'000'000U);
      return "30" + std::string(18 - tail.size(), '0') + tail;
    };
    const std::string a = number(), b = number();
    EXPECT_EQ(a < b, *invoice_key(1, a) < *invoice_key(1, b)) << a << " " << b;
  }
}

TEST(InvoiceKey, WhatIsNoNumberHasNoKey) {
  for (const char* text : {"", "1", "2611700000113461686", "261170000011346168650", "2611700000113461686x",
                           "x6117000001134616865", "26117000/01134616865", "26117000:01134616865", "110021113012345 78",
                           "0110021113051234567\xB8", "+1100211130512345678"})
    EXPECT_FALSE(invoice_key(1, text)) << text;
  // Every byte that is no digit, at every place.
  const std::string good = "26117000001134616865";
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int c = 0; c < 256; ++c) {
      std::string text = good;
      text[at] = static_cast<char>(c);
      EXPECT_EQ(invoice_key(1, text).has_value(), c >= '0' && c <= '9') << at << " " << c;
    }
}

TEST(InvoiceKey, AKeyNoNumberHasGivesNoNumber) {
  EXPECT_EQ(invoice_number({127, 0}), "");
  EXPECT_EQ(invoice_number({26, 1'000'000'000'000'000'000U}), "");
  EXPECT_EQ(invoice_number({1U << 7U | 21U, 100'000'000'000'000'000U}), "");
  EXPECT_EQ(invoice_number({3U << 7U, 0}), "");
  EXPECT_EQ(invoice_number({9, 0}), "") << "an all-digital number does not begin with 0";
}

TEST(InvoiceKey, TheLargestTaxpayerFitsWithItsForms) {
  const auto key = invoice_key(InvoiceKey::kMaxTaxpayer, "01100991130512345678");
  EXPECT_EQ(key->taxpayer(), InvoiceKey::kMaxTaxpayer);
  EXPECT_EQ(invoice_number(*key), "01100991130512345678");
}

}  // namespace
}  // namespace taxgate
