// The ledger's listing: what fits, in pages that neither repeat nor leave out.
#include <gmock/gmock.h>

#include "daemon/core/limits.h"
#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kSeller = "91310115TGDM00011U";
constexpr std::int64_t kDay = 24 * LegalTime::kHourMs;

std::string numbered(int n) { return "269900" + std::string(14 - std::to_string(n).size(), '0') + std::to_string(n); }

class Listing : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    open();
  }
  Invoice invoice(int n, LegalTime at) {
    Invoice out = sample_invoice(numbered(n));
    out.issued_at = at;
    return out;
  }
  void import(std::vector<Invoice> invoices) {
    ASSERT_TRUE(wait_for<Store::ImportCounts>(
        [&](auto done) { store_->import_invoices(std::move(invoices), kErp, std::move(done)); }));
  }
  std::vector<std::string> all(InvoiceFilter filter, int* pages = nullptr) {
    auto& reader = *reader_;
    std::vector<std::string> out;
    for (int i = 0; i < 1000; ++i) {
      const auto page = reader.invoices(filter);
      EXPECT_TRUE(page);
      if (!page) break;
      if (pages != nullptr) ++*pages;
      for (const auto& found : page->invoices) out.push_back(found.number);
      if (page->next.empty()) break;
      filter.after = page->next;
    }
    return out;
  }
};

TEST_F(Listing, FiltersBySellerBuyerProductDayAndStatusAndLeavesRedsOut) {
  const LegalTime first = *LegalTime::parse("2026-10-31 23:59:59");
  auto other_buyer = invoice(2, first.plus_ms(1000));
  other_buyer.buyer = {"91420106TGDM00302K", "另一家示例有限公司"};
  auto other_product = invoice(3, first.plus_ms(kDay));
  other_product.lines[0].tax_code = "3040000000000000000";
  other_product.lines[0].name = "*信息技术服务*软件维护";
  auto other_seller = invoice(4, first);
  other_seller.seller.id = "91420106TGDM00214A";
  auto reversed = invoice(5, first);
  reversed.status = "8";
  auto red = invoice(6, first);
  red.is_red = true;
  import({invoice(1, first), other_buyer, other_product, other_seller, reversed, red});

  EXPECT_THAT(all({.seller = kSeller}), ElementsAre(numbered(1), numbered(5), numbered(2), numbered(3)));
  EXPECT_THAT(all({.seller = kSeller, .from = first.plus_ms(1000)}), ElementsAre(numbered(2), numbered(3)));
  EXPECT_THAT(all({.seller = kSeller, .until = first.plus_ms(1000)}), ElementsAre(numbered(1), numbered(5)));
  EXPECT_THAT(all({.buyer = "91420106TGDM00302K"}), ElementsAre(numbered(2)));
  EXPECT_THAT(all({.buyer = "另一家"}), ElementsAre(numbered(2)));
  EXPECT_THAT(all({.product = "304"}), ElementsAre(numbered(3)));
  EXPECT_THAT(all({.product = "软件"}), ElementsAre(numbered(3)));
  EXPECT_THAT(all({.status = "8"}), ElementsAre(numbered(5)));
  EXPECT_THAT(all({.seller = kSeller, .without_status = {"8"}}), ElementsAre(numbered(1), numbered(2), numbered(3)));
  EXPECT_THAT(all({.product = "1", .taxpayers = {"91420106TGDM00302K"}}), ElementsAre(numbered(2)))
      << "a caller sees the invoices its taxpayers are on";
  EXPECT_THAT(all({.seller = "nobody"}), IsEmpty());
}

TEST_F(Listing, PagesNeitherRepeatNorLeaveOutWhateverTheirSize) {
  std::vector<Invoice> invoices;
  for (int n = 1; n <= 40; ++n) {
    auto i = invoice(n, LegalTime{1'793'600'000'000 - (n % 5) * 20 * kDay});
    if (n % 3 == 0) i.seller.id = "91420106TGDM00214A";
    invoices.push_back(std::move(i));
  }
  import(invoices);
  const auto whole = all({});
  ASSERT_THAT(whole, SizeIs(40));
  for (const int limit : {1, 7, 39, 40, 41}) EXPECT_EQ(all({.limit = limit}), whole) << limit;
  EXPECT_THAT(all({.seller = kSeller, .limit = 4}), SizeIs(27));
  auto& reader = *reader_;
  EXPECT_EQ(reader.invoices({.limit = 40})->next, "") << "nothing follows the last page";
  for (const char* bad : {"x", "1.2", "1x.2.3", "..", "a.b.c"}) {
    const auto refused = reader.invoices({.after = bad});
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().id, "events.cursor");
  }
}

TEST_F(Listing, LooksAtSoManyInvoicesForOneAnswerAndGoesOnFromThere) {
  std::vector<Invoice> invoices;
  for (int n = 0; n <= limits::kInvoiceScan; ++n) invoices.push_back(invoice(n, LegalTime{1'793'600'000'000}));
  invoices.back().buyer.id = "91420106TGDM00302K";
  import(std::move(invoices));
  int pages = 0;
  EXPECT_THAT(all({.buyer = "91420106TGDM00302K"}, &pages), ElementsAre(numbered(limits::kInvoiceScan)));
  EXPECT_EQ(pages, 2) << "the first is empty and says where to go on";
}

TEST_F(Listing, AnInvoiceThatCameWithASubmissionIsInItAndInItsMonth) {
  const Invoice blue = invoice(7, *LegalTime::parse("2026-11-03"));
  ASSERT_TRUE(accept(*store_, wanted("k", blue.number), {blue}));
  EXPECT_THAT(all({.seller = kSeller}), ElementsAre(blue.number));
  auto& reader = *reader_;
  const std::int64_t month = 2026 * 12 + 10;
  EXPECT_THAT(*reader.issued_by(kSeller, month, month), SizeIs(1)) << "its amount takes of the credit line";
}

}  // namespace
}  // namespace taxgate::store
