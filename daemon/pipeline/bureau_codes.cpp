#include "daemon/pipeline/bureau_codes.h"

namespace taxgate::pipeline {

using rules::CodeKind;

std::vector<Error> to_bureau_codes(api::v1::SubmissionRequest& request, const rules::ChannelCodes& channels) {
  std::vector<Error> findings;
  const std::string& channel = request.codes();
  if (channel.empty()) return findings;
  if (!channels.knows(channel)) {
    std::string all;
    for (const auto& table : channels.tables()) all += (all.empty() ? "" : ", ") + table.channel;
    findings.push_back({Errc::invalid_input, "codes.unknown_channel", "codes", channel.substr(0, 64), all, {}});
    return findings;
  }
  const auto must = [&](CodeKind kind, const char* field, std::string* code) {
    if (code->empty()) return;
    if (auto bureau = channels.bureau(channel, kind, *code))
      *code = *std::move(bureau);
    else
      findings.push_back({Errc::invalid_input, "codes.no_meaning", field, code->substr(0, 64), channel, {}});
  };
  const auto may = [&](CodeKind kind, std::string* code) {
    if (!code->empty()) *code = channels.bureau(channel, kind, *code).value_or(std::string());
  };
  must(CodeKind::reason, "reason", request.mutable_reason());
  for (auto& line : *request.mutable_lines()) must(CodeKind::reason, "lines.reason", line.mutable_reason());
  if (request.has_blue()) {
    auto& blue = *request.mutable_blue();
    must(CodeKind::invoice_kind, "blue.type", blue.mutable_type());
    may(CodeKind::use, blue.mutable_use());
    may(CodeKind::booking, blue.mutable_booking());
    may(CodeKind::status, blue.mutable_status());
  }
  return findings;
}

}  // namespace taxgate::pipeline
