// Confirmation forms: entering, answering, expiring, listing.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "simulator/platform/world_records.h"

namespace taxgate::simulator {

bool form_transition_allowed(std::string_view from, std::string_view to) {
  // rules.md B.1. 01 → 08 as well as 09: which of the two a revoked 01 gets is unknown; we give 08 (docs/fidelity.md).
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTargets{
      {{"01", "08 09"}, {"02", "04 05 07 08 10 11 12 13"}, {"03", "04 06 07 08 10 11 13"}, {"04", "09"}}};
  for (const auto& [state, targets] : kTargets)
    if (state == from && to.size() == 2) return targets.find(to) != std::string_view::npos;
  return false;
}

namespace {

bool used(const Invoice& invoice) { return !invoice.use.empty() && invoice.use != "0"; }  // fpyt 用途确认
bool booked(const Invoice& invoice) { return invoice.booking == "02"; }                   // rzzt; 03 已入账撤销 is none

bool same_day(LegalTime a, LegalTime b) { return a.year() == b.year() && a.month() == b.month() && a.day() == b.day(); }

/// A name the stage left open (compact sample data has ids only) is not compared.
bool same_party(const Party& staged, const Party& given) {
  return staged.id == given.id && (staged.name.empty() || staged.name == given.name);
}

bool sums_agree(const RedDocument& red) {
  Fen amount, tax;
  for (const RedLine& line : red.lines) {
    if (line.amount.value > 0 || line.tax.value > 0 || (line.quantity && line.quantity->sign() > 0)) return false;
    if (line.quantity.has_value() != line.price.has_value()) return false;
    amount += line.amount;
    tax += line.tax;
  }
  return !red.lines.empty() && amount == red.amount && tax == red.tax && red.amount.value <= 0 &&
         (red.amount + red.tax).value < 0;
}

}  // namespace

Effect World::effect_of(const FormRecord& record, EffectKind kind, LegalTime at) const {
  const leqi::Form& f = record.form;
  Effect e;
  e.kind = kind;
  e.legal = at;
  e.seller = f.seller.id;
  e.buyer = f.buyer.id;
  e.blue_number = f.blue_number;
  e.reason = f.reason;
  e.amount = f.amount;
  e.tax = f.tax;
  e.state = f.state;
  e.document = f.uuid;
  e.number_text = f.number;
  return e;
}

std::string World::refusal(const RedDocument& red, const RequestContext& context) const {
  const auto found = blues_.find(red.blue_number);
  if (found == blues_.end()) return "未查询到对应的蓝字发票";
  const Blue& blue = found->second;
  const Invoice& invoice = blue.invoice;
  if (!same_party(invoice.seller, red.seller) || !same_party(invoice.buyer, red.buyer))
    return "购销双方信息与蓝字发票不一致";
  if (!same_day(invoice.issued_at, red.blue_issued_at) || invoice.amount != red.blue_amount ||
      invoice.tax != red.blue_tax) {
    return "蓝字发票信息不一致";
  }
  if (invoice.is_red) return "红字发票不允许再次红冲";  // R20
  if (invoice.status == "2") return "蓝字发票已作废";
  if (!sums_agree(red)) return "红字金额、税额或数量填写有误";
  for (const Party* party : {&red.seller, &red.buyer}) {
    const auto taxpayer = taxpayers_.find(party->id);
    if (taxpayer != taxpayers_.end() && !taxpayer->second.normal) return "对方纳税人状态异常,不允许发起红冲";  // R11
  }
  if (red.initiator == Side::buyer && !used(invoice) && !booked(invoice))
    return "购买方未做用途确认及入账确认,应由销售方发起";
  if (!context.protection) return {};
  if (has_open_document(blue)) return "存在进行中的红字确认单保存操作";
  return cap_breach(blue, red);
}

leqi::ApplyReply World::apply(const RedDocument& red, const RequestContext& context) {
  const LegalTime now = advance(context.now);
  if (std::string why = refusal(red, context); !why.empty()) return {refused(std::move(why)), {}, {}, {}};

  Blue& blue = blues_.at(red.blue_number);
  FormRecord record;
  leqi::Form& form = record.form;
  const std::uint64_t sequence = ++form_sequence_;
  form.uuid = fmt::format("{:016x}{:016x}", 0x5a17ab1e00000000ULL ^ static_cast<std::uint64_t>(now.ms), sequence);
  form.number =
      fmt::format("99{:04}{:02}{:012}", now.year(), now.month(), sequence);  // 20 characters; its check rule is unknown
  // X3: neither used nor booked, the seller alone is enough; a natural person is never asked.
  const bool ask = used(blue.invoice) || booked(blue.invoice);  // a natural person too: state 12 is his refusal
  form.state = !ask ? "01" : red.initiator == Side::seller ? "02" : "03";
  form.initiator = red.initiator;
  form.seller = red.seller;
  form.buyer = red.buyer;
  form.blue_number = red.blue_number;
  form.reason = reason_code(red.reason);
  form.amount = red.amount;
  form.tax = red.tax;
  form.lines = red.lines;
  form.entered_at = record.entered = now;
  record.never_issue = context.no_issue;
  record.origin = context.origin;
  record.request_sha256 = context.request_sha256;

  const std::string uuid = form.uuid;
  FormRecord& kept = forms_.emplace(uuid, std::move(record)).first->second;
  form_numbers_[kept.form.number] = uuid;
  form_order_.push_back(uuid);
  blue.forms.push_back(uuid);

  Effect effect = effect_of(kept, EffectKind::form_created, now);
  effect.origin = context.origin;
  effect.service = context.service;
  effect.taxpayer = red.initiator == Side::buyer ? red.buyer.id : red.seller.id;
  effect.request_sha256 = context.request_sha256;
  effect.arrived_ms = context.arrived_ms;
  effect.protection = context.protection;
  book(std::move(effect));

  if (kept.form.state == "01") {
    confirmed(kept, now);
  } else {
    plan(now.plus_ms(LegalTime::kConfirmationMs), Due::expire, uuid);
    plan_answer(kept, now);
  }
  return {done(), kept.form.number, uuid, kept.form.state};
}

void World::plan_answer(FormRecord& record, LegalTime not_before) {
  const auto cls = leqi::form_class(record.form.state);
  if (cls != leqi::FormClass::pending_buyer && cls != leqi::FormClass::pending_seller) return;
  const std::string& answering = cls == leqi::FormClass::pending_buyer ? record.form.buyer.id : record.form.seller.id;
  const CounterpartyRule rule = counterparties_.find(record.form.blue_number, answering);
  ++record.answer_plan;
  if (rule.reaction == Reaction::silent) return;
  plan(std::max(not_before, record.entered.plus_ms(rule.after_ms)), Due::answer, record.form.uuid, record.answer_plan);
}

void World::set_state(FormRecord& record, const std::string& state, LegalTime at, const RequestContext& context) {
  record.form.state = state;
  const bool now_void = leqi::form_class(state) == leqi::FormClass::void_;
  record.form.valid = !now_void;
  if (state == "04") record.form.confirmed_at = record.confirmed = at;
  Effect effect = effect_of(record, now_void ? EffectKind::form_void : EffectKind::form_confirmed, at);
  effect.origin = context.origin;
  effect.service = context.service;
  effect.request_sha256 = context.request_sha256;
  effect.arrived_ms = context.arrived_ms;
  book(std::move(effect));
  if (state == "04") confirmed(record, at);
}

void World::confirmed(FormRecord& record, LegalTime at) {
  const Behaviour behaviour = behaviour_of(record.form.seller.id);
  if (behaviour.issue != IssueMode::automatic) return;
  plan(at.plus_ms(behaviour.issue_after_ms), Due::issue, record.form.uuid);
}

FormRecord* World::find_form(const std::string& uuid, const std::string& number) {
  auto found = forms_.find(uuid);
  if (found == forms_.end()) {
    const auto by_number = form_numbers_.find(number);
    if (by_number == form_numbers_.end()) return nullptr;
    found = forms_.find(by_number->second);
  }
  return &found->second;
}

leqi::ConfirmReply World::confirm(const leqi::ConfirmRequest& request, const RequestContext& context) {
  const LegalTime now = advance(context.now);
  FormRecord* record = find_form(request.uuid, request.number);
  if (record == nullptr) return {refused("未查询到红字确认单"), {}};
  leqi::Form& form = record->form;
  const std::string& own_id = request.side == Side::seller ? form.seller.id : form.buyer.id;
  if (own_id.empty() || own_id != request.taxpayer) return {refused("无权操作该红字确认单"), form.state};
  if (form.issued) return {refused("已开具红字发票,红字确认单不能变更"), form.state};
  const auto cls = leqi::form_class(form.state);
  if (cls == leqi::FormClass::void_) return {refused("红字确认单已作废"), form.state};

  std::string next;
  if (request.answer == leqi::Answer::revoke) {
    if (request.side != form.initiator) return {refused("只有发起方可以撤销红字确认单"), form.state};
    next = form.state == "04" ? "09" : "08";
  } else {
    const bool asked = (cls == leqi::FormClass::pending_buyer && request.side == Side::buyer) ||
                       (cls == leqi::FormClass::pending_seller && request.side == Side::seller);
    if (!asked) return {refused("红字确认单当前状态不允许该操作"), form.state};
    next = request.answer == leqi::Answer::agree ? "04" : request.side == Side::buyer ? "05" : "06";
  }
  if (context.no_issue) record->never_issue = true;
  set_state(*record, next, now, context);
  return {done(), form.state};
}

bool World::force_state(const std::string& uuid, const std::string& state, LegalTime now) {
  now = advance(now);
  const auto found = forms_.find(uuid);
  if (found == forms_.end() || found->second.form.issued || !form_transition_allowed(found->second.form.state, state))
    return false;
  RequestContext by_platform;
  by_platform.now = now;
  by_platform.origin = Origin::platform;
  set_state(found->second, state, now, by_platform);
  return true;
}

leqi::ListReply World::list(const leqi::ListRequest& request, LegalTime now) {
  now = advance(now);
  leqi::ListReply reply;
  if (request.page_size > kMaxPageSize) {
    reply.outcome = refused("每页条数超过上限");
    return reply;
  }
  if (!request.from.is_set() || !request.to.is_set() || request.to < request.from ||
      request.to.ms - request.from.ms > kMaxWindowMs) {
    reply.outcome = refused("录入日期范围有误或超过90天");
    return reply;
  }
  reply.outcome = done();
  const int first = (request.page - 1) * request.page_size;
  for (const std::string& uuid : form_order_) {
    FormRecord& record = forms_.at(uuid);
    const leqi::Form& form = record.form;
    if (record.hidden || (request.side == Side::seller ? form.seller.id : form.buyer.id) != request.taxpayer) continue;
    if (!request.blue_number.empty() && form.blue_number != request.blue_number) continue;
    // The window's ends come in whole seconds: the last second belongs to it.
    if (form.entered_at < request.from || form.entered_at >= request.to.plus_ms(1000)) continue;
    const int place = reply.total++;
    if (place < first || place >= first + request.page_size) continue;
    reply.forms.push_back(form);
    reply.forms.back().lines.clear();
  }
  return reply;
}

leqi::DetailReply World::detail(const leqi::DetailRequest& request, LegalTime now) {
  now = advance(now);
  const FormRecord* record = find_form(request.uuid, request.number);
  if (record == nullptr || (record->form.seller.id != request.taxpayer && record->form.buyer.id != request.taxpayer)) {
    return {refused("未查询到红字确认单"), {}};
  }
  return {done(), record->form};
}

}  // namespace taxgate::simulator
