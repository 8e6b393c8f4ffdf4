#pragma once
// The pipeline's one object, private to this directory: state on the io thread, split over engine.cpp (work loop),
// acceptance.cpp, queries.cpp, actions.cpp, inbox.cpp.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "daemon/core/random.h"
#include "daemon/pipeline/context.h"
#include "daemon/pipeline/disks.h"
#include "daemon/pipeline/intake.h"
#include "daemon/pipeline/night.h"
#include "daemon/pipeline/pipeline.h"
#include "daemon/rules/credit.h"

namespace taxgate::pipeline {

class Engine final : public Pipeline {
 public:
  Engine(Parts parts, Settings settings, std::unique_ptr<store::Reader> reads, std::unique_ptr<store::Reader> intake,
         std::unique_ptr<store::NightReader> night, std::unique_ptr<store::NightReader> events);
  ~Engine() override;
  Result<void> load();

  void reload(Settings settings) override;
  void stop() override;
  void committed(std::int64_t last_seq) override;
  std::size_t open_submissions() const override { return context_.queue.size(); }

  void submit(api::Caller caller, api::SubmissionBody request, api::Form form,
              api::Reply<api::Submitted> reply) override;
  void check(api::Caller caller, api::v1::SubmissionRequest request, bool menu,
             api::Reply<api::v1::CheckReply> reply) override;
  void get(api::Caller caller, std::string id, int wait_ms, std::string seen_state,
           api::Reply<api::v1::Submission> reply) override;
  void signatures(api::Caller caller, std::string id, api::Reply<api::v1::SignatureList> reply) override;
  void list(api::Caller caller, api::ListQuery query, api::Reply<api::v1::SubmissionList> reply) override;
  void act(api::Caller caller, std::string id, std::string action, api::v1::ActionRequest request,
           api::Reply<api::v1::Submission> reply) override;
  void inbox(api::Caller caller, std::string taxpayer, api::Reply<api::v1::Inbox> reply) override;
  void answer_form(api::Caller caller, std::string uuid, std::string answer, api::v1::ActionRequest request,
                   api::Reply<api::Submitted> reply) override;
  void events(api::Caller caller, api::EventQuery query, api::Reply<api::v1::EventList> reply) override;
  void import_invoices(api::Caller caller, api::v1::ImportRequest request,
                       api::Reply<api::v1::ImportReply> reply) override;
  void invoice(api::Caller caller, std::string number, api::Reply<api::v1::Invoice> reply) override;
  void invoices(api::Caller caller, api::InvoiceQuery query, api::Reply<api::v1::InvoiceList> reply) override;
  void keys(api::Caller caller, api::Reply<api::v1::KeyList> reply) override;
  void lend_key(api::Caller caller, std::string serial, std::string action, api::v1::LeaseRequest request,
                api::Reply<api::v1::KeyList> reply) override;
  void status(api::Caller caller, api::Reply<api::v1::Status> reply) override;
  void credit(api::Caller caller, api::CreditQuery query, api::Reply<api::v1::CreditStatement> reply) override;
  void credit_filed(api::Caller caller, api::v1::CreditFiledRequest request,
                    api::Reply<api::v1::CreditStatement> reply) override;
  void credit_adjust(api::Caller caller, api::v1::CreditAdjustRequest request,
                     api::Reply<api::v1::CreditStatement> reply) override;
  void sync_plan(api::Caller caller, api::Reply<api::v1::SyncPlan> reply) override;
  void sync_preflight(api::Caller caller, api::Reply<api::v1::SyncPreflight> reply) override;
  void sync_audit(api::Caller caller, api::Reply<api::v1::SyncAudit> reply) override;
  void sync_run(api::Caller caller, api::v1::SyncRequest request, api::Reply<api::v1::SyncStatus> reply) override;
  void sync_status(api::Caller caller, api::Reply<api::v1::SyncStatus> reply) override;
  void sync_runs(api::Caller caller, std::string after, int limit, api::Reply<api::v1::SyncRunList> reply) override;
  void sync_show(api::Caller caller, std::string run, api::Reply<api::v1::SyncRun> reply) override;
  void sync_approve(api::Caller caller, std::string run, api::v1::SyncRequest request,
                    api::Reply<api::v1::SyncRun> reply) override;
  void holds(api::Caller caller, api::Reply<api::v1::HoldList> reply) override;
  void hold(api::Caller caller, api::v1::HoldRequest request, api::Reply<api::v1::HoldList> reply) override;
  void release(api::Caller caller, api::v1::HoldRequest request, api::Reply<api::v1::HoldList> reply) override;

  std::optional<api::Caller> by_uid(std::int64_t uid) const override;
  std::optional<api::Caller> by_token(std::string_view sha256) const override;
  std::optional<api::Caller> by_certificate(std::string_view sha256) const override;
  void list_callers(api::Caller by, api::Reply<api::v1::CallerList> reply) override;
  void put_caller(api::Caller by, api::v1::CallerInfo caller, api::Reply<api::v1::CallerList> reply) override;
  void remove_caller(api::Caller by, std::string name, api::Reply<api::v1::CallerList> reply) override;

 private:
  struct Waiter {
    std::string id, seen_state;
    api::Caller caller;
    api::Reply<api::v1::Submission> reply;
    std::int64_t until_ms = 0;
  };
  struct EventWaiter {
    api::Caller caller;
    api::EventQuery query;
    api::Reply<api::v1::EventList> reply;
    std::int64_t until_ms = 0;
  };
  template <class T>
  using Shared = std::shared_ptr<api::Reply<T>>;

  // engine.cpp
  std::int64_t steady_ms() const;
  void pump();  // starts as much work as is due and allowed
  void arm();   // one timer for the next thing that is due
  asio::awaitable<void> work(std::string id);
  asio::awaitable<Next> step(Submission& sub);
  void announce_deadlines();
  asio::awaitable<void> roll_deadline(std::string id);  // its month ended, or the filing day passed
  void watch_clock();                                   // laboratory: a jump of legal time makes everything due
  void keys_changed();

  // acceptance.cpp. Requests travel in batches whose size sets itself: what arrives while one batch is with the rules
  // is the next one, and answers that become durable together come back together. One wake-up a batch, not one a
  // request.
  struct Arrival {
    api::Caller caller;
    api::SubmissionBody request;
    api::Reply<api::Submitted> reply;
    api::Form form = api::Form::json;
    bool lane_busy = false;
    std::shared_ptr<const Settings> settings;  // the io thread's own may change meanwhile
  };
  struct Shown {  // what the answer to a created submission says beyond its row
    std::optional<RedDocument> red;
    std::optional<api::SubmissionBody> request;
    std::string noted{};  // what its "accepted" journal row tells
    api::Form form = api::Form::protobuf;
  };
  struct Answered {
    std::expected<store::Accepted, Findings> outcome;
    api::Reply<api::Submitted> reply;
    std::unique_ptr<Shown> shown;  // nothing to be shown: none
  };
  void begin_admitting();
  void admit_next();                                                 // any thread
  void admit_arrivals();                                             // intake lane
  std::vector<store::Acceptance> admit(std::vector<Arrival> batch);  // intake lane
  void answered(std::expected<store::Accepted, Findings> outcome, api::Reply<api::Submitted> reply,
                std::unique_ptr<Shown> shown);  // any thread
  void deliver_answers();
  void accepted(std::expected<store::Accepted, Findings>& outcome, api::Reply<api::Submitted>& reply,
                const Shown& shown);
  asio::awaitable<void> answer(api::Caller caller, std::string uuid, Kind kind, api::v1::ActionRequest request,
                               Shared<api::Submitted> reply);

  // queries.cpp
  bool may_see(const api::Caller& caller, std::string_view taxpayer) const;
  void moved(const Submission& sub);
  void sweep_waiters();
  asio::awaitable<void> show(api::Caller caller, std::string id, Shared<api::v1::Submission> reply);
  asio::awaitable<void> wait_for(Waiter waiter);
  asio::awaitable<void> read_events(EventWaiter waiter);
  asio::awaitable<void> read_status(api::Caller caller, Shared<api::v1::Status> reply);

  // actions.cpp
  asio::awaitable<void> perform(api::Caller caller, std::string id, std::string action, api::v1::ActionRequest request,
                                Shared<api::v1::Submission> reply);
  asio::awaitable<void> reply_holds(api::Caller caller, Shared<api::v1::HoldList> reply);
  asio::awaitable<void> change_hold(api::Caller caller, api::v1::HoldRequest request, bool set,
                                    Shared<api::v1::HoldList> reply);
  asio::awaitable<Result<void>> reload_callers();
  asio::awaitable<void> change_caller(api::Caller by, std::optional<api::v1::CallerInfo> put, std::string remove,
                                      Shared<api::v1::CallerList> reply);
  api::v1::CallerList caller_list() const;

  // keys.cpp
  asio::awaitable<std::vector<keys::KeyFacts>> keys_now();
  api::v1::KeyInfo shown(const keys::KeyFacts& key) const;
  asio::awaitable<void> show_keys(api::Caller caller, Shared<api::v1::KeyList> reply);
  asio::awaitable<void> lend(api::Caller caller, keys::Lease lease, Shared<api::v1::KeyList> reply);

  // credit.cpp
  Result<std::string> credit_taxpayer(const api::Caller& caller, const std::string& wanted) const;
  asio::awaitable<void> show_credit(std::string taxpayer, rules::Month month, api::CreditQuery query,
                                    Shared<api::v1::CreditStatement> reply);
  asio::awaitable<void> record_credit(store::CreditRecord record, rules::Month shown,
                                      Shared<api::v1::CreditStatement> reply);
  asio::awaitable<void> adjust_credit(std::string taxpayer, std::string principal, api::v1::CreditAdjustRequest request,
                                      Shared<api::v1::CreditStatement> reply);

  std::uint64_t wake_waiting(const std::string& taxpayer);  // its open submissions look at the platform now

  // inbox.cpp
  asio::awaitable<void> watch_inbox();
  /// errors  the platform's, the store's; what was told until then is kept
  asio::awaitable<Result<void>> look_at_both_inboxes(std::string taxpayer);
  asio::awaitable<Result<void>> look_at_inbox(std::string taxpayer, Side side);

  SystemRandom random_;
  Parts parts_;
  std::unique_ptr<store::Reader> reads_reader_, intake_reader_;
  std::unique_ptr<store::NightReader> event_reader_;  // the reads lane's, too
  queue::Discipline real_discipline_;
  Context context_;
  Disks disks_;
  asio::steady_timer timer_, inbox_timer_, clock_timer_;
  bool stopping_ = false, timer_armed_ = false;
  std::int64_t timer_at_ = 0;
  std::int64_t roll_at_ms_ = 0;  // steady; not before: the last roll could not be stored
  std::int64_t last_legal_ms_ = 0, last_steady_ms_ = 0;
  std::int64_t last_seq_ = 0;
  LegalTime started_at_;
  std::vector<store::Caller> callers_;
  std::map<std::string, std::string> ready_keys_;            // serial, taxpayer: as they were at the last change
  std::multimap<std::string, Waiter, std::less<>> waiters_;  // by submission id
  std::vector<EventWaiter> event_waiters_;
  std::shared_ptr<Intake> intake_;
  std::mutex arrivals_mutex_;
  std::deque<Arrival> arrivals_;  // at most one a connection; guarded by arrivals_mutex_
  bool admitting_ = false;        // the intake lane will look at them by itself; guarded by arrivals_mutex_
  std::mutex answers_mutex_;
  std::vector<Answered> answers_;    // guarded by answers_mutex_
  std::vector<Answered> delivered_;  // what the io thread has taken of them,
  std::size_t delivered_until_ = 0;  // and answered up to here
  Lane reads_lane_;                  // last members: their threads end before what they use
  Lane intake_lane_;
  std::unique_ptr<Night> night_;  // has a lane of its own
};

}  // namespace taxgate::pipeline
