#include "cli/render_sync.h"

#include <fmt/format.h>

#include "daemon/report/report.h"
#include "protocol/legal_time.h"

namespace taxgate::cli {
namespace {

using api::v1::SyncRun;

constexpr std::size_t kBar = 20;  // columns of the progress bar

std::string direction_text(const Screen& s, std::string_view direction) {
  return direction == "received" ? s.pick("received", "进项") : s.pick("issued", "销项");
}

std::string number(std::uint64_t n) { return grouped(std::to_string(n)); }

}  // namespace

std::string sync_plan_text(const Screen& s, const api::v1::SyncPlan& plan) {
  Grid grid({s.pick("taxpayer", "纳税人"), s.pick("direction", "方向"), s.pick("type", "类型"), s.pick("month", "月份"),
             s.pick("expected records", "预计记录"), s.pick("calls", "调用次数")});
  std::uint64_t empty = 0;  // a line for each would hide the others: taxpayers x types x 36 months
  for (const auto& w : plan.windows()) {
    if (w.expected_records() == 0)
      ++empty;
    else
      grid.add({w.taxpayer(), direction_text(s, w.direction()), w.type(), w.month(), number(w.expected_records()),
                std::to_string(w.calls())});
  }
  const std::string bound = plan.bound() == "rate"  ? s.pick("our call rate", "调用频率")
                            : plan.bound() == "day" ? s.pick("the day's calls", "当日调用额度")
                                                    : s.pick("the platform's answers", "平台响应");
  Grid sum;
  sum.add({s.pick("windows", "时间段"), number(static_cast<std::uint64_t>(plan.windows_size()))});
  if (empty != 0) sum.add({s.pick("of them nothing known", "其中尚无记录"), number(empty)});
  if (plan.left_out() != 0) sum.add({s.pick("long empty, not asked", "长期为空、不查"), number(plan.left_out())});
  sum.add({s.pick("expected records", "预计记录"), number(plan.expected_records())});
  sum.add(
      {s.pick("calls", "调用次数"), fmt::format("{} ({} {})", number(plan.calls()),
                                                s.pick("left to the night", "夜间可用"), number(plan.calls_left()))});
  sum.add({s.pick("expected finish", "预计完成"), short_time(plan.finish())});
  sum.add({s.pick("bound by", "取决于"), bound});
  sum.add({s.pick("fits the night", "时段内可完成"), plan.fits() ? s.pick("yes", "是") : s.pick("no", "否")});
  return (grid.size() > 1 ? grid.text({4, 5}) + "\n" : std::string()) + sum.text();
}

std::string sync_list_text(const Screen& s, const api::v1::SyncRunList& list) {
  Grid grid({s.pick("night", "编号"), s.pick("began", "开始"), s.pick("ended", "结束"), s.pick("state", "状态"),
             s.pick("windows", "时间段"), s.pick("records", "记录"), s.pick("calls", "调用次数")});
  for (const auto& run : list.runs())
    grid.add({std::to_string(run.run()), short_time(run.started_at()), short_time(run.finished_at()),
              report::state_text(run.state(), s.language), fmt::format("{}/{}", run.windows_done(), run.windows()),
              number(run.records()), number(run.calls())});
  return grid.text({5, 6});
}

std::string sync_audit_text(const Screen& s, const api::v1::SyncAudit& audit) {
  Grid sum;
  sum.add({s.pick("key host's orders", "介质服务指令"), number(audit.orders())});
  sum.add({s.pick("signatures", "签名"), number(audit.signatures())});
  sum.add({s.pick("kept by us", "本系统保存"), number(audit.kept())});
  sum.add({s.pick("reds issued by us", "本方已开红字"), number(audit.reds())});
  sum.add({s.pick("reds of the listing", "平台清单红字"), number(audit.reds_listed())});
  sum.add({s.pick("gaps", "缺口"), number(audit.gaps())});
  std::string out = sum.text();
  const auto one = [&](const api::v1::SyncFinding& f) {
    out += fmt::format("\n{}: {}\n  {}\n", f.code(), s.pick(f.message(), f.message_zh()),
                       s.pick(f.remedy(), f.remedy_zh()));
  };
  if (audit.has_unaudited()) one(audit.unaudited());
  for (const auto& gap : audit.named()) one(gap);
  if (audit.gaps() > static_cast<std::uint64_t>(audit.named_size()))
    out += fmt::format("\n{} {}\n", s.pick("more:", "另有:"),
                       number(audit.gaps() - static_cast<std::uint64_t>(audit.named_size())));
  return out;
}

std::string sync_progress_text(const Screen& s, const SyncRun& run) {
  const std::uint64_t all = std::max<std::uint64_t>(run.windows(), 1);
  const std::uint64_t percent = run.windows_done() * 100 / all;
  const std::size_t full = static_cast<std::size_t>(run.windows_done() * kBar / all);
  const auto began = LegalTime::parse(run.started_at()), now = LegalTime::parse(run.updated_at());
  const std::int64_t ms = began && now ? now->ms - began->ms : 0;
  const std::string rate =
      ms > 0 ? fmt::format(" ({}/s)", number(run.records() * 1000 / static_cast<std::uint64_t>(ms))) : std::string();
  return fmt::format("[{}{}] {:3} %  {} / {} {}  {} {}{}  {}  {} {}", std::string(full, '#'),
                     std::string(kBar - full, '-'), percent, number(run.windows_done()), number(run.windows()),
                     s.pick("windows", "时间段"), number(run.records()), s.pick("records", "条记录"), rate,
                     report::state_text(run.state(), s.language), s.pick("until about", "预计完成"),
                     short_time(run.expected_finish()).substr(run.expected_finish().size() > 11 ? 11 : 0));
}

}  // namespace taxgate::cli
