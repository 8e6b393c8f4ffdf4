#include <fmt/format.h>

#include "cli/render.h"
#include "cli/words.h"

namespace taxgate::cli {
namespace {

using api::v1::Submission;

void add(Grid& grid, const Screen& screen, std::string_view english, std::string_view chinese, std::string value) {
  if (!value.empty()) grid.add({screen.pick(english, chinese), std::move(value)});
}

std::string joined(std::initializer_list<std::string> parts, std::string_view by = "  ") {
  std::string out;
  for (const auto& part : parts)
    if (!part.empty()) out += (out.empty() ? "" : std::string(by)) + part;
  return out;
}

std::string labelled(std::string_view label, const std::string& value) {
  return value.empty() ? std::string() : fmt::format("{} {}", label, value);
}

std::string error_text(const Screen& screen, const api::v1::ErrorBody& error) {
  return joined(
      {fmt::format("{}: {}", error.code(), screen.pick(error.message(), error.message_zh())),
       labelled(screen.pick("field", "字段"), error.field()), labelled(screen.pick("given", "填写"), error.wanted()),
       labelled(screen.pick("allowed", "允许"), error.left())},
      "; ");
}

std::string lines_text(const Screen& screen, const Submission& s) {
  Grid grid({"#", screen.pick("name", "名称"), screen.pick("quantity", "数量"), screen.pick("price", "单价"),
             screen.pick("amount", "金额"), screen.pick("rate", "税率"), screen.pick("tax", "税额")});
  for (const auto& l : s.lines())
    grid.add(
        {std::to_string(l.line()), l.name(), l.quantity(), l.price(), grouped(l.amount()), l.rate(), grouped(l.tax())});
  return grid.text({2, 3, 4, 5, 6}, "  ");
}

}  // namespace

bool wants_attention(const Submission& s) {
  return s.state() == "attention" || s.state() == "held" || s.state() == "refused" || s.state() == "void" ||
         s.state() == "waiting_approval";
}

std::string timeline_row(const Screen& screen, const api::v1::TimelineEntry& e) {
  return joined({short_time(e.at()), event_word(screen, e.event()), state_word(screen, e.state()), e.reference(),
                 principal_word(screen, e.principal()), detail_text(screen, e.detail())});
}

std::string submission_brief(const Screen& screen, const Submission& s) {
  std::string out = fmt::format("{}  {}\n", s.id(), state_word(screen, s.state()));
  const auto form =
      joined({labelled(screen.pick("form", s.track() == "information_table" ? "信息表" : "确认单"), s.form_number()),
              labelled(screen.pick("red", "红字发票"), s.red_number())});
  out += "  " +
         joined({labelled(screen.pick("blue", "原蓝字发票"), s.blue_number()), reason_word(screen, s.reason()),
                 labelled(screen.pick("amount", "金额"), grouped(s.amount())),
                 labelled(screen.pick("tax", "税额"), grouped(s.tax())), form}) +
         "\n";
  if (s.has_hold())
    out += fmt::format(
        "  {} {}: {}\n", screen.pick("on hold,", "暂停,"), hold_word(screen, s.hold().reason()),
        joined({detail_text(screen, s.hold().cause()), screen.pick(s.hold().remedy(), s.hold().remedy_zh())}));
  if (s.has_error()) {
    out += fmt::format("  {}\n", error_text(screen, s.error()));
    const std::string remedy = screen.pick(s.error().remedy(), s.error().remedy_zh());
    if (!remedy.empty()) out += fmt::format("  {} {}\n", screen.pick("remedy:", "处理:"), remedy);
  }
  return out;
}

namespace {
/// "province=31  performed=0.25", by the names of --declare.
std::string declared_text(const api::v1::Circumstances& c) {
  std::vector<const google::protobuf::FieldDescriptor*> set;
  c.GetReflection()->ListFields(c, &set);
  std::string out;
  for (const auto* field : set) {
    const int count = field->is_repeated() ? c.GetReflection()->FieldSize(c, field) : 1;
    for (int i = 0; i < count; ++i)
      out += fmt::format("{}{}={}", out.empty() ? "" : "  ", field->name(),
                         field->is_repeated() ? c.GetReflection()->GetRepeatedString(c, field, i)
                                              : c.GetReflection()->GetString(c, field));
  }
  return out;
}
}  // namespace

std::string submission_text(const Screen& screen, const Submission& s) {
  Grid head;
  add(head, screen, "submission", "提交", s.id());
  add(head, screen, "wanted", "事项",
      joined({kind_word(screen, s.kind()), track_word(screen, s.track()),
              labelled(screen.pick("started by", "发起方"), side_word(screen, s.initiator()))}));
  add(head, screen, "state", "状态", state_word(screen, s.state()));
  add(head, screen, "taxpayer", "纳税人", s.taxpayer());
  add(head, screen, "seller", "销售方", s.seller());
  add(head, screen, "buyer", "购买方", s.buyer());
  add(head, screen, "blue invoice", "原蓝字发票", s.blue_number());
  add(head, screen, "reason", "原因", reason_word(screen, s.reason()));
  add(head, screen, "amount, tax", "金额、税额",
      s.amount().empty() ? "" : grouped(s.amount()) + "  " + grouped(s.tax()));
  add(head, screen, "form", s.track() == "information_table" ? "信息表" : "红字确认单",
      joined({s.form_number(), labelled(screen.pick("state", "状态"), s.form_state()),
              labelled(screen.pick("entered", "录入"), short_time(s.entered_at()))}));
  add(head, screen, "deadline", "期限",
      joined({short_time(s.deadline()), screen.pick(s.deadline_warning(), s.deadline_warning_zh())}));
  add(head, screen, "red invoice", "红字发票", s.red_number());
  add(head, screen, "key", "税务密钥", s.key_serial());
  add(head, screen, "caller's key", "幂等键", s.idempotency_key());
  if (s.has_context()) {
    const auto& c = s.context();
    add(head, screen, "business", "业务",
        joined(
            {labelled(screen.pick("order", "订单"), c.order()), labelled(screen.pick("contract", "合同"), c.contract()),
             labelled(screen.pick("project", "项目"), c.project()), labelled(screen.pick("unit", "部门"), c.org_unit()),
             labelled(screen.pick("operator", "经办人"), c.operator_()),
             labelled(screen.pick("approver", "审批人"), c.approver()),
             labelled(screen.pick("reissue", "拟重开"), c.planned_reissue()),
             labelled(screen.pick("replaces", "替代"), c.replaces())}));
  }
  for (const auto& paper : s.evidence())
    add(head, screen, "paper", "附件",
        joined({paper.kind(), paper.name(),
                (paper.algorithm().empty() ? "sha256" : paper.algorithm()) + ":" + paper.hash()}));
  add(head, screen, "declared", "声明情况", declared_text(s.circumstances()));
  if (s.has_hold()) {
    const auto& h = s.hold();
    add(head, screen, "on hold", "暂停",
        joined({hold_word(screen, h.reason()), detail_text(screen, h.cause()),
                labelled(screen.pick("since", "自"), short_time(h.since())),
                labelled(screen.pick("released by", "解除:"), role_word(screen, h.release_by()))}));
    add(head, screen, "remedy", "处理", screen.pick(h.remedy(), h.remedy_zh()));
  }
  if (s.has_error()) {
    add(head, screen, "trouble", "问题", error_text(screen, s.error()));
    for (const auto& more : s.error().more()) add(head, screen, "", "", error_text(screen, more));
    add(head, screen, "remedy", "处理", screen.pick(s.error().remedy(), s.error().remedy_zh()));
  }
  add(head, screen, "foreign form", "平台所示", s.foreign_form());
  std::string out = head.text();
  if (!s.lines().empty()) out += fmt::format("{}\n{}", screen.pick("lines", "明细"), lines_text(screen, s));

  Grid rows;
  for (const auto& e : s.timeline())
    rows.add({short_time(e.at()), event_word(screen, e.event()), state_word(screen, e.state()),
              step_word(screen, e.step()), e.reference(), principal_word(screen, e.principal()),
              detail_text(screen, e.detail())});
  if (!rows.empty()) out += fmt::format("{}\n{}", screen.pick("time line", "时间线"), rows.text({}, "  "));
  return out;
}

std::string submissions_text(const Screen& screen, const api::v1::SubmissionList& list) {
  if (list.submissions().empty()) return screen.pick("no submissions\n", "没有提交\n");
  Grid grid({screen.pick("submission", "提交"), screen.pick("state", "状态"), screen.pick("blue invoice", "原蓝字发票"),
             screen.pick("reason", "原因"), screen.pick("amount", "金额"), screen.pick("tax", "税额"),
             screen.pick("form", "单号"), screen.pick("accepted", "受理")});
  for (const auto& s : list.submissions())
    grid.add({s.id(), state_word(screen, s.state()), s.blue_number(), reason_word(screen, s.reason()),
              grouped(s.amount()), grouped(s.tax()), s.form_number(), short_time(s.created_at())});
  std::string out = grid.text({4, 5});
  if (!list.next().empty()) out += fmt::format("{} --after {}\n", screen.pick("more:", "下一页:"), list.next());
  return out;
}

std::string inbox_text(const Screen& screen, const api::v1::Inbox& inbox) {
  if (inbox.forms().empty()) return screen.pick("no form waits for us\n", "没有待我方确认的确认单\n");
  Grid grid({screen.pick("form", "确认单"), "uuid", screen.pick("we are", "我方"), screen.pick("other party", "对方"),
             screen.pick("blue invoice", "原蓝字发票"), screen.pick("reason", "原因"), screen.pick("amount", "金额"),
             screen.pick("tax", "税额"), screen.pick("hours left", "剩余小时"), screen.pick("our answer", "我方答复")});
  for (const auto& f : inbox.forms())
    grid.add({f.number(), f.uuid(), side_word(screen, f.role()), f.counterparty(), f.blue_number(),
              reason_word(screen, f.reason()), grouped(f.amount()), grouped(f.tax()), f.hours_left(), f.submission()});
  std::string out = grid.text({6, 7, 8});
  for (const auto& f : inbox.forms())
    if (const auto warning = screen.pick(f.deadline_warning(), f.deadline_warning_zh()); !warning.empty())
      out += "! " + f.number() + ": " + warning + "\n";
  return out;
}

}  // namespace taxgate::cli
