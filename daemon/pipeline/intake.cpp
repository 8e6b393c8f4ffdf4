#include "daemon/pipeline/intake.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/ledger/ledger.h"
#include "daemon/pipeline/bureau_codes.h"
#include "daemon/pipeline/circumstances.h"
#include "daemon/pipeline/present.h"
#include "daemon/pipeline/proposals.h"
#include "daemon/queue/deadlines.h"

namespace taxgate::pipeline {
namespace {

Findings refuse(std::string id, std::string field, std::string wanted = {}, std::string left = {}) {
  return {Error{Errc::invalid_input, std::move(id), std::move(field), std::move(wanted), std::move(left), {}}};
}

/// Wanted lines of the request as the rules take them.
Findings read_wish(const api::v1::SubmissionRequest& request, rules::Wish& wish) {
  Findings findings;
  for (int i = 0; i < request.lines_size(); ++i) {
    const auto& line = request.lines(i);
    const std::string at = fmt::format("lines[{}].", i);
    rules::LineWish out{.blue_line = line.blue_line(), .quantity = {}, .amount = {}, .total = {}};
    const auto note = [&](auto parsed, auto& into) {
      if (parsed)
        into = *parsed;
      else
        findings.push_back(parsed.error());
    };
    if (!line.quantity().empty()) note(Decimal::parse(line.quantity(), at + "quantity"), out.quantity);
    if (!line.amount().empty()) note(Fen::parse(line.amount(), at + "amount"), out.amount);
    if (!line.total().empty()) note(Fen::parse(line.total(), at + "total"), out.total);
    wish.lines.push_back(out);
  }
  return findings;
}

}  // namespace

Intake::Known& Intake::place_of(const std::string& number) {
  return known_[std::hash<std::string>{}(number) % kRemembered];
}

Result<const Intake::Known*> Intake::known(store::Reader& reader, const std::string& number) {
  Known& place = place_of(number);
  if (place.invoice.number == number) return &place;
  auto stored = reader.invoice(number);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return nullptr;
  place = {
      .invoice = std::move((*stored)->invoice), .platform = (*stored)->platform, .has_reds = !(*stored)->reds.empty()};
  return &place;
}

void Intake::forget_all() {
  for (Known& place : known_) place = {};
}

void Intake::forget(const std::string& number) {
  if (Known& place = place_of(number); place.invoice.number == number) place = {};
}

Findings Intake::weigh(store::Reader& reader, const Settings& settings,
                       const std::vector<std::string>& caller_taxpayers, api::v1::SubmissionRequest& request,
                       bool lane_busy, bool menu, Weighed& out) {
  if (auto findings = to_bureau_codes(request, settings.channels); !findings.empty()) return findings;
  const bool invented = settings.channel == "simulator";
  const bool as_buyer = request.initiator() == "buyer";
  if (!as_buyer && !request.initiator().empty() && request.initiator() != "seller")
    return refuse("submission.initiator", "initiator", request.initiator(), "seller, buyer");
  if (request.seller().empty()) return refuse("submission.missing", "seller");
  if (request.blue_number().empty()) return refuse("submission.missing", "blue_number");
  if (auto ok = check_taxpayer_id(request.seller(), "seller", invented); !ok) return {ok.error()};

  // The blue invoice: the ledger's word goes before the caller's.
  if (auto ok = check_canonical_number(request.blue_number(), "blue_number"); !ok) return {ok.error()};
  auto cached = known(reader, request.blue_number());
  if (!cached) return {cached.error()};
  const Invoice* blue = nullptr;
  bool has_reds = lane_busy;
  if (*cached) {
    blue = &(*cached)->invoice;
    has_reds = has_reds || (*cached)->has_reds;
  } else {
    if (!request.has_blue()) return refuse("ledger.unknown_blue", "blue_number", request.blue_number());
    Findings findings;
    Invoice inline_blue = read_record(request.blue(), "blue.", invented, findings);
    if (findings.empty() && inline_blue.number != request.blue_number())
      findings.push_back({Errc::invalid_input,
                          "submission.blue_mismatch",
                          "blue.number",
                          inline_blue.number,
                          request.blue_number(),
                          {}});
    if (findings.empty()) std::ranges::move(rules::check_blue(inline_blue), std::back_inserter(findings));
    if (!findings.empty()) return findings;
    out.inline_invoices.push_back(std::move(inline_blue));
    blue = &out.inline_invoices.front();
  }
  if (blue->seller.id != request.seller())
    return refuse("submission.seller_mismatch", "seller", request.seller(), blue->seller.id);

  out.taxpayer = as_buyer ? blue->buyer.id : blue->seller.id;
  const TaxpayerSettings* taxpayer = find_taxpayer(settings, out.taxpayer);
  if (!taxpayer) return refuse("taxpayer.unknown", as_buyer ? "blue.buyer" : "seller", out.taxpayer);
  if (!caller_taxpayers.empty() && std::ranges::find(caller_taxpayers, out.taxpayer) == caller_taxpayers.end())
    return refuse("caller.taxpayer", "seller", out.taxpayer);

  std::optional<ledger::Blue> with_reds;
  if (has_reds) {
    auto fresh = ledger::blue(reader, request.blue_number(), 0);
    if (!fresh) return {fresh.error()};
    with_reds = std::move(*fresh);
  }
  rules::BlueState state = with_reds ? with_reds->state() : rules::BlueState{.blue = blue, .reds = {}};
  auto known = known_of(request,
                        {.invoice = state.blue,
                         .platform = *cached ? (*cached)->platform : PlatformStatus{},
                         .in_ledger = *cached != nullptr,
                         .has_reds = !state.reds.empty()},
                        *taxpayer, clock_.now(), settings.codes);
  if (!known) return std::move(known.error());
  if (known->blue) state.blue = &*known->blue;
  const rules::Circumstances& circumstances = known->circumstances;
  if (menu) {
    for (const auto& left : rules::left(state)) out.left.push_back(present(left, *state.blue));
    std::ranges::copy(rules::reason_menu(state, circumstances, settings.codes), std::back_inserter(out.reasons));
  }

  if (request.has_platform_form()) {
    auto red = document_of(*request.mutable_platform_form(), *state.blue, invented);
    if (!red) return std::move(red.error());
    if (red->seller.id != request.seller() || red->blue_number != request.blue_number())
      return refuse("submission.form_mismatch", "platform_form", red->blue_number, request.blue_number());
    out.verdict = rules::judge(state, *red, circumstances, settings.codes);
    out.red = std::move(*red);
  } else {
    rules::Wish wish;
    wish.initiator = as_buyer ? Side::buyer : Side::seller;
    wish.seller_kind = circumstances.seller_kind;
    wish.tax_device = request.tax_device().empty() ? taxpayer->tax_device : request.tax_device();
    if (auto findings = read_wish(request, wish); !findings.empty()) return findings;
    if (wants_several(request)) {
      auto plan = read_plan(request, wish);
      if (!plan) return std::move(plan.error());
      const auto proposals = rules::propose(state, *plan, circumstances, settings.codes);
      out.verdict = together(proposals);
      for (const auto& proposal : proposals) out.proposals.push_back(present(proposal, request));
      add(std::move(known->differences), out.verdict);
      return {};
    }
    auto reason = parse_reason(request.reason(), "reason");
    // What happened, in the operator's words (R19, X22). A code or an official name is taken as it is, never turned
    // round.
    if (!reason) reason = rules::reason_for(request.reason(), *state.blue, settings.codes);
    if (!reason) return {reason.error()};
    wish.reason = *reason;
    // Of a service partly performed "all that is left" is what was not performed (R21, R30).
    if (wish.reason == Reason::service_stopped && wish.lines.empty() && circumstances.performed &&
        !circumstances.performed->is_zero()) {
      auto rest = rules::unperformed(state, *circumstances.performed, Decimal::from_int(1));
      if (!rest) return {rest.error()};
      wish.lines = std::move(rest->lines);
    }
    auto decision = rules::decide(state, wish, circumstances, settings.codes);
    out.red = std::move(decision.red);
    out.verdict = std::move(decision.verdict);
  }
  add(std::move(known->differences), out.verdict);
  if (out.verdict.refused()) out.red.reset();
  return {};
}

std::expected<Admitted, Findings> Intake::admit(store::Reader& reader, const Settings& settings,
                                                const std::string& caller,
                                                const std::vector<std::string>& caller_taxpayers,
                                                api::SubmissionBody body, bool lane_busy) {
  Admitted out;
  api::v1::SubmissionRequest& request = *body;
  store::Submission& sub = out.submission;
  sub.caller = caller;
  sub.idempotency_key = std::move(*request.mutable_idempotency_key());
  request.clear_idempotency_key();  // the key identifies the request; it is not part of it
  sub.request = request.SerializeAsString();

  // A repeat is answered from what was promised before, whatever the rules would say now.
  auto before = reader.by_idempotency_key(caller, sub.idempotency_key);
  if (!before) return std::unexpected(Findings{before.error()});
  if (*before) {
    sub.kind = (*before)->kind;
    sub.taxpayer = (*before)->taxpayer;
    return out;  // Store::accept compares the bytes and answers same or conflict
  }

  Weighed weighed;
  if (auto findings = weigh(reader, settings, caller_taxpayers, request, lane_busy, false, weighed); !findings.empty())
    return std::unexpected(std::move(findings));
  if (!weighed.proposals.empty()) return std::unexpected(refuse("R29.documents", "lines"));
  if (!weighed.red) return std::unexpected(weighed.verdict.refusals());
  RedDocument& red = *weighed.red;

  sub.kind = Kind::red;
  sub.step = Step::apply;
  sub.taxpayer = std::move(weighed.taxpayer);
  sub.lane = sub.blue_number = request.blue_number();
  sub.amount = red.amount;
  sub.tax = red.tax;
  sub.document = to_stored(red);
  // A red books in the month it is issued (rules.md F4): whoever waits past the month end changes the return.
  const LegalTime now = clock_.now();
  sub.deadline = queue::period_deadline(now, now, settings.filing_day);
  sub.state = weighed.verdict.answer == rules::Answer::needs_approval ? State::waiting_approval : State::queued;
  out.inline_invoices = std::move(weighed.inline_invoices);
  out.red = std::move(red);
  out.detail = accepted_detail(weighed.verdict, request).english();
  if (request.has_context() || request.evidence_size() > 0 || request.has_circumstances()) out.shown = std::move(body);
  return out;
}

Result<api::v1::CheckReply> Intake::check(store::Reader& reader, const Settings& settings, const std::string& caller,
                                          const std::vector<std::string>& caller_taxpayers,
                                          api::v1::SubmissionRequest request, bool lane_busy, bool menu) {
  api::v1::CheckReply reply;
  reply.set_channel(settings.channel);
  reply.set_channel_zh(channel_zh(settings.channel));
  reply.set_blue_number(request.blue_number());
  if (!request.idempotency_key().empty()) {
    auto before = reader.by_idempotency_key(caller, request.idempotency_key());
    if (!before) return std::unexpected(before.error());
    if (*before) reply.set_accepted_as((*before)->id);
  }
  Weighed weighed;
  const auto findings = weigh(reader, settings, caller_taxpayers, request, lane_busy, menu, weighed);
  for (const Error& error : findings) {
    // A request that is wrong is an answer; a store that cannot be read is none.
    if (error.code != Errc::invalid_input && error.code != Errc::rejected) return std::unexpected(error);
    weighed.verdict.answer = rules::Answer::refused;
    weighed.verdict.findings.push_back({error, rules::Severity::refuse});
  }
  present(weighed.verdict, weighed.red ? &*weighed.red : nullptr, reply);
  reply.set_taxpayer(weighed.taxpayer);
  if (reply.reason().empty()) reply.set_reason(request.reason());  // as given: the rules made no document of it
  for (auto& left : weighed.left) *reply.add_left() = std::move(left);
  for (const auto& option : weighed.reasons) *reply.add_reasons() = present(option);
  for (auto& proposal : weighed.proposals) *reply.add_proposals() = std::move(proposal);
  return reply;
}

}  // namespace taxgate::pipeline
