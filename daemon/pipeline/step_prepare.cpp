// queued → signing: the last check against the ledger as it is now, then the exact body of the act, made once.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/ledger/ledger.h"
#include "daemon/pipeline/circumstances.h"
#include "daemon/pipeline/context.h"
#include "protocol/records.h"

namespace taxgate::pipeline {
namespace {

asio::awaitable<Next> into_signing(Context& c, Submission& sub, Said detail) {
  sub.attempts = 0;
  sub.intent_at = {};
  auto moved = co_await c.advance(sub, State::signing, row("prepared", std::move(detail)));
  if (!moved) co_return after_failed_advance(c, sub, moved.error());
  co_return Next::again();
}

/// What the rules refuse of it as things stand now, with what the caller declared when it was accepted.
Findings refusals_now(const Context& c, const Submission& sub, const ledger::Blue& blue, const RedDocument& red) {
  api::v1::SubmissionRequest request;
  (void)request.ParseFromString(sub.request);  // stored by us; a form adopted from the platform has none
  request.clear_blue();                        // was compared when it was new
  static const TaxpayerSettings kNobody;
  const TaxpayerSettings* taxpayer = find_taxpayer(*c.settings, sub.taxpayer);
  const auto known = known_of(
      request, {.invoice = &blue.invoice, .platform = blue.platform, .in_ledger = true, .has_reds = !blue.reds.empty()},
      taxpayer != nullptr ? *taxpayer : kNobody, c.clock.now(), c.settings->codes);
  if (!known) return known.error();
  rules::BlueState state = blue.state();
  if (known->blue) state.blue = &*known->blue;
  return rules::judge(state, red, known->circumstances, c.settings->codes).refusals();
}

asio::awaitable<Next> prepare_red(Context& c, Submission& sub) {
  auto red = red_from_stored(sub.document);
  if (!red) co_return co_await to_attention(c, sub, red.error(), {});
  auto blue = co_await c.read<std::optional<ledger::Blue>>(
      [number = sub.blue_number, seq = sub.seq](store::Reader& r) { return ledger::blue(r, number, seq); });
  if (!blue) co_return Next::retry(c.back_off(sub.id));
  if (!*blue)
    co_return co_await to_refused(c, sub,
                                  {Errc::invalid_input, "ledger.unknown_blue", "blue_number", sub.blue_number, {}, {}});
  // Checked again here: what was before us on this blue invoice has been decided since we were accepted.
  auto findings = refusals_now(c, sub, **blue, *red);
  // A red alert that came after the acceptance stops the taxpayer's work and refuses none of it (K1).
  if (std::ranges::find(findings, "K1.red_alert", &Error::id) != findings.end()) {
    auto held = co_await c.hold_taxpayer(sub.taxpayer, "red_alert", "operator",
                                         said("journal.platform_status", sub.blue_number));
    if (!held) co_return after_failed_advance(c, sub, held.error());
    co_return Next::retry(c.back_off(sub.id));
  }
  if (!findings.empty()) co_return co_await to_refused(c, sub, findings.front());

  if (red->track == Track::information_table) {
    if (red->request_number.empty()) {
      auto number = co_await answered<std::string>(c.executor, [&c, device = red->tax_device](auto done) {
        c.store.allocate_request_number(device, std::move(done));
      });
      if (!number) co_return after_failed_advance(c, sub, number.error());
      red->request_number = *number;
      sub.document = to_stored(*red);
    }
    auto xml = table::upload_xml(*red);
    if (!xml) co_return co_await to_refused(c, sub, xml.error());
    sub.body = leqi::table_json(*xml);
    co_return co_await into_signing(c, sub, said("journal.table_request", red->request_number));
  }
  sub.body = leqi::apply_json(*red);
  co_return co_await into_signing(c, sub, said("journal.form_request", red->amount.text(), red->tax.text()));
}

RedDocument document_of(const leqi::Form& form, const std::optional<ledger::Blue>& blue) {
  RedDocument red;
  red.initiator = form.initiator;
  red.blue_number = form.blue_number;
  red.seller = form.seller;
  red.buyer = form.buyer;
  if (auto reason = parse_reason(form.reason)) red.reason = *reason;
  red.lines = form.lines;
  red.amount = form.amount;
  red.tax = form.tax;
  if (blue) {
    red.blue_type = blue->invoice.type;
    red.blue_issued_at = blue->invoice.issued_at;
    red.blue_amount = blue->invoice.amount;
    red.blue_tax = blue->invoice.tax;
    red.element = blue->invoice.element;
  }
  return red;
}

asio::awaitable<Next> prepare_answer(Context& c, Submission& sub) {
  auto detail = co_await answered<leqi::DetailReply>(c.executor, [&c, &sub](auto done) {
    c.platform.detail(sub.taxpayer, {.taxpayer = sub.taxpayer, .uuid = sub.form_uuid, .number = sub.form_number},
                      std::move(done));
  });
  if (!detail || !detail->outcome.ok()) co_return Next::retry(c.back_off(sub.id));
  const leqi::Form& form = detail->form;
  const auto cls = leqi::form_class(form.state);
  const bool pending = cls == leqi::FormClass::pending_buyer || cls == leqi::FormClass::pending_seller;
  const bool revocable = pending || (cls == leqi::FormClass::confirmed && !form.issued);
  if (!(sub.kind == Kind::revoke ? revocable : pending))
    co_return co_await to_refused(c, sub, {Errc::rejected, "form.not_pending", "form", form.state, {}, {}});

  const Side side = form.seller.id == sub.taxpayer ? Side::seller : Side::buyer;
  auto blue = co_await c.read<std::optional<ledger::Blue>>(
      [number = form.blue_number](store::Reader& r) { return ledger::blue(r, number, 0); });
  if (!blue) co_return Next::retry(c.back_off(sub.id));
  sub.form_state = form.state;
  sub.form_number = form.number;
  sub.entered_at = form.entered_at;
  sub.deadline = pending ? rules::confirmation_deadline(form.entered_at) : LegalTime{};
  sub.blue_number = form.blue_number;
  sub.amount = form.amount;
  sub.tax = form.tax;
  sub.document = to_stored(document_of(form, *blue));
  const leqi::Answer answer = sub.kind == Kind::confirm ? leqi::Answer::agree
                              : sub.kind == Kind::deny  ? leqi::Answer::refuse
                                                        : leqi::Answer::revoke;
  sub.body = leqi::confirm_json(
      {.uuid = form.uuid, .number = form.number, .answer = answer, .side = side, .taxpayer = sub.taxpayer});
  co_return co_await into_signing(c, sub,
                                  said(sub.kind == Kind::confirm ? "journal.confirm_form"
                                       : sub.kind == Kind::deny  ? "journal.deny_form"
                                                                 : "journal.revoke_form",
                                       form.number));
}

}  // namespace

asio::awaitable<Next> step_prepare(Context& c, Submission& sub) {
  if (sub.kind == Kind::red) co_return co_await prepare_red(c, sub);
  co_return co_await prepare_answer(c, sub);
}

}  // namespace taxgate::pipeline
