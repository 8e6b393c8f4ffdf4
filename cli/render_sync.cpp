#include "cli/render_sync.h"

#include <fmt/format.h>

namespace taxgate::cli {
namespace {

using api::v1::SyncRun;

constexpr std::size_t kBar = 20;  // columns of the progress bar

std::string state_text(const Screen& s, std::string_view state) {
  static constexpr struct {
    std::string_view name, english, zh;
  } kWords[] = {{"running", "running", "进行中"},
                {"paused", "paused", "等待平台"},
                {"waiting_approval", "waiting for approval", "待人工确认"},
                {"right", "right", "正确"},
                {"attention", "attention", "需要注意"},
                {"incomplete", "incomplete", "未完成"},
                {"failed", "failed", "失败"}};
  for (const auto& w : kWords)
    if (w.name == state) return s.pick(w.english, w.zh);
  return std::string(state);
}

std::string direction_text(const Screen& s, std::string_view direction) {
  return direction == "received" ? s.pick("received", "进项") : s.pick("issued", "销项");
}

std::string number(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::size_t at = out.size(); at > 3;) {
    at -= 3;
    out.insert(at, ",");
  }
  return out;
}

std::string trouble_text(const std::string& id, const std::string& detail) {
  if (id.empty()) return {};
  return detail.empty() ? id : fmt::format("{}: {}", id, detail);
}

void head(Grid& grid, const Screen& s, const SyncRun& run) {
  grid.add({s.pick("night", "夜间同步"), std::to_string(run.run())});
  grid.add({s.pick("state", "状态"), state_text(s, run.state())});
  grid.add({s.pick("began", "开始"),
            fmt::format("{} ({}, {})", short_time(run.started_at()), run.cause(), run.principal())});
  if (!run.finished_at().empty())
    grid.add({s.pick("ended", "结束"), short_time(run.finished_at())});
  else
    grid.add({s.pick("expected finish", "预计完成"), short_time(run.expected_finish())});
  grid.add({s.pick("windows", "范围"), fmt::format("{} / {}", run.windows_done(), run.windows())});
  grid.add({s.pick("records", "记录"), number(run.records())});
  grid.add({s.pick("calls", "调用次数"),
            fmt::format("{} ({} {})", number(run.calls()), s.pick("planned", "计划"), number(run.calls_planned()))});
  if (run.samples() != 0)
    grid.add({s.pick("samples", "抽查"),
              fmt::format("{}, {} {}", run.samples(), run.samples_differ(), s.pick("differ", "不一致"))});
  if (run.has_audit())
    grid.add({s.pick("audit", "三方核对"),
              run.audit().has_unaudited()
                  ? run.audit().unaudited().code()
                  : fmt::format("{} {}", number(run.audit().gaps()), s.pick("gaps", "处缺口"))});
  if (!run.trouble().empty()) grid.add({s.pick("trouble", "问题"), trouble_text(run.trouble(), run.detail())});
}

std::string taxpayers(const Screen& s, const SyncRun& run) {
  Grid grid({s.pick("taxpayer", "纳税人"), s.pick("state", "状态"), s.pick("records", "记录"), s.pick("new", "新增"),
             s.pick("changed", "变更"), s.pick("quarantined", "隔离"), s.pick("trouble", "问题")});
  for (const auto& t : run.taxpayers())
    grid.add({t.id(), state_text(s, t.state()), number(t.records()), number(t.added()), number(t.changed()),
              number(t.quarantined()), trouble_text(t.trouble(), t.detail())});
  return grid.text({2, 3, 4, 5});
}

std::string windows(const Screen& s, const SyncRun& run) {
  Grid grid({s.pick("taxpayer", "纳税人"), s.pick("direction", "方向"), s.pick("type", "类型"), s.pick("month", "月份"),
             s.pick("records", "记录"), s.pick("platform", "平台"), s.pick("done", "完成"), s.pick("trouble", "问题")});
  for (const auto& t : run.taxpayers())
    for (const auto& w : t.windows())
      if (!w.trouble().empty())
        grid.add({w.taxpayer(), direction_text(s, w.direction()),
                  w.type().empty() ? s.pick("changes", "增量") : w.type(), w.month(), number(w.records()),
                  w.platform_count(),
                  w.done() ? s.pick("yes", "是") : fmt::format("{}/{}", w.packages(), w.packages_of()),
                  trouble_text(w.trouble(), w.detail())});
  return grid.size() > 1 ? "\n" + grid.text({4, 5}) : std::string();
}

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
  sum.add({s.pick("windows", "范围"), number(static_cast<std::uint64_t>(plan.windows_size()))});
  if (empty != 0) sum.add({s.pick("of them nothing known", "其中尚无记录"), number(empty)});
  if (plan.left_out() != 0) sum.add({s.pick("long empty, not asked", "长期为空、不查"), number(plan.left_out())});
  sum.add({s.pick("expected records", "预计记录"), number(plan.expected_records())});
  sum.add({s.pick("calls", "调用次数"), fmt::format("{} ({} {})", number(plan.calls()),
                                                    s.pick("left today", "当日剩余"), number(plan.calls_left()))});
  sum.add({s.pick("expected finish", "预计完成"), short_time(plan.finish())});
  sum.add({s.pick("bound by", "取决于"), bound});
  sum.add({s.pick("fits the night", "时段内可完成"), plan.fits() ? s.pick("yes", "是") : s.pick("no", "否")});
  return (grid.size() > 1 ? grid.text({4, 5}) + "\n" : std::string()) + sum.text();
}

std::string sync_run_text(const Screen& s, const SyncRun& run) {
  Grid grid;
  head(grid, s, run);
  return grid.text() + "\n" + taxpayers(s, run) + windows(s, run);
}

std::string sync_list_text(const Screen& s, const api::v1::SyncRunList& list) {
  Grid grid({s.pick("night", "编号"), s.pick("began", "开始"), s.pick("ended", "结束"), s.pick("state", "状态"),
             s.pick("windows", "范围"), s.pick("records", "记录"), s.pick("calls", "调用次数")});
  for (const auto& run : list.runs())
    grid.add({std::to_string(run.run()), short_time(run.started_at()), short_time(run.finished_at()),
              state_text(s, run.state()), fmt::format("{}/{}", run.windows_done(), run.windows()),
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
  return fmt::format("[{}{}] {:3} %  {}/{}  {} {}  {}  {}", std::string(full, '#'), std::string(kBar - full, '-'),
                     percent, run.windows_done(), run.windows(), number(run.records()), s.pick("records", "条记录"),
                     state_text(s, run.state()), short_time(run.expected_finish()));
}

}  // namespace taxgate::cli
