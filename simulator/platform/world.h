#pragma once
// The virtual tax platform without its wire: taxpayers, blue invoices, confirmation forms, reds, information tables,
// balances, locks and the 72 hours. Pure state: no network, no clock of its own; legal time is an argument and must not
// run backwards from call to call (an earlier time is read as the latest one seen). Enforces the law with code of its
// own, never the daemon's rules, so that one mistake cannot hide on both sides.
//
// Time works inside `settle(now)`: counterparties answer, forms expire at exactly 72 hours, uploads are processed, reds
// are issued by the platform itself; each at its own due time and in that order. Every operation settles first.
//
// Thread: one at a time. Source: rules.md A.1, B.1–B.3; docs/fidelity.md for what nobody published.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "protocol/invoice.h"
#include "protocol/leqi.h"
#include "protocol/table_xml.h"
#include "simulator/platform/counterparties.h"
#include "simulator/platform/request_log.h"

namespace taxgate::simulator {

/// Who turns a confirmed form into a red invoice.
enum class IssueMode : std::uint8_t {
  upload,         // nobody but the seller's upload (Leqi)
  automatic,      // the platform, `issue_after_ms` after the form is confirmed (web and RPA channels)
  before_upload,  // the platform, when the seller's upload arrives and just before it is looked at: whatever was asked
                  // before then said "not issued". The race between our query and our upload, made certain
};

/// How the platform treats one taxpayer's documents (as seller). Times are legal milliseconds.
struct Behaviour {
  IssueMode issue = IssueMode::upload;
  std::int64_t issue_after_ms = 0;
  std::int64_t upload_ms = 0;       // an upload is processed this long; 0: when it is next asked for
  std::int64_t table_check_ms = 0;  // a table stays TZD0071 this long; 0: approved at once
  std::int64_t write_off_ms = -1;   // an approved table becomes TZD0074 (its red was issued on the device); <0 never
};

struct Taxpayer {
  std::string id, name;
  std::optional<Behaviour> behaviour;  // else the world's default
  bool normal = true;                  // false: 非正常 or 注销; nobody may start a form with it
  std::optional<Fen> credit_limit;     // 发票总额度; none: the platform has no figure
  Fen credit_used_elsewhere;           // of the month: what no gateway knows of
};

/// Circumstances of one request.
struct RequestContext {
  LegalTime now;
  Origin origin = Origin::request;
  bool protection = true;  // false: duplicate protection off for this request, it books whatever arrives
  bool no_issue = false;   // never issue the red that would follow
  std::string service;
  std::string request_sha256;
  std::int64_t arrived_ms = 0;  // machine time, for the log
};

/// One confirmation form with what the platform keeps beside it.
struct FormRecord {
  leqi::Form form;
  LegalTime entered, confirmed;   // exact; the wire shows seconds
  std::vector<std::string> reds;  // numbers; more than one only with the protection off
  bool never_issue = false;
  bool hidden = false;       // late listing
  unsigned answer_plan = 0;  // only the newest plan of the counterparty counts
  Origin origin = Origin::request;
  std::string request_sha256;
};

class World {
 public:
  using Sink = std::function<void(Effect)>;
  /// `sink` gets every booked effect, in order, from inside the operation that booked it.
  explicit World(Sink sink);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- staging --------------------------------------------------------------------------------------------------
  void put_taxpayer(Taxpayer taxpayer);
  void set_default_behaviour(Behaviour behaviour) { default_behaviour_ = behaviour; }
  /// Adds or replaces; an invoice with documents against it keeps them.
  void put_invoice(Invoice invoice);
  /// Takes effect for pending forms too, from their entry time on, but never in the past.
  void set_counterparty(CounterpartyRule rule, LegalTime now);
  /// The platform itself voids a form (states 05–13 by rules.md B.1). False when B.1 has no such transition.
  bool force_state(const std::string& uuid, const std::string& state, LegalTime now);
  void hide(const std::string& uuid, bool hidden);

  // ---- the services ---------------------------------------------------------------------------------------------
  leqi::ApplyReply apply(const RedDocument& red, const RequestContext& context);
  leqi::ConfirmReply confirm(const leqi::ConfirmRequest& request, const RequestContext& context);
  leqi::ListReply list(const leqi::ListRequest& request, LegalTime now);
  leqi::DetailReply detail(const leqi::DetailRequest& request, LegalTime now);
  leqi::UploadReply upload(const leqi::UploadRequest& request, const RequestContext& context);
  leqi::UploadResultReply upload_result(const leqi::UploadResultRequest& request, LegalTime now);
  leqi::InvoiceStatusReply invoice_status(const leqi::InvoiceStatusRequest& request, LegalTime now);
  leqi::CreditReply credit(const leqi::CreditRequest& request, LegalTime now);
  table::Row table_upload(const RedDocument& red, const RequestContext& context);
  table::DownloadReply table_download(const table::DownloadRequest& request, LegalTime now);
  table::Row table_cancel(const table::CancelRequest& request, const RequestContext& context);

  // ---- looking in -----------------------------------------------------------------------------------------------
  void settle(LegalTime now);
  const Invoice* invoice(const std::string& number) const;
  bool locked(const std::string& number) const;  // a form or table on it is open
  std::vector<std::string> reds_of(const std::string& number) const;
  const FormRecord* form(const std::string& uuid) const;
  std::vector<const FormRecord*> forms() const;  // in order of entry
  /// Every invoice the platform holds as its listings show it: the blues and the reds issued on forms (those made on
  /// tax devices have no number here). Reds come without lines.
  void each_invoice(const std::function<void(const Invoice&, bool locked)>& each) const;
  /// For matching faults: the blue number behind a form's uuid or number, or an upload's receipt or serial; "" unknown.
  std::string blue_of_form(const std::string& uuid, const std::string& number) const;
  std::string blue_of_upload(const std::string& receipt, const std::string& serial) const;
  /// A full red of what is left of `blue_number`, as a counterparty or stranger would enter it. nullopt: unknown or
  /// nothing left.
  std::optional<RedDocument> full_red(const std::string& blue_number, Side initiator, Reason reason) const;

  static constexpr int kMaxPageSize = 50;  // the web's maximum; Leqi's is unknown
  static constexpr std::int64_t kMaxWindowMs = 90LL * 24 * LegalTime::kHourMs;

 private:
  struct Upload;
  struct TableRecord;
  struct Blue;
  struct Left {
    Fen amount, tax;
  };
  enum class Due : std::uint8_t { expire, answer, issue, upload, table_check, write_off };
  struct Event {
    LegalTime at;
    std::uint64_t order;
    Due due;
    std::string key;
    unsigned plan;
    friend bool operator>(const Event& a, const Event& b) { return std::tie(a.at, a.order) > std::tie(b.at, b.order); }
  };

  // world.cpp
  LegalTime advance(LegalTime now);
  void plan(LegalTime at, Due due, const std::string& key, unsigned plan = 0);
  void happen(const Event& event);
  Behaviour behaviour_of(const std::string& seller) const;
  void book(Effect effect) { sink_(std::move(effect)); }
  Effect effect_of(const FormRecord& record, EffectKind kind, LegalTime at) const;
  // world_balance.cpp
  Left left_of(const Blue& blue) const;
  bool has_open_document(const Blue& blue) const;
  std::string cap_breach(const Blue& blue, const RedDocument& red) const;  // Chinese message, or ""
  void refresh_status(Blue& blue);
  // world_forms.cpp
  std::string refusal(const RedDocument& red, const RequestContext& context) const;
  void set_state(FormRecord& record, const std::string& state, LegalTime at, const RequestContext& context);
  void plan_answer(FormRecord& record, LegalTime not_before);
  void confirmed(FormRecord& record, LegalTime at);
  FormRecord* find_form(const std::string& uuid, const std::string& number);
  // world_issue.cpp
  void issue(FormRecord& record, LegalTime at, const RequestContext& context, const std::string& preassigned);
  void process_upload(Upload& upload, LegalTime at);
  std::string new_red_number(LegalTime at);
  // world_tables.cpp
  void approve(TableRecord& record, LegalTime at);
  Effect effect_of(const TableRecord& record, EffectKind kind, LegalTime at) const;

  Sink sink_;
  LegalTime latest_;
  Behaviour default_behaviour_;
  Counterparties counterparties_;
  std::map<std::string, Taxpayer> taxpayers_;
  std::map<std::string, Blue> blues_;
  std::map<std::string, FormRecord> forms_;          // by uuid
  std::map<std::string, std::string> form_numbers_;  // number → uuid
  std::vector<std::string> form_order_;
  std::map<std::string, Upload> uploads_;       // by receipt
  std::map<std::string, std::string> serials_;  // seller + serial → first receipt
  std::map<std::string, TableRecord> tables_;   // by our id
  std::vector<std::string> table_order_;
  std::set<std::string> red_numbers_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0, form_sequence_ = 0, red_sequence_ = 0, upload_sequence_ = 0, table_sequence_ = 0;
};

/// The transitions of rules.md B.1 between form states (issuing aside, after which nothing changes).
bool form_transition_allowed(std::string_view from, std::string_view to);

}  // namespace taxgate::simulator
