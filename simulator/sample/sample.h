#pragma once
// Real input for demo and tests: ten sample invoices with their typical reds, and a generator of whole business days of
// the same exactness. Every identity is invented (organisation codes TGDM…, province 99): simulator's channel only.
//
// What a red must come out as is computed here by the obvious arithmetic, not by the daemon's rules, so that one
// mistake cannot hide on both sides. Pure and deterministic: the same seed gives the same day. Source: rules.md A.1,
// B.6.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/api.pb.h"
#include "protocol/error.h"
#include "protocol/invoice.h"

namespace taxgate::sample {

/// Where the submission must end.
enum class Ending : std::uint8_t {
  issued,
  void_,    // SampleCase::form_state says how
  refused,  // by our rules, before anything is sent; SampleCase::refusal is the finding
};

/// What the other side of the form does with it.
enum class Counterparty : std::uint8_t { not_asked, confirms, refuses, silent };

/// Who has to act beyond submitting for the case to end as it must.
enum class Act : std::uint8_t {
  none,
  we_revoke,            // the initiator withdraws a pending form (08)
  we_revoke_confirmed,  // the initiator withdraws a confirmed form (09)
  platform_voids,       // 10, 11, 12, 13
  we_confirm,           // the form is raised by the counterparty, we agree
  we_deny,              // … we refuse
};

struct ExpectedLine {
  int blue_line = 0;
  std::optional<Decimal> quantity;  // negative; none for an allowance
  Fen amount, tax;                  // negative
};

struct SampleCase {
  std::string label;     // "return, 13 %, discount row"
  std::string taxpayer;  // our side
  Invoice blue;
  Reason reason = Reason::wrong_invoice;
  Side initiator = Side::seller;
  Track track = Track::confirmation_form;
  bool raised_by_counterparty = false;  // then there is no submission of ours, only an answer (`act`)
  api::v1::SubmissionRequest request;   // minimal: no blue inline, everything else to be derived
  int follows = -1;                     // index of the case on the same blue that must be issued first

  Counterparty counterparty = Counterparty::not_asked;
  Act act = Act::none;
  Ending ending = Ending::issued;
  std::string form_state;  // the last form state: "01", "04", "05" … "13"; empty on the information-table track
  std::string path;        // "02→04→issued", as in the sample file
  std::string refusal;     // "R2.amount_cap"

  std::vector<ExpectedLine> lines;  // in the request's order; empty when refused
  Fen amount, tax;                  // negative
};

struct SampleTaxpayer {
  Party party;
  std::string tax_device;  // 12 digits
};

/// Three companies we work for: a manufacturer, a trader, a service company.
std::vector<SampleTaxpayer> three_taxpayers();
/// A group of twelve plants with taxpayer ids of their own, and its 300 stores, which are units without one.
std::vector<SampleTaxpayer> group_plants();
std::vector<std::string> group_stores();

/// The ten sample invoices, a case for each of their eleven reds.
std::vector<SampleCase> sample_invoices();
/// The same from text in the sample file's form. errors  corrupt sample.json
Result<std::vector<SampleCase>> read_samples(std::string_view json);
std::string_view sample_text();

/// `count` cases around `today`: rates and reasons in the mix of the sample data's description, all void states 05–13,
/// both roles, both tracks, two forms raised by counterparties, a return and an allowance on one invoice, and one each
/// of: red of a red, cap passed by 0.01, across a month end, across a year end. Below 40 cases the rare ones are left
/// out from the end of that list. Invoice numbers are unique within a day and between seeds below 100,000,000.
std::vector<SampleCase> business_day(std::uint64_t seed, int count, const std::vector<SampleTaxpayer>& taxpayers,
                                     LegalTime today);

/// An invented 18-character taxpayer id with both check digits: "91" + region + "TGDM" + 4 digits + checks.
std::string invented_id(std::string_view region, int number);

}  // namespace taxgate::sample
