#pragma once
// Keys that another program has for a while: who answers for it, why, until when. Durable (lease_book.h) before the
// other program is told that it has the key.
//
// Thread: the host's only one. Slots must be told to lease_changes() of their every change.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drivers/keyd/event_loop.h"
#include "drivers/keyd/lease_book.h"
#include "drivers/keyd/reader_slot.h"
#include "protocol/keyd.pb.h"

namespace taxgate::keyd {

/// A forgotten lease ends by itself within a working day.
inline constexpr std::uint32_t kLongestLeaseSeconds = 8 * 3600;

class KeyLeases {
 public:
  using Slots = std::function<std::vector<ReaderSlot*>()>;
  /// Once for each request: nothing, when the device is free (or taken back), or why not.
  using Answer = std::function<void(Result<void>)>;

  /// file  of the leases (lease_book.h)
  KeyLeases(EventLoop& loop, Slots slots, std::string file)
      : loop_(loop), slots_(std::move(slots)), file_(std::move(file)) {}
  ~KeyLeases();
  KeyLeases(const KeyLeases&) = delete;
  KeyLeases& operator=(const KeyLeases&) = delete;

  /// Takes up what was lent when the last host ended. Before any slot is added. Returns the keys.
  /// errors  corrupt key.lease_file: nothing is lent then
  Result<std::vector<SlotKey>> restore();

  /// errors  invalid_input key.not_found (no such key here), key.lease_request (seconds, holder or reason);
  ///         rejected key.leased (somebody else has it); retry_later key.hung, key.lease_file (could not be made
  ///         durable)
  void request(const v1::LeaseRequest& request, Answer answer);
  const Lease* of_key(const std::string& serial) const;
  /// Why a key that turned up elsewhere is not taken.
  std::optional<Error> trouble_of(const std::string& serial) const;
  void slot_changed(ReaderSlot& slot);
  /// A reader that is new, or here again: it may be lent.
  void slot_added(ReaderSlot& slot);

 private:
  struct Entry {
    Lease lease;
    SlotKey key;
    EventLoop::TimerId ends, patience;
    Answer waiting;  // for the device to be free
  };
  const std::string* serial_in(const std::string& reader) const;
  Result<void> keep(const Lease* changed) const;
  void end(const std::string& serial);
  void answer_when_free(Entry& entry);
  ReaderSlot* slot_named(const std::string& reader) const;
  static Error trouble(const Lease& lease);

  EventLoop& loop_;
  Slots slots_;
  const std::string file_;
  std::map<std::string, Entry> entries_;  // by serial
};

}  // namespace taxgate::keyd
