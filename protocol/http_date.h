#pragma once
// The time a server tells in its answers' header Date, which says how far its clock and ours are apart. Pure.
#include <string>

#include "protocol/legal_time.h"

namespace taxgate {

/// Clocks may differ by this much. A Date has whole seconds and its answer takes some time; deadlines of the law are
/// counted in hours, but a clock that is further off is not kept by anybody.
inline constexpr std::int64_t kClockToleratedS = 30;

/// "Sun, 22 Nov 2026 02:19:52 GMT" (IMF-fixdate, RFC 9110 5.6.7). Anything else: not set.
LegalTime read_http_date(const std::string& text);
std::string http_date(LegalTime t);

}  // namespace taxgate
