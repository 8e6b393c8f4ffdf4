#pragma once
// The benchmarks' invoices and requests: blue invoice number i, and the full red of it that states every field itself,
// so that parsing and rules have their real work. 1,028 bytes of JSON. Pure; everything follows from the index.
#include <fmt/format.h>

#include <array>
#include <string>

#include "daemon/pipeline/intake.h"
#include "daemon/rules/rules.h"
#include "daemon/store/records.h"
#include "protocol/api.pb.h"
#include "protocol/invoice.h"
#include "protocol/json_form.h"
#include "protocol/records.h"
#include "simulator/sample/sample.h"

namespace taxgate::bench {

inline std::string blue_number(std::uint64_t index) { return fmt::format("269900{:014d}", 7'000'000 + index); }

/// 32 hexadecimal digits without any order: the worst case for an index over them. source  splitmix64
inline std::string random_key(std::uint64_t seed, std::uint64_t index) {
  const auto mixed = [](std::uint64_t z) {
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  };
  return fmt::format("{:016x}{:016x}", mixed(seed + 2 * index), mixed(seed + 2 * index + 1));
}

inline Invoice blue_invoice(std::uint64_t index, const std::vector<sample::SampleTaxpayer>& sellers,
                            LegalTime issued_at) {
  Invoice out;
  out.number = blue_number(index);
  out.type = "81";
  out.issued_at = issued_at;
  out.seller = sellers[index % sellers.size()].party;
  out.buyer = {sample::invented_id("420106", 2500), "示例购买方有限公司"};
  out.use = "0";
  out.booking = "01";
  out.status = "0";
  for (int n = 1; n <= 2; ++n) {
    InvoiceLine line;
    line.number = n;
    line.tax_code = "1090131050000000000";
    line.name = n == 1 ? "*制冷空调设备*变频空调" : "*制冷空调设备*中央空调室内机";
    line.spec = n == 1 ? "KFR-35GW" : "FXFP56";
    line.unit = "台";
    line.quantity = Decimal::from_int(10);
    line.price = Decimal::from_int(100 * n);
    line.amount = Fen{100'000 * n};
    line.rate = *Decimal::parse("0.13");
    line.tax = Fen{13'000 * n};
    out.amount = out.amount + line.amount;
    out.tax = out.tax + line.tax;
    out.lines.push_back(line);
  }
  return out;
}

inline api::v1::SubmissionRequest full_form(const Invoice& blue) {
  api::v1::SubmissionRequest request;
  request.set_seller(blue.seller.id);
  request.set_blue_number(blue.number);
  request.set_reason("01");
  auto& context = *request.mutable_context();
  context.set_order("SO-2026-11-0012345");
  context.set_contract("HT-2026-0087");
  context.set_org_unit("华东销售一部");
  context.set_operator_("billing-batch-7");
  auto& form = *request.mutable_platform_form();
  form.set_lrfsf("0");
  form.set_xsfnsrsbh(blue.seller.id);
  form.set_xsfmc(blue.seller.name);
  form.set_gmfnsrsbh(blue.buyer.id);
  form.set_gmfmc(blue.buyer.name);
  form.set_lzfphm(blue.number);
  form.set_sfzzfpbz("N");
  form.set_lzkprq(blue.issued_at.platform_text());
  form.set_lzhjje(blue.amount.text());
  form.set_lzhjse(blue.tax.text());
  form.set_lzfppzdm(blue.type);
  form.set_hzcxje("-" + blue.amount.text());
  form.set_hzcxse("-" + blue.tax.text());
  form.set_chyydm("01");
  for (const auto& line : blue.lines) {
    auto& row = *form.add_hzqrdmxlist();
    row.set_lzmxxh(std::to_string(line.number));
    row.set_xh(std::to_string(line.number));
    row.set_sphfwssflhbbm(line.tax_code);
    row.set_hwhyslwfwmc(line.name);
    row.set_ggxh(line.spec);
    row.set_dw(line.unit);
    row.set_fpspdj(line.price->text());
    row.set_fpspsl("-" + line.quantity->text());
    row.set_je("-" + line.amount.text());
    row.set_sl1(line.rate.text());
    row.set_se("-" + line.tax.text());
  }
  return request;
}

/// The same request as the daemon would store it, for filling a database without a daemon.
inline store::Submission accepted_form(const Invoice& blue, const std::string& key) {
  auto request = full_form(blue);
  const std::string bytes = request.SerializeAsString();
  auto red = pipeline::document_of(*request.mutable_platform_form(), blue, true);
  if (!red) throw std::runtime_error("bench input: " + red.error().front().id + " " + red.error().front().field);
  store::Submission sub;
  sub.kind = Kind::red;
  sub.step = Step::apply;
  sub.state = State::queued;
  sub.caller = "bench";
  sub.idempotency_key = key;
  sub.taxpayer = blue.seller.id;
  sub.lane = sub.blue_number = blue.number;
  sub.request = bytes;
  sub.document = to_stored(*red);
  sub.amount = red->amount;
  sub.tax = red->tax;
  return sub;
}

}  // namespace taxgate::bench
