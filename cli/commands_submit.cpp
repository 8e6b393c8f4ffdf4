#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/render.h"
#include "cli/requests.h"

namespace taxgate::cli {
namespace {

using api::v1::Submission;
using api::v1::SubmissionRequest;

Result<SubmissionRequest> request_of(const Given& given) {
  SubmissionRequest request;
  if (!given.positionals.empty()) {
    auto text = read_input(given.positionals[0]);
    if (!text) return std::unexpected(text.error());
    if (auto read = from_json(*text, request); !read) return std::unexpected(read.error());
  }
  if (auto filled = fill_from_options(given, request); !filled) return std::unexpected(filled.error());
  if (auto declared = declare(given, request); !declared) return std::unexpected(declared.error());
  if (given.positionals.empty() && request.ByteSizeLong() == 0)
    return fail(Errc::invalid_input, "cli.missing_argument", "submit", "FILE | --seller --blue --reason");
  set_content_key(request);
  return request;
}

}  // namespace

Exit run_submit(Session& session) {
  const auto request = request_of(session.given());
  if (!request) return session.report(failed(request.error()));
  auto submission = session.post<Submission>("/v1/submissions", *request);
  if (!submission) return session.report(submission.error());
  if (session.given().has("--wait") && !submission->final()) return follow(session, std::move(*submission));
  if (!session.json(*submission)) {
    session.answer(submission_brief(session.screen(), *submission));
    for (const auto& entry : submission->timeline()) session.say(timeline_row(session.screen(), entry) + "\n");
  }
  return wants_attention(*submission) ? Exit::attention : Exit::ok;
}

Exit run_import(Session& session) {
  auto text = read_input(session.given().positionals[0]);
  if (!text) return session.report(failed(text.error()));
  // One object that has "invoices" is the API's own form; anything else is one invoice a line.
  api::v1::ImportRequest whole;
  const bool one_object = from_json(*text, whole).has_value();
  auto reply =
      session.ask<api::v1::ImportReply>({.method = "POST",
                                         .target = "/v1/invoices:import",
                                         .body = std::move(*text),
                                         .content_type = one_object ? "application/json" : "application/x-ndjson",
                                         .idempotency_key = {}});
  if (!reply) return session.report(reply.error());
  if (!session.json(*reply)) {
    session.answer(session.screen().chinese()
                       ? fmt::format("新增 {},更新 {},未变 {},拒绝 {}\n", reply->added(), reply->updated(),
                                     reply->unchanged(), reply->refused_size())
                       : fmt::format("added {}, updated {}, unchanged {}, refused {}\n", reply->added(),
                                     reply->updated(), reply->unchanged(), reply->refused_size()));
    for (const auto& refused : reply->refused()) report(session.screen(), refused);
  }
  return reply->refused_size() == 0 ? Exit::ok : Exit::attention;
}

}  // namespace taxgate::cli
