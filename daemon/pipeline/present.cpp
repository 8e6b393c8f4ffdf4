#include "daemon/pipeline/present.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "daemon/rules/lifecycle.h"
#include "protocol/messages.h"
#include "protocol/records.h"

namespace taxgate::pipeline {

std::string time_text(LegalTime t) { return t.is_set() ? t.rfc3339() : std::string(); }
std::string_view side_name(Side side) { return side == Side::seller ? "seller" : "buyer"; }
std::string_view track_name(Track track) {
  return track == Track::confirmation_form ? "confirmation_form" : "information_table";
}

namespace {

void fill(api::v1::Finding& out, const rules::Finding& finding) {
  show_error(finding.error, out);
  out.set_rule(std::string(finding.rule()));
  out.set_severity(std::string(name(finding.severity)));
}

}  // namespace

std::string channel_zh(std::string_view channel) {
  return channel == "production" ? "生产" : channel == "sandbox" ? "沙箱" : "模拟";
}

void present(const rules::Verdict& verdict, const RedDocument* red, api::v1::CheckReply& into) {
  into.set_answer(std::string(name(verdict.answer)));
  into.set_counterparty_confirms(verdict.counterparty_confirms);
  for (const auto& finding : verdict.findings) fill(*into.add_findings(), finding);
  if (red == nullptr) return;
  into.set_reason(std::string(reason_code(red->reason)));
  into.set_track(std::string(track_name(red->track)));
  into.set_amount(red->amount.text());
  into.set_tax(red->tax.text());
  for (const RedLine& line : red->lines) fill(*into.add_lines(), line);
}

api::v1::LineLeft present(const rules::LineLeft& left, const Invoice& blue) {
  api::v1::LineLeft out;
  out.set_blue_line(left.blue_line);
  if (const auto line = std::ranges::find(blue.lines, left.blue_line, &InvoiceLine::number); line != blue.lines.end())
    out.set_name(line->name);
  if (left.quantity) out.set_quantity(left.quantity->text());
  out.set_amount(left.amount.text());
  out.set_tax(left.tax.text());
  if (left.price) out.set_price(left.price->text());
  return out;
}

api::v1::ReasonChoice present(const rules::ReasonOption& option) {
  api::v1::ReasonChoice out;
  out.set_reason(std::string(reason_code(option.reason)));
  out.set_text(std::string(reason_term(option.reason, false)));
  out.set_text_zh(std::string(reason_term(option.reason, true)));
  out.set_allowed(option.allowed);
  for (const auto& finding : option.findings) fill(*out.add_findings(), finding);
  return out;
}

namespace {
template <class Message>
void warn(Message& out, LegalTime entered_at, const rules::Calendar& calendar) {
  const auto warning = rules::holiday_warning(entered_at, calendar);
  if (!warning) return;
  out.set_deadline_warning(message_text(*warning, Language::english));
  out.set_deadline_warning_zh(message_text(*warning, Language::chinese));
}
}  // namespace

void add_holiday_warning(api::v1::Submission& out, const store::Submission& sub, const rules::Calendar& calendar) {
  if (sub.state == State::waiting_counterparty) warn(out, sub.entered_at, calendar);
}
void add_holiday_warning(api::v1::InboxForm& out, const store::InboxForm& form, const rules::Calendar& calendar) {
  if (form.open) warn(out, form.entered_at, calendar);
}

api::v1::Hold present(const store::Hold& hold) {
  api::v1::Hold out;
  const Error about{Errc::retry_later, "hold." + hold.reason, hold.taxpayer, hold.cause, {}, {}};
  out.set_taxpayer(hold.taxpayer);
  out.set_reason(hold.reason);
  out.set_release_by(hold.release_by);
  out.set_since(time_text(hold.since));
  out.set_cause(hold.cause);
  show_remedy(about, out);
  return out;
}

api::v1::KeyInfo present(const keys::KeyFacts& key) {
  api::v1::KeyInfo out;
  out.set_serial(key.serial);
  out.set_taxpayer(key.taxpayer);
  out.set_reader(key.reader);
  out.set_state(key.state);
  out.set_valid_until(key.valid_until);
  out.set_pin_tries_left(key.pin_tries_left);
  out.set_signed_count(key.signed_count);
  out.set_subject(key.subject);
  out.set_lease_holder(key.lease_holder);
  out.set_lease_reason(key.lease_reason);
  out.set_lease_until(key.lease_until);
  if (!key.trouble.id.empty()) {
    out.set_trouble(message_text(key.trouble, Language::english));
    out.set_trouble_zh(message_text(key.trouble, Language::chinese));
    show_remedy(key.trouble, out);
  }
  return out;
}

api::v1::InboxForm present(const store::InboxForm& form, LegalTime now) {
  api::v1::InboxForm out;
  const LegalTime deadline = form.entered_at.plus_ms(LegalTime::kConfirmationMs);
  const std::int64_t tenths = std::max<std::int64_t>(0, (deadline.ms - now.ms) * 10 / LegalTime::kHourMs);
  out.set_uuid(form.uuid);
  out.set_number(form.number);
  out.set_taxpayer(form.taxpayer);
  out.set_role(std::string(side_name(form.role)));
  out.set_state(form.state);
  out.set_blue_number(form.blue_number);
  out.set_counterparty(form.counterparty);
  out.set_reason(form.reason);
  out.set_amount(form.amount.text());
  out.set_tax(form.tax.text());
  out.set_entered_at(time_text(form.entered_at));
  out.set_deadline(time_text(deadline));
  out.set_hours_left(fmt::format("{}.{}", tenths / 10, tenths % 10));
  out.set_submission(form.submission);
  return out;
}

api::v1::SignatureInfo present(const store::KeptSignature& kept, std::string_view taxpayer) {
  const SignedEnvelope& evidence = kept.evidence;
  api::v1::SignatureInfo out;
  out.set_step(std::string(name(kept.step)));
  out.set_seq(static_cast<std::uint64_t>(kept.seq));
  out.set_signed_at(time_text(kept.at));
  out.set_key_serial(evidence.key_serial);
  out.set_signer_id(evidence.signer_id);
  out.set_sm3(hex(sm3(evidence.bytes)));
  out.set_length(static_cast<std::uint32_t>(evidence.bytes.size()));
  out.set_envelope(std::string(as_text(evidence.bytes)));
  out.set_signature(std::string(as_text(evidence.signature)));
  out.set_certificate(std::string(as_text(evidence.certificate)));
  if (const auto parts = read_envelope(evidence.bytes)) {
    out.set_purpose(parts->header.purpose);
    out.set_taxpayer(parts->header.taxpayer);
    out.set_request(parts->header.request_id);
  }
  if (const auto certificate = read_certificate(evidence.certificate)) {
    out.set_certificate_subject(certificate->subject);
    out.set_certificate_serial(certificate->serial);
    out.set_certificate_from(time_text({certificate->valid_from_ms}));
    out.set_certificate_until(time_text({certificate->valid_until_ms}));
  }
  const auto verified = verify_envelope(evidence, taxpayer);
  out.set_verified(verified.has_value() && !kept.broken);
  if (!verified)
    show_error(verified.error(), *out.mutable_problem());
  else if (kept.broken)
    show_error(*kept.broken, *out.mutable_problem());
  return out;
}

}  // namespace taxgate::pipeline
