// Forms that counterparties raised against us: looked for regularly, in both roles, and kept until they are settled.
#include <algorithm>
#include <boost/asio/redirect_error.hpp>

#include "daemon/pipeline/context.h"
#include "daemon/pipeline/engine.h"

namespace taxgate::pipeline {
namespace {

constexpr std::int64_t kBackMs = 88 * kDayMs;  // a listing spans at most 90 days (rules.md C)
constexpr int kMaxInboxPages = 100;            // 5,000 forms of one side in 90 days; the rest is found as these settle

bool waits_for_us(const leqi::Form& form, Side side) {
  const auto cls = leqi::form_class(form.state);
  return side == Side::buyer ? cls == leqi::FormClass::pending_buyer : cls == leqi::FormClass::pending_seller;
}

}  // namespace

asio::awaitable<void> Engine::watch_inbox() {
  while (!stopping_) {
    const auto settings = context_.settings;
    for (const auto& [id, taxpayer] : settings->taxpayers) {
      (void)co_await look_at_both_inboxes(id);  // the next turn comes
      if (stopping_) co_return;
    }
    inbox_timer_.expires_after(std::chrono::milliseconds(settings->poll_inbox_ms));
    boost::system::error_code cancelled;  // cancelled: the laboratory's clock jumped, or we stop
    co_await inbox_timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

asio::awaitable<Result<void>> Engine::look_at_both_inboxes(std::string taxpayer) {
  auto seller = co_await look_at_inbox(taxpayer, Side::seller);
  if (stopping_) co_return seller;
  auto buyer = co_await look_at_inbox(taxpayer, Side::buyer);
  co_return seller ? buyer : seller;
}

asio::awaitable<Result<void>> Engine::look_at_inbox(std::string taxpayer, Side side) {
  const LegalTime now = context_.clock.now();
  leqi::ListRequest ask{
      .taxpayer = taxpayer, .side = side, .blue_number = {}, .from = now.plus_ms(-kBackMs), .to = now.plus_ms(kDayMs)};
  auto standing = co_await context_.read<std::vector<store::InboxForm>>(
      [taxpayer](store::Reader& r) { return r.inbox(taxpayer, true); });
  if (!standing) co_return std::unexpected(standing.error());
  std::vector<leqi::Form> seen;
  for (ask.page = 1; ask.page <= kMaxInboxPages; ++ask.page) {
    auto listed = co_await answered<leqi::ListReply>(
        context_.executor, [&](auto done) { context_.platform.list(taxpayer, ask, std::move(done)); });
    // An incomplete look decides nothing; the next one comes.
    if (!listed) co_return std::unexpected(listed.error());
    if (stopping_) co_return fail(Errc::retry_later, "lane.stopped");
    if (!listed->outcome.ok())
      co_return fail(Errc::rejected, "listing.refused", {}, listed->outcome.code, {}, listed->outcome.message);
    std::ranges::move(listed->forms, std::back_inserter(seen));
    if (ask.page * ask.page_size >= listed->total || listed->forms.empty()) break;
  }
  for (const leqi::Form& form : seen) {
    const auto known = std::ranges::find(*standing, form.uuid, &store::InboxForm::uuid);
    const bool waiting = waits_for_us(form, side) && form.initiator != side;
    if (!waiting && known == standing->end()) continue;
    if (known != standing->end() && known->state == form.state && waiting == known->open) continue;
    store::InboxForm entry = known != standing->end() ? *known : store::InboxForm{};
    entry.uuid = form.uuid;
    entry.number = form.number;
    entry.taxpayer = taxpayer;
    entry.state = form.state;
    entry.blue_number = form.blue_number;
    entry.counterparty =
        side == Side::seller ? (form.buyer.id.empty() ? form.buyer.name : form.buyer.id) : form.seller.id;
    entry.reason = form.reason;
    entry.role = side;
    entry.amount = form.amount;
    entry.tax = form.tax;
    entry.entered_at = form.entered_at;
    if (!entry.seen_at.is_set()) entry.seen_at = now;
    entry.open = waiting;
    auto stored = co_await answered<void>(
        context_.executor, [&](auto done) { parts_.store->put_inbox_form(std::move(entry), std::move(done)); });
    if (!stored) {
      log::write(log::Level::error, stored.error());
      co_return stored;
    }
  }
  co_return Result<void>{};
}

}  // namespace taxgate::pipeline
