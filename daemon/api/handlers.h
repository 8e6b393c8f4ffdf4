#pragma once
// One handler per operation: body and query into a gateway call, its reply into an answer.
#include "daemon/api/routes.h"

namespace taxgate::api {

void handle_submit(Call call);
void handle_check(Call call);
void handle_get_submission(Call call);
void handle_signatures(Call call);
void handle_list_submissions(Call call);
void handle_act(Call call);  // route.action: the gateway's action
void handle_inbox(Call call);
void handle_answer_form(Call call);  // route.action: confirm, deny, revoke
void handle_events(Call call);
void handle_import(Call call);
void handle_list_invoices(Call call);
void handle_invoice(Call call);
void handle_keys(Call call);
void handle_lend_key(Call call);  // route.action: lease, release
void handle_status(Call call);
void handle_metrics(Call call);  // metrics.cpp
void handle_holds(Call call);
void handle_set_hold(Call call);
void handle_release_hold(Call call);
void handle_credit(Call call);
void handle_credit_filed(Call call);
void handle_credit_adjust(Call call);
void handle_sync_plan(Call call);
void handle_sync_preflight(Call call);
void handle_sync_audit(Call call);
void handle_sync_run(Call call);
void handle_sync_status(Call call);
void handle_sync_runs(Call call);
void handle_sync_show(Call call);
void handle_sync_approve(Call call);
void handle_list_callers(Call call);
void handle_put_caller(Call call);
void handle_remove_caller(Call call);
void handle_openapi(Call call);
void handle_health(Call call);
void handle_floor(Call call);

/// Server-sent events until the peer leaves (event_stream.cpp).
void start_event_stream(Call call, EventQuery query);

}  // namespace taxgate::api
