#pragma once
// What a monitoring system scrapes, in Prometheus' text form 0.0.4: the figures of the status, one family each. Names
// and labels are stable (docs/api.md). No name of a person and no counterparty is a label; taxpayers are our own. Pure.
#include <string>
#include <string_view>

#include "protocol/api.pb.h"
#include "protocol/sync.pb.h"

namespace taxgate::api {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// sync  null: the night cannot tell just now; its families are left out
std::string metrics_text(const v1::Status& status, const v1::SyncStatus* sync);

}  // namespace taxgate::api
