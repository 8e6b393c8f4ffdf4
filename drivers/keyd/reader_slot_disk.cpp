// The part of a slot that reads a tax disk.
#include <utility>

#include "drivers/keyd/reader_slot.h"
#include "protocol/keyd_frame.h"

namespace taxgate::keyd {

void ReaderSlot::rest_or_read(const char* what) {
  if (lent_) return set_trouble(*lent_);
  if (!disk_due_) return enter(SlotState::ready, what);
  after_reading_ = what;
  read_disk();
}

void ReaderSlot::read_disk() {
  disk_due_ = false;
  if (disk_timer_) loop_.cancel(*disk_timer_);
  disk_timer_.reset();
  enter(SlotState::reading);
  worker::v1::ToWorker read;
  read.mutable_read_disk();
  order(std::move(read), config_.deadlines.sign);
}

void ReaderSlot::disk_was_used() {
  // What many signatures did to a disk is read once; a person who looks after one of them sees it done.
  constexpr Milliseconds kPause{250};
  read_disk_in(kPause);
}

void ReaderSlot::read_disk_in(Milliseconds pause) {
  const auto at = EventLoop::Clock::now() + pause;
  if (disk_timer_ && disk_timer_->first <= at) return;
  if (disk_timer_) loop_.cancel(*disk_timer_);
  disk_timer_ = loop_.after(pause, [this] {
    disk_timer_.reset();
    disk_due_ = true;
    if (state_ == SlotState::ready) read_disk();
  });
}

void ReaderSlot::disk_seen(const worker::v1::DiskSeen& seen) {
  if (state_ != SlotState::reading) return;
  if (seen.has_disk()) return set_disk(seen.disk());
  disk_.reset();
  rest_or_read(std::exchange(after_reading_, nullptr));
}

void ReaderSlot::disk_unread(const Error& error) {
  v1::TaxDisk known = disk_.value_or(v1::TaxDisk{});
  *known.mutable_trouble() = to_failure(error);
  set_disk(std::move(known));
}

void ReaderSlot::set_disk(v1::TaxDisk disk) {
  const bool news = !disk_ || disk_->SerializeAsString() != disk.SerializeAsString();
  disk_ = std::move(disk);
  read_disk_in(config_.disk_every);
  const char* what = std::exchange(after_reading_, nullptr);
  rest_or_read(what ? what : news ? "disk" : nullptr);
}

}  // namespace taxgate::keyd
