// What does not forbid a red and should be known before it is sent, and the verdict as a whole.
#include <algorithm>
#include <array>

#include "daemon/rules/check.h"
#include "daemon/rules/codes.h"
#include "daemon/rules/names.h"
#include "daemon/rules/start.h"

namespace taxgate::rules {
namespace {

constexpr std::string_view kVoidable = "R34.voidable";  // said before anything else

using Bytes = std::array<bool, 256>;

/// Names are looked at in every check: only bytes that begin a special character are compared.
Bytes beginnings(const CodeTables& tables) {
  Bytes out{};
  for (const std::string& c : tables.special_character) out[static_cast<unsigned char>(c[0])] = true;
  return out;
}

std::string_view first_special(std::string_view name, const Bytes& begins, const CodeTables& tables) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!begins[static_cast<unsigned char>(name[i])]) continue;
    for (const std::string& c : tables.special_character)
      if (name.substr(i).starts_with(c)) return c;
  }
  return {};
}

void advise_on_name(const Facts& facts, const Bytes& begins, const Party& party,
                    const std::optional<std::string>& registered, std::string_view field, Report& report) {
  if (!first_special(party.name, begins, facts.tables).empty())
    report.add(Severity::warn, "R15.special", std::string(field));
  if (registered && *registered != party.name) report.add(Severity::warn, "R15.register", std::string(field));
}

}  // namespace

std::string_view special_character(std::string_view name, const CodeTables& tables) {
  return first_special(name, beginnings(tables), tables);
}

bool may_be_voided(const Invoice& blue, LegalTime today, const CodeTables& tables) {
  return today.is_set() && listed(tables.voidable_type, blue.type) && blue.issued_at.year() == today.year() &&
         blue.issued_at.month() == today.month() && !listed(tables.confirmed_use, blue.use) &&
         !listed(tables.booked, blue.booking);
}

void advise_on_blue(const Facts& facts, Report& report) {
  const Invoice& blue = facts.blue;
  const Circumstances& known = facts.known;
  if (may_be_voided(blue, known.today, facts.tables)) report.add(Severity::note, std::string(kVoidable), "blue_number");
  if (listed(facts.tables.suspicious_voucher, known.voucher_status))
    report.add(Severity::warn, "R8.suspicious", "blue_number", known.voucher_status);
  if (listed(facts.tables.yellow_alert, known.alert))
    report.add(Severity::warn, "K2.yellow_alert", "taxpayer", known.alert);
  if (listed(facts.tables.blue_alert, known.alert))
    report.add(Severity::note, "K3.blue_alert", "taxpayer", known.alert);
  if (known.export_used.value_or(false) && !known.export_rolled_back)
    report.add(Severity::warn, "X13.unknown", "blue_number");
  const Bytes begins = beginnings(facts.tables);
  advise_on_name(facts, begins, blue.seller, known.seller_registered, "blue.seller", report);
  advise_on_name(facts, begins, blue.buyer, known.buyer_registered, "blue.buyer", report);
}

Verdict weighed(const Facts& facts, const RedDocument* red, Side initiator, Report report) {
  Verdict out;
  if (red != nullptr) {
    const Start start = who_may_start(facts.blue, red->track, facts.known, facts.tables);
    out.counterparty_confirms = start.confirmation == Confirmation::counterparty;
    if (out.counterparty_confirms)
      report.add(Severity::note, "R1.confirmation", "initiator", initiator == Side::seller ? "buyer" : "seller", "72");
    if (start.confirmation == Confirmation::unknown) report.add(Severity::note, "R1.unknown", "blue.use");
  }
  out.findings.reserve(report.refusals.size() + report.others.size());
  auto other = report.others.begin();  // advise_on_blue() finds the voidable invoice before anything else
  if (other != report.others.end() && other->error.id == kVoidable) out.findings.push_back(std::move(*other++));
  for (Error& e : report.refusals) out.findings.push_back({std::move(e), Severity::refuse});
  for (const Severity severity : {Severity::needs_approval, Severity::warn, Severity::note})
    for (auto at = other; at != report.others.end(); ++at)
      if (at->severity == severity) out.findings.push_back(std::move(*at));
  if (!report.refusals.empty())
    out.answer = Answer::refused;
  else if (std::ranges::any_of(out.findings, [](const Finding& f) { return f.severity == Severity::needs_approval; }))
    out.answer = Answer::needs_approval;
  else if (out.counterparty_confirms)
    out.answer = Answer::counterparty_must_confirm;
  return out;
}

}  // namespace taxgate::rules
