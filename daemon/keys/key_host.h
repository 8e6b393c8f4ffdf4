#pragma once
// taxgated's side of the key host: keys are somewhere else, in another process; here they are a service that signs.
//
// Thread: construct and call on the io thread; callbacks arrive on the io thread, each exactly once, within the
// deadline. A signature is verified against its certificate on a lane of its own before anybody sees it.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/envelope.h"
#include "protocol/error.h"
#include "protocol/keyd.pb.h"

namespace taxgate::keys {

struct SignOrder {
  std::string request_id;  // submission id and step; the key host's log is matched on it
  std::string taxpayer;
  std::string purpose;                    // apply, upload, confirm, deny, revoke, table
  Bytes envelope;                         // canonical envelope bytes (protocol/envelope.h), at most 64 KiB
  int deadline_ms = 0;                    // 0: the host's default; counts from when a key has room for it
  std::vector<std::string> serials = {};  // only one of these keys signs it; empty: any key of the taxpayer
};

/// A key for another program, for a while.
struct Lease {
  std::string serial, holder, reason;
  std::uint32_t seconds = 0;  // 0: take it back now
};

/// One key as the host sees it.
struct KeyFacts {
  std::string reader, serial, taxpayer, state, certificate_sha256, valid_until, subject;
  std::string lease_holder, lease_reason, lease_until;  // state "leased"
  int pin_tries_left = -1;
  std::uint64_t signed_count = 0;
  Error trouble;                               // id empty: none
  std::optional<keyd::v1::TaxDisk> disk = {};  // of a tax disk: what it said last
};

/// Whole lines of the key host's own signing log (protocol/sign_log_line.h).
struct LogPage {
  std::string lines;      // as they stand in the log; empty: at its end, or behind it
  std::int64_t size = 0;  // of the whole log, bytes
};

class KeyHost {
 public:
  virtual ~KeyHost() = default;
  /// errors  retry_later  keyd not there, or the connection broke: a signature over the same bytes is repeatable
  ///         retry_later key.none (no key of this taxpayer), key.hung; rejected key.pin_wrong / key.pin_last_try /
  ///         key.locked / key.foreign / key.expired: a person must act; rejected key.disk_refused (wanted "09D109");
  ///         corrupt key.signature: what came back does not verify; retry_later key.leased (another program has it),
  ///         key.device_absent (none of `serials` is here), keyd.old (the host is too old to heed `serials`)
  /// order   No more is given to the host than the taxpayer's keys sign soon; the rest waits here in order of arrival,
  /// so
  ///         that N keys sign N times as fast and no order's deadline passes in a queue. What waits is bounded.
  virtual void sign(SignOrder order, std::move_only_function<void(Result<SignedEnvelope>)> done) = 0;
  virtual bool connected() const = 0;
  /// As they were at the last change. `signed_count` may be older than that: ask_keys() has it right.
  virtual std::vector<KeyFacts> keys() const = 0;
  /// As they are now. Without a host, or without its answer in time, what is known.
  virtual void ask_keys(std::move_only_function<void(std::vector<KeyFacts>)> done) = 0;
  /// Answers with the key when its device is free for the other program (or taken back). It is taken back by itself in
  /// the end. errors  invalid_input key.not_found, key.lease_request; rejected key.leased (somebody else's);
  /// retry_later key.hung, key.host_absent, key.busy (no answer in time), keyd.old
  virtual void lease(Lease lease, std::move_only_function<void(Result<KeyFacts>)> done) = 0;
  /// The log from byte `offset` on, where a line begins. errors  retry_later key.host_absent, keyd.old, key.log_failed,
  /// key.busy (no answer in time); invalid_input key.log_offset
  virtual void read_log(std::int64_t offset, std::move_only_function<void(Result<LogPage>)> done) = 0;
  /// Called when a key appears, becomes ready, fails or goes, and when the connection comes or goes. Set once.
  virtual void on_change(std::function<void()> callback) = 0;
};

}  // namespace taxgate::keys
