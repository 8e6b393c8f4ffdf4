#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/render.h"
#include "daemon/core/files.h"
#include "protocol/sm.h"

namespace taxgate::cli {
namespace {

using api::v1::Submission;
using api::v1::SubmissionRequest;

constexpr std::size_t kMaxFile =
    64U << 20;  // an import of some hundred thousand invoices is split by the daemon's own bound

Result<std::string> read_input(const std::string& path) {
  if (path != "-") return read_file(path, kMaxFile);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// "2:quantity=150", "1:amount=35000.00", "3:total=1130.00"
Result<void> add_line(const std::string& text, SubmissionRequest& request) {
  const auto wrong = [&] { return fail(Errc::invalid_input, "cli.line", "--line", text); };
  const auto colon = text.find(':');
  const auto equals = text.find('=', colon == std::string::npos ? 0 : colon);
  if (colon == std::string::npos || equals == std::string::npos || colon == 0 || colon > 4) return wrong();
  if (!std::ranges::all_of(text.substr(0, colon), [](char c) { return c >= '0' && c <= '9'; })) return wrong();
  auto& line = *request.add_lines();
  line.set_blue_line(std::stoi(text.substr(0, colon)));
  const std::string what = text.substr(colon + 1, equals - colon - 1), value = text.substr(equals + 1);
  if (what == "quantity")
    line.set_quantity(value);
  else if (what == "amount")
    line.set_amount(value);
  else if (what == "total")
    line.set_total(value);
  else
    return wrong();
  return {};
}

Result<SubmissionRequest> request_of(const Given& given) {
  SubmissionRequest request;
  if (!given.positionals.empty()) {
    auto text = read_input(given.positionals[0]);
    if (!text) return std::unexpected(text.error());
    if (auto read = from_json(*text, request); !read) return std::unexpected(read.error());
  }
  const auto set = [&](std::string_view option, auto setter) {
    if (given.has(option)) setter(given.value(option));
  };
  set("--seller", [&](auto v) { request.set_seller(v); });
  set("--blue", [&](auto v) { request.set_blue_number(v); });
  set("--reason", [&](auto v) { request.set_reason(v); });
  set("--initiator", [&](auto v) { request.set_initiator(v); });
  set("--tax-device", [&](auto v) { request.set_tax_device(v); });
  set("--codes", [&](auto v) { request.set_codes(v); });
  set("--key", [&](auto v) { request.set_idempotency_key(v); });
  set("--order", [&](auto v) { request.mutable_context()->set_order(v); });
  set("--contract", [&](auto v) { request.mutable_context()->set_contract(v); });
  set("--project", [&](auto v) { request.mutable_context()->set_project(v); });
  set("--org-unit", [&](auto v) { request.mutable_context()->set_org_unit(v); });
  set("--operator", [&](auto v) { request.mutable_context()->set_operator_(v); });
  set("--approver", [&](auto v) { request.mutable_context()->set_approver(v); });
  set("--planned-reissue", [&](auto v) { request.mutable_context()->set_planned_reissue(v); });
  set("--replaces", [&](auto v) { request.mutable_context()->set_replaces(v); });
  for (const auto& line : given.values("--line"))
    if (auto added = add_line(line, request); !added) return std::unexpected(added.error());
  if (given.positionals.empty() && request.ByteSizeLong() == 0)
    return fail(Errc::invalid_input, "cli.missing_argument", "submit", "FILE | --seller --blue --reason");
  // The same command given twice is one submission. Whoever wants the same red a second time says so with --key.
  if (request.idempotency_key().empty()) {
    const std::string body = to_json(request);
    request.set_idempotency_key(
        "cli-" + hex(sm3({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()})).substr(0, 32));
  }
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
