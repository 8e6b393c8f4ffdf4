// Staging, the order of events in legal time, and looking in.
#include "simulator/platform/world.h"

#include <algorithm>

#include "simulator/platform/world_records.h"

namespace taxgate::simulator {

World::World(Sink sink) : sink_(std::move(sink)) {}
World::~World() = default;

void World::put_taxpayer(Taxpayer taxpayer) { taxpayers_[taxpayer.id] = std::move(taxpayer); }

void World::put_invoice(Invoice invoice) {
  Blue& blue = blues_[invoice.number];
  blue.issued_status = invoice.status.empty() ? "0" : invoice.status;
  blue.invoice = std::move(invoice);
  blue.invoice.status = blue.issued_status;
  refresh_status(blue);
}

void World::set_counterparty(CounterpartyRule rule, LegalTime now) {
  now = advance(now);
  counterparties_.set(std::move(rule));
  for (auto& [uuid, record] : forms_) plan_answer(record, now);
}

void World::hide(const std::string& uuid, bool hidden) {
  if (auto found = forms_.find(uuid); found != forms_.end()) found->second.hidden = hidden;
}

Behaviour World::behaviour_of(const std::string& seller) const {
  const auto found = taxpayers_.find(seller);
  return found != taxpayers_.end() && found->second.behaviour ? *found->second.behaviour : default_behaviour_;
}

// ---- legal time -----------------------------------------------------------------------------------------------------

LegalTime World::advance(LegalTime now) {
  // A clock that steps back must not reorder what already happened.
  now = std::max(now, latest_);
  while (!events_.empty() && events_.top().at <= now) {
    const Event event = events_.top();
    events_.pop();
    latest_ = std::max(latest_, event.at);
    happen(event);
  }
  latest_ = now;
  return now;
}

void World::settle(LegalTime now) { advance(now); }

void World::plan(LegalTime at, Due due, const std::string& key, unsigned plan) {
  events_.push({at, ++order_, due, key, plan});
}

void World::happen(const Event& event) {
  RequestContext by_platform;
  by_platform.now = event.at;
  by_platform.origin = Origin::platform;
  switch (event.due) {
    case Due::expire: {
      FormRecord& record = forms_.at(event.key);
      const auto cls = leqi::form_class(record.form.state);
      if (cls == leqi::FormClass::pending_buyer || cls == leqi::FormClass::pending_seller) {
        set_state(record, "07", event.at, by_platform);
      }
      return;
    }
    case Due::answer: {
      FormRecord& record = forms_.at(event.key);
      const auto cls = leqi::form_class(record.form.state);
      const bool pending_buyer = cls == leqi::FormClass::pending_buyer;
      if (event.plan != record.answer_plan || (!pending_buyer && cls != leqi::FormClass::pending_seller)) return;
      const std::string& answering = pending_buyer ? record.form.buyer.id : record.form.seller.id;
      by_platform.origin = Origin::counterparty;
      const Reaction reaction = counterparties_.find(record.form.blue_number, answering).reaction;
      if (reaction == Reaction::confirm) set_state(record, "04", event.at, by_platform);
      if (reaction == Reaction::deny) set_state(record, pending_buyer ? "05" : "06", event.at, by_platform);
      return;
    }
    case Due::issue: {
      FormRecord& record = forms_.at(event.key);
      const bool ready = leqi::form_class(record.form.state) == leqi::FormClass::confirmed;
      if (ready && !record.form.issued && !record.never_issue) issue(record, event.at, by_platform, {});
      return;
    }
    case Due::upload:
      return process_upload(uploads_.at(event.key), event.at);
    case Due::table_check: {
      TableRecord& record = tables_.at(event.key);
      if (table::table_class(record.row.status) == table::TableClass::pending) approve(record, event.at);
      return;
    }
    case Due::write_off: {
      TableRecord& record = tables_.at(event.key);
      if (table::table_class(record.row.status) != table::TableClass::approved) return;
      record.row.status = "TZD0074";
      record.row.status_text = table::table_status("TZD0074")->term;
      if (const auto blue = blues_.find(record.row.red.blue_number); blue != blues_.end()) refresh_status(blue->second);
      book(effect_of(record, EffectKind::table_written_off, event.at));
      return;
    }
  }
}

// ---- looking in -----------------------------------------------------------------------------------------------------

const Invoice* World::invoice(const std::string& number) const {
  const auto found = blues_.find(number);
  return found == blues_.end() ? nullptr : &found->second.invoice;
}

bool World::locked(const std::string& number) const {
  const auto found = blues_.find(number);
  return found != blues_.end() && has_open_document(found->second);
}

std::vector<std::string> World::reds_of(const std::string& number) const {
  const auto found = blues_.find(number);
  return found == blues_.end() ? std::vector<std::string>{} : found->second.reds;
}

const FormRecord* World::form(const std::string& uuid) const {
  const auto found = forms_.find(uuid);
  return found == forms_.end() ? nullptr : &found->second;
}

std::vector<const FormRecord*> World::forms() const {
  std::vector<const FormRecord*> all;
  all.reserve(form_order_.size());
  for (const std::string& uuid : form_order_) all.push_back(&forms_.at(uuid));
  return all;
}

std::string World::blue_of_form(const std::string& uuid, const std::string& number) const {
  auto found = forms_.find(uuid);
  if (found == forms_.end()) {
    const auto by_number = form_numbers_.find(number);
    if (by_number == form_numbers_.end()) return {};
    found = forms_.find(by_number->second);
  }
  return found->second.form.blue_number;
}

std::string World::blue_of_upload(const std::string& receipt, const std::string& serial) const {
  if (const auto found = uploads_.find(receipt); found != uploads_.end()) return found->second.request.red.blue_number;
  for (const auto& [key, upload] : uploads_)
    if (!serial.empty() && upload.request.serial == serial) return upload.request.red.blue_number;
  return {};
}

}  // namespace taxgate::simulator
