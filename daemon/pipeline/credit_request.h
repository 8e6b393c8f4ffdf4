#pragma once
// What is told of a credit line (POST /v1/credit/adjust), read and weighed: limits, initial grants, applications and
// their results, picked-up paper. Values in, a record or findings out.
#include "daemon/pipeline/replies.h"
#include "daemon/store/store.h"
#include "protocol/api.pb.h"

namespace taxgate::pipeline {

Error credit_error(std::string id, std::string field, std::string wanted, std::string left = {});
/// errors  invalid_input credit.amount
Result<Fen> positive_amount(const std::string& text, std::string_view field);

/// The request as a record, but for taxpayer and principal. `known`: what was told of the taxpayer before, oldest
/// first. A repeat of what is known already passes: the store finds it by its reference. errors: those of the
/// catalogue's credit.*, C8.*, C9.*, C10.*, time.format
std::expected<store::CreditRecord, api::Findings> credit_record(const api::v1::CreditAdjustRequest& request,
                                                                LegalTime now,
                                                                const std::vector<store::CreditRecord>& known);

}  // namespace taxgate::pipeline
