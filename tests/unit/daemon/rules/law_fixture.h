#pragma once
// Verdicts in a test's words: what was answered, by which findings.
#include "daemon/rules/reasons.h"
#include "daemon/rules/start.h"
#include "tests/unit/daemon/rules/fixture.h"

namespace taxgate::rules {

/// Ids of the findings of one weight.
inline std::vector<std::string> ids(const Verdict& verdict, Severity severity) {
  std::vector<std::string> out;
  for (const Finding& f : verdict.findings)
    if (f.severity == severity) out.push_back(f.error.id);
  return out;
}
inline std::vector<std::string> refusals(const Verdict& verdict) { return ids(verdict, Severity::refuse); }

inline Verdict verdict_on(const Invoice& blue, const Wish& wanted, const Circumstances& known = {},
                          const CodeTables& tables = default_tables()) {
  return decide({&blue, {}}, wanted, known, tables).verdict;
}

/// One piece of goods, one line of that amount at 13 %.
inline Invoice worth(std::string_view amount) {
  const Fen net = fen(amount);
  return invoice({line(1, "1", net.text(), net.text(), "0.13", dec("0.13").times(net)->text())});
}

/// The hundred pieces on an invoice of a tax device.
inline Invoice device_invoice(std::string_view type = "01", std::string_view use = "0") {
  Invoice blue = hundred();
  blue.type = type;
  blue.number = "990024113000000009";
  blue.use = use;
  return blue;
}
inline Wish table_wish(Side initiator) {
  Wish out = wish(Reason::goods_returned, {by_quantity(1, "1")});
  out.initiator = initiator;
  out.tax_device = "990000000001";
  return out;
}
inline Wish by(Side initiator, Wish wanted) {
  wanted.initiator = initiator;
  return wanted;
}

}  // namespace taxgate::rules
