#pragma once
// Leqi-shaped platform messages (乐企 基础版): JSON bodies, Base64(SM4-ECB(JSON)), headers, return codes and status
// tables. Both the daemon's platform client and the virtual platform use these structs; every parser is total on
// hostile bytes and keeps unknown codes. Amounts on the wire are decimal strings ("-300000.00").
// Source: rules.md B.1–B.6, C.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/envelope.h"
#include "protocol/invoice.h"
#include "protocol/sm.h"

namespace taxgate::leqi {

// ---- transport envelope -------------------------------------------------------------------------------------------
/// One call: POST {base}/access/v2/invoke/{ability}/{service}/ (sandbox: /access/sandbox/v2/…).
struct Call {
  std::string ability;                               // nlbm, "202007"
  std::string service;                               // fwbm, "QDHZQRDSQ"
  std::string access_unit, using_unit;               // jrdwptbh, sydwptbh
  std::string test_case;                             // ylbm, sandbox only
  std::map<std::string, std::string> extra_headers;  // e.g. the configured field that carries our signature
  std::string json;                                  // plain body; "{}" when empty
};
namespace service {
inline constexpr std::string_view
    apply = "QDHZQRDSQ",
    confirm = "QDHZQRDQR", list = "CXQDHZQRDLB", detail = "CXQDHZQRDMX", upload = "QDFPSC",
    upload_result = "CXQDFPSCJG", invoice_status = "FPZTXXCX", credit = "CXSXED",
    // ours, documented in docs/fidelity.md: the information table carried over the same transport
    table_upload = "XXBSC", table_download = "XXBXZ", table_cancel = "XXBCX";
}
std::string call_path(const Call& call, bool sandbox);
/// Base64(SM4-ECB(json)). errors invalid_input sm4.key
Result<std::string> seal(std::string_view json, ByteView key16);
/// Reverse; total. errors corrupt leqi.base64 / leqi.cipher / leqi.utf8
Result<std::string> open(std::string_view body, ByteView key16);

/// The response envelope {"httpStatusCode":..,"body":"{\"Response\":{\"Data\"|\"Error\"...}}"}.
struct Reply {
  std::string json;        // decrypted Data, when there is one
  std::string error_code;  // gateway-level Error.Code, else empty
  std::string error_message;
};
/// errors corrupt leqi.envelope and those of open()
Result<Reply> read_reply(std::string_view http_body, ByteView key16);
Result<std::string> make_reply(std::string_view json, ByteView key16);
std::string make_error_reply(std::string_view code, std::string_view message);

/// Value of the configured header that carries our signature: base64 of {"envelope_head": base64 of the envelope
/// without its body, "signature": hex r||s, "certificate": base64 DER, "signer_id"}. The envelope's body is the plain
/// request JSON, byte for byte, which travels anyway: a header of 100 KiB would not pass any server. Ours
/// (docs/fidelity.md); key_serial does not travel.
std::string signature_value(const SignedEnvelope& envelope);
/// Puts head and `body` together again. Total. Checks the form only, no signature. errors corrupt leqi.signature_value
Result<SignedEnvelope> read_signature_value(std::string_view value, std::string_view body);

// ---- typed messages: struct ⇄ JSON, both directions (the platform reads what the client writes)
// ----------------------
/// Business result every response carries. "00" ok; else read the message.
struct Outcome {
  std::string code;
  std::string message;
  bool ok() const { return code == "00"; }
};

/// 红字确认单 as the platform shows it in lists and details.
struct Form {
  std::string uuid, number;       // uuid(32), hzfpxxqrdbh(≤20)
  std::string state;              // hzqrxxztDm, kept as given
  Side initiator = Side::seller;  // lrfsf
  Party seller, buyer;
  std::string blue_number;
  std::string reason;          // chyyDm as given
  Fen amount, tax;             // negative
  std::vector<RedLine> lines;  // detail only; empty in lists
  LegalTime entered_at;        // lrrq
  LegalTime confirmed_at;      // qrrq
  bool issued = false;         // ykjhzfpbz = Y
  std::string red_number;      // hzfphm
  LegalTime red_issued_at;     // hzkprq
  bool valid = true;           // yxbz
  friend bool operator==(const Form&, const Form&) = default;
};

std::string apply_json(const RedDocument& red);  // QDHZQRDSQ request
Result<RedDocument> read_apply(std::string_view json);
struct ApplyReply {
  Outcome outcome;
  std::string number, uuid, state;
};
std::string apply_reply_json(const ApplyReply& reply);
Result<ApplyReply> read_apply_reply(std::string_view json);

enum class Answer : char { agree = 'Y', refuse = 'N', revoke = 'C' };  // qrlx
struct ConfirmRequest {
  std::string uuid, number;
  Answer answer = Answer::agree;
  Side side = Side::seller;
  std::string taxpayer;
};
std::string confirm_json(const ConfirmRequest& request);
Result<ConfirmRequest> read_confirm(std::string_view json);
struct ConfirmReply {
  Outcome outcome;
  std::string state;
};
std::string confirm_reply_json(const ConfirmReply& reply);
Result<ConfirmReply> read_confirm_reply(std::string_view json);

/// Window at most 90 days, page size at most 50 (web maximum; Leqi's unknown).
struct ListRequest {
  std::string taxpayer;
  Side side = Side::seller;  // gxsf: which side of the form we are
  std::string blue_number;   // optional filter
  LegalTime from, to;
  int page = 1, page_size = 50;
};
std::string list_json(const ListRequest& request);
Result<ListRequest> read_list(std::string_view json);
struct ListReply {
  Outcome outcome;
  int total = 0;
  std::vector<Form> forms;
};
std::string list_reply_json(const ListReply& reply);
Result<ListReply> read_list_reply(std::string_view json);

struct DetailRequest {
  std::string taxpayer, uuid, number;
};
std::string detail_json(const DetailRequest& request);
Result<DetailRequest> read_detail(std::string_view json);
struct DetailReply {
  Outcome outcome;
  Form form;
};
std::string detail_reply_json(const DetailReply& reply);
Result<DetailReply> read_detail_reply(std::string_view json);

/// QDFPSC of a red: lzfpbz=1 + hzqrxxdbh + hzqrduuid + dylzfphm. Idempotency: ywlsh. Asynchronous: sllsh, then poll.
struct UploadRequest {
  std::string serial /* ywlsh */, form_number, form_uuid;
  RedDocument red;
  std::string red_number; /* preassigned fphm, or empty */
  std::string remark{};   /* bz: names the blue invoice and the form (rules.md B.7); the member's name is unverified */
};
std::string upload_json(const UploadRequest& request);
Result<UploadRequest> read_upload(std::string_view json);
struct UploadReply {
  Outcome outcome;
  std::string receipt;
};  // sllsh
std::string upload_reply_json(const UploadReply& reply);
Result<UploadReply> read_upload_reply(std::string_view json);
struct UploadResultRequest {
  std::string taxpayer, receipt, serial;
};
std::string upload_result_json(const UploadResultRequest& request);
Result<UploadResultRequest> read_upload_result(std::string_view json);
/// scjg 00 ok, 01 processing, 02 failed, 03 duplicate
struct UploadResultReply {
  Outcome outcome;
  std::string result, red_number, message;
  LegalTime issued_at;
};
std::string upload_result_reply_json(const UploadResultReply& reply);
Result<UploadResultReply> read_upload_result_reply(std::string_view json);

struct InvoiceStatusRequest {
  std::string taxpayer, number;
};
std::string invoice_status_json(const InvoiceStatusRequest& request);
Result<InvoiceStatusRequest> read_invoice_status(std::string_view json);
struct InvoiceStatusReply {
  Outcome outcome;
  std::string number, status, use, booking;
  bool locked = false;
  Fen left_amount, left_tax;
};
std::string invoice_status_reply_json(const InvoiceStatusReply& reply);
Result<InvoiceStatusReply> read_invoice_status_reply(std::string_view json);

/// 发票总额度 of the current month (CXSXED). Field names from one vendor's façade, unverified; amounts without tax.
struct CreditRequest {
  std::string taxpayer;
  std::string month; /* "2026-11"; empty: the current one */
};
std::string credit_json(const CreditRequest& request);
Result<CreditRequest> read_credit(std::string_view json);
struct CreditReply {
  Outcome outcome;
  std::string month;
  Fen total, remaining;    // bysxed, kysyed
  bool suspended = false;  // ztsxbz
};
std::string credit_reply_json(const CreditReply& reply);
Result<CreditReply> read_credit_reply(std::string_view json);

/// Information table over the same transport: the GBK XML travels Base64'd in {"xml": "..."}; StatusDM in the reply.
std::string table_json(ByteView gbk_xml);
Result<Bytes> read_table_json(std::string_view json);

// ---- form states (B.1)
// ------------------------------------------------------------------------------------------------
enum class FormClass : std::uint8_t { pending_buyer, pending_seller, confirmed, void_, unknown };
struct FormState {
  std::string_view code;
  FormClass cls;
  std::string_view term, english;
  std::string_view next;  // codes that may follow, space-separated: the table; "issued" where the red may be made
};
std::span<const FormState> form_states();
/// The states a new form may have: 01, 02, 03.
inline constexpr std::string_view kFirstFormStates = "01 02 03";
/// True when the platform may move a form from one known state to the other in one step ("" = a form not made yet;
/// "issued" = its red exists, after which nothing changes). Source: rules.md B.1, transition set inferred.
bool form_may_follow(std::string_view from, std::string_view to);
/// The same in any number of steps, none included: what two looks at one form, however far apart, may show.
bool form_reaches(std::string_view from, std::string_view to);
/// nullptr for a code we do not know: store it, treat it as not issued.
const FormState* form_state(std::string_view code);
FormClass form_class(std::string_view code);

}  // namespace taxgate::leqi
