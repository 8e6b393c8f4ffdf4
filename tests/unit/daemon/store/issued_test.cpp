// What a month adds up to: kept with each row, and always what the rows say.
#include <gmock/gmock.h>

#include <cstdio>
#include <limits>
#include <random>

#include "daemon/store/rows.h"
#include "tests/unit/daemon/store/night_work.h"

namespace taxgate::store {
namespace {

using testing::ElementsAre;
using testing::Pair;

const std::string kSomebody = "91420106TGDM00214A";
constexpr std::uint64_t kSerials = 40;  // of random days
constexpr std::int64_t kMay = 2026 * 12 + 4, kLastMonth = kMay + 2;

class IssuedTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    open();
  }
  static Invoice issued(std::uint64_t serial, const std::string& day, std::int64_t fen,
                        const std::string& seller = kOurs) {
    Invoice i = sample_invoice(listed_number(serial));
    i.seller.id = seller;
    i.issued_at = *LegalTime::parse(day);
    i.amount = {fen};
    i.tax = {fen / 10};
    i.lines.clear();
    i.is_red = fen < 0;
    return i;
  }
  void import(std::vector<Invoice> invoices) {
    ASSERT_TRUE(wait_for<Store::ImportCounts>(
        [&](Done<Store::ImportCounts> d) { store_->import_invoices(std::move(invoices), kErp, std::move(d)); }));
  }
  /// The slow twin: amounts from the rows, as they are told one by one; the tax from the ledger's own records.
  std::map<std::string, IssuedTotal> added_up(const std::string& seller, std::int64_t month) {
    std::map<std::string, IssuedTotal> sums;
    for (const auto& row : *reader_->issued_by(seller, month, month)) {
      Fen& amount = sums[row.type].amount;
      amount = row.number.empty() ? amount + row.amount : amount - row.amount;
    }
    for (std::uint64_t serial = 0; serial < kSerials; ++serial) {
      const auto found = *reader_->invoice(listed_number(serial));
      if (!found || found->invoice.seller.id != seller || month_of(found->invoice.issued_at) != month) continue;
      Fen& tax = sums[found->invoice.type].tax;
      tax = found->invoice.is_red ? tax - found->invoice.tax.abs() : tax + found->invoice.tax.abs();
    }
    return sums;
  }
  void expect_equal(const std::string& seller) {
    for (std::int64_t month = kMay; month <= kLastMonth; ++month) {
      auto kept = *reader_->issued_totals(seller, month);
      for (const auto& [type, sum] : added_up(seller, month)) {
        EXPECT_EQ(kept[type], sum) << seller << " " << month << " " << type;
        kept.erase(type);
      }
      for (const auto& [type, sum] : kept)
        EXPECT_EQ(sum, IssuedTotal{}) << "nothing of " << type << " is left in " << month;
    }
  }
};

TEST_F(IssuedTest, WhatWasThereBeforeATaxpayerGotItsNumberCountsAndRedsTakeAway) {
  import({issued(1, "2026-05-03", 100), issued(2, "2026-05-31 23:59:59", 40), issued(3, "2026-05-04", 7, kSomebody)});
  Invoice corrected = issued(2, "2026-05-31 23:59:59", 40);
  corrected.tax = {3};
  import({corrected});  // the same amount
  ASSERT_TRUE(number(*store_));
  import({issued(4, "2026-05-09", -30), issued(5, "2026-06-01", 1000)});
  EXPECT_THAT(*reader_->issued_totals(kOurs, kMay), ElementsAre(Pair("81", IssuedTotal{Fen{110}, Fen{10}})));
  EXPECT_THAT(*reader_->issued_totals(kOurs, kMay + 1), ElementsAre(Pair("81", IssuedTotal{Fen{1000}, Fen{100}})));
  reopen();
  import({issued(6, "2026-05-09", 5)});
  EXPECT_THAT(*reader_->issued_totals(kOurs, kMay), ElementsAre(Pair("81", IssuedTotal{Fen{115}, Fen{10}})))
      << "known after a restart";
}

TEST_F(IssuedTest, TheRedsOfAMonthAreTheSameWithoutReadingTheBlues) {
  ASSERT_TRUE(number(*store_));
  import({issued(1, "2026-05-03", 100), issued(2, "2026-05-09", -30), issued(3, "2026-06-09", -40),
          issued(4, "2026-05-09", -50, kSomebody)});
  const auto reds = *reader_->issued_reds(kOurs, kMay, kMay + 1);
  ASSERT_EQ(reds.size(), 2U);
  EXPECT_EQ(reds[0].number, listed_number(2));
  EXPECT_EQ(reds[0].amount, Fen{30});
  EXPECT_EQ(reds[1].number, listed_number(3));
}

TEST_F(IssuedTest, SumsAbove64BitsAreToldAsTheMostAndAreRightAgainWhenTheyFit) {
  ASSERT_TRUE(number(*store_));
  constexpr std::int64_t kHuge = 999'999'999'999'999'999;
  std::vector<Invoice> many;
  for (std::uint64_t n = 1; n <= 20; ++n) many.push_back(issued(n, "2026-05-03", kHuge));
  import(many);
  EXPECT_EQ(reader_->issued_totals(kOurs, kMay)->at("81").amount.value, std::numeric_limits<std::int64_t>::max());
  for (auto& invoice : many) invoice.amount = {3};
  import(many);
  EXPECT_EQ(reader_->issued_totals(kOurs, kMay)->at("81").amount, Fen{60});
}

TEST_F(IssuedTest, RandomDaysAndNightsLeaveTheSumOfTheRows) {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto pick = [&random](std::uint64_t below) { return random() % below; };
  const std::vector<std::string> sellers{kOurs, kSomebody, "91110108TGDM00393K"};
  const std::vector<std::string> types{"81", "82"}, days{"2026-05-31 23:59:59", "2026-06-01", "2026-07-15 12:00:00"};
  const auto any = [&] {
    Invoice i = issued(pick(kSerials), days[pick(days.size())], static_cast<std::int64_t>(pick(2000)) - 500,
                       sellers[pick(sellers.size())]);
    i.type = types[pick(types.size())];
    i.tax = {static_cast<std::int64_t>(pick(200)) * (i.is_red ? -1 : 1)};
    return i;
  };
  std::map<std::string, bool> numbered;
  for (int step = 0; step < 150; ++step) {
    switch (pick(6)) {
      case 0: {
        const auto& seller = sellers[pick(2)];  // the third stays somebody else
        ASSERT_TRUE(number(*store_, seller));
        numbered[seller] = true;
        break;
      }
      case 1:
        ASSERT_TRUE(accept(*store_, wanted("k" + std::to_string(step)), {any(), any()}));
        break;
      case 2: {  // by night
        ASSERT_TRUE(number(*store_));
        numbered[kOurs] = true;
        NightBatch b;
        b.run = 1;
        b.taxpayer = kOurs;
        for (auto n = pick(5); n > 0; --n) b.invoices.push_back(any());
        ASSERT_TRUE(commit(*store_, b));
        break;
      }
      case 3:
        reopen();
        break;
      default: {
        std::vector<Invoice> some;
        for (auto n = pick(5); n > 0; --n) some.push_back(any());
        import(std::move(some));
      }
    }
    for (const auto& [seller, known] : numbered) expect_equal(seller);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace taxgate::store
