#pragma once
// A gateway for the command line's tests: answers from plain members, remembers what was asked. io thread of the
// server.
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "daemon/api/callers.h"
#include "daemon/api/gateway.h"

namespace taxgate::tests {

namespace v1 = api::v1;

class CliGateway final : public api::Gateway, public api::CallerDirectory {
 public:
  std::vector<std::string> calls;  // "submit:KEY", "act:cancel:ID:reason", …
  std::vector<v1::SubmissionRequest> requests;
  std::deque<v1::Submission> submissions;  // what get and submit answer, one after the other; the last one stays
  v1::Inbox inbox_answer;
  v1::EventList events_answer;
  v1::ImportReply import_answer;
  v1::Invoice invoice_answer;
  v1::KeyList keys_answer;
  v1::Status status_answer;
  v1::HoldList holds_answer;
  std::vector<Error> refuse_with;                          // when not empty, every call fails with these
  int gone_after = -1;                                     // so many more calls are answered, then none; -1: all
  std::map<std::string, api::Caller, std::less<>> tokens;  // by hash
  v1::CallerList callers_answer;
  std::vector<v1::CallerInfo> put;

  void submit(api::Caller, api::SubmissionBody request, api::Form, api::Reply<api::Submitted> reply) override {
    calls.push_back("submit:" + request->idempotency_key());
    requests.push_back(*request);
    if (refused(reply)) return;
    reply(api::Submitted{next(), true});
  }
  std::map<std::string, v1::CheckReply> checks;  // by blue number; "" for the others
  std::vector<v1::SubmissionRequest> checked;
  void check(api::Caller, v1::SubmissionRequest request, bool menu, api::Reply<v1::CheckReply> reply) override {
    calls.push_back("check:" + request.blue_number() + ":" + request.reason() + (menu ? ":menu" : ""));
    checked.push_back(request);
    if (refused(reply)) return;
    const auto it = checks.find(request.blue_number());
    v1::CheckReply answer = it == checks.end() ? checks[""] : it->second;
    if (answer.answer().empty()) answer.set_answer("allowed");
    answer.set_blue_number(request.blue_number());
    answer.set_reason(request.reason());
    reply(std::move(answer));
  }
  void get(api::Caller, std::string id, int wait_ms, std::string seen, api::Reply<v1::Submission> reply) override {
    calls.push_back("get:" + id + ":" + (wait_ms > 0 ? "wait" : "") + ":" + seen);
    if (refused(reply)) return;
    reply(next());
  }
  v1::SignatureList signatures_answer;
  void signatures(api::Caller, std::string id, api::Reply<v1::SignatureList> reply) override {
    give("signatures:" + id, signatures_answer, reply);
  }
  void list(api::Caller, api::ListQuery query, api::Reply<v1::SubmissionList> reply) override {
    calls.push_back("list:" + query.taxpayer + ":" + query.state + ":" + query.blue_number + ":" +
                    std::to_string(query.limit));
    if (refused(reply)) return;
    v1::SubmissionList list;
    for (const auto& s : submissions) *list.add_submissions() = s;
    reply(std::move(list));
  }
  void act(api::Caller, std::string id, std::string action, v1::ActionRequest request,
           api::Reply<v1::Submission> reply) override {
    calls.push_back("act:" + action + ":" + id + ":" + request.reason() + request.outcome() + request.form_uuid());
    if (refused(reply)) return;
    reply(next());
  }
  void inbox(api::Caller, std::string taxpayer, api::Reply<v1::Inbox> reply) override {
    give("inbox:" + taxpayer, inbox_answer, reply);
  }
  void answer_form(api::Caller, std::string uuid, std::string answer, v1::ActionRequest,
                   api::Reply<api::Submitted> reply) override {
    calls.push_back("answer:" + answer + ":" + uuid);
    if (refused(reply)) return;
    reply(api::Submitted{next(), true});
  }
  void events(api::Caller, api::EventQuery query, api::Reply<v1::EventList> reply) override {
    calls.push_back("events:" + query.after + ":" + (query.wait_ms > 0 ? "wait" : ""));
    if (refused(reply)) return;
    // One page; afterwards the daemon is as good as gone, so that --follow comes to an end.
    reply(std::move(events_answer));
    events_answer.Clear();
    if (query.wait_ms > 0) refuse_with = {{Errc::retry_later, "store.busy", {}, {}, {}, {}}};
  }
  void import_invoices(api::Caller, v1::ImportRequest request, api::Reply<v1::ImportReply> reply) override {
    import_answer.set_added(static_cast<std::uint32_t>(request.invoices_size()));
    give("import", import_answer, reply);
  }
  void invoice(api::Caller, std::string number, api::Reply<v1::Invoice> reply) override {
    give("invoice:" + number, invoice_answer, reply);
  }
  std::deque<v1::InvoiceList> invoice_pages;  // what the listing answers, one after the other
  void invoices(api::Caller, api::InvoiceQuery q, api::Reply<v1::InvoiceList> reply) override {
    v1::InvoiceList page = invoice_pages.empty() ? v1::InvoiceList() : invoice_pages.front();
    if (!invoice_pages.empty()) invoice_pages.pop_front();
    give("invoices:" + q.seller + ":" + q.buyer + ":" + q.from + ":" + q.to + ":" + q.status + ":" + q.product + ":" +
             q.after,
         std::move(page), reply);
  }
  void keys(api::Caller, api::Reply<v1::KeyList> reply) override { give("keys", keys_answer, reply); }
  void lend_key(api::Caller, std::string serial, std::string action, v1::LeaseRequest r,
                api::Reply<v1::KeyList> reply) override {
    give(action + "-key:" + serial + ":" + std::to_string(r.seconds()) + ":" + r.reason(), keys_answer, reply);
  }
  void status(api::Caller, api::Reply<v1::Status> reply) override { give("status", status_answer, reply); }
  v1::CreditStatement credit_answer;
  v1::CreditFiledRequest filed;
  v1::CreditAdjustRequest adjusted;
  void credit(api::Caller, api::CreditQuery q, api::Reply<v1::CreditStatement> reply) override {
    give("credit:" + q.taxpayer + ":" + q.month + ":" + q.amount + (q.ask_platform ? "" : ":no"), credit_answer, reply);
  }
  void credit_filed(api::Caller, v1::CreditFiledRequest r, api::Reply<v1::CreditStatement> reply) override {
    filed = r;
    give("filed:" + r.taxpayer() + ":" + r.period(), credit_answer, reply);
  }
  void credit_adjust(api::Caller, v1::CreditAdjustRequest r, api::Reply<v1::CreditStatement> reply) override {
    adjusted = r;
    give("adjust:" + r.taxpayer(), credit_answer, reply);
  }
  v1::SyncPlan sync_plan_answer;
  v1::SyncStatus sync_answer;
  v1::SyncRunList sync_runs_answer;
  void sync_plan(api::Caller, api::Reply<v1::SyncPlan> reply) override { give("sync_plan", sync_plan_answer, reply); }
  v1::SyncAudit audit_answer;
  void sync_audit(api::Caller, api::Reply<v1::SyncAudit> reply) override { give("sync_audit", audit_answer, reply); }
  v1::SyncPreflight preflight_answer;
  void sync_preflight(api::Caller, api::Reply<v1::SyncPreflight> reply) override {
    give("sync_preflight", preflight_answer, reply);
  }
  void sync_run(api::Caller, v1::SyncRequest r, api::Reply<v1::SyncStatus> reply) override {
    give("sync_run:" + r.reason(), sync_answer, reply);
  }
  void sync_status(api::Caller, api::Reply<v1::SyncStatus> reply) override { give("sync_status", sync_answer, reply); }
  void sync_runs(api::Caller, std::string after, int limit, api::Reply<v1::SyncRunList> reply) override {
    give("sync_runs:" + after + ":" + std::to_string(limit), sync_runs_answer, reply);
  }
  void sync_show(api::Caller, std::string run, api::Reply<v1::SyncRun> reply) override {
    give("sync_show:" + run, sync_answer.run(), reply);
  }
  void sync_approve(api::Caller, std::string run, v1::SyncRequest r, api::Reply<v1::SyncRun> reply) override {
    give("sync_approve:" + run + ":" + r.reason(), sync_answer.run(), reply);
  }
  void holds(api::Caller, api::Reply<v1::HoldList> reply) override { give("holds", holds_answer, reply); }
  void hold(api::Caller, v1::HoldRequest r, api::Reply<v1::HoldList> reply) override {
    give("hold:" + r.taxpayer() + ":" + r.reason(), holds_answer, reply);
  }
  void release(api::Caller, v1::HoldRequest r, api::Reply<v1::HoldList> reply) override {
    give("release:" + r.taxpayer() + ":" + r.reason(), holds_answer, reply);
  }

  std::optional<api::Caller> by_uid(std::int64_t) const override { return std::nullopt; }
  std::optional<api::Caller> by_token(std::string_view hash) const override {
    const auto it = tokens.find(hash);
    return it == tokens.end() ? std::nullopt : std::optional(it->second);
  }
  std::map<std::string, api::Caller, std::less<>> certificates;  // by hash
  std::optional<api::Caller> by_certificate(std::string_view sha256) const override {
    const auto it = certificates.find(sha256);
    return it == certificates.end() ? std::nullopt : std::optional(it->second);
  }
  void list_callers(api::Caller, api::Reply<v1::CallerList> reply) override { give("callers", callers_answer, reply); }
  void put_caller(api::Caller, v1::CallerInfo caller, api::Reply<v1::CallerList> reply) override {
    put.push_back(caller);
    tokens[caller.token_sha256()] = api::Caller{caller.name(), {"auditor"}, {}};
    give("put:" + caller.name(), callers_answer, reply);
  }
  void remove_caller(api::Caller, std::string name, api::Reply<v1::CallerList> reply) override {
    give("remove:" + name, callers_answer, reply);
  }

 private:
  template <class T>
  bool refused(api::Reply<T>& reply) {
    if (gone_after == 0) {
      reply(std::unexpected(api::Findings{{Errc::retry_later, "store.busy", {}, {}, {}, {}}}));
      return true;
    }
    if (gone_after > 0) --gone_after;
    if (refuse_with.empty()) return false;
    reply(std::unexpected(refuse_with));
    return true;
  }
  template <class T>
  void give(std::string call, T answer, api::Reply<T>& reply) {
    calls.push_back(std::move(call));
    if (!refused(reply)) reply(std::move(answer));
  }
  v1::Submission next() {
    v1::Submission s = submissions.empty() ? v1::Submission() : submissions.front();
    if (submissions.size() > 1) submissions.pop_front();
    return s;
  }
};

}  // namespace taxgate::tests
