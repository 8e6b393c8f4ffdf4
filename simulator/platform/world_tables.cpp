// Information tables (信息表) of the tax-device track: upload, check, download, cancel, write-off.
#include <fmt/format.h>

#include <algorithm>

#include "simulator/platform/world_records.h"

namespace taxgate::simulator {

namespace {

table::Row answer(const std::string& request_number, std::string_view status, std::string text = {}) {
  const table::TableStatus* known = table::table_status(status);
  if (text.empty() && known != nullptr) text = known->term;
  return {request_number, {}, std::string(status), std::move(text), {}};
}

std::string requester(const RedDocument& red) { return red.initiator == Side::buyer ? red.buyer.id : red.seller.id; }

}  // namespace

Effect World::effect_of(const TableRecord& record, EffectKind kind, LegalTime at) const {
  const RedDocument& red = record.row.red;
  Effect e;
  e.kind = kind;
  e.legal = at;
  e.origin = kind == EffectKind::table_created ? record.context.origin : Origin::platform;
  e.taxpayer = requester(red);
  e.seller = red.seller.id;
  e.buyer = red.buyer.id;
  e.blue_number = red.blue_number;
  e.amount = red.amount;
  e.tax = red.tax;
  e.state = record.row.status;
  e.document = record.id;
  e.number_text = record.row.number;
  e.request_number = record.row.request_number;
  return e;
}

table::Row World::table_upload(const RedDocument& red, const RequestContext& context) {
  const LegalTime now = advance(context.now);
  if (context.protection) {
    // A request number identifies one table for ever, cancelled ones too.
    for (const std::string& id : table_order_)
      if (tables_.at(id).row.request_number == red.request_number) return answer(red.request_number, "TZD0061");
  }
  Fen amount, tax;
  for (const RedLine& line : red.lines) {
    amount += line.amount;
    tax += line.tax;
  }
  if (red.lines.empty() || amount != red.amount || tax != red.tax || (red.amount + red.tax).value >= 0) {
    return answer(red.request_number, "TZD0073", "查证未通过:金额、税额有误");
  }
  Blue* blue = nullptr;
  if (!red.blue_number.empty()) {
    const auto found = blues_.find(red.blue_number);
    if (found == blues_.end() || found->second.invoice.seller.id != red.seller.id ||
        found->second.invoice.buyer.id != red.buyer.id) {
      return answer(red.request_number, "TZD0073", "查证未通过:蓝字发票不存在或购销双方不一致");
    }
    blue = &found->second;
    if (context.protection && !cap_breach(*blue, red).empty()) return answer(red.request_number, "TZD0100");
  }
  TableRecord record;
  record.id = fmt::format("T{:08}", ++table_sequence_);
  record.row = answer(red.request_number, "TZD0071");
  record.row.red = red;
  record.uploaded_at = now;
  record.context = context;
  const std::string id = record.id;
  TableRecord& kept = tables_.emplace(id, std::move(record)).first->second;
  table_order_.push_back(id);
  if (blue != nullptr) blue->tables.push_back(id);
  Effect effect = effect_of(kept, EffectKind::table_created, now);
  effect.service = context.service;
  effect.request_sha256 = context.request_sha256;
  effect.arrived_ms = context.arrived_ms;
  effect.protection = context.protection;
  book(std::move(effect));

  const std::int64_t check_ms = behaviour_of(red.seller.id).table_check_ms;
  if (check_ms <= 0) {
    approve(kept, now);
  } else {
    plan(now.plus_ms(check_ms), Due::table_check, id);
  }
  table::Row row = kept.row;
  row.red = {};  // an upload's reply shows no document
  return row;
}

void World::approve(TableRecord& record, LegalTime at) {
  // 16 digits: six of ours, YYMM, five of a sequence, check digit (rules.md B.7). Past 99,999 the sequence flows into
  // the six.
  const std::uint64_t sequence = std::stoull(record.id.substr(1));
  std::string number = fmt::format("99{:04}{:02}{:02}{:05}", sequence / 100'000 % 10'000, at.year() % 100, at.month(),
                                   sequence % 100'000);
  number += table_number_check(number);
  record.row.number = number;
  record.row.status = "TZD0000";
  record.row.status_text = table::table_status("TZD0000")->term;
  book(effect_of(record, EffectKind::table_approved, at));
  const std::int64_t write_off_ms = behaviour_of(record.row.red.seller.id).write_off_ms;
  if (write_off_ms >= 0) plan(at.plus_ms(write_off_ms), Due::write_off, record.id);
}

table::DownloadReply World::table_download(const table::DownloadRequest& request, LegalTime now) {
  advance(now);
  table::DownloadReply reply;
  const int size = std::clamp(request.page_size == 0 ? kMaxPageSize : request.page_size, 1, kMaxPageSize);
  const int first = (std::max(request.page, 1) - 1) * size;
  auto fits = [](const std::string& wanted, const std::string& given) { return wanted.empty() || wanted == given; };
  for (const std::string& id : table_order_) {
    const TableRecord& record = tables_.at(id);
    const RedDocument& red = record.row.red;
    if (red.seller.id != request.taxpayer && red.buyer.id != request.taxpayer) continue;
    if (!fits(request.tax_device, red.tax_device) || !fits(request.request_number, record.row.request_number) ||
        !fits(request.number, record.row.number) || !fits(request.blue_number, red.blue_number) ||
        !fits(request.buyer, red.buyer.id) || !fits(request.seller, red.seller.id)) {
      continue;
    }
    // Days: the last one belongs to the window whole.
    if (request.from.is_set() && record.uploaded_at < request.from) continue;
    if (request.to.is_set() && record.uploaded_at >= request.to.plus_ms(24 * LegalTime::kHourMs)) continue;
    const int place = reply.total++;
    if (place >= first && place < first + size) reply.rows.push_back(record.row);
  }
  return reply;
}

table::Row World::table_cancel(const table::CancelRequest& request, const RequestContext& context) {
  const LegalTime now = advance(context.now);
  for (const std::string& id : table_order_) {
    TableRecord& record = tables_.at(id);
    if (record.row.number.empty() || record.row.number != request.number) continue;
    if (requester(record.row.red) != request.taxpayer) break;
    if (table::table_class(record.row.status) == table::TableClass::approved) {
      record.row.status = "TZD0082";
      record.row.status_text = table::table_status("TZD0082")->term;
      Effect effect = effect_of(record, EffectKind::table_cancelled, now);
      effect.origin = context.origin;
      effect.service = context.service;
      effect.request_sha256 = context.request_sha256;
      effect.arrived_ms = context.arrived_ms;
      book(std::move(effect));
    }
    table::Row row = record.row;
    row.red = {};
    return row;
  }
  table::Row row = answer({}, "TZD0500");
  row.number = request.number;
  return row;
}

}  // namespace taxgate::simulator
