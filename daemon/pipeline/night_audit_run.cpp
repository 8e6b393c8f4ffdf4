// The audit as a night makes it: what it did not list, what is new since the last audit, events and cursors.
#include <algorithm>

#include "daemon/core/limits.h"
#include "daemon/pipeline/night.h"
#include "daemon/report/night_record.h"
#include "protocol/messages.h"

namespace taxgate::pipeline {
namespace {

constexpr std::string_view kLogOffset = "audit.log", kLogMark = "audit.log_mark", kJournalRow = "audit.journal",
                           kRedRow = "audit.red_row", kRedsUntil = "audit.reds";
constexpr int kLookBack = 8;  // runs: one of them had an audit, unless all were cut short
// Invoices looked up one by one to name what a window lost: a second of reading. More of them is told by the counts.
constexpr std::size_t kLookedUp = 20'000, kLookUpAtOnce = 500;

/// Invoices are missing from it that were there, or that we issued.
bool lacks(const sync::WindowResult& w) {
  if (!w.done || w.window.type.empty()) return false;
  return w.records < w.expected || (w.our_amount && w.platform_amount && *w.platform_amount < *w.our_amount);
}

LegalTime first_of(sync::Month month) { return *LegalTime::parse(month.text() + "-01"); }

}  // namespace

NightAudit::Unlisted Night::never_listed() {
  return
      [this](std::vector<std::pair<std::string, std::string>> asked) -> asio::awaitable<Result<std::set<std::string>>> {
        return on_night_lane<std::set<std::string>>(
            [asked = std::move(asked)](NightLane& lane) -> Result<std::set<std::string>> {
              std::set<std::string> out;
              for (const auto& [taxpayer, number] : asked) {
                const auto no = lane.reader().taxpayer_number(taxpayer);
                if (!no) return std::unexpected(no.error());
                const auto key = invoice_key(*no, number);
                if (!key) continue;  // no number of a kind that is listed
                const auto status = lane.reader().status_of(*key);
                if (!status) return std::unexpected(status.error());
                if (!*status) out.insert(number);
              }
              return out;
            });
      };
}

asio::awaitable<void> Night::name_unlisted(Run run) {
  for (std::size_t i = 0; i < run->taxpayers.size(); ++i) {
    auto& part = run->summary.taxpayers[i];
    std::set<sync::Window> lacking;
    std::set<int> years;
    std::set<sync::Window> before_stop;
    for (const auto& task : run->tasks)
      if (task.taxpayer == i && task.before_stop) before_stop.insert(part.windows[task.window].window);
    for (auto& w : part.windows) {
      if (!lacks(w)) continue;
      lacking.insert(w.window);
      years.insert(w.window.month.year() % 100);
      if (!w.trouble.empty()) continue;
      w.trouble = "sync.fewer_listed";
      w.detail = std::to_string(w.records) + " listed, " + std::to_string(w.expected) + " before";
    }
    if (lacking.empty()) continue;
    const auto name_those = [&](const std::vector<Invoice>& invoices, const std::set<sync::Window>& but = {}) {
      for (const auto& invoice : invoices)
        for (const auto direction : {sync::Direction::issued, sync::Direction::received}) {
          const Party& ours = direction == sync::Direction::issued ? invoice.seller : invoice.buyer;
          const sync::Window window{part.id, direction, invoice.type, sync::Month::of(invoice.issued_at)};
          if (ours.id == part.id && lacking.contains(window) && !but.contains(window))
            run->summary.audit.add(
                {true, Error{Errc::corrupt, "audit.not_listed", part.id, invoice.number, window.month.text(), {}}});
        }
    };
    // Known from earlier listings, and not met tonight. What was listed before a stop is not met either, so of such a
    // window none is named: a sum that differs stays, and is looked at again the next night.
    auto numbers = co_await on_night_lane<std::vector<std::string>>(
        [no = run->taxpayers[i].number, years](NightLane& lane) -> Result<std::vector<std::string>> {
          return lane.unseen(no, years, kLookedUp);
        });
    if (!numbers) co_return unchecked(*run, "missing", numbers.error());
    for (std::size_t at = 0; at < numbers->size(); at += kLookUpAtOnce) {
      std::vector<std::string> some(
          numbers->begin() + static_cast<std::ptrdiff_t>(at),
          numbers->begin() + static_cast<std::ptrdiff_t>(std::min(at + kLookUpAtOnce, numbers->size())));
      auto found = co_await c_.read<std::vector<Invoice>>([some = std::move(some)](store::Reader& r) {
        Result<std::vector<Invoice>> out{std::in_place};
        for (const auto& number : some) {
          auto one = r.invoice(number);
          if (!one) return out = std::unexpected(one.error());
          if (*one) out->push_back(std::move((*one)->invoice));
        }
        return out;
      });
      if (!found) co_return unchecked(*run, "missing", found.error());
      name_those(*found, before_stop);
    }
    // Issued as the ledger was told, and never listed at all.
    for (const auto& window : lacking) {
      if (window.direction != sync::Direction::issued) continue;
      store::InvoiceFilter filter{.seller = part.id,
                                  .from = first_of(window.month),
                                  .until = first_of({window.month.index + 1}),
                                  .limit = limits::kListPage};
      for (std::size_t looked = 0; looked < kLookedUp;) {
        auto page = co_await c_.read<store::InvoicePage>([filter](store::Reader& r) { return r.invoices(filter); });
        if (!page) co_return unchecked(*run, "missing", page.error());
        std::vector<std::pair<std::string, std::string>> asked;
        for (const auto& invoice : page->invoices)
          if (invoice.type == window.type) asked.emplace_back(part.id, invoice.number);
        looked += page->invoices.size() + 1;
        auto unlisted = co_await never_listed()(std::move(asked));
        if (!unlisted) co_return unchecked(*run, "missing", unlisted.error());
        std::erase_if(page->invoices, [&](const Invoice& invoice) { return !unlisted->contains(invoice.number); });
        name_those(page->invoices);
        if (page->next.empty()) break;
        filter.after = page->next;
      }
    }
  }
}

asio::awaitable<Result<AuditMarks>> Night::audit_marks() {
  co_return co_await c_.read<AuditMarks>([](store::Reader& r) -> Result<AuditMarks> {
    AuditMarks out;
    std::int64_t reds = 0;
    const std::pair<std::string_view, std::int64_t*> cursors[] = {{kLogOffset, &out.log.offset},
                                                                  {kLogMark, &out.log.mark},
                                                                  {kJournalRow, &out.journal},
                                                                  {kRedRow, &out.reds},
                                                                  {kRedsUntil, &reds}};
    for (const auto& [cursor, into] : cursors) {
      auto value = r.cursor(cursor);
      if (!value) return std::unexpected(value.error());
      *into = *value;
    }
    out.reds_until = LegalTime{reds};
    if (out.reds == 0) out.reds = out.journal;  // kept before the two were told apart
    return out;
  });
}

asio::awaitable<std::optional<AuditMarks>> Night::audit_run(Run run) {
  auto kept = co_await audit_marks();
  auto before = co_await on_night_lane<std::vector<store::NightRun>>(
      [run](NightLane& lane) { return lane.reader().runs(run->summary.run, kLookBack); });
  if (!kept || !before) {
    unchecked(*run, "audit", kept ? before.error() : kept.error());
    co_return std::nullopt;
  }
  for (const auto& row : *before) {
    api::v1::SyncRun record;
    if (!record.ParseFromString(row.summary) || !record.has_audit()) continue;
    for (const auto& gap : report::from_record(record).audit.named) kept->told.insert(gap_name(gap.error));
    break;
  }
  AuditMarks marks = *kept;
  NightAudit made(c_, run->summary, before->empty() ? LegalTime{} : before->front().started_at, never_listed());
  auto audit = co_await made.since(marks);
  if (!audit) {
    unchecked(*run, "audit", audit.error());
    co_return *kept;
  }
  // What the windows lost was found before; it stands first.
  sync::Audit& all = run->summary.audit;
  const sync::Audit lost = std::move(all);
  all = std::move(*audit);
  std::vector<sync::AuditGap> later = std::exchange(all.named, lost.named);
  for (auto& gap : later)
    if (all.named.size() < sync::kMaxGaps) all.named.push_back(std::move(gap));
  all.gaps += lost.gaps;
  all.failing += lost.failing;
  co_return marks;
}

asio::awaitable<void> Night::keep_audit(Run run, AuditMarks marks) {
  for (const auto& gap : run->summary.audit.named) {
    if (marks.told.contains(gap_name(gap.error))) continue;  // it stands as it stood: in the report, but no news
    log::write(gap.failing ? log::Level::error : log::Level::warning, gap.error);
    JournalRow entry = row("audit", said(gap.error), gap.error.id);
    entry.taxpayer = gap.error.field;
    entry.state = gap.failing ? "failing" : "attention";
    auto noted = co_await answered<void>(c_.executor, [this, entry = std::move(entry)](auto done) mutable {
      c_.store.note(std::move(entry), std::move(done));
    });
    if (!noted) co_return;  // the cursors stay: the next audit finds it again
  }
  const std::pair<std::string_view, std::int64_t> cursors[] = {{kLogOffset, marks.log.offset},
                                                               {kLogMark, marks.log.mark},
                                                               {kJournalRow, marks.journal},
                                                               {kRedRow, marks.reds},
                                                               {kRedsUntil, marks.reds_until.ms}};
  for (const auto& [cursor, value] : cursors) {
    auto set = co_await answered<void>(c_.executor, [this, cursor, value](auto done) mutable {
      c_.store.set_cursor(std::string(cursor), value, std::move(done));
    });
    if (!set) co_return;
  }
}

}  // namespace taxgate::pipeline
