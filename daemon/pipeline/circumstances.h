#pragma once
// What the rules may know beside the blue invoice and the wish: what the caller declares, what ledger and platform know
// (which goes before it), and where the two contradict each other. Pure; any thread.
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "daemon/pipeline/settings.h"
#include "protocol/api.pb.h"
#include "protocol/journal_text.h"
#include "protocol/platform_status.h"
#include "protocol/records.h"

namespace taxgate::pipeline {

inline constexpr int kMaxEvidence = 20;        // papers of one red: a person must be able to look at them
inline constexpr int kMaxLabels = 50;          // labels on one invoice: the platform shows a handful
inline constexpr std::size_t kMaxWords = 300;  // characters of any declared text: the platform's longest name

/// What is known of the blue invoice without asking the caller.
struct OfBlue {
  const Invoice* invoice = nullptr;  // never null
  PlatformStatus platform{};         // the last word of the night; all zero: none
  bool in_ledger = false;            // false: only the request knows it
  bool has_reds = false;             // the ledger knows reds on it
};

struct Known {
  rules::Circumstances circumstances;
  /// The blue invoice with what only the caller knows of it; none: as it is in the ledger.
  std::optional<Invoice> blue;
  /// Refused: the request's `blue` is another invoice. Warned: a status, where the known one counts.
  std::vector<rules::Finding> differences;
};

/// errors  everything declared that cannot be read: evidence.*, circumstances.*, money.*, decimal.*
std::expected<Known, Findings> known_of(const api::v1::SubmissionRequest& request, const OfBlue& blue,
                                        const TaxpayerSettings& taxpayer, LegalTime now,
                                        const rules::CodeTables& tables);

/// Puts `differences` where their weight belongs; a refusal among them refuses.
void add(std::vector<rules::Finding> differences, rules::Verdict& verdict);

/// The "accepted" journal row of a submission: which findings want a person's yes, and the papers by kind and hash.
Said accepted_detail(const rules::Verdict& verdict, const api::v1::SubmissionRequest& request);

}  // namespace taxgate::pipeline
