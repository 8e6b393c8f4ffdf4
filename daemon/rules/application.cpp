#include "daemon/rules/application.h"

#include <algorithm>

#include "daemon/rules/lines.h"
#include "daemon/rules/verdict.h"

namespace taxgate::rules {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

std::vector<Error> check_application(const CreditApplication& application, const CreditTables& tables) {
  Findings out;
  if (application.amount <= Fen{0}) add(out, "credit.amount", "limit", application.amount.text());
  const bool short_term = application.until.is_set();
  if (short_term && application.until <= application.from)
    add(out, "credit.time_order", "until", application.until.plus_ms(-1).platform_text(),
        application.from.platform_text());
  if (short_term == application.short_term_type.empty())
    add(out, "C9.short_term_type", "short_term_type", application.short_term_type);
  if (application.reason.empty()) add(out, "C9.reason", "reason");
  for (std::size_t i = 0; i < application.attachments.size(); ++i) {
    const Evidence& paper = application.attachments[i];
    const std::string field = "attachments[" + std::to_string(i) + "].";
    if (std::ranges::find(tables.attachment_kinds, paper.kind) == tables.attachment_kinds.end())
      add(out, "C9.attachment_kind", field + "kind", paper.kind, joined(tables.attachment_kinds));
    if (!is_hash(paper.hash)) add(out, "C9.attachment_hash", field + "hash", paper.hash.substr(0, kHashDigits));
  }
  return out;
}

Result<void> check_initial_grant(std::span<const Movement> known) {
  for (const Movement& m : known) {
    if (m.kind == MovementKind::limit)
      return fail(Errc::invalid_input, "credit.initial_once", "class", m.at.platform_text(), m.amount.text());
    if (m.kind == MovementKind::pickup)
      return fail(Errc::invalid_input, "C8.existing", "class", m.at.platform_text(), m.number);
  }
  return {};
}

Result<void> check_ex_officio(std::optional<Fen> before, Fen after) {
  if (!before || after <= *before) return {};
  return fail(Errc::invalid_input, "C10.only_lowers", "limit", after.text(), before->text());
}

}  // namespace taxgate::rules
