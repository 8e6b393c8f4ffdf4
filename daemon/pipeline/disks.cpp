#include "daemon/pipeline/disks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>

#include "protocol/messages.h"

namespace taxgate::pipeline {
namespace {

// A forecast is told in minutes.
constexpr std::chrono::minutes kDiskLook{1};
constexpr int kHeldPage = 200;  // held submissions read at once
constexpr std::string_view kDiskReason = "disk.", kReleasedByItself = "auto";

/// What is kept of a meter, and under which names: a disk's rate outlives the daemon.
constexpr std::array<std::string_view, 9> kCursors{"older.at",       "older.count",    "older.positive",
                                                   "older.negative", "newer.at",       "newer.count",
                                                   "newer.positive", "newer.negative", "level"};
using Kept = std::array<std::int64_t, kCursors.size()>;

std::string cursor_of(const std::pair<std::string, std::string>& place, std::size_t i) {
  return fmt::format("disk.{}.{}.{}", place.first, place.second, kCursors[i]);
}
rules::DiskUse use_of(const Kept& kept, std::size_t first) {
  return {LegalTime{kept[first]}, kept[first + 1], kept[first + 2], kept[first + 3]};
}

std::optional<rules::DiskBudget> budget(bool told, const keyd::v1::DiskBudget& of) {
  return told ? std::optional(rules::DiskBudget{of.limit(), of.used()}) : std::nullopt;
}

rules::DiskState state_of(const keyd::v1::TaxDisk& disk, const keyd::v1::DiskType& type) {
  rules::DiskState out;
  out.type = type.code();
  out.lock_date = {type.lock_date_ms()};
  out.window_start = {type.window_start_ms()};
  out.window_end = {type.window_end_ms()};
  out.reported = type.reported();
  out.upload_deadline = {type.upload_deadline_ms()};
  out.offline_since = {type.offline_since_ms()};
  if (type.offline_hours() > 0) out.offline_hours = type.offline_hours();
  for (const auto& volume : disk.volumes())
    if (volume.type() == type.code())
      out.numbers_left = out.numbers_left.value_or(0) + static_cast<std::int64_t>(volume.left());
  out.offline_count = budget(type.has_offline_count(), type.offline_count());
  out.offline_positive = budget(type.has_offline_positive(), type.offline_positive());
  out.offline_negative = budget(type.has_offline_negative(), type.offline_negative());
  out.positive = budget(type.has_positive(), type.positive());
  out.negative = budget(type.has_negative(), type.negative());
  return out;
}

rules::DiskUse use_of(const keyd::v1::TaxDisk& disk, const std::string& type, LegalTime now) {
  rules::DiskUse out;
  out.at = now;
  for (const auto& month : disk.months()) {
    if (month.type() != type) continue;
    out.count += month.positive() + month.voided() + month.negative();
    out.positive += month.positive_amount();
    out.negative += month.negative_amount();
  }
  return out;
}

std::string_view level_name(rules::DiskLevel level) {
  return level == rules::DiskLevel::stopped ? "stopped" : level == rules::DiskLevel::near ? "near" : "";
}

}  // namespace

Disks::Disks(Context& context, std::function<void(const std::string& id)> freed)
    : context_(context), freed_(std::move(freed)), timer_(context.executor) {}

void Disks::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Disks::look() {
  if (stopped_) return;
  bool any = false;
  for (const auto& key : context_.keys.keys()) {
    if (!key.disk) continue;
    any = true;
    for (const auto& type : key.disk->types()) look_at(key, type);
  }
  if (!any && !may_hold_) return;
  if (may_hold_ && !freeing_) asio::co_spawn(context_.executor, free_held(), asio::detached);
  timer_.expires_after(kDiskLook);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

std::vector<rules::DiskForecast> Disks::forecasts(const std::string& serial, const keyd::v1::TaxDisk& disk,
                                                  const keyd::v1::DiskType& type) const {
  const LegalTime now = context_.clock.now();
  const auto found = known_.find({serial, type.code()});
  const rules::DiskMeter meter = found == known_.end() ? rules::DiskMeter{} : found->second.meter;
  return rules::forecast(state_of(disk, type), rules::rate_of(meter, use_of(disk, type.code(), now)), now);
}

rules::DiskLevel Disks::level(const std::vector<rules::DiskForecast>& ends, rules::DiskLevel before) const {
  rules::DiskLevel worst = rules::DiskLevel::well;
  for (const auto& end : ends)
    worst = std::max(worst, rules::level_of(end, context_.settings->warn_deadline_ms, context_.clock.now(), before));
  return worst;
}

void Disks::look_at(const keys::KeyFacts& key, const keyd::v1::DiskType& type) {
  const Place place{key.serial, type.code()};
  Known& known = known_[place];
  if (!known.loaded) {
    if (!std::exchange(known.loading, true)) asio::co_spawn(context_.executor, load(place), asio::detached);
    return;
  }
  bool changed = rules::look_at(known.meter, use_of(*key.disk, type.code(), context_.clock.now()));
  const auto ends = forecasts(key.serial, *key.disk, type);
  const rules::DiskLevel now = level(ends, known.level);
  if (now != known.level) {
    known.level = now;
    changed = true;
    tell(key, type, now, ends);
  }
  if (changed) keep(place, known);
}

asio::awaitable<void> Disks::load(Place place) {
  auto kept = co_await context_.read<Kept>([place](store::Reader& reader) -> Result<Kept> {
    Kept out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
      auto value = reader.cursor(cursor_of(place, i));
      if (!value) return std::unexpected(value.error());
      out[i] = *value;
    }
    return out;
  });
  Known& known = known_[place];
  known.loading = false;
  if (!kept) co_return;  // looked at again in a minute
  known.loaded = true;
  known.meter = {use_of(*kept, 0), use_of(*kept, 4)};
  known.level = static_cast<rules::DiskLevel>(std::clamp<std::int64_t>(kept->back(), 0, 2));
  look();
}

void Disks::keep(const Place& place, const Known& known) {
  const auto& [older, newer] = known.meter;
  const Kept values{older.at.ms,    older.count,    older.positive,
                    older.negative, newer.at.ms,    newer.count,
                    newer.positive, newer.negative, static_cast<std::int64_t>(known.level)};
  for (std::size_t i = 0; i < values.size(); ++i)
    context_.store.set_cursor(cursor_of(place, i), values[i], [](Result<void> stored) {
      if (!stored) log::write(log::Level::error, stored.error());
    });
}

void Disks::tell(const keys::KeyFacts& key, const keyd::v1::DiskType& type, rules::DiskLevel now,
                 const std::vector<rules::DiskForecast>& ends) {
  const std::string what = fmt::format("{} {}", key.serial, type.code());
  Said detail = said("journal.disk_well", what);
  if (now != rules::DiskLevel::well && !ends.empty())
    detail = said(rules::said(ends.front(), what, context_.clock.now()));
  JournalRow note = now == rules::DiskLevel::well      ? row("disk_well", std::move(detail), key.serial)
                    : now == rules::DiskLevel::stopped ? row("disk_stopped", std::move(detail), key.serial)
                                                       : row("disk_near", std::move(detail), key.serial);
  note.taxpayer = key.taxpayer;
  context_.store.note(std::move(note), [](Result<void> stored) {
    if (!stored) log::write(log::Level::error, stored.error());
  });
}

bool Disks::lets(const Submission& sub) const {
  const auto pinned = pinned_to(context_, sub);
  for (const auto& key : context_.keys.keys()) {
    if (key.taxpayer != sub.taxpayer || key.state != "ready") continue;
    if (!pinned.empty() && std::ranges::find(pinned, key.serial) == pinned.end()) continue;
    if (!key.disk) return true;  // it is no disk, and was not there when the disk refused
    if (key.disk->has_trouble()) continue;
    if (std::ranges::all_of(key.disk->types(), [&](const keyd::v1::DiskType& type) {
          return rules::disk_lets(state_of(*key.disk, type), sub.hold_reason, context_.clock.now()).value_or(false);
        }))
      return true;
  }
  return false;
}

asio::awaitable<void> Disks::free_held() {
  freeing_ = true;
  may_hold_ = false;
  store::SubmissionFilter filter;
  filter.state = std::string(name(State::held));
  filter.limit = kHeldPage;
  for (bool more = true; more && !stopped_;) {
    auto page = co_await context_.read<std::vector<Submission>>(
        [filter](store::Reader& reader) { return reader.submissions(filter); });
    if (!page) {
      may_hold_ = true;
      break;
    }
    more = page->size() == static_cast<std::size_t>(kHeldPage);
    for (Submission& sub : *page) {
      filter.after_seq = sub.seq;
      if (!sub.hold_reason.starts_with(kDiskReason) || sub.hold_release_by != kReleasedByItself) continue;
      const bool early = context_.steady_ms() < context_.memory[sub.id].release_at_ms;
      if (early || !lets(sub)) {
        may_hold_ = true;
        continue;
      }
      const std::string reason = std::exchange(sub.hold_reason, {});
      sub.hold_release_by.clear();
      const State to = after_hold(sub);
      auto moved = co_await context_.advance(sub, to, row("release", said("journal.disk_well_again"), reason));
      if (moved)
        freed_(sub.id);
      else
        may_hold_ = true;
    }
  }
  freeing_ = false;
}

void Disks::describe(const keys::KeyFacts& key, api::v1::KeyInfo& out) const {
  for (const auto& [number, serials] : context_.settings->tax_devices)
    if (std::ranges::find(serials, key.serial) != serials.end()) out.add_tax_devices(number);
  if (!key.disk) return;
  const keyd::v1::TaxDisk& disk = *key.disk;
  api::v1::DiskInfo& info = *out.mutable_disk();
  info.set_device_number(disk.device_number());
  info.set_taxpayer(disk.taxpayer());
  info.set_name(disk.name());
  info.set_bureau_code(disk.bureau_code());
  info.set_bureau_name(disk.bureau_name());
  info.set_firmware(disk.firmware());
  info.set_terminal(disk.terminal());
  info.set_company_type(disk.company_type());
  const auto time = [](std::int64_t ms) { return LegalTime{ms}.rfc3339(); };
  info.set_activated_at(time(disk.activated_ms()));
  info.set_clock(time(disk.clock_ms()));
  if (disk.has_trouble()) {
    const Error trouble{Errc::corrupt, disk.trouble().id(), disk.trouble().field(), disk.trouble().wanted(), {}, {}};
    info.set_trouble(message_text(trouble, Language::english));
    info.set_trouble_zh(message_text(trouble, Language::chinese));
  }
  const LegalTime now = context_.clock.now();
  for (const auto& type : disk.types()) {
    const rules::DiskState state = state_of(disk, type);
    api::v1::DiskTypeInfo& shown = *info.add_types();
    shown.set_type(type.code());
    shown.set_lock_date(time(type.lock_date_ms()));
    shown.set_window_start(time(type.window_start_ms()));
    shown.set_window_end(time(type.window_end_ms()));
    shown.set_reported(type.reported());
    shown.set_last_report(time(type.last_report_ms()));
    shown.set_upload_deadline(time(type.upload_deadline_ms()));
    shown.set_offline_since(time(type.offline_since_ms()));
    if (state.offline_hours) shown.set_offline_hours(std::to_string(*state.offline_hours));
    if (state.numbers_left) shown.set_numbers_left(std::to_string(*state.numbers_left));
    if (type.invoice_limit() > 0) shown.set_invoice_limit(Fen{type.invoice_limit()}.text());
    if (state.positive) shown.set_positive_left(Fen{state.positive->left()}.text());
    if (state.negative) shown.set_negative_left(Fen{state.negative->left()}.text());
    if (state.offline_count) shown.set_offline_count_left(std::to_string(state.offline_count->left()));
    if (state.offline_positive) shown.set_offline_positive_left(Fen{state.offline_positive->left()}.text());
    if (state.offline_negative) shown.set_offline_negative_left(Fen{state.offline_negative->left()}.text());
    for (const auto& end : forecasts(key.serial, disk, type)) {
      const Error said = rules::said(end, type.code(), now);
      api::v1::DiskForecast& one = *shown.add_forecasts();
      one.set_code(said.id);
      one.set_at(end.at.rfc3339());
      one.set_seconds_left(std::max<std::int64_t>(end.at.ms - now.ms, 0) / 1000);
      one.set_at_rate(end.at_rate);
      one.set_wanted(said.wanted);
      one.set_left(said.left);
      show_message(said, one);
      show_remedy(said, one);
      one.set_level(std::string(level_name(rules::level_of(end, context_.settings->warn_deadline_ms, now))));
    }
  }
  for (const auto& volume : disk.volumes()) {
    api::v1::DiskVolumeInfo& shown = *info.add_volumes();
    shown.set_type(volume.type());
    shown.set_code(volume.code());
    shown.set_first(volume.first());
    shown.set_last(volume.last());
    shown.set_next(volume.current());
    shown.set_left(volume.left());
    shown.set_bought_at(time(volume.bought_ms()));
  }
  for (const auto& month : disk.months()) {
    api::v1::DiskMonthInfo& shown = *info.add_months();
    shown.set_type(month.type());
    shown.set_month(fmt::format("{:04}-{:02}", month.month() / 100, month.month() % 100));
    shown.set_opening(month.opening());
    shown.set_bought(month.bought());
    shown.set_returned(month.returned());
    shown.set_closing(month.closing());
    shown.set_positive(month.positive());
    shown.set_voided(month.voided());
    shown.set_negative(month.negative());
    shown.set_positive_amount(Fen{month.positive_amount()}.text());
    shown.set_negative_amount(Fen{month.negative_amount()}.text());
  }
}

}  // namespace taxgate::pipeline
