// After the windows: what the night changed, whether sums and samples agree, which forms are near their end, and what
// it all amounts to.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/pipeline/night.h"

namespace taxgate::pipeline {
namespace {

constexpr std::int64_t kNearMs = 24 * LegalTime::kHourMs;  // a form that a working day may not reach any more

constexpr int kFormTries = 4;  // of one taxpayer's forms: they are looked for by day too, a night need not wait for it

using sync::NightState;

void name_form(sync::Examples& into, sync::Example one) {
  if (++into.count <= sync::kMaxExamples) into.shown.push_back(std::move(one));
}

/// "; tax 2.00 there, 1.00 here", or nothing.
std::string difference(std::string_view what, const std::optional<Fen>& theirs, Fen ours) {
  if (!theirs || *theirs == ours) return {};
  return fmt::format("; {} {} there, {} here", what, theirs->text(), ours.text());
}

}  // namespace

asio::awaitable<void> Night::verify(Run run) {
  co_await tally(run);
  if (stopping_ || run->ended) co_return;
  co_await sums(run);
  co_await sample(run);
  co_await name_unlisted(run);
  co_await forms(run);
  co_await name_examples(run);
}

asio::awaitable<void> Night::tally(Run run) {
  const LegalTime now = c_.clock.now();
  auto tallies = co_await on_night_lane<NightTallies>(
      [run, now](NightLane& lane) { return lane.tally(run->summary.run, run->first_change, now); });
  if (!tallies) {
    co_return unchecked(*run, "changes", tallies.error());
  }
  auto& sum = run->summary;
  sum.first_change = static_cast<std::uint64_t>(tallies->first);
  sum.last_change = static_cast<std::uint64_t>(tallies->last);
  for (std::size_t i = 0; i < run->taxpayers.size(); ++i) {
    auto& part = sum.taxpayers[i];
    NightTally& t = tallies->taxpayers[run->taxpayers[i].number];
    part.added = t.added;
    part.changed = t.changed;
    part.touched = t.touched;
    part.transitions.clear();
    for (const auto& [what, count] : t.transitions) {
      const auto& [field, before, after] = what;
      part.transitions.push_back({field, status_text(before), status_text(after), count});
    }
    std::ranges::sort(part.transitions, [](const auto& a, const auto& b) {
      return std::tie(b.count, a.field, a.before, a.after) < std::tie(a.count, b.field, b.before, b.after);
    });
    part.now_abnormal = std::move(t.now_abnormal);
    part.now_locked = std::move(t.now_locked);
    part.no_longer_red = std::move(t.no_longer_red);
    // What the night found may settle what waits: the follow-up asks the platform at once instead of at its next turn.
    if (t.changed != 0 || t.added != 0) part.settled_submissions = hooks_.wake(part.id);
  }
}

asio::awaitable<void> Night::sums(Run run) {
  const auto current = sync::Month::of(c_.clock.now());
  for (auto& part : run->summary.taxpayers) {
    std::map<std::int32_t, std::map<std::string, store::IssuedTotal>> months;  // by type
    for (auto& w : part.windows) {
      // Of a month that is over: invoices of this one are issued while we look.
      const bool counted =
          w.done && !w.window.type.empty() && w.window.direction == sync::Direction::issued && w.window.month < current;
      if (!counted || !w.platform_amount) continue;
      const std::int32_t month = w.window.month.index;
      if (!months.contains(month)) {
        auto totals = co_await c_.read<std::map<std::string, store::IssuedTotal>>(
            [id = part.id, month](store::Reader& r) { return r.issued_totals(id, month); });
        if (!totals) co_return unchecked(*run, "sums", totals.error());
        months[month] = std::move(*totals);
      }
      const auto& ours = months[month][w.window.type];
      w.our_amount = ours.amount;
      w.our_tax = ours.tax;
      const std::string differs =
          difference("amount", w.platform_amount, ours.amount) + difference("tax", w.platform_tax, ours.tax);
      if (!differs.empty() && w.trouble.empty()) {
        w.trouble = "sync.sum_differs";
        w.detail = differs.substr(2);
      }
    }
  }
}

asio::awaitable<void> Night::sample(Run run) {
  const auto count = static_cast<std::size_t>(c_.settings->sync.sample);
  std::vector<std::uint32_t> numbers;
  std::map<std::uint32_t, std::size_t> index;
  for (std::size_t i = 0; i < run->taxpayers.size(); ++i) {
    index[run->taxpayers[i].number] = i;
    if (!run->taxpayers[i].held) numbers.push_back(run->taxpayers[i].number);
  }
  if (count == 0 || numbers.empty()) co_return;
  const std::uint64_t seed = std::uint64_t{c_.random_below(0xFFFFFFFF)} << 32U | c_.random_below(0xFFFFFFFF);
  auto chosen = co_await on_night_lane<std::vector<NightSample>>(
      [numbers, count, seed](NightLane& lane) -> Result<std::vector<NightSample>> {
        return lane.sample(numbers, count, seed);
      });
  if (!chosen) co_return unchecked(*run, "sample", chosen.error());
  for (const auto& one : *chosen) {
    auto& part = run->summary.taxpayers[index.at(one.taxpayer)];
    leqi::InvoiceStatusRequest ask{.taxpayer = part.id, .number = one.number};
    auto told = co_await patiently<leqi::InvoiceStatusReply>(run, nullptr, [this, ask](auto done) mutable {
      c_.platform.invoice_status(ask.taxpayer, ask, std::move(done));
    });
    if (run->ended || stopping_) co_return;
    if (!told) {  // says nothing of the invoice
      unchecked(*run, "sample", told.error());
      continue;
    }
    ++run->summary.samples;
    const auto seen = told->outcome.ok() ? leqi::status_of(*told) : std::nullopt;
    if (seen && one.status.updated_by(*seen) == one.status) continue;
    ++run->summary.samples_differ;
    if (part.trouble.empty()) {
      part.trouble = "sync.sample_differs";
      part.detail = one.number;
    }
  }
}

asio::awaitable<void> Night::forms(Run run) {
  const LegalTime now = c_.clock.now();
  for (auto& part : run->summary.taxpayers) {
    // A report that names no form must not be silent because nobody could look.
    Result<void> looked;
    for (int failures = 0; failures < kFormTries; ++failures) {
      looked = co_await hooks_.look_at_forms(part.id);
      if (stopping_) co_return;
      const bool later = !looked && looked.error().id != "platform.budget_day" &&
                         (looked.error().code == Errc::retry_later || looked.error().code == Errc::limit_reached);
      if (!later || must_end(*run)) break;
      co_await pause(run, looked.error(), failures);
    }
    if (!looked && part.trouble.empty()) {
      part.trouble = "sync.forms_unread";
      part.detail = looked.error().id;
    }
    auto open =
        co_await c_.read<std::vector<store::InboxForm>>([id = part.id](store::Reader& r) { return r.inbox(id, true); });
    if (!open) {
      unchecked(*run, "forms", open.error());
      continue;
    }
    for (const auto& form : *open) {
      const LegalTime deadline = form.entered_at.plus_ms(LegalTime::kConfirmationMs);
      if (deadline > now && deadline <= now.plus_ms(kNearMs))
        name_form(part.forms_near, {form.uuid, form.counterparty, "deadline " + deadline.platform_text()});
    }
  }
}

asio::awaitable<void> Night::name_examples(Run run) {
  for (auto& part : run->summary.taxpayers) {
    std::vector<sync::Example*> shown;
    std::vector<std::string> numbers;
    for (auto* examples : {&part.in_quarantine, &part.now_abnormal, &part.now_locked, &part.no_longer_red})
      for (auto& one : examples->shown) {
        shown.push_back(&one);
        numbers.push_back(one.number);
      }
    if (shown.empty()) continue;
    using Found = std::vector<std::optional<store::StoredInvoice>>;
    const auto found = co_await c_.read<Found>([numbers](store::Reader& r) -> Result<Found> {
      Found out;
      for (const auto& number : numbers) {
        auto one = r.invoice(number);
        out.push_back(one ? std::move(*one) : std::nullopt);
      }
      return out;
    });
    if (!found) continue;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (!(*found)[i]) continue;
      const auto& invoice = (*found)[i]->invoice;
      shown[i]->counterparty = invoice.seller.id == part.id ? invoice.buyer.name : invoice.seller.name;
    }
  }
}

/// A check of which nothing is known must not look like one that found nothing.
void Night::unchecked(NightRunning& run, std::string what, const Error& why) const {
  if (stopping_) return;
  log::write(log::Level::error, why);
  if (run.unchecked.empty()) run.unchecked_why = why.id;
  if (std::ranges::find(run.unchecked, what) == run.unchecked.end()) run.unchecked.push_back(std::move(what));
}

void Night::conclude(NightRunning& run) const {
  auto& sum = run.summary;
  sum.records = 0;  // of the windows: the incremental listing shows some of the same invoices once more
  // When the night ended after its windows were read, its checks are what is missing.
  bool held = false, incomplete = run.ended.has_value();
  bool attention = sum.samples_differ != 0 || sum.audit.failing != 0 || !run.unchecked.empty();
  // Nothing was signed: there is nothing that the key host could have told.
  attention = attention || (sum.audit.unaudited && sum.audit.kept != 0);
  for (std::size_t i = 0; i < sum.taxpayers.size(); ++i) {
    auto& part = sum.taxpayers[i];
    part.records = 0;
    part.in_quarantine.count = part.quarantined;
    bool missing = false, odd = part.quarantined != 0 || !part.trouble.empty();
    for (const auto& w : part.windows) {
      if (!w.window.type.empty()) part.records += w.records;
      missing = missing || !w.done;
      odd = odd || !w.trouble.empty();
    }
    if (const auto& why = run.taxpayers[i].turned_away; missing && why && part.trouble.empty()) {
      part.trouble = why->id;
      part.detail = sync::detail_of(*why);
    }
    const std::uint64_t news = part.added + part.changed + part.touched + part.quarantined;
    part.unchanged = part.records > news ? part.records - news : 0;
    sum.records += part.records;
    part.state = run.taxpayers[i].held ? NightState::waiting_approval
                 : missing             ? NightState::incomplete
                 : odd                 ? NightState::attention
                                       : NightState::right;
    held = held || part.state == NightState::waiting_approval;
    incomplete = incomplete || part.state == NightState::incomplete;
    attention = attention || part.state == NightState::attention;
  }
  sum.state = incomplete  ? NightState::incomplete
              : held      ? NightState::waiting_approval
              : attention ? NightState::attention
                          : NightState::right;
  if (!run.unchecked.empty()) {
    sum.trouble = "sync.unchecked";
    sum.detail = fmt::format("{} / {}", fmt::join(run.unchecked, ", "), run.unchecked_why);
  }
  if (run.ended) {
    sum.trouble = run.ended->id;
    sum.detail = sync::detail_of(*run.ended);
  }
}

}  // namespace taxgate::pipeline
