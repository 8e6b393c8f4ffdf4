#pragma once
// What goes wrong with a virtual card, command by command. Deterministic: the same script on the same commands does the
// same thing. Thread: CardFaultScript is guarded by its owner (VpcdCard).
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace taxgate::simulator {

/// How long a pulled card must stay out for pcscd (polling every 400 ms) to be sure to have seen it go.
inline constexpr std::uint32_t kRemovalNoticedMs = 900;

struct CardFault {
  enum class Kind : std::uint8_t {
    delay,            // answers delay_ms late
    hang,             // takes the command, never answers, until it is pulled
    unplug,           // pulled after at_byte bytes in `direction`
    drop,             // runs the command, loses the answer and the link, dials in again by itself
    wrong_signature,  // signs wrongly
    pin_locked,       // the user PIN is locked from here on (durably)
  };
  enum class Direction : std::uint8_t { command, response };  // to the card, from the card
  enum class Counting : std::uint8_t {
    per_command,  // at_byte counts from the length prefix of the matching command or of its response
    per_link,     // everything since the card was plugged: control frames and ATR too. The reader polls the ATR when it
                  // likes, so positions behind the first few bytes differ from run to run
    per_apdus,    // the command (response) APDU frames since the card was plugged, length prefixes included: exact
  };

  Kind kind = Kind::delay;
  std::optional<std::uint8_t> ins = std::nullopt;  // only commands with this instruction; none: every command
  std::uint32_t nth = 1;                           // the nth match from now on, counted from 1
  std::uint32_t count = 1;                         // how many matches in a row; 0: all that follow
  std::uint32_t delay_ms = 0;
  Direction direction = Direction::command;
  Counting counting = Counting::per_command;
  std::uint64_t at_byte = 0;
  std::uint32_t replug_ms = 0;  // unplug: plugged again so much later; 0: stays out
};

std::string_view kind_name(CardFault::Kind kind);  // "delay", "hang", …
std::optional<CardFault::Kind> kind_of(std::string_view name);

class CardFaultScript {
 public:
  void add(CardFault fault) { faults_.push_back({fault, 0}); }
  void clear() { faults_.clear(); }
  bool empty() const { return faults_.empty(); }
  std::size_t size() const { return faults_.size(); }

  /// Whether any fault is bound to commands, so that their instruction must be known before they are taken.
  bool looks_at_commands() const;
  /// The first fault that fires on a command with this instruction. Every fault that matches counts it.
  std::optional<CardFault> on_command(std::uint8_t ins);
  /// Whether the card is pulled inside the frame that starts at these positions of its direction; the fault that does
  /// it is used up. The cut is the number of the frame's bytes that still pass, less than `size`.
  struct Cut {
    std::uint64_t passes;
    CardFault fault;
  };
  struct Position {
    std::uint64_t link = 0, apdus = 0;
  };
  std::optional<Cut> on_frame(CardFault::Direction direction, Position at, std::uint64_t size, bool is_apdu);

 private:
  struct Entry {
    CardFault fault;
    std::uint64_t matches;
  };
  std::list<Entry> faults_;
};

}  // namespace taxgate::simulator
