#include "daemon/pipeline/proposals.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/pipeline/present.h"

namespace taxgate::pipeline {

bool wants_several(const api::v1::SubmissionRequest& request) {
  return std::ranges::any_of(request.lines(),
                             [](const auto& line) { return !line.reason().empty() || !line.share().empty(); });
}

std::expected<rules::Plan, rules::Findings> read_plan(const api::v1::SubmissionRequest& request,
                                                      const rules::Wish& wish) {
  rules::Findings findings;
  rules::Plan plan{.initiator = wish.initiator, .lines = {}, .tax_device = wish.tax_device};
  for (int i = 0; i < request.lines_size(); ++i) {
    const auto& line = request.lines(i);
    const std::string at = fmt::format("lines[{}].", i);
    rules::PlannedLine planned{.reason = {}, .wish = wish.lines.at(static_cast<std::size_t>(i)), .share = {}};
    if (auto reason = parse_reason(line.reason().empty() ? request.reason() : line.reason(), at + "reason"))
      planned.reason = *reason;
    else
      findings.push_back(reason.error());
    if (!line.share().empty()) {
      if (auto share = Decimal::parse(line.share(), at + "share"))
        planned.share = *share;
      else
        findings.push_back(share.error());
    }
    plan.lines.push_back(planned);
  }
  if (!findings.empty()) return std::unexpected(std::move(findings));
  return plan;
}

api::v1::ProposedDocument present(const rules::Proposal& proposal, const api::v1::SubmissionRequest& asked) {
  api::v1::ProposedDocument out;
  api::v1::CheckReply verdict;
  present(proposal.verdict, proposal.red ? &*proposal.red : nullptr, verdict);
  out.set_answer(verdict.answer());
  out.set_counterparty_confirms(verdict.counterparty_confirms());
  out.set_track(verdict.track());
  out.set_amount(verdict.amount());
  out.set_tax(verdict.tax());
  *out.mutable_findings() = std::move(*verdict.mutable_findings());
  *out.mutable_lines() = std::move(*verdict.mutable_lines());
  auto& request = *out.mutable_request();
  request = asked;
  request.clear_lines();
  request.clear_codes();            // the reason below is the bureau's
  request.clear_idempotency_key();  // each document is a request of its own
  request.set_reason(std::string(reason_code(proposal.wish.reason)));
  for (const rules::LineWish& wish : proposal.wish.lines) {
    auto& line = *request.add_lines();
    line.set_blue_line(wish.blue_line);
    if (wish.quantity) line.set_quantity(wish.quantity->text());
    if (wish.amount) line.set_amount(wish.amount->text());
    if (wish.total) line.set_total(wish.total->text());
  }
  return out;
}

rules::Verdict together(const std::vector<rules::Proposal>& proposals) {
  rules::Verdict out;
  for (const auto& proposal : proposals) {
    out.answer = std::max(out.answer, proposal.verdict.answer);
    out.counterparty_confirms = out.counterparty_confirms || proposal.verdict.counterparty_confirms;
    std::ranges::copy(proposal.verdict.findings, std::back_inserter(out.findings));
  }
  return out;
}

}  // namespace taxgate::pipeline
