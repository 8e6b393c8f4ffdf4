// What must stand for the coming night: asked for by callers, and by itself on the evening before and shortly before it
// begins. What is found goes to the log and, as an event, to the billing server and every webhook: a path that does not
// need the night to run.
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/core/certificate_files.h"
#include "daemon/pipeline/night.h"
#include "daemon/sync/preflight.h"
#include "protocol/messages.h"

namespace taxgate::pipeline {
namespace {

constexpr int kEvening = 17 * 60;  // minute of the day: somebody who can log in or renew is still at work
constexpr int kBefore = 30;        // minutes before the night: the session of the evening may be gone again
constexpr std::int64_t kPreflightLookMs = 20'000,
                       kPreflightLabLookMs = 50;  // between two looks at a clock that may step

constexpr std::string_view kPreflightAt = "preflight.at";  // cursor: when the last one was made by itself

std::optional<std::uint64_t> free_bytes(const std::string& directory) {
  struct statvfs room{};
  if (::statvfs(directory.c_str(), &room) != 0) return std::nullopt;
  return std::uint64_t{room.f_bavail} * room.f_frsize;
}

}  // namespace

asio::awaitable<Result<sync::PreflightInput>> Night::facts() {
  auto input = co_await gather({});
  if (!input) co_return std::unexpected(input.error());
  const auto settings = c_.settings;
  const LegalTime now = c_.clock.now(), next = scheduled_after(now);
  input->now = next.is_set() ? next : now;
  input->window_end = input->now.plus_ms(next.is_set() ? window_ms(settings->sync) : kDayMs);
  sync::PreflightInput facts;
  facts.window_end = input->window_end;
  facts.plan = sync::make_plan(*input);
  facts.calls_left = input->limits.tonight();
  facts.key_host_connected = c_.keys.connected();
  for (const auto& key : c_.keys.keys()) {
    const auto until = LegalTime::parse(key.valid_until);
    facts.keys.push_back(
        {key.serial, key.taxpayer, key.state == "ready", until ? *until : LegalTime{}, key.state, key.pin_tries_left});
  }
  facts.state_dir = settings->state_dir;
  facts.free_bytes = free_bytes(settings->state_dir);
  for (const auto& [id, taxpayer] : settings->taxpayers) {
    // The lightest of the night's own questions: the totals of this month so far.
    const leqi::Window window{.taxpayer = id,
                              .direction = leqi::Direction::issued,
                              .type = settings->sync.types.empty() ? "81" : settings->sync.types.front(),
                              .from = *LegalTime::parse(sync::Month::of(now).text() + "-01"),
                              .to = *LegalTime::parse(leqi::day_text(now))};
    auto told = co_await answered<leqi::TotalsReply>(
        c_.executor, [this, window](auto done) mutable { c_.platform.totals(window, std::move(done)); });
    sync::PreflightTaxpayer one{.id = id, .asked = true, .refused = {}};
    if (!told)
      one.refused = told.error();
    else if (!told->outcome.ok())
      one.refused = Error{Errc::rejected, "listing.refused", {}, told->outcome.code, {}, told->outcome.message};
    facts.taxpayers.push_back(std::move(one));
  }
  facts.clock_ahead_s = c_.platform.clock_ahead_s();  // by the answers to the light calls
  co_return facts;
}

asio::awaitable<std::vector<sync::PreflightFinding>> Night::judged(sync::PreflightInput facts) {
  auto findings = sync::judge(facts);
  const auto files = co_await c_.read<std::vector<CertificateFinding>>(
      [files = c_.settings->certificate_files](store::Reader&) -> Result<std::vector<CertificateFinding>> {
        return judge_certificate_files(files, std::chrono::system_clock::now());
      });
  if (files)
    for (const CertificateFinding& one : *files) findings.push_back({one.failing, one.error});
  std::ranges::partition(findings, &sync::PreflightFinding::failing);
  co_return findings;
}

void Night::preflight(api::Reply<api::v1::SyncPreflight> reply) {
  asio::co_spawn(
      c_.executor,
      [](Night* self, std::shared_ptr<api::Reply<api::v1::SyncPreflight>> answer) -> asio::awaitable<void> {
        auto facts = co_await self->facts();
        if (!facts) {
          (*answer)(std::unexpected(api::Findings{facts.error()}));
          co_return;
        }
        api::v1::SyncPreflight out;
        out.set_at(self->c_.clock.now().rfc3339());
        out.set_channel(self->c_.settings->channel);
        out.set_window_end(facts->window_end.rfc3339());
        for (const auto& finding : co_await self->judged(*std::move(facts))) {
          auto& row = *out.add_findings();
          row.set_failing(finding.failing);
          show_error(finding.error, row);
        }
        (*answer)(std::move(out));
      }(this, std::make_shared<api::Reply<api::v1::SyncPreflight>>(std::move(reply))),
      asio::detached);
}

LegalTime Night::preflight_after(LegalTime now) const {
  const LegalTime night = scheduled_after(now);
  if (!night.is_set()) return {};
  LegalTime evening = *LegalTime::parse(leqi::day_text(now));
  evening = evening.plus_ms(kEvening * std::int64_t{60'000});
  if (evening <= now) evening = evening.plus_ms(kDayMs);
  LegalTime before = night.plus_ms(-kBefore * std::int64_t{60'000});
  if (before <= now) before = before.plus_ms(kDayMs);
  return std::min(evening, before);
}

asio::awaitable<void> Night::watch_preflight() {
  // One that was due while nobody ran is made at once: its hour is past, and the night is not.
  auto last = co_await c_.read<std::int64_t>([](store::Reader& r) { return r.cursor(kPreflightAt); });
  const LegalTime made{last.value_or(0)};
  LegalTime due = preflight_after(made.is_set() && made < c_.clock.now() ? made : c_.clock.now());
  while (!stopping_) {
    const LegalTime now = c_.clock.now(), next = preflight_after(now);
    if (due.is_set() && now >= due) {
      due = next;
      co_await announce_preflight();
      c_.store.set_cursor(std::string(kPreflightAt), now.ms, [](Result<void> kept) {
        if (!kept) log::write(log::Level::error, kept.error());
      });
      continue;
    }
    if (!due.is_set() || next < due) due = next;  // the time of the night moved, or the clock stepped back
    const std::int64_t look = c_.settings->lab ? kPreflightLabLookMs : kPreflightLookMs;
    co_await sleep(due.is_set() ? std::clamp<std::int64_t>(due.ms - now.ms, 1, look) : look);
  }
}

asio::awaitable<void> Night::announce_preflight() {
  auto facts = co_await this->facts();
  if (stopping_) co_return;
  if (!facts) {
    log::write(log::Level::error, facts.error());
    co_return;
  }
  const LegalTime window_end = facts->window_end;
  const auto findings = co_await judged(*std::move(facts));
  if (stopping_) co_return;
  if (findings.empty()) {
    log::notice("preflight.well", "everything stands for the night until {}", window_end.platform_text());
    co_return;
  }
  for (const auto& finding : findings) {
    log::write(finding.failing ? log::Level::error : log::Level::warning, finding.error);
    JournalRow entry = row("preflight", said(finding.error), finding.error.id);
    entry.state = finding.failing ? "failing" : "attention";
    c_.store.note(std::move(entry), [](Result<void> stored) {
      if (!stored) log::write(log::Level::error, stored.error());
    });
  }
}

}  // namespace taxgate::pipeline
