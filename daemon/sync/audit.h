#pragma once
// The three-way audit of a night: the key host's own log, our journal, the platform's listing (docs/sync.md). Here is
// what reads and judges; who fetches is the driver. Pure; one thread per object.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.h"
#include "protocol/legal_time.h"

namespace taxgate::sync {

inline constexpr std::size_t kMaxGaps = 50;  // named by an audit; a page has no more room. The count is whole

/// Two legs that do not agree. error: a row of the catalogue; field = taxpayer, wanted = the number that names the gap
/// (order of the log, request id, invoice), left = what stands on the other side.
struct AuditGap {
  bool failing = true;  // otherwise it may be in order, and a person should know
  Error error;
};

struct Audit {
  LegalTime at;                      // not set: none was made
  std::uint64_t orders = 0;          // of the key host's log, read by this audit
  std::uint64_t signatures = 0;      // of those, that a key answered
  std::uint64_t kept = 0;            // signatures of our journal that were looked for in that log
  std::uint64_t reds = 0;            // that we issued and the platform had to list
  std::uint64_t foreign_looked = 0;  // reds in the platform's listing that were looked for in our journal
  std::uint64_t gaps = 0, failing = 0;
  std::vector<AuditGap> named;     // as they were found, at most kMaxGaps
  std::optional<Error> unaudited;  // why the key host's log could not be read
  void add(AuditGap gap);
};

/// Where in the log an audit ended: its last line's beginning and the first 63 bits of that line's chain value. All
/// zero: before the first line.
struct LogPlace {
  std::int64_t offset = 0, mark = 0;
};

/// A signature of the key host's log.
struct KeySignature {
  std::uint64_t number = 0;
  std::string key_serial, taxpayer, request_id, message_sm3;
  LogPlace before;  // of its order's line: from here it is read again
};

/// Reads the log from a place on, in any pieces of whole lines, and checks its chain.
class KeyLog {
 public:
  explicit KeyLog(LogPlace from) : from_(from), next_(from.offset) {}

  std::int64_t offset() const { return next_; }  // where to read on
  /// lines  whole lines, as they stand in the file at offset(). Signatures are appended to `out`. What is not as it was
  /// written is a gap each; reading goes on behind it.
  void take(std::string_view lines, std::vector<KeySignature>& out, std::vector<AuditGap>& gaps);
  /// The line the last audit ended with is not where it was: the log was changed or begun anew. Read it from 0.
  bool replaced() const { return replaced_; }

  std::uint64_t orders() const { return orders_; }
  std::uint64_t signatures() const { return signatures_; }
  /// Whether an order over these bytes stands in what was read; hex SM3. Answers after sort().
  void sort();
  bool ordered(std::string_view message_sm3) const;
  /// From where the next audit reads: behind everything that has its result. An order that has none after
  /// kAbandoned others is one the host stopped over.
  LogPlace place() const;
  static constexpr std::uint64_t kAbandoned = 1'000;  // far more than are ever under way, one a key

 private:
  LogPlace from_, last_;
  std::int64_t next_ = 0;
  std::string chain_;
  bool begun_ = false, unsure_ = false, replaced_ = false;
  std::uint64_t last_number_ = 0, orders_ = 0, signatures_ = 0;
  std::map<std::uint64_t, KeySignature> open_;  // orders without a result so far
  std::vector<std::uint64_t> digests_;
};

/// What our store knows of a signature's request.
struct RequestKnown {
  bool submission = false;  // there is one of this id
  bool open = false;        // and it is being signed at this moment: its signature may be on its way to the journal
  bool kept = false;        // the very bytes are kept with their signature
};
/// nullopt: in order, or too early to tell.
std::optional<AuditGap> judge(const KeySignature& signature, const RequestKnown& known);

}  // namespace taxgate::sync
