#include "drivers/gmt0017/disk_record.h"

#include <algorithm>
#include <string>

namespace taxgate::gmt0017 {
namespace {

constexpr std::size_t kDeviceDigits = 12, kTypeDigits = 3, kMaxText = 80;
constexpr std::int64_t kLatestMs = 4'102'444'800'000;     // the year 2100: later is garbage
constexpr std::int64_t kMostFen = 1'000'000'000'000'000;  // sums of them stay far from the end of an int64
constexpr std::int64_t kMostCount = 1'000'000'000'000;

bool digits(const std::string& text, std::size_t count) {
  return text.size() == count && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}
bool within(std::int64_t value, std::int64_t most) { return value >= 0 && value <= most; }
bool good(const keyd::v1::DiskBudget& budget) {
  return within(budget.limit(), kMostFen) && within(budget.used(), kMostFen);
}

bool good(const keyd::v1::DiskType& type) {
  return digits(type.code(), kTypeDigits) && within(type.lock_date_ms(), kLatestMs) &&
         within(type.window_start_ms(), kLatestMs) && within(type.window_end_ms(), kLatestMs) &&
         within(type.last_report_ms(), kLatestMs) && within(type.upload_deadline_ms(), kLatestMs) &&
         within(type.offline_since_ms(), kLatestMs) && within(type.offline_hours(), kMostCount) &&
         within(type.invoice_limit(), kMostFen) && good(type.offline_count()) && good(type.offline_positive()) &&
         good(type.offline_negative()) && good(type.positive()) && good(type.negative());
}
bool good(const keyd::v1::DiskVolume& volume) {
  return digits(volume.type(), kTypeDigits) && volume.code().size() <= kDeviceDigits &&
         volume.left() <= static_cast<std::uint64_t>(kMostCount) && within(volume.bought_ms(), kLatestMs);
}
bool good(const keyd::v1::DiskMonth& month) {
  if (!digits(month.type(), kTypeDigits)) return false;
  for (const std::int64_t count : {month.opening(), month.bought(), month.returned(), month.closing(), month.positive(),
                                   month.voided(), month.negative()})
    if (!within(count, kMostCount)) return false;
  return within(month.positive_amount(), kMostFen) && within(month.negative_amount(), kMostFen);
}

std::unexpected<Error> unusable(const char* part) { return fail(Errc::corrupt, "key.disk_format", part); }

}  // namespace

Result<keyd::v1::TaxDisk> read_disk_record(ByteView bytes) {
  keyd::v1::TaxDisk disk;
  if (bytes.size() > kMaxDiskRecord || !disk.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return unusable("record");
  disk.clear_trouble();
  disk.DiscardUnknownFields();
  if (!digits(disk.device_number(), kDeviceDigits)) return unusable("device_number");
  for (const std::string* text : {&disk.taxpayer(), &disk.name(), &disk.bureau_code(), &disk.bureau_name(),
                                  &disk.firmware(), &disk.terminal(), &disk.company_type()})
    if (text->size() > 3 * kMaxText) return unusable("identity");  // 80 characters of UTF-8
  if (!within(disk.activated_ms(), kLatestMs) || !within(disk.clock_ms(), kLatestMs)) return unusable("clock");
  const auto all_good = [](const auto& list) {
    return std::ranges::all_of(list, [](const auto& one) { return good(one); });
  };
  if (!all_good(disk.types())) return unusable("type");
  if (!all_good(disk.volumes())) return unusable("volume");
  if (!all_good(disk.months())) return unusable("month");
  return disk;
}

}  // namespace taxgate::gmt0017
