#include "drivers/keyd/key_leases.h"
#include "drivers/keyd/wall_clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "protocol/legal_time.h"

namespace taxgate::keyd {
namespace {

// A worker that is asked to go disconnects within milliseconds; one whose card is silent is killed then.
constexpr std::chrono::milliseconds kPatience{2000};
constexpr std::size_t kLongestText = 200;  // of a reason or a name: it is shown in one line

Result<void> check(const v1::LeaseRequest& request) {
  const auto bad = [](const char* field, std::string wanted) {
    return fail(Errc::invalid_input, "key.lease_request", field, std::move(wanted));
  };
  if (request.seconds() > kLongestLeaseSeconds)
    return bad("seconds", "at most " + std::to_string(kLongestLeaseSeconds));
  if (request.holder().empty() || request.holder().size() > kLongestText) return bad("holder", "1 to 200 bytes");
  if (request.seconds() > 0 && (request.reason().empty() || request.reason().size() > kLongestText))
    return bad("reason", "1 to 200 bytes");
  return {};
}

}  // namespace

KeyLeases::~KeyLeases() {
  for (auto& [serial, entry] : entries_) loop_.cancel(entry.ends), loop_.cancel(entry.patience);
}

Error KeyLeases::trouble(const Lease& lease) {
  return {Errc::retry_later, "key.leased", {}, lease.holder, LegalTime{lease.until_ms}.rfc3339(), {}};
}

ReaderSlot* KeyLeases::slot_named(const std::string& reader) const {
  for (ReaderSlot* slot : slots_())
    if (slot->reader() == reader) return slot;
  return nullptr;
}

const Lease* KeyLeases::of_key(const std::string& serial) const {
  const auto found = entries_.find(serial);
  return found == entries_.end() ? nullptr : &found->second.lease;
}

const std::string* KeyLeases::serial_in(const std::string& reader) const {
  for (const auto& [serial, entry] : entries_)
    if (entry.lease.reader == reader) return &serial;
  return nullptr;
}

std::optional<Error> KeyLeases::trouble_of(const std::string& serial) const {
  const Lease* lease = of_key(serial);
  if (!lease) return std::nullopt;
  return trouble(*lease);
}

Result<std::vector<SlotKey>> KeyLeases::restore() {
  const std::int64_t now = wall_ms();
  auto kept = read_leases(file_, now, booted_ms());
  if (!kept) return std::unexpected(kept.error());
  std::vector<SlotKey> keys;
  for (Lease& lease : *kept) {
    auto facts = read_certificate(lease.certificate);
    if (!facts) return fail(Errc::corrupt, "key.lease_file", {}, file_, {}, facts.error().id);
    keys.push_back({lease.serial, lease.certificate, std::move(*facts)});
    // A clock that was set back must not make a lease longer than any may be.
    const auto longest = std::chrono::milliseconds(std::chrono::seconds(kLongestLeaseSeconds));
    const auto left = std::min(std::chrono::milliseconds(lease.until_ms - now), longest);
    Entry& entry = entries_[lease.serial];
    entry.key = keys.back();
    entry.ends = loop_.after(left, [this, serial = lease.serial] { end(serial); });
    entry.lease = std::move(lease);
  }
  return keys;
}

/// The whole file anew: those that stand, and `changed` among them.
Result<void> KeyLeases::keep(const Lease* changed) const {
  std::vector<Lease> leases;
  for (const auto& [serial, entry] : entries_)
    if (!changed || changed->serial != serial) leases.push_back(entry.lease);
  if (changed) leases.push_back(*changed);
  return write_leases(file_, leases, booted_ms());
}

void KeyLeases::request(const v1::LeaseRequest& request, Answer answer) {
  if (auto good = check(request); !good) return answer(good);
  const std::string& serial = request.serial();
  const auto standing = entries_.find(serial);
  if (request.seconds() == 0) {
    if (standing != entries_.end()) end(serial);
    return answer({});
  }
  if (standing != entries_.end() && standing->second.lease.holder != request.holder())
    return answer(std::unexpected(trouble(standing->second.lease)));
  std::string reader;
  std::optional<SlotKey> key;
  if (standing != entries_.end()) {
    reader = standing->second.lease.reader;
    key = standing->second.key;
  } else {
    for (const ReaderSlot* slot : slots_())
      if (slot->key() && slot->key()->serial == serial && slot->state() != SlotState::empty) {
        if (slot->state() == SlotState::hung) return answer(fail(Errc::retry_later, "key.hung", {}, slot->reader()));
        if (slot->trouble() && slot->trouble()->id == "key.duplicate") continue;
        reader = slot->reader();
        key = slot->key();
      }
    if (!key) return answer(fail(Errc::invalid_input, "key.not_found", "serial", serial));
  }
  const auto time = std::chrono::seconds(request.seconds());
  const Lease lease{.serial = serial,
                    .certificate = key->certificate,
                    .reader = reader,
                    .holder = request.holder(),
                    .reason = request.reason(),
                    .until_ms = wall_ms() + std::chrono::milliseconds(time).count()};
  if (auto kept = keep(&lease); !kept) return answer(std::move(kept));
  Entry& entry = entries_[serial];
  if (standing != entries_.end()) {
    loop_.cancel(entry.ends);
    loop_.cancel(entry.patience);
    if (entry.waiting) std::exchange(entry.waiting, nullptr)({});  // the new request speaks for the same holder
  }
  entry.lease = lease;
  entry.key = std::move(*key);
  entry.ends = loop_.after(time, [this, serial] { end(serial); });
  entry.waiting = std::move(answer);
  entry.patience = loop_.after(kPatience, [this, reader] {
    if (ReaderSlot* slot = slot_named(reader)) slot->kill_leaving();
  });
  if (ReaderSlot* slot = slot_named(reader)) slot->lend(trouble(entry.lease), entry.key);
  answer_when_free(entry);
}

void KeyLeases::answer_when_free(Entry& entry) {
  if (!entry.waiting) return;
  const ReaderSlot* slot = slot_named(entry.lease.reader);
  if (slot && !slot->free()) return;  // a reader that went away is as free as can be
  loop_.cancel(entry.patience);
  std::exchange(entry.waiting, nullptr)({});
}

void KeyLeases::slot_changed(ReaderSlot& slot) {
  const std::string* serial = serial_in(slot.reader());
  if (!serial) return;
  // Not from inside the slot's own change: the answer describes it.
  loop_.defer([this, which = *serial] {
    const auto found = entries_.find(which);
    if (found != entries_.end()) answer_when_free(found->second);
  });
}

void KeyLeases::slot_added(ReaderSlot& slot) {
  const std::string* serial = serial_in(slot.reader());
  if (!serial) return;
  const Entry& entry = entries_.at(*serial);
  slot.lend(trouble(entry.lease), entry.key);
}

void KeyLeases::end(const std::string& serial) {
  const auto found = entries_.find(serial);
  if (found == entries_.end()) return;
  Entry entry = std::move(found->second);
  entries_.erase(found);
  (void)keep(nullptr);  // one that stands there although it is over ends by its own time after the next start too
  loop_.cancel(entry.ends);
  loop_.cancel(entry.patience);
  if (entry.waiting) entry.waiting(fail(Errc::retry_later, "key.hung", {}, entry.lease.reader));
  for (ReaderSlot* slot : slots_()) {
    if (slot->reader() == entry.lease.reader) slot->take_back();
    // The key itself may have been moved to another reader meanwhile, where it was refused.
    else if (slot->trouble() && slot->trouble()->id == "key.leased" && !slot->lent())
      slot->reconsider();
  }
}

}  // namespace taxgate::keyd
