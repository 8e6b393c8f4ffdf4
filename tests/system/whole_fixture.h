#pragma once
// The whole stack for tests: a Stand with small times, sample invoices of its own, and the judgement at the end.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/stand/stand.h"

namespace taxgate::tests {

struct WholeOptions {
  bool upload = false;  // our reds are uploaded by us instead of issued by the platform
  bool with_keys = true;
  int retry_first_ms = 50;
  int answer_ms = 1500;  // a sanitizer's platform is slow; faults that must outlast it say so
  std::string taxgated = "taxgated";
  std::string more_config = {};
  std::string sync = {};  // [sync] of taxgated; empty: a night only when asked
  std::function<void(unsigned, simulator::KeyDefinition&)> define_key = {};
  std::function<std::optional<simulator::DiskContent>(unsigned, std::int64_t now_ms)> define_disk = {};
};

/// How far legal time is ahead in a test, so that it begins at ten in the morning of the twelfth of a month: no day,
/// night or month ends by chance while a test runs, and the days before and after are of the same month, whenever it is
/// run.
std::int64_t ahead_to_a_quiet_morning();

class Whole {
 public:
  explicit Whole(WholeOptions options = {});

  /// A blue invoice of our first taxpayer with one line of 10 × 100.00 at 13 %; `booked`: the buyer must be asked.
  /// Known to platform and ledger when it returns.
  Invoice blue(bool booked = false);
  /// The same without telling anybody; of another time than two days ago when that is set. Its number begins with its
  /// year, by which the ledger finds what a month lacks.
  Invoice invoice(bool booked = false, LegalTime issued_at = {});
  /// A full red of it (wrong invoice), with an idempotency key of its own.
  api::v1::SubmissionRequest full_red(const Invoice& blue) const;
  void fault(const Invoice& blue, std::string_view service, const std::string& action);
  void counterparty(const Invoice& blue, const std::string& reaction);
  /// Every submission of this fixture that was named to it, so far, against everything the platform booked.
  simulator::Stand::Judgement judge(const std::string& one_more);
  /// Documents of requests the platform's log holds on this invoice, void ones included.
  int documents_on(const Invoice& blue);

  simulator::Stand& stand() { return *stand_; }
  const std::string& us() const { return stand_->options().taxpayers.front().party.id; }

 private:
  std::unique_ptr<simulator::Stand> stand_;
  int numbers_ = 0;
  std::vector<std::string> promised_;
};

/// Polls until it is so; false after `within`, which a sanitizer on a loaded machine does not reach.
bool eventually(const std::function<bool()>& f, std::chrono::milliseconds within = std::chrono::seconds(60));

/// Repeats a request until the daemon answers, as a billing server does: same key, same body.
Result<api::v1::Submission> submit_until_answered(simulator::Stand& stand, const api::v1::SubmissionRequest& request,
                                                  std::chrono::milliseconds within);

}  // namespace taxgate::tests
