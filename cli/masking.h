#pragma once
// Natural persons' data shortened in answers before they are shown, also as JSON; --show-names shows them in full.
// A party without a taxpayer id is a natural person; so is one whose id is an identity card number (GB 11643), bare or
// with the two extra digits of a self-employed person. Operators and approvers are persons too.
#include <string_view>

#include "protocol/api.pb.h"

namespace taxgate::cli {

/// True for an identity card number, or 20 digits that begin with one.
bool names_a_person(std::string_view taxpayer_id);

void mask(api::v1::Submission& submission);
void mask(api::v1::SubmissionList& list);
void mask(api::v1::Inbox& inbox);
/// What is read from the evidence; the evidence itself stays whole, or it would prove nothing.
void mask(api::v1::SignatureList& list);
void mask(api::v1::Invoice& invoice);
void mask(api::v1::InvoiceList& list);
template <class Other>
void mask(Other&) {}  // carries no natural person

}  // namespace taxgate::cli
