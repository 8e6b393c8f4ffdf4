// From a confirmed form to a red invoice: by the platform itself, or by the seller's upload and its asynchronous
// result.
#include <fmt/format.h>

#include "simulator/platform/world_records.h"

namespace taxgate::simulator {

std::string World::new_red_number(LegalTime at) {
  // Year, an invented province (99), channel 9, then a sequence: 20 digits (rules.md B.7).
  for (;;) {
    std::string number = fmt::format("{:02}999{:015}", at.year() % 100, ++red_sequence_);
    if (red_numbers_.insert(number).second) return number;
  }
}

void World::issue(FormRecord& record, LegalTime at, const RequestContext& context, const std::string& preassigned) {
  const bool take_given = !preassigned.empty() && red_numbers_.insert(preassigned).second;
  const std::string number = take_given ? preassigned : new_red_number(at);
  record.reds.push_back(number);
  leqi::Form& form = record.form;
  if (!form.issued) {  // with the protection off a second red is booked; the form goes on showing the first
    form.issued = true;
    form.red_number = number;
    form.red_issued_at = at;
  }
  Blue& blue = blues_.at(form.blue_number);
  blue.reds.push_back(number);
  refresh_status(blue);
  Effect effect = effect_of(record, EffectKind::red_issued, at);
  effect.origin = context.origin;
  effect.service = context.service;
  effect.taxpayer = form.seller.id;
  effect.red_number = number;
  effect.request_sha256 = context.request_sha256;
  effect.arrived_ms = context.arrived_ms;
  effect.protection = context.protection;
  book(std::move(effect));
}

leqi::UploadReply World::upload(const leqi::UploadRequest& request, const RequestContext& context) {
  const LegalTime now = advance(context.now);
  const RedDocument& red = request.red;
  FormRecord* record = find_form(request.form_uuid, request.form_number);
  if (record == nullptr) return {refused("未查询到红字确认单"), {}};
  const leqi::Form& form = record->form;
  if (form.number != request.form_number || form.uuid != request.form_uuid)
    return {refused("红字确认单编号与标识不一致"), {}};
  if (form.seller.id != red.seller.id || form.buyer.id != red.buyer.id || form.blue_number != red.blue_number ||
      form.amount != red.amount || form.tax != red.tax || form.reason != reason_code(red.reason)) {
    return {refused("上传的红字发票与红字确认单不一致"), {}};
  }
  if (leqi::form_class(form.state) != leqi::FormClass::confirmed) return {refused("红字确认单未确认或已作废"), {}};
  for (const std::string& named : {form.blue_number, form.number})
    if (request.remark.find(named) == std::string::npos)
      return {refused("备注未注明被红冲蓝字数电发票号码和红字发票信息确认单编号"), {}};

  if (!form.issued && !record->never_issue && behaviour_of(red.seller.id).issue == IssueMode::before_upload) {
    RequestContext by_platform;
    by_platform.origin = Origin::platform;
    issue(*record, now, by_platform, {});
  }

  const std::string serial_key = red.seller.id + "|" + request.serial;
  const auto first = serials_.find(serial_key);
  const bool repeated = context.protection && first != serials_.end();
  if (context.protection && !repeated) {
    if (form.issued) return {refused("红字确认单已开具红字发票"), {}};
    if (!request.red_number.empty() && red_numbers_.contains(request.red_number))
      return {refused("发票号码已使用"), {}};
  }
  Upload upload;
  upload.receipt = fmt::format("SIM{:037}", ++upload_sequence_);  // sllsh has 40 characters
  upload.request = request;
  upload.context = context;
  if (repeated) upload.first_receipt = first->second;
  serials_.emplace(serial_key, upload.receipt);  // keeps the first
  const std::string receipt = upload.receipt;
  uploads_.emplace(receipt, std::move(upload));
  if (!context.no_issue) plan(now.plus_ms(behaviour_of(red.seller.id).upload_ms), Due::upload, receipt);
  return {done(), receipt};
}

void World::process_upload(Upload& upload, LegalTime at) {
  if (!upload.first_receipt.empty()) {
    const Upload& first = uploads_.at(upload.first_receipt);
    if (first.result == "01") {
      plan(at.plus_ms(1), Due::upload, upload.receipt);  // a repetition has no result before the first one has
      return;
    }
    upload.result = "03";
    upload.red_number = first.red_number;
    upload.issued_at = first.issued_at;
    upload.message = "重复上传";
    return;
  }
  FormRecord* record = find_form(upload.request.form_uuid, {});
  const bool ready = leqi::form_class(record->form.state) == leqi::FormClass::confirmed;
  if (!ready || (record->form.issued && upload.context.protection)) {
    upload.result = "02";
    upload.message = ready ? "红字确认单已开具红字发票" : "红字确认单未确认或已作废";
    return;
  }
  issue(*record, at, upload.context, upload.request.red_number);
  upload.result = "00";
  upload.red_number = record->reds.back();
  upload.issued_at = at;
}

leqi::UploadResultReply World::upload_result(const leqi::UploadResultRequest& request, LegalTime now) {
  advance(now);
  leqi::UploadResultReply reply;
  auto found = uploads_.find(request.receipt);
  if (found == uploads_.end()) {
    const auto by_serial = serials_.find(request.taxpayer + "|" + request.serial);
    if (by_serial != serials_.end()) found = uploads_.find(by_serial->second);
  }
  if (found == uploads_.end() || found->second.request.red.seller.id != request.taxpayer) {
    reply.outcome = refused("未查询到上传记录");
    return reply;
  }
  const Upload& upload = found->second;
  reply.outcome = done();
  reply.result = upload.result;
  reply.red_number = upload.red_number;
  reply.message = upload.message;
  reply.issued_at = upload.issued_at;
  return reply;
}

leqi::InvoiceStatusReply World::invoice_status(const leqi::InvoiceStatusRequest& request, LegalTime now) {
  advance(now);
  leqi::InvoiceStatusReply reply;
  const auto found = blues_.find(request.number);
  if (found == blues_.end() ||
      (found->second.invoice.seller.id != request.taxpayer && found->second.invoice.buyer.id != request.taxpayer)) {
    reply.outcome = refused("未查询到发票");
    return reply;
  }
  const Blue& blue = found->second;
  reply.outcome = done();
  reply.number = blue.invoice.number;
  reply.status = blue.invoice.status;
  reply.use = blue.invoice.use;
  reply.booking = blue.invoice.booking;
  reply.locked = has_open_document(blue);
  const Left left = left_of(blue);
  reply.left_amount = left.amount;
  reply.left_tax = left.tax;
  return reply;
}

void World::each_invoice(const std::function<void(const Invoice&, bool locked)>& each) const {
  for (const auto& [number, blue] : blues_) each(blue.invoice, has_open_document(blue));
  for (const std::string& uuid : form_order_) {
    const FormRecord& record = forms_.at(uuid);
    for (const std::string& number : record.reds) {
      Invoice red;
      red.number = number;
      red.type = blues_.at(record.form.blue_number).invoice.type;
      red.issued_at = record.form.red_issued_at;
      red.seller = record.form.seller;
      red.buyer = record.form.buyer;
      red.amount = record.form.amount;
      red.tax = record.form.tax;
      red.status = "0";
      red.use = "0";
      red.booking = "01";
      red.is_red = true;
      each(red, false);
    }
  }
}

}  // namespace taxgate::simulator
