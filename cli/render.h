#pragma once
// Answers of the local API as short aligned text for a person.
#include <string>

#include "cli/screen.h"
#include "protocol/api.pb.h"

namespace taxgate::cli {

/// One submission with its time line: every state, key, reference and time.
std::string submission_text(const Screen& screen, const api::v1::Submission& submission);
/// Two lines: what is known now. For submit, cancel and the like.
std::string submission_brief(const Screen& screen, const api::v1::Submission& submission);
std::string timeline_row(const Screen& screen, const api::v1::TimelineEntry& entry);
std::string submissions_text(const Screen& screen, const api::v1::SubmissionList& list);
std::string answer_word(const Screen& screen, std::string_view answer);  // "allowed", "refused", …
/// One line: row, blue invoice, answer, what refuses it.
std::string check_row_text(const Screen& screen, const api::v1::CheckReply& reply);
/// How many of each answer, and by rule: weight, rows, first row, remedy.
std::string check_summary_text(const Screen& screen, const std::vector<api::v1::CheckReply>& replies);
std::string left_text(const Screen& screen, const api::v1::CheckReply& reply);
std::string reasons_text(const Screen& screen, const api::v1::CheckReply& reply);
/// The document and every finding.
std::string verdict_text(const Screen& screen, const api::v1::CheckReply& reply);
std::string inbox_text(const Screen& screen, const api::v1::Inbox& inbox);
std::string events_text(const Screen& screen, const api::v1::EventList& list);
std::string keys_text(const Screen& screen, const api::v1::KeyList& list);
/// Tax disks: what stops each type, in the order of time; `all`: else only what comes first. Empty: no key is a disk.
std::string disks_text(const Screen& screen, const google::protobuf::RepeatedPtrField<api::v1::KeyInfo>& keys,
                       bool all);
std::string holds_text(const Screen& screen, const api::v1::HoldList& list);
std::string invoice_text(const Screen& screen, const api::v1::Invoice& invoice);
std::string credit_text(const Screen& screen, const api::v1::CreditStatement& statement);
std::string callers_text(const Screen& screen, const api::v1::CallerList& list);
/// One screen.
std::string status_text(const Screen& screen, const api::v1::Status& status);

/// A person should look at it: attention, held, refused, void, waiting for approval.
bool wants_attention(const api::v1::Submission& submission);

}  // namespace taxgate::cli
