#include "cli/masking.h"

#include <algorithm>
#include <array>

#include "protocol/identifiers.h"

namespace taxgate::cli {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// An all-digit credit code can pass the identity card's check by chance; one that passes its own two is an
// organisation.
bool is_credit_code(std::string_view id) {
  return id.size() == 18 && id[16] == organisation_check(id.substr(8, 8)) &&
         id[17] == credit_code_check(id.substr(0, 17));
}

// GB 11643: region, date of birth, sequence and a check character, ISO 7064 MOD 11-2.
bool is_identity_card(std::string_view id) {
  static constexpr std::array<int, 17> kWeights{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  static constexpr std::string_view kChecks = "10X98765432";
  if (id.size() != 18 || !std::ranges::all_of(id.substr(0, 17), is_digit)) return false;
  const auto number = [&](std::size_t at) { return (id[at] - '0') * 10 + (id[at + 1] - '0'); };
  if ((number(6) != 19 && number(6) != 20) || number(10) < 1 || number(10) > 12 || number(12) < 1 || number(12) > 31)
    return false;
  int sum = 0;
  for (std::size_t i = 0; i < kWeights.size(); ++i) sum += (id[i] - '0') * kWeights[i];
  return id[17] == kChecks[static_cast<std::size_t>(sum % 11)];
}

// A field that holds a taxpayer id, or the name when there is none.
void mask_party(std::string& text) {
  if (text.empty()) return;
  const bool plain = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!plain)
    text = masked_name(text);
  else if (names_a_person(text))
    text = masked_id(text);
}

void mask_party(api::v1::Party& party) {
  if (party.id().empty()) {
    party.set_name(masked_name(party.name()));
  } else if (names_a_person(party.id())) {
    party.set_id(masked_id(party.id()));
    party.set_name(masked_name(party.name()));
  }
}

}  // namespace

bool names_a_person(std::string_view id) {
  if (id.size() == 20 && std::ranges::all_of(id.substr(18), is_digit)) id = id.substr(0, 18);
  return is_identity_card(id) && !is_credit_code(id);
}

void mask(api::v1::Submission& submission) {
  mask_party(*submission.mutable_seller());
  mask_party(*submission.mutable_buyer());
  if (submission.has_context()) {
    auto& context = *submission.mutable_context();
    context.set_operator_(masked_name(context.operator_()));
    context.set_approver(masked_name(context.approver()));
  }
  if (submission.has_circumstances() && (submission.buyer().empty() || names_a_person(submission.buyer()))) {
    auto& circumstances = *submission.mutable_circumstances();
    circumstances.set_buyer_registered(masked_name(circumstances.buyer_registered()));
  }
}

void mask(api::v1::SubmissionList& list) {
  for (auto& submission : *list.mutable_submissions()) mask(submission);
}

void mask(api::v1::InvoiceList& list) {
  for (auto& invoice : *list.mutable_invoices()) mask(invoice);
}

void mask(api::v1::SignatureList& list) {
  for (auto& one : *list.mutable_signatures()) {
    if (!names_a_person(one.taxpayer())) continue;
    one.set_taxpayer(masked_id(one.taxpayer()));
    one.set_certificate_subject(masked_name(one.certificate_subject()));
  }
}

void mask(api::v1::Inbox& inbox) {
  for (auto& form : *inbox.mutable_forms()) mask_party(*form.mutable_counterparty());
}

void mask(api::v1::Invoice& invoice) {
  if (invoice.has_seller()) mask_party(*invoice.mutable_seller());
  if (invoice.has_buyer()) mask_party(*invoice.mutable_buyer());
}

}  // namespace taxgate::cli
