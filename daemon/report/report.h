#pragma once
// The report of a night: one page of text, one JSON object, one HTML file that opens offline; text and HTML in both
// languages. Functions of the summary alone. Names in it come from the platform and are hostile: in text they become
// one short line, in HTML they are escaped and isolated, nothing of them is ever markup, script or an escape sequence.
// Pure; any thread.
#include <string>
#include <string_view>

#include "daemon/sync/night_summary.h"
#include "protocol/messages.h"

namespace taxgate::report {

/// At most kPageLines lines of at most kPageColumns columns; what does not fit is counted, not named.
std::string text(const sync::NightSummary& night, Language language);
inline constexpr std::size_t kPageLines = 80, kPageColumns = 100;

/// A night's state ("waiting_approval") in the words of the report; an unknown one stays as it is.
std::string state_text(std::string_view state, Language language);

/// One object on one line; stable ASCII names, codes as the platform gives them, times in RFC 3339, money as decimal
/// text. Everything the summary holds.
std::string json(const sync::NightSummary& night);

/// No script, and nothing is fetched from anywhere (a content security policy says so too). Everything the page of text
/// holds, all examples and every window that needs a look, at most kMaxRows rows a table.
std::string html(const sync::NightSummary& night, Language language);
inline constexpr std::size_t kMaxRows = 500;

}  // namespace taxgate::report
