#pragma once
// One reader (USB port, device of an SKF library) and the key in it: its worker process, its deadlines, its quarantine.
//
//   empty ─card─► opening ─identity─► (admission) ─► logging_in ─► ready ⇄ signing
//                    │                    │              │            │
//                    └── deadline passed ─┴──► hung ◄────┴────────────┘   worker killed, one probe process waits for an
//                                               │                        answer; no other client is put on a silent
//                                               reader
//                    A tax disk is also read: logging_in ─► reading ─► ready, and from time to time ready ⇄ reading.
//                    session lost, worker died: opening again after a pause; trouble: stays until the card, the PIN
//                    file or the set of keys changes
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "drivers/keyd/child_process.h"
#include "drivers/keyd/config.h"
#include "drivers/keyd/event_loop.h"
#include "protocol/keyd_worker.pb.h"
#include "protocol/sm.h"

namespace taxgate::keyd {

enum class SlotState : std::uint8_t { empty, opening, logging_in, ready, signing, reading, trouble, hung };

struct SlotKey {
  std::string serial;
  Bytes certificate;
  CertificateFacts facts;
};

/// How the key in a slot is reached.
struct Way {
  enum class Kind : std::uint8_t { reader, usb_port, skf_device };
  Kind kind = Kind::reader;
  const SkfLibrary* skf = nullptr;  // of an skf_device
  friend bool operator==(const Way&, const Way&) = default;
};

class ReaderSlot {
 public:
  struct Hooks {
    /// Decides about an identified key: its PIN, or why it is refused.
    std::function<Result<PinSource>(ReaderSlot&)> admit;
    /// After every change of state. `what`: "appeared", "gone", "ready", "failed", "quarantined", "leased", "disk" (its
    /// figures are others); null: of no interest outside.
    std::function<void(ReaderSlot&, const char* what)> changed;
    /// Answer of sign(), exactly once for each.
    std::function<void(ReaderSlot&, Result<Signature>)> signed_;
  };

  /// reader  the name that the watch of this way gave it
  ReaderSlot(EventLoop& loop, const Config& config, std::string reader, Way way, Hooks hooks);
  ~ReaderSlot();
  ReaderSlot(const ReaderSlot&) = delete;
  ReaderSlot& operator=(const ReaderSlot&) = delete;

  /// The reader watch saw the reader in this condition.
  void seen(const worker::v1::Reader& reader);
  /// The reader, or pcscd, is gone. Safe in every state.
  void lost();
  /// Something outside changed (PIN file, another key gone): a key in trouble is asked again. Never spends a known
  /// wrong PIN.
  void reconsider();
  /// Another program is to use the card: its worker goes, as soon as a signature under way is done, and none comes
  /// before take_back(), whatever is plugged meanwhile. `why` is the trouble shown, `key` whose reader this counts as.
  /// Again: the new `why` is shown.
  void lend(Error why, SlotKey key);
  void take_back();
  bool lent() const { return lent_.has_value(); }
  /// No process of ours has the card open, or will before take_back().
  bool free() const { return lent_ && state_ != SlotState::signing && !worker_ && leaving_ <= 0 && probe_ <= 0; }
  /// A worker that was asked to go and does not: its card is silent.
  void kill_leaving();
  /// A process ended. False: it was none of ours.
  bool reaped(pid_t pid, int status);

  /// Only when state() is ready; one at a time. The call ends within the sign deadline, by `signed_`.
  void sign(std::string_view message);

  SlotState state() const { return state_; }
  const std::string& reader() const { return reader_; }
  const Way& way() const { return way_; }
  /// What was identified; stays while the slot is hung. Of a lent reader the key that was lent, whatever is in it now.
  /// Empty when no card is known.
  const std::optional<SlotKey>& key() const { return key_; }
  const std::optional<Error>& trouble() const { return trouble_; }
  int tries_left() const { return tries_left_; }
  /// What a tax disk said last; stays while the slot is hung. Nothing: no tax disk.
  const std::optional<v1::TaxDisk>& disk() const { return disk_; }
  std::string_view state_name() const;  // as protocol/keyd.proto's Key.state

 private:
  using Milliseconds = std::chrono::milliseconds;

  void start_worker();
  void start_worker_later();
  void drop_worker();
  /// A worker that is idle ends by itself: it gives its USB device back to the kernel's driver and resets its card.
  void release_worker();
  void start_probe();
  void drop_probe();
  bool order(worker::v1::ToWorker order, Milliseconds deadline);
  void channel_ready();
  Error worker_ended(int status) const;
  void answered(const worker::v1::FromWorker& answer);
  void identified(const worker::v1::FromWorker& answer);
  void log_in();
  void rest_or_read(const char* what = nullptr);  // an order is done: what comes before the next
  void read_disk();
  void disk_was_used();
  void read_disk_in(Milliseconds pause);  // at the latest
  void disk_seen(const worker::v1::DiskSeen& seen);
  void disk_unread(const Error& error);
  void set_disk(v1::TaxDisk disk);
  void deadline_passed();
  void session_ended(Error why);
  void enter(SlotState state, const char* what = nullptr);
  void set_trouble(Error error);
  void finish_sign(Result<Signature> result);
  void clear_timer();
  void forget_card();

  EventLoop& loop_;
  const Config& config_;
  const std::string reader_;
  const Way way_;
  Hooks hooks_;
  SlotState state_ = SlotState::empty;
  bool card_ = false;
  bool closed_ = false;  // its watch says that nothing can be opened here
  std::optional<std::uint32_t> events_;
  std::optional<Child> worker_;
  pid_t leaving_ = -1;  // a released worker, not yet reaped
  pid_t probe_ = -1;
  Fd probe_channel_;
  std::uint64_t generation_ = 0;  // of the worker
  std::uint64_t call_ = 0;        // of the order under way
  bool reconsider_again_ = false;
  std::string reported_trouble_;  // id; told once until the key is ready or gone
  bool sign_open_ = false;        // an answer of sign() is owed
  std::optional<EventLoop::TimerId> timer_;
  Milliseconds pause_;
  Milliseconds probe_pause_;
  std::optional<SlotKey> key_;
  std::optional<PinSource> pin_;
  std::optional<v1::TaxDisk> disk_;
  bool disk_due_ = false;                // to be read when the order under way is done
  const char* after_reading_ = nullptr;  // what to tell then
  std::optional<EventLoop::TimerId> disk_timer_;
  std::optional<Error> lent_;
  std::optional<Error> trouble_;
  int tries_left_ = -1;
  std::string packet_;
};

}  // namespace taxgate::keyd
