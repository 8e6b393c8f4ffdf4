#pragma once
// One SCSI command at a time over Bulk-Only Transport, with the whole recovery ladder (docs/usb.md, "Ladder").
#include <cstdint>
#include <functional>
#include <optional>

#include "drivers/usb/bulk_transport.h"
#include "drivers/usb/quirks.h"
#include "protocol/bot.h"
#include "protocol/error.h"

namespace taxgate::usb {

/// Whether a command may be given again when it is not known what became of it.
enum class Effect : std::uint8_t { none, changes };

class BotSession {
 public:
  using Pause = std::function<void(std::chrono::milliseconds)>;
  struct Answer {
    Bytes data;                       // what came in
    std::optional<bot::Sense> sense;  // set: the device refused the command, and why
  };
  /// How often each step of the ladder was taken.
  struct Ladder {
    unsigned data_stalls = 0, status_stalls = 0, reset_recoveries = 0, senses = 0, device_resets = 0, not_ready = 0;
    friend bool operator==(const Ladder&, const Ladder&) = default;
  };

  /// `transport` must outlive the session. `pause` sleeps; tests give their own.
  BotSession(BulkTransport& transport, Quirks quirks, Pause pause);

  /// GetMaxLUN, which some devices want before anything else, then INQUIRY, whose recovery also clears away what a
  /// killed predecessor left in the pipes. errors  as ask()
  Result<bot::Inquiry> start();

  /// A command whose data phase, if any, goes to the device (`data` may be empty) or comes from it (at most `length`).
  /// After a step of the ladder a command with Effect::changes is given again only when it certainly had not been
  /// taken (the device refused its command block, or aborted it for a unit attention); Effect::none once in any case.
  /// errors  device_gone      key.gone: before the command block was taken whole; the device has not seen the command
  ///         outcome_unknown  key.interrupted: unplugged, or out of step, after that
  ///         limit_reached    usb.transfer_size: more than Quirks::max_transfer
  Result<Answer> tell(ByteView cdb, ByteView data, Effect effect);
  Result<Answer> ask(ByteView cdb, std::size_t length, Effect effect);

  const Ladder& ladder() const { return ladder_; }
  const Quirks& quirks() const { return quirks_; }

 private:
  enum class Phase : std::uint8_t { none, out, in };
  struct Command {
    ByteView cdb;
    Phase phase;
    ByteView out;
    std::size_t length;
  };
  /// One pass over the wire. `taken`: the device had the command block.
  struct Pass {
    enum class End : std::uint8_t { passed, failed, refused, lost, gone } end = End::lost;
    bool taken = false, waited = false;
    Bytes data;
    const char* what = "";
  };

  Result<Answer> run(const Command& command, Effect effect);
  Pass pass(const Command& command);
  void data_out(const Command& command, Pass& pass);
  /// True: the status block came already and is in `early`.
  bool data_in(const Command& command, std::uint32_t tag, Pass& pass, std::optional<bot::StatusBlock>& early);
  void status(const Command& command, std::uint32_t tag, Pass& pass, std::optional<bot::StatusBlock> early);
  void lose(Pass& pass, Moved moved, const char* what);
  bool wait();            // for a device that is not ready; false: waited often enough
  bool reset_recovery();  // false: gone
  bool reset_device();    // false: gone
  std::optional<bot::Sense> sense(bool& gone);

  BulkTransport& transport_;
  Quirks quirks_;
  Pause pause_;
  std::uint32_t tag_ = 0;
  unsigned waits_ = 0;  // of the command under way
  Ladder ladder_;
};

}  // namespace taxgate::usb
