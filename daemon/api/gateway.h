#pragma once
// What the local API needs of the rest, declared here and implemented by daemon/pipeline: the api room knows HTTP, JSON
// and callers, the gateway knows submissions. All calls and all replies happen on the io thread. A reply is called
// exactly once. Findings is never empty; the first names the HTTP status by its Errc (docs/api.md).
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "protocol/api.pb.h"
#include "protocol/arena_message.h"
#include "protocol/error.h"
#include "protocol/sync.pb.h"

namespace taxgate::api {

using Findings = std::vector<Error>;
template <class T>
using Reply = std::move_only_function<void(std::expected<T, Findings>)>;

using SubmissionBody = ArenaMessage<v1::SubmissionRequest>;

/// The authenticated caller of one request.
struct Caller {
  std::string name;
  std::vector<std::string> roles;
  std::vector<std::string> taxpayers;  // empty: all
  bool has(std::string_view role) const;
};

enum class Form : std::uint8_t { json, protobuf };  // of an answer

struct Submitted {
  v1::Submission submission;
  bool created = false;
  std::string json{};  // when it is there, the answer as it goes out; `submission` then says the id only
};
struct ListQuery {
  std::string taxpayer, state, blue_number, idempotency_key, after;
  int limit = 50;
};
struct InvoiceQuery {
  std::string seller, buyer, product, from, to, status, after;  // as given; dates yyyy-MM-dd, both included
  int limit = 50;
};
struct EventQuery {
  std::string after;
  int limit = 100;
  int wait_ms = 0;
  std::string submission;
};

struct CreditQuery {
  std::string taxpayer, month;  // empty: the only one there is, the current one
  std::string amount, type;     // a blue invoice about to be issued, or empty
  bool ask_platform = true;
};

class Gateway {
 public:
  virtual ~Gateway() = default;
  /// form  what the answer will be; Submitted::json is for Form::json only
  virtual void submit(Caller caller, SubmissionBody request, Form form, Reply<Submitted> reply) = 0;
  /// What the rules say to it; nothing is kept. `menu`: also what is left of the blue invoice and which reasons fit.
  /// An answer that refuses is a reply, not a finding: findings are a gateway that cannot answer.
  virtual void check(Caller caller, v1::SubmissionRequest request, bool menu, Reply<v1::CheckReply> reply) = 0;
  /// wait_ms > 0: answers when the state leaves `seen_state` (or is final), or after wait_ms.
  virtual void get(Caller caller, std::string id, int wait_ms, std::string seen_state, Reply<v1::Submission> reply) = 0;
  /// Every signature of a submission in the order in which they were made, each verified now. Errors as get().
  virtual void signatures(Caller caller, std::string id, Reply<v1::SignatureList> reply) = 0;
  virtual void list(Caller caller, ListQuery query, Reply<v1::SubmissionList> reply) = 0;
  /// action: "cancel", "retry", "resolve", "approve", "deny_approval", "hold", "release"
  virtual void act(Caller caller, std::string id, std::string action, v1::ActionRequest request,
                   Reply<v1::Submission> reply) = 0;
  virtual void inbox(Caller caller, std::string taxpayer, Reply<v1::Inbox> reply) = 0;
  /// answer: "confirm", "deny", "revoke"
  virtual void answer_form(Caller caller, std::string uuid, std::string answer, v1::ActionRequest request,
                           Reply<Submitted> reply) = 0;
  virtual void events(Caller caller, EventQuery query, Reply<v1::EventList> reply) = 0;
  virtual void import_invoices(Caller caller, v1::ImportRequest request, Reply<v1::ImportReply> reply) = 0;
  virtual void invoice(Caller caller, std::string number, Reply<v1::Invoice> reply) = 0;
  virtual void invoices(Caller caller, InvoiceQuery query, Reply<v1::InvoiceList> reply) = 0;
  virtual void keys(Caller caller, Reply<v1::KeyList> reply) = 0;
  /// action: "lease", "release"; answers with that key when its device is free for another program, or taken back
  virtual void lend_key(Caller caller, std::string serial, std::string action, v1::LeaseRequest request,
                        Reply<v1::KeyList> reply) = 0;
  virtual void status(Caller caller, Reply<v1::Status> reply) = 0;
  virtual void credit(Caller caller, CreditQuery query, Reply<v1::CreditStatement> reply) = 0;
  virtual void credit_filed(Caller caller, v1::CreditFiledRequest request, Reply<v1::CreditStatement> reply) = 0;
  virtual void credit_adjust(Caller caller, v1::CreditAdjustRequest request, Reply<v1::CreditStatement> reply) = 0;
  /// What a night beginning now would do; nothing is asked of the platform.
  virtual void sync_plan(Caller caller, Reply<v1::SyncPlan> reply) = 0;
  /// Begins a night unless one is under way; answers once the run is durable.
  virtual void sync_run(Caller caller, v1::SyncRequest request, Reply<v1::SyncStatus> reply) = 0;
  /// Whether the coming night can be right. Makes one light call of the platform for each taxpayer.
  virtual void sync_preflight(Caller caller, Reply<v1::SyncPreflight> reply) = 0;
  /// The key host's log, our journal and the last listing against each other, from the beginning.
  virtual void sync_audit(Caller caller, Reply<v1::SyncAudit> reply) = 0;
  virtual void sync_status(Caller caller, Reply<v1::SyncStatus> reply) = 0;
  virtual void sync_runs(Caller caller, std::string after, int limit, Reply<v1::SyncRunList> reply) = 0;
  virtual void sync_show(Caller caller, std::string run, Reply<v1::SyncRun> reply) = 0;
  /// Goes on with the taxpayers that run held back.
  virtual void sync_approve(Caller caller, std::string run, v1::SyncRequest request, Reply<v1::SyncRun> reply) = 0;
  virtual void holds(Caller caller, Reply<v1::HoldList> reply) = 0;
  virtual void hold(Caller caller, v1::HoldRequest request, Reply<v1::HoldList> reply) = 0;
  virtual void release(Caller caller, v1::HoldRequest request, Reply<v1::HoldList> reply) = 0;
};

}  // namespace taxgate::api
