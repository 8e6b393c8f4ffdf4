#include "drivers/keyd/key_list.h"

#include <set>
#include <utility>

#include "drivers/keyd/wall_clock.h"
#include "protocol/keyd_frame.h"
#include "protocol/legal_time.h"

namespace taxgate::keyd {
namespace {

// Keys remembered after they went, so that a list can say which one is missing.
constexpr std::size_t kMaxRemembered = 64;
// Tag and length of a message inside another.
constexpr std::size_t kAround = 6;
// Of a list: what stands around its rows, and the trouble of a disk whose figures are left out, for 128 disks.
constexpr std::size_t kListRoom = kMaxFrame - 64;

}  // namespace

void fit_into_frame(std::vector<v1::Key> here, std::vector<v1::Key> gone, v1::ListKeysReply& reply) {
  std::size_t left = kListRoom;
  const auto add = [&](v1::Key& key) {
    const std::size_t size = key.ByteSizeLong() + kAround;
    if (size > left) return;
    left -= size;
    reply.mutable_keys()->Add(std::move(key));
  };
  const v1::Failure full = to_failure({Errc::limit_reached, "key.list_full", {}, {}, std::to_string(kMaxFrame), {}});
  std::vector<v1::TaxDisk> disks;
  for (v1::Key& key : here) {
    const bool is_disk = key.has_disk();
    v1::TaxDisk disk;
    if (is_disk) {
      disk = std::move(*key.mutable_disk());
      key.mutable_disk()->Clear();
      *key.mutable_disk()->mutable_trouble() = full;
    }
    const int before = reply.keys_size();
    add(key);
    if (reply.keys_size() > before) disks.push_back(std::move(disk));
  }
  for (int i = 0; i < reply.keys_size(); ++i) {
    v1::Key& key = *reply.mutable_keys(i);
    if (!key.has_disk()) continue;
    const std::size_t size = disks[static_cast<std::size_t>(i)].ByteSizeLong() + kAround;
    if (size > left) continue;
    left -= size;
    *key.mutable_disk() = std::move(disks[static_cast<std::size_t>(i)]);
  }
  for (v1::Key& key : gone) add(key);
}

void KeyList::describe_lease(const std::string& serial, v1::Key& out) const {
  out.clear_lease_holder();
  out.clear_lease_reason();
  out.clear_lease_until();
  const Lease* lease = leases_.of_key(serial);
  if (!lease) return;
  out.set_lease_holder(lease->holder);
  out.set_lease_reason(lease->reason);
  out.set_lease_until(LegalTime{lease->until_ms}.rfc3339());
}

void KeyList::describe(const SlotKey& key, v1::Key& out) const {
  out.set_serial(key.serial);
  out.set_taxpayer(key.facts.taxpayer);
  out.set_certificate_sha256(key.facts.sha256);
  out.set_valid_until(LegalTime{key.facts.valid_until_ms}.rfc3339());
  out.set_subject(key.facts.subject);
  out.set_signed_count(desk_.signed_count(key.serial));
  describe_lease(key.serial, out);
}

void KeyList::describe(const ReaderSlot& slot, v1::Key& out) const {
  if (slot.disk()) *out.mutable_disk() = *slot.disk();
  out.set_reader(slot.reader());
  out.set_state(std::string(slot.state_name()));
  out.set_pin_tries_left(slot.tries_left());
  if (slot.trouble()) *out.mutable_trouble() = to_failure(*slot.trouble());
  if (!slot.key()) return;
  describe(*slot.key(), out);
  if (const auto valid = check_validity(slot.key()->facts, wall_ms()); !valid && slot.state() == SlotState::ready) {
    out.set_state("expired");
    *out.mutable_trouble() = to_failure(valid.error());
  } else if (const auto rest = desk_.resting(slot.key()->serial);
             rest && slot.state() != SlotState::trouble && slot.state() != SlotState::hung) {
    out.set_state("resting");
    *out.mutable_trouble() = to_failure(*rest);
  }
}

bool KeyList::remember(const ReaderSlot& slot) {
  const SlotKey& seen = *slot.key();
  const auto found = remembered_.find(seen.serial);
  if (found == remembered_.end() && remembered_.size() >= kMaxRemembered) return false;
  const bool changed = found != remembered_.end() && found->second.certificate_sha256() != seen.facts.sha256;
  v1::Key& key = remembered_[seen.serial];
  key.Clear();
  describe(slot, key);
  return changed;
}

void KeyList::remember(const SlotKey& key) {
  if (remembered_.size() >= kMaxRemembered) return;
  v1::Key& out = remembered_[key.serial];
  describe(key, out);
  out.set_pin_tries_left(-1);
}

void KeyList::list(const std::vector<ReaderSlot*>& slots, v1::ListKeysReply& reply) const {
  std::vector<v1::Key> here, gone;
  std::set<std::string> serials;
  for (const ReaderSlot* slot : slots) {
    if (slot->state() == SlotState::empty) continue;
    describe(*slot, here.emplace_back());
    serials.insert(here.back().serial());
  }
  for (const auto& [serial, key] : remembered_) {
    if (serials.contains(serial)) continue;
    v1::Key& one = gone.emplace_back(key);
    one.set_state("gone");
    one.clear_reader();
    one.clear_trouble();
    one.clear_disk();
    one.set_signed_count(desk_.signed_count(serial));
    describe_lease(serial, one);
  }
  fit_into_frame(std::move(here), std::move(gone), reply);
}

}  // namespace taxgate::keyd
