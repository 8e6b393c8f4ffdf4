#pragma once
// The two documents everything turns on: the blue invoice (蓝字发票) and the red document (红字) we want against it.
// Plain data in exact numbers; conversion to the local API's protobuf in protocol/records.h, to the platform's JSON in
// protocol/leqi.h, to the information table's XML in protocol/table_xml.h.
#include <optional>
#include <string>
#include <vector>

#include "protocol/decimal.h"
#include "protocol/identifiers.h"
#include "protocol/legal_time.h"

namespace taxgate {

struct Party {
  std::string id;  // taxpayer id; empty for a natural person (个人)
  std::string name;
  friend bool operator==(const Party&, const Party&) = default;
};

/// fphxz 发票行性质 (rules.md B.5)
enum class LineKind : std::uint8_t { normal = 0, discount = 1, discounted = 2 };

struct InvoiceLine {
  int number = 0;        // 1-based 明细序号
  std::string tax_code;  // 商品和服务税收分类编码, 19 digits
  std::string name;      // "*水泥*P.O 42.5 散装"
  std::string spec, unit;
  std::optional<Decimal> quantity, price;  // both or neither
  Fen amount;                              // without tax (金额)
  Decimal rate;                            // 0.13
  Fen tax;
  LineKind kind = LineKind::normal;
  std::string preference;  // yhzcbs 优惠政策标识: 03 免税, 04 不征税 … kept apart from a zero rate
  friend bool operator==(const InvoiceLine&, const InvoiceLine&) = default;
};

/// What the ledger knows of a blue invoice. Codes are kept as the platform gave them; an unknown code is stored, never
/// refused.
struct Invoice {
  std::string number;  // canonical (identifiers.h)
  std::string type;    // fplx "81"
  LegalTime issued_at;
  Party seller, buyer;
  std::vector<InvoiceLine> lines;
  Fen amount, tax;
  std::string use;         // fpyt 发票用途 "0".."11"; "" unknown
  std::string booking;     // rzzt 入账状态 "01".."03"; "" unknown
  std::string status;      // fpzt 发票状态 "0" normal, "2" void, "7" partly, "8" fully reversed
  bool is_red = false;     // lzfpbz = 1
  bool locked = false;     // hzsdbs 红字锁定
  std::string element;     // tdys 特定要素
  std::string difference;  // cezslxDm 差额征税: "", "01", "02"
  friend bool operator==(const Invoice&, const Invoice&) = default;

  Fen total() const { return amount + tax; }
};

enum class Reason : std::uint8_t {
  wrong_invoice = 1,
  goods_returned = 2,
  service_stopped = 3,
  allowance = 4
};  // chyyDm
enum class Side : std::uint8_t { seller = 0, buyer = 1 };                  // 录入方身份 lrfsf, 0 销方 1 购方
enum class Track : std::uint8_t { confirmation_form, information_table };  // 确认单, 信息表

/// "01".."04" or the official Chinese term (服务终止 is accepted as a synonym of 服务中止, R22). errors reason.unknown
Result<Reason> parse_reason(std::string_view text, std::string_view field = {});
std::string_view reason_code(Reason reason);  // "02"
std::string_view reason_term(Reason reason, bool chinese);

/// One line of the red document; amounts, tax and quantity negative. Discount rows are already merged into their line.
struct RedLine {
  int blue_line = 0;  // lzmxxh
  std::string tax_code, name, spec, unit;
  std::optional<Decimal> quantity, price;
  Fen amount;
  Decimal rate;
  Fen tax;
  std::string preference;
  friend bool operator==(const RedLine&, const RedLine&) = default;
};

/// The fully derived wanted red: what is checked by the rules, signed, sent, and later compared with what the platform
/// lists.
struct RedDocument {
  Track track = Track::confirmation_form;
  Side initiator = Side::seller;
  std::string blue_number, blue_type;
  LegalTime blue_issued_at;
  Fen blue_amount, blue_tax;
  Party seller, buyer;
  Reason reason = Reason::wrong_invoice;
  std::vector<RedLine> lines;
  Fen amount, tax;  // negative totals
  std::string element;
  std::string table_memo;      // information table: 0000000100 / 1100000000 / 1010000000
  std::string tax_device;      // information table: 12-digit device number (设备编号)
  std::string request_number;  // information table: ReqBillNo, allocated durably before signing
  friend bool operator==(const RedDocument&, const RedDocument&) = default;
};

}  // namespace taxgate
