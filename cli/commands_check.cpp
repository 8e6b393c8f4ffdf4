// `check FILE`: what the rules would say to every submission of a file, without handing one in.
#include "cli/check_rows.h"
#include "cli/commands.h"
#include "cli/render.h"

namespace taxgate::cli {

Exit run_check(Session& session) {
  auto rows = read_rows(session.given(), session.given().positionals[0]);
  if (!rows) return session.report(failed(rows.error()));
  bool refused = false, first = true;
  std::vector<api::v1::CheckReply> replies;
  const auto problem = check_rows(session, *rows, [&](const CheckedRow& row) {
    refused = refused || !row.allowed();
    if (session.json(row.reply)) return;
    const std::string text = check_row_text(session.screen(), row.reply);
    if (std::exchange(first, false))
      session.answer(text);
    else
      session.say(text);
    replies.push_back(row.reply);
  });
  if (problem) return session.report(*problem);
  if (!session.screen().json) session.say(check_summary_text(session.screen(), replies));
  return refused ? Exit::attention : Exit::ok;
}

}  // namespace taxgate::cli
