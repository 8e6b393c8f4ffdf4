#include "daemon/pipeline/night_lane.h"

#include <chrono>
#include <random>

namespace taxgate::pipeline {
namespace {

constexpr int kTallyPage = 10'000;  // rows of `change` read at once: about a megabyte
constexpr int kDeductionDays = 15;  // of the month: the return of the last one is filed by then
constexpr std::string_view kNotUsed = "0", kDeducted = "1";

std::string_view reason_of(sync::Reason reason) {
  switch (reason) {
    case sync::Reason::unreadable:
      return "unreadable";
    case sync::Reason::transition:
      return "transition";
    case sync::Reason::too_many_statuses:
      break;
  }
  return "too_many_statuses";
}

void example(sync::Examples& into, const InvoiceKey& key, std::string what) {
  if (++into.count <= sync::kMaxExamples) into.shown.push_back({invoice_number(key), {}, std::move(what)});
}

void count(NightTally& t, const store::StatusChange& c, LegalTime now) {
  if (c.before == c.after) {
    ++t.touched;
    return;
  }
  const bool added = c.before.bits == 0;
  ++(added ? t.added : t.changed);
  if (!added && !expected_any_number(c.before, c.after, now)) ++t.implausible;
  for (std::size_t f = 0; f < kStatusFields; ++f) {
    const auto field = static_cast<StatusField>(f);
    if (!added && c.before.get(field) != c.after.get(field))
      ++t.transitions[{field, c.before.get(field), c.after.get(field)}];
  }
  const auto became = [&](StatusField field, std::string_view code) {
    return c.after.text(field) == code && c.before.text(field) != code;
  };
  for (const std::string_view code : {"02", "03"})
    if (became(StatusField::abnormal, code)) example(t.now_abnormal, c.key, "ycpzzt " + std::string(code));
  if (added) return;  // the examples below are news of known invoices
  if (became(StatusField::lock, "Y")) example(t.now_locked, c.key, "hzsdbs Y");
  for (const std::string_view code : {"2", "8"})
    if (became(StatusField::state, code)) example(t.no_longer_red, c.key, "fpzt " + std::string(code));
}

}  // namespace

bool expected_any_number(PlatformStatus before, PlatformStatus after, LegalTime now) {
  if (now.day() > kDeductionDays) return false;
  PlatformStatus ticked = before;
  ticked.set(StatusField::use, after.get(StatusField::use));
  return ticked == after && before.text(StatusField::use) == kNotUsed && after.text(StatusField::use) == kDeducted;
}

Result<void> NightLane::fill() {
  mirror_.clear();
  const auto copied = read_copy();
  from_copy_ = copied.has_value();
  if (from_copy_) {
    copied_upto_ = *copied;
    auto upto = catch_up(*copied);
    if (!upto) return std::unexpected(upto.error());
    known_upto_ = *upto;
  } else {
    auto filled = reader_->each_status([&](const InvoiceKey& key, PlatformStatus status, std::uint64_t hash) {
      mirror_.put(key, status, hash);  // more statuses than a mirror holds: met again, and quarantined then
    });
    if (!filled) return std::unexpected(filled.error());
    known_upto_ = *filled;
  }
  mirror_.begin();
  return {};
}

Result<NightMerged> NightLane::merge(const NightPage& page, NightPages& pages) {
  const auto began = std::chrono::steady_clock::now();
  NightMerged out;
  auto opened = platform::open(page.sealed, *page.key, buffer_);
  if (!opened) return std::unexpected(opened.error());
  if (page.changes) {
    auto head = leqi::read_changes_head(*opened);
    if (!head) return std::unexpected(head.error());
    out.head = *head;
  }
  const auto records = pages.batch.counts.records, repeated = pages.batch.counts.repeated;
  auto merged =
      sync::merge_page(mirror_, page.form, page.taxpayer, *opened, workspace_, pages.batch, &page.asked, *page.allowed);
  if (!merged) return std::unexpected(merged.error());
  out.page = *merged;
  out.records = pages.batch.counts.records - records;
  out.repeated = pages.batch.counts.repeated - repeated;
  out.took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
  return out;
}

NightLane::Stored NightLane::stored(NightPages& pages, LegalTime now) const {
  Stored out;
  out.batch.known_upto = known_upto_;
  sync::Batch& batch = pages.batch;
  out.batch.changes.reserve(batch.changes.size());
  for (const auto& c : batch.changes) {
    store::StatusChange row;
    row.key = c.key;
    row.before = c.before;
    row.after = c.after;
    row.hash = c.hash;
    out.batch.changes.push_back(row);
    if (c.kind == sync::ChangeKind::changed) {
      ++out.changed;
      if (!expected_any_number(c.before, c.after, now)) ++out.implausible;
    }
    if (c.kind == sync::ChangeKind::added && c.facts >= 0)
      out.batch.invoices.push_back(sync::invoice_of(batch.facts[static_cast<std::size_t>(c.facts)], c.after));
  }
  for (auto& q : batch.quarantined) {
    store::QuarantinedRecord row;
    row.number = invoice_number(q.key);
    row.reason = reason_of(q.reason);
    row.field = std::move(q.field);
    row.before = q.before;
    row.after = q.after;
    row.hash = q.hash;
    row.evidence = std::move(q.evidence);
    out.batch.quarantined.push_back(std::move(row));
  }
  batch.clear();
  return out;
}

Result<NightTallies> NightLane::tally(std::int64_t run, std::int64_t after, LegalTime now) {
  NightTallies out;
  for (;;) {
    auto rows = reader_->changes_after(after, kTallyPage);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) {
      after = row.seq;
      if (row.run != run) continue;
      if (out.first == 0) out.first = row.seq;
      out.last = row.seq;
      count(out.taxpayers[row.key.taxpayer()], row, now);
    }
    if (rows->size() < static_cast<std::size_t>(kTallyPage)) return out;
  }
}

std::vector<std::string> NightLane::unseen(std::uint32_t taxpayer, const std::set<int>& years, std::size_t most) const {
  std::vector<std::string> out;
  mirror_.unseen(InvoiceKey::first_partition(taxpayer), InvoiceKey::last_partition(taxpayer),
                 [&](const InvoiceKey& key, PlatformStatus) {
                   if (years.contains(static_cast<int>(key.year()))) out.push_back(invoice_number(key));
                   return out.size() < most;
                 });
  return out;
}

std::vector<NightSample> NightLane::sample(const std::vector<std::uint32_t>& taxpayers, std::size_t count,
                                           std::uint64_t seed) {
  // By place, so that nothing is looked at that is not chosen.
  std::uint64_t known = 0;
  for (const auto taxpayer : taxpayers)
    known += mirror_.size(InvoiceKey::first_partition(taxpayer), InvoiceKey::last_partition(taxpayer));
  std::mt19937_64 random(seed);
  std::set<std::uint64_t> chosen;
  while (chosen.size() < std::min<std::uint64_t>(count, known)) chosen.insert(random() % known);
  std::vector<NightSample> out;
  std::vector<std::uint64_t> places;
  std::uint64_t before = 0;
  for (const auto taxpayer : taxpayers) {
    const auto first = InvoiceKey::first_partition(taxpayer), last = InvoiceKey::last_partition(taxpayer);
    const std::uint64_t own = mirror_.size(first, last);
    places.clear();
    for (auto at = chosen.lower_bound(before); at != chosen.end() && *at < before + own; ++at)
      places.push_back(*at - before);
    mirror_.pick(first, last, places, [&](const InvoiceKey& key, const sync::Mirror::Known& one) {
      out.push_back({taxpayer, invoice_number(key), one.status});
    });
    before += own;
  }
  return out;
}

}  // namespace taxgate::pipeline
