#include "protocol/invoice.h"

#include <array>

#include "protocol/text.h"

namespace taxgate {
namespace {

struct ReasonRow {
  Reason reason;
  std::string_view code, term, english;
};
// The bureau's numbering. Vendors swap 01 and 02, so a bare "1" or "2" is refused rather than guessed (rules.md §0-3).
constexpr std::array kReasons{
    ReasonRow{Reason::wrong_invoice, "01", "开票有误", "wrong invoice"},
    ReasonRow{Reason::goods_returned, "02", "销货退回", "goods returned"},
    ReasonRow{Reason::service_stopped, "03", "服务中止", "service stopped"},
    ReasonRow{Reason::allowance, "04", "销售折让", "sales allowance"},
};
constexpr std::string_view kStoppedSynonym = "服务终止";  // R22

const ReasonRow& row(Reason reason) {
  for (const ReasonRow& r : kReasons)
    if (r.reason == reason) return r;
  return kReasons.front();
}

}  // namespace

Result<Reason> parse_reason(std::string_view text, std::string_view field) {
  if (text == kStoppedSynonym) return Reason::service_stopped;
  for (const ReasonRow& r : kReasons)
    if (text == r.code || text == r.term) return r.reason;
  return fail(Errc::invalid_input, "reason.unknown", std::string(field), shown(text), "01, 02, 03, 04");
}

std::string_view reason_code(Reason reason) { return row(reason).code; }
std::string_view reason_term(Reason reason, bool chinese) { return chinese ? row(reason).term : row(reason).english; }

}  // namespace taxgate
