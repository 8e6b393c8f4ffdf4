#include "daemon/api/handlers.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "daemon/api/bodies.h"
#include "daemon/api/limits.h"

namespace taxgate::api {
namespace {

void refuse(Call& call, const Error& error) {
  call.responder.respond(error_answer(error, call.settings.channel, call.form));
}

/// The reply of a gateway call that answers 200 with its message. Settings outlive every session.
template <class M>
Reply<M> answer_with(Call& call) {
  return [responder = call.responder, form = call.form,
          &settings = call.settings](std::expected<M, Findings> result) mutable {
    responder.respond(result ? message_answer(200, *result, form)
                             : error_answer(result.error(), settings.channel, form));
  };
}

/// 201 with Location when it is new, 200 with the original otherwise.
Reply<Submitted> answer_submitted(Call& call) {
  return [responder = call.responder, form = call.form,
          &settings = call.settings](std::expected<Submitted, Findings> result) mutable {
    if (!result) return responder.respond(error_answer(result.error(), settings.channel, form));
    const int status = result->created ? 201 : 200;
    HttpResponse response = result->json.empty() ? message_answer(status, result->submission, form)
                                                 : json_answer(status, std::move(result->json));
    if (result->created) response.location = "/v1/submissions/" + result->submission.id();
    responder.respond(std::move(response));
  };
}

/// Header and field are two places for one key. Leaves the key in `field`.
Result<void> settle_key(const HttpRequest& request, std::string& field) {
  const std::string_view header = request.idempotency_key;
  if (!header.empty() && !field.empty() && header != field)
    return fail(Errc::invalid_input, "api.both_keys", "idempotency_key");
  if (field.empty()) field.assign(header);
  if (field.empty()) return {};
  if (field.size() > kMaxIdempotencyKey || !std::ranges::all_of(field, [](char c) { return c > ' ' && c < 127; }))
    return fail(Errc::invalid_input, "api.idempotency_key", "idempotency_key", {}, std::to_string(kMaxIdempotencyKey));
  return {};
}

}  // namespace

void handle_submit(Call call) {
  SubmissionBody request;
  if (auto read = read_body(call.request, false, *request); !read) return refuse(call, read.error());
  if (auto key = settle_key(call.request, *request->mutable_idempotency_key()); !key) return refuse(call, key.error());
  if (request->idempotency_key().empty())
    return refuse(call, {Errc::invalid_input, "api.idempotency_key_missing", "idempotency_key", {}, {}, {}});
  auto reply = answer_submitted(call);
  call.gateway.submit(std::move(call.caller), std::move(request), call.form, std::move(reply));
}

void handle_check(Call call) {
  const std::string menu = call.query.text("menu");
  if (!menu.empty() && menu != "yes" && menu != "no")
    return refuse(call, {Errc::invalid_input, "api.query_range", "menu", menu.substr(0, 64), "yes, no", {}});
  v1::SubmissionRequest request;
  if (auto read = read_body(call.request, false, request); !read) return refuse(call, read.error());
  if (auto key = settle_key(call.request, *request.mutable_idempotency_key()); !key) return refuse(call, key.error());
  auto reply = answer_with<v1::CheckReply>(call);
  call.gateway.check(std::move(call.caller), std::move(request), menu == "yes", std::move(reply));
}

void handle_get_submission(Call call) {
  const auto wait = call.query.number("wait", 0, kMaxWaitSeconds, 0);
  if (!wait) return refuse(call, wait.error());
  if (*wait > 0) call.responder.expect_wait(*wait * 1000);
  auto reply = answer_with<v1::Submission>(call);
  call.gateway.get(std::move(call.caller), std::move(call.path[0]), *wait * 1000, call.query.text("seen"),
                   std::move(reply));
}

void handle_signatures(Call call) {
  auto reply = answer_with<v1::SignatureList>(call);
  call.gateway.signatures(std::move(call.caller), std::move(call.path[0]), std::move(reply));
}

void handle_list_submissions(Call call) {
  const auto limit = call.query.number("limit", 1, kMaxPage, kDefaultPage);
  if (!limit) return refuse(call, limit.error());
  ListQuery query{.taxpayer = call.query.text("taxpayer"),
                  .state = call.query.text("state"),
                  .blue_number = call.query.text("blue_number"),
                  .idempotency_key = call.query.text("idempotency_key"),
                  .after = call.query.text("after"),
                  .limit = *limit};
  auto reply = answer_with<v1::SubmissionList>(call);
  call.gateway.list(std::move(call.caller), std::move(query), std::move(reply));
}

void handle_act(Call call) {
  v1::ActionRequest request;
  if (auto read = read_body(call.request, true, request); !read) return refuse(call, read.error());
  if (auto key = settle_key(call.request, *request.mutable_idempotency_key()); !key) return refuse(call, key.error());
  auto reply = answer_with<v1::Submission>(call);
  call.gateway.act(std::move(call.caller), std::move(call.path[0]), std::string(call.route.action), std::move(request),
                   std::move(reply));
}

void handle_inbox(Call call) {
  auto reply = answer_with<v1::Inbox>(call);
  call.gateway.inbox(std::move(call.caller), call.query.text("taxpayer"), std::move(reply));
}

void handle_answer_form(Call call) {
  v1::ActionRequest request;
  if (auto read = read_body(call.request, true, request); !read) return refuse(call, read.error());
  if (auto key = settle_key(call.request, *request.mutable_idempotency_key()); !key) return refuse(call, key.error());
  // One form has one answer of a kind, so form and answer are a key that a repeat finds again.
  if (request.idempotency_key().empty())
    request.set_idempotency_key(std::string(call.route.action) + ":" + call.path[0]);
  auto reply = answer_submitted(call);
  call.gateway.answer_form(std::move(call.caller), std::move(call.path[0]), std::string(call.route.action),
                           std::move(request), std::move(reply));
}

void handle_events(Call call) {
  const auto limit = call.query.number("limit", 1, kMaxEvents, kDefaultEvents);
  if (!limit) return refuse(call, limit.error());
  const auto wait = call.query.number("wait", 0, kMaxWaitSeconds, 0);
  if (!wait) return refuse(call, wait.error());
  EventQuery query{.after = call.query.text("after"),
                   .limit = *limit,
                   .wait_ms = *wait * 1000,
                   .submission = call.query.text("submission")};
  if (lists(call.request.accept, kEventStream)) {
    // A reconnecting EventSource repeats its first URL: what it saw last is the later of the two.
    if (!call.request.last_event_id.empty()) query.after.assign(call.request.last_event_id.substr(0, kMaxQueryValue));
    return start_event_stream(std::move(call), std::move(query));
  }
  if (*wait > 0) call.responder.expect_wait(*wait * 1000);
  auto reply = answer_with<v1::EventList>(call);
  call.gateway.events(std::move(call.caller), std::move(query), std::move(reply));
}

namespace {

/// "invoices[3].tax", as the gateway counts what it was given, is "line 6: tax" of the lines that were sent.
void name_line(v1::ErrorBody& refused, const std::vector<int>& lines) {
  constexpr std::string_view kBegin = "invoices[";
  const std::string field = refused.field();
  if (!field.starts_with(kBegin)) return;
  std::size_t at = 0;
  const auto [end, error] = std::from_chars(field.data() + kBegin.size(), field.data() + field.size(), at);
  if (error != std::errc{} || at >= lines.size()) return;
  std::string_view rest = std::string_view(field).substr(static_cast<std::size_t>(end - field.data()));
  rest.remove_prefix(rest.starts_with("].") ? 2 : rest.starts_with("]") ? 1 : 0);
  const std::string line = "line " + std::to_string(lines[at]) + (rest.empty() ? "" : ": " + std::string(rest));
  refused.set_field(line);
  for (std::string* text : {refused.mutable_message(), refused.mutable_message_zh()})
    if (const auto named = text->find(field); named != std::string::npos) text->replace(named, field.size(), line);
}

}  // namespace

void handle_import(Call call) {
  auto import = read_import(call.request);
  if (!import) return refuse(call, import.error());
  Reply<v1::ImportReply> reply =
      [responder = call.responder, form = call.form, &settings = call.settings, refused = std::move(import->refused),
       lines = std::move(import->lines)](std::expected<v1::ImportReply, Findings> result) mutable {
        if (!result) return responder.respond(error_answer(result.error(), settings.channel, form));
        for (auto& one : *result->mutable_refused()) name_line(one, lines);
        for (const Error& error : refused) *result->add_refused() = error_body({error}, settings.channel);
        responder.respond(message_answer(200, *result, form));
      };
  if (import->request.invoices().empty()) {
    v1::ImportReply nothing;
    nothing.set_channel(call.settings.channel);
    return reply(std::move(nothing));
  }
  call.gateway.import_invoices(std::move(call.caller), std::move(import->request), std::move(reply));
}

void handle_list_invoices(Call call) {
  const auto limit = call.query.number("limit", 1, kMaxPage, kDefaultPage);
  if (!limit) return refuse(call, limit.error());
  InvoiceQuery query{.seller = call.query.text("seller"),
                     .buyer = call.query.text("buyer"),
                     .product = call.query.text("product"),
                     .from = call.query.text("from"),
                     .to = call.query.text("to"),
                     .status = call.query.text("status"),
                     .after = call.query.text("after"),
                     .limit = *limit};
  auto reply = answer_with<v1::InvoiceList>(call);
  call.gateway.invoices(std::move(call.caller), std::move(query), std::move(reply));
}

void handle_invoice(Call call) {
  auto reply = answer_with<v1::Invoice>(call);
  call.gateway.invoice(std::move(call.caller), std::move(call.path[0]), std::move(reply));
}

void handle_keys(Call call) {
  auto reply = answer_with<v1::KeyList>(call);
  call.gateway.keys(std::move(call.caller), std::move(reply));
}

void handle_lend_key(Call call) {
  // A signature under way ends first, and the worker after it; the key host answers well within.
  constexpr int kLendingMs = 15'000;
  v1::LeaseRequest request;
  if (auto read = read_body(call.request, true, request); !read) return refuse(call, read.error());
  call.responder.expect_wait(kLendingMs);
  auto reply = answer_with<v1::KeyList>(call);
  call.gateway.lend_key(std::move(call.caller), std::move(call.path[0]), std::string(call.route.action),
                        std::move(request), std::move(reply));
}

void handle_status(Call call) {
  auto reply = answer_with<v1::Status>(call);
  call.gateway.status(std::move(call.caller), std::move(reply));
}

void handle_holds(Call call) {
  auto reply = answer_with<v1::HoldList>(call);
  call.gateway.holds(std::move(call.caller), std::move(reply));
}

void handle_set_hold(Call call) {
  v1::HoldRequest request;
  if (auto read = read_body(call.request, false, request); !read) return refuse(call, read.error());
  auto reply = answer_with<v1::HoldList>(call);
  call.gateway.hold(std::move(call.caller), std::move(request), std::move(reply));
}

void handle_release_hold(Call call) {
  v1::HoldRequest request;
  if (auto read = read_body(call.request, false, request); !read) return refuse(call, read.error());
  auto reply = answer_with<v1::HoldList>(call);
  call.gateway.release(std::move(call.caller), std::move(request), std::move(reply));
}

void handle_credit(Call call) {
  const std::string platform = call.query.text("platform");
  if (!platform.empty() && platform != "yes" && platform != "no")
    return refuse(call, {Errc::invalid_input, "api.query_range", "platform", platform.substr(0, 64), "yes, no", {}});
  CreditQuery query{.taxpayer = call.query.text("taxpayer"),
                    .month = call.query.text("month"),
                    .amount = call.query.text("amount"),
                    .type = call.query.text("type"),
                    .ask_platform = platform != "no"};
  auto reply = answer_with<v1::CreditStatement>(call);
  call.gateway.credit(std::move(call.caller), std::move(query), std::move(reply));
}

void handle_credit_filed(Call call) {
  v1::CreditFiledRequest request;
  if (auto read = read_body(call.request, false, request); !read) return refuse(call, read.error());
  auto reply = answer_with<v1::CreditStatement>(call);
  call.gateway.credit_filed(std::move(call.caller), std::move(request), std::move(reply));
}

void handle_credit_adjust(Call call) {
  v1::CreditAdjustRequest request;
  if (auto read = read_body(call.request, false, request); !read) return refuse(call, read.error());
  auto reply = answer_with<v1::CreditStatement>(call);
  call.gateway.credit_adjust(std::move(call.caller), std::move(request), std::move(reply));
}

void handle_sync_status(Call call) {
  auto reply = answer_with<v1::SyncStatus>(call);
  call.gateway.sync_status(std::move(call.caller), std::move(reply));
}

void handle_sync_run(Call call) {
  v1::SyncRequest request;
  if (auto read = read_body(call.request, true, request); !read) return refuse(call, read.error());
  auto reply = answer_with<v1::SyncStatus>(call);
  call.gateway.sync_run(std::move(call.caller), std::move(request), std::move(reply));
}

void handle_sync_plan(Call call) {
  auto reply = answer_with<v1::SyncPlan>(call);
  call.gateway.sync_plan(std::move(call.caller), std::move(reply));
}

void handle_sync_preflight(Call call) {
  auto reply = answer_with<v1::SyncPreflight>(call);
  call.gateway.sync_preflight(std::move(call.caller), std::move(reply));
}

void handle_sync_audit(Call call) {
  auto reply = answer_with<v1::SyncAudit>(call);
  call.gateway.sync_audit(std::move(call.caller), std::move(reply));
}

void handle_sync_runs(Call call) {
  const auto limit = call.query.number("limit", 1, kMaxPage, kDefaultPage);
  if (!limit) return refuse(call, limit.error());
  auto reply = answer_with<v1::SyncRunList>(call);
  call.gateway.sync_runs(std::move(call.caller), call.query.text("after"), *limit, std::move(reply));
}

void handle_sync_show(Call call) {
  auto reply = answer_with<v1::SyncRun>(call);
  call.gateway.sync_show(std::move(call.caller), std::move(call.path[0]), std::move(reply));
}

void handle_sync_approve(Call call) {
  v1::SyncRequest request;
  if (auto read = read_body(call.request, true, request); !read) return refuse(call, read.error());
  auto reply = answer_with<v1::SyncRun>(call);
  call.gateway.sync_approve(std::move(call.caller), std::move(call.path[0]), std::move(request), std::move(reply));
}

void handle_list_callers(Call call) {
  auto reply = answer_with<v1::CallerList>(call);
  call.directory.list_callers(std::move(call.caller), std::move(reply));
}

void handle_put_caller(Call call) {
  v1::CallerInfo info;
  if (auto read = read_body(call.request, false, info); !read) return refuse(call, read.error());
  if (const Findings findings = check_caller(info); !findings.empty())
    return call.responder.respond(error_answer(findings, call.settings.channel, call.form));
  auto reply = answer_with<v1::CallerList>(call);
  call.directory.put_caller(std::move(call.caller), std::move(info), std::move(reply));
}

void handle_remove_caller(Call call) {
  auto reply = answer_with<v1::CallerList>(call);
  call.directory.remove_caller(std::move(call.caller), std::move(call.path[0]), std::move(reply));
}

void handle_openapi(Call call) {
  HttpResponse response;
  response.body = openapi_document();
  call.responder.respond(std::move(response));
}

void handle_health(Call call) {
  v1::Health health;
  health.set_status("serving");
  health.set_channel(call.settings.channel);
  health.set_version(call.settings.version);
  call.responder.respond(message_answer(200, health, call.form));
}

void handle_floor(Call call) {
  HttpResponse response;
  response.status = 201;
  response.body = R"({"id":"00000000-0000-7000-8000-000000000000","kind":"red","state":"queued"})";
  call.responder.respond(std::move(response));
}

}  // namespace taxgate::api
