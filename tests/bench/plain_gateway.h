#pragma once
// Behind the real API server, next to nothing: the yardsticks of the accept benchmark. io thread.
#include "daemon/api/callers.h"
#include "daemon/api/gateway.h"

namespace taxgate::bench {

/// Refuses everything; a yardstick overrides submit.
class PlainGateway : public api::Gateway, public api::CallerDirectory {
 public:
  template <class T>
  static void no(api::Reply<T>& reply) {
    reply(std::unexpected(api::Findings{Error{Errc::invalid_input, "api.no_route", {}, {}, {}, {}}}));
  }
  void submit(api::Caller, api::SubmissionBody, api::Form, api::Reply<api::Submitted> r) override { no(r); }
  void check(api::Caller, api::v1::SubmissionRequest, bool, api::Reply<api::v1::CheckReply> r) override { no(r); }
  void get(api::Caller, std::string, int, std::string, api::Reply<api::v1::Submission> r) override { no(r); }
  void signatures(api::Caller, std::string, api::Reply<api::v1::SignatureList> r) override { no(r); }
  void list(api::Caller, api::ListQuery, api::Reply<api::v1::SubmissionList> r) override { no(r); }
  void act(api::Caller, std::string, std::string, api::v1::ActionRequest, api::Reply<api::v1::Submission> r) override {
    no(r);
  }
  void inbox(api::Caller, std::string, api::Reply<api::v1::Inbox> r) override { no(r); }
  void answer_form(api::Caller, std::string, std::string, api::v1::ActionRequest,
                   api::Reply<api::Submitted> r) override {
    no(r);
  }
  void events(api::Caller, api::EventQuery, api::Reply<api::v1::EventList> r) override { no(r); }
  void import_invoices(api::Caller, api::v1::ImportRequest, api::Reply<api::v1::ImportReply> r) override { no(r); }
  void invoice(api::Caller, std::string, api::Reply<api::v1::Invoice> r) override { no(r); }
  void invoices(api::Caller, api::InvoiceQuery, api::Reply<api::v1::InvoiceList> r) override { no(r); }
  void keys(api::Caller, api::Reply<api::v1::KeyList> r) override { no(r); }
  void lend_key(api::Caller, std::string, std::string, api::v1::LeaseRequest, api::Reply<api::v1::KeyList> r) override {
    no(r);
  }
  void status(api::Caller, api::Reply<api::v1::Status> r) override { no(r); }
  void credit(api::Caller, api::CreditQuery, api::Reply<api::v1::CreditStatement> r) override { no(r); }
  void credit_filed(api::Caller, api::v1::CreditFiledRequest, api::Reply<api::v1::CreditStatement> r) override {
    no(r);
  }
  void credit_adjust(api::Caller, api::v1::CreditAdjustRequest, api::Reply<api::v1::CreditStatement> r) override {
    no(r);
  }
  void sync_plan(api::Caller, api::Reply<api::v1::SyncPlan> r) override { no(r); }
  void sync_run(api::Caller, api::v1::SyncRequest, api::Reply<api::v1::SyncStatus> r) override { no(r); }
  void sync_preflight(api::Caller, api::Reply<api::v1::SyncPreflight> r) override { no(r); }
  void sync_audit(api::Caller, api::Reply<api::v1::SyncAudit> r) override { no(r); }
  void sync_status(api::Caller, api::Reply<api::v1::SyncStatus> r) override { no(r); }
  void sync_runs(api::Caller, std::string, int, api::Reply<api::v1::SyncRunList> r) override { no(r); }
  void sync_show(api::Caller, std::string, api::Reply<api::v1::SyncRun> r) override { no(r); }
  void sync_approve(api::Caller, std::string, api::v1::SyncRequest, api::Reply<api::v1::SyncRun> r) override { no(r); }
  void holds(api::Caller, api::Reply<api::v1::HoldList> r) override { no(r); }
  void hold(api::Caller, api::v1::HoldRequest, api::Reply<api::v1::HoldList> r) override { no(r); }
  void release(api::Caller, api::v1::HoldRequest, api::Reply<api::v1::HoldList> r) override { no(r); }

  std::optional<api::Caller> by_uid(std::int64_t) const override { return std::nullopt; }  // our own uid needs no entry
  std::optional<api::Caller> by_token(std::string_view) const override { return std::nullopt; }
  std::optional<api::Caller> by_certificate(std::string_view) const override { return std::nullopt; }
  void list_callers(api::Caller, api::Reply<api::v1::CallerList> r) override { no(r); }
  void put_caller(api::Caller, api::v1::CallerInfo, api::Reply<api::v1::CallerList> r) override { no(r); }
  void remove_caller(api::Caller, std::string, api::Reply<api::v1::CallerList> r) override { no(r); }
};

}  // namespace taxgate::bench
