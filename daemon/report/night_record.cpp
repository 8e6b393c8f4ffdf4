#include "daemon/report/night_record.h"

#include <array>
#include <charconv>

#include "protocol/messages.h"

namespace taxgate::report {
namespace {

using api::v1::SyncExamples;
using api::v1::SyncRun;
using api::v1::SyncTaxpayer;
using api::v1::SyncWindow;
using sync::NightState;

LegalTime time_of(const std::string& text) {
  if (text.empty()) return {};
  const auto t = LegalTime::parse(text);
  return t ? *t : LegalTime{};
}

NightState state_of(std::string_view text) {
  for (const auto state : {NightState::paused, NightState::waiting_approval, NightState::right, NightState::attention,
                           NightState::incomplete, NightState::failed})
    if (text == name(state)) return state;
  return NightState::running;
}

sync::Month month_of(const std::string& text) {
  const auto t = LegalTime::parse(text + "-01");
  return t ? sync::Month::of(*t) : sync::Month{};
}

void put(SyncWindow& out, const sync::WindowResult& w) {
  out.set_taxpayer(w.window.taxpayer);
  out.set_direction(std::string(name(w.window.direction)));
  out.set_type(w.window.type);
  out.set_month(w.window.month.text());
  out.set_done(w.done);
  out.set_expected_records(w.expected);
  out.set_told_empty(w.told_empty);
  out.set_records(w.records);
  out.set_packages(w.packages);
  out.set_packages_of(w.packages_of);
  if (w.platform_count) out.set_platform_count(std::to_string(*w.platform_count));
  if (w.platform_amount) out.set_platform_amount(w.platform_amount->text());
  if (w.platform_tax) out.set_platform_tax(w.platform_tax->text());
  if (w.our_amount) out.set_our_amount(w.our_amount->text());
  if (w.our_tax) out.set_our_tax(w.our_tax->text());
  out.set_trouble(w.trouble);
  out.set_detail(w.detail);
}

std::optional<Fen> fen_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto fen = Fen::parse(text);
  return fen ? std::optional(*fen) : std::nullopt;
}

sync::WindowResult window_of(const SyncWindow& w) {
  sync::WindowResult out;
  out.window = {w.taxpayer(), w.direction() == "received" ? sync::Direction::received : sync::Direction::issued,
                w.type(), month_of(w.month())};
  out.done = w.done();
  out.expected = w.expected_records();
  out.told_empty = w.told_empty();
  out.records = w.records();
  out.packages = w.packages();
  out.packages_of = w.packages_of();
  if (!w.platform_count().empty()) {
    std::uint64_t count = 0;
    std::from_chars(w.platform_count().data(), w.platform_count().data() + w.platform_count().size(), count);
    out.platform_count = count;
  }
  out.platform_amount = fen_of(w.platform_amount());
  out.platform_tax = fen_of(w.platform_tax());
  out.our_amount = fen_of(w.our_amount());
  out.our_tax = fen_of(w.our_tax());
  out.trouble = w.trouble();
  out.detail = w.detail();
  return out;
}

void put(SyncExamples& out, const sync::Examples& examples) {
  out.set_count(examples.count);
  for (const auto& e : examples.shown) {
    auto& shown = *out.add_shown();
    shown.set_number(e.number);
    shown.set_counterparty(e.counterparty);
    shown.set_what(e.what);
  }
}

sync::Examples examples_of(const SyncExamples& examples) {
  sync::Examples out{.count = examples.count(), .shown = {}};
  for (const auto& e : examples.shown()) out.shown.push_back({e.number(), e.counterparty(), e.what()});
  return out;
}

StatusField field_of(std::string_view text) {
  for (std::size_t f = 0; f < kStatusFields; ++f)
    if (platform_name(static_cast<StatusField>(f)) == text) return static_cast<StatusField>(f);
  return StatusField::state;
}

void put(SyncTaxpayer& out, const sync::TaxpayerNight& t) {
  out.set_id(t.id);
  out.set_name(t.name);
  out.set_org_unit(t.org_unit);
  out.set_state(std::string(name(t.state)));
  out.set_known(t.known);
  out.set_records(t.records);
  out.set_unchanged(t.unchanged);
  out.set_added(t.added);
  out.set_changed(t.changed);
  out.set_touched(t.touched);
  out.set_quarantined(t.quarantined);
  out.set_repeated(t.repeated);
  for (const auto& c : t.transitions) {
    auto& row = *out.add_transitions();
    row.set_field(std::string(platform_name(c.field)));
    row.set_before(c.before);
    row.set_after(c.after);
    row.set_count(c.count);
  }
  for (const auto& w : t.windows) put(*out.add_windows(), w);
  put(*out.mutable_forms_near(), t.forms_near);
  put(*out.mutable_now_abnormal(), t.now_abnormal);
  put(*out.mutable_now_locked(), t.now_locked);
  put(*out.mutable_no_longer_red(), t.no_longer_red);
  put(*out.mutable_in_quarantine(), t.in_quarantine);
  out.set_settled_submissions(t.settled_submissions);
  out.set_trouble(t.trouble);
  out.set_detail(t.detail);
}

sync::TaxpayerNight taxpayer_of(const SyncTaxpayer& t) {
  sync::TaxpayerNight out;
  out.id = t.id();
  out.name = t.name();
  out.org_unit = t.org_unit();
  out.state = state_of(t.state());
  out.known = t.known();
  out.records = t.records();
  out.unchanged = t.unchanged();
  out.added = t.added();
  out.changed = t.changed();
  out.touched = t.touched();
  out.quarantined = t.quarantined();
  out.repeated = t.repeated();
  for (const auto& c : t.transitions())
    out.transitions.push_back({field_of(c.field()), c.before(), c.after(), c.count()});
  for (const auto& w : t.windows()) out.windows.push_back(window_of(w));
  out.forms_near = examples_of(t.forms_near());
  out.now_abnormal = examples_of(t.now_abnormal());
  out.now_locked = examples_of(t.now_locked());
  out.no_longer_red = examples_of(t.no_longer_red());
  out.in_quarantine = examples_of(t.in_quarantine());
  out.settled_submissions = t.settled_submissions();
  out.trouble = t.trouble();
  out.detail = t.detail();
  return out;
}

api::v1::SyncFinding finding_of(const Error& error, bool failing) {
  api::v1::SyncFinding out;
  out.set_failing(failing);
  show_error(error, out);
  return out;
}

Error error_of(const api::v1::SyncFinding& f) { return {Errc::corrupt, f.code(), f.field(), f.wanted(), f.left(), {}}; }

sync::Audit audit_of(const api::v1::SyncAudit& a) {
  sync::Audit out;
  out.at = time_of(a.at());
  out.orders = a.orders();
  out.signatures = a.signatures();
  out.kept = a.kept();
  out.reds = a.reds();
  out.foreign_looked = a.reds_listed();
  out.gaps = a.gaps();
  out.failing = a.failing();
  for (const auto& f : a.named()) out.named.push_back({f.failing(), error_of(f)});
  if (a.has_unaudited()) out.unaudited = error_of(a.unaudited());
  return out;
}

}  // namespace

api::v1::SyncAudit to_record(const sync::Audit& audit, const std::string& channel) {
  api::v1::SyncAudit out;
  out.set_at(audit.at.rfc3339());
  out.set_orders(audit.orders);
  out.set_signatures(audit.signatures);
  out.set_kept(audit.kept);
  out.set_reds(audit.reds);
  out.set_reds_listed(audit.foreign_looked);
  out.set_gaps(audit.gaps);
  out.set_failing(audit.failing);
  for (const auto& gap : audit.named) *out.add_named() = finding_of(gap.error, gap.failing);
  if (audit.unaudited) *out.mutable_unaudited() = finding_of(*audit.unaudited, false);
  out.set_channel(channel);
  return out;
}

SyncRun to_record(const sync::NightSummary& s) {
  SyncRun out;
  out.set_run(static_cast<std::uint64_t>(s.run));
  out.set_state(std::string(name(s.state)));
  out.set_cause(s.cause);
  out.set_principal(s.principal);
  out.set_channel(s.channel);
  out.set_started_at(s.started_at.rfc3339());
  out.set_updated_at(s.updated_at.rfc3339());
  out.set_finished_at(s.finished_at.rfc3339());
  out.set_window_end(s.window_end.rfc3339());
  out.set_expected_finish(s.expected_finish.rfc3339());
  out.set_windows(s.windows);
  out.set_windows_done(s.windows_done);
  out.set_windows_left_out(s.windows_left_out);
  out.set_records(s.records);
  out.set_expected_records(s.expected_records);
  out.set_calls(s.calls);
  out.set_calls_planned(s.calls_planned);
  out.set_samples(s.samples);
  out.set_samples_differ(s.samples_differ);
  out.set_rescanned(s.rescanned);
  out.set_first_change(s.first_change);
  out.set_last_change(s.last_change);
  auto& spent = *out.mutable_spent();
  spent.set_platform_ms(s.spent.platform_ms);
  spent.set_budget_ms(s.spent.budget_ms);
  spent.set_pause_ms(s.spent.pause_ms);
  spent.set_merge_ms(s.spent.merge_ms);
  spent.set_commit_ms(s.spent.commit_ms);
  for (const auto& t : s.taxpayers) put(*out.add_taxpayers(), t);
  if (s.audit.at.is_set()) *out.mutable_audit() = to_record(s.audit, s.channel);
  out.set_trouble(s.trouble);
  out.set_detail(s.detail);
  out.set_exit_code(static_cast<std::uint32_t>(exit_code(s.state)));
  return out;
}

sync::NightSummary from_record(const SyncRun& r) {
  sync::NightSummary out;
  out.run = static_cast<std::int64_t>(r.run());
  out.state = state_of(r.state());
  out.cause = r.cause();
  out.principal = r.principal();
  out.channel = r.channel();
  out.started_at = time_of(r.started_at());
  out.updated_at = time_of(r.updated_at());
  out.finished_at = time_of(r.finished_at());
  out.window_end = time_of(r.window_end());
  out.expected_finish = time_of(r.expected_finish());
  out.windows = r.windows();
  out.windows_done = r.windows_done();
  out.windows_left_out = r.windows_left_out();
  out.records = r.records();
  out.expected_records = r.expected_records();
  out.calls = r.calls();
  out.calls_planned = r.calls_planned();
  out.samples = r.samples();
  out.samples_differ = r.samples_differ();
  out.rescanned = r.rescanned();
  out.first_change = r.first_change();
  out.last_change = r.last_change();
  out.spent = {.platform_ms = r.spent().platform_ms(),
               .budget_ms = r.spent().budget_ms(),
               .pause_ms = r.spent().pause_ms(),
               .merge_ms = r.spent().merge_ms(),
               .commit_ms = r.spent().commit_ms()};
  for (const auto& t : r.taxpayers()) out.taxpayers.push_back(taxpayer_of(t));
  if (r.has_audit()) out.audit = audit_of(r.audit());
  out.trouble = r.trouble();
  out.detail = r.detail();
  return out;
}

SyncRun brief(SyncRun record) {
  if (record.has_audit()) record.mutable_audit()->clear_named();
  for (auto& t : *record.mutable_taxpayers()) {
    t.clear_windows();
    t.clear_forms_near();
    t.clear_now_abnormal();
    t.clear_now_locked();
    t.clear_no_longer_red();
    t.clear_in_quarantine();
  }
  return record;
}

api::v1::SyncPlan to_record(const sync::Plan& plan, std::int64_t calls_left, const std::string& channel) {
  api::v1::SyncPlan out;
  for (const auto& w : plan.windows) {
    auto& row = *out.add_windows();
    sync::WindowResult nothing_yet;
    nothing_yet.window = w.window;
    nothing_yet.expected = w.expected_records;
    put(row, nothing_yet);
    row.set_calls(w.calls);
  }
  out.set_calls(plan.calls);
  out.set_expected_records(plan.expected_records);
  out.set_left_out(plan.left_out);
  out.set_calls_left(static_cast<std::uint64_t>(calls_left));
  out.set_duration_ms(plan.duration_ms);
  out.set_finish(plan.finish.rfc3339());
  out.set_fits(plan.fits);
  out.set_bound(std::string(name(plan.bound)));
  out.set_channel(channel);
  return out;
}

}  // namespace taxgate::report
