#include "daemon/rules/reasons.h"

#include "daemon/rules/check.h"
#include "daemon/rules/codes.h"

namespace taxgate::rules {
namespace {

constexpr std::array kInOrder{Reason::wrong_invoice, Reason::goods_returned, Reason::service_stopped,
                              Reason::allowance};

std::string menu_text(const Composition& lines) {
  std::string out;
  for (const Reason r : kInOrder) {
    if (!on_menu(r, lines)) continue;
    if (!out.empty()) out += ", ";
    out += reason_code(r);
  }
  return out;
}

/// What the one who picks this reason must mind: nothing here forbids it.
void add_limits(const Facts& facts, Reason reason, std::vector<Finding>& out) {
  const auto note = [&](std::string id, std::string left) {
    out.push_back({Error{Errc::invalid_input, std::move(id), "lines", {}, std::move(left), {}}, Severity::note});
  };
  if (reason == Reason::wrong_invoice) note("R4.full_only", facts.blue.amount.text());
  if (listed(facts.tables.full_only_difference, facts.blue.difference)) note("R6.full_only", facts.blue.amount.text());
  if (has_farm_label(facts.known, facts.tables.farm_full)) note("R5.full_only", facts.blue.amount.text());
}

}  // namespace

Composition composition(const Invoice& blue, const CodeTables& tables) {
  Composition out;
  for (const InvoiceLine& line : blue.lines) {
    const bool goods = prefixed(tables.goods_prefix, line.tax_code);
    const bool service = prefixed(tables.service_prefix, line.tax_code);
    out.goods = out.goods || goods;
    out.services = out.services || service;
    out.unsorted = out.unsorted || !(goods || service);
  }
  return out;
}

bool on_menu(Reason reason, const Composition& lines) {
  if (reason == Reason::goods_returned) return lines.goods || lines.unsorted || !lines.services;
  if (reason == Reason::service_stopped) return lines.services || lines.unsorted;
  return true;
}

void check_reason(const Facts& facts, Reason reason, Findings& findings) {
  if (reason == Reason::wrong_invoice && facts.partly_reversed())
    add(findings, "R4.after_partial", "reason", "01", "02, 03, 04");
  if (reason != Reason::goods_returned && reason != Reason::service_stopped) return;
  const Composition lines = composition(facts.blue, facts.tables);
  if (!on_menu(reason, lines))
    add(findings, "R13.reason", "reason", std::string(reason_code(reason)), menu_text(lines));
}

std::array<ReasonOption, 4> reason_menu(const BlueState& state, const Circumstances& known, const CodeTables& tables) {
  const Facts facts(state, known, tables);
  Findings for_all;
  check_reversible(facts, for_all);
  std::array<ReasonOption, 4> out;
  for (std::size_t i = 0; i < kInOrder.size(); ++i) {
    ReasonOption& option = out[i];
    option.reason = kInOrder[i];
    Findings against = for_all;
    if (!facts.blue.is_red) check_reason(facts, option.reason, against);
    option.allowed = against.empty();
    for (Error& e : against) option.findings.push_back({std::move(e), Severity::refuse});
    if (option.allowed) add_limits(facts, option.reason, option.findings);
  }
  return out;
}

Result<Reason> reason_for(std::string_view happened, const Invoice& blue, const CodeTables& tables) {
  std::string_view meant = happened;
  for (const auto& [word, code] : tables.reason_words)
    if (word == happened) meant = code;
  auto reason = parse_reason(meant, "reason");
  if (!reason) return reason;
  const Composition lines = composition(blue, tables);
  if (on_menu(*reason, lines)) return reason;
  return *reason == Reason::goods_returned ? Reason::service_stopped : Reason::goods_returned;
}

}  // namespace taxgate::rules
