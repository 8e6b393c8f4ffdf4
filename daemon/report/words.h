#pragma once
// The report's words in both languages (terms of docs and catalogue). Private to daemon/report.
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "daemon/report/figures.h"
#include "protocol/messages.h"

namespace taxgate::report {

/// One of two texts.
constexpr std::string_view pick(Language language, std::string_view english, std::string_view chinese) {
  return language == Language::chinese ? chinese : english;
}

/// fmt with one of two forms; the same arguments in the same order.
template <class... Args>
std::string form(Language language, std::string_view english, std::string_view chinese, const Args&... args) {
  return fmt::vformat(pick(language, english, chinese), fmt::make_format_args(args...));
}

std::string_view word(sync::NightState state, Language language);
std::string_view word(Limit limit, Language language);
std::string_view word(sync::Direction direction, Language language);
std::string_view word(StatusField field, Language language);
std::string cause_word(std::string_view cause, Language language);      // an unknown one stays as it is
std::string channel_word(std::string_view channel, Language language);  // likewise
/// "1 deducted": the code with its meaning, the code alone when it is unknown, a dash for none.
std::string code_word(StatusField field, std::string_view code, Language language);
/// The catalogue's sentence for a trouble's id with the values of its detail, or the detail; foreign text is made one
/// line.
std::string trouble_word(std::string_view id, std::string_view detail, Language language);

/// What to do about it; empty: nothing is known.
std::string trouble_remedy(std::string_view id, Language language);
/// What to do about records in quarantine.
inline constexpr std::string_view
    kQuarantineEnglish =
        "Nothing of them was applied, and they are kept with their bytes (table quarantine of the "
        "ledger). If the platform is right, allow it: [[transition]] of the tables file.",
    kQuarantineChinese =
        "未应用任何内容,原文保存在账本的 quarantine 表。如平台无误,请在规则表文件的 [[transition]] 中放行。";
/// Why an invoice or a form is in a list: "ycpzzt 02" or "deadline 2026-11-23 10:00:00" in words.
std::string what_word(std::string_view what, Language language);

std::string grouped(std::uint64_t number);  // "1,234,567"
/// "44 / 1,460; 1,400 empty by the platform's totals; 16 not asked (…)".
std::string windows_sentence(const sync::NightSummary& night, Language language);
/// What the audit looked at: "12 orders, 12 signatures kept, 3 reds; nothing missing".
std::string audit_sentence(const sync::Audit& audit, Language language);
/// A gap in one sentence with its number, and what to do; foreign text is made one line.
std::string gap_sentence(const sync::AuditGap& gap, Language language);
std::string gap_remedy(const sync::AuditGap& gap, Language language);
/// What remains and who has to act, in one sentence.
std::string left_sentence(const sync::NightSummary& night, Language language);

}  // namespace taxgate::report
