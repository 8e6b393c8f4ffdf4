#pragma once
// One invoice and one red document in the shape of the sample invoices (all identities invented).
#include "protocol/invoice.h"

namespace taxgate::test {

inline Invoice sample_invoice() {
  Invoice out;
  out.number = "26990000000000000002";
  out.type = "81";
  out.issued_at = *LegalTime::parse("2026-10-21 09:30:00");
  out.seller = {"91340200TGDM0002XD", "虚构水泥有限公司"};
  out.buyer = {"91500112TGDM002229", "虚构建设集团"};
  InvoiceLine line;
  line.number = 1;
  line.tax_code = "1080101020000000000";
  line.name = "*水泥*P.O 42.5 散装";
  line.unit = "吨";
  line.quantity = *Decimal::parse("500");
  line.price = *Decimal::parse("345.13274336");
  line.amount = *Fen::parse("172566.37");
  line.rate = *Decimal::parse("0.13");
  line.tax = *Fen::parse("22433.63");
  line.kind = LineKind::discounted;
  InvoiceLine discount = line;
  discount.number = 2;
  discount.unit.clear();
  discount.quantity.reset();
  discount.price.reset();
  discount.amount = *Fen::parse("-3451.33");
  discount.tax = *Fen::parse("-448.67");
  discount.kind = LineKind::discount;
  out.lines = {line, discount};
  out.amount = *Fen::parse("169115.04");
  out.tax = *Fen::parse("21984.96");
  out.use = "0";
  out.booking = "02";
  out.status = "0";
  return out;
}

inline RedDocument sample_red() {
  const Invoice blue = sample_invoice();
  RedDocument out;
  out.blue_number = blue.number;
  out.blue_type = blue.type;
  out.blue_issued_at = blue.issued_at;
  out.blue_amount = blue.amount;
  out.blue_tax = blue.tax;
  out.seller = blue.seller;
  out.buyer = blue.buyer;
  out.reason = Reason::goods_returned;
  RedLine line;
  line.blue_line = 1;
  line.tax_code = blue.lines[0].tax_code;
  line.name = blue.lines[0].name;
  line.unit = "吨";
  line.quantity = *Decimal::parse("-100");
  line.price = *Decimal::parse("338.23008");
  line.amount = *Fen::parse("-33823.01");
  line.rate = *Decimal::parse("0.13");
  line.tax = *Fen::parse("-4396.99");
  out.lines = {line};
  out.amount = line.amount;
  out.tax = line.tax;
  return out;
}

}  // namespace taxgate::test
