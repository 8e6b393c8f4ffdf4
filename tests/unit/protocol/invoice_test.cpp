#include "protocol/invoice.h"

#include <gtest/gtest.h>

namespace taxgate {
namespace {

TEST(Reasons, AreTheBureausFourInItsOwnNumbering) {
  EXPECT_EQ(parse_reason("01"), Reason::wrong_invoice);
  EXPECT_EQ(parse_reason("02"), Reason::goods_returned);
  EXPECT_EQ(parse_reason("03"), Reason::service_stopped);
  EXPECT_EQ(parse_reason("04"), Reason::allowance);
  for (const Reason r : {Reason::wrong_invoice, Reason::goods_returned, Reason::service_stopped, Reason::allowance}) {
    EXPECT_EQ(parse_reason(reason_code(r)), r);
    EXPECT_EQ(parse_reason(reason_term(r, true)), r);
    EXPECT_FALSE(reason_term(r, false).empty());
  }
  EXPECT_EQ(reason_term(Reason::goods_returned, true), "销货退回");
  EXPECT_EQ(parse_reason("服务终止"), Reason::service_stopped);  // R22: accepted, never written
}

TEST(Reasons, RefuseVendorNumbersThatSwapTheFirstTwo) {
  for (const char* text : {"1", "2", "", "05", "00", "001", "退货", "goods returned"}) {
    const auto parsed = parse_reason(text, "reason");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().id, "reason.unknown");
    EXPECT_EQ(parsed.error().field, "reason");
  }
}

}  // namespace
}  // namespace taxgate
