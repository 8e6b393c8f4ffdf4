#pragma once
// A small world with the sample data's shapes, and the reds asked of it. Legal time is whatever the test says.
#include <gtest/gtest.h>

#include "simulator/platform/world.h"

namespace taxgate::simulator {

inline Decimal dec(std::string_view text) { return *Decimal::parse(text); }
inline Fen fen(std::string_view text) { return *Fen::parse(text); }

class WorldTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kHour = LegalTime::kHourMs;

  /// 500 pieces at 2000.00, 13 %: 1000000.00 + 130000.00. `marked`: the buyer deducted and booked it.
  static Invoice coolers(const std::string& number, bool marked) {
    Invoice i;
    i.number = number;
    i.type = "81";
    i.issued_at = *LegalTime::parse("2026-11-03");
    i.seller = {"91310115TGDM00011U", "卖方"};
    i.buyer = {"91420106TGDM00214A", "买方"};
    i.lines = {{1, "1090131050000000000", "*制冷空调设备*变频空调", "35GW", "台", dec("500"), dec("2000"),
                fen("1000000.00"), dec("0.13"), fen("130000.00"), LineKind::normal, ""}};
    i.amount = fen("1000000.00");
    i.tax = fen("130000.00");
    i.use = marked ? "1" : "0";
    i.booking = marked ? "02" : "01";
    i.status = "0";
    return i;
  }

  static RedDocument part(const Invoice& blue, std::string_view quantity, std::string_view amount, std::string_view tax,
                          Reason reason = Reason::goods_returned, Side initiator = Side::seller) {
    RedDocument red;
    red.initiator = initiator;
    red.blue_number = blue.number;
    red.blue_type = blue.type;
    red.blue_issued_at = blue.issued_at;
    red.blue_amount = blue.amount;
    red.blue_tax = blue.tax;
    red.seller = blue.seller;
    red.buyer = blue.buyer;
    red.reason = reason;
    const InvoiceLine& line = blue.lines[0];
    RedLine back{1, line.tax_code, line.name, line.spec, line.unit, {}, {}, fen(amount), line.rate, fen(tax), ""};
    if (!quantity.empty()) {
      back.quantity = dec(quantity);
      back.price = line.price;
    }
    red.lines = {back};
    red.amount = back.amount;
    red.tax = back.tax;
    return red;
  }
  static RedDocument whole(const Invoice& blue, Reason reason = Reason::goods_returned, Side initiator = Side::seller) {
    return part(blue, "-500", "-1000000.00", "-130000.00", reason, initiator);
  }

  RequestContext at(LegalTime now) const {
    RequestContext context;
    context.now = now;
    context.arrived_ms = 1;
    return context;
  }
  RequestContext unprotected(LegalTime now) const {
    RequestContext context = at(now);
    context.protection = false;
    return context;
  }

  leqi::ConfirmReply answer(const std::string& uuid, leqi::Answer what, Side side, LegalTime now) {
    const FormRecord* record = world.form(uuid);
    const std::string& who = side == Side::seller ? record->form.seller.id : record->form.buyer.id;
    return world.confirm({uuid, record->form.number, what, side, who}, at(now));
  }
  const leqi::Form& form(const std::string& uuid) { return world.form(uuid)->form; }
  leqi::UploadRequest upload_of(const std::string& uuid, const RedDocument& red, std::string serial) {
    const std::string& number = form(uuid).number;
    return {std::move(serial), number, uuid, red, {}, red.blue_number + " " + number};
  }
  leqi::UploadResultReply result_of(const leqi::UploadReply& reply, const RedDocument& red, LegalTime now) {
    return world.upload_result({red.seller.id, reply.receipt, {}}, now);
  }
  static Promise promise_of(const RedDocument& red, Promised outcome) {
    return {
        red.seller.id, red.blue_number, std::string(reason_code(red.reason)), red.amount, red.tax, outcome, {}, {}, {}};
  }
  int effects(EffectKind kind) const {
    int n = 0;
    for (const Effect& e : log.effects()) n += e.kind == kind ? 1 : 0;
    return n;
  }

  const LegalTime t0 = *LegalTime::parse("2026-11-22 10:00:00");
  RequestLog log;
  World world{[this](Effect e) { log.append(std::move(e)); }};
  const Invoice marked = coolers("26990000000000000001", true);
  const Invoice unmarked = coolers("26990000000000000002", false);
};

}  // namespace taxgate::simulator
