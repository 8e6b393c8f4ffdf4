// A virtual key that is a tax disk: what the disk holds, as a file of the card.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/keyd.pb.h"
#include "simulator/device/virtual_key.h"

namespace taxgate::simulator {
namespace gm = gmt0017;
namespace sw = gmt0017::sw;
namespace {

constexpr std::uint32_t kAnyone = 0xFF;  // GM/T 0016 SECURE_ANYONE_ACCOUNT

std::int64_t signed_of(std::uint64_t value) { return static_cast<std::int64_t>(value); }

void set(keyd::v1::DiskBudget& out, std::uint64_t limit, std::uint64_t used) {
  out.set_limit(signed_of(limit));
  out.set_used(signed_of(used));
}

void describe(const DiskType& type, keyd::v1::DiskType& out) {
  out.set_code(type.code);
  out.set_lock_date_ms(type.deadline_ms);
  out.set_window_start_ms(type.window_start_ms);
  out.set_window_end_ms(type.window_end_ms);
  out.set_last_report_ms(type.last_report_ms);
  out.set_reported(type.reported);
  out.set_upload_deadline_ms(type.upload_deadline_ms);
  out.set_offline_since_ms(type.offline_since_ms);
  out.set_offline_hours(signed_of(type.offline_limits.hours));
  set(*out.mutable_offline_count(), type.offline_limits.count, type.offline_count);
  set(*out.mutable_offline_positive(), type.offline_limits.positive, type.offline_positive);
  set(*out.mutable_offline_negative(), type.offline_limits.negative, type.offline_negative);
  out.set_invoice_limit(signed_of(type.invoice_limit));
  set(*out.mutable_positive(), type.positive_limit, type.positive);
  set(*out.mutable_negative(), type.negative_limit, type.negative);
}

void describe(const DiskVolume& volume, keyd::v1::DiskVolume& out) {
  out.set_type(volume.type);
  out.set_code(volume.code);
  out.set_first(volume.first);
  out.set_last(volume.last);
  out.set_current(volume.current);
  out.set_left(volume.left());
  out.set_bought_ms(volume.bought_ms);
}

void describe(const std::pair<std::string, int>& of, const DiskMonth& month, keyd::v1::DiskMonth& out) {
  out.set_type(of.first);
  out.set_month(static_cast<std::uint32_t>(of.second));
  out.set_opening(signed_of(month.opening));
  out.set_bought(signed_of(month.bought));
  out.set_returned(signed_of(month.returned));
  out.set_closing(signed_of(month.closing()));
  out.set_positive(signed_of(month.positive));
  out.set_voided(signed_of(month.voided));
  out.set_negative(signed_of(month.negative));
  out.set_positive_amount(signed_of(month.positive_amount));
  out.set_negative_amount(signed_of(month.negative_amount));
}

}  // namespace

void VirtualKey::carry_disk(TaxDisk disk, const LegalClock& clock) {
  const std::lock_guard lock(mutex_);
  disk_.emplace(std::move(disk));
  disk_clock_ = &clock;
}

bool VirtualKey::with_disk(const std::function<void(TaxDisk&, std::int64_t)>& act) {
  const std::lock_guard lock(mutex_);
  if (!disk_) return false;
  act(*disk_, disk_clock_->now().ms);
  return true;
}

Bytes VirtualKey::disk_record() const {
  const DiskContent& content = disk_->content();
  const DiskIdentity& identity = content.identity;
  keyd::v1::TaxDisk out;
  out.set_device_number(identity.device_number);
  out.set_taxpayer(identity.taxpayer);
  out.set_name(identity.name);
  out.set_bureau_code(identity.bureau_code);
  out.set_bureau_name(identity.bureau_name);
  out.set_firmware(identity.firmware);
  out.set_terminal(identity.terminal);
  out.set_company_type(identity.company_type);
  out.set_activated_ms(identity.activated_ms);
  out.set_clock_ms(content.clock_ms);
  for (const auto& type : content.types) describe(type, *out.add_types());
  for (const auto& volume : content.volumes) describe(volume, *out.add_volumes());
  for (const auto& [of, month] : content.months) describe(of, month, *out.add_months());
  Bytes bytes(out.ByteSizeLong());
  out.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

Bytes VirtualKey::disk_info() const {
  return gm::encode_response(
      gm::encode_file_info({kDiskFile, static_cast<std::uint32_t>(disk_record().size()), kAnyone, 0}), sw::ok);
}

Bytes VirtualKey::disk_range(const gm::FileRange& range) const {
  const Bytes record = disk_record();
  if (std::uint64_t{range.offset} + range.count > record.size()) return gm::encode_response({}, sw::bad_offset);
  return gm::encode_response(ByteView(record).subspan(range.offset, range.count), sw::ok);
}

}  // namespace taxgate::simulator
