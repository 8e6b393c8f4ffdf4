#pragma once
// The information table (开具红字增值税专用发票信息表) of the tax-device track: GBK XML, FPXT/INPUT/RedInvReqBill.
// Both directions; total on hostile bytes. Source: devices.md 7; B.3 for StatusDM.
#include <string>
#include <string_view>
#include <vector>

#include "protocol/invoice.h"
#include "protocol/sm.h"

namespace taxgate::table {

/// Request XML in GBK. `red` must be of Track::information_table with request_number, table_memo and tax_device set.
/// errors  invalid_input table.gbk (names the field and the character GBK cannot hold), table.field
Result<Bytes> upload_xml(const RedDocument& red);
/// A table carries no reason, no blue line numbers and only the month of the blue invoice (none of the blue at all
/// under memo 1100000000): those come back as their defaults. Compare with same_table, never with ==.
Result<RedDocument> read_upload(ByteView gbk);
/// Equal in everything a table carries, request number included.
bool same_table(const RedDocument& a, const RedDocument& b);

struct Row {                        // one table as reply and download show it
  std::string request_number;       // ReqBillNo
  std::string number;               // ResBillNo, 16 digits, when approved
  std::string status, status_text;  // StatusDM TZD0000 …, StatusMC
  RedDocument red;                  // download only
};
Result<Bytes> upload_reply_xml(const Row& row);
Result<Row> read_upload_reply(ByteView gbk);

struct DownloadRequest {
  std::string taxpayer, tax_device, request_number /* or empty */, number, blue_number, buyer, seller;
  LegalTime from, to;
  int page = 1, page_size = 50;
};
Result<Bytes> download_xml(const DownloadRequest& request);
Result<DownloadRequest> read_download(ByteView gbk);
struct DownloadReply {
  int total = 0;
  std::vector<Row> rows;
};
Result<Bytes> download_reply_xml(const DownloadReply& reply);
Result<DownloadReply> read_download_reply(ByteView gbk);

struct CancelRequest {
  std::string taxpayer, tax_device, number;
};
Result<Bytes> cancel_xml(const CancelRequest& request);
Result<CancelRequest> read_cancel(ByteView gbk);
// the reply of a cancel has upload_reply_xml's shape

enum class TableClass : std::uint8_t {
  approved,
  not_uploaded,
  duplicate,
  pending,
  written_off,
  failed,
  cancelled,
  exceeds_blue,
  unknown
};
struct TableStatus {
  std::string_view code;
  TableClass cls;
  std::string_view term, english;
};
const TableStatus* table_status(std::string_view code);  // TZD1000 is an alias of TZD0000; unknown: nullptr, not issued
TableClass table_class(std::string_view code);

/// UTF-8 ⇄ GBK (CP936). errors invalid_input table.gbk / corrupt table.gbk_bytes
Result<Bytes> to_gbk(std::string_view utf8, std::string_view field);
Result<std::string> from_gbk(ByteView gbk, std::string_view field);

}  // namespace taxgate::table
