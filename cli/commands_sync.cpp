// The night: begin, follow, look back, approve.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <thread>
#include <utility>

#include "cli/commands.h"
#include "cli/render_sync.h"
#include "daemon/core/files.h"
#include "daemon/report/night_record.h"
#include "daemon/report/report.h"

namespace taxgate::cli {
namespace {

constexpr std::chrono::milliseconds kLook{500};  // between two looks of --follow: the eye is no faster

/// docs/cli.md: the night's own codes, 0 right, 1 attention, 2 incomplete, 3 failed.
Exit exit_of(const api::v1::SyncRun& run) { return static_cast<Exit>(std::min<std::uint32_t>(run.exit_code(), 3)); }

/// The report, also of a night under way: one page, the same wherever a night is shown.
std::string page_of(const Screen& screen, const api::v1::SyncRun& run) {
  return report::text(report::from_record(run), screen.language);
}

/// One line that moves on a terminal; elsewhere a line for each percent.
class Bar {
 public:
  ~Bar() { end(); }
  void show(const Screen& screen, const api::v1::SyncRun& run) {
    const auto percent = static_cast<int>(run.windows_done() * 100 / std::max<std::uint64_t>(run.windows(), 1));
    if (!terminal_ && percent == percent_) return;
    percent_ = percent;
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", printable(sync_progress_text(screen, run)),
               terminal_ ? "\x1b[K" : "\n");
    std::fflush(stderr);
  }
  void end() {
    if (terminal_ && std::exchange(percent_, -1) >= 0) fmt::print(stderr, "\n");
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  int percent_ = -1;
};

Exit follow_run(Session& session) {
  Bar bar;
  while (true) {
    auto status = session.get<api::v1::SyncStatus>("/v1/sync");
    if (!status || !status->active()) bar.end();
    if (!status) return session.report(status.error());
    if (!status->active()) {
      if (!session.json(status->run())) session.answer(page_of(session.screen(), status->run()));
      return exit_of(status->run());
    }
    if (!session.json(status->run())) bar.show(session.screen(), status->run());
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace

Exit run_sync(Session& session) {
  const auto& given = session.given();
  if (given.has("--dry-run")) {
    auto plan = session.get<api::v1::SyncPlan>("/v1/sync/plan");
    if (!plan) return session.report(plan.error());
    if (!session.json(*plan)) session.answer(sync_plan_text(session.screen(), *plan));
    return plan->fits() ? Exit::ok : Exit::attention;
  }
  api::v1::SyncRequest request;
  request.set_reason(given.value("--reason"));
  auto status = session.post<api::v1::SyncStatus>("/v1/sync", request);
  if (!status) return session.report(status.error());
  if (given.has("--follow")) return follow_run(session);
  if (!session.json(*status))
    session.answer(session.screen().pick("The night begins: taxgate sync status shows how far it is.\n",
                                         "夜间同步已开始:taxgate sync status 显示进度。\n"));
  return Exit::ok;
}

Exit run_sync_status(Session& session) {
  auto status = session.get<api::v1::SyncStatus>("/v1/sync");
  if (!status) return session.report(status.error());
  const Screen& screen = session.screen();
  if (!session.json(*status)) {
    const std::string next =
        status->next_at().empty() ? screen.pick("only when asked", "仅按需执行") : short_time(status->next_at());
    std::string text = status->has_run() ? page_of(screen, status->run()) + "\n" : std::string();
    session.answer(text + screen.pick("next: ", "下次:") + next + "\n");
  }
  return status->has_run() ? exit_of(status->run()) : Exit::ok;
}

Exit run_sync_history(Session& session) {
  std::string target = "/v1/sync/runs";
  add_query(target, "after", session.given().value("--after"));
  add_query(target, "limit", session.given().value("--limit"));
  auto list = session.get<api::v1::SyncRunList>(target);
  if (!list) return session.report(list.error());
  if (!session.json(*list)) session.answer(sync_list_text(session.screen(), *list));
  return Exit::ok;
}

Exit run_sync_show(Session& session) {
  const auto& given = session.given();
  auto run = session.get<api::v1::SyncRun>("/v1/sync/runs/" + encoded(given.positionals.at(0)));
  if (!run) return session.report(run.error());
  const sync::NightSummary night = report::from_record(*run);
  const Screen& screen = session.screen();
  if (given.has("--html")) {
    // Names of counterparties are in it: for the eyes of who asked.
    const auto written = write_file_atomic(given.value("--html"), report::html(night, screen.language), 0600);
    if (!written) return session.report(failed(written.error()));
  }
  if (screen.json)
    session.say(report::json(night) + "\n");
  else
    session.answer(report::text(night, screen.language));
  return exit_of(*run);
}

Exit run_sync_audit(Session& session) {
  auto audit = session.get<api::v1::SyncAudit>("/v1/sync/audit");
  if (!audit) return session.report(audit.error());
  if (!session.json(*audit)) session.answer(sync_audit_text(session.screen(), *audit));
  if (audit->has_unaudited()) return Exit::refused;
  return audit->gaps() == 0 ? Exit::ok : Exit::attention;
}

Exit run_sync_approve(Session& session) {
  api::v1::SyncRequest request;
  request.set_reason(session.given().value("--reason"));
  auto run = session.post<api::v1::SyncRun>("/v1/sync/runs/" + encoded(session.given().positionals.at(0)) + "/approve",
                                            request);
  if (!run) return session.report(run.error());
  if (!session.json(*run))
    session.answer(session.screen().pick("Approved: a further run lists what was held back.\n",
                                         "已确认:将继续处理被暂缓的部分。\n"));
  return Exit::ok;
}

}  // namespace taxgate::cli
