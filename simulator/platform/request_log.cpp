#include "simulator/platform/request_log.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <map>

namespace taxgate::simulator {

namespace json = boost::json;

std::string_view effect_name(EffectKind kind) {
  switch (kind) {
    case EffectKind::form_created:
      return "form_created";
    case EffectKind::form_confirmed:
      return "form_confirmed";
    case EffectKind::form_void:
      return "form_void";
    case EffectKind::red_issued:
      return "red_issued";
    case EffectKind::table_created:
      return "table_created";
    case EffectKind::table_approved:
      return "table_approved";
    case EffectKind::table_cancelled:
      return "table_cancelled";
    case EffectKind::table_written_off:
      return "table_written_off";
  }
  return "unknown";
}

std::string_view origin_name(Origin origin) {
  switch (origin) {
    case Origin::request:
      return "request";
    case Origin::counterparty:
      return "counterparty";
    case Origin::stranger:
      return "stranger";
    case Origin::platform:
      return "platform";
  }
  return "unknown";
}

std::string to_json(const Effect& e) {
  json::object o;
  auto put = [&o](const char* name, const std::string& value) {
    if (!value.empty()) o[name] = value;
  };
  o["number"] = e.number;
  o["arrived_ms"] = e.arrived_ms;
  o["legal"] = e.legal.rfc3339();
  o["effect"] = json::string_view(effect_name(e.kind).data(), effect_name(e.kind).size());
  o["origin"] = json::string_view(origin_name(e.origin).data(), origin_name(e.origin).size());
  put("service", e.service);
  put("taxpayer", e.taxpayer);
  put("seller", e.seller);
  put("buyer", e.buyer);
  put("blue_number", e.blue_number);
  put("reason", e.reason);
  put("amount", e.amount.text());
  put("tax", e.tax.text());
  put("state", e.state);
  put("document", e.document);
  put("document_number", e.number_text);
  put("red_number", e.red_number);
  put("request_number", e.request_number);
  put("request_sha256", e.request_sha256);
  if (!e.protection) o["protection"] = false;
  return json::serialize(o);
}

Result<void> RequestLog::open(const std::string& path) {
  file_.open(path, std::ios::app | std::ios::binary);
  if (!file_) return fail(Errc::invalid_input, "sim.log_file", {}, path);
  return {};
}

void RequestLog::append(Effect effect) {
  effect.number = effects_.size() + 1;
  if (effect.arrived_ms == 0) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    effect.arrived_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  }
  if (file_.is_open()) file_ << to_json(effect) << '\n' << std::flush;
  effects_.push_back(std::move(effect));
}

namespace {

/// One form or table, put together from its effects.
struct Document {
  const Effect* created = nullptr;
  bool table = false, is_void = false, approved = false;
  int reds = 0;

  int units() const { return std::max(1, reds); }
  int live_units() const { return is_void ? 0 : units(); }
  int issued_units() const { return table ? (approved && !is_void ? 1 : 0) : reds; }
};

std::vector<Document> documents_of(std::span<const Effect> effects) {
  std::vector<Document> documents;
  std::map<std::string_view, std::size_t> by_id;
  for (const Effect& e : effects) {
    if (e.kind == EffectKind::form_created || e.kind == EffectKind::table_created) {
      by_id[e.document] = documents.size();
      documents.push_back({&e, e.kind == EffectKind::table_created});
      continue;
    }
    const auto found = by_id.find(e.document);
    if (found == by_id.end()) continue;
    Document& d = documents[found->second];
    switch (e.kind) {
      case EffectKind::form_void:
      case EffectKind::table_cancelled:
        d.is_void = true;
        break;
      case EffectKind::red_issued:
        ++d.reds;
        break;
      case EffectKind::table_approved:
      case EffectKind::table_written_off:
        d.approved = true;
        break;
      default:
        break;
    }
  }
  return documents;
}

bool matches(const Document& d, const Promise& p) {
  const Effect& e = *d.created;
  if (d.table && !p.request_number.empty()) return e.request_number == p.request_number;
  const bool blue_left_out = d.table && e.blue_number.empty();  // memo 1100000000 names no blue invoice
  return e.seller == p.seller && e.amount == p.amount && e.tax == p.tax &&
         (e.reason == p.reason || e.reason.empty() || p.reason.empty()) &&
         (e.blue_number == p.blue_number || blue_left_out) && (p.buyer.empty() || e.buyer == p.buyer);
}

/// Promises that no document can tell apart.
struct Group {
  Promise key;
  int live = 0, issued = 0, void_ = 0, optional = 0;  // promised
  int found = 0, found_live = 0, found_issued = 0;    // in the log
  int least() const { return live + issued + void_; }
  bool same(const Promise& p) const {
    return key.seller == p.seller && key.blue_number == p.blue_number && key.reason == p.reason &&
           key.amount == p.amount && key.tax == p.tax && key.buyer == p.buyer && key.request_number == p.request_number;
  }
};

std::vector<Group> groups_of(std::span<const Promise> promises) {
  std::vector<Group> groups;
  std::multimap<std::string, std::size_t> index;  // by blue number: a demo has hundreds of promises, a soak test more
  for (const Promise& p : promises) {
    Group* group = nullptr;
    for (auto [at, end] = index.equal_range(p.blue_number); at != end; ++at) {
      if (groups[at->second].same(p)) group = &groups[at->second];
    }
    if (group == nullptr) {
      index.emplace(p.blue_number, groups.size());
      group = &groups.emplace_back();
      group->key = p;
    }
    switch (p.outcome) {
      case Promised::live:
        ++group->live;
        break;
      case Promised::issued:
        ++group->issued;
        break;
      case Promised::void_:
        ++group->void_;
        break;
      case Promised::at_most_one:
        ++group->optional;
        break;
      case Promised::none:
        break;
    }
  }
  return groups;
}

Finding finding(std::string what, const Promise& p, int expected, int found) {
  return {std::move(what), p.label, p.seller, p.blue_number, p.reason, p.amount, p.tax, expected, found};
}

}  // namespace

Count RequestLog::count(const Promise& promise) const {
  Count count;
  for (const Document& d : documents_of(effects_)) {
    if (d.created->origin != Origin::request || !matches(d, promise)) continue;
    count.created += d.units();
    count.live += d.live_units();
    count.issued += d.issued_units();
  }
  return count;
}

Verdict RequestLog::judge(std::span<const Promise> promises) const {
  Verdict verdict;
  std::vector<Group> groups = groups_of(promises);
  for (const Document& d : documents_of(effects_)) {
    const Effect& e = *d.created;
    if (e.origin != Origin::request) {
      // Raised by somebody else, perhaps answered and uploaded by us: still one red at most.
      if (d.reds > 1) {
        verdict.doubled += d.reds - 1;
        verdict.findings.push_back({"red_doubled", {}, e.seller, e.blue_number, e.reason, e.amount, e.tax, 1, d.reds});
      }
      continue;
    }
    Group* best = nullptr;
    int best_rank = -1;
    for (Group& g : groups) {
      if (!matches(d, g.key)) continue;
      const int rank = (g.key.blue_number == e.blue_number ? 2 : 0) + (g.found < g.least() ? 1 : 0);
      if (rank > best_rank) {
        best = &g;
        best_rank = rank;
      }
    }
    if (best == nullptr) {
      verdict.unpromised += d.units();
      verdict.doubled += d.units();
      verdict.findings.push_back({"unpromised", {}, e.seller, e.blue_number, e.reason, e.amount, e.tax, 0, d.units()});
      continue;
    }
    best->found += d.units();
    best->found_live += d.live_units();
    best->found_issued += d.issued_units();
  }
  for (const Group& g : groups) {
    const int live = g.live + g.issued;
    const int lost = std::max({0, g.least() - g.found, live - g.found_live, g.issued - g.found_issued});
    const int doubled = std::max({0, g.found - g.least() - g.optional, g.found_live - live - g.optional});
    verdict.lost += lost;
    verdict.doubled += doubled;
    if (lost > 0) verdict.findings.push_back(finding("lost", g.key, g.least(), g.least() - lost));
    if (doubled > 0) verdict.findings.push_back(finding("doubled", g.key, g.least(), g.found));
  }
  return verdict;
}

std::string to_json(const Verdict& verdict) {
  json::array details;
  for (const Finding& f : verdict.findings) {
    details.push_back({{"what", f.what},
                       {"label", f.label},
                       {"seller", f.seller},
                       {"blue_number", f.blue_number},
                       {"reason", f.reason},
                       {"amount", f.amount.text()},
                       {"tax", f.tax.text()},
                       {"expected", f.expected},
                       {"found", f.found}});
  }
  json::object o;
  o["lost"] = verdict.lost;
  o["doubled"] = verdict.doubled;
  o["unpromised"] = verdict.unpromised;
  o["details"] = std::move(details);
  return json::serialize(o);
}

namespace {

Result<Promised> promised(std::string_view text) {
  if (text.empty() || text == "live") return Promised::live;
  if (text == "issued") return Promised::issued;
  if (text == "void") return Promised::void_;
  if (text == "none") return Promised::none;
  if (text == "at_most_one") return Promised::at_most_one;
  return fail(Errc::invalid_input, "sim.promises", "outcome", std::string(text));
}

Result<Promise> read_promise(const json::value& value) {
  if (!value.is_object()) return fail(Errc::invalid_input, "sim.promises", {}, "not an object");
  Promise p;
  std::string amount, tax, outcome;
  const std::map<std::string_view, std::string*> members{{"seller", &p.seller}, {"blue_number", &p.blue_number},
                                                         {"reason", &p.reason}, {"amount", &amount},
                                                         {"tax", &tax},         {"outcome", &outcome},
                                                         {"buyer", &p.buyer},   {"request_number", &p.request_number},
                                                         {"label", &p.label}};
  for (const auto& [name, member] : value.get_object()) {
    const auto known = members.find(std::string_view(name.data(), name.size()));
    if (known == members.end() || !member.is_string())
      return fail(Errc::invalid_input, "sim.promises", std::string(name));
    *known->second = std::string(member.get_string());
  }
  const auto fen_amount = Fen::parse(amount, "amount"), fen_tax = Fen::parse(tax, "tax");
  if (!fen_amount || !fen_tax)
    return fail(Errc::invalid_input, "sim.promises", fen_amount ? "tax" : "amount", fen_amount ? tax : amount);
  p.amount = -fen_amount->abs();  // a red is negative however the caller writes it
  p.tax = -fen_tax->abs();
  const auto parsed = promised(outcome);
  if (!parsed) return std::unexpected(parsed.error());
  p.outcome = *parsed;
  return p;
}

}  // namespace

Result<std::vector<Promise>> read_promises(std::string_view text) {
  boost::system::error_code ec;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), ec);
  const json::value* list = !ec && value.is_object() ? value.get_object().if_contains("promises") : nullptr;
  if (list == nullptr || !list->is_array())
    return fail(Errc::invalid_input, "sim.promises", "promises", "not an array");
  std::vector<Promise> promises;
  for (const json::value& item : list->get_array()) {
    auto promise = read_promise(item);
    if (!promise) return std::unexpected(std::move(promise.error()));
    promises.push_back(std::move(*promise));
  }
  return promises;
}

}  // namespace taxgate::simulator
