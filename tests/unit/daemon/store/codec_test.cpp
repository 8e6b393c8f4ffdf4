#include "daemon/store/codec.h"

#include <random>

#include "tests/fuzz/stored_records_property.h"
#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {
namespace {

TEST(StoredInvoice, IsReadBackAsItWas) {
  auto i = sample_invoice("26990000000000000001");
  EXPECT_EQ(*decode_invoice(encode_invoice(i)), i);
  i.lines.push_back(i.lines[0]);
  i.lines[1].quantity.reset();
  i.lines[1].price.reset();
  i.lines[1].kind = LineKind::discount;
  i.lines[1].amount = {-345'133};
  i.is_red = i.locked = true;
  i.status = "an unknown code";
  i.seller.name = std::string("with\0nul", 8);
  EXPECT_EQ(*decode_invoice(encode_invoice(i)), i);
  EXPECT_EQ(*decode_invoice(encode_invoice(Invoice{})), Invoice{});
}

TEST(StoredInvoice, EveryTruncationAndEveryAppendedByteIsRefused) {
  const auto bytes = encode_invoice(sample_invoice("1"));
  for (std::size_t n = 0; n < bytes.size(); ++n)
    ASSERT_EQ(decode_invoice(bytes.substr(0, n)).error().id, "store.record") << n;
  EXPECT_FALSE(decode_invoice(bytes + '\0'));
}

TEST(StoredInvoice, EveryFlippedBitIsRefusedOrReadAsAnotherInvoiceWithThatSpelling) {
  const auto bytes = encode_invoice(sample_invoice("1"));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_TRUE(stored_records_hold(damaged)) << bit;
  }
}

TEST(StoredNames, AreReadBackAndDamageIsRefused) {
  const std::vector<std::string> names{"submitter", "", "审批"};
  const auto bytes = encode_names(names);
  EXPECT_EQ(*decode_names(bytes), names);
  EXPECT_FALSE(decode_names(bytes.substr(1)));
  EXPECT_FALSE(decode_names("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  EXPECT_EQ(decode_names(std::string(1, '\0'))->size(), 0U);
}

TEST(StoredRecords, RandomBytesAreTakenWithoutHarm) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 60, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (!bytes.empty() && i % 2 == 0) bytes[0] = 1;
    ASSERT_TRUE(stored_records_hold(bytes));
  }
}

TEST(CanonicalRow, DistinguishesRowsThatReadAlikeWhenJoined) {
  JournalRow a, b;
  a.event = "ab";
  a.state = "c";
  b.event = "a";
  b.state = "bc";
  std::string x, y;
  append_canonical(x, a, {});
  append_canonical(y, b, {});
  EXPECT_NE(x, y);
  EXPECT_NE(content_of_acceptance("ab", "c"), content_of_acceptance("a", "bc"));
}

TEST(CanonicalRow, HasTheDocumentedBytes) {
  JournalRow row;
  row.seq = 2;
  row.at = {1'795'300'000'000};
  row.event = "note";
  row.principal = "erp";
  std::string bytes;
  append_canonical(bytes, row, {});
  // The worked example of docs/store.md.
  EXPECT_EQ(hex(as_bytes(bytes)),
            "0000000000000002"
            "000001a200380100"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000"
            "0000000000000004"
            "6e6f7465"
            "0000000000000000"
            "0000000000000000"
            "0000000000000003"
            "657270"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000");
}

}  // namespace
}  // namespace taxgate::store
