// `red NUMBER`, the wizard for one red invoice, and `red --from FILE`, the batch.
#include <fmt/format.h>

#include <iostream>
#include <map>

#include "cli/check_rows.h"
#include "cli/commands.h"
#include "cli/files/table.h"
#include "cli/follow.h"
#include "cli/render.h"
#include "cli/requests.h"
#include "cli/words.h"
#include "daemon/core/files.h"

namespace taxgate::cli {
namespace {

using api::v1::CheckReply;
using api::v1::Submission;
using api::v1::SubmissionRequest;

Failed missing(std::string_view what) {
  return failed({Errc::invalid_input, "cli.missing_argument", "red", std::string(what), {}, {}});
}

/// One line from the person; nothing at the end of the input.
std::string ask(Session& session, const std::string& question) {
  session.say(question);
  std::string line;
  std::getline(std::cin, line);
  const auto from = line.find_first_not_of(" \t\r"), to = line.find_last_not_of(" \t\r");
  return from == std::string::npos ? std::string() : line.substr(from, to - from + 1);
}

bool agreed(Session& session, const std::string& question) {
  if (session.given().has("--yes")) return true;
  if (session.screen().json) return false;  // a machine is asked nothing
  const std::string answer = ask(session, question + " [y/N] ");
  return answer == "y" || answer == "Y" || answer == "yes" || answer == "是";
}

Exit not_confirmed(Session& session) {
  return session.report(failed({Errc::invalid_input, "cli.not_confirmed", {}, {}, {}, {}}));
}

Answer<CheckReply> check(Session& session, const SubmissionRequest& request) {
  return session.post<CheckReply>("/v1/check?menu=yes", request);
}

/// The only reason that fits, or what the person answers; empty: none.
std::string chosen_reason(Session& session, const CheckReply& menu) {
  std::string list, only;
  int fitting = 0;
  for (const auto& choice : menu.reasons()) {
    if (!choice.allowed()) continue;
    ++fitting;
    only = choice.reason();
    list += (list.empty() ? "" : " ") + choice.reason();
  }
  if (fitting <= 1 || session.given().has("--yes") || session.screen().json) return fitting == 1 ? only : std::string();
  return ask(session, fmt::format("{} ({}): ", session.screen().pick("reason", "红冲原因"), list));
}

Exit one(Session& session, const std::string& number) {
  const auto& screen = session.screen();
  auto blue = session.get_whole<api::v1::Invoice>("/v1/invoices/" + encoded(number));
  if (!blue) return session.report(blue.error());
  SubmissionRequest request;
  if (auto filled = fill_from_options(session.given(), request); !filled) return session.report(failed(filled.error()));
  request.set_blue_number(blue->number());
  if (request.seller().empty()) request.set_seller(blue->seller().id());
  auto verdict = check(session, request);
  if (!verdict) return session.report(verdict.error());
  if (!screen.json) {
    if (!screen.names) mask(*blue);
    session.answer(invoice_text(screen, *blue));
    session.say(screen.pick("what is left of it\n", "可红冲余额\n") + left_text(screen, *verdict));
    session.say(screen.pick("reasons (+ the law allows it here)\n", "红冲原因(+ 为本票可选)\n") +
                reasons_text(screen, *verdict));
  }
  if (request.reason().empty() && !verdict->reasons().empty()) {
    request.set_reason(chosen_reason(session, *verdict));
    if (request.reason().empty() && !session.given().has("--preview"))
      return session.report(missing("--reason 01..04"));
    if (!request.reason().empty()) {
      verdict = check(session, request);
      if (!verdict) return session.report(verdict.error());
    }
  }
  if (!session.json(*verdict)) session.say(verdict_text(screen, *verdict));
  if (verdict->answer() == "refused") return Exit::refused;
  if (session.given().has("--preview")) return Exit::ok;
  if (!agreed(session, screen.pick("submit this red?", "提交此红字申请?"))) return not_confirmed(session);
  set_content_key(request);
  auto submission = session.post<Submission>("/v1/submissions", request);
  if (!submission) return session.report(submission.error());
  if (session.given().has("--wait") && !submission->final()) return follow(session, std::move(*submission));
  if (!session.json(*submission)) session.answer(submission_brief(screen, *submission));
  return wants_attention(*submission) ? Exit::attention : Exit::ok;
}

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

Result<void> write_result(const std::string& path, const std::vector<CheckedRow>& rows,
                          const std::vector<Outcome>& outcomes) {
  const std::vector<files::Column> columns{{"row", true}, {"blue_number"}, {"reason"}, {"answer"}, {"amount", true},
                                           {"tax", true}, {"submission"},  {"state"},  {"error"}};
  files::TextRows out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const CheckReply& reply = rows[i].reply;
    std::string error = outcomes[i].error;
    for (const auto& f : reply.findings())
      if (f.severity() == "refuse") error += (error.empty() ? "" : " ") + f.code();
    out.push_back({std::to_string(rows[i].entry.row), reply.blue_number(), reply.reason(), reply.answer(),
                   reply.amount(), reply.tax(), outcomes[i].id, outcomes[i].state, error});
  }
  return write_file_atomic(path,
                           path.ends_with(".xlsx") ? files::write_xlsx(columns, out) : files::write_csv(columns, out));
}

Exit batch(Session& session, const std::string& path) {
  const auto& screen = session.screen();
  auto rows = read_rows(session.given(), path);
  if (!rows) return session.report(failed(rows.error()));
  refuse_repeats(*rows);
  std::vector<CheckReply> replies;
  std::size_t allowed = 0;
  bool first = true;
  const auto problem = check_rows(session, *rows, [&](const CheckedRow& row) {
    if (row.allowed() || !row.reply.accepted_as().empty()) ++allowed;
    replies.push_back(row.reply);
    if (session.json(row.reply)) return;
    const std::string text = check_row_text(screen, row.reply);
    if (std::exchange(first, false))
      session.answer(text);
    else
      session.say(text);
  });
  if (problem) return session.report(*problem);
  if (!screen.json) session.say(check_summary_text(screen, replies));
  if (session.given().has("--preview")) return allowed == rows->size() ? Exit::ok : Exit::attention;
  if (allowed == 0) return Exit::attention;
  if (!agreed(session,
              screen.chinese() ? fmt::format("提交 {} 笔?", allowed) : fmt::format("submit {} reds?", allowed)))
    return not_confirmed(session);

  std::vector<Outcome> outcomes(rows->size());
  std::optional<Failed> stopped;
  std::size_t accepted = 0, tried = 0;
  Progress progress(screen, "submitted", "已提交", allowed);
  for (std::size_t i = 0; i < rows->size() && !stopped; ++i) {
    const CheckedRow& row = (*rows)[i];
    // What was accepted before is asked again: the same key is answered with the same submission.
    if (!row.allowed() && row.reply.accepted_as().empty()) continue;
    const auto submission = session.post<Submission>("/v1/submissions", *row.entry.request);
    progress.to(++tried);
    if (submission) {
      outcomes[i] = {submission->id(), submission->state(), {}};
      ++accepted;
    } else {
      outcomes[i].error = submission.error().body.code();
      // The rules may say no meanwhile; a gateway that is gone ends the run, and the same command takes it up again.
      if (submission.error().exit != Exit::refused) stopped = submission.error();
    }
  }
  const std::string result = session.given().value("--result", path == "-" ? "red-result.csv" : path + ".result.csv");
  if (auto written = write_result(result, *rows, outcomes); !written) return session.report(failed(written.error()));
  if (!screen.json)
    session.say(screen.chinese() ? fmt::format("已受理 {} / {},结果见 {}\n", accepted, rows->size(), result)
                                 : fmt::format("accepted {} of {}; result in {}\n", accepted, rows->size(), result));
  if (stopped) return session.report(*stopped);
  return accepted == rows->size() ? Exit::ok : Exit::attention;
}

}  // namespace

Exit run_red(Session& session) {
  const auto& given = session.given();
  if (given.has("--from") == !given.positionals.empty()) return session.report(missing("NUMBER | --from FILE"));
  return given.has("--from") ? batch(session, given.value("--from")) : one(session, given.positionals[0]);
}

}  // namespace taxgate::cli
