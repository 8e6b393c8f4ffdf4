#pragma once
// What is told of the keys: those that are here and, by serial, those that were.
//
// A list is one frame (protocol/keyd_frame.h). 24 tax disks with the fullest records fit; beyond that the disks that
// come later in the list carry the trouble key.list_full instead of their figures, and then keys that are gone are left
// out. Names of devices are bounded where they are read, so that no foreign key can make the list too long.
//
// Thread: the host's only one.
#include <map>
#include <string>
#include <vector>

#include "drivers/keyd/key_leases.h"
#include "drivers/keyd/reader_slot.h"
#include "drivers/keyd/sign_desk.h"
#include "protocol/keyd.pb.h"

namespace taxgate::keyd {

class KeyList {
 public:
  KeyList(const SignDesk& desk, const KeyLeases& leases) : desk_(desk), leases_(leases) {}
  KeyList(const KeyList&) = delete;
  KeyList& operator=(const KeyList&) = delete;

  void describe(const ReaderSlot& slot, v1::Key& out) const;
  /// The slot's key, for the time when it is gone. returns  true: it has another certificate than before
  bool remember(const ReaderSlot& slot);
  /// A key that was lent before this host started, and may not be looked at.
  void remember(const SlotKey& key);
  void list(const std::vector<ReaderSlot*>& slots, v1::ListKeysReply& reply) const;

 private:
  void describe(const SlotKey& key, v1::Key& out) const;
  void describe_lease(const std::string& serial, v1::Key& out) const;

  const SignDesk& desk_;
  const KeyLeases& leases_;
  std::map<std::string, v1::Key> remembered_;  // by serial
};

/// Moves the rows into the reply while they fit into a frame: first every row of `here` without its disk's figures,
/// then these, then the rows of `gone`.
void fit_into_frame(std::vector<v1::Key> here, std::vector<v1::Key> gone, v1::ListKeysReply& reply);

}  // namespace taxgate::keyd
