// Verdicts for a person: one line a row, the findings of one, the choice of reasons.
#include <fmt/format.h>

#include <map>

#include "cli/render.h"
#include "cli/words.h"

namespace taxgate::cli {
namespace {

using api::v1::CheckReply;
using api::v1::Finding;

std::string severity_word(const Screen& screen, const std::string& severity) {
  if (severity == "refuse") return screen.pick("refused", "拒绝");
  if (severity == "needs_approval") return screen.pick("needs approval", "需审批");
  if (severity == "warn") return screen.pick("warning", "警告");
  return screen.pick("note", "提示");
}

std::string finding_text(const Screen& screen, const Finding& f, std::string_view indent) {
  const std::string message = screen.pick(f.message(), f.message_zh());
  std::string out = fmt::format("{}{}: {}  [{}]\n", indent, severity_word(screen, f.severity()), message, f.code());
  Grid facts;
  const auto add = [&](std::string_view english, std::string_view zh, const std::string& value) {
    if (!value.empty() && message.find(value) == std::string::npos) facts.add({screen.pick(english, zh), value});
  };
  add("field", "字段", f.field());
  add("given", "填写", f.wanted());
  add("allowed", "允许", f.left());
  add("remedy", "处理", screen.pick(f.remedy(), f.remedy_zh()));
  return out + facts.text({}, std::string(indent) + "  ");
}

}  // namespace

std::string answer_word(const Screen& screen, std::string_view answer) {
  if (answer == "allowed") return screen.pick("allowed", "允许");
  if (answer == "counterparty_must_confirm")
    return screen.pick("allowed, the other side must confirm", "允许,须对方确认");
  if (answer == "needs_approval") return screen.pick("allowed, a person must approve first", "允许,须先审批");
  if (answer == "refused") return screen.pick("refused", "拒绝");
  if (answer == "accepted") return screen.pick("accepted by an earlier run", "此前已受理");
  if (answer == "unreadable") return screen.pick("unreadable", "无法读取");
  return std::string(answer);
}

std::string check_row_text(const Screen& screen, const CheckReply& reply) {
  std::string out =
      fmt::format("{:>6}  {:<20}  {}", reply.row(), reply.blue_number(), answer_word(screen, reply.answer()));
  for (const auto& f : reply.findings())
    if (f.severity() == "refuse" || f.severity() == "needs_approval")
      out += fmt::format("  [{}] {}", f.code(), screen.pick(f.message(), f.message_zh()));
  return out + "\n";
}

std::string check_summary_text(const Screen& screen, const std::vector<CheckReply>& replies) {
  struct Count {
    int rows = 0, first = 0;
    std::string severity, remedy;
  };
  std::map<std::string, int> answers;
  std::map<std::string, Count> rules;
  for (const auto& reply : replies) {
    ++answers[reply.answer()];
    std::map<std::string, bool> seen;
    for (const auto& f : reply.findings()) {
      if (!seen.emplace(f.code(), true).second) continue;
      Count& count = rules[f.code()];
      if (count.rows++ == 0) count.first = reply.row();
      count.severity = severity_word(screen, f.severity());
      count.remedy = screen.pick(f.remedy(), f.remedy_zh());
    }
  }
  std::string out = "\n";
  for (const auto& [answer, count] : answers) out += fmt::format("{}: {}\n", answer_word(screen, answer), count);
  if (rules.empty()) return out;
  Grid grid({screen.pick("rule", "规则"), screen.pick("weight", "性质"), screen.pick("rows", "行数"),
             screen.pick("first row", "首行"), screen.pick("remedy", "处理")});
  for (const auto& [code, count] : rules)
    grid.add({code, count.severity, std::to_string(count.rows), std::to_string(count.first), count.remedy});
  return out + grid.text({2, 3});
}

std::string left_text(const Screen& screen, const CheckReply& reply) {
  Grid grid({"#", screen.pick("name", "名称"), screen.pick("quantity left", "剩余数量"), screen.pick("price", "单价"),
             screen.pick("amount left", "剩余金额"), screen.pick("tax left", "剩余税额")});
  for (const auto& l : reply.left())
    grid.add({std::to_string(l.blue_line()), l.name(), l.quantity(), l.price(), grouped(l.amount()), grouped(l.tax())});
  return grid.text({2, 3, 4, 5}, "  ");
}

std::string reasons_text(const Screen& screen, const CheckReply& reply) {
  std::string out;
  for (const auto& choice : reply.reasons()) {
    out += fmt::format("  {} {} {}\n", choice.allowed() ? "+" : "-", choice.reason(),
                       screen.pick(choice.text(), choice.text_zh()));
    for (const auto& f : choice.findings()) out += finding_text(screen, f, "      ");
  }
  return out;
}

namespace {
/// A document as it would be handed in, its verdict and findings. Document: CheckReply or ProposedDocument.
template <class Document>
std::string document_text(const Screen& screen, const Document& document, const std::string& reason) {
  std::string out;
  if (!document.lines().empty()) {
    Grid grid({"#", screen.pick("name", "名称"), screen.pick("quantity", "数量"), screen.pick("price", "单价"),
               screen.pick("amount", "金额"), screen.pick("rate", "税率"), screen.pick("tax", "税额")});
    for (const auto& l : document.lines())
      grid.add({std::to_string(l.line()), l.name(), l.quantity(), l.price(), grouped(l.amount()), l.rate(),
                grouped(l.tax())});
    out += fmt::format("{}  {}  {}  {}\n", track_word(screen, document.track()), reason_word(screen, reason),
                       grouped(document.amount()), grouped(document.tax()));
    out += grid.text({2, 3, 4, 5, 6}, "  ");
  }
  out += fmt::format("{}: {}\n", screen.pick("verdict", "结论"), answer_word(screen, document.answer()));
  for (const auto& f : document.findings()) out += finding_text(screen, f, "  ");
  return out;
}
}  // namespace

std::string verdict_text(const Screen& screen, const CheckReply& reply) {
  if (reply.proposals().empty()) return document_text(screen, reply, reply.reason());
  std::string out;
  for (int i = 0; i < reply.proposals_size(); ++i) {
    out += fmt::format("{} {}/{}\n", screen.pick("document", "单据"), i + 1, reply.proposals_size());
    out += document_text(screen, reply.proposals(i), reply.proposals(i).request().reason());
  }
  return out;
}

}  // namespace taxgate::cli
