#pragma once
// From the caller's request to a submission that may be made durable: who we are in it, which blue invoice, what
// exactly is wanted, what the rules say. Runs on the intake lane with a reader and a small cache of its own; no Asio.
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "daemon/api/gateway.h"
#include "daemon/pipeline/settings.h"
#include "daemon/rules/reasons.h"
#include "daemon/store/store.h"
#include "protocol/api.pb.h"
#include "protocol/records.h"

namespace taxgate::pipeline {

struct Admitted {
  store::Submission submission;              // ready for Store::accept
  std::vector<Invoice> inline_invoices;      // to enter the ledger in the same commit
  std::optional<RedDocument> red;            // `submission.document` before it was stored; none for a repeat
  std::optional<api::SubmissionBody> shown;  // what the answer repeats of the request, when there is any
  std::string detail;                        // of the "accepted" journal row
};

/// What the rules say to one request, and the document they were asked about.
struct Weighed {
  std::string taxpayer;                  // who we are in it
  std::vector<Invoice> inline_invoices;  // the blue invoice, when only the request knows it
  std::optional<RedDocument> red;        // none: refused
  rules::Verdict verdict;
  std::vector<api::v1::LineLeft> left;  // filled with `menu` only
  std::vector<rules::ReasonOption> reasons;
  std::vector<api::v1::ProposedDocument> proposals;  // the request is a plan of several documents; `red` is none then
};

class Intake {
 public:
  explicit Intake(const LegalClock& clock) : clock_(clock) {}
  /// The same judgement as admit()'s, whose first half it is, for a caller who wants to know only. `menu`: also what is
  /// left of the blue invoice and the four reasons. errors: what kept the rules from being asked; all else is in
  /// `reply`
  Result<api::v1::CheckReply> check(store::Reader& reader, const Settings& settings, const std::string& caller,
                                    const std::vector<std::string>& caller_taxpayers,
                                    api::v1::SubmissionRequest request, bool lane_busy, bool menu);
  /// `lane_busy`: other submissions on this blue invoice are open. errors: findings, all of them
  std::expected<Admitted, Findings> admit(store::Reader& reader, const Settings& settings, const std::string& caller,
                                          const std::vector<std::string>& caller_taxpayers, api::SubmissionBody request,
                                          bool lane_busy);
  /// The ledger row changed: read it again next time.
  void forget(const std::string& number);
  /// A night has changed what is known of many.
  void forget_all();

 private:
  /// Fills `out` as far as it comes. Empty findings: the rules have given their verdict, which may be a refusal.
  Findings weigh(store::Reader& reader, const Settings& settings, const std::vector<std::string>& caller_taxpayers,
                 api::v1::SubmissionRequest& request, bool lane_busy, bool menu, Weighed& out);

  struct Known {
    Invoice invoice;  // without a number: the place is free
    PlatformStatus platform;
    bool has_reds = false;
  };
  // Enough for those who check first and submit then, and for several reds of one blue; few enough to stay in the
  // processor's cache, because most blue invoices are asked for once.
  static constexpr std::size_t kRemembered = 256;
  Result<const Known*> known(store::Reader& reader, const std::string& number);
  Known& place_of(const std::string& number);

  const LegalClock& clock_;
  std::vector<Known> known_{kRemembered};  // each in the one place that its number names
};

/// The official field set (B.6) as a document, for callers that compute everything themselves. The form's texts are
/// moved into it.
std::expected<RedDocument, Findings> document_of(api::v1::PlatformForm& form, const Invoice& blue, bool allow_invented);

}  // namespace taxgate::pipeline
