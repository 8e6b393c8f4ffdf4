#include "daemon/rules/disk.h"

#include <algorithm>
#include <array>
#include <utility>

namespace taxgate::rules {
namespace {

constexpr std::int64_t kDiskDayMs = 24 * LegalTime::kHourMs;
constexpr std::string_view kOperator = "operator", kItself = "auto";

// Codes seen of real disks; what is not here is not guessed.
constexpr std::array kRefusals{
    DiskRefusal{"09D108", "disk.number", kOperator},       DiskRefusal{"09D109", "disk.locked", kItself},
    DiskRefusal{"09D110", "disk.type", kOperator},         DiskRefusal{"09D11C", "disk.reported", kItself},
    DiskRefusal{"09D11F", "disk.offline_hours", kItself},  DiskRefusal{"09D120", "disk.offline_count", kItself},
    DiskRefusal{"09D121", "disk.offline_amount", kItself}, DiskRefusal{"09D122", "disk.upload_date", kItself},
    DiskRefusal{"09E105", "disk.clock", kOperator}};

class Forecaster {
 public:
  Forecaster(const DiskRate& rate, LegalTime now) : rate_(rate), now_(now) {}

  void date(DiskEnd what, LegalTime at) {
    if (at.is_set()) out_.push_back({what, at, false, {}});
  }

  /// `used` of what is counted went in the span of the rate.
  void runs_out(DiskEnd what, std::int64_t left, std::int64_t used, std::string text) {
    if (left <= 0) {
      out_.push_back({what, now_, false, std::move(text)});
      return;
    }
    if (used <= 0 || rate_.span_ms <= 0) return;
    const __int128 ms = static_cast<__int128>(left) * rate_.span_ms / used;
    // A figure that lasts ten years stops nothing, and its date would leave the calendar.
    constexpr std::int64_t kFarMs = 3650 * kDiskDayMs;
    if (ms < kFarMs) out_.push_back({what, now_.plus_ms(static_cast<std::int64_t>(ms)), true, std::move(text)});
  }
  void count(DiskEnd what, const std::optional<std::int64_t>& left) {
    if (left) runs_out(what, *left, rate_.count, std::to_string(*left));
  }
  void amount(DiskEnd what, const std::optional<DiskBudget>& budget, std::int64_t used) {
    if (budget) runs_out(what, budget->left(), used, Fen{budget->left()}.text());
  }

  std::vector<DiskForecast> take() {
    std::ranges::sort(out_, {}, [](const DiskForecast& f) { return std::pair(f.at, f.what); });
    return std::move(out_);
  }

 private:
  const DiskRate& rate_;
  LegalTime now_;
  std::vector<DiskForecast> out_;
};

}  // namespace

std::vector<DiskForecast> forecast(const DiskState& state, const DiskRate& rate, LegalTime now) {
  Forecaster out(rate, now);
  out.date(DiskEnd::lock_date, state.lock_date);
  if (!state.reported && now >= state.window_start) out.date(DiskEnd::report_window, state.window_end);
  if (state.offline_since.is_set()) {
    out.date(DiskEnd::upload_deadline, state.upload_deadline);
    if (state.offline_hours)
      out.date(DiskEnd::offline_hours, state.offline_since.plus_ms(*state.offline_hours * LegalTime::kHourMs));
  }
  out.count(DiskEnd::numbers, state.numbers_left);
  if (state.offline_count) out.count(DiskEnd::offline_count, state.offline_count->left());
  out.amount(DiskEnd::offline_positive, state.offline_positive, rate.positive);
  out.amount(DiskEnd::offline_negative, state.offline_negative, rate.negative);
  out.amount(DiskEnd::positive, state.positive, rate.positive);
  out.amount(DiskEnd::negative, state.negative, rate.negative);
  return out.take();
}

DiskLevel level_of(const DiskForecast& forecast, std::int64_t lead_ms, LegalTime now, DiskLevel before) {
  constexpr std::int64_t kDateLeadMs = 3 * kDiskDayMs;
  const std::int64_t left = forecast.at.ms - now.ms;
  if (left <= 0 && forecast.what != DiskEnd::report_window) return DiskLevel::stopped;
  const bool bureau = forecast.what == DiskEnd::lock_date || forecast.what == DiskEnd::report_window;
  const std::int64_t lead = bureau ? kDateLeadMs : lead_ms;
  return left <= (before == DiskLevel::well ? lead : lead + lead / 2) ? DiskLevel::near : DiskLevel::well;
}

Error said(const DiskForecast& forecast, std::string_view type, LegalTime now) {
  // In the order of DiskEnd.
  static constexpr std::array<const char*, 10> kIds{
      "disk.end_lock_date", "disk.end_report_window", "disk.end_upload_deadline",  "disk.end_offline_hours",
      "disk.end_numbers",   "disk.end_offline_count", "disk.end_offline_positive", "disk.end_offline_negative",
      "disk.end_positive",  "disk.end_negative"};
  return {Errc::limit_reached, kIds[static_cast<std::size_t>(forecast.what)],
          std::string(type),   std::to_string(std::max<std::int64_t>(forecast.at.ms - now.ms, 0) / 1000),
          forecast.left,       {}};
}

std::span<const DiskRefusal> disk_refusals() { return kRefusals; }

const DiskRefusal* disk_refusal(std::string_view sense) {
  const auto at = std::ranges::find(kRefusals, sense, &DiskRefusal::sense);
  return at == kRefusals.end() ? nullptr : &*at;
}

std::optional<bool> disk_lets(const DiskState& state, std::string_view id, LegalTime now) {
  if (id == "disk.reported") return !state.reported;
  const auto of_refusal = [id](DiskEnd what) {
    switch (what) {
      case DiskEnd::lock_date:
        return id == "disk.locked";
      case DiskEnd::offline_hours:
        return id == "disk.offline_hours";
      case DiskEnd::offline_count:
        return id == "disk.offline_count";
      case DiskEnd::offline_positive:
      case DiskEnd::offline_negative:
        return id == "disk.offline_amount";
      case DiskEnd::upload_deadline:
        return id == "disk.upload_date";
      default:
        return false;
    }
  };
  const DiskRefusal* refusal = nullptr;
  for (const DiskRefusal& one : kRefusals)
    if (one.id == id) refusal = &one;
  if (refusal == nullptr || refusal->release_by != kItself) return std::nullopt;
  return std::ranges::none_of(forecast(state, {}, now),
                              [&](const DiskForecast& end) { return of_refusal(end.what) && end.at <= now; });
}

bool look_at(DiskMeter& meter, const DiskUse& now) {
  constexpr std::int64_t kHalfDayMs = kDiskDayMs / 2;
  const DiskUse& last = meter.newer;
  // Another disk under the same serial, months it has forgotten, a clock set back: what was seen says nothing any more.
  const bool fresh = !last.at.is_set() || now.at < last.at || now.count < last.count || now.positive < last.positive ||
                     now.negative < last.negative;
  if (!fresh && now.at.ms - last.at.ms < kHalfDayMs) return false;
  meter.older = fresh ? now : last;
  meter.newer = now;
  return true;
}

DiskRate rate_of(const DiskMeter& meter, const DiskUse& now) {
  const DiskUse& from = meter.older;
  if (!from.at.is_set()) return {};
  return {.span_ms = std::max(now.at.ms - from.at.ms, LegalTime::kHourMs),
          .count = now.count - from.count,
          .positive = now.positive - from.positive,
          .negative = now.negative - from.negative};
}

}  // namespace taxgate::rules
