#pragma once
// Stored submissions, forms, holds and keys as the local API shows them. Pure.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/keys/key_host.h"
#include "daemon/rules/calendar.h"
#include "daemon/rules/reasons.h"
#include "daemon/store/records.h"
#include "protocol/api.pb.h"

namespace taxgate::pipeline {

// The words of the local API for what the records carry as numbers.
std::string time_text(LegalTime t);  // RFC 3339; empty: not set
std::string_view side_name(Side side);
std::string_view track_name(Track track);
std::string channel_zh(std::string_view channel);  // 模拟 / 沙箱 / 生产
api::v1::Submission present(const store::Submission& sub, std::string_view channel);
/// The same when the document and the caller's request are at hand (they are not read from `sub` then). Null: none.
/// Context, evidence and circumstances are shown as they were handed in.
api::v1::Submission present(const store::Submission& sub, std::string_view channel, const RedDocument* red,
                            const api::v1::SubmissionRequest* request);
/// to_json of the same with this time line, written at once and not by way of a message.
std::string present_json(const store::Submission& sub, std::string_view channel, const RedDocument* red,
                         const api::v1::SubmissionRequest* request, std::span<const store::JournalRow> timeline);
/// Says when the 72 hours of a form that waits touch public holidays.
void add_holiday_warning(api::v1::Submission& out, const store::Submission& sub, const rules::Calendar& calendar);
void add_holiday_warning(api::v1::InboxForm& out, const store::InboxForm& form, const rules::Calendar& calendar);
/// A verdict in both languages; `red` is the document it is about, null when there is none.
void present(const rules::Verdict& verdict, const RedDocument* red, api::v1::CheckReply& into);
api::v1::LineLeft present(const rules::LineLeft& left, const Invoice& blue);
api::v1::ReasonChoice present(const rules::ReasonOption& option);
void fill(api::v1::InvoiceLine& into, const RedLine& line);
void add_timeline(api::v1::Submission& out, const std::vector<store::JournalRow>& rows);
api::v1::Hold present(const store::Hold& hold);
api::v1::KeyInfo present(const keys::KeyFacts& key);
/// Read from its own bytes and verified for this taxpayer; what cannot be read stays empty, and `problem` says why.
api::v1::SignatureInfo present(const store::KeptSignature& kept, std::string_view taxpayer);
api::v1::InboxForm present(const store::InboxForm& form, LegalTime now);

}  // namespace taxgate::pipeline
