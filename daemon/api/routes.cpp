#include "daemon/api/routes.h"

#include <algorithm>

#include "daemon/api/handlers.h"
#include "daemon/api/limits.h"

namespace taxgate::api {
namespace {

constexpr std::string_view kSubmitters = "submitter operator",
                           kListQuery = "taxpayer state blue_number idempotency_key after limit",
                           kEventQuery = "after limit wait submission",
                           kInvoiceQuery = "seller buyer product from to status after limit";

constexpr std::array kRoutes{
    // method, path, operation, summary, access, roles, query, takes, gives, import body, action, handler
    Route{Method::post, "/v1/submissions", "submit", "Submit one red-letter request", Access::roles, "submitter", "",
          "SubmissionRequest", "Submission", false, "", handle_submit},
    Route{Method::post, "/v1/check", "check", "What the rules say to a red-letter request; nothing is kept",
          Access::reader, "", "menu", "SubmissionRequest", "CheckReply", false, "", handle_check},
    Route{Method::get, "/v1/submissions", "listSubmissions", "Submissions by filter, oldest first", Access::reader, "",
          kListQuery, "", "SubmissionList", false, "", handle_list_submissions},
    Route{Method::get, "/v1/submissions/{id}", "getSubmission", "One submission, on wish when its state leaves `seen`",
          Access::reader, "", "wait seen", "", "Submission", false, "", handle_get_submission},
    Route{Method::get, "/v1/submissions/{id}/signatures", "listSignatures",
          "Every signature of a submission with its evidence, verified now", Access::reader, "", "", "",
          "SignatureList", false, "", handle_signatures},
    Route{Method::post, "/v1/submissions/{id}/cancel", "cancelSubmission", "Withdraw before anything was sent",
          Access::roles, kSubmitters, "", "ActionRequest", "Submission", false, "cancel", handle_act},
    Route{Method::post, "/v1/submissions/{id}/retry", "retrySubmission", "Try again now", Access::roles, "operator", "",
          "ActionRequest", "Submission", false, "retry", handle_act},
    Route{Method::post, "/v1/submissions/{id}/resolve", "resolveSubmission", "Decide what needs attention",
          Access::roles, "operator", "", "ActionRequest", "Submission", false, "resolve", handle_act},
    Route{Method::post, "/v1/submissions/{id}/approve", "approveSubmission", "Approve", Access::roles, "approver", "",
          "ActionRequest", "Submission", false, "approve", handle_act},
    Route{Method::post, "/v1/submissions/{id}/deny", "denySubmission", "Deny approval", Access::roles, "approver", "",
          "ActionRequest", "Submission", false, "deny_approval", handle_act},
    Route{Method::post, "/v1/submissions/{id}/hold", "holdSubmission", "Hold one submission", Access::roles, "operator",
          "", "ActionRequest", "Submission", false, "hold", handle_act},
    Route{Method::post, "/v1/submissions/{id}/release", "releaseSubmission", "Release one submission", Access::roles,
          "operator", "", "ActionRequest", "Submission", false, "release", handle_act},
    Route{Method::get, "/v1/inbox", "inbox", "Forms that wait for us", Access::reader, "", "taxpayer", "", "Inbox",
          false, "", handle_inbox},
    Route{Method::post, "/v1/inbox/{uuid}/confirm", "confirmForm", "Confirm a counterparty's form", Access::roles,
          kSubmitters, "", "ActionRequest", "Submission", false, "confirm", handle_answer_form},
    Route{Method::post, "/v1/inbox/{uuid}/deny", "denyForm", "Deny a counterparty's form", Access::roles, kSubmitters,
          "", "ActionRequest", "Submission", false, "deny", handle_answer_form},
    Route{Method::post, "/v1/inbox/{uuid}/revoke", "revokeForm", "Withdraw a form of ours", Access::roles, kSubmitters,
          "", "ActionRequest", "Submission", false, "revoke", handle_answer_form},
    Route{Method::get, "/v1/events", "events",
          "Events after a cursor; long poll, or a stream with Accept: text/event-stream", Access::reader, "",
          kEventQuery, "", "EventList", false, "", handle_events},
    Route{Method::post, "/v1/invoices:import", "importInvoices", "Blue invoices into the ledger", Access::roles,
          kSubmitters, "", "ImportRequest", "ImportReply", true, "", handle_import},
    Route{Method::get, "/v1/invoices", "listInvoices", "Blue invoices of the ledger by filter, without their lines",
          Access::reader, "", kInvoiceQuery, "", "InvoiceList", false, "", handle_list_invoices},
    Route{Method::get, "/v1/invoices/{number}", "getInvoice", "One invoice of the ledger and its reds", Access::reader,
          "", "", "", "Invoice", false, "", handle_invoice},
    Route{Method::get, "/v1/keys", "listKeys", "Tax keys and their troubles", Access::reader, "", "", "", "KeyList",
          false, "", handle_keys},
    Route{Method::post, "/v1/keys/{serial}/lease", "leaseKey", "Give a key to another program for a while",
          Access::roles, "operator", "", "LeaseRequest", "KeyList", false, "lease", handle_lend_key},
    Route{Method::post, "/v1/keys/{serial}/release", "releaseKey", "Take a lent key back", Access::roles, "operator",
          "", "LeaseRequest", "KeyList", false, "release", handle_lend_key},
    Route{Method::get, "/v1/status", "status", "Health on one screen", Access::reader, "", "", "", "Status", false, "",
          handle_status},
    Route{Method::get, "/metrics", "metrics", "The status as Prometheus reads it", Access::reader, "", "", "", "",
          false, "", handle_metrics},
    Route{Method::get, "/v1/holds", "listHolds", "Holds per taxpayer", Access::reader, "", "", "", "HoldList", false,
          "", handle_holds},
    Route{Method::post, "/v1/holds", "setHold", "Hold a taxpayer's work", Access::roles, "operator", "", "HoldRequest",
          "HoldList", false, "", handle_set_hold},
    Route{Method::post, "/v1/holds/release", "releaseHold", "Release a taxpayer's work", Access::roles, "operator", "",
          "HoldRequest", "HoldList", false, "", handle_release_hold},
    Route{Method::get, "/v1/credit", "credit", "The month's credit line and the movements that made it so",
          Access::reader, "", "taxpayer month amount type platform", "", "CreditStatement", false, "", handle_credit},
    Route{Method::post, "/v1/credit/filed", "creditFiled", "The return of a month was filed and matched", Access::roles,
          "operator", "", "CreditFiledRequest", "CreditStatement", false, "", handle_credit_filed},
    Route{Method::post, "/v1/credit/adjust", "creditAdjust", "A limit, an application or picked-up paper",
          Access::roles, "operator", "", "CreditAdjustRequest", "CreditStatement", false, "", handle_credit_adjust},
    Route{Method::get, "/v1/sync", "syncStatus", "The night under way, or the last one, and when the next begins",
          Access::reader, "", "", "", "SyncStatus", false, "", handle_sync_status},
    Route{Method::post, "/v1/sync", "syncRun", "Begin a night now, unless one is under way", Access::roles, "operator",
          "", "SyncRequest", "SyncStatus", false, "", handle_sync_run},
    Route{Method::get, "/v1/sync/plan", "syncPlan", "What a night beginning now would do; touches nothing",
          Access::reader, "", "", "", "SyncPlan", false, "", handle_sync_plan},
    Route{Method::get, "/v1/sync/preflight", "syncPreflight",
          "Whether the coming night can be right; asks the platform", Access::roles, "operator auditor", "", "",
          "SyncPreflight", false, "", handle_sync_preflight},
    Route{Method::get, "/v1/sync/audit", "syncAudit",
          "The key host's log, our journal and the last listing against each other", Access::roles, "operator auditor",
          "", "", "SyncAudit", false, "", handle_sync_audit},
    Route{Method::get, "/v1/sync/runs", "syncRuns", "Nights, the newest first", Access::reader, "", "after limit", "",
          "SyncRunList", false, "", handle_sync_runs},
    Route{Method::get, "/v1/sync/runs/{run}", "syncShow", "One night whole", Access::reader, "", "", "", "SyncRun",
          false, "", handle_sync_show},
    Route{Method::post, "/v1/sync/runs/{run}/approve", "syncApprove", "Go on with what the last night held back",
          Access::roles, "approver", "", "SyncRequest", "SyncRun", false, "", handle_sync_approve},
    Route{Method::get, "/v1/callers", "listCallers", "Known callers", Access::roles, "admin", "", "", "CallerList",
          false, "", handle_list_callers},
    Route{Method::post, "/v1/callers", "putCaller", "Add or replace a caller", Access::roles, "admin", "", "CallerInfo",
          "CallerList", false, "", handle_put_caller},
    Route{Method::delete_, "/v1/callers/{name}", "removeCaller", "Remove a caller", Access::roles, "admin", "", "",
          "CallerList", false, "", handle_remove_caller},
    Route{Method::get, "/v1/openapi.json", "openapi", "This document", Access::anyone, "", "", "", "", false, "",
          handle_openapi},
    Route{Method::get, "/v1/healthz", "health", "Is the gateway serving", Access::anyone, "", "", "", "Health", false,
          "", handle_health},
};

// The yardstick of the benchmark: everything a submission costs the server except its meaning.
constexpr Route kFloor{Method::post, "/bench/floor", "floor", "",          Access::reader, "", "", "",
                       "",           false,          "",      handle_floor};

constexpr std::string_view kReaders = "submitter approver operator auditor";

std::string_view first_segment(std::string_view& rest) {
  const auto slash = rest.find('/', 1);
  const std::string_view segment = rest.substr(1, slash == std::string_view::npos ? slash : slash - 1);
  rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  return segment;
}

/// The raw text of the path variable when the pattern fits.
std::optional<std::string_view> fits(std::string_view pattern, std::string_view path) {
  std::string_view variable;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = first_segment(pattern), given = first_segment(path);
    if (wanted.starts_with('{')) {
      if (given.empty()) return std::nullopt;
      variable = given;
    } else if (wanted != given) {
      return std::nullopt;
    }
  }
  return pattern.empty() && path.empty() ? std::optional(variable) : std::nullopt;
}

}  // namespace

std::string_view name(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::post:
      return "POST";
    case Method::delete_:
      return "DELETE";
    case Method::other:
      break;
  }
  return "-";
}

std::span<const Route> routes() { return kRoutes; }

Result<Match> match_route(Method method, std::string_view path, bool floor) {
  Match match;
  if (floor && path == kFloor.path && method == Method::post) {
    match.route = &kFloor;
    return match;
  }
  std::string allow;
  // Escapes of plain characters (":" as %3A) mean the same; one that yields '/' stays inside its variable.
  std::string decoded;
  std::string_view fixed = path;
  if (path.find("%3A") != path.npos || path.find("%3a") != path.npos) {
    decoded.assign(path);
    for (std::size_t at; (at = std::min(decoded.find("%3A"), decoded.find("%3a"))) != std::string::npos;)
      decoded.replace(at, 3, ":");
    fixed = decoded;
  }
  if (fixed == "/healthz") fixed = "/v1/healthz";  // where health checkers look by habit
  if (fixed.starts_with('/')) {
    for (const Route& route : kRoutes) {
      const auto variable = fits(route.path, fixed);
      if (!variable) continue;
      if (route.method != method) {
        allow.append(allow.empty() ? "" : ", ").append(name(route.method));
        continue;
      }
      auto text = percent_decoded(*variable, false, "path");
      if (!text) return std::unexpected(std::move(text.error()));
      match.route = &route;
      match.path[0] = std::move(*text);
      return match;
    }
  }
  if (allow.empty()) return fail(Errc::invalid_input, "api.no_route", "path", std::string(path.substr(0, 128)));
  match.allow = std::move(allow);
  return match;
}

std::size_t body_limit(Method method, std::string_view path, const Settings& settings) {
  const auto match = match_route(method, path, settings.floor);
  return match && match->route && match->route->import_body ? std::max(settings.max_body, kMaxImportBody)
                                                            : settings.max_body;
}

Result<void> check_access(const Route& route, const Caller& caller) {
  if (route.access == Access::anyone) return {};
  const std::string_view needed = route.access == Access::reader ? kReaders : route.roles;
  for (std::string_view rest = needed; !rest.empty();) {
    const auto blank = rest.find(' ');
    if (caller.has(rest.substr(0, blank))) return {};
    rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
  }
  return fail(Errc::invalid_input, "api.forbidden", {}, caller.name, std::string(needed));
}

}  // namespace taxgate::api
