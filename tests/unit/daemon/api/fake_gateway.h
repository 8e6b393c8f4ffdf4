#pragma once
// Minimal stand-ins for the pipeline: they remember what they were asked and answer from plain members. io thread.
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/api/callers.h"
#include "daemon/api/gateway.h"

namespace taxgate::api {

inline std::unexpected<Findings> refused(Errc code, std::string id, std::string field = {}) {
  return std::unexpected(Findings{{code, std::move(id), std::move(field), {}, {}, {}}});
}

class FakeGateway final : public Gateway {
 public:
  std::optional<Findings> refuse_with;  // every call fails with these
  std::vector<std::string> calls;       // "submit", "act:cancel:ID", …
  std::vector<Caller> callers;
  v1::SubmissionRequest last_request;
  v1::ActionRequest last_action;
  v1::ImportRequest last_import;
  ListQuery last_list;
  EventQuery last_events;
  int last_wait_ms = 0;
  std::string last_seen;
  bool silent = false;  // submit keeps its reply
  std::vector<Reply<Submitted>> kept;
  std::map<std::string, v1::SubmissionRequest> accepted;  // by key
  std::vector<v1::Event> journal;                         // cursor "c1", "c2", …
  std::vector<std::pair<EventQuery, Reply<v1::EventList>>> event_waiters;
  std::vector<std::pair<std::string, Reply<v1::Submission>>> get_waiters;

  static v1::Submission submission(const std::string& id, const v1::SubmissionRequest& request) {
    v1::Submission s;
    s.set_id(id);
    s.set_kind("red");
    s.set_state("queued");
    s.set_seller(request.seller());
    s.set_blue_number(request.blue_number());
    s.set_idempotency_key(request.idempotency_key());
    s.set_channel("simulator");
    s.set_channel_zh("模拟");
    return s;
  }

  void submit(Caller caller, SubmissionBody body, Form, Reply<Submitted> reply) override {
    const v1::SubmissionRequest& request = *body;
    if (note("submit", caller, reply)) return;
    last_request = request;
    if (silent) return kept.push_back(std::move(reply));
    const auto [at, created] = accepted.try_emplace(request.idempotency_key(), request);
    if (!created && at->second.SerializeAsString() != request.SerializeAsString())
      return reply(refused(Errc::invalid_input, "submission.conflict", "idempotency_key"));
    reply(Submitted{submission("id-" + request.idempotency_key(), request), created});
  }
  bool last_menu = false;
  void check(Caller caller, v1::SubmissionRequest request, bool menu, Reply<v1::CheckReply> reply) override {
    if (note("check", caller, reply)) return;
    last_request = request;
    last_menu = menu;
    v1::CheckReply answer;
    answer.set_answer("refused");
    auto& finding = *answer.add_findings();
    finding.set_code("R2.tax_cap");
    finding.set_rule("R2");
    finding.set_severity("refuse");
    finding.set_remedy("Take less.");
    finding.set_remedy_zh("减少。");
    answer.set_channel("simulator");
    reply(std::move(answer));
  }
  void get(Caller caller, std::string id, int wait_ms, std::string seen, Reply<v1::Submission> reply) override {
    if (note("get:" + id, caller, reply)) return;
    last_wait_ms = wait_ms;
    last_seen = seen;
    if (id == "unknown") return reply(refused(Errc::invalid_input, "submission.not_found", "id"));
    if (wait_ms > 0 && seen == "queued") return void(get_waiters.emplace_back(id, std::move(reply)));
    reply(submission(id, {}));
  }
  void signatures(Caller caller, std::string id, Reply<v1::SignatureList> reply) override {
    if (note("signatures:" + id, caller, reply)) return;
    if (id == "unknown") return reply(refused(Errc::invalid_input, "submission.not_found", "id"));
    v1::SignatureList list;
    list.set_submission(id);
    list.set_channel("simulator");
    auto& one = *list.add_signatures();
    one.set_purpose("apply");
    one.set_verified(true);
    one.set_envelope(std::string("a\0\xFF", 3));
    reply(std::move(list));
  }
  void list(Caller caller, ListQuery query, Reply<v1::SubmissionList> reply) override {
    if (note("list", caller, reply)) return;
    last_list = query;
    v1::SubmissionList list;
    *list.add_submissions() = submission("id-1", {});
    list.set_next("n1");
    list.set_channel("simulator");
    reply(std::move(list));
  }
  void act(Caller caller, std::string id, std::string action, v1::ActionRequest request,
           Reply<v1::Submission> reply) override {
    if (note("act:" + action + ":" + id, caller, reply)) return;
    last_action = std::move(request);
    reply(submission(id, {}));
  }
  void inbox(Caller caller, std::string taxpayer, Reply<v1::Inbox> reply) override {
    if (note("inbox:" + taxpayer, caller, reply)) return;
    v1::Inbox inbox;
    auto& form = *inbox.add_forms();
    form.set_uuid("u1");
    form.set_hours_left("71.5");
    form.set_amount("-100.00");
    inbox.set_channel("simulator");
    reply(std::move(inbox));
  }
  void answer_form(Caller caller, std::string uuid, std::string answer, v1::ActionRequest request,
                   Reply<Submitted> reply) override {
    if (note("answer:" + answer + ":" + uuid, caller, reply)) return;
    last_action = request;
    v1::SubmissionRequest as_request;
    as_request.set_idempotency_key(request.idempotency_key());
    const bool created = accepted.try_emplace(request.idempotency_key(), as_request).second;
    reply(Submitted{submission("id-" + uuid, as_request), created});
  }
  void events(Caller caller, EventQuery query, Reply<v1::EventList> reply) override {
    if (note("events", caller, reply)) return;
    last_events = query;
    if (!query.after.empty() && position(query.after) < 0)
      return reply(refused(Errc::invalid_input, "events.cursor", "after"));
    if (page(query).events_size() == 0 && query.wait_ms > 0)
      return void(event_waiters.emplace_back(std::move(query), std::move(reply)));
    reply(page(query));
  }
  void import_invoices(Caller caller, v1::ImportRequest request, Reply<v1::ImportReply> reply) override {
    if (note("import", caller, reply)) return;
    v1::ImportReply result;
    result.set_added(static_cast<std::uint32_t>(request.invoices_size()));
    result.set_channel("simulator");
    for (int i = 0; i < request.invoices_size(); ++i)
      if (request.invoices(i).type() == "refused") {
        auto& one = *result.add_refused();
        one.set_field("invoices[" + std::to_string(i) + "].seller.id");
        one.set_message(one.field() + " is missing.");
      }
    last_import = std::move(request);
    reply(std::move(result));
  }
  void invoice(Caller caller, std::string number, Reply<v1::Invoice> reply) override {
    if (note("invoice:" + number, caller, reply)) return;
    v1::Invoice invoice;
    invoice.set_number(number);
    invoice.set_amount("1000000.00");
    auto& line = *invoice.add_lines();
    line.set_line(1);
    line.set_rate("0.13");
    invoice.add_reds("26990000000000000099");
    reply(std::move(invoice));
  }
  InvoiceQuery last_invoices;
  void invoices(Caller caller, InvoiceQuery query, Reply<v1::InvoiceList> reply) override {
    if (note("invoices", caller, reply)) return;
    last_invoices = std::move(query);
    v1::InvoiceList list;
    list.add_invoices()->set_number("26990000000000000001");
    list.set_next("n1");
    list.set_channel("simulator");
    reply(std::move(list));
  }
  void keys(Caller caller, Reply<v1::KeyList> reply) override {
    if (note("keys", caller, reply)) return;
    v1::KeyList list;
    auto& key = *list.add_keys();
    key.set_serial("K1");
    key.set_pin_tries_left(-1);
    key.set_signed_count(7);
    list.set_channel("simulator");
    reply(std::move(list));
  }
  void lend_key(Caller caller, std::string serial, std::string action, v1::LeaseRequest request,
                Reply<v1::KeyList> reply) override {
    if (note(action + "-key:" + serial + ":" + std::to_string(request.seconds()) + ":" + request.reason(), caller,
             reply))
      return;
    v1::KeyList list;
    auto& key = *list.add_keys();
    key.set_serial(serial);
    key.set_state(action == "lease" ? "leased" : "opening");
    key.set_lease_holder(caller.name);
    list.set_channel("simulator");
    reply(std::move(list));
  }
  void status(Caller caller, Reply<v1::Status> reply) override {
    if (note("status", caller, reply)) return;
    v1::Status status;
    status.set_channel("simulator");
    status.set_health("well");
    auto& count = *status.add_states();
    count.set_state("queued");
    count.set_count(3);
    reply(std::move(status));
  }
  CreditQuery last_credit;
  void credit(Caller caller, CreditQuery query, Reply<v1::CreditStatement> reply) override {
    if (note("credit:" + query.taxpayer + ":" + query.month, caller, reply)) return;
    last_credit = std::move(query);
    reply(credit_statement());
  }
  void credit_filed(Caller caller, v1::CreditFiledRequest request, Reply<v1::CreditStatement> reply) override {
    if (note("filed:" + request.taxpayer() + ":" + request.period(), caller, reply)) return;
    reply(credit_statement());
  }
  void credit_adjust(Caller caller, v1::CreditAdjustRequest request, Reply<v1::CreditStatement> reply) override {
    if (note("adjust:" + request.taxpayer() + ":" + request.limit(), caller, reply)) return;
    reply(credit_statement());
  }
  void sync_plan(Caller caller, Reply<v1::SyncPlan> reply) override {
    if (note("sync_plan", caller, reply)) return;
    v1::SyncPlan plan;
    plan.set_channel("simulator");
    reply(std::move(plan));
  }
  void sync_run(Caller caller, v1::SyncRequest request, Reply<v1::SyncStatus> reply) override {
    if (note("sync_run:" + request.reason(), caller, reply)) return;
    reply(sync_state());
  }
  void sync_status(Caller caller, Reply<v1::SyncStatus> reply) override {
    if (note("sync_status", caller, reply)) return;
    reply(sync_state());
  }
  void sync_preflight(Caller caller, Reply<v1::SyncPreflight> reply) override {
    if (note("sync_preflight", caller, reply)) return;
    v1::SyncPreflight found;
    found.set_channel("simulator");
    auto& one = *found.add_findings();
    one.set_failing(true);
    one.set_code("preflight.budget");
    reply(std::move(found));
  }
  void sync_audit(Caller caller, Reply<v1::SyncAudit> reply) override {
    if (note("sync_audit", caller, reply)) return;
    v1::SyncAudit audit;
    audit.set_channel("simulator");
    reply(std::move(audit));
  }
  void sync_runs(Caller caller, std::string after, int limit, Reply<v1::SyncRunList> reply) override {
    if (note("sync_runs:" + after + ":" + std::to_string(limit), caller, reply)) return;
    v1::SyncRunList list;
    list.set_channel("simulator");
    *list.add_runs() = sync_state().run();
    reply(std::move(list));
  }
  void sync_show(Caller caller, std::string run, Reply<v1::SyncRun> reply) override {
    if (note("sync_show:" + run, caller, reply)) return;
    reply(sync_state().run());
  }
  void sync_approve(Caller caller, std::string run, v1::SyncRequest request, Reply<v1::SyncRun> reply) override {
    if (note("sync_approve:" + run + ":" + request.reason(), caller, reply)) return;
    reply(sync_state().run());
  }
  static v1::SyncStatus sync_state() {
    v1::SyncStatus s;
    s.set_channel("simulator");
    s.mutable_run()->set_run(1);
    s.mutable_run()->set_state("right");
    s.mutable_run()->set_channel("simulator");
    return s;
  }
  static v1::CreditStatement credit_statement() {
    v1::CreditStatement s;
    s.set_taxpayer("91310115TGDM00011U");
    s.set_month("2026-05");
    s.set_limit("7500000.00");
    s.set_remaining("3300000.00");
    s.set_available("3300000.00");
    s.set_available_from("ledger");
    s.set_channel("simulator");
    auto& m = *s.add_movements();
    m.set_kind("red");
    m.set_amount("500000.00");
    m.set_used("-500000.00");
    m.set_rule("C1.restored");
    return s;
  }
  void holds(Caller caller, Reply<v1::HoldList> reply) override {
    if (note("holds", caller, reply)) return;
    v1::HoldList list;
    list.set_channel("simulator");
    reply(std::move(list));
  }
  void hold(Caller caller, v1::HoldRequest request, Reply<v1::HoldList> reply) override {
    if (note("hold:" + request.taxpayer() + ":" + request.reason(), caller, reply)) return;
    v1::HoldList list;
    list.add_holds()->set_taxpayer(request.taxpayer());
    list.set_channel("simulator");
    reply(std::move(list));
  }
  void release(Caller caller, v1::HoldRequest request, Reply<v1::HoldList> reply) override {
    if (note("release:" + request.taxpayer() + ":" + request.reason(), caller, reply)) return;
    v1::HoldList list;
    list.set_channel("simulator");
    reply(std::move(list));
  }

  void add_event(const std::string& type, const std::string& detail = {}) {
    v1::Event e;
    e.set_cursor("c" + std::to_string(journal.size() + 1));
    e.set_id(std::to_string(journal.size() + 1));
    e.set_at("2026-11-22T10:00:00.000+08:00");
    e.set_type(type);
    e.set_detail(detail);
    e.set_channel("simulator");
    journal.push_back(e);
    for (auto& [query, reply] : std::exchange(event_waiters, {})) reply(page(query));
  }

 private:
  template <class T>
  bool note(std::string call, Caller& caller, Reply<T>& reply) {
    calls.push_back(std::move(call));
    callers.push_back(caller);
    if (!refuse_with) return false;
    reply(std::unexpected(*refuse_with));
    return true;
  }
  /// "c12…" → 12; -1: not a cursor of this fake.
  static long position(const std::string& cursor) {
    if (cursor.size() < 2 || cursor.size() > 8 || cursor[0] != 'c' || cursor[1] < '0' || cursor[1] > '9') return -1;
    return std::strtol(cursor.c_str() + 1, nullptr, 10);
  }
  v1::EventList page(const EventQuery& query) const {
    v1::EventList list;
    auto at = static_cast<std::size_t>(query.after.empty() ? 0 : position(query.after));
    for (; at < journal.size() && list.events_size() < query.limit; ++at) *list.add_events() = journal[at];
    list.set_next("c" + std::to_string(at));
    list.set_channel("simulator");
    return list;
  }
};

class FakeDirectory final : public CallerDirectory {
 public:
  std::map<std::int64_t, Caller> uids;
  std::map<std::string, Caller, std::less<>> tokens, certificates;  // by hash
  std::vector<v1::CallerInfo> put;
  std::vector<std::string> removed;

  std::optional<Caller> by_uid(std::int64_t uid) const override { return found(uids, uid); }
  std::optional<Caller> by_token(std::string_view hash) const override { return found(tokens, hash); }
  std::optional<Caller> by_certificate(std::string_view hash) const override { return found(certificates, hash); }
  void list_callers(Caller, Reply<v1::CallerList> reply) override { reply(all()); }
  void put_caller(Caller, v1::CallerInfo caller, Reply<v1::CallerList> reply) override {
    put.push_back(std::move(caller));
    reply(all());
  }
  void remove_caller(Caller, std::string name, Reply<v1::CallerList> reply) override {
    if (name == "nobody") return reply(refused(Errc::invalid_input, "caller.not_found", "name"));
    removed.push_back(name);
    reply(all());
  }

 private:
  template <class M, class K>
  static std::optional<Caller> found(const M& map, const K& key) {
    const auto at = map.find(key);
    return at == map.end() ? std::nullopt : std::optional(at->second);
  }
  v1::CallerList all() const {
    v1::CallerList list;
    for (const auto& c : put) {
      auto& shown = *list.add_callers();
      shown.set_name(c.name());
      for (const auto& role : c.roles()) shown.add_roles(role);
    }
    list.set_channel("simulator");
    return list;
  }
};

}  // namespace taxgate::api
