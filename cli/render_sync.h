#pragma once
// The night as short aligned text.
#include <string>

#include "cli/screen.h"
#include "protocol/sync.pb.h"

namespace taxgate::cli {

std::string sync_plan_text(const Screen& screen, const api::v1::SyncPlan& plan);
std::string sync_list_text(const Screen& screen, const api::v1::SyncRunList& list);
/// What was compared, and each gap with its number and remedy.
std::string sync_audit_text(const Screen& screen, const api::v1::SyncAudit& audit);
/// "[#####-----]  52 %  1,040 / 2,000 windows  1,200,000 records (8,000/s)  running  until about 03:24:10": for
/// --follow.
std::string sync_progress_text(const Screen& screen, const api::v1::SyncRun& run);

}  // namespace taxgate::cli
