#pragma once
// Every command: its syntax, its help and the function that runs it.
#include <span>
#include <string_view>

#include "cli/session.h"

namespace taxgate::cli {

struct Command {
  Syntax syntax;
  std::string_view help, help_zh;
  Exit (*run)(Session&);
};
std::span<const Command> commands();
std::span<const Option> options_everywhere();

std::string help_text(const Screen& screen);
std::string help_text(const Screen& screen, const Command& command);

// commands_submit.cpp
Exit run_submit(Session&);
Exit run_import(Session&);
// commands_check.cpp, commands_red.cpp, commands_export.cpp
Exit run_check(Session&);
Exit run_red(Session&);
Exit run_export_reds(Session&);
// commands_submission.cpp
Exit run_list(Session&);
Exit run_show(Session&);
Exit run_watch(Session&);
Exit run_cancel(Session&);
Exit run_retry(Session&);
Exit run_resolve(Session&);
Exit run_approve(Session&);
Exit run_deny_approval(Session&);
Exit run_hold(Session&);
Exit run_release(Session&);
Exit run_proof(Session&);  // commands_proof.cpp
// commands_inbox.cpp
Exit run_inbox(Session&);
Exit run_confirm(Session&);
Exit run_deny(Session&);
Exit run_revoke(Session&);
// commands_status.cpp
Exit run_status(Session&);
Exit run_keys(Session&);
Exit run_keys_lease(Session&);
Exit run_keys_release(Session&);
Exit run_holds(Session&);
Exit run_events(Session&);
Exit run_invoice(Session&);
// commands_credit.cpp
Exit run_sync(Session&);
Exit run_sync_status(Session&);
Exit run_sync_history(Session&);
Exit run_sync_show(Session&);
Exit run_sync_audit(Session&);
Exit run_sync_check(Session&);      // commands_sync_check.cpp
Exit run_sync_preflight(Session&);  // commands_doctor.cpp
Exit run_sync_approve(Session&);
Exit run_credit(Session&);
Exit run_credit_filed(Session&);
Exit run_credit_adjust(Session&);
// commands_admin.cpp
Exit run_caller_add(Session&);
Exit run_caller_list(Session&);
Exit run_caller_remove(Session&);
Exit run_config_check(Session&);
// commands_doctor.cpp
Exit run_doctor(Session&);
Exit run_selftest(Session&);

}  // namespace taxgate::cli
