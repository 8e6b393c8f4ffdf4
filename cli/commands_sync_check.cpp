// Whether the night that was due is over and well: run by a timer after the night's window, so that somebody is told
// even when the gateway, its night or its webhooks are what fails.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "cli/commands.h"
#include "daemon/core/files.h"
#include "protocol/legal_time.h"
#include "protocol/messages.h"
#include "protocol/screen_text.h"
#include "protocol/sync.pb.h"

namespace taxgate::cli {
namespace {

constexpr std::size_t kAlarmColumns = 500;
constexpr std::size_t kMaxTemplate = 64 * 1024;  // a chat system's card; more is another file
constexpr std::string_view kOwnTemplate =
    R"({"code":"{code}","message":"{message}","message_zh":"{message_zh}","remedy":"{remedy}",)"
    R"("remedy_zh":"{remedy_zh}","due":"{due}","run":"{run}","state":"{state}"})"
    "\n";

struct NightAlarm {
  Error error;
  std::string due, run, state;
};

/// Asked for or approved: it may go on for half a day, whatever the night's window is.
bool by_hand(const api::v1::SyncRun& run) { return run.cause() == "asked" || run.cause() == "approved"; }

/// Of the runs that belong to the night of `due`, which began then or later, the newest that was for all taxpayers and
/// what was approved since: an approved run lists some taxpayers only, and says nothing of what the night left of
/// others.
std::optional<NightAlarm> alarm_of(const LegalTime due, const api::v1::SyncRunList& list) {
  NightAlarm alarm{{}, due.platform_text(), {}, {}};
  const auto made = [&](std::string id, std::string left) {
    alarm.error = Error{Errc::retry_later, std::move(id), {}, alarm.due, std::move(left), {}};
    return alarm;
  };
  std::string asked_for;  // under way since `due`
  for (const auto& run : list.runs()) {
    const auto began = LegalTime::parse(run.started_at());
    if (!began || *began < due) continue;
    if (run.finished_at().empty() && by_hand(run)) {  // says nothing of a night that was made before it
      asked_for = std::to_string(run.run());
      alarm.state = run.state();
      continue;
    }
    alarm.run = std::to_string(run.run());
    alarm.state = run.state();
    if (run.finished_at().empty()) return made("sync.night_late", alarm.run);
    if (run.exit_code() >= 2) return made("sync.night_short", alarm.run);
    if (run.cause() != "approved") return std::nullopt;
  }
  if (asked_for.empty()) return made("sync.night_missed", {});
  alarm.run = asked_for;  // it stands for the night, which does not begin any more
  return made("sync.night_late", asked_for);
}

/// When the newest night was due; nothing when none ever was: not scheduled, or not for as long as a day.
std::optional<LegalTime> last_due(const api::v1::SyncStatus& status) {
  const auto next = LegalTime::parse(status.next_at()), since = LegalTime::parse(status.scheduled_since());
  if (!next || !next->is_set()) return std::nullopt;
  const LegalTime due = next->plus_ms(-24 * LegalTime::kHourMs);
  return since && due < *since ? std::nullopt : std::optional(due);
}

/// Begun, and its window is not over: nobody is to be called. By the gateway's clock, which set the window.
bool under_way(const api::v1::SyncStatus& status) {
  const auto now = LegalTime::parse(status.run().updated_at()), end = LegalTime::parse(status.run().window_end());
  return status.active() && !by_hand(status.run()) && now && end && now->is_set() && *now < *end;
}

/// Inside a JSON string, on one line.
std::string in_json_string(std::string_view text) {
  std::string out;
  for (const char c : on_one_line(text, kAlarmColumns)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string filled(std::string form, const NightAlarm& alarm) {
  const std::pair<std::string_view, std::string> values[] = {
      {"{code}", alarm.error.id},
      {"{message}", message_text(alarm.error, Language::english)},
      {"{message_zh}", message_text(alarm.error, Language::chinese)},
      {"{remedy}", remedy_text(alarm.error, Language::english)},
      {"{remedy_zh}", remedy_text(alarm.error, Language::chinese)},
      {"{due}", alarm.due},
      {"{run}", alarm.run},
      {"{state}", alarm.state}};
  std::string out;
  for (std::string_view rest = form; !rest.empty();) {
    bool found = false;
    for (const auto& [name, value] : values) {
      if (!rest.starts_with(name)) continue;
      out += in_json_string(value);
      rest.remove_prefix(name.size());
      found = true;
      break;
    }
    if (found) continue;
    out += rest.front();
    rest.remove_prefix(1);
  }
  return out;
}

/// False: it could not be started, or did not end with 0.
bool handed_to(const std::string& command, const std::string& text) {
  std::FILE* pipe = ::popen(command.c_str(), "we");
  if (pipe == nullptr) return false;
  // A command that does not read is judged by how it ends, not by our end.
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const bool written = std::fwrite(text.data(), 1, text.size(), pipe) == text.size();
  const bool well = ::pclose(pipe) == 0;
  std::signal(SIGPIPE, before);
  return well && written;
}

}  // namespace

Exit run_sync_check(Session& session) {
  const auto& given = session.given();
  std::string form(kOwnTemplate);
  if (given.has("--template")) {
    auto read = read_file(given.value("--template"), kMaxTemplate);
    if (!read) return session.report(failed(read.error()));
    form = std::move(*read);
  }
  std::optional<NightAlarm> alarm;
  auto status = session.get<api::v1::SyncStatus>("/v1/sync");
  auto list = status ? session.get<api::v1::SyncRunList>("/v1/sync/runs?limit=30")
                     : Answer<api::v1::SyncRunList>(std::unexpected(status.error()));
  if (!list) {
    alarm =
        NightAlarm{Error{Errc::retry_later, "sync.night_unknown", {}, list.error().body.code(), {}, {}}, {}, {}, {}};
  } else if (const auto due = last_due(*status); due && !under_way(*status)) {
    alarm = alarm_of(*due, *list);
  }
  if (!alarm) {
    const Screen& screen = session.screen();
    if (!session.json(*status))
      session.answer(
          under_way(*status) ? screen.pick("The night is under way; its window ends at ", "夜间同步进行中,时段终点:") +
                                   short_time(status->run().window_end()) + "\n"
          : status->next_at().empty()
              ? screen.pick("No night is ever due: [sync] at is off.\n", "未设定夜间同步时间([sync] at 为 off)。\n")
          : !last_due(*status)
              ? screen.pick("No night was due yet; the first one is at ", "尚无应做的夜间同步;首次时间:") +
                    short_time(status->next_at()) + "\n"
              : screen.pick("The night that was due is over and well.\n", "应做的夜间同步已完成且正常。\n"));
    return Exit::ok;
  }
  const std::string text = filled(std::move(form), *alarm);
  if (given.has("--run") && !handed_to(given.value("--run"), text))
    return session.report(failed({Errc::retry_later, "sync.alarm_failed", {}, given.value("--run"), {}, {}}));
  if (session.screen().json)
    session.say(text);
  else
    session.answer(fmt::format("{}: {}\n{}\n", alarm->error.id,
                               session.screen().pick(message_text(alarm->error, Language::english),
                                                     message_text(alarm->error, Language::chinese)),
                               session.screen().pick(remedy_text(alarm->error, Language::english),
                                                     remedy_text(alarm->error, Language::chinese))));
  return Exit::attention;
}

}  // namespace taxgate::cli
