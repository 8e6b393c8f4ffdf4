#pragma once
// Signed webhooks: every journal row after a webhook's durable cursor is posted to it, in journal order (therefore in
// order per invoice), at least once. One webhook that is slow or dead delays no other and holds one batch in memory.
//
// Request   POST, application/json, body = api.v1.EventList {"events":[…],"next":cursor,"channel":…};
//           headers
//           Taxgate-Signature: t=UNIX_SECONDS,v1=HEX  HEX = HMAC-SHA256(secret, "UNIX_SECONDS." + body)
//           Taxgate-Webhook: name   Taxgate-Channel: channel   Taxgate-Attempt: 1, 2, …
// Taken     any 2xx. Anything else, silence or a redirect: the same events again after a back-off with jitter, for
// ever. Cursor    store cursor "webhook:<name>" holds the last row taken + 1 (0 = never seen); written after the 2xx,
// so a
//           crash repeats at most what was taken since. A webhook seen for the first time starts at the journal's end.
// Thread    its own thread; the public functions are thread-safe. Secrets stay in locked memory and out of every log.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/name_lookup.h"
#include "daemon/store/store.h"
#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::events {

struct Webhook {
  std::string name;     // stable: the cursor belongs to it
  std::string url;      // http:// or https://
  std::string ca_file;  // https: trust only this; empty: the system's
  std::shared_ptr<SecretBytes> secret;
  std::vector<std::string> events;  // exact types or "submission.*"; empty: all
};

struct WebhookState {
  std::string name;
  std::int64_t delivered_seq = 0;     // last row taken or skipped
  int failures = 0;                   // in a row
  std::int64_t failing_since_ms = 0;  // Unix ms of the first of them; 0: well
  std::string trouble;                // one line, no payload
};

struct WebhookOptions {
  std::string channel = "simulator";
  int batch = 100;                                   // events of one POST: about 50 KB
  std::chrono::milliseconds first_pause{1'000};      // after the first failure; doubles
  std::chrono::milliseconds longest_pause{300'000};  // a receiver that was down all night is asked every 5 minutes
  std::chrono::milliseconds connect_deadline{5'000};
  std::chrono::milliseconds answer_deadline{15'000};  // whole exchange after the connection stands
  std::uint64_t jitter_seed = 0;                      // 0: from the system
  AskForName look_up = system_name_lookup;
};

/// errors  invalid_input events.webhook_url (field "webhook.<name>.url"), events.webhook_secret, events.webhook_name
Result<void> check_webhook(const Webhook& webhook);

class Webhooks {
 public:
  /// The store outlives this object.
  Webhooks(store::Store& store, WebhookOptions options);
  ~Webhooks();  // stops; a delivery under way is abandoned and repeated at the next start
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  /// Replaces the list: kept names keep their cursor, new ones begin at the journal's end, gone ones stop.
  /// errors  those of check_webhook, events.webhook_twice; nothing is changed then. Reading errors of the store.
  Result<void> configure(std::vector<Webhook> webhooks);
  /// Rows up to `last_seq` are durable (store on_commit). Cheap; from any thread, but not while this object is being
  /// destroyed: whoever forwards commits stops doing so first.
  void wake(std::int64_t last_seq);
  std::vector<WebhookState> states() const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

/// The signature header's value for one body at one time. Shown in docs/api.md for receivers.
std::string signature_header(ByteView secret, std::int64_t unix_seconds, std::string_view body);

}  // namespace taxgate::events
