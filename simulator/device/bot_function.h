#pragma once
// The Bulk-Only Transport of a virtual device: command block, data, status block, halts, and everything that goes wrong
// with them. What the commands mean is a ScsiTarget.
//
// Fidelity: strict. A command block at the wrong time, or one that is none, halts both endpoints until the whole reset
// recovery was done (class reset, then both halts cleared). Tolerant where real hosts are known to deviate: a command
// block that announces no data although there is some; CDB tails. One LUN.
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "protocol/bot.h"
#include "simulator/device/virtual_usb.h"

namespace taxgate::simulator {

/// Called one at a time.
class ScsiTarget {
 public:
  struct Reply {
    std::optional<bot::Sense> sense;  // set: refused, and why
    Bytes data;                       // for commands that give data
  };
  virtual ~ScsiTarget() = default;
  virtual bool takes_data(ByteView cdb) const = 0;  // the data phase goes to the device
  virtual Reply command(ByteView cdb, ByteView data) = 0;
  virtual bot::Inquiry inquiry() const = 0;
  virtual void reset() = 0;
  virtual void power(bool on) = 0;
};

struct BotFault {
  enum class Kind : std::uint8_t {
    stall_command,    // the command block is stalled, and not taken; cured by the reset recovery
    stall_data,       // the data phase is stalled; the command has run when it gives data, and not when it takes some
    stall_status,     // so many times (`repeat`), then the status block comes
    wrong_signature,  // of the status block
    wrong_tag,
    short_status,
    phase_error,
    refuse,         // not run; failed with `sense`
    not_ready,      // no data, passed; not run
    empty_packets,  // `repeat` empty packets before the data
    status_first,   // the status block before the data
    cut_data,       // the data ends after `repeat` bytes
    hang,           // nothing moves any more until the port is reset or the device pulled
    refuse_reset,   // the class reset is stalled; counts resets, not commands
  };
  Kind kind = Kind::stall_data;
  std::optional<std::uint8_t> operation = std::nullopt;  // only commands whose CDB begins with it …
  std::optional<std::uint8_t> second = std::nullopt;     // … and goes on with this
  std::uint32_t nth = 1;                                 // the nth match from now on
  std::uint32_t count = 1;                               // how many matches in a row; 0: all that follow
  std::uint32_t repeat = 1;
  bot::Sense sense{bot::kSenseIllegal, 0x20, 0x00};
};

class BotFunction final : public UsbFunction {
 public:
  struct Counters {
    std::uint64_t commands = 0, class_resets = 0, max_luns = 0;
    bool max_lun_first = false;  // GetMaxLUN came before any command since it was plugged
  };

  /// `target` must outlive it.
  explicit BotFunction(ScsiTarget& target) : target_(target) {}

  void add_fault(BotFault fault);
  void clear_faults();
  std::size_t fault_count() const;
  Counters counters() const;

  Take out(ByteView data) override;
  std::optional<Packet> in(std::size_t length) override;
  bool control(const std::array<std::uint8_t, 8>& setup, Bytes& answer) override;
  void halt_cleared(std::uint8_t endpoint) override;
  void bus_reset() override;
  void power(bool on) override;

 private:
  enum class State : std::uint8_t { idle, taking, giving, status, out_of_step, hung };
  struct Entry {
    BotFault fault;
    std::uint64_t matches = 0;
  };
  std::optional<BotFault> fault_for(ByteView cdb);
  bool is(BotFault::Kind kind) const { return fault_ && fault_->kind == kind; }
  Take command(ByteView data);
  void run(ByteView data);
  Packet give(std::size_t length);
  Packet status_packet();
  ScsiTarget::Reply basic(ByteView cdb, ByteView data);
  void forget();

  ScsiTarget& target_;
  mutable std::mutex mutex_;  // of faults and counters, which tests touch; the rest is under the core's lock
  std::list<Entry> faults_;
  Counters counters_;

  State state_ = State::idle;
  bot::CommandBlock block_;
  std::optional<BotFault> fault_;  // of the command under way
  std::uint32_t repeats_left_ = 0;
  Bytes reply_;
  std::uint32_t residue_ = 0;
  bot::Status outcome_ = bot::Status::passed;
  bool status_sent_ = false;
  bool class_reset_ = false, in_cleared_ = false, out_cleared_ = false;  // of the recovery under way
  bot::Sense sense_;
};

}  // namespace taxgate::simulator
