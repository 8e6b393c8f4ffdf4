#include "cli/check_rows.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "cli/requests.h"
#include "protocol/messages.h"

namespace taxgate::cli {
namespace {

using api::v1::CheckReply;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Papers a row names by file, which nobody has read yet.
void hash_papers(files::Entry& entry) {
  for (auto& paper : *entry.request->mutable_evidence()) {
    if (!paper.hash().empty()) continue;
    auto read = paper_of(paper.kind().empty() ? paper.name() : paper.kind() + "=" + paper.name());
    if (read) {
      paper = std::move(*read);
      continue;
    }
    Error fault = read.error();
    fault.field = "row " + std::to_string(entry.row) + ": " + fault.field;
    entry.faults.push_back(std::move(fault));
  }
  if (!entry.faults.empty()) entry.request.reset();
}

CheckReply unreadable(const files::Entry& entry) {
  CheckReply reply;
  reply.set_answer("unreadable");
  for (const Error& fault : entry.faults) {
    auto& finding = *reply.add_findings();
    finding.set_severity("refuse");
    show_error(fault, finding);
  }
  return reply;
}

}  // namespace

Progress::Progress(const Screen& screen, std::string_view english, std::string_view zh, std::size_t of)
    : what_(screen.pick(english, zh)), of_(of), next_ms_(now_ms() + 1000) {}

void Progress::to(std::size_t done) {
  const bool last = done == of_;
  if (last ? !shown_ : now_ms() < next_ms_) return;
  next_ms_ = now_ms() + 1000;
  shown_ = true;
  fmt::print(stderr, "\r{} {} / {}{}", what_, done, of_, last ? "\n" : "");
  std::fflush(stderr);
}

Result<std::vector<CheckedRow>> read_rows(const Given& given, const std::string& path) {
  auto bytes = read_input(path);
  if (!bytes) return std::unexpected(bytes.error());
  auto entries = files::read_submissions(*bytes);
  if (!entries) return std::unexpected(entries.error());
  const auto declared = declared_of(given);
  if (!declared) return std::unexpected(declared.error());
  std::vector<CheckedRow> rows;
  rows.reserve(entries->size());
  for (auto& entry : *entries) {
    if (entry.request) {
      auto& r = *entry.request;
      if (r.seller().empty()) r.set_seller(given.value("--seller"));
      if (r.reason().empty()) r.set_reason(given.value("--reason"));
      if (r.initiator().empty()) r.set_initiator(given.value("--initiator"));
      if (r.codes().empty()) r.set_codes(given.value("--codes"));
      hash_papers(entry);
      if (entry.request) lay_under(*declared, r);
    }
    rows.push_back({.entry = std::move(entry), .reply = {}});
  }
  return rows;
}

std::optional<Failed> check_rows(Session& session, std::vector<CheckedRow>& rows,
                                 const std::function<void(const CheckedRow&)>& each) {
  Progress progress(session.screen(), "checked", "已检查", rows.size());
  std::size_t done = 0;
  for (auto& row : rows) {
    if (row.entry.request) {
      auto reply = session.post<CheckReply>("/v1/check", *row.entry.request);
      if (!reply) return reply.error();
      row.reply = std::move(*reply);
    } else {
      row.reply = unreadable(row.entry);
    }
    row.reply.set_row(row.entry.row);
    each(row);
    progress.to(++done);
  }
  return std::nullopt;
}

}  // namespace taxgate::cli
