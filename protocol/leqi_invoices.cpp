// Upload of the red invoice (QDFPSC, CXQDFPSCJG), status of one invoice (FPZTXXCX) and the information table's
// carriage. The public material names lzfpbz, hzqrxxdbh, hzqrduuid, dylzfphm, ywlsh, sllsh and scjg; the rest of the
// upload repeats the form's vocabulary (docs/fidelity.md).
#include "protocol/leqi_json.h"

namespace taxgate::leqi {

namespace {
constexpr std::string_view kRedInvoice = "1";  // lzfpbz: 0 blue, 1 red
}

std::string upload_json(const UploadRequest& request) {
  const RedDocument& red = request.red;
  json::object o;
  put(o, "ywlsh", request.serial);
  put(o, "lzfpbz", kRedInvoice);
  put(o, "hzqrxxdbh", request.form_number);
  put(o, "hzqrduuid", request.form_uuid);
  put(o, "dylzfphm", red.blue_number);
  put(o, "dylzfplx", red.blue_type);
  if (!request.red_number.empty()) put(o, "fphm", request.red_number);
  put(o, "lrfsf", red.initiator == Side::buyer ? "1" : "0");
  put_parties(o, red.seller, red.buyer);
  put_time(o, "lzkprq", red.blue_issued_at);
  put(o, "lzhjje", red.blue_amount.text());
  put(o, "lzhjse", red.blue_tax.text());
  put(o, "chyyDm", reason_code(red.reason));
  put(o, "hjje", red.amount.text());
  put(o, "hjse", red.tax.text());
  if (!red.element.empty()) put(o, "tdys", red.element);
  if (!request.remark.empty()) put(o, "bz", request.remark);
  put_lines(o, "fpmxList", red.lines, true);
  return text_of(o);
}

Result<UploadRequest> read_upload(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  UploadRequest request;
  request.serial = f.need("ywlsh");
  if (f.need("lzfpbz") != kRedInvoice) f.remember("lzfpbz", "only red invoices are uploaded");
  request.form_number = f.text("hzqrxxdbh");
  request.form_uuid = f.text("hzqrduuid");
  request.red_number = f.text("fphm");
  request.remark = f.text("bz");
  RedDocument& red = request.red;
  red.track = Track::confirmation_form;
  red.blue_number = f.need("dylzfphm");
  red.blue_type = f.text("dylzfplx");
  red.initiator = f.side("lrfsf");
  read_parties(f, red.seller, red.buyer);
  red.blue_issued_at = f.maybe_time("lzkprq");
  red.blue_amount = f.fen_or_zero("lzhjje");
  red.blue_tax = f.fen_or_zero("lzhjse");
  auto reason = parse_reason(f.need("chyyDm"), "chyyDm");
  if (!reason) f.remember(reason.error());
  red.reason = reason.value_or(Reason::wrong_invoice);
  red.amount = f.fen("hjje");
  red.tax = f.fen("hjse");
  red.element = f.text("tdys");
  red.lines = read_lines(f, "fpmxList");
  return finished(f, std::move(request));
}

std::string upload_reply_json(const UploadReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "sllsh", reply.receipt);
  return text_of(o);
}

Result<UploadReply> read_upload_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  UploadReply reply;
  reply.outcome = f.outcome();
  reply.receipt = f.text("sllsh");
  return finished(f, std::move(reply));
}

std::string upload_result_json(const UploadResultRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "sllsh", request.receipt);
  put(o, "ywlsh", request.serial);
  return text_of(o);
}

Result<UploadResultRequest> read_upload_result(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  UploadResultRequest request;
  request.taxpayer = f.need("nsrsbh");
  request.receipt = f.text("sllsh");
  request.serial = f.text("ywlsh");
  return finished(f, std::move(request));
}

std::string upload_result_reply_json(const UploadResultReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "scjg", reply.result);
  put(o, "fphm", reply.red_number);
  put(o, "scjgms", reply.message);
  put_time(o, "kprq", reply.issued_at);
  return text_of(o);
}

Result<UploadResultReply> read_upload_result_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  UploadResultReply reply;
  reply.outcome = f.outcome();
  reply.result = f.text("scjg");
  reply.red_number = f.text("fphm");
  reply.message = f.text("scjgms");
  reply.issued_at = f.maybe_time("kprq");
  return finished(f, std::move(reply));
}

std::string invoice_status_json(const InvoiceStatusRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "fphm", request.number);
  return text_of(o);
}

Result<InvoiceStatusRequest> read_invoice_status(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  InvoiceStatusRequest request;
  request.taxpayer = f.need("nsrsbh");
  request.number = f.need("fphm");
  return finished(f, std::move(request));
}

std::string invoice_status_reply_json(const InvoiceStatusReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  put(o, "fphm", reply.number);
  put(o, "fpzt", reply.status);
  put(o, "fpyt", reply.use);
  put(o, "rzzt", reply.booking);
  put(o, "hzsdbs", reply.locked ? "Y" : "N");
  put(o, "sykhcje", reply.left_amount.text());
  put(o, "sykhcse", reply.left_tax.text());
  return text_of(o);
}

Result<InvoiceStatusReply> read_invoice_status_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  InvoiceStatusReply reply;
  reply.outcome = f.outcome();
  reply.number = f.text("fphm");
  reply.status = f.text("fpzt");
  reply.use = f.text("fpyt");
  reply.booking = f.text("rzzt");
  reply.locked = f.flag("hzsdbs");
  reply.left_amount = f.fen_or_zero("sykhcje");
  reply.left_tax = f.fen_or_zero("sykhcse");
  return finished(f, std::move(reply));
}

std::string table_json(ByteView gbk_xml) {
  json::object o;
  put(o, "xml", base64(gbk_xml));
  return text_of(o);
}

Result<Bytes> read_table_json(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  auto bytes = from_base64(f.need("xml"), "xml");
  if (!bytes) f.remember("xml", "not base64");
  return finished(f, bytes.value_or(Bytes{}));
}

}  // namespace taxgate::leqi
