// The virtual platform's own figure of a credit line, by its own reading of the law: what was issued in the month less
// the reds of the same month. What no gateway can know of (invoices issued elsewhere, paper picked up) is staged.
#include "simulator/platform/world_records.h"

namespace taxgate::simulator {
namespace {

std::string month_text(LegalTime time) { return time.platform_text().substr(0, 7); }  // "2026-11"

}  // namespace

leqi::CreditReply World::credit(const leqi::CreditRequest& request, LegalTime now_given) {
  const LegalTime now = advance(now_given);
  leqi::CreditReply reply;
  const auto taxpayer = taxpayers_.find(request.taxpayer);
  if (taxpayer == taxpayers_.end() || !taxpayer->second.credit_limit) {
    reply.outcome = refused("未查询到发票总额度");
    return reply;
  }
  const std::string month = month_text(now);
  if (!request.month.empty() && request.month != month) {
    reply.outcome = refused("仅可查询当前月份");
    return reply;
  }
  reply.outcome = done();
  reply.month = month;
  reply.total = *taxpayer->second.credit_limit;
  reply.remaining = reply.total - taxpayer->second.credit_used_elsewhere;
  for (const auto& [number, blue] : blues_)
    if (blue.invoice.seller.id == request.taxpayer && month_text(blue.invoice.issued_at) == month)
      reply.remaining -= blue.invoice.amount;
  for (const auto& [uuid, record] : forms_) {
    const leqi::Form& form = record.form;
    if (!form.issued || form.seller.id != request.taxpayer || month_text(form.red_issued_at) != month) continue;
    const bool same_month = month_text(blues_.at(form.blue_number).invoice.issued_at) == month;
    if (same_month && form.reason != reason_code(Reason::allowance)) reply.remaining += form.amount.abs();
  }
  return reply;
}

}  // namespace taxgate::simulator
