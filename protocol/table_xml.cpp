#include "protocol/table_xml.h"

#include <fmt/format.h>

#include <array>

#include "protocol/table_xml_document.h"

namespace taxgate::table {

namespace {

constexpr std::string_view kSellerMemo = "0000000100", kBuyerDeductedMemo = "1100000000", kBuyerMemo = "1010000000";
constexpr std::size_t kDeviceDigits = 12;
constexpr std::size_t kBareNumber = 8;             // invoice number behind its code
constexpr std::string_view kMachine = "0";         // Kpjh: one billing machine per device is all we model
constexpr std::string_view kCodeVersion = "33.0";  // SPBMBBH, version of the tax classification table: unverified
constexpr std::string_view kNormalBill = "0", kVatKind = "1", kNormalRateKind = "0", kWithoutTax = "N";

bool digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool shows_blue(std::string_view memo) { return memo != kBuyerDeductedMemo; }  // 47号: deducted: blue fields stay blank

std::string day_text(LegalTime day) {
  return day.is_set() ? fmt::format("{:04}{:02}{:02}", day.year(), day.month(), day.day()) : std::string{};
}

LegalTime read_day(Reader& reader, const char* element, const std::string& text) {
  if (text.empty()) return {};
  if (text.size() == 8 && digits(text)) {
    auto day = LegalTime::parse(text.substr(0, 4) + "-" + text.substr(4, 2) + "-" + text.substr(6, 2), element);
    if (day) return *day;
  }
  reader.remember(element, "not a day yyyyMMdd");
  return {};
}

/// LSLBZ: why a rate reads zero. 免税 1, 不征税 2, ordinary zero rate 3; empty for a rate above zero.
std::string_view zero_rate_mark(const RedLine& line) {
  if (!line.rate.is_zero()) return {};
  return line.preference == "03" ? "1" : line.preference == "04" ? "2" : "3";
}

void put_line(Writer& w, pugi::xml_node list, const RedLine& line, std::size_t index) {
  const std::string at = fmt::format("lines[{}].", index);
  pugi::xml_node n = list.append_child("GoodsMx");
  w.put(n, "GoodsName", line.name, at + "name");
  w.put(n, "GoodsUnit", line.unit, at + "unit");
  w.put(n, "GoodsPrice", line.price ? line.price->text() : "", at + "price");
  w.put(n, "GoodsTaxRate", line.rate.text(), at + "rate");
  w.put(n, "GoodsGgxh", line.spec, at + "spec");
  w.put(n, "GoodsNum", line.quantity ? line.quantity->text() : "", at + "quantity");
  w.put(n, "GoodsJE", line.amount.text(), at + "amount");
  w.put(n, "GoodsSE", line.tax.text(), at + "tax");
  w.put(n, "HS_BZ", kWithoutTax, at + "amount");
  w.put(n, "SPBM", line.tax_code, at + "tax_code");
  w.put(n, "QYSPBM", "", at + "tax_code");
  w.put(n, "SYYHZCBZ", line.preference.empty() ? "0" : "1", at + "preference");
  w.put(n, "YHZC", line.preference, at + "preference");
  w.put(n, "LSLBZ", zero_rate_mark(line), at + "rate");
}

RedLine read_line(Reader& r, pugi::xml_node n) {
  RedLine line;
  line.name = r.need(n, "GoodsName");
  line.unit = r.text(n, "GoodsUnit");
  line.price = r.maybe_decimal(n, "GoodsPrice");
  line.rate = r.decimal(n, "GoodsTaxRate");
  line.spec = r.text(n, "GoodsGgxh");
  line.quantity = r.maybe_decimal(n, "GoodsNum");
  line.amount = r.fen(n, "GoodsJE");
  line.tax = r.fen(n, "GoodsSE");
  line.tax_code = r.text(n, "SPBM");
  line.preference = r.text(n, "YHZC");
  return line;
}

bool one_rate(const RedDocument& red) {
  for (const RedLine& line : red.lines)
    if (!(line.rate == red.lines.front().rate)) return false;
  return !red.lines.empty();
}

void put_document(Writer& w, pugi::xml_node n, const RedDocument& red) {
  const bool blue = shows_blue(red.table_memo) && red.blue_number.size() > kBareNumber;
  const std::string& number = red.blue_number;
  const std::size_t split = blue ? number.size() - kBareNumber : 0;
  // The day of the request is inside its number: device, then yyMMddHHmmss.
  const std::string day =
      red.request_number.size() == kDeviceDigits + 12 ? "20" + red.request_number.substr(kDeviceDigits, 6) : "";
  w.put(n, "ReqNsrsbh", red.initiator == Side::buyer ? red.buyer.id : red.seller.id, "initiator");
  w.put(n, "Kpjh", kMachine, "tax_device");
  w.put(n, "Sbbh", red.tax_device, "tax_device");
  w.put(n, "ReqBillNo", red.request_number, "request_number");
  w.put(n, "BillType", kNormalBill, {});
  w.put(n, "TypeCode", blue ? std::string_view(number).substr(0, split) : std::string_view{}, "blue_number");
  w.put(n, "InvNo", blue ? std::string_view(number).substr(split) : std::string_view{}, "blue_number");
  w.put(n, "Kprq",
        blue && red.blue_issued_at.is_set()
            ? fmt::format("{:04}{:02}", red.blue_issued_at.year(), red.blue_issued_at.month())
            : std::string{},
        "blue_issued_at");
  w.put(n, "Szlb", kVatKind, {});
  w.put(n, "IsMutiRate", one_rate(red) ? "0" : "1", "lines");
  w.put(n, "Date", day, "request_number");
  w.put(n, "BuyerName", red.buyer.name, "buyer.name");
  w.put(n, "BuyTaxCode", red.buyer.id, "buyer.id");
  w.put(n, "SellerName", red.seller.name, "seller.name");
  w.put(n, "SellTaxCode", red.seller.id, "seller.id");
  w.put(n, "Amount", red.amount.text(), "amount");
  w.put(n, "TaxRate", one_rate(red) ? red.lines.front().rate.text() : "", "lines");
  w.put(n, "Tax", red.tax.text(), "tax");
  w.put(n, "ReqMemo", red.table_memo, "table_memo");
  w.put(n, "SPBMBBH", kCodeVersion, {});
  w.put(n, "SLBZ", kNormalRateKind, {});
  pugi::xml_node list = n.append_child("RedInvReqBillMx");
  for (std::size_t i = 0; i < red.lines.size(); ++i) put_line(w, list, red.lines[i], i);
}

RedDocument read_document(Reader& r, pugi::xml_node n) {
  RedDocument red;
  red.track = Track::information_table;
  red.table_memo = r.need(n, "ReqMemo");
  red.initiator = red.table_memo == kSellerMemo ? Side::seller : Side::buyer;
  red.tax_device = r.text(n, "Sbbh");
  red.request_number = r.need(n, "ReqBillNo");
  const std::string code = r.text(n, "TypeCode"), number = r.text(n, "InvNo");
  if (!code.empty() || !number.empty()) {
    auto canonical = canonical_invoice_number(code, number, InvoiceClass::sk, "InvNo");
    if (!canonical) r.remember(canonical.error());
    red.blue_number = canonical.value_or(std::string{});
    red.blue_type =
        code.size() == kDeviceDigits ? "08" : "01";  // only 专票 have information tables; 12 digits: electronic
  }
  if (const std::string month = r.text(n, "Kprq"); !month.empty()) {
    auto first =
        LegalTime::parse(month.size() == 6 ? month.substr(0, 4) + "-" + month.substr(4) + "-01" : month, "Kprq");
    if (!first) r.remember(first.error());
    red.blue_issued_at = first.value_or(LegalTime{});
  }
  red.buyer = {r.text(n, "BuyTaxCode"), r.text(n, "BuyerName")};
  red.seller = {r.need(n, "SellTaxCode"), r.text(n, "SellerName")};
  red.amount = r.fen(n, "Amount");
  red.tax = r.fen(n, "Tax");
  for (pugi::xml_node line : n.child("RedInvReqBillMx").children("GoodsMx")) red.lines.push_back(read_line(r, line));
  return red;
}

void put_row(Writer& w, pugi::xml_node n, const Row& row) {
  w.put(n, "ReqBillNo", row.request_number, "request_number");
  w.put(n, "ResBillNo", row.number, "number");
  w.put(n, "YDDK", "N", {});
  w.put(n, "DKBDBS", "", {});
  w.put(n, "StatusDM", row.status, "status");
  w.put(n, "StatusMC", row.status_text, "status_text");
}

Row read_row(Reader& r, pugi::xml_node n) {
  return {r.text(n, "ReqBillNo"), r.text(n, "ResBillNo"), r.need(n, "StatusDM"), r.text(n, "StatusMC"), {}};
}

}  // namespace

Result<Bytes> upload_xml(const RedDocument& red) {
  Writer w("INPUT");
  if (red.track != Track::information_table) w.refuse("track", "confirmation_form");
  if (red.table_memo != kSellerMemo && red.table_memo != kBuyerMemo && red.table_memo != kBuyerDeductedMemo) {
    w.refuse("table_memo", red.table_memo);
  }
  if (red.tax_device.size() != kDeviceDigits || !digits(red.tax_device)) w.refuse("tax_device", red.tax_device);
  if (auto ok = check_request_number(red.request_number, "request_number"); !ok)
    w.refuse("request_number", red.request_number);
  put_document(w, w.body().append_child("RedInvReqBill"), red);
  return w.finish();
}

Result<RedDocument> read_upload(ByteView gbk) {
  auto r = Reader::open(gbk, "INPUT");
  if (!r) return std::unexpected(std::move(r.error()));
  RedDocument red = read_document(*r, r->body().child("RedInvReqBill"));
  return finished(*r, std::move(red));
}

bool same_table(const RedDocument& a, const RedDocument& b) {
  if (a.table_memo != b.table_memo || a.tax_device != b.tax_device || a.request_number != b.request_number ||
      a.seller != b.seller || a.buyer != b.buyer || a.amount != b.amount || a.tax != b.tax ||
      a.lines.size() != b.lines.size()) {
    return false;
  }
  if (shows_blue(a.table_memo) && a.blue_number != b.blue_number) return false;
  for (std::size_t i = 0; i < a.lines.size(); ++i) {
    RedLine left = a.lines[i], right = b.lines[i];
    left.blue_line = right.blue_line = 0;  // a table does not say which blue line
    if (left != right) return false;
  }
  return true;
}

Result<Bytes> upload_reply_xml(const Row& row) {
  Writer w("OUTPUT");
  put_row(w, w.body().append_child("RedInvReqBill"), row);
  return w.finish();
}

Result<Row> read_upload_reply(ByteView gbk) {
  auto r = Reader::open(gbk, "OUTPUT");
  if (!r) return std::unexpected(std::move(r.error()));
  Row row = read_row(*r, r->body().child("RedInvReqBill"));
  return finished(*r, std::move(row));
}

Result<Bytes> download_xml(const DownloadRequest& request) {
  Writer w("INPUT");
  pugi::xml_node n = w.body();
  w.put(n, "NSRSBH", request.taxpayer, "taxpayer");
  w.put(n, "SBBH", request.tax_device, "tax_device");
  w.put(n, "KPJH", kMachine, "tax_device");
  w.put(n, "YQZT", "", {});
  w.put(n, "TKRQ_Q", day_text(request.from), "from");
  w.put(n, "TKRQ_Z", day_text(request.to), "to");
  w.put(n, "GFSH", request.buyer, "buyer");
  w.put(n, "XFSH", request.seller, "seller");
  w.put(n, "XXBBH", request.number, "number");
  w.put(n, "XXBFW", "0", {});
  w.put(n, "PAGENO", std::to_string(request.page), "page");
  w.put(n, "PAGESIZE", std::to_string(request.page_size), "page_size");
  // Filters of ours, sent only when used; a platform that ignores them answers with more rows, never with fewer.
  if (!request.request_number.empty()) w.put(n, "ReqBillNo", request.request_number, "request_number");
  if (!request.blue_number.empty()) w.put(n, "LZFPHM", request.blue_number, "blue_number");
  return w.finish();
}

Result<DownloadRequest> read_download(ByteView gbk) {
  auto r = Reader::open(gbk, "INPUT");
  if (!r) return std::unexpected(std::move(r.error()));
  const pugi::xml_node n = r->body();
  DownloadRequest request;
  request.taxpayer = r->need(n, "NSRSBH");
  request.tax_device = r->text(n, "SBBH");
  request.from = read_day(*r, "TKRQ_Q", r->text(n, "TKRQ_Q"));
  request.to = read_day(*r, "TKRQ_Z", r->text(n, "TKRQ_Z"));
  request.buyer = r->text(n, "GFSH");
  request.seller = r->text(n, "XFSH");
  request.number = r->text(n, "XXBBH");
  request.page = r->integer(n, "PAGENO");
  request.page_size = r->integer(n, "PAGESIZE");
  request.request_number = r->text(n, "ReqBillNo");
  request.blue_number = r->text(n, "LZFPHM");
  return finished(*r, std::move(request));
}

Result<Bytes> download_reply_xml(const DownloadReply& reply) {
  Writer w("OUTPUT");
  w.put(w.body(), "ALLCOUNT", std::to_string(reply.total), "total");
  pugi::xml_node list = w.body().append_child("RedInvReqBills");
  for (const Row& row : reply.rows) {
    pugi::xml_node n = list.append_child("RedInvReqBill");
    put_document(w, n, row.red);  // holds ReqBillNo already
    w.put(n, "ResBillNo", row.number, "number");
    w.put(n, "StatusDM", row.status, "status");
    w.put(n, "StatusMC", row.status_text, "status_text");
  }
  return w.finish();
}

Result<DownloadReply> read_download_reply(ByteView gbk) {
  auto r = Reader::open(gbk, "OUTPUT");
  if (!r) return std::unexpected(std::move(r.error()));
  DownloadReply reply;
  reply.total = r->integer(r->body(), "ALLCOUNT");
  for (pugi::xml_node n : r->body().child("RedInvReqBills").children("RedInvReqBill")) {
    Row row = read_row(*r, n);
    row.red = read_document(*r, n);
    reply.rows.push_back(std::move(row));
  }
  return finished(*r, std::move(reply));
}

Result<Bytes> cancel_xml(const CancelRequest& request) {
  Writer w("INPUT");
  w.put(w.body(), "NSRSBH", request.taxpayer, "taxpayer");
  w.put(w.body(), "SBBH", request.tax_device, "tax_device");
  w.put(w.body(), "KPJH", kMachine, "tax_device");
  w.put(w.body(), "XXBBH", request.number, "number");
  return w.finish();
}

Result<CancelRequest> read_cancel(ByteView gbk) {
  auto r = Reader::open(gbk, "INPUT");
  if (!r) return std::unexpected(std::move(r.error()));
  CancelRequest request{r->need(r->body(), "NSRSBH"), r->text(r->body(), "SBBH"), r->need(r->body(), "XXBBH")};
  return finished(*r, std::move(request));
}

namespace {

// devices.md 7 and rules.md B.3. 0076–0080 are known to exist as failure handling, no more.
constexpr std::array<TableStatus, 17> kStatuses{{
    {"TZD0000", TableClass::approved, "审核通过", "approved"},
    {"TZD1000", TableClass::approved, "审核通过", "approved"},
    {"TZD0500", TableClass::not_uploaded, "未上传", "not uploaded"},
    {"TZD0061", TableClass::duplicate, "重复上传", "uploaded before"},
    {"TZD0071", TableClass::pending, "待查证", "being checked"},
    {"TZD0072", TableClass::written_off, "已核销待查证", "written off, being checked"},
    {"TZD0073", TableClass::failed, "查证未通过", "check failed"},
    {"TZD0074", TableClass::written_off, "已核销", "written off"},
    {"TZD0075", TableClass::approved, "核销后激活", "active again after the write-off"},
    {"TZD0076", TableClass::failed, "异常处理", "failure handling"},
    {"TZD0077", TableClass::failed, "异常处理", "failure handling"},
    {"TZD0078", TableClass::failed, "异常处理", "failure handling"},
    {"TZD0079", TableClass::failed, "异常处理", "failure handling"},
    {"TZD0080", TableClass::failed, "异常处理", "failure handling"},
    {"TZD0082", TableClass::cancelled, "已撤销", "revoked"},
    {"TZD0083", TableClass::cancelled, "已作废", "void"},
    {"TZD0100", TableClass::exceeds_blue, "金额(税额)大于原蓝票可开具金额(税额)",
     "exceeds what is left of the blue invoice"},
}};

}  // namespace

const TableStatus* table_status(std::string_view code) {
  for (const TableStatus& status : kStatuses)
    if (status.code == code) return &status;
  return nullptr;
}

TableClass table_class(std::string_view code) {
  const TableStatus* status = table_status(code);
  return status == nullptr ? TableClass::unknown : status->cls;
}

}  // namespace taxgate::table
