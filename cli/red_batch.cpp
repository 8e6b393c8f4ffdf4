// Many reds at once: rows of a file or of the ledger are checked, one question, all allowed are submitted, and a result
// file says what became of each, also when the gateway went away in between.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>

#include "cli/check_rows.h"
#include "cli/commands.h"
#include "cli/files/table.h"
#include "cli/red.h"
#include "cli/render.h"
#include "cli/requests.h"
#include "cli/selection.h"
#include "daemon/core/files.h"

namespace taxgate::cli {
namespace {

using api::v1::CheckReply;
using api::v1::Submission;

constexpr std::size_t kMaxResult = 256U << 20;  // of 200,000 rows with room

// Two equal rows have one key and would be one submission: the person shall say whether they are meant.
void refuse_repeats(std::vector<CheckedRow>& rows) {
  std::map<std::string, int> first;
  for (auto& row : rows) {
    if (!row.entry.request) continue;
    set_content_key(*row.entry.request);
    const auto [at, fresh] = first.emplace(row.entry.request->idempotency_key(), row.entry.row);
    if (fresh) continue;
    row.entry.faults.push_back({Errc::invalid_input,
                                "files.repeated",
                                "row " + std::to_string(row.entry.row),
                                std::to_string(at->second),
                                {},
                                {}});
    row.entry.request.reset();
  }
}

struct Outcome {
  std::string id, state, error;
};

namespace cell {  // of a line of the result, in order
enum : std::size_t { row, blue, reason, answer, amount, tax, submission, state, error, count };
}

std::vector<files::Column> result_columns() {
  return {{"row", true}, {"blue_number"}, {"reason"}, {"answer"}, {"amount", true},
          {"tax", true}, {"submission"},  {"state"},  {"error"}};
}

/// What an earlier run wrote here; nothing when the file is none of ours.
files::TextRows earlier_result(const std::string& path) {
  if (!std::filesystem::exists(path)) return {};
  const auto bytes = read_file(path, kMaxResult);
  if (!bytes) return {};
  auto rows = path.ends_with(".xlsx") ? files::read_xlsx(*bytes) : Result<files::Rows>(files::read_csv(*bytes));
  if (!rows || rows->empty()) return {};
  files::TextRows out;
  const auto columns = result_columns();
  for (auto& row : *rows) {
    row.cells.resize(cell::count);
    if (&row == &rows->front()) {
      for (std::size_t i = 0; i < cell::count; ++i)
        if (row.cells[i] != columns[i].heading) return {};
      continue;
    }
    out.push_back(std::move(row.cells));
  }
  return out;
}

/// What was accepted before is not forgotten because this run did not come so far, or because the ledger no longer
/// offers the invoice.
void keep_earlier(files::TextRows& now, files::TextRows earlier) {
  std::set<std::string> known, blues;
  std::map<std::pair<std::string, std::string>, std::size_t> without;  // (row, blue) → place
  for (std::size_t i = 0; i < now.size(); ++i) {
    known.insert(now[i][cell::submission]);
    blues.insert(now[i][cell::blue]);
    if (now[i][cell::submission].empty()) without.emplace(std::pair(now[i][cell::row], now[i][cell::blue]), i);
  }
  for (auto& line : earlier) {
    if (line[cell::submission].empty() || known.contains(line[cell::submission])) continue;
    const auto same = without.find({line[cell::row], line[cell::blue]});
    if (same != without.end() && now[same->second][cell::answer] == "not_checked")
      now[same->second] = std::move(line);
    else if (!blues.contains(line[cell::blue]))
      now.push_back(std::move(line));
  }
}

/// A row that an earlier run handed in is weighed against its own red by now; what counts is that it was accepted.
CheckReply told(const CheckReply& reply) {
  CheckReply out = reply;
  if (out.accepted_as().empty()) return out;
  out.set_answer("accepted");
  out.clear_findings();
  return out;
}

Result<void> write_result(const std::string& path, const std::vector<CheckedRow>& rows,
                          const std::vector<Outcome>& outcomes) {
  files::TextRows out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const CheckReply reply = told(rows[i].reply);
    const auto& request = rows[i].entry.request;
    std::string error = outcomes[i].error;
    for (const auto& f : reply.findings())
      if (f.severity() == "refuse") error += (error.empty() ? "" : " ") + f.code();
    const bool checked = !reply.answer().empty();
    out.push_back({std::to_string(rows[i].entry.row),
                   checked || !request ? reply.blue_number() : request->blue_number(),
                   checked || !request ? reply.reason() : request->reason(), checked ? reply.answer() : "not_checked",
                   reply.amount(), reply.tax(), outcomes[i].id, outcomes[i].state, error});
  }
  keep_earlier(out, earlier_result(path));
  const auto columns = result_columns();
  return write_file_atomic(path,
                           path.ends_with(".xlsx") ? files::write_xlsx(columns, out) : files::write_csv(columns, out));
}

struct Batch {
  std::vector<CheckedRow> rows;
  std::string result;  // where the result goes
};

Answer<Batch> batch_of(Session& session) {
  const auto& given = session.given();
  Batch out;
  std::string result = "red-result.csv";
  if (given.has("--filter")) {
    auto rows = select_rows(session);
    if (!rows) return std::unexpected(rows.error());
    out.rows = std::move(*rows);
  } else {
    const std::string path = given.value("--from");
    auto rows = read_rows(given, path);
    if (!rows) return std::unexpected(failed(rows.error()));
    out.rows = std::move(*rows);
    if (path != "-") result = path + ".result.csv";
  }
  out.result = given.value("--result", result);
  refuse_repeats(out.rows);
  return out;
}

/// Writes the result and says how far it came; `stopped`: what ended the run early.
Exit finish(Session& session, const Batch& batch, const std::vector<Outcome>& outcomes, std::size_t accepted,
            const std::optional<Failed>& stopped) {
  const auto& screen = session.screen();
  if (auto written = write_result(batch.result, batch.rows, outcomes); !written)
    return session.report(failed(written.error()));
  if (!screen.json)
    session.say(screen.chinese()
                    ? fmt::format("已受理 {} / {},结果见 {}\n", accepted, batch.rows.size(), batch.result)
                    : fmt::format("accepted {} of {}; result in {}\n", accepted, batch.rows.size(), batch.result));
  if (stopped) {
    if (!screen.json)
      session.say(
          screen.pick("stopped early: the same command goes on from here\n", "提前中止:重复同一命令即可继续\n"));
    return session.report(*stopped);
  }
  return accepted == batch.rows.size() ? Exit::ok : Exit::attention;
}

}  // namespace

Exit red_batch(Session& session) {
  const auto& screen = session.screen();
  auto batch = batch_of(session);
  if (!batch) return session.report(batch.error());
  auto& rows = batch->rows;
  if (rows.empty()) {
    session.answer(screen.pick("no invoice fits\n", "没有符合条件的发票\n"));
    return Exit::attention;
  }
  const bool preview = session.given().has("--preview");
  std::vector<CheckReply> replies;
  std::size_t allowed = 0;
  bool first = true;
  const auto problem = check_rows(session, rows, [&](const CheckedRow& row) {
    if (row.allowed() || !row.reply.accepted_as().empty()) ++allowed;
    replies.push_back(told(row.reply));
    if (session.json(row.reply)) return;
    const std::string text = check_row_text(screen, replies.back());
    if (std::exchange(first, false))
      session.answer(text);
    else
      session.say(text);
  });
  std::vector<Outcome> outcomes(rows.size());
  if (problem) {
    if (preview) return session.report(*problem);
    // What is known by now; submissions that an earlier run made stay in it.
    for (std::size_t i = 0; i < replies.size(); ++i) outcomes[i].id = replies[i].accepted_as();
    if (replies.size() < rows.size()) outcomes[replies.size()].error = problem->body.code();
    return finish(session, *batch, outcomes, 0, problem);
  }
  if (!screen.json) session.say(check_summary_text(screen, replies));
  if (preview) return allowed == rows.size() ? Exit::ok : Exit::attention;
  if (allowed == 0) return finish(session, *batch, outcomes, 0, {});  // why each was refused is a result too
  if (!agreed(session,
              screen.chinese() ? fmt::format("提交 {} 笔?", allowed) : fmt::format("submit {} reds?", allowed)))
    return not_confirmed(session);

  std::optional<Failed> stopped;
  std::size_t accepted = 0, tried = 0;
  Progress progress(screen, "submitted", "已提交", allowed);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const CheckedRow& row = rows[i];
    // What was accepted before is asked again: the same key is answered with the same submission.
    if (!row.allowed() && row.reply.accepted_as().empty()) continue;
    if (stopped) {
      outcomes[i].id = row.reply.accepted_as();
      continue;
    }
    const auto submission = session.post<Submission>("/v1/submissions", *row.entry.request);
    progress.to(++tried);
    if (submission) {
      outcomes[i] = {submission->id(), submission->state(), {}};
      rows[i].reply.set_amount(submission->amount());  // of one refused by now the check has none
      rows[i].reply.set_tax(submission->tax());
      ++accepted;
    } else {
      outcomes[i] = {row.reply.accepted_as(), {}, submission.error().body.code()};
      // The rules may say no meanwhile; a gateway that is gone ends the run, and the same command takes it up again.
      if (submission.error().exit != Exit::refused) stopped = submission.error();
    }
  }
  return finish(session, *batch, outcomes, accepted, stopped);
}

}  // namespace taxgate::cli
