#include "tests/unit/daemon/rules/rules_page.h"

#include <fmt/format.h>

#include "daemon/rules/registry.h"
#include "daemon/rules/rules.h"
#include "protocol/messages.h"

namespace taxgate::rules {
namespace {

constexpr std::string_view kHead = R"(# The red-letter law

Generated from the registry in `daemon/rules`; a test compares the two. To write it anew:
`TAXGATE_WRITE_PAGE=docs/rules.md build/bin/unit_rules --gtest_filter='RulesPage.*'`.

`daemon/rules` is pure: a blue invoice, the reds on it, what is known of both parties and one wish or one whole document
go in; a verdict comes out. One engine, three doors (`rules.h`): `judge` weighs a document, `decide` makes a wish into a
document and weighs it, `check` and `derive` are the same two for callers that want refusals only.

## A verdict

| Answer | Meaning |
|---|---|
| `allowed` | may be submitted; notes and warnings may stand |
| `counterparty_must_confirm` | may be submitted; the other side has 72 hours, silence makes the form void |
| `needs_approval` | a person of yours must say yes first (and the counterparty after that, if `counterparty_confirms`) |
| `refused` | a rule forbids it |

All findings are reported, not the first: at most 50 refusals and 50 others. Each has the rule's id before the point of its
own id, a weight (`refuse`, `needs_approval`, `warn`, `note`), the field by its place in the document (`lines[0].tax`), what
was wanted, what would have been allowed, and a remedy in both languages. What is not known (`circumstances.h`: status of
the counterparty, labels, evidence, today's date …) makes a rule silent or leaves a note; it is never guessed.

For people and wizards: `reason_menu` (which reasons, and why not the others), `reason_for` ("客户拒收" is 02), `propose` (a return and an
allowance as two documents in order: lines with reasons of their own in a check, `taxgate red`), `unperformed` (the rest of a service: reason 03
without lines, `performed` declared). The upload of a red carries the text of `remarks`.

## What a wish becomes
| Wish for a line | Quantity, price | Amount | Tax |
|---|---|---|---|
| quantity | as asked; price after discount | quantity × price, rounded half up | amount × rate, rounded half up |
| amount | the shortest quantity whose value is the amount | as asked | amount × rate |
| tax-inclusive total | as for an amount | total ÷ (1 + rate) | total − amount |
| nothing, or all that is left | what is left | exactly what is left | exactly what is left |
| any, reason 04 | blank | as asked | amount × rate |

- Discount rows are merged into the line above: 500 t for 172,566.37 less 3,451.33 has the price 338.23008, not 345.13274336.
- An allowance moves the price of what is returned later: of 100 × 10.00 with 200.00 allowed, 50 pieces return as 50 × 8.00.
- A rounding that would leave the rest further from its price than 0.01, or from its rate than 0.05, goes the other way, so
  the red that takes the last of a line always stands.
- 差额征税: the tax is shared in proportion to the amount, not taken by the rate.
- 免税, 不征税 and 零税率 stay three things: the label is copied from the line and shown.

## The rules
"Ground": `confirmed` was found in public code or documents beside the source text; everything else is unverified. "From":
first day. Since 2026-01-01 the VAT law (增值税法) is in force; rates stay 13/9/6 and a red keeps its blue's rate. `rejected`
names a reading of the source texts that is wrong; its test refuses it. `elsewhere` binds another part of the product or a
person. The source texts: 000 反向红冲, 001 额度恢复, 002 红字发票财务处理, 003 数电票热点问题答疑.

| Rule | Says | 内容 | Source | Ground | Status | From | Findings | Test |
|---|---|---|---|---|---|---|---|---|
)";

constexpr std::string_view kTables = R"(
Besides: `wish.*` (a wish that is none), `blue.*` (a blue invoice that contradicts itself) and `id.*` (a number or type that
is none).

## The operator's tables
`[rules] tables_file` names a TOML file; SIGHUP reads it again, and a file with an unknown key or a wrong type changes nothing
(`config.tables`). What is left out keeps its compiled-in value. A code in no list is kept and never a reason to refuse.

| Key | Compiled in | Meaning |
|---|---|---|
)";

constexpr std::string_view kTail =
    R"(| `busy_texts` | `["存在进行中的红字确认单", "没有可红冲的金额"]` | platform messages that may mean "your earlier form stands": ask first |
| `[hold_codes]` | `31022`, `31120`, `31121` | platform code = reason of the taxpayer's hold |
| `[channel.NAME]`, `[calendar]` | see [credit.md](credit.md) | codes of callers and platforms mapped to the bureau's; public holidays |
| `[reason_words]` | {} | what happened = reason code, R19, X22 |
| `remark_characters` | `"{}"` | B7, a string |
| `[[approval]]` | P5: `amount` "50000.00"; P9: `quantity_share` "0.1" | who must look: `amount` (at or above), `share` and `quantity_share` (strictly above, earlier reds count), `reasons`, `products` (tax-code prefixes), `customers`, `cycles`, `provinces`. All conditions of a row must hold; any row is enough. taxgated takes `[approval]` of its configuration instead of the compiled-in rows |
| `[[evidence]]` | R33: return_slip, inspection_report for 02; R22: explanation; both `note` | `rule` (R22, R33, P16), `severity`, `kinds`, `reasons`, `provinces`. `note` and `warn` speak only when the caller told its evidence; the others take silence for none |
| `[[transition]]` | see [sync.md](sync.md) | `field` (fpzt, hzsdbs, fpyt, rzzt, ycpzzt, nsryjjb, zzsyhyt), `from`, `to`: the codes that may follow `from`, `["*"]` any, `[]` none. Takes the place of the compiled-in row of that code; the night judges by it (unverified) |

Amounts and shares are strings, because a TOML number is a binary fraction.
)";

std::string findings_of_rule(std::string_view id) {
  std::string out;
  for (const Message& m : message_catalogue())
    if (m.id.starts_with(id) && m.id.substr(id.size()).starts_with('.')) out += fmt::format(" `{}`", m.id);
  return out.empty() ? out : out.substr(1);
}

std::string list_text(const Codes& codes) {
  std::string out;
  for (const std::string& c : codes) {
    std::string shown;
    for (const char ch : c)
      shown += ch == '\t' ? "\\t" : ch == '\n' ? "\\n" : ch == '\r' ? "\\r" : ch == '"' ? "\\\"" : std::string(1, ch);
    out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", c == "\\" ? "\\\\" : shown);
  }
  return "[" + out + "]";
}

}  // namespace

std::string rules_page() {
  std::string out(kHead);
  for (const Rule& r : registry())
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", r.id, r.title, r.title_zh, r.source,
                       name(r.ground), name(r.status), r.from, findings_of_rule(r.id),
                       r.test.empty() ? std::string() : fmt::format("`{}`", r.test));
  out += kTables;
  for (const CodeList& l : code_lists())
    out += fmt::format("| `{}` | `{}` | {} |\n", l.key, list_text(default_tables().*(l.list)), l.meaning);
  std::string words;
  for (const auto& [word, code] : default_tables().reason_words)
    words += fmt::format("{}{} = {}", words.empty() ? "" : ", ", word, code);
  return out + fmt::format(fmt::runtime(kTail), words, default_tables().remark_characters);
}

}  // namespace taxgate::rules
