#pragma once
// A night's summary as the message the API shows and the store keeps, and back. Pure.
#include "daemon/sync/night_summary.h"
#include "daemon/sync/plan.h"
#include "protocol/sync.pb.h"

namespace taxgate::report {

api::v1::SyncRun to_record(const sync::NightSummary& summary);
/// Unknown names read as the first of their kind; never fails.
sync::NightSummary from_record(const api::v1::SyncRun& record);
api::v1::SyncAudit to_record(const sync::Audit& audit, const std::string& channel);
/// Without windows and examples: a line of a list.
api::v1::SyncRun brief(api::v1::SyncRun record);
api::v1::SyncPlan to_record(const sync::Plan& plan, std::int64_t calls_left, const std::string& channel);

}  // namespace taxgate::report
