// Looking at submissions and acting on them.
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/render.h"

namespace taxgate::cli {
namespace {

using api::v1::Submission;

Exit show_result(Session& session, const Answer<Submission>& submission) {
  if (!submission) return session.report(submission.error());
  if (!session.json(*submission)) {
    session.answer(submission_brief(session.screen(), *submission));
  }
  return Exit::ok;
}

api::v1::ActionRequest action_of(const Given& given) {
  api::v1::ActionRequest request;
  request.set_reason(given.value("--reason"));
  request.set_operator_(given.value("--operator"));
  request.set_idempotency_key(given.value("--key"));
  return request;
}

Exit act(Session& session, std::string_view action, const api::v1::ActionRequest& request) {
  const std::string target = "/v1/submissions/" + encoded(session.given().positionals[0]) + "/" + std::string(action);
  return show_result(session, session.post<Submission>(target, request));
}

// Without an ID, hold and release speak of all work of one taxpayer.
Exit hold_or_release(Session& session, std::string_view action, std::string_view taxpayer_route) {
  const auto& given = session.given();
  if (!given.positionals.empty()) return act(session, action, action_of(given));
  if (!given.has("--taxpayer"))
    return session.report(
        failed({Errc::invalid_input, "cli.missing_argument", given.command, "ID | --taxpayer ID", {}, {}}));
  api::v1::HoldRequest request;
  request.set_taxpayer(given.value("--taxpayer"));
  // What stopped the work is seldom a person: a release without a reason is of all the taxpayer's holds.
  request.set_reason(given.value("--reason", action == "hold" ? "operator" : ""));
  const auto holds = session.post<api::v1::HoldList>(std::string(taxpayer_route), request);
  if (!holds) return session.report(holds.error());
  if (!session.json(*holds)) session.answer(holds_text(session.screen(), *holds));
  return Exit::ok;
}

}  // namespace

Exit run_list(Session& session) {
  const auto& given = session.given();
  std::string target = "/v1/submissions";
  add_query(target, "taxpayer", given.value("--taxpayer"));
  add_query(target, "state", given.value("--state"));
  add_query(target, "blue_number", given.value("--blue"));
  add_query(target, "idempotency_key", given.value("--key"));
  add_query(target, "after", given.value("--after"));
  add_query(target, "limit", given.value("--limit"));
  const auto list = session.get<api::v1::SubmissionList>(target);
  if (!list) return session.report(list.error());
  if (!session.json(*list)) {
    session.answer(submissions_text(session.screen(), *list));
  }
  return Exit::ok;
}

Exit run_show(Session& session) {
  const auto submission = session.get<Submission>("/v1/submissions/" + encoded(session.given().positionals[0]));
  if (!submission) return session.report(submission.error());
  if (!session.json(*submission)) {
    session.answer(submission_text(session.screen(), *submission));
  }
  return wants_attention(*submission) ? Exit::attention : Exit::ok;
}

Exit run_watch(Session& session) {
  auto submission = session.get<Submission>("/v1/submissions/" + encoded(session.given().positionals[0]));
  if (!submission) return session.report(submission.error());
  return follow(session, std::move(*submission));
}

Exit run_cancel(Session& session) { return act(session, "cancel", action_of(session.given())); }
Exit run_retry(Session& session) { return act(session, "retry", action_of(session.given())); }

Exit run_resolve(Session& session) {
  auto request = action_of(session.given());
  request.set_outcome(session.given().value("--outcome"));
  request.set_form_uuid(session.given().value("--form"));
  return act(session, "resolve", request);
}

Exit run_approve(Session& session) {
  return act(session, session.given().has("--no") ? "deny" : "approve", action_of(session.given()));
}

Exit run_deny_approval(Session& session) {
  if (session.given().value("--reason").empty())
    return session.report(failed({Errc::invalid_input, "cli.missing_argument", "deny", "--reason TEXT", {}, {}}));
  return act(session, "deny", action_of(session.given()));
}

Exit run_hold(Session& session) { return hold_or_release(session, "hold", "/v1/holds"); }
Exit run_release(Session& session) { return hold_or_release(session, "release", "/v1/holds/release"); }

}  // namespace taxgate::cli
