#include "daemon/queue/resolve.h"

#include <algorithm>

namespace taxgate::queue {
namespace {

constexpr std::string_view kMemoBuyerDeducted = "1100000000";
constexpr std::int64_t kSecondMs = 1000;  // the platform's entry time (lrrq) has whole seconds
// How far the platform's clock may be behind ours: what equals the intent and was settled so shortly before it may be
// ours, and sent again it would be made twice. Without network time a server's clock is off by minutes, not hours.
constexpr std::int64_t kClockBehindMs = 10 * 60 * kSecondMs;

template <class T>
bool differ(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() != b.has_value() || (a && !(*a == *b));
}

void compare_lines(const std::vector<RedLine>& wanted, const std::vector<RedLine>& held,
                   std::vector<std::string>& out) {
  if (wanted.size() != held.size()) {
    out.push_back("lines");
    return;
  }
  const auto by_line = [](std::vector<RedLine> lines) {
    std::ranges::sort(lines, {}, &RedLine::blue_line);
    return lines;
  };
  const auto a = by_line(wanted), b = by_line(held);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::string at = "lines[" + std::to_string(i) + "].";
    if (a[i].blue_line != b[i].blue_line) out.push_back(at + "blue_line");
    if (differ(a[i].quantity, b[i].quantity)) out.push_back(at + "quantity");
    if (differ(a[i].price, b[i].price)) out.push_back(at + "price");
    if (a[i].amount != b[i].amount) out.push_back(at + "amount");
    if (a[i].tax != b[i].tax) out.push_back(at + "tax");
    if (!(a[i].rate == b[i].rate)) out.push_back(at + "rate");
    if (a[i].tax_code != b[i].tax_code) out.push_back(at + "tax_code");
  }
}

bool open(const leqi::Form& form) {
  if (form.issued) return false;
  const auto cls = leqi::form_class(form.state);
  return cls != leqi::FormClass::void_;
}

}  // namespace

std::vector<std::string> differences(const RedDocument& wanted, const leqi::Form& form) {
  std::vector<std::string> out;
  if (form.initiator != wanted.initiator) out.push_back("initiator");
  if (form.seller.id != wanted.seller.id) out.push_back("seller");
  if (form.buyer.id != wanted.buyer.id || (wanted.buyer.id.empty() && form.buyer.name != wanted.buyer.name))
    out.push_back("buyer");
  if (form.blue_number != wanted.blue_number) out.push_back("blue_number");
  if (form.reason != reason_code(wanted.reason)) out.push_back("reason");
  if (form.amount != wanted.amount) out.push_back("amount");
  if (form.tax != wanted.tax) out.push_back("tax");
  compare_lines(wanted.lines, form.lines, out);
  return out;
}

std::vector<std::string> differences(const RedDocument& wanted, const RedDocument& held) {
  std::vector<std::string> out;
  if (held.seller.id != wanted.seller.id) out.push_back("seller");
  if (held.buyer.id != wanted.buyer.id) out.push_back("buyer");
  // A buyer who has deducted leaves the blue fields of the table blank (47号 一(一); devices.md 7).
  if (held.blue_number != wanted.blue_number && wanted.table_memo != kMemoBuyerDeducted) out.push_back("blue_number");
  if (held.table_memo != wanted.table_memo) out.push_back("table_memo");
  if (held.amount != wanted.amount) out.push_back("amount");
  if (held.tax != wanted.tax) out.push_back("tax");
  // The table carries no blue line numbers (devices.md 7): lines are compared in order by what they say.
  if (held.lines.size() != wanted.lines.size()) {
    out.push_back("lines");
    return out;
  }
  for (std::size_t i = 0; i < held.lines.size(); ++i) {
    const std::string at = "lines[" + std::to_string(i) + "].";
    const RedLine &a = wanted.lines[i], &b = held.lines[i];
    if (a.name != b.name) out.push_back(at + "name");
    if (differ(a.quantity, b.quantity)) out.push_back(at + "quantity");
    if (a.amount != b.amount) out.push_back(at + "amount");
    if (a.tax != b.tax) out.push_back(at + "tax");
  }
  return out;
}

Comparison compare(const RedDocument& wanted, LegalTime intent_at, const Sighting& sighting) {
  const leqi::Form& form = sighting.form;
  const bool entered_since = form.entered_at.ms >= intent_at.ms / kSecondMs * kSecondMs;
  if (sighting.owned_by_other) return {Match::irrelevant, {}};
  auto different = differences(wanted, form);
  if (different.empty() && entered_since) return {Match::ours, {}};
  if (!entered_since) {
    const bool perhaps_ours = different.empty() && form.entered_at.ms >= intent_at.ms - kClockBehindMs;
    if (!open(form) && !perhaps_ours) return {Match::irrelevant, {}};
    different.push_back("entered_at");
  }
  return {Match::foreign, std::move(different)};
}

Decision decide_none(Silence& silence, std::int64_t now_ms, std::int64_t settle_ms) {
  Decision d{.verdict = Verdict::wait, .form = {}, .shown = {}, .why = {}};
  if (!silence.first_none_ms) silence.first_none_ms = now_ms;
  if (now_ms - *silence.first_none_ms >= settle_ms && now_ms != *silence.first_none_ms) {
    d.verdict = Verdict::resend;
    return d;
  }
  d.ask_again_ms = *silence.first_none_ms + std::max<std::int64_t>(settle_ms, 1);
  return d;
}

Decision decide(const RedDocument& wanted, LegalTime intent_at, const std::vector<Sighting>& seen, Silence& silence,
                std::int64_t now_ms, std::int64_t settle_ms) {
  Decision d{.verdict = Verdict::attention, .form = {}, .shown = {}, .why = {}};
  std::vector<leqi::Form> ours, foreign;
  for (const Sighting& sighting : seen) {
    const Comparison c = compare(wanted, intent_at, sighting);
    if (c.match == Match::ours) ours.push_back(sighting.form);
    if (c.match == Match::foreign) foreign.push_back(sighting.form);
  }
  if (ours.size() == 1) {
    d.verdict = Verdict::adopt;
    d.form = ours.front();
    return d;
  }
  if (ours.size() > 1) {
    d.why = "two_matches";
    d.shown = std::move(ours);
    return d;
  }
  if (!foreign.empty()) {
    d.why = "foreign_form";
    d.shown = std::move(foreign);
    return d;
  }
  return decide_none(silence, now_ms, settle_ms);
}

Decision decide_table(const RedDocument& wanted, const std::vector<table::Row>& rows, Silence& silence,
                      std::int64_t now_ms, std::int64_t settle_ms) {
  Decision d{.verdict = Verdict::attention, .form = {}, .shown = {}, .why = {}};
  std::vector<const table::Row*> same;
  for (const auto& row : rows)
    if (row.request_number == wanted.request_number) same.push_back(&row);
  if (same.empty()) return decide_none(silence, now_ms, settle_ms);
  if (same.size() > 1) {
    d.why = "two_matches";
    return d;
  }
  if (!differences(wanted, same.front()->red).empty()) {
    d.why = "foreign_form";
    return d;
  }
  d.verdict = Verdict::adopt;
  return d;
}

State state_for_form(const leqi::Form& form) {
  return form.issued && !form.red_number.empty() ? State::issued : state_for_code(form.state);
}

State state_for_code(std::string_view code) {
  switch (leqi::form_class(code)) {
    case leqi::FormClass::confirmed:
      return State::confirmed;
    case leqi::FormClass::void_:
      return State::void_;
    default:
      return State::waiting_counterparty;
  }
}

}  // namespace taxgate::queue
