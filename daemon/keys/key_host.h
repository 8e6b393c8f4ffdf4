#pragma once
// taxgated's side of the key host: keys are somewhere else, in another process; here they are a service that signs.
//
// Thread: construct and call on the io thread; callbacks arrive on the io thread, each exactly once, within the
// deadline. A signature is verified against its certificate on a lane of its own before anybody sees it.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/envelope.h"
#include "protocol/error.h"

namespace taxgate::keys {

struct SignOrder {
  std::string request_id;  // submission id and step; the key host's log is matched on it
  std::string taxpayer;
  std::string purpose;  // apply, upload, confirm, deny, revoke, table
  Bytes envelope;       // canonical envelope bytes (protocol/envelope.h), at most 64 KiB
  int deadline_ms = 0;  // 0: the host's default
};

/// One key as the host sees it.
struct KeyFacts {
  std::string reader, serial, taxpayer, state, certificate_sha256, valid_until, subject;
  int pin_tries_left = -1;
  std::uint64_t signed_count = 0;
  Error trouble;  // id empty: none
};

class KeyHost {
 public:
  virtual ~KeyHost() = default;
  /// errors  retry_later  keyd not there, or the connection broke: a signature over the same bytes is repeatable
  ///         retry_later key.none (no key of this taxpayer), key.hung; rejected key.pin_wrong / key.pin_last_try /
  ///         key.locked / key.foreign / key.expired: a person must act; corrupt key.signature: what came back does not
  ///         verify
  virtual void sign(SignOrder order, std::move_only_function<void(Result<SignedEnvelope>)> done) = 0;
  virtual bool connected() const = 0;
  virtual std::vector<KeyFacts> keys() const = 0;
  /// Called when a key appears, becomes ready, fails or goes, and when the connection comes or goes. Set once.
  virtual void on_change(std::function<void()> callback) = 0;
};

}  // namespace taxgate::keys
