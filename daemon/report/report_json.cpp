#include <algorithm>
#include <boost/json.hpp>

#include "daemon/report/figures.h"
#include "daemon/report/report.h"
#include "protocol/text.h"

namespace taxgate::report {
namespace {

namespace json = boost::json;

json::string_view in_json(std::string_view text) { return {text.data(), text.size()}; }
/// Foreign text as a string that every reader takes: bytes that are no UTF-8 become '?', all else stays.
json::value foreign_json(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t good = utf8_error(text);
    out += text.substr(0, good);
    if (good < text.size()) out += '?';
    text.remove_prefix(std::min(good + 1, text.size()));
  }
  return json::value(out);
}
json::value time_or_null(LegalTime time) {
  if (!time.is_set()) return nullptr;
  return json::value(time.rfc3339());
}
template <class T>
json::value money_or_null(const T& money) {
  if (!money) return nullptr;
  return json::value(money->text());
}

json::array transitions_json(const std::vector<sync::TransitionCount>& transitions) {
  json::array out;
  for (const auto& t : transitions)
    out.push_back(json::object{{"field", in_json(taxgate::name(t.field))},
                               {"platform_field", in_json(platform_name(t.field))},
                               {"before", foreign_json(t.before)},
                               {"after", foreign_json(t.after)},
                               {"count", t.count}});
  return out;
}

json::object window_json(const sync::WindowResult& w) {
  json::object o;
  o["direction"] = in_json(name(w.window.direction));
  o["type"] = foreign_json(w.window.type);
  o["month"] = w.window.month.text();
  o["done"] = w.done;
  o["told_empty"] = w.told_empty;
  o["records"] = w.records;
  o["packages"] = w.packages;
  o["packages_of"] = w.packages_of;
  o["platform_count"] = w.platform_count ? json::value(*w.platform_count) : json::value(nullptr);
  o["platform_amount"] = money_or_null(w.platform_amount);
  o["platform_tax"] = money_or_null(w.platform_tax);
  o["our_amount"] = money_or_null(w.our_amount);
  o["our_tax"] = money_or_null(w.our_tax);
  o["trouble"] = foreign_json(w.trouble);
  o["detail"] = foreign_json(w.detail);
  return o;
}

json::object taxpayer_json(const sync::TaxpayerNight& t) {
  json::object o;
  o["id"] = foreign_json(t.id);
  o["name"] = foreign_json(t.name);
  o["org_unit"] = foreign_json(t.org_unit);
  o["state"] = in_json(name(t.state));
  o["known"] = t.known;
  o["records"] = t.records;
  o["unchanged"] = t.unchanged;
  o["added"] = t.added;
  o["changed"] = t.changed;
  o["touched"] = t.touched;
  o["quarantined"] = t.quarantined;
  o["repeated"] = t.repeated;
  o["settled_submissions"] = t.settled_submissions;
  o["transitions"] = transitions_json(t.transitions);
  for (const List& list : kLists) {
    json::array shown;
    for (const sync::Example& e : (t.*list.examples).shown)
      shown.push_back(json::object{{"number", foreign_json(e.number)},
                                   {"counterparty", foreign_json(e.counterparty)},
                                   {"what", foreign_json(e.what)}});
    o[in_json(list.name)] = json::object{{"count", (t.*list.examples).count}, {"shown", std::move(shown)}};
  }
  json::array windows;
  for (const auto& window : t.windows) windows.push_back(window_json(window));
  o["windows"] = std::move(windows);
  o["trouble"] = foreign_json(t.trouble);
  o["detail"] = foreign_json(t.detail);
  return o;
}

json::value error_json(const Error& e) {
  return json::object{{"code", in_json(e.id)},
                      {"taxpayer", foreign_json(e.field)},
                      {"number", foreign_json(e.wanted)},
                      {"reference", foreign_json(e.left)},
                      {"message", foreign_json(message_text(e, Language::english))},
                      {"message_zh", foreign_json(message_text(e, Language::chinese))},
                      {"remedy", foreign_json(remedy_text(e, Language::english))},
                      {"remedy_zh", foreign_json(remedy_text(e, Language::chinese))}};
}

json::value audit_json(const sync::Audit& a) {
  if (!a.at.is_set()) return nullptr;
  json::array named;
  for (const auto& gap : a.named) {
    json::value one = error_json(gap.error);
    one.get_object()["failing"] = gap.failing;
    named.push_back(std::move(one));
  }
  return json::object{{"at", time_or_null(a.at)},
                      {"orders", a.orders},
                      {"signatures", a.signatures},
                      {"kept", a.kept},
                      {"reds", a.reds},
                      {"reds_listed", a.foreign_looked},
                      {"gaps", a.gaps},
                      {"failing", a.failing},
                      {"named", std::move(named)},
                      {"unaudited", a.unaudited ? error_json(*a.unaudited) : json::value(nullptr)}};
}

}  // namespace

std::string json(const sync::NightSummary& night) {
  json::object o;
  o["run"] = night.run;
  o["state"] = in_json(name(night.state));
  o["exit"] = exit_code(night.state);
  o["cause"] = foreign_json(night.cause);
  o["principal"] = foreign_json(night.principal);
  o["channel"] = foreign_json(night.channel);
  o["started_at"] = time_or_null(night.started_at);
  o["updated_at"] = time_or_null(night.updated_at);
  o["finished_at"] = time_or_null(night.finished_at);
  o["window_end"] = time_or_null(night.window_end);
  o["expected_finish"] = time_or_null(night.expected_finish);
  o["windows"] = night.windows;
  o["windows_done"] = night.windows_done;
  o["windows_told_empty"] = sums(night).windows_told_empty;
  o["windows_left_out"] = night.windows_left_out;
  o["records"] = night.records;
  o["expected_records"] = night.expected_records;
  o["calls"] = night.calls;
  o["calls_planned"] = night.calls_planned;
  o["samples"] = night.samples;
  o["samples_differ"] = night.samples_differ;
  o["rescanned"] = night.rescanned;
  o["first_change"] = night.first_change;
  o["last_change"] = night.last_change;
  o["spent_ms"] = json::object{{"platform", night.spent.platform_ms},
                               {"budget", night.spent.budget_ms},
                               {"pauses", night.spent.pause_ms},
                               {"processor", night.spent.merge_ms},
                               {"disk", night.spent.commit_ms}};
  o["limited_by"] = in_json(name(limited_by(night.spent)));
  const Left left = left_of(night);
  o["left"] = json::object{{"windows", left.windows}, {"records", left.records}};
  o["transitions"] = transitions_json(transitions(night));
  json::array taxpayers;
  for (const Group& group : groups(night))
    for (const auto* taxpayer : group.taxpayers) taxpayers.push_back(taxpayer_json(*taxpayer));
  o["taxpayers"] = std::move(taxpayers);
  o["audit"] = audit_json(night.audit);
  o["trouble"] = foreign_json(night.trouble);
  o["detail"] = foreign_json(night.detail);
  return json::serialize(o);
}

}  // namespace taxgate::report
