#include "simulator/device/tax_disk.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "protocol/legal_time.h"
#include "simulator/device/tax_disk_file.h"

namespace taxgate::simulator {
namespace {

std::unexpected<bot::Sense> refuse(const bot::Sense& why) { return std::unexpected(why); }

int month_number(std::int64_t ms) {
  const LegalTime time{ms};
  return time.year() * 100 + time.month();
}

constexpr std::string_view kClearance = "SIMULATED CLEARANCE";

}  // namespace

DiskContent ordinary_disk(const std::string& device_number, const std::string& taxpayer, const std::string& name,
                          std::int64_t now_ms) {
  constexpr std::int64_t kDayMs = 24 * LegalTime::kHourMs;
  constexpr std::uint64_t kNumbers = 100;
  const LegalTime period = LegalTime{now_ms}.next_month();
  DiskContent out;
  out.identity = {.device_number = device_number,
                  .taxpayer = taxpayer,
                  .name = name,
                  .bureau_code = "13100000000",
                  .bureau_name = "模拟税务局",
                  .firmware = "SIMULATED 1",
                  .terminal = "0",
                  .company_type = "01",
                  .activated_ms = now_ms - 365 * kDayMs};
  for (const char* code : {"004", "007"}) {
    DiskType type;
    type.code = code;
    type.deadline_ms = period.ms + 15 * kDayMs;
    type.window_start_ms = period.ms;
    type.window_end_ms = period.ms + 15 * kDayMs;
    out.types.push_back(type);
    out.volumes.push_back({.type = code,
                           .code = std::string("13002600") + code,
                           .first = 1,
                           .last = kNumbers,
                           .current = 1,
                           .bought_ms = now_ms - kDayMs});
  }
  return out;
}

Result<TaxDisk> TaxDisk::open(const std::string& state_path, DiskContent content) {
  const bool known = std::filesystem::exists(state_path);
  if (known) {
    auto stored = load_disk(state_path);
    if (!stored) return std::unexpected(stored.error());
    if (stored->identity.device_number != content.identity.device_number)
      return fail(Errc::corrupt, "sim.state_format", state_path, stored->identity.device_number,
                  content.identity.device_number);
    content = std::move(*stored);
  } else if (auto saved = save_disk(content, state_path); !saved) {
    return std::unexpected(saved.error());
  }
  return TaxDisk(state_path, std::move(content));
}

TaxDisk::Answer<void> TaxDisk::save() {
  if (!save_disk(content_, state_path_)) return refuse(disk::kStorage);
  return {};
}

DiskType* TaxDisk::find(const std::string& code) {
  const auto at = std::ranges::find(content_.types, code, &DiskType::code);
  return at == content_.types.end() ? nullptr : &*at;
}

TaxDisk::Answer<DiskType> TaxDisk::type(const std::string& code) const {
  const auto at = std::ranges::find(content_.types, code, &DiskType::code);
  if (at == content_.types.end()) return refuse(disk::kUnknownType);
  return *at;
}

TaxDisk::Answer<DiskMonth> TaxDisk::month(const std::string& type, int yyyymm) const {
  const auto at = content_.months.find({type, yyyymm});
  if (at == content_.months.end()) return refuse(disk::kUnknownType);
  return at->second;
}

std::uint64_t TaxDisk::numbers_left(const std::string& type) const {
  std::uint64_t left = 0;
  for (const auto& volume : content_.volumes)
    if (volume.type == type) left += volume.left();
  return left;
}

DiskVolume* TaxDisk::volume_of(const std::string& type) {
  for (auto& volume : content_.volumes)
    if (volume.type == type && volume.left() > 0) return &volume;
  return nullptr;
}

DiskMonth& TaxDisk::month_at(const std::string& type, std::int64_t now_ms) {
  const std::pair key(type, month_number(now_ms));
  const auto [at, fresh] = content_.months.try_emplace(key);
  if (fresh) {
    // What is there now is what the month began with: nothing moved since the last one.
    at->second.opening = numbers_left(type);
  }
  return at->second;
}

std::optional<bot::Sense> TaxDisk::stopped(const DiskType& type, std::int64_t now_ms) const {
  if (now_ms < content_.clock_ms) return disk::kClock;
  if (now_ms >= type.deadline_ms) return disk::kPastDeadline;
  if (type.upload_deadline_ms != 0 && now_ms >= type.upload_deadline_ms && type.offline_count > 0)
    return disk::kUploadDate;
  const auto hours = static_cast<std::int64_t>(type.offline_limits.hours) * LegalTime::kHourMs;
  if (type.offline_since_ms != 0 && now_ms - type.offline_since_ms >= hours) return disk::kOfflineTime;
  if (type.offline_count >= type.offline_limits.count) return disk::kOfflineCount;
  return std::nullopt;
}

TaxDisk::Answer<void> TaxDisk::may_sign(std::int64_t now_ms) const {
  for (const DiskType& type : content_.types)
    if (const auto why = stopped(type, now_ms)) return refuse(*why);
  return {};
}

TaxDisk::Answer<void> TaxDisk::change(const std::string& code, const std::function<void(DiskType&)>& by) {
  DiskType* type = find(code);
  if (!type) return refuse(disk::kUnknownType);
  by(*type);
  return save();
}

TaxDisk::Answer<TaxDisk::Issued> TaxDisk::issue(const std::string& code, std::uint64_t amount, bool negative,
                                                std::int64_t now_ms) {
  DiskType* type = find(code);
  if (!type) return refuse(disk::kUnknownType);
  if (const auto why = stopped(*type, now_ms)) return refuse(*why);
  std::uint64_t& total = negative ? type->negative : type->positive;
  if (amount > type->invoice_limit || total + amount > (negative ? type->negative_limit : type->positive_limit))
    return refuse(disk::kOverLimit);
  const DiskOffline& limits = type->offline_limits;
  std::uint64_t& offline = negative ? type->offline_negative : type->offline_positive;
  if (offline + amount > (negative ? limits.negative : limits.positive)) return refuse(disk::kOfflineAmount);
  DiskVolume* volume = volume_of(code);
  if (!volume) return refuse(disk::kNoInvoices);

  DiskMonth& month = month_at(code, now_ms);  // before a number moves: it counts what the month began with
  const DiskContent before = content_;
  Issued issued{volume->code, volume->current++};
  total += amount;
  offline += amount;
  ++type->offline_count;
  if (type->offline_since_ms == 0) type->offline_since_ms = now_ms;
  ++(negative ? month.negative : month.positive);
  (negative ? month.negative_amount : month.positive_amount) += amount;
  content_.clock_ms = now_ms;
  if (auto saved = save(); !saved) {
    content_ = before;
    return refuse(saved.error());
  }
  return issued;
}

TaxDisk::Answer<TaxDisk::Issued> TaxDisk::void_next(const std::string& code, std::int64_t now_ms) {
  if (!find(code)) return refuse(disk::kUnknownType);
  if (now_ms < content_.clock_ms) return refuse(disk::kClock);
  DiskVolume* volume = volume_of(code);
  if (!volume) return refuse(disk::kNoInvoices);
  const DiskContent before = content_;
  DiskMonth& month = month_at(code, now_ms);
  Issued issued{volume->code, volume->current++};
  ++month.voided;
  content_.clock_ms = now_ms;
  if (auto saved = save(); !saved) {
    content_ = before;
    return refuse(saved.error());
  }
  return issued;
}

TaxDisk::Answer<void> TaxDisk::uploaded(const std::string& code, std::int64_t next_deadline_ms) {
  DiskType* type = find(code);
  if (!type) return refuse(disk::kUnknownType);
  type->offline_count = type->offline_positive = type->offline_negative = 0;
  type->offline_since_ms = 0;
  type->upload_deadline_ms = next_deadline_ms;
  return save();
}

TaxDisk::Answer<Bytes> TaxDisk::report(const std::string& code, std::int64_t now_ms) {
  DiskType* type = find(code);
  if (!type) return refuse(disk::kUnknownType);
  if (type->reported) return refuse(disk::kAlreadyReported);
  type->reported = true;
  type->last_report_ms = now_ms;
  content_.clock_ms = std::max(content_.clock_ms, now_ms);
  if (auto saved = save(); !saved) return refuse(saved.error());
  const std::string text = fmt::format("SIMULATED REPORT {} {} {} {} {}", content_.identity.device_number, code, now_ms,
                                       type->positive, type->negative);
  return Bytes(text.begin(), text.end());
}

Bytes TaxDisk::clearance(const std::string& device_number, const std::string& type, std::int64_t next_deadline_ms) {
  const std::string text = fmt::format("{} {} {} {}", kClearance, device_number, type, next_deadline_ms);
  return Bytes(text.begin(), text.end());
}

TaxDisk::Answer<void> TaxDisk::clear(const std::string& code, ByteView bytes, std::int64_t now_ms) {
  DiskType* type = find(code);
  if (!type) return refuse(disk::kUnknownType);
  if (!type->reported) return refuse(disk::kNotReported);
  const std::string wanted = fmt::format("{} {} {} ", kClearance, content_.identity.device_number, code);
  const std::string_view text = as_text(bytes);
  if (!text.starts_with(wanted)) return refuse(disk::kBadNumber);
  std::int64_t next = 0;
  for (const char c : text.substr(wanted.size())) {
    if (c < '0' || c > '9' || next > INT64_MAX / 10 - 1) return refuse(disk::kBadNumber);
    next = next * 10 + (c - '0');
  }
  if (next <= now_ms) return refuse(disk::kBadNumber);
  type->reported = false;
  type->deadline_ms = next;
  type->positive = type->negative = 0;
  content_.clock_ms = std::max(content_.clock_ms, now_ms);
  return save();
}

TaxDisk::Answer<void> TaxDisk::buy(DiskVolume volume, std::int64_t now_ms) {
  if (!find(volume.type)) return refuse(disk::kUnknownType);
  if (volume.last < volume.first) return refuse(disk::kBadNumber);
  for (const auto& other : content_.volumes)
    if (other.code == volume.code && volume.first <= other.last && other.first <= volume.last)
      return refuse(disk::kBadNumber);
  volume.current = volume.first;
  volume.bought_ms = now_ms;
  month_at(volume.type, now_ms).bought += volume.left();
  content_.volumes.push_back(std::move(volume));
  return save();
}

TaxDisk::Answer<void> TaxDisk::give_back(const std::string& code, std::int64_t now_ms) {
  const auto at = std::ranges::find_if(
      content_.volumes, [&](const DiskVolume& volume) { return volume.code == code && volume.left() > 0; });
  if (at == content_.volumes.end()) return refuse(disk::kBadNumber);
  month_at(at->type, now_ms).returned += at->left();
  at->last = at->current - 1;
  return save();
}

}  // namespace taxgate::simulator
