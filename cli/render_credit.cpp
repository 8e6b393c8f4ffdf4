#include <fmt/format.h>

#include "cli/render.h"
#include "cli/words.h"

namespace taxgate::cli {
namespace {

std::string kind_text(const Screen& screen, std::string_view kind) {
  if (kind == "issued") return screen.pick("blue invoices", "蓝字发票");
  if (kind == "red") return screen.pick("red invoice", "红字发票");
  if (kind == "pickup") return screen.pick("pick-up", "领用");
  if (kind == "limit") return screen.pick("limit", "总额度");
  if (kind == "application") return screen.pick("application", "申请");
  if (kind == "rejection") return screen.pick("rejection", "申请未批准");
  return std::string(kind);
}

void add_sentences(std::string& out, const Screen& screen,
                   const google::protobuf::RepeatedPtrField<api::v1::ErrorBody>& list, std::string_view mark) {
  for (const auto& e : list) {
    out += fmt::format("{} {}: {}\n", mark, e.code(), screen.pick(e.message(), e.message_zh()));
    if (const auto remedy = screen.pick(e.remedy(), e.remedy_zh()); !remedy.empty()) out += "  " + remedy + "\n";
  }
}

}  // namespace

std::string credit_text(const Screen& screen, const api::v1::CreditStatement& s) {
  const std::string unknown = screen.pick("not known", "未知");
  Grid head;
  const auto add = [&](std::string_view english, std::string_view zh, const std::string& value) {
    if (!value.empty()) head.add({screen.pick(english, zh), value});
  };
  const auto money = [&](const std::string& value) { return value.empty() ? unknown : grouped(value); };
  head.add({screen.pick("taxpayer", "纳税人"), s.taxpayer()});
  head.add({screen.pick("month", "月份"), s.month()});
  head.add({screen.pick("limit", "发票总额度"), money(s.limit())});
  head.add({screen.pick("used", "已用额度"),
            screen.chinese()
                ? fmt::format("{}(开具 {},领用 {})", grouped(s.used()), grouped(s.issued()), grouped(s.picked_up()))
                : fmt::format("{} (issued {}, picked up {})", grouped(s.used()), grouped(s.issued()),
                              grouped(s.picked_up()))});
  head.add({screen.pick("restored", "已恢复额度"), grouped(s.restored())});
  if (!s.carried().empty())
    head.add({screen.pick("left of the month before", "上月剩余额度"),
              grouped(s.carried()) + screen.pick("  (not filed yet: the bound)", "  (尚未申报,以此为限)")});
  head.add({screen.pick("remaining", "剩余可用额度"), money(s.remaining())});
  head.add({screen.pick("after filing", "申报后"), money(s.after_filing())});
  if (!s.platform_remaining().empty()) {
    head.add({screen.pick("platform's figure", "平台额度"),
              fmt::format("{} / {}  {}", grouped(s.platform_remaining()), grouped(s.platform_total()),
                          short_time(s.platform_at()))});
    if (!s.difference().empty()) head.add({screen.pick("difference", "差异"), grouped(s.difference())});
  }
  add("one invoice at most", "单张最高限额", s.per_invoice().empty() ? "" : grouped(s.per_invoice()));
  if (!s.monthly_count().empty())
    head.add({screen.pick("tax-device invoices", "税控发票份数"),
              fmt::format("{} / {}", s.count_used(), s.monthly_count())});
  std::string out = head.text();
  add_sentences(out, screen, s.before_issuing(), "!");
  add_sentences(out, screen, s.notes(), "-");
  if (s.movements_size() == 0) return out + screen.pick("no movements\n", "没有变动\n");
  Grid grid({screen.pick("time", "时间"), screen.pick("movement", "变动"), screen.pick("number", "编号"),
             screen.pick("amount", "金额"), screen.pick("takes", "占用额度"), screen.pick("why", "依据")});
  for (const auto& m : s.movements()) {
    const std::string what = kind_text(screen, m.kind()) + (m.count() > 1 ? fmt::format(" × {}", m.count()) : "") +
                             (m.type().empty() ? "" : " (" + m.type() + ")");
    std::string why = screen.pick(m.text(), m.text_zh()) + (m.note().empty() ? "" : "; " + m.note());
    if (!m.short_term_type().empty()) why += "; " + m.short_term_type();
    for (const auto& paper : m.attachments()) why += fmt::format("; {} {:.8}…", paper.kind(), paper.hash());
    grid.add({short_time(m.at()), what, m.number(), grouped(m.amount()), grouped(m.used()), m.rule() + " " + why});
  }
  return out + grid.text({3, 4}, "  ");
}

}  // namespace taxgate::cli
