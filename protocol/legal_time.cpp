#include "protocol/legal_time.h"

#include <fmt/format.h>

#include <chrono>

#include "protocol/text.h"

namespace taxgate {
namespace {

using namespace std::chrono;

constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
// What four digits of year can show. Times outside are clamped for display only; parse never yields them.
constexpr int kFirstYear = 1970, kLastYear = 9999;

std::int64_t days_from_civil(int y, int m, int d) {
  return sys_days{year{y} / month{static_cast<unsigned>(m)} / day{static_cast<unsigned>(d)}}.time_since_epoch().count();
}

struct Civil {
  int year, month, day, hour, minute, second, millisecond;
};
Civil civil(LegalTime t) {
  const std::int64_t first = days_from_civil(kFirstYear, 1, 1) * kDayMs;
  const std::int64_t last = (days_from_civil(kLastYear, 12, 31) + 1) * kDayMs - 1;
  std::int64_t local = t.ms > last ? last : t.ms + LegalTime::kOffsetMs;
  local = local < first ? first : local > last ? last : local;
  const std::int64_t days = local / kDayMs, rest = local % kDayMs;
  const year_month_day ymd{sys_days{std::chrono::days{days}}};
  return {static_cast<int>(ymd.year()),
          static_cast<int>(static_cast<unsigned>(ymd.month())),
          static_cast<int>(static_cast<unsigned>(ymd.day())),
          static_cast<int>(rest / LegalTime::kHourMs),
          static_cast<int>(rest / 60'000 % 60),
          static_cast<int>(rest / 1000 % 60),
          static_cast<int>(rest % 1000)};
}

/// Reads fixed-width decimal fields and single characters from the front; remembers the first failure.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  int number(std::size_t width) {
    if (rest_.size() < width) return broken();
    int v = 0;
    for (std::size_t i = 0; i < width; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return broken();
      v = v * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(width);
    return v;
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void require(char c) {
    if (!take(c)) broken();
  }
  /// ".123456" truncated to milliseconds; nine digits at most.
  int fraction_ms() {
    int v = 0, n = 0;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1), ++n)
      if (n < 3) v = v * 10 + (rest_[0] - '0');
    if (n == 0 || n > 9) return broken();
    for (; n < 3; ++n) v *= 10;
    return v;
  }
  bool at_end() const { return rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  int broken() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

Result<LegalTime> LegalTime::parse(std::string_view text, std::string_view field) {
  const auto refuse = [&] {
    return fail(Errc::invalid_input, "time.format", std::string(field), shown(text), "2026-11-22 10:19:52");
  };
  Reader in(text);
  const int y = in.number(4);
  in.require('-');
  const int mo = in.number(2);
  in.require('-');
  const int d = in.number(2);
  const year_month_day date{std::chrono::year{y} / std::chrono::month{static_cast<unsigned>(mo)} /
                            std::chrono::day{static_cast<unsigned>(d)}};
  if (!in.ok() || y < kFirstYear || !date.ok()) return refuse();
  const std::int64_t midnight = days_from_civil(y, mo, d) * kDayMs;
  if (in.at_end()) return LegalTime{midnight - kOffsetMs};

  const bool rfc = in.take('T');
  if (!rfc) in.require(' ');
  const int h = in.number(2);
  in.require(':');
  const int mi = in.number(2);
  in.require(':');
  const int s = in.number(2);
  if (!in.ok() || h > 23 || mi > 59 || s > 59) return refuse();
  std::int64_t local = midnight + ((h * 60LL + mi) * 60 + s) * 1000, offset = kOffsetMs;
  if (rfc) {
    if (in.take('.')) local += in.fraction_ms();
    if (in.take('Z')) {
      offset = 0;
    } else {
      const bool west = in.take('-');
      if (!west) in.require('+');
      const int oh = in.number(2);
      in.require(':');
      const int om = in.number(2);
      if (oh > 23 || om > 59) return refuse();
      offset = (oh * 60LL + om) * 60'000 * (west ? -1 : 1);
    }
  }
  if (!in.ok() || !in.at_end()) return refuse();
  return LegalTime{local - offset};
}

std::string LegalTime::platform_text() const {
  if (!is_set()) return {};
  const Civil c = civil(*this);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string LegalTime::rfc3339() const {
  if (!is_set()) return {};
  const Civil c = civil(*this);
  if (c.year < 0 || c.year > 9999)
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+08:00", c.year, c.month, c.day, c.hour, c.minute,
                       c.second, c.millisecond);
  // By hand: every answer has several.
  std::string out = "0000-00-00T00:00:00.000+08:00";
  const auto put = [&out](std::size_t at, int digits, int value) {
    for (std::size_t i = at + static_cast<std::size_t>(digits); i-- > at; value /= 10)
      out[i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, c.year);
  put(5, 2, c.month);
  put(8, 2, c.day);
  put(11, 2, c.hour);
  put(14, 2, c.minute);
  put(17, 2, c.second);
  put(20, 3, c.millisecond);
  return out;
}

std::string LegalTime::compact() const {
  if (!is_set()) return {};
  const Civil c = civil(*this);
  return fmt::format("{:02}{:02}{:02}{:02}{:02}{:02}", c.year % 100, c.month, c.day, c.hour, c.minute, c.second);
}

int LegalTime::year() const { return civil(*this).year; }
int LegalTime::month() const { return civil(*this).month; }
int LegalTime::day() const { return civil(*this).day; }

LegalTime LegalTime::next_month() const {
  const Civil c = civil(*this);
  const bool december = c.month == 12;
  return {days_from_civil(c.year + (december ? 1 : 0), december ? 1 : c.month + 1, 1) * kDayMs - kOffsetMs};
}

}  // namespace taxgate
