#pragma once
// Lines that want reasons of their own are several documents (R29): what `check` answers to them. Pure.
#include <expected>

#include "daemon/rules/propose.h"
#include "protocol/api.pb.h"
#include "protocol/error.h"

namespace taxgate::pipeline {

/// True when a line has a reason or a share of its own: the request is a plan and not one document.
bool wants_several(const api::v1::SubmissionRequest& request);
/// `wish`: side, device and lines as read from the request; a line without a reason has the request's.
/// errors  reason.unknown, decimal.*, submission.missing lines (no line); all of them, each with its line
std::expected<rules::Plan, rules::Findings> read_plan(const api::v1::SubmissionRequest& request,
                                                      const rules::Wish& wish);
/// The document and a request that makes it, ready to hand in: what the caller said of the whole, the lines of this
/// one.
api::v1::ProposedDocument present(const rules::Proposal& proposal, const api::v1::SubmissionRequest& asked);
/// The heaviest answer of all, and every finding.
rules::Verdict together(const std::vector<rules::Proposal>& proposals);

}  // namespace taxgate::pipeline
