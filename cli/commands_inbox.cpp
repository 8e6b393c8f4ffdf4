// Forms that counterparties raised and that wait for our answer.
#include "cli/commands.h"
#include "cli/render.h"

namespace taxgate::cli {
namespace {

Exit answer(Session& session, std::string_view what) {
  const auto& given = session.given();
  api::v1::ActionRequest request;
  request.set_reason(given.value("--reason"));
  request.set_operator_(given.value("--operator"));
  request.set_idempotency_key(given.value("--key"));  // empty: the form and the answer are the key
  const std::string target = "/v1/inbox/" + encoded(given.positionals[0]) + "/" + std::string(what);
  const auto submission = session.post<api::v1::Submission>(target, request);
  if (!submission) return session.report(submission.error());
  if (!session.json(*submission)) {
    session.answer(submission_brief(session.screen(), *submission));
  }
  return Exit::ok;
}

// Ours are UUIDs of version 7 with hyphens; the platform's forms are 32 digits without.
bool is_submission_id(std::string_view id) { return id.size() == 36 && id[8] == '-' && id[14] == '7'; }

}  // namespace

Exit run_inbox(Session& session) {
  std::string target = "/v1/inbox";
  add_query(target, "taxpayer", session.given().value("--taxpayer"));
  const auto inbox = session.get<api::v1::Inbox>(target);
  if (!inbox) return session.report(inbox.error());
  if (!session.json(*inbox)) {
    session.answer(inbox_text(session.screen(), *inbox));
  }
  return Exit::ok;
}

Exit run_confirm(Session& session) { return answer(session, "confirm"); }
Exit run_deny(Session& session) {
  return is_submission_id(session.given().positionals[0]) ? run_deny_approval(session) : answer(session, "deny");
}
Exit run_revoke(Session& session) { return answer(session, "revoke"); }

}  // namespace taxgate::cli
