#include "daemon/pipeline/night_audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/sm.h"

namespace taxgate::pipeline {
namespace {

constexpr int kJournalRows = 500;  // of one read: with their envelopes some megabytes
// Signatures that are looked for in the whole log once the new part does not have them: more is a log that was lost.
constexpr std::size_t kMissedKept = 1'000;

sync::AuditGap gap(std::string id, std::string taxpayer, std::string number, std::string left, std::string detail = {},
                   bool failing = true) {
  return {failing, Error{Errc::corrupt, std::move(id), std::move(taxpayer), std::move(number), std::move(left),
                         std::move(detail)}};
}

}  // namespace

std::string gap_name(const Error& error) { return error.id + " " + error.field + " " + error.wanted; }

Result<sync::RequestKnown> request_known(store::Reader& reader, const sync::KeySignature& s) {
  sync::RequestKnown out;
  const auto slash = s.request_id.find('/');
  auto submission = reader.submission(s.request_id.substr(0, slash));
  if (!submission) return std::unexpected(submission.error());
  if (!*submission || (*submission)->taxpayer != s.taxpayer) return out;
  out.submission = true;
  out.open = (*submission)->state == State::signing;
  for (const Step step : {Step::apply, Step::upload, Step::answer}) {
    auto kept = reader.envelopes((*submission)->id, step);
    if (!kept) return std::unexpected(kept.error());
    for (const auto& envelope : *kept) out.kept = out.kept || hex(sm3(envelope.bytes)) == s.message_sm3;
  }
  return out;
}

Result<AuditJournal> audit_journal(store::Reader& reader, std::int64_t after, std::int64_t last, LegalTime until) {
  AuditJournal out;
  out.upto = after;
  auto rows = reader.journal_after(after, kJournalRows);
  if (!rows) return std::unexpected(rows.error());
  out.end = rows->size() < static_cast<std::size_t>(kJournalRows);
  for (const auto& row : *rows) {
    if (row.seq > last || (until.is_set() && row.at >= until)) {
      out.end = true;
      break;
    }
    out.upto = row.seq;
    if (row.submission.empty()) continue;
    if (row.state == name(State::ready)) {
      const auto step = step_named(row.step);
      auto kept = reader.envelopes(row.submission, step.value_or(Step::apply));
      if (!kept) return std::unexpected(kept.error());
      for (const auto& envelope : *kept)
        out.kept.push_back({.taxpayer = row.taxpayer,
                            .request_id = row.submission + "/" + row.step,
                            .key_serial = envelope.key_serial,
                            .message_sm3 = hex(sm3(envelope.bytes)),
                            .seq = row.seq});
    }
    if (row.state != name(State::issued)) continue;
    auto submission = reader.submission(row.submission);
    if (!submission) return std::unexpected(submission.error());
    if (!*submission || (*submission)->red_number.empty()) continue;
    auto red = reader.invoice((*submission)->red_number);
    if (!red) return std::unexpected(red.error());
    if (!*red) continue;  // a red whose facts are not known yet has no window
    const Invoice& invoice = (*red)->invoice;
    if (invoice.seller.id != row.taxpayer) continue;  // the other side issues it and has it listed as its own
    out.reds.push_back(
        {.taxpayer = row.taxpayer,
         .number = invoice.number,
         .submission = row.submission,
         .window = {row.taxpayer, sync::Direction::issued, invoice.type, sync::Month::of(invoice.issued_at)},
         .seq = row.seq,
         .at = row.at});
  }
  return out;
}

// ---- one audit
// -------------------------------------------------------------------------------------------------------

struct NightAudit::LogRead {
  explicit LogRead(sync::LogPlace from) : log(from) {}
  sync::KeyLog log;
  bool shorter = false;                   // than the last audit found it
  std::optional<sync::LogPlace> waiting;  // before the first signature that may be on its way to the journal
  bool replaced() const { return shorter || log.replaced(); }
};

NightAudit::NightAudit(Context& context, const sync::NightSummary& listing, LegalTime before, Unlisted unlisted)
    : c_(context), listing_(listing), before_(before), unlisted_(std::move(unlisted)) {
  for (const auto& taxpayer : listing.taxpayers)
    for (const auto& w : taxpayer.windows) (w.done ? done_ : left_).insert(w.window);
}

asio::awaitable<Result<sync::Audit>> NightAudit::since(AuditMarks& marks) { co_return co_await make(marks, false); }

asio::awaitable<Result<sync::Audit>> NightAudit::whole() {
  AuditMarks from_the_beginning;
  co_return co_await make(from_the_beginning, true);
}

asio::awaitable<Result<sync::Audit>> NightAudit::make(AuditMarks& marks, bool all) {
  audit_.at = c_.clock.now();
  // The journal's end first, then the log: whatever our journal has up to here stands in the log already.
  auto last = co_await c_.read<std::int64_t>([](store::Reader& r) { return r.last_seq(); });
  if (!last) co_return std::unexpected(last.error());
  AuditMarks next = marks;
  auto read = std::make_shared<LogRead>(marks.log);
  bool logged = true;
  if (auto done = co_await read_log(read, true); !done) {
    if (done.error().id.starts_with("store.")) co_return std::unexpected(done.error());
    audit_.unaudited = done.error();
    logged = false;
  }
  if (logged && read->replaced()) {
    audit_.add(gap("audit.log_replaced", {}, std::to_string(marks.log.offset), {}));
    read = std::make_shared<LogRead>(sync::LogPlace{});
    if (auto done = co_await read_log(read, true); !done) co_return std::unexpected(done.error());
  }
  read->log.sort();
  audit_.orders = read->log.orders();
  audit_.signatures = read->log.signatures();
  if (logged) next.log = read->waiting.value_or(read->log.place());
  if (auto done = co_await read_journal(next, *last, all, logged ? &read->log : nullptr); !done)
    co_return std::unexpected(done.error());
  if (!missed_.empty()) {
    // Their orders may lie before the part that was read: the whole log, for its digests alone.
    auto whole_log = std::make_shared<LogRead>(sync::LogPlace{});
    if (!all)
      if (auto done = co_await read_log(whole_log, false); !done) co_return std::unexpected(done.error());
    whole_log->log.sort();
    for (const auto& kept : missed_)
      if (all || !whole_log->log.ordered(kept.message_sm3)) name_unlogged(kept);
  }
  // What a night lists may still wait for our own follow-up to learn of it: it has a day. The platform's times are
  // whole seconds.
  LegalTime until = all && listing_.started_at.is_set() ? listing_.started_at.plus_ms(-kDayMs) : before_;
  until.ms -= until.ms % 1'000;
  if (!all && !next.reds_until.is_set()) next.reds_until = until;
  if (until.is_set() && (all || next.reds_until < until)) {
    if (auto done = co_await look_at_listed_reds(next.reds_until, until); !done)
      co_return std::unexpected(done.error());
    next.reds_until = until;
  }
  marks = next;
  co_return std::move(audit_);
}

void NightAudit::name_unlogged(const AuditJournal::Kept& kept) {
  audit_.add(gap("audit.unlogged", kept.taxpayer, kept.request_id, kept.key_serial));
}

asio::awaitable<Result<void>> NightAudit::read_log(std::shared_ptr<LogRead> read, bool judge) {
  for (;;) {
    const std::int64_t offset = read->log.offset();
    auto page = co_await answered<keys::LogPage>(
        c_.executor, [this, offset](auto done) mutable { c_.keys.read_log(offset, std::move(done)); });
    if (!page && page.error().id == "key.log_offset") {
      read->shorter = true;
      co_return Result<void>{};
    }
    if (!page) co_return std::unexpected(page.error());
    if (page->lines.empty()) {
      read->shorter = page->size < offset;
      co_return Result<void>{};
    }
    auto gaps = co_await c_.read<std::vector<sync::AuditGap>>(
        [read, judge, lines = std::move(page->lines)](store::Reader& r) -> Result<std::vector<sync::AuditGap>> {
          std::vector<sync::AuditGap> found;
          std::vector<sync::KeySignature> signatures;
          read->log.take(lines, signatures, found);
          if (!judge) return std::vector<sync::AuditGap>{};
          for (const auto& signature : signatures) {
            auto known = request_known(r, signature);
            if (!known) return std::unexpected(known.error());
            if (known->open && !known->kept && !read->waiting) read->waiting = signature.before;
            if (auto one = sync::judge(signature, *known)) found.push_back(std::move(*one));
          }
          return found;
        });
    if (!gaps) co_return std::unexpected(gaps.error());
    for (auto& one : *gaps) audit_.add(std::move(one));
    if (read->replaced()) co_return Result<void>{};
  }
}

asio::awaitable<Result<void>> NightAudit::read_journal(AuditMarks& marks, std::int64_t last, bool all,
                                                       const sync::KeyLog* log) {
  // A red that was issued while the night ran may have come after its window: the next night has it listed. On demand
  // the signatures of every row are looked for, and only the reds have to wait.
  const LegalTime until = all ? LegalTime{} : listing_.started_at;
  std::set<std::string> seen;
  std::int64_t held = -1;  // a red whose window is still to be listed: the next audit begins with it
  std::int64_t at = std::min(marks.journal, marks.reds);
  for (;;) {
    auto page = co_await c_.read<AuditJournal>(
        [at, last, until](store::Reader& r) { return audit_journal(r, at, last, until); });
    if (!page) co_return std::unexpected(page.error());
    for (auto& kept : page->kept) {
      if (kept.seq <= marks.journal) continue;
      ++audit_.kept;
      if (log == nullptr || log->ordered(kept.message_sm3)) continue;
      if (missed_.size() < kMissedKept)
        missed_.push_back(std::move(kept));
      else
        name_unlogged(kept);
    }
    std::vector<AuditJournal::Red> due;
    for (auto& red : page->reds) {
      if (red.seq <= marks.reds || red.at >= listing_.started_at) continue;
      if (left_.contains(red.window) && held < 0) held = red.seq - 1;
      if (done_.contains(red.window) && seen.insert(red.number).second) due.push_back(std::move(red));
    }
    if (auto looked = co_await look_for_reds(std::move(due)); !looked) co_return looked;
    at = page->upto;
    if (page->end) break;
  }
  // Without the log no signature is settled: the same rows come again, but a red is told once.
  if (log != nullptr) marks.journal = std::max(marks.journal, at);
  marks.reds = held >= 0 ? held : std::max(marks.reds, at);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> NightAudit::look_for_reds(std::vector<AuditJournal::Red> reds) {
  if (reds.empty()) co_return Result<void>{};
  std::vector<std::pair<std::string, std::string>> asked;
  for (const auto& red : reds) asked.emplace_back(red.taxpayer, red.number);
  auto missing = co_await unlisted_(std::move(asked));
  if (!missing) co_return std::unexpected(missing.error());
  audit_.reds += reds.size();
  for (const auto& red : reds)
    if (missing->contains(red.number))
      audit_.add(gap("audit.red_not_listed", red.taxpayer, red.number, red.submission));
  co_return Result<void>{};
}

asio::awaitable<Result<void>> NightAudit::look_at_listed_reds(LegalTime since, LegalTime until) {
  for (const auto& taxpayer : listing_.taxpayers) {
    std::int64_t first = INT64_MAX, last = INT64_MIN;
    for (const auto& w : taxpayer.windows) {
      if (!w.done || w.window.type.empty() || w.window.direction != sync::Direction::issued) continue;
      first = std::min<std::int64_t>(first, w.window.month.index);
      last = std::max<std::int64_t>(last, w.window.month.index);
    }
    if (first > last) continue;
    auto rows = co_await c_.read<std::vector<store::IssuedRow>>(
        [id = taxpayer.id, first, last](store::Reader& r) { return r.issued_reds(id, first, last); });
    if (!rows) co_return std::unexpected(rows.error());
    std::vector<std::pair<std::string, std::string>> asked;
    for (const auto& row : *rows) {
      if (row.at < since || row.at >= until) continue;
      ++audit_.foreign_looked;
      if (row.blue.empty()) asked.emplace_back(taxpayer.id, row.number);
    }
    if (asked.empty()) continue;
    auto unlisted = co_await unlisted_(asked);
    if (!unlisted) co_return std::unexpected(unlisted.error());
    for (const auto& [id, number] : asked)
      if (!unlisted->contains(number)) audit_.add(gap("audit.red_foreign", id, number, {}, {}, false));
  }
  co_return Result<void>{};
}

}  // namespace taxgate::pipeline
