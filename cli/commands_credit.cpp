// The credit line: what is left of it and why, the filing event, adjustments.
#include "cli/commands.h"
#include "cli/render.h"
#include "cli/requests.h"

namespace taxgate::cli {
namespace {

Exit show(Session& session, const Answer<api::v1::CreditStatement>& statement) {
  if (!statement) return session.report(statement.error());
  if (!session.json(*statement)) session.answer(credit_text(session.screen(), *statement));
  // A person should look when the two figures differ, nothing is left, or what is planned would not pass.
  const bool differs = !statement->difference().empty() && statement->difference() != "0.00";
  const bool overdrawn = statement->available().starts_with('-');
  const bool unknown = statement->available().empty();
  return differs || overdrawn || unknown || statement->platform_suspended() || statement->before_issuing_size() > 0
             ? Exit::attention
             : Exit::ok;
}

}  // namespace

Exit run_credit(Session& session) {
  const auto& given = session.given();
  std::string target = "/v1/credit";
  add_query(target, "taxpayer", given.value("--taxpayer"));
  add_query(target, "month", given.value("--month"));
  add_query(target, "amount", given.value("--amount"));
  add_query(target, "type", given.value("--type"));
  if (given.has("--no-platform")) add_query(target, "platform", "no");
  return show(session, session.get<api::v1::CreditStatement>(target));
}

Exit run_credit_filed(Session& session) {
  const auto& given = session.given();
  if (!given.has("--period"))
    return session.report(
        failed({Errc::invalid_input, "cli.missing_argument", "credit filed", "--period YYYY-MM", {}, {}}));
  api::v1::CreditFiledRequest request;
  request.set_taxpayer(given.value("--taxpayer"));
  request.set_period(given.value("--period"));
  request.set_at(given.value("--at"));
  request.set_reason(given.value("--reason"));
  return show(session, session.post<api::v1::CreditStatement>("/v1/credit/filed", request));
}

Exit run_credit_adjust(Session& session) {
  const auto& given = session.given();
  api::v1::CreditAdjustRequest request;
  request.set_taxpayer(given.value("--taxpayer"));
  request.set_limit(given.value("--total"));
  request.set_class_(given.value("--class"));
  request.set_sheets(given.value("--sheets"));
  request.set_per_sheet(given.value("--per-sheet"));
  request.set_from(given.value("--from"));
  request.set_until(given.value("--until"));
  request.set_per_invoice(given.value("--per-invoice"));
  request.set_monthly_count(given.value("--monthly-count"));
  request.set_result(given.value("--result"));
  request.set_reference(given.value("--reference"));
  request.set_reason(given.value("--reason"));
  request.set_short_term_type(given.value("--short-term-type"));
  const auto declared = declared_of(given);
  if (!declared) return session.report(failed(declared.error()));
  for (const auto& paper : declared->evidence) *request.add_attachments() = paper;
  return show(session, session.post<api::v1::CreditStatement>("/v1/credit/adjust", request));
}

}  // namespace taxgate::cli
