#pragma once
// Three sources that do not know each other: the key host's own log, our journal, the platform's listing (docs/sync.md,
// "Audit"). At the end of each night what is new since the last audit; on demand everything. Private to
// daemon/pipeline.
#include <set>
#include <string>
#include <vector>

#include "daemon/pipeline/context.h"
#include "daemon/pipeline/night_lane.h"
#include "daemon/sync/audit.h"
#include "daemon/sync/night_summary.h"

namespace taxgate::pipeline {

/// From where the next audit goes on; kept as cursors of the store.
struct AuditMarks {
  sync::LogPlace log;
  std::int64_t journal = 0;    // row whose signatures were looked for last: stays while the log cannot be read
  std::int64_t reds = 0;       // row whose red was looked for last
  std::set<std::string> told;  // by the last audit, as gap_name(): they make no event again
  LegalTime reds_until;        // reds of the listing that were issued before this were looked for; not set: none yet
};

/// One journal page, as the audit sees it.
struct AuditJournal {
  struct Kept {
    std::string taxpayer, request_id, key_serial, message_sm3;
    std::int64_t seq = 0;
  };
  struct Red {
    std::string taxpayer, number, submission;
    sync::Window window;  // in which the platform has to list it
    std::int64_t seq = 0;
    LegalTime at;  // when it became ours to claim
  };
  std::vector<Kept> kept;
  std::vector<Red> reds;
  std::int64_t upto = 0;  // the last row that was looked at
  bool end = false;
};

/// What the store knows of the request a key signed.
Result<sync::RequestKnown> request_known(store::Reader& reader, const sync::KeySignature& signature);
/// The rows behind `after`, up to `last` and, if it is set, up to the first at or after `until`.
Result<AuditJournal> audit_journal(store::Reader& reader, std::int64_t after, std::int64_t last, LegalTime until);

/// What a gap is about, without how it stands: "audit.not_listed 9131… 2611…".
std::string gap_name(const Error& error);

/// Makes one audit. All of it on the io thread, but what reads.
class NightAudit {
 public:
  /// post_to_lane  runs on the night's lane, which knows what the platform has listed: of (taxpayer, number) pairs
  /// those that it never has
  using Unlisted = std::function<asio::awaitable<Result<std::set<std::string>>>(
      std::vector<std::pair<std::string, std::string>> taxpayer_and_number)>;
  /// listing  the night whose windows count; outlives the audit. before  start of the night before that; not set: none
  NightAudit(Context& context, const sync::NightSummary& listing, LegalTime before, Unlisted unlisted);

  /// What is new since `marks`, which are moved on. errors  those of the store: marks are as they were
  asio::awaitable<Result<sync::Audit>> since(AuditMarks& marks);
  /// Everything there is.
  asio::awaitable<Result<sync::Audit>> whole();

 private:
  struct LogRead;
  asio::awaitable<Result<void>> read_log(std::shared_ptr<LogRead> read, bool judge);
  asio::awaitable<Result<void>> read_journal(AuditMarks& marks, std::int64_t last, bool all, const sync::KeyLog* log);
  asio::awaitable<Result<void>> look_for_reds(std::vector<AuditJournal::Red> reds);
  asio::awaitable<Result<void>> look_at_listed_reds(LegalTime since, LegalTime until);
  asio::awaitable<Result<sync::Audit>> make(AuditMarks& marks, bool all);
  void name_unlogged(const AuditJournal::Kept& kept);

  Context& c_;
  const sync::NightSummary& listing_;
  const LegalTime before_;
  const Unlisted unlisted_;
  std::set<sync::Window> done_, left_;      // of the listing
  std::vector<AuditJournal::Kept> missed_;  // not in the part of the log that was read
  sync::Audit audit_;
};

}  // namespace taxgate::pipeline
